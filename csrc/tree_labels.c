// SPDX-License-Identifier: Apache-2.0
/*
 * tree_labels.c - labels of source text, from the node __symbols__.
 *
 * `dtc -@` keeps them there: a property of the label's name holds the path of
 * the node. The table is the caller's, sorted in place: hostile symbols cost
 * n log n, and no memory.
 *
 * Source: dtc, Documentation/dt-object-internal.txt.
 */
#include "tree.h"

#define SYMBOLS "__symbols__"

static bool is_label_char(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       (c >= '0' && c <= '9');
}

static bool is_label(const uint8_t *s, size_t len)
{
	size_t i = 0;

	while (i < len && is_label_char(s[i]))
		i++;
	return len && i == len && (s[0] < '0' || s[0] > '9');
}

/* The node of a path in which every name is complete, or NIL. */
static uint32_t exact_path(const struct dlpar_tree *t, const uint8_t *p,
			   uint32_t len)
{
	uint32_t at = 0, i = 0, start;

	if (!len || *p != '/')
		return NIL;
	while (i < len && at != NIL) {
		for (start = i; i < len && p[i] != '/'; )
			i++;
		if (i > start)
			at = tree_index_child(t, at, p + start, i - start);
		else
			i++;
	}
	return at;
}

/* The label that the property at @p stands for. */
static bool read_symbol(const struct dlpar_tree *t, const uint8_t *p,
			struct dlpar_tree_label *out)
{
	const uint8_t *name = t->strings + wire_get32(p + 8);
	const uint8_t *value = p + 12;
	const uint8_t *nul = memchr(value, 0, wire_get32(p + 4));
	uint32_t i;

	out->name = (const char *)name;
	out->name_len = (uint32_t)strlen(out->name);
	if (!nul || !is_label(name, out->name_len))
		return false;
	i = exact_path(t, value, (uint32_t)(nul - value));
	if (i == NIL || !i)
		return false;
	out->node = tree_handle(t, i);
	return true;
}

/* By node; of one node the last first, as dtc has them. */
static bool comes_before(const struct dlpar_tree_label *a,
			 const struct dlpar_tree_label *b)
{
	return a->node != b->node ? a->node < b->node : a->rank > b->rank;
}

static void swap_labels(struct dlpar_tree_label *a, struct dlpar_tree_label *b)
{
	struct dlpar_tree_label old = *a;

	*a = *b;
	*b = old;
}

static void sift_down(struct dlpar_tree_label *l, size_t i, size_t n)
{
	size_t child;

	for (; (child = 2 * i + 1) < n; i = child) {
		if (child + 1 < n && comes_before(&l[child], &l[child + 1]))
			child++;
		if (!comes_before(&l[i], &l[child]))
			return;
		swap_labels(&l[i], &l[child]);
	}
}

/* A heap sort: no worst case, no memory. */
static void sort_labels(struct dlpar_tree_label *l, size_t n)
{
	size_t i;

	for (i = n / 2; i-- > 0; )
		sift_down(l, i, n);
	for (i = n; i-- > 1; ) {
		swap_labels(&l[0], &l[i]);
		sift_down(l, 0, i);
	}
}

static int64_t read_labels(const struct dlpar_tree *t,
			   struct dlpar_tree_label *out, size_t cap)
{
	uint32_t i = tree_index_child(t, 0, (const uint8_t *)SYMBOLS,
				      sizeof(SYMBOLS) - 1);
	struct dlpar_tree_label one = { 0 };
	const uint8_t *p, *end;
	size_t n = 0;

	if (i == NIL)
		return 0;
	p = t->nodes[i].img + tree_head_len(t->nodes[i].name_len);
	end = t->nodes[i].img + t->nodes[i].img_len;
	for (; p < end; p += tree_prop_len(wire_get32(p + 4))) {
		if (!read_symbol(t, p, &one))
			continue;
		if (n < cap)
			out[n] = one;
		n++;
		one.rank++;
	}
	if (n <= cap)
		sort_labels(out, n);
	return (int64_t)n;
}

int64_t dlpar_tree_labels(const struct dlpar_tree *t,
			  struct dlpar_tree_label *out, size_t cap)
{
	return TREE_READ(t, read_labels(t, out, cap));
}
