// SPDX-License-Identifier: Apache-2.0
/*
 * tree_query.c - look-up by path, phandle, name and value; walks; facts.
 *
 * Nothing here changes what a tree says. What is public enters it, finds its answer by a
 * function of the file, and leaves.
 */
#include "tree.h"

static int64_t answer(const struct dlpar_tree *t, uint32_t idx)
{
	return idx == NIL ? DLPAR_ERR_NOTFOUND : tree_handle(t, idx);
}

/* The node's phandle by its properties, 0 for none. */
uint32_t tree_phandle_value(const struct dlpar_tree *t,
			    const struct tree_node *n)
{
	const uint8_t *p;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		if (t->id_phandle[i] == NIL)
			continue;
		p = tree_prop(t, n, t->id_phandle[i]);
		if (p && wire_get32(p + 4) == 4)
			return tree_phandle_of(p);
	}
	return 0;
}

/* The first child that differs from @name only by a unit address. */
static uint32_t child_without_address(const struct dlpar_tree *t,
				      uint32_t parent, const uint8_t *name,
				      uint32_t len)
{
	uint32_t i;

	if (memchr(name, '@', len))
		return NIL;
	for (i = t->nodes[parent].first; i != NIL; i = t->nodes[i].next) {
		const struct tree_node *n = &t->nodes[i];

		if (n->name_len > len && tree_node_name(n)[len] == '@' &&
		    !memcmp(tree_node_name(n), name, len))
			break;
	}
	return i;
}

/* The child of this name, else the first that has a unit address besides. */
static inline uint32_t child_like(const struct dlpar_tree *t, uint32_t parent,
				  const uint8_t *name, uint32_t len)
{
	uint32_t i = tree_index_child(t, parent, name, len);

	return i == NIL ? child_without_address(t, parent, name, len) : i;
}

uint32_t tree_child_like(const struct dlpar_tree *t, uint32_t parent,
			 const uint8_t *name, uint32_t len)
{
	return child_like(t, parent, name, len);
}

/* The node of a path that begins below @at, or NIL. */
uint32_t tree_path_below(const struct dlpar_tree *t, uint32_t at,
			 const char *path, size_t len)
{
	const uint8_t *p = (const uint8_t *)path, *end = p + len, *q;
	uint32_t next, n;

	for (; p < end; p = q) {
		while (p < end && *p == '/')
			p++;
		if (p == end)
			break;
		q = memchr(p, '/', (size_t)(end - p));
		if (!q)
			q = end;
		if (q - p > DLPAR_TREE_NAME_MAX)
			return NIL;
		n = (uint32_t)(q - p);
		next = child_like(t, at, p, n);
		if (next == NIL)
			return NIL;
		at = next;
	}
	return at;
}

int64_t tree_by_path(const struct dlpar_tree *t, const char *path, size_t len)
{
	if (!len)
		return DLPAR_ERR_BADPATH;
	if (*path != '/')
		return tree_alias_path(t, path, len);
	return answer(t, tree_path_below(t, 0, path, len));
}

int64_t dlpar_tree_path(const struct dlpar_tree *t, const char *path,
			size_t len)
{
	return TREE_READ(t, tree_by_path(t, path, len));
}

int64_t dlpar_tree_phandle(const struct dlpar_tree *t, uint32_t phandle)
{
	return TREE_READ(t, answer(t, tree_index_by_phandle(t, phandle)));
}

int64_t dlpar_tree_root(const struct dlpar_tree *t)
{
	return TREE_READ(t, tree_handle(t, 0));
}

static int64_t parent(const struct dlpar_tree *t, int64_t node)
{
	uint32_t i = tree_resolve(t, node);

	return i == NIL ? DLPAR_ERR_STALE : answer(t, t->nodes[i].parent);
}

int64_t dlpar_tree_parent(const struct dlpar_tree *t, int64_t node)
{
	return TREE_READ(t, parent(t, node));
}

static int64_t first(const struct dlpar_tree *t, int64_t node)
{
	uint32_t i = tree_resolve(t, node);

	return i == NIL ? DLPAR_ERR_STALE : answer(t, t->nodes[i].first);
}

int64_t dlpar_tree_first(const struct dlpar_tree *t, int64_t node)
{
	return TREE_READ(t, first(t, node));
}

