// SPDX-License-Identifier: Apache-2.0
/*
 * tree_dir.c - the property directory: a property without a scan of the image.
 *
 * A run of numbers per node: how many properties, then for each the place of
 * its record in the image, in words, and the low half of its name's number.
 * The runs of nodes in the blob lie in one array, in order; a node with an
 * image of its own has a block. Without a run, or where a half does not fit,
 * the image is scanned, so a run may be dropped at any time.
 */
#include "tree.h"

#define HALF 0xffffu
#define WORTH_IT 4u		/* fewer properties are scanned as fast */

static int grow(struct dlpar_tree *t)
{
	uint32_t cap = t->dir_cap + t->dir_cap / 2 + 64;
	uint32_t *d = arena_resize(&t->arena, t->dir,
				   t->dir_cap * sizeof(*d),
				   cap * sizeof(*d));

	if (!d)
		return DLPAR_ERR_NOMEM;
	t->dir = d;
	t->dir_cap = cap;
	return DLPAR_OK;
}

/* Begin the run of a node in the blob; entries of others may not come between. */
int tree_dir_open(struct dlpar_tree *t, struct tree_node *n)
{
	if (t->dir_len == t->dir_cap && grow(t))
		return DLPAR_ERR_NOMEM;
	n->u.dir = t->dir_len;
	t->dir[t->dir_len++] = 0;
	return DLPAR_OK;
}

/* The record at @off of the node's image has this name. */
int tree_dir_add(struct dlpar_tree *t, struct tree_node *n, uint32_t off,
		 uint32_t name)
{
	if (n->flags & NODE_SCAN)
		return DLPAR_OK;
	if (off / 4 > HALF) {
		n->flags |= NODE_SCAN;
		return DLPAR_OK;
	}
	if (t->dir_len == t->dir_cap && grow(t))
		return DLPAR_ERR_NOMEM;
	t->dir[t->dir_len++] = off / 4 << 16 | (name & HALF);
	t->dir[n->u.dir]++;
	return DLPAR_OK;
}

/* A run for an image of the node's own; without memory there is none. */
void tree_dir_make(struct dlpar_tree *t, struct tree_node *n)
{
	uint32_t off, count = 0, cap, *d;

	n->at.dir = NULL;
	for (off = tree_head_len(n->name_len); off < n->img_len;
	     off += tree_prop_len(wire_get32(n->img + off + 4)))
		count++;
	if (count < WORTH_IT || n->img_len / 4 > HALF)
		return;
	d = arena_block(&t->arena, (count + 1) * 4, &cap);
	if (!d)
		return;
	n->at.dir = d;
	*d++ = count;
	for (off = tree_head_len(n->name_len); off < n->img_len;
	     off += tree_prop_len(wire_get32(n->img + off + 4)))
		*d++ = off / 4 << 16 | (wire_get32(n->img + off + 8) & HALF);
}

/* The image is about to change its layout. */
void tree_dir_drop(struct dlpar_tree *t, struct tree_node *n)
{
	if (!(n->flags & NODE_OWN) || !n->at.dir)
		return;
	arena_unblock(&t->arena, n->at.dir, (*n->at.dir + 1) * 4);
	n->at.dir = NULL;
}

static uint8_t *by_dir(const struct tree_node *n, const uint32_t *d,
		       uint32_t name)
{
	uint32_t i, count = *d++;

	for (i = 0; i < count; i++) {
		uint8_t *p = n->img + (d[i] >> 16) * 4;

		if ((d[i] & HALF) == (name & HALF) && wire_get32(p + 8) == name)
			return p;
	}
	return NULL;
}

/* The first PROP record of the node with this name, or NULL. */
uint8_t *tree_prop(const struct dlpar_tree *t, const struct tree_node *n,
		   uint32_t name)
{
	uint8_t *p = n->img + tree_head_len(n->name_len);
	uint8_t *end = n->img + n->img_len;

	wire_prefetch(n->img + n->img_len / 4);
	wire_prefetch(n->img + n->img_len / 2);
	if (!(n->flags & (NODE_OWN | NODE_SCAN)))
		return by_dir(n, t->dir + n->u.dir, name);
	if (n->flags & NODE_OWN && n->at.dir)
		return by_dir(n, n->at.dir, name);
	for (; p < end; p += tree_prop_len(wire_get32(p + 4)))
		if (wire_get32(p + 8) == name)
			return p;
	return NULL;
}
