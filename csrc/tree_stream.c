// SPDX-License-Identifier: Apache-2.0
/*
 * tree_stream.c - property streams: properties as callers give them.
 *
 * A stream is read twice. The first time checks it, makes its names part of
 * the tree and adds up what its image takes; the second time writes, and cannot
 * fail. A name that stands twice is known by a mark at the name, so a stream of
 * any length takes linear time. It comes from anywhere: no length in it is
 * believed before it is compared with what remains.
 */
#include "tree.h"

static int plan_prop(struct dlpar_tree *t, struct prop_plan *plan,
		     const struct prop_stream *s)
{
	uint32_t id;
	int err;

	if (s->name_len > DLPAR_TREE_NAME_MAX)
		return DLPAR_ERR_BADARG;
	err = tree_name_once(t, s->name, s->name_len, &id);
	if (err)
		return err;
	if (plan->n < STREAM_KEPT)
		plan->ids[plan->n] = id;
	plan->n++;
	plan->image_len += tree_prop_len(s->value_len);
	plan->phandle |= tree_names_phandle(t, id);
	return DLPAR_OK;
}

/* Read a stream for the first time; stream_forget() takes back what it made. */
int stream_plan(struct dlpar_tree *t, struct prop_plan *plan,
		const uint8_t *props, size_t len)
{
	struct prop_stream s = prop_stream(props, len);
	int more, err = DLPAR_OK;

	plan->props = props;
	plan->len = len;
	plan->n = plan->image_len = 0;
	plan->phandle = false;
	plan->strings_len = t->strings_len;
	plan->n_names = t->n_names;
	if (len > DLPAR_TREE_SIZE_MAX / 4)
		return DLPAR_ERR_TOOBIG;
	tree_name_stream(t);
	while (!err && (more = stream_next(&s)))
		err = more < 0 ? more : plan_prop(t, plan, &s);
	if (err)
		stream_forget(t, plan);
	return err;
}

/* The names that the plan made leave the tree. */
void stream_forget(struct dlpar_tree *t, const struct prop_plan *plan)
{
	tree_name_forget(t, plan->strings_len, plan->n_names);
}

/*
 * The image of a planned stream; records at @out stand @off bytes into that of
 * their node. Entries for them go before @dir_end, unless that is NULL.
 */
void stream_encode(struct dlpar_tree *t, const struct prop_plan *plan,
		   uint8_t *out, uint32_t *dir_end, uint32_t off)
{
	struct prop_stream s = prop_stream(plan->props, plan->len);
	uint32_t i, id, len;

	for (i = 0; stream_next(&s) > 0; i++) {
		id = i < STREAM_KEPT ? plan->ids[i] :
				       tree_name_intern(t, s.name, s.name_len);
		tree_put_prop(out, id, s.value, s.value_len);
		if (dir_end)
			*--dir_end = tree_dir_entry(off, id);
		len = tree_prop_len(s.value_len);
		out += len;
		off += len;
	}
}