static int64_t next(const struct dlpar_tree *t, int64_t node)
{
	uint32_t i = tree_resolve(t, node);

	return i == NIL ? DLPAR_ERR_STALE : answer(t, t->nodes[i].next);
}

int64_t dlpar_tree_next(const struct dlpar_tree *t, int64_t node)
{
	return TREE_READ(t, next(t, node));
}

static int64_t child(const struct dlpar_tree *t, int64_t node,
		     const char *name, size_t len)
{
	uint32_t i = tree_resolve(t, node);

	if (i == NIL)
		return DLPAR_ERR_STALE;
	if (len > DLPAR_TREE_NAME_MAX)
		return DLPAR_ERR_NOTFOUND;
	return answer(t, tree_index_child(t, i, (const uint8_t *)name,
					  (uint32_t)len));
}

int64_t dlpar_tree_child(const struct dlpar_tree *t, int64_t node,
			 const char *name, size_t len)
{
	return TREE_READ(t, child(t, node, name, len));
}

static bool is_child(const struct dlpar_tree *t, uint32_t idx,
		     const struct cells_wanted *w)
{
	return t->nodes[idx].parent == w->parent;
}

static int64_t find_child(const struct dlpar_tree *t, int64_t node,
			  const char *name, size_t len, uint32_t value)
{
	struct cells_wanted w = { .value = value, .fits = is_child };
	uint32_t i, seen = 0;

	w.parent = tree_resolve(t, node);
	if (w.parent == NIL)
		return DLPAR_ERR_STALE;
	if (!tree_name_known(t, name, len, &w.name))
		return DLPAR_ERR_NOTFOUND;
	if (tree_cells_find(t, &w, &i))
		return answer(t, i);
	for (i = t->nodes[w.parent].first; i != NIL; i = t->nodes[i].next) {
		if (tree_cell_is(t, i, w.name, value))
			break;
		seen++;
	}
	tree_cells_wish(t, w.name, seen);
	return answer(t, i);
}

int64_t dlpar_tree_find_child(const struct dlpar_tree *t, int64_t node,
			      const char *name, size_t len, uint32_t value)
{
	return TREE_READ(t, find_child(t, node, name, len, value));
}

static bool type_is(const struct dlpar_tree *t, uint32_t idx,
		    const struct cells_wanted *w)
{
	const uint8_t *p = tree_prop(t, &t->nodes[idx], w->type);

	return p && wire_get32(p + 4) == w->len + 1 && !p[12 + w->len] &&
	       !memcmp(p + 12, w->s, w->len);
}

static int64_t find(const struct dlpar_tree *t, const char *type,
		    size_t type_len, const char *name, size_t len,
		    uint32_t value)
{
	struct cells_wanted w = { .value = value, .s = type, .len = type_len,
				  .fits = type_is };
	uint32_t i, seen = 0;

	if (!tree_name_known(t, "device_type", 11, &w.type) ||
	    !tree_name_known(t, name, len, &w.name))
		return DLPAR_ERR_NOTFOUND;
	if (tree_cells_find(t, &w, &i))
		return answer(t, i);
	for (i = 0; i != NIL; i = tree_after(t, 0, i)) {
		if (tree_cell_is(t, i, w.name, value) && type_is(t, i, &w))
			break;
		seen++;
	}
	tree_cells_wish(t, w.name, seen);
	return answer(t, i);
}

int64_t dlpar_tree_find(const struct dlpar_tree *t, const char *type,
			size_t type_len, const char *name, size_t len,
			uint32_t value)
{
	return TREE_READ(t, find(t, type, type_len, name, len, value));
}

static int64_t children(const struct dlpar_tree *t, int64_t *out, size_t cap,
			int64_t node)
{
	uint32_t i = tree_resolve(t, node);
	size_t n = 0;

	if (i == NIL)
		return DLPAR_ERR_STALE;
	for (i = t->nodes[i].first; i != NIL; i = t->nodes[i].next, n++)
		if (n < cap)
			out[n] = tree_handle(t, i);
	return (int64_t)n;
}

int64_t dlpar_tree_children(const struct dlpar_tree *t, int64_t *out,
			    size_t cap, int64_t node)
{
	return TREE_READ(t, children(t, out, cap, node));
}

