// SPDX-License-Identifier: Apache-2.0
/*
 * tree_cells.c - nodes by the value of a property of one cell.
 *
 * Nobody pays for what nobody asks: a look-up that had to visit many nodes notes
 * the name, and the next transaction begins with a table for it. From then on
 * each edit keeps the table up. An entry is no more than a hint, which is
 * compared with the node before it counts; but no node with the value is ever
 * missing, so that none found is an answer. Where more than one fits, the first
 * in tree order is wanted, and the caller searches.
 *
 * A table that is full, or for which there is no memory, is dropped, to be made
 * anew with the next transaction. A value that very many nodes share would make
 * each of them walk past the others: such a name gets no table.
 */
#include "tree.h"

#define CELLS_LONG 32u		/* nodes that a search may visit unnoticed */
#define CELLS_SAME 64u		/* nodes that may share a value */
#define CELLS_MASK 63u

bool tree_cell_is(const struct dlpar_tree *t, uint32_t idx, uint32_t name,
		  uint32_t value)
{
	const uint8_t *p = tree_prop(t, &t->nodes[idx], name);

	return p && wire_get32(p + 4) == 4 && wire_get32(p + 12) == value;
}

static uint32_t cell_key(const struct dlpar_tree *t, uint32_t value)
{
	uint32_t key = tree_hash_key(t, value);

	return key ? key : 1;
}

static const struct cells_table *table_of(const struct dlpar_tree *t,
					  uint32_t name)
{
	uint32_t i;

	for (i = 0; i < t->cells.n; i++)
		if (t->cells.table[i].name == name)
			return &t->cells.table[i];
	return NULL;
}

/*
 * The only node that fits, NIL where there is none.
 *
 * returns: false where there is no table, or more than one fits
 */
bool tree_cells_find(const struct dlpar_tree *t, const struct cells_wanted *w,
		     uint32_t *idx)
{
	const struct cells_table *c = table_of(t, w->name);
	uint32_t key = cell_key(t, w->value), j;
	const struct tree_slot *s;

	if (!c || !c->hash.slots)
		return false;
	*idx = NIL;
	s = c->hash.slots;
	for (j = key & c->hash.mask; s[j].key; j = (j + 1) & c->hash.mask) {
		if (s[j].key != key || !(t->nodes[s[j].idx].flags & NODE_LIVE) ||
		    !tree_cell_is(t, s[j].idx, w->name, w->value) ||
		    !w->fits(t, s[j].idx, w))
			continue;
		if (*idx != NIL)
			return false;
		*idx = s[j].idx;
	}
	return true;
}

/* Readers may be many: of several wishes at once any one will do. */
void tree_cells_wish(const struct dlpar_tree *t, uint32_t name, uint32_t seen)
{
	struct dlpar_tree *own = (struct dlpar_tree *)(uintptr_t)t;

	if (seen > CELLS_LONG)
		atomic_store_explicit(&own->cells.wish, name + 1,
				      memory_order_relaxed);
}

static void drop(struct dlpar_tree *t, struct cells_table *c)
{
	arena_release(&t->arena, c->hash.slots,
		      (c->hash.mask + (size_t)1) * sizeof(*c->hash.slots));
	memset(&c->hash, 0, sizeof(c->hash));
}

static void put(struct dlpar_tree *t, struct cells_table *c, uint32_t idx,
		uint32_t value)
{
	uint32_t key = cell_key(t, value), m = c->hash.mask, j, same = 0;
	const struct tree_slot *s = c->hash.slots;

	for (j = key & m; s[j].key; j = (j + 1) & m) {
		if (s[j].key != key)
			continue;
		if (s[j].idx == idx)
			return;
		c->crowded |= ++same == CELLS_SAME;
	}
	if (c->crowded || c->hash.used >= m / 3 * 2)
		drop(t, c);
	else
		tree_hash_put(&c->hash, j, key, idx);
}

static void enter(struct dlpar_tree *t, struct cells_table *c, uint32_t idx)
{
	const uint8_t *p;

	if (!c->hash.slots)
		return;
	p = tree_prop(t, &t->nodes[idx], c->name);
	if (p && wire_get32(p + 4) == 4)
		put(t, c, idx, wire_get32(p + 12));
}

void tree_cells_enter(struct dlpar_tree *t, uint32_t idx)
{
	uint32_t i;

	for (i = 0; i < t->cells.n; i++)
		enter(t, &t->cells.table[i], idx);
}

static void leave(struct dlpar_tree *t, struct cells_table *c, uint32_t idx)
{
	const uint8_t *p = tree_prop(t, &t->nodes[idx], c->name);
	const struct tree_slot *s = c->hash.slots;
	uint32_t key, j;

	if (!s || !p || wire_get32(p + 4) != 4)
		return;
	key = cell_key(t, wire_get32(p + 12));
	for (j = key & c->hash.mask; s[j].key; j = (j + 1) & c->hash.mask) {
		if (s[j].key == key && s[j].idx == idx) {
			tree_hash_delete(&c->hash, key, idx);
			return;
		}
	}
}

/* The node is about to leave the tree; its properties are still there. */
void tree_cells_leave(struct dlpar_tree *t, uint32_t idx)
{
	uint32_t i;

	for (i = 0; i < t->cells.n; i++)
		leave(t, &t->cells.table[i], idx);
}

/* Large enough that making it anew costs little for each that came between. */
static uint32_t mask_for(const struct dlpar_tree *t, uint32_t name)
{
	uint32_t mask = CELLS_MASK, want = t->n_nodes / 8, n = 0, i;

	for (i = 0; i < t->n_nodes; i++)
		n += t->nodes[i].flags & NODE_LIVE &&
		     tree_prop(t, &t->nodes[i], name);
	while (mask / 4 < n || mask < want)
		mask = mask * 2 + 1;
	return mask;
}

static void make(struct dlpar_tree *t, struct cells_table *c)
{
	uint32_t i;

	if (c->crowded || c->hash.slots ||
	    tree_hash_grow(t, &c->hash, mask_for(t, c->name)))
		return;
	for (i = 0; i < t->n_nodes; i++)
		if (t->nodes[i].flags & NODE_LIVE)
			enter(t, c, i);
}

/* Make the table that was wished for; names beyond the first few get none. */
void tree_cells_grant(struct dlpar_tree *t)
{
	uint32_t wish = atomic_exchange_explicit(&t->cells.wish, 0,
						 memory_order_relaxed);
	uint32_t i;

	if (!wish)
		return;
	for (i = 0; i < t->cells.n; i++)
		if (t->cells.table[i].name == wish - 1)
			break;
	if (i == CELLS_NAMES)
		return;
	if (i == t->cells.n)
		t->cells.table[t->cells.n++].name = wish - 1;
	make(t, &t->cells.table[i]);
}

void tree_cells_free(struct dlpar_tree *t)
{
	uint32_t i;

	for (i = 0; i < t->cells.n; i++)
		drop(t, &t->cells.table[i]);
}
