// SPDX-License-Identifier: Apache-2.0
/*
 * tree_bulk.c - many reads in one call: paths, and a property as a column.
 *
 * A column's name is looked up once. Nothing here changes a tree, or may take a
 * missing property for an empty one.
 */
#include "tree.h"

#define AHEAD 4u	/* nodes whose records are fetched before their turn */

static int64_t read_paths(const struct dlpar_tree *t, int64_t *out, size_t n,
			  const char *paths, size_t len)
{
	struct wire_cursor c = wire_cursor((const uint8_t *)paths, len);
	int64_t found = 0;
	size_t i, one;

	for (i = 0; i < n; i++) {
		const char *path = paths + c.off;
		const char *nul = memchr(path, 0, wire_left(&c));

		if (!nul != (i + 1 == n))
			return DLPAR_ERR_BADLENGTH;
		one = nul ? (size_t)(nul - path) : wire_left(&c);
		out[i] = tree_by_path(t, path, one);
		found += out[i] >= 0;
		wire_take(&c, one + !!nul);
	}
	return wire_left(&c) ? DLPAR_ERR_BADLENGTH : found;
}

/* Records lie where the handles say: the ones to come can be fetched. */
static void prefetch(const struct dlpar_tree *t, const int64_t *nodes, size_t n,
		     size_t i)
{
	uint32_t idx;

	if (AHEAD >= n - i)
		return;
	idx = (uint32_t)nodes[i + AHEAD];
	if (idx < t->n_nodes)
		wire_prefetch(&t->nodes[idx]);
}

/* The record of a property whose name the tree has, or an error. */
static int record(const struct dlpar_tree *t, const uint8_t **p, int64_t node,
		  uint32_t name)
{
	uint32_t idx = tree_resolve(t, node);

	if (idx == NIL)
		return DLPAR_ERR_STALE;
	*p = name == NIL ? NULL : tree_prop(t, &t->nodes[idx], name);
	return DLPAR_OK;
}

/* The number of a property name, or NIL. */
static uint32_t name_number(const struct dlpar_tree *t, const char *name,
			    size_t len)
{
	uint32_t id;

	return tree_name_known(t, name, len, &id) ? id : NIL;
}

static int64_t read_column(const struct dlpar_tree *t, uint8_t *out, size_t cap,
			   int32_t *lengths, int64_t *offsets,
			   const int64_t *nodes, size_t n, const char *name,
			   size_t len)
{
	uint32_t id = name_number(t, name, len), size;
	const uint8_t *p;
	size_t i, at = 0;

	for (i = 0; i < n; i++) {
		prefetch(t, nodes, n, i);
		if (record(t, &p, nodes[i], id)) {
			offsets[0] = (int64_t)i;
			return DLPAR_ERR_STALE;
		}
		offsets[i] = (int64_t)at;
		lengths[i] = DLPAR_TREE_MISSING;
		if (!p)
			continue;
		size = wire_get32(p + 4);
		lengths[i] = (int32_t)size;
		if (at <= cap && size <= cap - at && size)
			memcpy(out + at, p + 12, size);
		at += size;
	}
	offsets[n] = (int64_t)at;
	return (int64_t)at;
}

static int number(const struct dlpar_tree *t, uint32_t *out, int64_t node,
		  uint32_t name, int64_t missing)
{
	const uint8_t *p;
	int err = record(t, &p, node, name);

	if (err)
		return err;
	if (!p) {
		if (missing < 0)
			return DLPAR_ERR_NOTFOUND;
		*out = (uint32_t)missing;
		return DLPAR_OK;
	}
	if (wire_get32(p + 4) != 4)
		return DLPAR_ERR_BADLENGTH;
	*out = wire_get32(p + 12);
	return DLPAR_OK;
}

static int read_column_u32(const struct dlpar_tree *t, uint32_t *out,
			   size_t *row, const int64_t *nodes, size_t n,
			   const char *name, size_t len, int64_t missing)
{
	uint32_t id = name_number(t, name, len);
	size_t i;
	int err;

	for (i = 0; i < n; i++) {
		prefetch(t, nodes, n, i);
		err = number(t, &out[i], nodes[i], id, missing);
		if (err) {
			*row = i;
			return err;
		}
	}
	return DLPAR_OK;
}

int64_t dlpar_tree_column(const struct dlpar_tree *t, uint8_t *out, size_t cap,
			  int32_t *lengths, int64_t *offsets,
			  const int64_t *nodes, size_t n, const char *name,
			  size_t len)
{
	return TREE_READ(t, read_column(t, out, cap, lengths, offsets, nodes, n,
					name, len));
}

int dlpar_tree_column_u32(const struct dlpar_tree *t, uint32_t *out,
			  size_t *row, const int64_t *nodes, size_t n,
			  const char *name, size_t len, int64_t missing)
{
	return (int)TREE_READ(t, read_column_u32(t, out, row, nodes, n, name,
						 len, missing));
}

int64_t dlpar_tree_paths(const struct dlpar_tree *t, int64_t *out, size_t n,
			 const char *paths, size_t len)
{
	return TREE_READ(t, read_paths(t, out, n, paths, len));
}