static int64_t walk(const struct dlpar_tree *t, int64_t *out, size_t cap,
		    int64_t node)
{
	uint32_t top = tree_resolve(t, node), i;
	size_t n = 0;

	if (top == NIL)
		return DLPAR_ERR_STALE;
	for (i = top; i != NIL; i = tree_after(t, top, i), n++)
		if (n < cap)
			out[n] = tree_handle(t, i);
	return (int64_t)n;
}

int64_t dlpar_tree_walk(const struct dlpar_tree *t, int64_t *out, size_t cap,
			int64_t node)
{
	return TREE_READ(t, walk(t, out, cap, node));
}

static int64_t name_at(const struct dlpar_tree *t, const char **name,
		       int64_t node)
{
	uint32_t i = tree_resolve(t, node);

	if (i == NIL)
		return DLPAR_ERR_STALE;
	*name = (const char *)tree_node_name(&t->nodes[i]);
	return t->nodes[i].name_len;
}

int dlpar_tree_name(const struct dlpar_tree *t, const char **name, int64_t node)
{
	return (int)TREE_READ(t, name_at(t, name, node));
}

static int64_t name_of(const struct dlpar_tree *t, char *out, size_t cap,
		       int64_t node)
{
	const char *name;
	int64_t len = name_at(t, &name, node);

	if (len < 0)
		return len;
	if ((size_t)len > cap)
		return DLPAR_ERR_NOSPACE;
	if (len)
		memcpy(out, name, (size_t)len);
	return len;
}

int64_t dlpar_tree_name_of(const struct dlpar_tree *t, char *out, size_t cap,
			   int64_t node)
{
	return TREE_READ(t, name_of(t, out, cap, node));
}

int64_t tree_path_of(const struct dlpar_tree *t, char *out, size_t cap,
		     int64_t node)
{
	uint32_t i = tree_resolve(t, node), j;
	size_t len = 0, at;

	if (i == NIL)
		return DLPAR_ERR_STALE;
	for (j = i; t->nodes[j].parent != NIL; j = t->nodes[j].parent)
		len += 1u + t->nodes[j].name_len;
	if ((len ? len : 1) > cap)
		return DLPAR_ERR_NOSPACE;
	for (at = len; t->nodes[i].parent != NIL; i = t->nodes[i].parent) {
		at -= t->nodes[i].name_len;
		memcpy(out + at, tree_node_name(&t->nodes[i]),
		       t->nodes[i].name_len);
		out[--at] = '/';
	}
	if (!len)
		out[len++] = '/';
	return (int64_t)len;
}

int64_t dlpar_tree_path_of(const struct dlpar_tree *t, char *out, size_t cap,
			   int64_t node)
{
	return TREE_READ(t, tree_path_of(t, out, cap, node));
}

static int64_t phandle_of(const struct dlpar_tree *t, int64_t node)
{
	uint32_t i = tree_resolve(t, node);

	return i == NIL ? DLPAR_ERR_STALE : (int64_t)t->nodes[i].phandle;
}

int64_t dlpar_tree_phandle_of(const struct dlpar_tree *t, int64_t node)
{
	return TREE_READ(t, phandle_of(t, node));
}

int dlpar_tree_info(const struct dlpar_tree *t, struct dlpar_tree_info *info)
{
	if (!tree_enter_read(t))
		return DLPAR_ERR_BUSY;
	info->n_nodes = t->live;
	info->boot_cpu = t->boot_cpu;
	info->n_reservations = t->rsv_len / 16 - 1;
	info->depth = t->depth;
	info->memory = t->arena.used;
	info->edits = t->edits;
	tree_leave_read(t);
	return DLPAR_OK;
}

int dlpar_tree_depth(const struct dlpar_tree *t)
{
	return (int)TREE_READ(t, t->depth);
}

static int reservation(const struct dlpar_tree *t, uint64_t *address,
		       uint64_t *size, uint32_t i)
{
	if (i >= t->rsv_len / 16 - 1)
		return DLPAR_ERR_NOTFOUND;
	*address = wire_get64(t->rsv + (size_t)i * 16);
	*size = wire_get64(t->rsv + (size_t)i * 16 + 8);
	return DLPAR_OK;
}

int dlpar_tree_reservation(const struct dlpar_tree *t, uint64_t *address,
			   uint64_t *size, uint32_t i)
{
	return (int)TREE_READ(t, reservation(t, address, size, i));
}
