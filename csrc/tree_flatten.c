// SPDX-License-Identifier: Apache-2.0
/*
 * tree_flatten.c - tree to flattened blob.
 *
 * Only nodes on the way to a change are visited: a run of clean subtrees that
 * also lie side by side in the blob is one copy, and so is an image. Records in
 * the middle of a run are not read. Nothing recurses.
 *
 * Source: Devicetree Specification 0.4, chapter 5; version 17, compatible 16.
 */
#include "tree.h"

#define BLOCK 64u

#if defined(__x86_64__) && defined(__GNUC__)
#define WIDE __attribute__((target("avx2")))
#define HAVE_WIDE __builtin_cpu_supports("avx2")
#else
#define WIDE
#define HAVE_WIDE 0
#endif

/*
 * A run goes to any distance from where it lay. memcpy() was measured at a tenth
 * of its speed where that is a few bytes modulo a page (it picks "rep movsb",
 * and each load waits for the store before it); whole blocks loaded before they
 * are stored run at the speed of memory wherever they go.
 */
typedef uint64_t half_block
	__attribute__((vector_size(BLOCK / 2), aligned(1), may_alias));

static inline __attribute__((always_inline))
void copy_block(uint8_t *w, const uint8_t *from)
{
	const half_block *src = (const half_block *)from;
	half_block *dst = (half_block *)w, a = src[0], b = src[1];

	dst[0] = a;
	dst[1] = b;
}

/* @n is at least a block; the last block may overlap the one before. */
static inline __attribute__((always_inline))
void copy_blocks(uint8_t *w, const uint8_t *from, size_t n)
{
	size_t i = BLOCK - (uintptr_t)w % BLOCK;

	copy_block(w, from);
	for (; i < n - BLOCK; i += BLOCK)
		copy_block(w + i, from + i);
	copy_block(w + n - BLOCK, from + n - BLOCK);
}

WIDE static void copy_wide(uint8_t *w, const uint8_t *from, size_t n)
{
	copy_blocks(w, from, n);
}

static void copy_narrow(uint8_t *w, const uint8_t *from, size_t n)
{
	copy_blocks(w, from, n);
}

static uint8_t *copy(uint8_t *w, const uint8_t *from, size_t len)
{
	if (len < BLOCK)
		memcpy(w, from, len);
	else if (HAVE_WIDE)
		copy_wide(w, from, len);
	else
		copy_narrow(w, from, len);
	return w + len;
}

/* The first record from @i on that is cut, or NIL. */
static uint32_t next_cut(const struct dlpar_tree *t, uint32_t i)
{
	uint32_t word = i / 64, last = t->n_cuts / 64;
	uint64_t bits = t->cuts[word] & ~(uint64_t)0 << i % 64;

	while (!bits && word < last)
		bits = t->cuts[++word];
	return bits ? word * 64 + (uint32_t)__builtin_ctzll(bits) : NIL;
}

/*
 * Copy @c and the clean siblings that follow it in the blob; @c becomes the
 * next. A cut of another parent's child comes after the last of ours; and where
 * a record of the blob was linked anew, so that a later one may be an earlier
 * child, it and the last child are cut (tree_relink()).
 */
static uint8_t *copy_run(const struct dlpar_tree *t, uint8_t *w, uint32_t *c)
{
	const struct tree_node *nodes = t->nodes, *first = &nodes[*c];
	uint32_t off = first->at.span.off, end, last;
	uint32_t cut = next_cut(t, *c);

	if (cut == NIL || nodes[cut].parent != first->parent) {
		last = nodes[first->parent].last;
		*c = NIL;
	} else if (nodes[cut].flags & NODE_DIRTY) {
		last = nodes[cut].prev;
		*c = cut;
	} else {
		last = cut;
		*c = nodes[cut].next;
	}
	end = nodes[last].at.span.off + nodes[last].at.span.len;
	return copy(w, t->blob + t->struct_off + off, end - off);
}

static uint8_t *copy_tree(const struct dlpar_tree *t, uint8_t *w)
{
	uint32_t i = 0, c;

	if (!(t->nodes[0].flags & NODE_DIRTY))
		return copy(w, t->blob + t->struct_off + t->nodes[0].at.span.off,
			    t->nodes[0].at.span.len);
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

int64_t tree_flat_size(const struct dlpar_tree *t)
{
	struct fdt_header h;

	return header_plan(&h, t, t->strings_len);
}

int64_t dlpar_tree_flat_size(const struct dlpar_tree *t)
{
	return TREE_READ(t, tree_flat_size(t));
}

int64_t tree_flatten(const struct dlpar_tree *t, uint8_t *out, size_t cap)
{
	struct fdt_header h;
	int64_t size = header_begin(&h, t, t->strings_len, out, cap);
	uint8_t *w;

	if (size < 0)
		return size;
	w = copy_tree(t, out + h.struct_off);
	wire_put32(w, DLPAR_FDT_END);
	copy(out + h.strings_off, t->strings, t->strings_len);
	return size;
}

int64_t dlpar_tree_flatten(const struct dlpar_tree *t, uint8_t *out, size_t cap)
{
	return TREE_READ(t, tree_flatten(t, out, cap));
}

static int64_t flat(const struct dlpar_tree *t, const char **blob)
{
	if (!t->flat || t->nodes[0].flags & NODE_DIRTY ||
	    t->strings_len != t->blob_strings ||
	    t->blob_len != tree_flat_size(t))
		return DLPAR_ERR_NOTFOUND;
	*blob = (const char *)t->blob;
	return t->blob_len;
}

int64_t dlpar_tree_flat(const struct dlpar_tree *t, const char **blob)
{
	return TREE_READ(t, flat(t, blob));
}
