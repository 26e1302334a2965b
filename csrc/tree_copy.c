// SPDX-License-Identifier: Apache-2.0
/*
 * tree_copy.c - subtrees from one tree to another, and trees whole.
 *
 * A subtree goes node by node: the image is copied and its name numbers are
 * translated. A graft is a savepoint of its own, so it is all or nothing. A
 * whole tree is written out and read again; the copy then knows for each of its
 * records which one it was.
 */
#include "tree.h"

static int measure_names(const struct dlpar_tree *src,
			 const struct tree_node *s, uint32_t *n,
			 uint32_t *bytes)
{
	const uint8_t *p = s->img + tree_head_len(s->name_len);
	const uint8_t *end = s->img + s->img_len;
	uint64_t all = 0;

	*n = 0;
	for (; p < end; p += tree_prop_len(wire_get32(p + 4))) {
		*n += 1;
		all += strlen((char *)src->strings + wire_get32(p + 8)) + 1;
	}
	*bytes = (uint32_t)all;
	return all > DLPAR_TREE_SIZE_MAX ? DLPAR_ERR_TOOBIG : DLPAR_OK;
}

/* A node and its properties, without what is below it. */
int tree_copy_node(struct dlpar_tree *dst, uint32_t parent,
		   const struct dlpar_tree *src, uint32_t node, uint32_t flags,
		   uint32_t *idx)
{
	const struct tree_node *s = &src->nodes[node];
	uint32_t head = tree_head_len(s->name_len), n, bytes;
	uint32_t len = s->img_len - head;
	uint8_t *p, *end;
	int err;

	err = measure_names(src, s, &n, &bytes);
	if (!err)
		err = tree_name_reserve(dst, n, bytes);
	if (!err)
		err = tree_blank(dst, tree_node_name(s), s->name_len, len, idx);
	if (err)
		return err;
	p = dst->nodes[*idx].img + head;
	end = p + len;
	memcpy(p, s->img + head, len);
	for (; p < end; p += tree_prop_len(wire_get32(p + 4))) {
		const uint8_t *name = src->strings + wire_get32(p + 8);
		uint32_t name_len = (uint32_t)strlen((const char *)name);

		wire_put32(p + 8, tree_name_intern(dst, name, name_len));
	}
	tree_place(dst, parent, *idx, len, flags);
	return DLPAR_OK;
}

/* Copy @top of @src, with its subtree, to be the last child of @parent. */
int tree_copy_subtree(struct dlpar_tree *dst, uint32_t parent,
		      const struct dlpar_tree *src, uint32_t top,
		      uint32_t *copy)
{
	uint32_t i = top, idx;
	int err = tree_copy_node(dst, parent, src, top, 0, copy);

	for (idx = *copy; !err; ) {
		if (src->nodes[i].first != NIL) {
			i = src->nodes[i].first;
			parent = idx;
		} else {
			while (i != top && src->nodes[i].next == NIL) {
				i = src->nodes[i].parent;
				parent = dst->nodes[parent].parent;
			}
			if (i == top)
				break;
			i = src->nodes[i].next;
		}
		err = tree_copy_node(dst, parent, src, i, 0, &idx);
	}
	return err;
}

static int graft(struct dlpar_tree *t, uint32_t parent,
		 const struct dlpar_tree *src, uint32_t *first)
{
	const struct tree_node *root = &src->nodes[0];
	uint32_t i, copy = NIL;
	int err;

	if (root->first == NIL || root->img_len != tree_head_len(0))
		return DLPAR_ERR_BADVALUE;
	err = journal_begin(t);
	if (err)
		return err;
	for (i = root->first; i != NIL && !err; i = src->nodes[i].next) {
		err = tree_check_child(t, parent, tree_node_name(&src->nodes[i]),
				       src->nodes[i].name_len);
		if (!err)
			err = tree_copy_subtree(t, parent, src, i, &copy);
		if (i == root->first)
			*first = copy;
	}
	if (err)
		journal_rollback(t);
	else
		journal_commit(t);
	return err;
}

int64_t dlpar_tree_graft_tree(struct dlpar_tree *t, int64_t parent,
			      const struct dlpar_tree *fragment)
{
	uint32_t at, first = NIL;
	int64_t ret;

	if (t == fragment)
		return DLPAR_ERR_BADARG;
	if (!tree_enter_from(t, fragment))
		return DLPAR_ERR_BUSY;
	at = tree_resolve(t, parent);
	ret = at == NIL ? DLPAR_ERR_STALE : graft(t, at, fragment, &first);
	if (!ret)
		ret = tree_handle(t, first);
	tree_leave_from(t, fragment);
	return ret;
}

