// SPDX-License-Identifier: Apache-2.0
/*
 * tree_index.c - the hash tables over (parent, name) and phandle, and the
 * links between records.
 *
 * Open addressing, load below three fifths, deletion by backward shift: it
 * looks at all that follows, which at two thirds is half as much again. Of equal
 * names under one parent, or of equal phandles, only one stands in a table:
 * such a parent is searched by its list, such a tree by a walk, so that a blob
 * full of duplicates costs no more than one without. Nothing here recurses:
 * depth comes from the input.
 */
#include "tree.h"

#define MUL_A 0xa0761d6478bd642full
#define MUL_B 0xe7037ed1a0b428dbull
#define HASH_MIN 63u
#define INSERT_AHEAD 12u

static inline uint32_t hash_bytes(uint64_t seed, const uint8_t *s, size_t len)
{
	uint64_t h = seed ^ len, v;
	uint32_t a, b;

	for (; len >= 8; s += 8, len -= 8) {
		memcpy(&v, s, 8);
		h = wire_mix(h ^ v, MUL_A);
	}
	if (len >= 4) {
		memcpy(&a, s, 4);
		memcpy(&b, s + len - 4, 4);
		h = wire_mix(h ^ ((uint64_t)a << 32 | b), MUL_B);
	} else if (len) {
		v = (uint64_t)s[0] << 16 | (uint64_t)s[len >> 1] << 8 |
		    s[len - 1];
		h = wire_mix(h ^ v, MUL_B);
	}
	return (uint32_t)(h ^ h >> 32);
}

uint32_t tree_hash_bytes(uint64_t seed, const uint8_t *s, size_t len)
{
	return hash_bytes(seed, s, len);
}

static uint32_t child_key(uint32_t parent, uint32_t hash)
{
	uint64_t v = ((uint64_t)parent << 32 | hash) + MUL_A;
	uint32_t key = (uint32_t)wire_mix(v, MUL_B);

	return key ? key : 1;
}

/* One to one, 0 to 0: a key is as unique as its phandle. */
uint32_t tree_hash_key(const struct dlpar_tree *t, uint32_t phandle)
{
	uint32_t key = phandle * (((uint32_t)t->seed ^ 0x9e3779b1u) | 1);

	key ^= key >> 15;
	key *= ((uint32_t)(t->seed >> 32) ^ 0x85ebca6bu) | 1;
	return key ^ key >> 16;
}

int tree_hash_grow(struct dlpar_tree *t, struct tree_hash *h, uint32_t mask)
{
	size_t size = (mask + (size_t)1) * sizeof(*h->slots);
	struct tree_slot *s = arena_resize(&t->arena, NULL, 0, size);
	uint32_t i, j;

	if (!s)
		return DLPAR_ERR_NOMEM;
	memset(s, 0, size);
	for (i = 0; h->slots && i <= h->mask; i++) {
		if (!h->slots[i].key)
			continue;
		for (j = h->slots[i].key & mask; s[j].key; )
			j = (j + 1) & mask;
		s[j] = h->slots[i];
	}
	if (h->slots)
		arena_release(&t->arena, h->slots,
			      (h->mask + (size_t)1) * sizeof(*s));
	h->slots = s;
	h->mask = mask;
	return DLPAR_OK;
}

void tree_hash_put(struct tree_hash *h, uint32_t at, uint32_t key,
		     uint32_t idx)
{
	h->slots[at].key = key;
	h->slots[at].idx = idx;
	h->used++;
}

static inline void hash_delete(struct tree_hash *h, uint32_t key, uint32_t idx)
{
	struct tree_slot *s = h->slots;
	uint32_t m = h->mask, j = key & m, k;

	while (s[j].key != key || s[j].idx != idx)
		j = (j + 1) & m;
	h->used--;
	for (k = (j + 1) & m; s[k].key; k = (k + 1) & m) {
		if (((k - s[k].key) & m) < ((k - j) & m))
			continue;
		s[j] = s[k];
		j = k;
	}
	s[j].key = 0;
}

void tree_hash_delete(struct tree_hash *h, uint32_t key, uint32_t idx)
{
	hash_delete(h, key, idx);
}

static uint32_t room_of(uint32_t mask)
{
	return mask / 5 * 3;
}

/* The tables are full; after an error one of them may have been grown. */
int tree_index_grow(struct dlpar_tree *t)
{
	struct tree_hash *h[2] = { &t->children, &t->phandles };
	unsigned int i;
	int err;

	for (i = 0; i < 2; i++) {
		if (t->live < room_of(h[i]->mask))
			continue;
		err = tree_hash_grow(t, h[i], h[i]->mask * 2 + 1);
		if (err)
			return err;
	}
	t->index_room = room_of(t->children.mask);
	return DLPAR_OK;
}

static inline bool name_equal(const struct tree_node *n, const uint8_t *name,
		       uint32_t len)
{
	return n->name_len == len && wire_same(tree_node_name(n), name, len);
}

