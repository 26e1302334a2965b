// SPDX-License-Identifier: Apache-2.0
/*
 * tree_query.c - look-up by path, phandle, name and value; walks.
 *
 * Nothing here changes a tree.
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
	const uint8_t *p = n->img + tree_head_len(n->name_len);
	const uint8_t *end = n->img + n->img_len, *first[3] = { NULL };
	unsigned int i;

	for (; p < end; p += tree_prop_len(wire_get32(p + 4)))
		for (i = 0; i < 3; i++)
			if (wire_get32(p + 8) == t->id_phandle[i] && !first[i])
				first[i] = p;
	for (i = 0; i < 3; i++)
		if (first[i] && wire_get32(first[i] + 4) == 4)
			return wire_get32(first[i] + 12) == NO_PHANDLE ?
				       0 : wire_get32(first[i] + 12);
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
		next = tree_index_child(t, at, p, n);
		if (next == NIL)
			next = child_without_address(t, at, p, n);
		if (next == NIL)
			return NIL;
		at = next;
	}
	return at;
}

int64_t dlpar_tree_path(const struct dlpar_tree *t, const char *path,
			size_t len)
{
	if (!len)
		return DLPAR_ERR_BADPATH;
	if (*path != '/')
		return tree_alias_path(t, path, len);
	return answer(t, tree_path_below(t, 0, path, len));
}

int64_t dlpar_tree_phandle(const struct dlpar_tree *t, uint32_t phandle)
{
	return answer(t, tree_index_by_phandle(t, phandle));
}

int64_t dlpar_tree_root(const struct dlpar_tree *t)
{
	return tree_handle(t, 0);
}

int64_t dlpar_tree_parent(const struct dlpar_tree *t, int64_t node)
{
	uint32_t i = tree_resolve(t, node);

	return i == NIL ? DLPAR_ERR_STALE : answer(t, t->nodes[i].parent);
}

int64_t dlpar_tree_first(const struct dlpar_tree *t, int64_t node)
{
	uint32_t i = tree_resolve(t, node);

	return i == NIL ? DLPAR_ERR_STALE : answer(t, t->nodes[i].first);
}

int64_t dlpar_tree_next(const struct dlpar_tree *t, int64_t node)
{
	uint32_t i = tree_resolve(t, node);

	return i == NIL ? DLPAR_ERR_STALE : answer(t, t->nodes[i].next);
}

int64_t dlpar_tree_child(const struct dlpar_tree *t, int64_t node,
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

static bool find_name(const struct dlpar_tree *t, const char *name, size_t len,
		      uint32_t *off)
{
	return len <= DLPAR_TREE_NAME_MAX &&
	       tree_name_find(t, (const uint8_t *)name, (uint32_t)len, off);
}

static bool prop_is(const struct dlpar_tree *t, const struct tree_node *n,
		    uint32_t name, uint32_t value)
{
	const uint8_t *p = tree_prop(t, n, name);

	return p && wire_get32(p + 4) == 4 && wire_get32(p + 12) == value;
}

int64_t dlpar_tree_find_child(const struct dlpar_tree *t, int64_t node,
			      const char *name, size_t len, uint32_t value)
{
	uint32_t i = tree_resolve(t, node);
	uint32_t id;

	if (i == NIL)
		return DLPAR_ERR_STALE;
	if (!find_name(t, name, len, &id))
		return DLPAR_ERR_NOTFOUND;
	for (i = t->nodes[i].first; i != NIL; i = t->nodes[i].next)
		if (prop_is(t, &t->nodes[i], id, value))
			break;
	return answer(t, i);
}

static bool type_is(const struct dlpar_tree *t, const struct tree_node *n,
		    uint32_t name, const char *type, size_t len)
{
	const uint8_t *p = tree_prop(t, n, name);

	return p && wire_get32(p + 4) == len + 1 && !p[12 + len] &&
	       !memcmp(p + 12, type, len);
}

int64_t dlpar_tree_find(const struct dlpar_tree *t, const char *type,
			size_t type_len, const char *name, size_t len,
			uint32_t value)
{
	uint32_t type_id, id;
	uint32_t i;

	if (!find_name(t, "device_type", 11, &type_id) ||
	    !find_name(t, name, len, &id))
		return DLPAR_ERR_NOTFOUND;
	for (i = 0; i != NIL; i = tree_after(t, 0, i))
		if (prop_is(t, &t->nodes[i], id, value) &&
		    type_is(t, &t->nodes[i], type_id, type, type_len))
			break;
	return answer(t, i);
}

int64_t dlpar_tree_children(const struct dlpar_tree *t, int64_t *out,
			    size_t cap, int64_t node)
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

int64_t dlpar_tree_walk(const struct dlpar_tree *t, int64_t *out, size_t cap,
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

int dlpar_tree_name(const struct dlpar_tree *t, const char **name, int64_t node)
{
	uint32_t i = tree_resolve(t, node);

	if (i == NIL)
		return DLPAR_ERR_STALE;
	*name = (const char *)tree_node_name(&t->nodes[i]);
	return t->nodes[i].name_len;
}

int64_t dlpar_tree_path_of(const struct dlpar_tree *t, char *out, size_t cap,
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

int64_t dlpar_tree_phandle_of(const struct dlpar_tree *t, int64_t node)
{
	uint32_t i = tree_resolve(t, node);

	return i == NIL ? DLPAR_ERR_STALE : (int64_t)t->nodes[i].phandle;
}

int64_t dlpar_tree_get(const struct dlpar_tree *t, const char **value,
		       int64_t node, const char *name, size_t len)
{
	uint32_t i = tree_resolve(t, node);
	uint32_t id;
	const uint8_t *p;

	if (i == NIL)
		return DLPAR_ERR_STALE;
	if (!find_name(t, name, len, &id))
		return DLPAR_ERR_NOTFOUND;
	p = tree_prop(t, &t->nodes[i], id);
	if (!p)
		return DLPAR_ERR_NOTFOUND;
	*value = (const char *)p + 12;
	return wire_get32(p + 4);
}

int64_t dlpar_tree_get_u32(const struct dlpar_tree *t, int64_t node,
			   const char *name, size_t len)
{
	const char *value;
	int64_t n = dlpar_tree_get(t, &value, node, name, len);

	if (n < 0)
		return n;
	if (n != 4)
		return DLPAR_ERR_BADLENGTH;
	return wire_get32((const uint8_t *)value);
}

int64_t dlpar_tree_n_props(const struct dlpar_tree *t, int64_t node)
{
	uint32_t i = tree_resolve(t, node);
	const uint8_t *p, *end;
	int64_t n = 0;

	if (i == NIL)
		return DLPAR_ERR_STALE;
	p = t->nodes[i].img + tree_head_len(t->nodes[i].name_len);
	end = t->nodes[i].img + t->nodes[i].img_len;
	for (; p < end; p += tree_prop_len(wire_get32(p + 4)))
		n++;
	return n;
}

static void put_prop(uint8_t *out, const uint8_t *name, uint32_t name_len,
		     const uint8_t *prop)
{
	uint32_t len = wire_get32(prop + 4);

	wire_put32(out, name_len);
	wire_put32(out + 4, len);
	memcpy(out + 8, name, name_len);
	memcpy(out + 8 + name_len, prop + 12, len);
}

int64_t dlpar_tree_props(const struct dlpar_tree *t, uint8_t *out, size_t cap,
			 int64_t node)
{
	uint32_t i = tree_resolve(t, node), name_len;
	const uint8_t *p, *end, *name;
	size_t len = 0, one;

	if (i == NIL)
		return DLPAR_ERR_STALE;
	p = t->nodes[i].img + tree_head_len(t->nodes[i].name_len);
	end = t->nodes[i].img + t->nodes[i].img_len;
	for (; p < end; p += tree_prop_len(wire_get32(p + 4))) {
		name = t->strings + wire_get32(p + 8);
		name_len = (uint32_t)strlen((const char *)name);
		one = (size_t)8 + name_len + wire_get32(p + 4);
		if (len <= cap && one <= cap - len)
			put_prop(out + len, name, name_len, p);
		len += one;
	}
	return (int64_t)len;
}

int dlpar_tree_info(const struct dlpar_tree *t, struct dlpar_tree_info *info)
{
	info->n_nodes = t->live;
	info->boot_cpu = t->boot_cpu;
	info->n_reservations = t->rsv_len / 16 - 1;
	info->depth = t->depth;
	info->memory = t->arena.used;
	info->edits = t->edits;
	return DLPAR_OK;
}

int dlpar_tree_depth(const struct dlpar_tree *t)
{
	return (int)t->depth;
}

int dlpar_tree_reservation(const struct dlpar_tree *t, uint64_t *address,
			   uint64_t *size, uint32_t i)
{
	if (i >= t->rsv_len / 16 - 1)
		return DLPAR_ERR_NOTFOUND;
	*address = wire_get64(t->rsv + (size_t)i * 16);
	*size = wire_get64(t->rsv + (size_t)i * 16 + 8);
	return DLPAR_OK;
}
