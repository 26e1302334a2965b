// SPDX-License-Identifier: Apache-2.0
/*
 * tree_move.c - rename and move nodes, put properties in order, lengthen one.
 *
 * As in tree_edit.c: everything is checked and allocated first, then written.
 * A moved subtree keeps its records, images and spans of the blob: what it
 * holds is not looked at. Only its place is cut out of the runs of siblings, by
 * tree_unlink() and tree_relink(). Nothing here recurses.
 */
#include "tree.h"

/* From where it is to before @next, or to the end, of @parent's children. */
void tree_put_at(struct dlpar_tree *t, uint32_t idx, uint32_t parent,
		 uint32_t next)
{
	struct tree_node *n = &t->nodes[idx];

	tree_dirty(t, n->parent);
	tree_dirty(t, parent);
	tree_index_leave(t, idx);
	tree_unlink(t, idx);
	n->parent = parent;
	n->next = next;
	n->prev = next == NIL ? t->nodes[parent].last : t->nodes[next].prev;
	tree_relink(t, idx);
	tree_index_enter(t, idx);
}

/* The image has another name, by which the index is to know the node. */
void tree_named(struct dlpar_tree *t, uint32_t idx)
{
	struct tree_node *n = &t->nodes[idx];
	const uint8_t *name = tree_node_name(n);

	n->name_len = (uint16_t)strlen((const char *)name);
	n->hash = tree_hash_bytes(t->seed, name, n->name_len);
	tree_index_enter(t, idx);
}

static bool is_above(const struct dlpar_tree *t, uint32_t idx, uint32_t below)
{
	while (below != NIL && below != idx)
		below = t->nodes[below].parent;
	return below == idx;
}

/* @next: the record to come before, or NIL. */
static int move(struct dlpar_tree *t, uint32_t idx, uint32_t parent,
		uint32_t next)
{
	const struct tree_node *n = &t->nodes[idx];
	int err = DLPAR_OK;

	if (!idx || is_above(t, idx, parent))
		return DLPAR_ERR_BADARG;
	if (next != NIL && t->nodes[next].parent != parent)
		return DLPAR_ERR_BADARG;
	if (parent != n->parent)
		err = tree_check_child(t, parent, tree_node_name(n),
				       n->name_len);
	if (!err && t->depth)
		err = journal_reserve(t);
	if (err)
		return err;
	journal_node(t, JOURNAL_MOVED, idx);
	tree_put_at(t, idx, parent, next == idx ? n->next : next);
	t->edits++;
	return DLPAR_OK;
}

int dlpar_tree_move(struct dlpar_tree *t, int64_t node, int64_t parent,
		    int64_t next)
{
	uint32_t idx, at, before = NIL;
	int err;

	if (!tree_enter(t))
		return DLPAR_ERR_BUSY;
	idx = tree_resolve(t, node);
	at = tree_resolve(t, parent);
	if (next != DLPAR_TREE_NONE)
		before = tree_resolve(t, next);
	if (idx == NIL || at == NIL ||
	    (before == NIL && next != DLPAR_TREE_NONE))
		err = DLPAR_ERR_STALE;
	else
		err = move(t, idx, at, before);
	tree_leave(t);
	return err;
}

/* A block for a new image of the node, and whatever else its change needs. */
static uint8_t *new_image(struct dlpar_tree *t, uint32_t len, uint32_t *cap,
			  int *err)
{
	uint8_t *block = NULL;

	*err = t->depth ? journal_reserve(t) : DLPAR_OK;
	if (!*err)
		*err = tree_index_reserve(t);
	if (!*err) {
		block = arena_block(&t->arena, len, cap);
		*err = block ? DLPAR_OK : DLPAR_ERR_NOMEM;
	}
	return block;
}

static void use_image(struct dlpar_tree *t, uint32_t idx, uint8_t *img,
		      uint32_t len, uint32_t cap)
{
	struct tree_node *n = &t->nodes[idx];

	t->struct_len += len - n->img_len;
	n->img = img;
	n->img_len = len;
	n->img_cap = cap;
	n->flags |= NODE_OWN;
	n->at.n_dir = NO_DIR;
	tree_dirty(t, idx);
	t->edits++;
}

/* The old image goes to the journal, or is freed. */
static void let_image_go(struct dlpar_tree *t, uint32_t idx)
{
	struct tree_node *n = &t->nodes[idx];

	if (!t->depth && n->flags & NODE_OWN)
		arena_unblock(&t->arena, n->img, n->img_cap);
}

static int rename_check(const struct dlpar_tree *t, uint32_t idx,
			const uint8_t *name, size_t len)
{
	const struct tree_node *n = &t->nodes[idx];
	int err;

	if (!idx)
		return DLPAR_ERR_BADARG;
	err = tree_check_child(t, n->parent, name, len);
	if (!err && tree_head_len((uint32_t)len) + n->img_len >
			    DLPAR_TREE_SIZE_MAX - t->struct_len)
		err = DLPAR_ERR_TOOBIG;
	return err;
}

static bool has_name(const struct tree_node *n, const uint8_t *name, size_t len)
{
	return n->name_len == len && !memcmp(tree_node_name(n), name, len);
}