static uint32_t child_by_list(const struct dlpar_tree *t, uint32_t parent,
			      const uint8_t *name, uint32_t len)
{
	uint32_t i = t->nodes[parent].first;

	while (i != NIL && !name_equal(&t->nodes[i], name, len))
		i = t->nodes[i].next;
	return i;
}

/* The child of this name, or NIL and the slot where it would stand. */
static inline uint32_t probe(const struct dlpar_tree *t, uint32_t parent,
			     struct node_name *name)
{
	const struct tree_slot *s = t->children.slots;
	uint32_t m = t->children.mask, j;

	name->key = child_key(parent, name->hash);
	name->slot = NIL;
	if (t->nodes[parent].flags & NODE_DUPS)
		return child_by_list(t, parent, name->s, name->len);
	for (j = name->key & m; s[j].key; j = (j + 1) & m) {
		const struct tree_node *n;

		if (s[j].key != name->key)
			continue;
		n = &t->nodes[s[j].idx];
		if (n->parent == parent && name_equal(n, name->s, name->len))
			return s[j].idx;
	}
	name->slot = j;
	return NIL;
}

uint32_t tree_index_child(const struct dlpar_tree *t, uint32_t parent,
			  const uint8_t *name, uint32_t len)
{
	struct node_name n = {
		.s = name, .len = len, .hash = hash_bytes(t->seed, name, len)
	};

	return probe(t, parent, &n);
}

/* The same where the name may be a new node's: then its place is kept. */
uint32_t tree_index_twin(const struct dlpar_tree *t, uint32_t parent,
			 struct node_name *name)
{
	return probe(t, parent, name);
}

static inline void child_put(struct dlpar_tree *t, uint32_t idx, uint32_t slot,
			     uint32_t key)
{
	tree_hash_put(&t->children, slot, key, idx);
	t->nodes[idx].flags |= NODE_HASHED;
}

static inline void child_insert(struct dlpar_tree *t, uint32_t idx)
{
	const struct tree_node *n = &t->nodes[idx];
	struct node_name name = {
		.s = tree_node_name(n), .len = n->name_len, .hash = n->hash
	};

	if (t->nodes[n->parent].flags & NODE_DUPS)
		return;
	if (probe(t, n->parent, &name) != NIL)
		t->nodes[n->parent].flags |= NODE_DUPS;
	else
		child_put(t, idx, name.slot, name.key);
}

static inline void phandle_insert(struct dlpar_tree *t, uint32_t idx)
{
	struct tree_node *n = &t->nodes[idx];
	uint32_t key = tree_hash_key(t, n->phandle), m = t->phandles.mask, j;
	const struct tree_slot *s = t->phandles.slots;

	if (!n->phandle)
		return;
	if (n->phandle > t->top_phandle)
		t->top_phandle = n->phandle;
	for (j = key & m; s[j].key; j = (j + 1) & m) {
		if (s[j].key == key) {
			t->dup_phandles = true;
			return;
		}
	}
	tree_hash_put(&t->phandles, j, key, idx);
	n->flags |= NODE_PHASHED;
}

static inline void phandle_remove(struct dlpar_tree *t, uint32_t idx)
{
	struct tree_node *n = &t->nodes[idx];

	if (n->flags & NODE_PHASHED)
		hash_delete(&t->phandles, tree_hash_key(t, n->phandle), idx);
	n->flags &= (uint16_t)~NODE_PHASHED;
	if (n->phandle && n->phandle == t->top_phandle)
		t->top_phandle = NIL;
}

/* Out of the table of children, before the name or the parent changes. */
static inline void leave(struct dlpar_tree *t, uint32_t idx)
{
	struct tree_node *n = &t->nodes[idx];

	if (n->flags & NODE_HASHED)
		hash_delete(&t->children, child_key(n->parent, n->hash), idx);
	n->flags &= (uint16_t)~NODE_HASHED;
}

void tree_index_leave(struct dlpar_tree *t, uint32_t idx)
{
	leave(t, idx);
}

/* And in again: there is room, every node in the tree has some. */
void tree_index_enter(struct dlpar_tree *t, uint32_t idx)
{
	child_insert(t, idx);
}

/* Enter a linked node into both tables; room was reserved. */
void tree_index_insert(struct dlpar_tree *t, uint32_t idx)
{
	if (t->nodes[idx].parent != NIL)
		child_insert(t, idx);
	phandle_insert(t, idx);
	TREE_CELLS_CHANGED(t, idx);
}

/* The same for a new node whose name was looked for before. */
void tree_index_settle(struct dlpar_tree *t, uint32_t idx,
		       const struct node_name *name)
{
	if (name->slot != NIL)
		child_put(t, idx, name->slot, name->key);
	phandle_insert(t, idx);
	TREE_CELLS_CHANGED(t, idx);
}

static void prefetch_slots(const struct dlpar_tree *t, uint32_t idx)
{
	const struct tree_node *n = &t->nodes[idx];
	const struct tree_hash *c = &t->children, *p = &t->phandles;

	wire_prefetch(c->slots + (child_key(n->parent, n->hash) & c->mask));
	if (n->phandle)
		wire_prefetch(p->slots + (tree_hash_key(t, n->phandle) & p->mask));
}

