// SPDX-License-Identifier: Apache-2.0
/*
 * tree_edit.c - set and remove properties, add and remove nodes.
 *
 * Each edit first checks and allocates everything it needs, then writes; after
 * an error nothing has changed. A value of unchanged size is written in place,
 * which leaves the blob's spans usable; any other edit gives the node an image
 * of its own. Nothing here recurses.
 */
#include "tree.h"

static bool name_ok(const uint8_t *name, size_t len)
{
	return len && len <= DLPAR_TREE_NAME_MAX && !memchr(name, 0, len);
}

/* The next record: 1, 0 at the end, or an error. */
int stream_next(struct prop_stream *s)
{
	if (!wire_left(&s->c))
		return 0;
	s->name_len = wire_take32(&s->c);
	s->value_len = wire_take32(&s->c);
	s->name = wire_take(&s->c, s->name_len);
	s->value = wire_take(&s->c, s->value_len);
	if (s->c.err)
		return s->c.err;
	return name_ok(s->name, s->name_len) ? 1 : DLPAR_ERR_BADARG;
}

/* Check a stream: how many records, their names with NULs, their image. */
int stream_measure(const uint8_t *props, size_t len, uint32_t *n,
		   uint32_t *names_len, uint32_t *image_len)
{
	struct prop_stream s = { .c = wire_cursor(props, len) };
	int more;

	*n = *names_len = *image_len = 0;
	if (len > DLPAR_TREE_SIZE_MAX / 4)
		return DLPAR_ERR_TOOBIG;
	while ((more = stream_next(&s)) > 0) {
		*n += 1;
		*names_len += s.name_len + 1;
		*image_len += tree_prop_len(s.value_len);
	}
	return more;
}

static bool has_prop(const uint8_t *img, const uint8_t *end, uint32_t name)
{
	for (; img < end; img += tree_prop_len(wire_get32(img + 4)))
		if (wire_get32(img + 8) == name)
			return true;
	return false;
}

void tree_put_prop(uint8_t *p, uint32_t name, const uint8_t *value,
		   uint32_t len)
{
	wire_put32(p, DLPAR_FDT_PROP);
	wire_put32(p + 4, len);
	wire_put32(p + 8, name);
	if (tree_align(len) != len)
		memset(p + 12 + (len & ~3u), 0, 4);
	if (len)
		memcpy(p + 12, value, len);
}

/*
 * The image of a measured stream; names were reserved. The names made before a
 * duplicate was met stay: callers take them back.
 */
int stream_encode(struct dlpar_tree *t, uint8_t *out, const uint8_t *props,
		  size_t len, uint32_t *image_len)
{
	struct prop_stream s = { .c = wire_cursor(props, len) };
	uint8_t *w = out;
	uint32_t id;

	while (stream_next(&s) > 0) {
		id = tree_name_intern(t, s.name, s.name_len);
		if (has_prop(out, w, id))
			return DLPAR_ERR_EXISTS;
		tree_put_prop(w, id, s.value, s.value_len);
		w += tree_prop_len(s.value_len);
	}
	*image_len = (uint32_t)(w - out);
	return DLPAR_OK;
}

/* Give the node an image of its own with room for @need bytes. */
static int own_image(struct dlpar_tree *t, uint32_t idx, uint32_t need)
{
	struct tree_node *n = &t->nodes[idx];
	bool note = !journal_covers(t, n);
	uint8_t *block;
	uint32_t cap;

	if (n->flags & NODE_OWN && need <= n->img_cap && !note)
		return DLPAR_OK;
	if (need < n->img_len)
		need = n->img_len;
	if (note && journal_reserve(t))
		return DLPAR_ERR_NOMEM;
	block = arena_block(&t->arena, need + need / 4, &cap);
	if (!block)
		return DLPAR_ERR_NOMEM;
	memcpy(block, n->img, n->img_len);
	tree_dir_drop(t, n);
	if (note)
		journal_image(t, idx);
	else if (n->flags & NODE_OWN)
		arena_unblock(&t->arena, n->img, n->img_cap);
	n->img = block;
	n->img_cap = cap;
	n->flags |= NODE_OWN;
	n->at.dir = NULL;
	tree_dirty(t, idx);
	return DLPAR_OK;
}

