// SPDX-License-Identifier: Apache-2.0
/*
 * tree_props.c - set and remove properties.
 *
 * Each edit first checks and allocates everything it needs, then writes; after
 * an error nothing has changed. A value of unchanged size is written in place,
 * which leaves the blob's spans usable; any other edit gives the node an image
 * of its own, whose directory follows each change.
 */
#include "tree.h"

#define EXPECT_MAX 1024u

/*
 * The image will be copied, for the last edit was one that did so: it is loaded
 * while the property is looked for in the directory.
 */
static void expect_copy(const struct tree_node *n)
{
	uint32_t len = n->img_len < EXPECT_MAX ? n->img_len : EXPECT_MAX, i;

	if (n->flags & (NODE_OWN | NODE_SCAN))
		return;
	for (i = 0; i < len; i += CACHE_LINE)
		wire_touch(n->img + i);
}

/* A block for the node's image with room to grow, the more so the second time. */
static uint8_t *new_block(struct dlpar_tree *t, const struct tree_node *n,
			  uint32_t need, uint32_t *cap)
{
	uint32_t slack = n->flags & NODE_OWN ? need / 2 : need / 4;

	return arena_block(&t->arena, tree_align(need + slack), cap);
}

/* A new block for the node's image, in which @keep bytes are not directory. */
static int new_image(struct dlpar_tree *t, uint32_t idx, uint32_t keep,
		     uint32_t need)
{
	struct tree_node *n = &t->nodes[idx];
	bool note = !journal_covers(t, n);
	uint32_t cap, n_dir;
	uint8_t *block;

	if (note && journal_reserve(t))
		return DLPAR_ERR_NOMEM;
	block = new_block(t, n, need, &cap);
	if (!block)
		return DLPAR_ERR_NOMEM;
	memcpy(block, n->img, n->img_len);
	n_dir = tree_dir_copy(t, n, block, cap);
	if (note)
		journal_image(t, idx);
	else if (n->flags & NODE_OWN)
		arena_unblock(&t->arena, n->img, n->img_cap);
	n->img = block;
	n->img_cap = cap;
	n->flags |= NODE_OWN;
	n->at.n_dir = n_dir;
	if (n_dir == NO_DIR)
		tree_dir_make(n, keep);
	tree_dirty(t, idx);
	return DLPAR_OK;
}

/* Give the node an image of its own with room for @len bytes and an entry. */
static inline int own_image(struct dlpar_tree *t, uint32_t idx, uint32_t len)
{
	const struct tree_node *n = &t->nodes[idx];
	uint32_t keep = (len > n->img_len ? len : n->img_len) + 4;
	uint32_t need = keep + tree_dir_room(t, n);

	if (n->flags & NODE_OWN && need <= n->img_cap && journal_covers(t, n))
		return DLPAR_OK;
	return new_image(t, idx, keep, need);
}

int tree_grow_check(const struct dlpar_tree *t, uint64_t more)
{
	return more > DLPAR_TREE_SIZE_MAX - t->struct_len ? DLPAR_ERR_TOOBIG :
							    DLPAR_OK;
}

/* An edit of a property that may be the phandle can need a place in a table. */
static int reserve_phandle(struct dlpar_tree *t, uint32_t name)
{
	return tree_names_phandle(t, name) ? tree_index_reserve(t) : DLPAR_OK;
}

static void refresh_phandle(struct dlpar_tree *t, uint32_t idx, uint32_t name)
{
	if (tree_names_phandle(t, name))
		tree_index_phandle(t, idx,
				   tree_phandle_value(t, &t->nodes[idx]));
}

static int overwrite(struct dlpar_tree *t, uint32_t idx, uint8_t *p,
		     const uint8_t *value, uint32_t len)
{
	uint32_t off = (uint32_t)(p + 12 - t->nodes[idx].img);
	uint32_t name = wire_get32(p + 8);
	int err = DLPAR_OK;

	if (t->borrowed && !(t->nodes[idx].flags & NODE_OWN))
		err = tree_blob_own(t);
	if (!err)
		err = journal_bytes(t, idx, off, len);
	if (!err)
		err = reserve_phandle(t, name);
	if (err)
		return err;
	if (len)
		memcpy(t->nodes[idx].img + off, value, len);
	refresh_phandle(t, idx, name);
	return DLPAR_OK;
}

/* Replace the record at @p by one of another size. */
static int resize(struct dlpar_tree *t, uint32_t idx, uint8_t *p,
		  const uint8_t *value, uint32_t len)
{
	struct tree_node *n = &t->nodes[idx];
	uint32_t off = (uint32_t)(p - n->img), name = wire_get32(p + 8);
	uint32_t was = tree_prop_len(wire_get32(p + 4));
	uint32_t now = tree_prop_len(len), tail = n->img_len - off - was;
	int err = now > was ? tree_grow_check(t, now - was) : DLPAR_OK;

	if (!err)
		err = reserve_phandle(t, name);
	if (!err)
		err = own_image(t, idx, n->img_len - was + now);
	if (err)
		return err;
	p = n->img + off;
	if (was != now)
		memmove(p + now, p + was, tail);
	tree_put_prop(p, name, value, len);
	n->img_len += now - was;
	t->struct_len += now - was;
	tree_dir_shift(n, off, was, now);
	refresh_phandle(t, idx, name);
	return DLPAR_OK;
}

