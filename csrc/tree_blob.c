// SPDX-License-Identifier: Apache-2.0
/*
 * tree_blob.c - the blob behind a tree: copied, or the caller's.
 *
 * A borrowed blob is only read. Before the first byte of it would change, in
 * place, the tree takes a copy, and what pointed into the caller's points into
 * that: images of nodes, and those that the journal would restore.
 */
#include "tree.h"

static uint8_t *copy_of(struct dlpar_tree *t, const uint8_t *blob, uint32_t len)
{
	uint8_t *copy = arena_resize(&t->arena, NULL, 0, len);

	if (copy)
		memcpy(copy, blob, len);
	return copy;
}

/* Make @len bytes at @blob the tree's, as @flags say. */
int tree_blob_take(struct dlpar_tree *t, const uint8_t *blob, uint32_t len,
		   uint32_t flags)
{
	t->borrowed = flags & DLPAR_TREE_BORROW;
	t->blob = t->borrowed ? (uint8_t *)(uintptr_t)blob :
				copy_of(t, blob, len);
	if (!t->blob)
		return DLPAR_ERR_NOMEM;
	t->blob_len = len;
	return DLPAR_OK;
}

/* Where @img is, once @copy stands for the caller's blob. */
static uint8_t *moved(const struct dlpar_tree *t, uint8_t *copy, uint8_t *img)
{
	uintptr_t off = (uintptr_t)img - (uintptr_t)t->blob;

	return off < t->blob_len ? copy + off : img;
}

/* From here on the blob may be written to. */
int tree_blob_own(struct dlpar_tree *t)
{
	uint8_t *copy = copy_of(t, t->blob, t->blob_len);
	uint32_t i;

	if (!copy)
		return DLPAR_ERR_NOMEM;
	for (i = 0; i < t->n_nodes; i++)
		t->nodes[i].img = moved(t, copy, t->nodes[i].img);
	for (i = 0; i < t->journal_len; i++) {
		struct journal_entry *e = &t->journal[i];

		if (e->op == JOURNAL_IMAGE || e->op == JOURNAL_RENAMED)
			e->old.block = moved(t, copy, e->old.block);
	}
	t->blob = copy;
	t->borrowed = false;
	return DLPAR_OK;
}