static int rename_node(struct dlpar_tree *t, uint32_t idx, const uint8_t *name,
		       size_t len)
{
	struct tree_node *n = &t->nodes[idx];
	uint32_t was = tree_head_len(n->name_len), now, props, cap;
	uint8_t *img;
	int err;

	if (idx && has_name(n, name, len))
		return DLPAR_OK;
	err = rename_check(t, idx, name, len);
	if (err)
		return err;
	now = tree_head_len((uint32_t)len);
	props = n->img_len - was;
	img = new_image(t, now + props + tree_dir_room(t, n), &cap, &err);
	if (err)
		return err;
	wire_put32(img, DLPAR_FDT_BEGIN_NODE);
	memset(img + now - 4, 0, 4);
	memcpy(img + 4, name, len);
	memcpy(img + now, n->img + was, props);
	tree_index_leave(t, idx);
	let_image_go(t, idx);
	if (t->depth)
		journal_renamed(t, idx);
	use_image(t, idx, img, now + props, cap);
	tree_named(t, idx);
	tree_dir_make(n, n->img_len);
	return DLPAR_OK;
}

int dlpar_tree_rename(struct dlpar_tree *t, int64_t node, const char *name,
		      size_t len)
{
	uint32_t idx;
	int err = tree_enter_at(t, node, &idx);

	if (err)
		return err;
	err = rename_node(t, idx, (const uint8_t *)name, len);
	tree_leave(t);
	return err;
}

/* The first record of this name, as an offset into the image. */
static int prop_offset(const struct dlpar_tree *t, uint32_t idx,
		       const char *name, size_t len, uint32_t *off)
{
	const struct tree_node *n = &t->nodes[idx];
	uint32_t id;
	const uint8_t *p = NULL;

	if (len <= DLPAR_TREE_NAME_MAX &&
	    tree_name_find(t, (const uint8_t *)name, (uint32_t)len, &id))
		p = tree_prop(t, n, id);
	if (!p)
		return DLPAR_ERR_NOTFOUND;
	*off = (uint32_t)(p - n->img);
	return DLPAR_OK;
}

/* An image with the record at @from standing before what is at @to. */
static int reorder(struct dlpar_tree *t, uint32_t idx, uint32_t from,
		   uint32_t to)
{
	struct tree_node *n = &t->nodes[idx];
	uint32_t len = tree_prop_len(wire_get32(n->img + from + 4));
	uint32_t low = from < to ? from : to, cap;
	uint32_t high = from < to ? to : from + len;
	uint8_t *img;
	int err;

	img = new_image(t, n->img_len + tree_dir_room(t, n), &cap, &err);
	if (err)
		return err;
	memcpy(img, n->img, n->img_len);
	if (from < to) {
		memcpy(img + low, n->img + from + len, high - low - len);
		memcpy(img + high - len, n->img + from, len);
	} else {
		memcpy(img + low, n->img + from, len);
		memcpy(img + low + len, n->img + to, high - low - len);
	}
	let_image_go(t, idx);
	if (t->depth)
		journal_image(t, idx);
	use_image(t, idx, img, n->img_len, cap);
	tree_dir_make(n, n->img_len);
	tree_index_phandle(t, idx, tree_phandle_value(t, n));
	TREE_CELLS_CHANGED(t, idx);
	return DLPAR_OK;
}

int dlpar_tree_order(struct dlpar_tree *t, int64_t node, const char *name,
		     size_t len, const char *next, size_t next_len)
{
	uint32_t idx, from = 0, to;
	int err = tree_enter_at(t, node, &idx);

	if (err)
		return err;
	err = prop_offset(t, idx, name, len, &from);
	if (!err) {
		to = t->nodes[idx].img_len;
		if (next)
			err = prop_offset(t, idx, next, next_len, &to);
	}
	if (!err && from != to)
		err = reorder(t, idx, from, to);
	tree_leave(t);
	return err;
}

static int append(struct dlpar_tree *t, uint32_t idx, const char *name,
		  size_t len, const uint8_t *value, size_t value_len)
{
	uint32_t off, was, cap;
	uint8_t *both;
	int err = prop_offset(t, idx, name, len, &off);

	if (err)
		return tree_set(t, idx, name, len, value, value_len);
	was = wire_get32(t->nodes[idx].img + off + 4);
	if (value_len > DLPAR_TREE_SIZE_MAX / 2 - was)
		return DLPAR_ERR_TOOBIG;
	both = arena_block(&t->arena, was + (uint32_t)value_len, &cap);
	if (!both)
		return DLPAR_ERR_NOMEM;
	memcpy(both, t->nodes[idx].img + off + 12, was);
	if (value_len)
		memcpy(both + was, value, value_len);
	err = tree_set(t, idx, name, len, both, was + value_len);
	arena_unblock(&t->arena, both, cap);
	return err;
}

int dlpar_tree_append(struct dlpar_tree *t, int64_t node, const char *name,
		      size_t len, const uint8_t *value, size_t value_len)
{
	uint32_t idx;
	int err = tree_enter_at(t, node, &idx);

	if (err)
		return err;
	err = append(t, idx, name, len, value, value_len);
	tree_leave(t);
	return err;
}