/* A new last record, its name being the tree's. */
static int append(struct dlpar_tree *t, uint32_t idx, uint32_t name,
		  const uint8_t *value, uint32_t len)
{
	struct tree_node *n = &t->nodes[idx];
	uint32_t more = tree_prop_len(len), off = n->img_len;
	int err = tree_grow_check(t, more);

	if (!err)
		err = reserve_phandle(t, name);
	if (!err)
		err = own_image(t, idx, off + more);
	if (err)
		return err;
	tree_put_prop(n->img + off, name, value, len);
	n->img_len += more;
	t->struct_len += more;
	tree_dir_append(n, off, name);
	refresh_phandle(t, idx, name);
	return DLPAR_OK;
}

/* The same with a name that the tree does not have yet. */
static int append_named(struct dlpar_tree *t, uint32_t idx, const uint8_t *name,
			uint32_t len, const uint8_t *value, uint32_t value_len)
{
	uint32_t strings_len = t->strings_len, n_names = t->n_names;
	struct tree_name *s;
	int err = tree_name_new(t, &s, name, len);

	if (err)
		return err;
	s->seen = t->stream;
	err = append(t, idx, s->ref - 1, value, value_len);
	if (err)
		tree_name_forget(t, strings_len, n_names);
	return err;
}

static int set_named(struct dlpar_tree *t, uint32_t idx, const uint8_t *name,
		     uint32_t len, const uint8_t *value, uint32_t value_len)
{
	struct tree_name *s;
	uint8_t *p = NULL;
	uint32_t id;

	if (idx != t->fresh) {
		tree_prop_expect(t, &t->nodes[idx]);
		if (t->resized)
			expect_copy(&t->nodes[idx]);
	}
	s = tree_name_follow(t, name, len);
	if (!s)
		return append_named(t, idx, name, len, value, value_len);
	id = s->ref - 1;
	if (!tree_name_unseen(t, idx, s))
		p = tree_prop(t, &t->nodes[idx], id);
	if (!p)
		return append(t, idx, id, value, value_len);
	t->resized = wire_get32(p + 4) != value_len;
	if (!t->resized)
		return overwrite(t, idx, p, value, value_len);
	return resize(t, idx, p, value, value_len);
}

int tree_set(struct dlpar_tree *t, uint32_t idx, const char *name, size_t len,
	     const uint8_t *value, size_t value_len)
{
	int err;

	if (!len || len > DLPAR_TREE_NAME_MAX)
		return DLPAR_ERR_BADARG;
	if (value_len > DLPAR_TREE_SIZE_MAX / 2)
		return DLPAR_ERR_TOOBIG;
	err = set_named(t, idx, (const uint8_t *)name, (uint32_t)len, value,
			(uint32_t)value_len);
	if (err)
		return err;
	t->edits++;
	tree_changed(t, idx);
	TREE_CELLS_CHANGED(t, idx);
	return DLPAR_OK;
}

int tree_unset(struct dlpar_tree *t, uint32_t idx, const char *name, size_t len)
{
	struct tree_node *n = &t->nodes[idx];
	uint32_t off, was, id = 0;
	uint8_t *p = NULL;
	int err;

	if (len <= DLPAR_TREE_NAME_MAX &&
	    tree_name_find(t, (const uint8_t *)name, (uint32_t)len, &id))
		p = tree_prop(t, n, id);
	if (!p)
		return DLPAR_ERR_NOTFOUND;
	off = (uint32_t)(p - n->img);
	was = tree_prop_len(wire_get32(p + 4));
	err = reserve_phandle(t, id);
	if (!err)
		err = own_image(t, idx, n->img_len);
	if (err)
		return err;
	memmove(n->img + off, n->img + off + was, n->img_len - off - was);
	n->img_len -= was;
	t->struct_len -= was;
	tree_dir_remove(n, off, was);
	t->edits++;
	tree_changed(t, idx);
	TREE_CELLS_CHANGED(t, idx);
	refresh_phandle(t, idx, id);
	return DLPAR_OK;
}

/* Replace all PROP records of a node by @len bytes of others. */
int tree_set_props(struct dlpar_tree *t, uint32_t idx, const uint8_t *props,
		   uint32_t len)
{
	struct tree_node *n = &t->nodes[idx];
	uint32_t head = tree_head_len(n->name_len), was = n->img_len - head;
	int err = len > was ? tree_grow_check(t, len - was) : DLPAR_OK;

	if (!err)
		err = tree_index_reserve(t);
	if (!err)
		err = own_image(t, idx, head + len);
	if (err)
		return err;
	if (len)
		memcpy(n->img + head, props, len);
	t->fresh = NIL;
	n->img_len = head + len;
	t->struct_len += len - was;
	tree_dir_make(n, n->img_len);
	t->edits++;
	tree_changed(t, idx);
	TREE_CELLS_CHANGED(t, idx);
	tree_index_phandle(t, idx, tree_phandle_value(t, n));
	return DLPAR_OK;
}

int dlpar_tree_set(struct dlpar_tree *t, int64_t node, const char *name,
		   size_t len, const uint8_t *value, size_t value_len)
{
	uint32_t idx;
	int err = tree_enter_at(t, node, &idx);

	if (err)
		return err;
	err = tree_set(t, idx, name, len, value, value_len);
	tree_leave(t);
	return err;
}

int dlpar_tree_unset(struct dlpar_tree *t, int64_t node, const char *name,
		     size_t len)
{
	uint32_t idx;
	int err = tree_enter_at(t, node, &idx);

	if (err)
		return err;
	err = tree_unset(t, idx, name, len);
	tree_leave(t);
	return err;
}
