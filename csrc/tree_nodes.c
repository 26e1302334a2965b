// SPDX-License-Identifier: Apache-2.0
/*
 * tree_nodes.c - the array of records, and how one comes and goes.
 *
 * A free record keeps its generation, and is given out again with the next one:
 * a handle of the node that it was is then known to be stale.
 */
#include "tree.h"

/* With what it takes to begin at a line: memory comes at any 16 bytes. */
static size_t block_size(uint32_t cap)
{
	return cap ? cap * sizeof(struct tree_node) + CACHE_LINE : 0;
}

static int resize_nodes(struct dlpar_tree *t, uint32_t cap)
{
	size_t was = (uintptr_t)t->nodes - (uintptr_t)t->nodes_block;
	uint8_t *p = arena_resize(&t->arena, t->nodes_block,
				  block_size(t->nodes_cap), block_size(cap));
	size_t now = -(uintptr_t)p & (CACHE_LINE - 1);

	if (!p)
		return DLPAR_ERR_NOMEM;
	if (was != now)
		memmove(p + now, p + was, t->n_nodes * sizeof(*t->nodes));
	t->nodes_block = p;
	t->nodes = (struct tree_node *)(void *)(p + now);
	t->nodes_cap = cap;
	return DLPAR_OK;
}

void tree_nodes_release(struct dlpar_tree *t)
{
	arena_release(&t->arena, t->nodes_block, block_size(t->nodes_cap));
}

static int grow_nodes(struct dlpar_tree *t)
{
	uint32_t cap = t->nodes_cap ? t->nodes_cap * 2 : 64;

	if (cap < t->nodes_cap || cap == NIL)
		return DLPAR_ERR_TOOBIG;
	return resize_nodes(t, cap);
}

/* Before a parse: room for @n nodes, where there is memory for a guess. */
void tree_nodes_expect(struct dlpar_tree *t, uint32_t n)
{
	(void)resize_nodes(t, n);
}

/* After a parse: room for some nodes more, not for half as many again. */
void tree_nodes_trim(struct dlpar_tree *t)
{
	uint32_t cap = t->n_nodes + t->n_nodes / 8 + 16;

	if (cap < t->nodes_cap)
		(void)resize_nodes(t, cap);
}

/* A record, blank but for its generation. */
int tree_new_node(struct dlpar_tree *t, uint32_t *idx)
{
	struct tree_node *n;
	uint32_t gen = 0;
	int err;

	if (t->free_node != NIL) {
		*idx = t->free_node;
		n = &t->nodes[*idx];
		t->free_node = n->next;
		gen = n->gen;
	} else {
		if (t->n_nodes == t->nodes_cap) {
			err = grow_nodes(t);
			if (err)
				return err;
		}
		*idx = t->n_nodes++;
		n = &t->nodes[*idx];
	}
	t->fresh = NIL;
	memset(n, 0, sizeof(*n));
	n->parent = n->first = n->last = n->next = n->prev = NIL;
	n->gen = gen;
	return DLPAR_OK;
}

/* A record whose generations are used up is not given out again. */
static inline void free_node(struct dlpar_tree *t, uint32_t idx)
{
	struct tree_node *n = &t->nodes[idx];

	if (n->flags & NODE_OWN)
		arena_unblock(&t->arena, n->img, n->img_cap);
	n->flags = 0;
	if (n->gen++ == GENERATION_MAX - 1)
		return;
	n->next = t->free_node;
	t->free_node = idx;
}

void tree_free_node(struct dlpar_tree *t, uint32_t idx)
{
	free_node(t, idx);
}

/* Free the records of a subtree that is out of links and tables. */
void tree_free_nodes(struct dlpar_tree *t, uint32_t top)
{
	uint32_t i = top, next, parent;

	for (;;) {
		while (t->nodes[i].first != NIL)
			i = t->nodes[i].first;
		next = t->nodes[i].next;
		parent = t->nodes[i].parent;
		free_node(t, i);
		if (i == top)
			return;
		if (next == NIL)
			t->nodes[parent].first = NIL;
		i = next == NIL ? parent : next;
	}
}
