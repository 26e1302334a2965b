// SPDX-License-Identifier: Apache-2.0
/*
 * tree_patch_props.c - the records of a difference that are about properties.
 *
 * They work on a copy of the node's properties, which replaces its image when
 * the next record is about something else: the node is changed once.
 */
#include "diff.h"

/* Take the node's properties out to be worked on. */
int patch_open_props(struct patch *p)
{
	const struct tree_node *n = &p->t->nodes[p->cur];
	uint32_t head = tree_head_len(n->name_len);
	int err;

	if (p->open)
		return DLPAR_OK;
	p->len = n->img_len - head;
	err = diff_room(&p->t->arena, &p->props, p->len);
	if (err)
		return err;
	if (p->len)
		memcpy(p->props.p, n->img + head, p->len);
	p->open = true;
	return DLPAR_OK;
}

int patch_close_props(struct patch *p)
{
	if (!p->open)
		return DLPAR_OK;
	p->open = false;
	return tree_set_props(p->t, p->cur, p->props.p, p->len);
}

/* The record of the property that a key names, or NULL. */
static uint8_t *find_prop(const struct patch *p, const struct diff_key *k)
{
	uint8_t *at = p->props.p, *end = at + p->len;
	uint32_t left = k->nth ? k->nth : 1, id;

	if (k->len > DLPAR_TREE_NAME_MAX ||
	    !tree_name_find(p->t, k->name, k->len, &id))
		return NULL;
	for (; at < end; at += tree_prop_len(wire_get32(at + 4)))
		if (wire_get32(at + 8) == id && --left == 0)
			return at;
	return NULL;
}

/* The offset behind a property. */
static int find_gap(const struct patch *p, const struct place *place,
		    uint32_t *off)
{
	const uint8_t *after;

	*off = place->last ? p->len : 0;
	if (place->first || place->last)
		return DLPAR_OK;
	after = find_prop(p, &place->key);
	if (!after)
		return DLPAR_ERR_CONFLICT;
	*off = (uint32_t)(after - (uint8_t *)p->props.p) +
	       tree_prop_len(wire_get32(after + 4));
	return DLPAR_OK;
}

/* Replace @was bytes at @off by room for @now. */
static int splice(struct patch *p, uint32_t off, uint32_t was, uint32_t now)
{
	uint8_t *at;
	int err;

	if (now > DLPAR_TREE_SIZE_MAX - p->len)
		return DLPAR_ERR_TOOBIG;
	err = diff_room(&p->t->arena, &p->props, (size_t)p->len + now);
	if (err)
		return err;
	at = (uint8_t *)p->props.p + off;
	memmove(at + now, at + was, p->len - off - was);
	p->len += now - was;
	return DLPAR_OK;
}

static int put_value(struct patch *p, uint32_t off, uint32_t was, uint32_t id)
{
	const struct diff_record *r = &p->r;
	int err = r->new_len > DLPAR_TREE_SIZE_MAX / 2 ? DLPAR_ERR_TOOBIG :
		splice(p, off, was, tree_prop_len(r->new_len));

	if (!err)
		tree_put_prop((uint8_t *)p->props.p + off, id, r->new,
			      r->new_len);
	return err;
}

int patch_add_prop(struct patch *p)
{
	const struct diff_record *r = &p->r;
	struct place place;
	uint32_t off;
	int err = patch_place(&place, r->old, r->old_len);

	if (!err && !r->key.nth && find_prop(p, &r->key))
		err = DLPAR_ERR_EXISTS;
	if (!err)
		err = find_gap(p, &place, &off);
	if (!err)
		err = tree_name_reserve(p->t, 1, r->key.len + 1);
	if (err)
		return err;
	return put_value(p, off, 0,
			 tree_name_intern(p->t, r->key.name, r->key.len));
}

/* The property is there with the value that the record says. */
static int check_prop(const struct patch *p, uint32_t *off)
{
	const struct diff_record *r = &p->r;
	const uint8_t *at = find_prop(p, &r->key);

	if (!at)
		return DLPAR_ERR_NOTFOUND;
	if (wire_get32(at + 4) != r->old_len ||
	    (r->old_len && memcmp(at + 12, r->old, r->old_len)))
		return DLPAR_ERR_CONFLICT;
	*off = (uint32_t)(at - (uint8_t *)p->props.p);
	return DLPAR_OK;
}

int patch_remove_prop(struct patch *p)
{
	struct place place;
	uint32_t off;
	int err = check_prop(p, &off);

	if (!err)
		err = patch_place(&place, p->r.new, p->r.new_len);
	return err ? err : splice(p, off, tree_prop_len(p->r.old_len), 0);
}

int patch_set_prop(struct patch *p)
{
	uint32_t off;
	int err = check_prop(p, &off);

	return err ? err : put_value(p, off, tree_prop_len(p->r.old_len),
				     wire_get32((uint8_t *)p->props.p + off + 8));
}

/* First a copy at the new place, then away with the old one. */
int patch_move_prop(struct patch *p)
{
	const struct diff_record *r = &p->r;
	uint8_t *at = find_prop(p, &r->key);
	struct place was, is;
	uint32_t from, to, len;
	int err = patch_place(&was, r->old, r->old_len);

	if (!err)
		err = patch_place(&is, r->new, r->new_len);
	if (!err && !at)
		err = DLPAR_ERR_NOTFOUND;
	if (!err)
		err = find_gap(p, &is, &to);
	if (err)
		return err;
	from = (uint32_t)(at - (uint8_t *)p->props.p);
	len = tree_prop_len(wire_get32(at + 4));
	if (to >= from && to - from <= len)
		return DLPAR_OK;
	err = splice(p, to, 0, len);
	if (err)
		return err;
	from += to < from ? len : 0;
	at = p->props.p;
	memcpy(at + to, at + from, len);
	return splice(p, from, len, 0);
}
