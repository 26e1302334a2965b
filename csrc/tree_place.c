// SPDX-License-Identifier: Apache-2.0
/*
 * tree_place.c - nodes moved to another place; the header's own values.
 *
 * A moved subtree keeps its records, images and spans of the blob: what it
 * holds is not looked at. Only its place is cut out of the runs of siblings, by
 * tree_unlink() and tree_relink().
 */
#include "tree.h"

/* From where it is to before @next, or to the end, of its parent's children. */
void tree_put_at(struct dlpar_tree *t, uint32_t idx, uint32_t parent,
		 uint32_t next)
{
	struct tree_node *n = &t->nodes[idx];

	tree_dirty(t, parent);
	tree_unlink(t, idx);
	n->next = next;
	n->prev = next == NIL ? t->nodes[parent].last : t->nodes[next].prev;
	tree_relink(t, idx);
}

/* Another reserve map, of which the tree becomes the owner, or boot CPU. */
int tree_set_header(struct dlpar_tree *t, uint8_t *rsv, uint32_t rsv_len,
		    uint32_t boot_cpu)
{
	if (t->depth && journal_reserve(t)) {
		arena_release(&t->arena, rsv, rsv_len);
		return DLPAR_ERR_NOMEM;
	}
	if (t->depth)
		journal_header(t, rsv ? JOURNAL_RESERVATIONS : JOURNAL_BOOT_CPU);
	else if (rsv)
		arena_release(&t->arena, t->rsv, t->rsv_len);
	if (rsv) {
		t->rsv = rsv;
		t->rsv_len = rsv_len;
	}
	t->boot_cpu = boot_cpu;
	t->flat = false;
	t->edits++;
	return DLPAR_OK;
}