static int grow_check(const struct dlpar_tree *t, uint64_t more)
{
	return more > DLPAR_TREE_SIZE_MAX - t->struct_len ? DLPAR_ERR_TOOBIG :
							    DLPAR_OK;
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
	int err = journal_bytes(t, idx, off, len);

	if (!err && tree_names_phandle(t, wire_get32(p + 8)))
		err = tree_index_reserve(t);
	if (err)
		return err;
	if (len)
		memcpy(p + 12, value, len);
	refresh_phandle(t, idx, wire_get32(p + 8));
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
	int err = now > was ? grow_check(t, now - was) : DLPAR_OK;

	if (!err)
		err = tree_index_reserve(t);
	if (!err)
		err = own_image(t, idx, n->img_len - was + now);
	if (err)
		return err;
	tree_dir_drop(t, n);
	p = n->img + off;
	memmove(p + now, p + was, tail);
	tree_put_prop(p, name, value, len);
	n->img_len += now - was;
	t->struct_len += now - was;
	refresh_phandle(t, idx, name);
	return DLPAR_OK;
}

static int append(struct dlpar_tree *t, uint32_t idx, const uint8_t *name,
		  uint32_t name_len, const uint8_t *value, uint32_t len)
{
	struct tree_node *n = &t->nodes[idx];
	uint32_t more = tree_prop_len(len);
	uint32_t id;
	int err = grow_check(t, more);

	if (!err)
		err = tree_name_reserve(t, 1, name_len + 1);
	if (!err)
		err = tree_index_reserve(t);
	if (!err)
		err = own_image(t, idx, n->img_len + more);
	if (err)
		return err;
	tree_dir_drop(t, n);
	id = tree_name_intern(t, name, name_len);
	tree_put_prop(n->img + n->img_len, id, value, len);
	n->img_len += more;
	t->struct_len += more;
	refresh_phandle(t, idx, id);
	return DLPAR_OK;
}

int tree_set(struct dlpar_tree *t, uint32_t idx, const char *name, size_t len,
	     const uint8_t *value, size_t value_len)
{
	const uint8_t *s = (const uint8_t *)name;
	uint32_t id = 0;
	uint8_t *p = NULL;
	int err;

	if (!name_ok(s, len))
		return DLPAR_ERR_BADARG;
	if (value_len > DLPAR_TREE_SIZE_MAX / 2)
		return DLPAR_ERR_TOOBIG;
	if (tree_name_find(t, s, (uint32_t)len, &id))
		p = tree_prop(t, &t->nodes[idx], id);
	if (!p)
		err = append(t, idx, s, (uint32_t)len, value,
			     (uint32_t)value_len);
	else if (wire_get32(p + 4) == value_len)
		err = overwrite(t, idx, p, value, (uint32_t)value_len);
	else
		err = resize(t, idx, p, value, (uint32_t)value_len);
	if (err)
		return err;
	t->edits++;
	tree_changed(t, idx);
	return DLPAR_OK;
}

int tree_unset(struct dlpar_tree *t, uint32_t idx, const char *name, size_t len)
{
	struct tree_node *n = &t->nodes[idx];
	uint32_t off, was;
	uint32_t id = 0;
	uint8_t *p = NULL;
	int err;

	if (len <= DLPAR_TREE_NAME_MAX &&
	    tree_name_find(t, (const uint8_t *)name, (uint32_t)len, &id))
		p = tree_prop(t, n, id);
	if (!p)
		return DLPAR_ERR_NOTFOUND;
	off = (uint32_t)(p - n->img);
	was = tree_prop_len(wire_get32(p + 4));
	err = tree_index_reserve(t);
	if (!err)
		err = own_image(t, idx, n->img_len);
	if (err)
		return err;
	tree_dir_drop(t, n);
	memmove(n->img + off, n->img + off + was, n->img_len - off - was);
	n->img_len -= was;
	t->struct_len -= was;
	t->edits++;
	tree_changed(t, idx);
	refresh_phandle(t, idx, id);
	return DLPAR_OK;
}

