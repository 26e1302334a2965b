// SPDX-License-Identifier: Apache-2.0
/*
 * tree_find.c - nodes by what they are or hold; depth and ancestors; phandles.
 *
 * A search is one walk in tree order that stops when the caller's array is full
 * and goes on from the last node found. Nothing here changes what a tree says:
 * only the highest phandle is kept once it was looked for. Nothing recurses.
 *
 * Source: Devicetree Specification 0.4, 2.3.1 (compatible), 3.3 (aliases).
 */
#include "tree.h"

/* What a search is for. */
struct wanted {
	uint32_t prop;			/* the name's number */
	const uint8_t *value;		/* or NULL: any */
	size_t len;
};

typedef bool (*node_test)(const struct dlpar_tree *, const struct tree_node *,
			  const struct wanted *);

static int64_t find(const struct dlpar_tree *t, int64_t *out, size_t cap,
		    uint32_t i, node_test test, const struct wanted *w)
{
	size_t n = 0;

	for (; i != NIL && n < cap; i = tree_after(t, 0, i))
		if (test(t, &t->nodes[i], w))
			out[n++] = tree_handle(t, i);
	return (int64_t)n;
}

/* The record that a search behind @from begins with, NIL behind the last. */
static int start(const struct dlpar_tree *t, int64_t from, uint32_t *i)
{
	*i = 0;
	if (from == DLPAR_TREE_NONE)
		return DLPAR_OK;
	*i = tree_resolve(t, from);
	if (*i == NIL)
		return DLPAR_ERR_STALE;
	*i = tree_after(t, 0, *i);
	return DLPAR_OK;
}

static bool has_string(const uint8_t *list, size_t list_len,
		       const uint8_t *s, size_t len)
{
	while (list_len > len) {
		const uint8_t *nul = memchr(list, 0, list_len);

		if (!nul)
			return false;
		if ((size_t)(nul - list) == len && !memcmp(list, s, len))
			return true;
		list_len -= (size_t)(nul - list) + 1;
		list = nul + 1;
	}
	return false;
}

static bool lists_string(const struct dlpar_tree *t, const struct tree_node *n,
			 const struct wanted *w)
{
	const uint8_t *p = tree_prop(t, n, w->prop);

	return p && has_string(p + 12, wire_get32(p + 4), w->value, w->len);
}

static bool is_named(const struct dlpar_tree *t, const struct tree_node *n,
		     const struct wanted *w)
{
	(void)t;
	return n->name_len >= w->len &&
	       !memcmp(tree_node_name(n), w->value, w->len) &&
	       (n->name_len == w->len ||
		(tree_node_name(n)[w->len] == '@' &&
		 !memchr(w->value, '@', w->len)));
}

static bool has_prop(const struct dlpar_tree *t, const struct tree_node *n,
		     const struct wanted *w)
{
	const uint8_t *p = tree_prop(t, n, w->prop);

	return p && (!w->value || (wire_get32(p + 4) == w->len &&
				   !memcmp(p + 12, w->value, w->len)));
}

static bool name_known(const struct dlpar_tree *t, const char *name, size_t len,
		       uint32_t *id)
{
	return len <= DLPAR_TREE_NAME_MAX &&
	       tree_name_find(t, (const uint8_t *)name, (uint32_t)len, id);
}

static int64_t read_find_compatible(const struct dlpar_tree *t, int64_t *out,
				    size_t cap, int64_t from,
				    const char *compatible, size_t len)
{
	struct wanted w = { NIL, (const uint8_t *)compatible, len };
	uint32_t i;
	int err = start(t, from, &i);

	if (err)
		return err;
	if (memchr(compatible, 0, len))
		return DLPAR_ERR_BADARG;
	if (!name_known(t, "compatible", 10, &w.prop))
		return 0;
	return find(t, out, cap, i, lists_string, &w);
}

static int64_t read_find_name(const struct dlpar_tree *t, int64_t *out,
			      size_t cap, int64_t from, const char *name,
			      size_t len)
{
	struct wanted w = { NIL, (const uint8_t *)name, len };
	uint32_t i;
	int err = start(t, from, &i);

	if (err)
		return err;
	return find(t, out, cap, i, is_named, &w);
}

