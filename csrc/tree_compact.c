// SPDX-License-Identifier: Apache-2.0
/*
 * tree_compact.c - write-out without the names that nothing uses.
 *
 * A bit for each byte of the strings block says whether it is kept: those from
 * where a used name begins to its NUL. The new place of a name is the number of
 * kept bytes before it, so names stay in order, and one that was the end of
 * another still is. The tree itself must never change: handles, templates and
 * the journal hold name numbers.
 *
 * Source: Devicetree Specification 0.4, section 5.5.
 */
#include "tree.h"

/* Which bytes of the strings block are kept. */
struct kept {
	uint64_t *bits;
	uint32_t *before;		/* kept bytes before each word of bits */
	uint32_t n_words;
	uint32_t len;			/* kept bytes in all */
};

static size_t kept_size(const struct kept *k)
{
	return k->n_words * (sizeof(*k->bits) + sizeof(*k->before));
}

static bool kept_bit(const struct kept *k, uint32_t off)
{
	return k->bits[off / 64] >> off % 64 & 1;
}

/* Keep the name at @off: the bytes up to its NUL, or to some that are kept. */
static void keep(struct kept *k, const uint8_t *strings, uint32_t off)
{
	for (; !kept_bit(k, off); off++) {
		k->bits[off / 64] |= (uint64_t)1 << off % 64;
		if (!strings[off])
			return;
	}
}

static void keep_names(struct kept *k, const struct dlpar_tree *t,
		       const struct tree_node *n)
{
	const uint8_t *p = n->img + tree_head_len(n->name_len);
	const uint8_t *end = n->img + n->img_len;

	for (; p < end; p += tree_prop_len(wire_get32(p + 4)))
		keep(k, t->strings, wire_get32(p + 8));
}

static int kept_open(struct kept *k, struct dlpar_tree *t)
{
	uint32_t i;

	k->n_words = t->strings_len / 64 + 1;
	k->bits = arena_resize(&t->arena, NULL, 0, kept_size(k));
	if (!k->bits)
		return DLPAR_ERR_NOMEM;
	memset(k->bits, 0, kept_size(k));
	k->before = (uint32_t *)(k->bits + k->n_words);
	for (i = 0; i != NIL; i = tree_after(t, 0, i))
		keep_names(k, t, &t->nodes[i]);
	for (i = 0, k->len = 0; i < k->n_words; i++) {
		k->before[i] = k->len;
		k->len += (uint32_t)__builtin_popcountll(k->bits[i]);
	}
	return DLPAR_OK;
}

static void kept_close(struct kept *k, struct dlpar_tree *t)
{
	arena_release(&t->arena, k->bits, kept_size(k));
}

/* Where the string at @off comes to lie. */
static uint32_t kept_place(const struct kept *k, uint32_t off)
{
	uint64_t below = k->bits[off / 64] & (((uint64_t)1 << off % 64) - 1);

	return k->before[off / 64] + (uint32_t)__builtin_popcountll(below);
}

/* A node's image, with its names where they come to lie. */
static uint8_t *put_image(const struct kept *k, const struct tree_node *n,
			  uint8_t *w)
{
	uint8_t *p = w + tree_head_len(n->name_len), *end = w + n->img_len;

	memcpy(w, n->img, n->img_len);
	for (; p < end; p += tree_prop_len(wire_get32(p + 4)))
		wire_put32(p + 8, kept_place(k, wire_get32(p + 8)));
	return end;
}

static uint8_t *put_tree(const struct kept *k, const struct dlpar_tree *t,
			 uint8_t *w)
{
	uint32_t i = 0;

	for (;;) {
		w = put_image(k, &t->nodes[i], w);
		if (t->nodes[i].first != NIL) {
			i = t->nodes[i].first;
			continue;
		}
		for (;; i = t->nodes[i].parent) {
			wire_put32(w, DLPAR_FDT_END_NODE);
			w += END_NODE_LEN;
			if (!i)
				return w;
			if (t->nodes[i].next != NIL)
				break;
		}
		i = t->nodes[i].next;
	}
}

static void put_strings(const struct kept *k, const struct dlpar_tree *t,
			uint8_t *w)
{
	uint32_t off;

	for (off = 0; off < t->strings_len; off++)
		if (kept_bit(k, off))
			*w++ = t->strings[off];
}

static int64_t put(const struct kept *k, const struct dlpar_tree *t,
		   uint8_t *out, size_t cap)
{
	struct fdt_header h;
	int64_t size = header_begin(&h, t, k->len, out, cap);
	uint8_t *w;

	if (size < 0)
		return size;
	w = put_tree(k, t, out + h.struct_off);
	wire_put32(w, DLPAR_FDT_END);
	put_strings(k, t, out + h.strings_off);
	return size;
}

/* Without @out, the size alone. */
static int64_t compact(struct dlpar_tree *t, uint8_t *out, size_t cap)
{
	struct fdt_header h;
	struct kept k;
	int64_t ret;

	if (!tree_enter(t))
		return DLPAR_ERR_BUSY;
	ret = kept_open(&k, t);
	if (!ret) {
		ret = out ? put(&k, t, out, cap) : header_plan(&h, t, k.len);
		kept_close(&k, t);
	}
	tree_leave(t);
	return ret;
}

int64_t dlpar_tree_compact(struct dlpar_tree *t, uint8_t *out, size_t cap)
{
	return out ? compact(t, out, cap) : DLPAR_ERR_NOSPACE;
}

int64_t dlpar_tree_compact_size(struct dlpar_tree *t)
{
	return compact(t, NULL, 0);
}
