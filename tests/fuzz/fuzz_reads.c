// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_reads.c - of the harness: reads of many nodes, searches, source text.
 * What they say of a node is what is said of it alone.
 */
#include "fuzz.h"

static void check_column(const struct dlpar_tree *t, const int64_t *nodes,
			 size_t n, const char *name)
{
	size_t i, row, len = strlen(name);
	int32_t lengths[MAX_NODES];
	int64_t offsets[MAX_NODES + 1];
	uint32_t cells[MAX_NODES];
	int64_t size = dlpar_tree_column(t, NULL, 0, lengths, offsets, nodes, n,
					 name, len);
	uint8_t *out;

	check(size >= 0);
	out = malloc((size_t)size + 1);
	check(out && dlpar_tree_column(t, out, (size_t)size, lengths, offsets,
				       nodes, n, name, len) == size);
	for (i = 0; i < n; i++) {
		const char *value;
		int64_t got = dlpar_tree_get(t, &value, nodes[i], name, len);

		check(got >= 0 ? lengths[i] == got :
				 lengths[i] == DLPAR_TREE_MISSING);
		check(got <= 0 || !memcmp(out + offsets[i], value, (size_t)got));
	}
	check(offsets[n] == size);
	free(out);
	if (!dlpar_tree_column_u32(t, cells, &row, nodes, n, name, len, 5))
		for (i = 0; i < n; i++)
			check(lengths[i] < 0 ? cells[i] == 5 : cells[i] ==
			      dlpar_tree_get_u32(t, nodes[i], name, len));
}

/* Every path in one call; then a few bytes of the input as paths. */
static void check_paths(const struct dlpar_tree *t, struct choices *c,
			const int64_t *nodes, size_t n)
{
	char *paths = malloc(MAX_NODES * 256);
	int64_t found[MAX_NODES];
	size_t i, at = 0, shown = 0;

	check(paths);
	for (i = 0; i < n; i++) {
		int64_t len = dlpar_tree_path_of(t, paths + at, 255, nodes[i]);

		if (len <= 0)
			break;
		at += (size_t)len;
		paths[at++] = 0;
		shown++;
	}
	if (shown) {
		check(dlpar_tree_paths(t, found, shown, paths, at - 1) >= 0);
		at = 0;
		for (i = 0; i < shown; i++) {
			size_t len = strlen(paths + at);

			check(found[i] == dlpar_tree_path(t, paths + at, len));
			at += len + 1;
		}
	}
	free(paths);
	dlpar_tree_paths(t, found, choose(c, MAX_NODES), (const char *)c->ops,
			 c->ops_len);
}

static void check_above(const struct dlpar_tree *t, int64_t node)
{
	int64_t depth = dlpar_tree_depth_of(t, node), up[MAX_NODES];

	check(depth >= 0);
	check(dlpar_tree_ancestors(t, up, MAX_NODES, node) == depth);
	check(dlpar_tree_supernode(t, node, (uint32_t)depth) == node);
	check(dlpar_tree_supernode(t, node, 0) == dlpar_tree_root(t));
	check(!depth || up[0] == dlpar_tree_parent(t, node));
}

static void search(const struct dlpar_tree *t, struct choices *c, int64_t from)
{
	const char *ops = (const char *)c->ops;
	size_t len = c->ops_len ? choose(c, (unsigned int)c->ops_len) : 0;
	int64_t found[MAX_NODES];

	dlpar_tree_find_compatible(t, found, MAX_NODES, from, ops, len);
	dlpar_tree_find_name(t, found, MAX_NODES, from, ops, len);
	dlpar_tree_find_prop(t, found, MAX_NODES, from, "x", 1, c->ops, len);
	dlpar_tree_descend(t, from, ops, len);
	dlpar_tree_is_compatible(t, from, ops, len);
}

/* The text of a subtree, to be freed; NULL for lack of memory. */
char *fuzz_text(const struct dlpar_tree *t, int64_t node, int64_t *len)
{
	struct dlpar_tree_label labels[MAX_NODES];
	int64_t n = dlpar_tree_labels(t, labels, MAX_NODES);
	uint32_t flags = node == dlpar_tree_root(t) ? DLPAR_DTS_HEADER : 0;
	size_t n_labels = n > 0 && n <= (int64_t)MAX_NODES ? (size_t)n : 0;
	char *text;

	*len = dlpar_tree_dts(t, NULL, 0, node, labels, n_labels, flags);
	if (!done(*len))
		return NULL;
	text = malloc((size_t)*len + 1);
	check(text && dlpar_tree_dts(t, text, (size_t)*len, node, labels,
				     n_labels, flags) == *len);
	return text;
}

void fuzz_reads(const struct dlpar_tree *t, struct choices *c)
{
	static const char *const names[] = { "reg", "phandle", "x", "none" };
	int64_t nodes[MAX_NODES], len;
	size_t i, n = nodes_of(t, nodes);

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		check_column(t, nodes, n, names[i]);
	check_paths(t, c, nodes, n);
	for (i = 0; i < n; i++)
		check_above(t, nodes[i]);
	search(t, c, nodes[choose(c, (unsigned int)n)]);
	free(fuzz_text(t, nodes[choose(c, (unsigned int)n)], &len));
}