static int64_t read_find_prop(const struct dlpar_tree *t, int64_t *out,
			      size_t cap, int64_t from, const char *name,
			      size_t len, const uint8_t *value,
			      size_t value_len)
{
	struct wanted w = { NIL, value, value_len };
	uint32_t i;
	int err = start(t, from, &i);

	if (err)
		return err;
	if (!name_known(t, name, len, &w.prop))
		return 0;
	return find(t, out, cap, i, has_prop, &w);
}

static int read_is_compatible(const struct dlpar_tree *t, int64_t node,
			      const char *compatible, size_t len)
{
	struct wanted w = { NIL, (const uint8_t *)compatible, len };
	uint32_t i = tree_resolve(t, node);

	if (i == NIL)
		return DLPAR_ERR_STALE;
	return name_known(t, "compatible", 10, &w.prop) &&
	       lists_string(t, &t->nodes[i], &w);
}

/*
 * A path that does not begin at the root begins with an alias: a property of
 * /aliases that is an absolute path. One that is another alias is none, so
 * there is no loop.
 */
int64_t tree_alias_path(const struct dlpar_tree *t, const char *path,
			size_t len)
{
	const char *slash = memchr(path, '/', len);
	size_t alias_len = slash ? (size_t)(slash - path) : len;
	uint32_t at = tree_index_child(t, 0, (const uint8_t *)"aliases", 7);
	const uint8_t *p = NULL, *nul;
	uint32_t id;

	if (at != NIL && name_known(t, path, alias_len, &id))
		p = tree_prop(t, &t->nodes[at], id);
	if (!p || !wire_get32(p + 4) || p[12] != '/')
		return DLPAR_ERR_NOTFOUND;
	nul = memchr(p + 12, 0, wire_get32(p + 4));
	if (!nul)
		return DLPAR_ERR_NOTFOUND;
	at = tree_path_below(t, 0, (const char *)p + 12,
			     (size_t)(nul - p) - 12);
	if (at != NIL)
		at = tree_path_below(t, at, path + alias_len, len - alias_len);
	return at == NIL ? DLPAR_ERR_NOTFOUND : tree_handle(t, at);
}

static int64_t read_descend(const struct dlpar_tree *t, int64_t node,
			    const char *path, size_t len)
{
	uint32_t i = tree_resolve(t, node);

	if (i == NIL)
		return DLPAR_ERR_STALE;
	i = tree_path_below(t, i, path, len);
	return i == NIL ? DLPAR_ERR_NOTFOUND : tree_handle(t, i);
}

static int64_t read_ancestors(const struct dlpar_tree *t, int64_t *out,
			      size_t cap, int64_t node)
{
	uint32_t i = tree_resolve(t, node);
	size_t n = 0;

	if (i == NIL)
		return DLPAR_ERR_STALE;
	for (i = t->nodes[i].parent; i != NIL; i = t->nodes[i].parent, n++)
		if (n < cap)
			out[n] = tree_handle(t, i);
	return (int64_t)n;
}

static int64_t read_depth_of(const struct dlpar_tree *t, int64_t node)
{
	return read_ancestors(t, NULL, 0, node);
}

static int64_t read_supernode(const struct dlpar_tree *t, int64_t node,
			      uint32_t depth)
{
	int64_t up = read_depth_of(t, node);
	uint32_t i;

	if (up < 0)
		return up;
	if (depth > up)
		return DLPAR_ERR_NOTFOUND;
	i = tree_resolve(t, node);
	for (up -= depth; up; up--)
		i = t->nodes[i].parent;
	return tree_handle(t, i);
}

static int64_t read_walk_depths(const struct dlpar_tree *t, int64_t *out,
				uint32_t *depths, size_t cap, int64_t node)
{
	uint32_t top = tree_resolve(t, node), i = top, depth = 0;
	size_t n = 0;

	if (top == NIL)
		return DLPAR_ERR_STALE;
	for (;;) {
		if (n < cap) {
			out[n] = tree_handle(t, i);
			depths[n] = depth;
		}
		n++;
		if (t->nodes[i].first != NIL) {
			i = t->nodes[i].first;
			depth++;
			continue;
		}
		for (; i != top && t->nodes[i].next == NIL; depth--)
			i = t->nodes[i].parent;
		if (i == top)
			return (int64_t)n;
		i = t->nodes[i].next;
	}
}