/* Replace all PROP records of a node by @len bytes of others. */
int tree_set_props(struct dlpar_tree *t, uint32_t idx, const uint8_t *props,
		   uint32_t len)
{
	struct tree_node *n = &t->nodes[idx];
	uint32_t head = tree_head_len(n->name_len), was = n->img_len - head;
	int err = len > was ? grow_check(t, len - was) : DLPAR_OK;

	if (!err)
		err = tree_index_reserve(t);
	if (!err)
		err = own_image(t, idx, head + len);
	if (err)
		return err;
	tree_dir_drop(t, n);
	if (len)
		memcpy(n->img + head, props, len);
	n->img_len = head + len;
	t->struct_len += len - was;
	t->edits++;
	tree_changed(t, idx);
	tree_index_phandle(t, idx, tree_phandle_value(t, n));
	return DLPAR_OK;
}

/* Whether @name may become a child of @parent. */
int tree_check_child(const struct dlpar_tree *t, uint32_t parent,
		     const uint8_t *name, size_t len)
{
	if (!name_ok(name, len) || memchr(name, '/', len))
		return DLPAR_ERR_BADARG;
	if (tree_index_child(t, parent, name, (uint32_t)len) != NIL)
		return DLPAR_ERR_EXISTS;
	return DLPAR_OK;
}

/* All that tree_place() will need, so that it cannot fail. */
static int reserve_node(struct dlpar_tree *t, uint32_t name_len,
			uint32_t props_len)
{
	int err = grow_check(t, (uint64_t)props_len + END_NODE_LEN +
				tree_head_len(name_len));

	if (!err && t->depth)
		err = journal_reserve(t);
	return err ? err : tree_index_reserve(t);
}

/* A record outside the tree, its image with room for @props_len bytes more. */
int tree_blank(struct dlpar_tree *t, const uint8_t *name, size_t len,
	       uint32_t props_len, uint32_t *idx)
{
	uint32_t head = tree_head_len((uint32_t)len), cap;
	int err = reserve_node(t, (uint32_t)len, props_len);
	struct tree_node *n;
	uint8_t *img;

	if (err)
		return err;
	img = arena_block(&t->arena, head + props_len, &cap);
	if (!img)
		return DLPAR_ERR_NOMEM;
	err = tree_new_node(t, idx);
	if (err) {
		arena_unblock(&t->arena, img, cap);
		return err;
	}
	wire_put32(img, DLPAR_FDT_BEGIN_NODE);
	memset(img + head - 4, 0, 4);
	memcpy(img + 4, name, len);
	n = &t->nodes[*idx];
	n->img = img;
	n->img_len = head;
	n->img_cap = cap;
	n->name_len = (uint16_t)len;
	n->hash = tree_hash_bytes(t->seed, name, len);
	n->flags = NODE_OWN | NODE_DIRTY | NODE_CHANGED;
	return DLPAR_OK;
}

/* Into the tree, now that @props_len bytes of PROP records stand behind it. */
void tree_place(struct dlpar_tree *t, uint32_t parent, uint32_t idx,
		uint32_t props_len, uint32_t flags)
{
	struct tree_node *n = &t->nodes[idx];

	n->img_len += props_len;
	n->phandle = tree_phandle_value(t, n);
	n->flags |= NODE_LIVE;
	tree_dir_make(t, n);
	tree_link(t, parent, idx, flags & DLPAR_TREE_FIRST);
	tree_index_insert(t, idx);
	tree_dirty(t, parent);
	t->struct_len += n->img_len + END_NODE_LEN;
	t->live++;
	t->edits++;
	journal_node(t, JOURNAL_ADDED, idx);
}

/* Out of links and tables, but the records stay. */
void tree_take_out(struct dlpar_tree *t, uint32_t idx)
{
	uint32_t i;

	tree_dirty(t, t->nodes[idx].parent);
	for (i = idx; i != NIL; i = tree_after(t, idx, i)) {
		tree_index_remove(t, i);
		t->nodes[i].flags &= (uint16_t)~NODE_LIVE;
		t->struct_len -= t->nodes[i].img_len + END_NODE_LEN;
		t->live--;
	}
	tree_unlink(t, idx);
}