/*
 * After a parse: both tables, with room for the nodes there are. In order of
 * the records, so that of equals the first is found first; the slots of later
 * ones are fetched meanwhile, for they lie anywhere.
 */
int tree_index_all(struct dlpar_tree *t)
{
	uint32_t mask = HASH_MIN, i;
	int err;

	while (room_of(mask) <= t->n_nodes)
		mask = mask * 2 + 1;
	err = tree_hash_grow(t, &t->children, mask);
	if (!err)
		err = tree_hash_grow(t, &t->phandles, mask);
	if (err)
		return err;
	t->index_room = room_of(mask);
	for (i = 0; i < t->n_nodes; i++) {
		if (i + INSERT_AHEAD < t->n_nodes)
			prefetch_slots(t, i + INSERT_AHEAD);
		tree_index_insert(t, i);
	}
	return DLPAR_OK;
}

void tree_index_remove(struct dlpar_tree *t, uint32_t idx)
{
	leave(t, idx);
	phandle_remove(t, idx);
	if (t->cells.n)
		tree_cells_leave(t, idx);
}

/* The node's phandle is now @phandle. */
void tree_index_phandle(struct dlpar_tree *t, uint32_t idx, uint32_t phandle)
{
	struct tree_node *n = &t->nodes[idx];

	if (n->phandle == phandle)
		return;
	phandle_remove(t, idx);
	n->phandle = phandle;
	phandle_insert(t, idx);
}

/*
 * Back between the neighbours that the record still names. Where a record of
 * the blob comes to stand out of the blob's order, a later record may be an
 * earlier child: the last child's cut ends the runs before it.
 */
static inline void relink(struct dlpar_tree *t, uint32_t idx)
{
	struct tree_node *n = &t->nodes[idx], *p = &t->nodes[n->parent];

	tree_cut(t, n->prev);
	tree_cut(t, idx);
	if (n->prev != NIL)
		t->nodes[n->prev].next = idx;
	else
		p->first = idx;
	if (n->next != NIL)
		t->nodes[n->next].prev = idx;
	else
		p->last = idx;
	tree_cut(t, p->last);
}

void tree_relink(struct dlpar_tree *t, uint32_t idx)
{
	relink(t, idx);
}

/* Make @idx the first or last child of @parent. */
void tree_link(struct dlpar_tree *t, uint32_t parent, uint32_t idx, bool first)
{
	struct tree_node *n = &t->nodes[idx], *p = &t->nodes[parent];

	n->parent = parent;
	n->prev = first ? NIL : p->last;
	n->next = first ? p->first : NIL;
	relink(t, idx);
}

void tree_unlink(struct dlpar_tree *t, uint32_t idx)
{
	struct tree_node *n = &t->nodes[idx], *p = &t->nodes[n->parent];

	tree_cut(t, n->prev);
	if (n->prev != NIL)
		t->nodes[n->prev].next = n->next;
	else
		p->first = n->next;
	if (n->next != NIL)
		t->nodes[n->next].prev = n->prev;
	else
		p->last = n->prev;
}

/* What tree_dirty() does where there is something to mark. */
void tree_dirty_up(struct dlpar_tree *t, uint32_t idx)
{
	while (idx != NIL && !(t->nodes[idx].flags & NODE_DIRTY)) {
		t->nodes[idx].flags |= NODE_DIRTY;
		tree_cut(t, idx);
		idx = t->nodes[idx].parent;
	}
}

/* The same for tree_changed(). */
void tree_changed_up(struct dlpar_tree *t, uint32_t idx)
{
	while (idx != NIL && !(t->nodes[idx].flags & NODE_CHANGED)) {
		t->nodes[idx].flags |= NODE_CHANGED;
		idx = t->nodes[idx].parent;
	}
}

/* After a parse; @gaps: siblings may not be side by side in the blob. */
int tree_cuts_init(struct dlpar_tree *t, bool gaps)
{
	size_t size = (t->n_nodes / 64 + 1) * sizeof(*t->cuts);
	uint32_t i;

	t->cuts = arena_resize(&t->arena, NULL, 0, size);
	if (!t->cuts)
		return DLPAR_ERR_NOMEM;
	memset(t->cuts, 0, size);
	t->n_cuts = t->n_nodes;
	for (i = 0; gaps && i < t->n_nodes; i++)
		tree_cut(t, i);
	return DLPAR_OK;
}

/* The first node in tree order with this phandle. */
uint32_t tree_index_by_phandle(const struct dlpar_tree *t, uint32_t phandle)
{
	const struct tree_slot *s = t->phandles.slots;
	uint32_t key = tree_hash_key(t, phandle), m = t->phandles.mask, i;

	if (!phandle)
		return NIL;
	if (t->dup_phandles) {
		for (i = 0; i != NIL; i = tree_after(t, 0, i))
			if (t->nodes[i].phandle == phandle)
				break;
		return i;
	}
	for (i = key & m; s[i].key; i = (i + 1) & m)
		if (s[i].key == key)
			return s[i].idx;
	return NIL;
}