/* The index keeps the highest; when that node lost it, it is looked for. */
uint32_t tree_max_phandle(struct dlpar_tree *t)
{
	uint32_t i, top = 0;

	if (t->top_phandle != NIL)
		return t->top_phandle;
	for (i = 0; i < t->n_nodes; i++)
		if (t->nodes[i].flags & NODE_LIVE && t->nodes[i].phandle > top)
			top = t->nodes[i].phandle;
	t->top_phandle = top;
	return top;
}

/* Of one more number than there are nodes, one is free. */
static int64_t lowest_free_phandle(struct dlpar_tree *t)
{
	size_t n = (size_t)t->live + 2, size = (n + 7) / 8;
	uint8_t *used = arena_resize(&t->arena, NULL, 0, size);
	uint32_t i, phandle;

	if (!used)
		return DLPAR_ERR_NOMEM;
	memset(used, 0, size);
	for (i = 0; i < t->n_nodes; i++) {
		phandle = t->nodes[i].phandle;
		if (t->nodes[i].flags & NODE_LIVE && phandle < n)
			used[phandle / 8] |= (uint8_t)(1u << phandle % 8);
	}
	for (i = 1; used[i / 8] & 1u << i % 8; )
		i++;
	arena_release(&t->arena, used, size);
	return i;
}

int64_t dlpar_tree_max_phandle(struct dlpar_tree *t)
{
	int64_t top;

	if (!tree_enter(t))
		return DLPAR_ERR_BUSY;
	top = tree_max_phandle(t);
	tree_leave(t);
	return top;
}

int64_t dlpar_tree_free_phandle(struct dlpar_tree *t)
{
	int64_t phandle;

	if (!tree_enter(t))
		return DLPAR_ERR_BUSY;
	phandle = (int64_t)tree_max_phandle(t) + 1;
	if (phandle == NO_PHANDLE)
		phandle = lowest_free_phandle(t);
	tree_leave(t);
	return phandle;
}

int64_t dlpar_tree_find_compatible(const struct dlpar_tree *t, int64_t *out,
				   size_t cap, int64_t from,
				   const char *compatible, size_t len)
{
	return TREE_READ(t, read_find_compatible(t, out, cap, from, compatible,
						 len));
}

int64_t dlpar_tree_find_name(const struct dlpar_tree *t, int64_t *out,
			     size_t cap, int64_t from, const char *name,
			     size_t len)
{
	return TREE_READ(t, read_find_name(t, out, cap, from, name, len));
}

int64_t dlpar_tree_find_prop(const struct dlpar_tree *t, int64_t *out,
			     size_t cap, int64_t from, const char *name,
			     size_t len, const uint8_t *value, size_t value_len)
{
	return TREE_READ(t, read_find_prop(t, out, cap, from, name, len, value,
					   value_len));
}

int dlpar_tree_is_compatible(const struct dlpar_tree *t, int64_t node,
			     const char *compatible, size_t len)
{
	return (int)TREE_READ(t, read_is_compatible(t, node, compatible, len));
}

int64_t dlpar_tree_descend(const struct dlpar_tree *t, int64_t node,
			   const char *path, size_t len)
{
	return TREE_READ(t, read_descend(t, node, path, len));
}

int64_t dlpar_tree_ancestors(const struct dlpar_tree *t, int64_t *out,
			     size_t cap, int64_t node)
{
	return TREE_READ(t, read_ancestors(t, out, cap, node));
}

int64_t dlpar_tree_depth_of(const struct dlpar_tree *t, int64_t node)
{
	return TREE_READ(t, read_depth_of(t, node));
}

int64_t dlpar_tree_supernode(const struct dlpar_tree *t, int64_t node,
			     uint32_t depth)
{
	return TREE_READ(t, read_supernode(t, node, depth));
}

int64_t dlpar_tree_walk_depths(const struct dlpar_tree *t, int64_t *out,
			       uint32_t *depths, size_t cap, int64_t node)
{
	return TREE_READ(t, read_walk_depths(t, out, depths, cap, node));
}