/* What tree_take_out() took, back to where it was. */
void tree_put_back(struct dlpar_tree *t, uint32_t idx)
{
	uint32_t i;

	tree_relink(t, idx);
	for (i = idx; i != NIL; i = tree_after(t, idx, i)) {
		tree_index_insert(t, i);
		t->nodes[i].flags |= NODE_LIVE;
		t->struct_len += t->nodes[i].img_len + END_NODE_LEN;
		t->live++;
	}
}

int tree_remove(struct dlpar_tree *t, uint32_t idx)
{
	int err;

	if (!idx)
		return DLPAR_ERR_BADARG;
	err = t->depth ? journal_reserve(t) : DLPAR_OK;
	if (err)
		return err;
	tree_take_out(t, idx);
	t->edits++;
	if (t->depth)
		journal_node(t, JOURNAL_REMOVED, idx);
	else
		tree_free_nodes(t, idx);
	return DLPAR_OK;
}

/* A stream that fails has perhaps made names: they are taken back. */
int tree_add(struct dlpar_tree *t, uint32_t parent, const char *name,
	     size_t len, const uint8_t *props, size_t props_len,
	     uint32_t flags, uint32_t *idx)
{
	uint32_t n, names_len, image_len, strings = t->strings_len;
	uint32_t n_names = t->n_names;
	int err = tree_check_child(t, parent, (const uint8_t *)name, len);

	if (!err)
		err = stream_measure(props, props_len, &n, &names_len,
				     &image_len);
	if (!err)
		err = tree_name_reserve(t, n, names_len);
	if (!err)
		err = tree_blank(t, (const uint8_t *)name, len, image_len, idx);
	if (err)
		return err;
	err = stream_encode(t, t->nodes[*idx].img + t->nodes[*idx].img_len,
			    props, props_len, &image_len);
	if (err) {
		tree_name_forget(t, strings, n_names);
		tree_free_node(t, *idx);
		return err;
	}
	tree_place(t, parent, *idx, image_len, flags);
	return DLPAR_OK;
}

int dlpar_tree_set(struct dlpar_tree *t, int64_t node, const char *name,
		   size_t len, const uint8_t *value, size_t value_len)
{
	uint32_t idx;
	int err;

	if (!tree_enter(t))
		return DLPAR_ERR_BUSY;
	idx = tree_resolve(t, node);
	err = idx == NIL ? DLPAR_ERR_STALE :
			   tree_set(t, idx, name, len, value, value_len);
	tree_leave(t);
	return err;
}

int dlpar_tree_unset(struct dlpar_tree *t, int64_t node, const char *name,
		     size_t len)
{
	uint32_t idx;
	int err;

	if (!tree_enter(t))
		return DLPAR_ERR_BUSY;
	idx = tree_resolve(t, node);
	err = idx == NIL ? DLPAR_ERR_STALE : tree_unset(t, idx, name, len);
	tree_leave(t);
	return err;
}

int64_t dlpar_tree_add(struct dlpar_tree *t, int64_t parent, const char *name,
		       size_t len, const uint8_t *props, size_t props_len,
		       uint32_t flags)
{
	uint32_t at, idx = NIL;
	int64_t ret;

	if (!tree_enter(t))
		return DLPAR_ERR_BUSY;
	at = tree_resolve(t, parent);
	ret = at == NIL ? DLPAR_ERR_STALE :
			  tree_add(t, at, name, len, props, props_len, flags,
				   &idx);
	if (!ret)
		ret = tree_handle(t, idx);
	tree_leave(t);
	return ret;
}

int dlpar_tree_remove(struct dlpar_tree *t, int64_t node)
{
	uint32_t idx;
	int err;

	if (!tree_enter(t))
		return DLPAR_ERR_BUSY;
	idx = tree_resolve(t, node);
	err = idx == NIL ? DLPAR_ERR_STALE : tree_remove(t, idx);
	tree_leave(t);
	return err;
}
