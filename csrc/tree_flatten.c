// SPDX-License-Identifier: Apache-2.0
/*
 * tree_flatten.c - tree to flattened blob.
 *
 * Only nodes on the way to a change are visited: a run of clean subtrees that
 * also lie side by side in the blob is one copy, and so is an image. Nothing
 * recurses.
 *
 * Source: Devicetree Specification 0.4, chapter 5; version 17, compatible 16.
 */
#include "tree.h"

#define PAGE 4096u
#define CLOSE 31u
#define LINE 64u
#define BLOCK 128u
#define LONG 1024u

/*
 * A run usually goes to a few bytes behind where it lay, modulo the page size:
 * there each load seems to depend on the store just before it, and memcpy()
 * was measured at a tenth of its speed. Backwards, loads keep ahead of stores.
 */
static void copy_backwards(uint8_t *w, const uint8_t *from, size_t n)
{
	size_t tail = (uintptr_t)(w + n) % LINE;

	n -= tail;
	memcpy(w + n, from + n, tail);
	for (; n >= BLOCK; n -= BLOCK)
		memcpy(w + n - BLOCK, from + n - BLOCK, BLOCK);
	memcpy(w, from, n);
}

static uint8_t *copy(uint8_t *w, const uint8_t *from, size_t len)
{
	if (len >= LONG && ((uintptr_t)w - (uintptr_t)from) % PAGE <= CLOSE)
		copy_backwards(w, from, len);
	else
		memcpy(w, from, len);
	return w + len;
}

/* Copy the clean siblings that follow @c in the blob; @c becomes the next. */
static uint8_t *copy_run(const struct dlpar_tree *t, uint8_t *w, uint32_t *c)
{
	const struct tree_node *nodes = t->nodes;
	uint32_t i = *c, off = nodes[i].at.span.off, end = off;

	while (i != NIL && !(nodes[i].flags & NODE_DIRTY) &&
	       nodes[i].at.span.off == end) {
		end += nodes[i].at.span.len;
		i = nodes[i].next;
	}
	*c = i;
	return copy(w, t->blob + t->struct_off + off, end - off);
}

static uint8_t *copy_tree(const struct dlpar_tree *t, uint8_t *w)
{
	uint32_t i = 0, c;

	if (!(t->nodes[0].flags & NODE_DIRTY)) {
		c = 0;
		return copy_run(t, w, &c);
	}
	w = copy(w, t->nodes[0].img, t->nodes[0].img_len);
	c = t->nodes[0].first;
	for (;;) {
		if (c == NIL) {
			wire_put32(w, DLPAR_FDT_END_NODE);
			w += END_NODE_LEN;
			if (!i)
				return w;
			c = t->nodes[i].next;
			i = t->nodes[i].parent;
		} else if (t->nodes[c].flags & NODE_DIRTY) {
			w = copy(w, t->nodes[c].img, t->nodes[c].img_len);
			i = c;
			c = t->nodes[c].first;
		} else {
			w = copy_run(t, w, &c);
		}
	}
}

int64_t dlpar_tree_flat_size(const struct dlpar_tree *t)
{
	int64_t size = (int64_t)FDT_HEADER_LEN + t->rsv_len + t->struct_len + 4 +
		       t->strings_len;

	return size > DLPAR_TREE_SIZE_MAX ? DLPAR_ERR_TOOBIG : size;
}

int64_t dlpar_tree_flatten(const struct dlpar_tree *t, uint8_t *out, size_t cap)
{
	int64_t size = dlpar_tree_flat_size(t);
	struct fdt_header h = { 0 };
	uint8_t *w;

	if (size < 0)
		return size;
	if ((uint64_t)size > cap)
		return DLPAR_ERR_NOSPACE;
	h.total = (uint32_t)size;
	h.rsv_off = FDT_HEADER_LEN;
	h.struct_off = h.rsv_off + t->rsv_len;
	h.struct_len = t->struct_len + 4;
	h.strings_off = h.struct_off + h.struct_len;
	h.strings_len = t->strings_len;
	h.boot_cpu = t->boot_cpu;
	header_write(out, &h);
	copy(out + h.rsv_off, t->rsv, t->rsv_len);
	w = copy_tree(t, out + h.struct_off);
	wire_put32(w, DLPAR_FDT_END);
	copy(w + 4, t->strings, t->strings_len);
	return size;
}

int64_t dlpar_tree_flat(const struct dlpar_tree *t, const char **blob)
{
	if (!t->flat || t->nodes[0].flags & NODE_DIRTY ||
	    t->strings_len != t->blob_strings ||
	    t->blob_len != dlpar_tree_flat_size(t))
		return DLPAR_ERR_NOTFOUND;
	*blob = (const char *)t->blob;
	return t->blob_len;
}
