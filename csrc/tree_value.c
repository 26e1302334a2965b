// SPDX-License-Identifier: Apache-2.0
/*
 * tree_value.c - property values, one by one and all of a node's.
 *
 * Values are bytes: nothing here guesses what they mean, or changes a tree.
 */
#include "tree.h"

int64_t tree_get(const struct dlpar_tree *t, const char **value, int64_t node,
		 const char *name, size_t len)
{
	uint32_t i = tree_resolve(t, node);
	uint32_t id;
	const uint8_t *p;

	if (i == NIL)
		return DLPAR_ERR_STALE;
	tree_prop_expect(t, &t->nodes[i]);
	if (!tree_name_known(t, name, len, &id))
		return DLPAR_ERR_NOTFOUND;
	p = tree_prop(t, &t->nodes[i], id);
	if (!p)
		return DLPAR_ERR_NOTFOUND;
	*value = (const char *)p + 12;
	return wire_get32(p + 4);
}

int64_t dlpar_tree_get(const struct dlpar_tree *t, const char **value,
		       int64_t node, const char *name, size_t len)
{
	return TREE_READ(t, tree_get(t, value, node, name, len));
}

static int64_t copy_value(const struct dlpar_tree *t, uint8_t *out, size_t cap,
			  int64_t node, const char *name, size_t len)
{
	const char *value;
	int64_t n = tree_get(t, &value, node, name, len);

	if (n > 0 && (uint64_t)n <= cap)
		memcpy(out, value, (size_t)n);
	return n;
}

int64_t dlpar_tree_read(const struct dlpar_tree *t, uint8_t *out, size_t cap,
			int64_t node, const char *name, size_t len)
{
	return TREE_READ(t, copy_value(t, out, cap, node, name, len));
}

static int64_t get_u32(const struct dlpar_tree *t, int64_t node,
		       const char *name, size_t len)
{
	const char *value;
	int64_t n = tree_get(t, &value, node, name, len);

	if (n < 0)
		return n;
	if (n != 4)
		return DLPAR_ERR_BADLENGTH;
	return wire_get32((const uint8_t *)value);
}

int64_t dlpar_tree_get_u32(const struct dlpar_tree *t, int64_t node,
			   const char *name, size_t len)
{
	return TREE_READ(t, get_u32(t, node, name, len));
}

static int64_t count_props(const struct dlpar_tree *t, int64_t node)
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

int64_t dlpar_tree_n_props(const struct dlpar_tree *t, int64_t node)
{
	return TREE_READ(t, count_props(t, node));
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

static int64_t props(const struct dlpar_tree *t, uint8_t *out, size_t cap,
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
		if (len > DLPAR_TREE_SIZE_MAX)
			return DLPAR_ERR_TOOBIG;
		if (t->arena.limit && len > t->arena.limit)
			return DLPAR_ERR_NOMEM;
	}
	return (int64_t)len;
}

int64_t dlpar_tree_props(const struct dlpar_tree *t, uint8_t *out, size_t cap,
			 int64_t node)
{
	return TREE_READ(t, props(t, out, cap, node));
}