int64_t dlpar_tree_graft(struct dlpar_tree *t, size_t *err_off, int64_t parent,
			 const uint8_t *fragment, size_t len)
{
	struct dlpar_tree *src;
	int64_t ret = dlpar_tree_parse(&src, err_off, fragment, len, t->seed,
				       t->arena.limit, DLPAR_TREE_BORROW);

	if (ret)
		return ret;
	ret = dlpar_tree_graft_tree(t, parent, src);
	dlpar_tree_free(src);
	return ret;
}

int tree_extract(const struct dlpar_tree *t, struct dlpar_tree **fragment,
		 uint32_t at, uint64_t seed)
{
	struct dlpar_tree *out;
	uint32_t copy;
	int err;

	if (at == NIL)
		return DLPAR_ERR_STALE;
	if (!at)
		return DLPAR_ERR_BADARG;
	err = dlpar_tree_new(&out, seed, t->arena.limit);
	if (err)
		return err;
	err = tree_copy_subtree(out, 0, t, at, &copy);
	if (err)
		dlpar_tree_free(out);
	else
		*fragment = out;
	return err;
}

int dlpar_tree_extract(const struct dlpar_tree *t,
		       struct dlpar_tree **fragment, int64_t node,
		       uint64_t seed)
{
	int err;

	*fragment = NULL;
	if (!tree_enter_read(t))
		return DLPAR_ERR_BUSY;
	err = tree_extract(t, fragment, tree_resolve(t, node), seed);
	tree_leave_read(t);
	return err;
}

static int reparse(const struct dlpar_tree *t, struct dlpar_tree **copy,
		   uint64_t seed)
{
	struct tree_arena arena = { .limit = t->arena.limit };
	int64_t size = tree_flat_size(t);
	uint8_t *blob;
	int err;

	if (size < 0)
		return (int)size;
	blob = arena_resize(&arena, NULL, 0, (size_t)size);
	if (!blob)
		return DLPAR_ERR_NOMEM;
	tree_flatten(t, blob, (size_t)size);
	err = dlpar_tree_parse(copy, NULL, blob, (size_t)size, seed,
			       t->arena.limit, 0);
	arena_release(&arena, blob, (size_t)size);
	return err;
}

/* Forget what older copies know, and that anything has changed since. */
static void new_lineage(struct dlpar_tree *t, uint64_t seed)
{
	uint32_t i;

	arena_release(&t->arena, t->origin, t->n_origin * sizeof(*t->origin));
	t->origin = NULL;
	t->n_origin = 0;
	t->lineage = wire_mix(seed ^ (uintptr_t)t, t->edits + 1) | 1;
	for (i = 0; i < t->n_nodes; i++)
		t->nodes[i].flags &= (uint16_t)~NODE_CHANGED;
}

/* The records of @copy are those of @t in tree order: note which is which. */
static int relate(struct dlpar_tree *t, struct dlpar_tree *copy, uint64_t seed)
{
	uint32_t i, k = 0;

	copy->origin = arena_resize(&copy->arena, NULL, 0,
				    t->live * sizeof(*copy->origin));
	if (!copy->origin)
		return DLPAR_ERR_NOMEM;
	copy->n_origin = t->live;
	if (!t->lineage || t->nodes[0].flags & NODE_CHANGED)
		new_lineage(t, seed);
	for (i = 0; i != NIL; i = tree_after(t, 0, i))
		copy->origin[k++] = t->origin ? t->origin[i] : i;
	copy->lineage = t->lineage;
	return DLPAR_OK;
}

/* An open transaction may yet restore what the copy does not know of. */
int dlpar_tree_copy(struct dlpar_tree *t, struct dlpar_tree **copy,
		    uint64_t seed)
{
	int err;

	*copy = NULL;
	if (!tree_enter(t))
		return DLPAR_ERR_BUSY;
	err = reparse(t, copy, seed);
	if (!err && !t->depth)
		err = relate(t, *copy, seed);
	tree_leave(t);
	if (err) {
		dlpar_tree_free(*copy);
		*copy = NULL;
	}
	return err;
}
