// SPDX-License-Identifier: Apache-2.0
/*
 * tree_index.c - the hash tables over (parent, name) and phandle, the links
 * between records, and the records' own life.
 *
 * Open addressing, load below two thirds, deletion by backward shift. Of equal
 * names under one parent, or of equal phandles, only one stands in a table:
 * such a parent is searched by its list, such a tree by a walk, so that a blob
 * full of duplicates costs no more than one without. Nothing here recurses:
 * depth comes from the input.
 */
#include "tree.h"

#define MUL_A 0xa0761d6478bd642full
#define MUL_B 0xe7037ed1a0b428dbull
#define HASH_MIN 63u

uint32_t tree_hash_bytes(uint64_t seed, const uint8_t *s, size_t len)
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

static uint32_t child_key(uint32_t parent, uint32_t hash)
{
	uint64_t v = ((uint64_t)parent << 32 | hash) + MUL_A;
	uint32_t key = (uint32_t)wire_mix(v, MUL_B);

	return key ? key : 1;
}

/* One to one, 0 to 0: a key is as unique as its phandle. */
static uint32_t phandle_key(const struct dlpar_tree *t, uint32_t phandle)
{
	uint32_t key = phandle * (((uint32_t)t->seed ^ 0x9e3779b1u) | 1);

	key ^= key >> 15;
	key *= ((uint32_t)(t->seed >> 32) ^ 0x85ebca6bu) | 1;
	return key ^ key >> 16;
}

static int hash_grow(struct dlpar_tree *t, struct tree_hash *h, uint32_t mask)
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

static void hash_put(struct tree_hash *h, uint32_t at, uint32_t key,
		     uint32_t idx)
{
	h->slots[at].key = key;
	h->slots[at].idx = idx;
	h->used++;
}

static void hash_delete(struct tree_hash *h, uint32_t key, uint32_t idx)
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

int tree_index_init(struct dlpar_tree *t, uint32_t n_nodes)
{
	uint32_t mask = HASH_MIN;
	int err;

	while (mask / 3 * 2 < n_nodes)
		mask = mask * 2 + 1;
	err = hash_grow(t, &t->children, mask);
	return err ? err : hash_grow(t, &t->phandles, mask);
}

/* Room for one more node in both tables. */
int tree_index_reserve(struct dlpar_tree *t)
{
	struct tree_hash *h[2] = { &t->children, &t->phandles };
	unsigned int i;
	int err;

	for (i = 0; i < 2; i++) {
		if (t->live < h[i]->mask / 3 * 2)
			continue;
		err = hash_grow(t, h[i], h[i]->mask * 2 + 1);
		if (err)
			return err;
	}
	return DLPAR_OK;
}

static bool name_equal(const struct tree_node *n, const uint8_t *name,
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

uint32_t tree_index_child(const struct dlpar_tree *t, uint32_t parent,
			  const uint8_t *name, uint32_t len)
{
	return tree_index_hashed(t, parent, name, len,
				 tree_hash_bytes(t->seed, name, len));
}

/* The same, where the hash of the name is known. */
uint32_t tree_index_hashed(const struct dlpar_tree *t, uint32_t parent,
			   const uint8_t *name, uint32_t len, uint32_t hash)
{
	uint32_t key = child_key(parent, hash);
	const struct tree_slot *s = t->children.slots;
	uint32_t m = t->children.mask, j;

	if (t->nodes[parent].flags & NODE_DUPS)
		return child_by_list(t, parent, name, len);
	for (j = key & m; s[j].key; j = (j + 1) & m) {
		const struct tree_node *n;

		if (s[j].key != key)
			continue;
		n = &t->nodes[s[j].idx];
		if (n->parent == parent && name_equal(n, name, len))
			return s[j].idx;
	}
	return NIL;
}

static void child_insert(struct dlpar_tree *t, uint32_t idx)
{
	struct tree_node *n = &t->nodes[idx], *p = &t->nodes[n->parent];
	uint32_t key = child_key(n->parent, n->hash), m = t->children.mask, j;
	const struct tree_slot *s = t->children.slots;

	if (p->flags & NODE_DUPS)
		return;
	for (j = key & m; s[j].key; j = (j + 1) & m) {
		const struct tree_node *other = &t->nodes[s[j].idx];

		if (s[j].key != key || other->parent != n->parent ||
		    !name_equal(other, tree_node_name(n), n->name_len))
			continue;
		p->flags |= NODE_DUPS;
		return;
	}
	hash_put(&t->children, j, key, idx);
	n->flags |= NODE_HASHED;
}

static void phandle_insert(struct dlpar_tree *t, uint32_t idx)
{
	struct tree_node *n = &t->nodes[idx];
	uint32_t key = phandle_key(t, n->phandle), m = t->phandles.mask, j;
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
	hash_put(&t->phandles, j, key, idx);
	n->flags |= NODE_PHASHED;
}

static void phandle_remove(struct dlpar_tree *t, uint32_t idx)
{
	struct tree_node *n = &t->nodes[idx];

	if (n->flags & NODE_PHASHED)
		hash_delete(&t->phandles, phandle_key(t, n->phandle), idx);
	n->flags &= (uint16_t)~NODE_PHASHED;
	if (n->phandle && n->phandle == t->top_phandle)
		t->top_phandle = NIL;
}

/* Out of the table of children, before the name or the parent changes. */
void tree_index_leave(struct dlpar_tree *t, uint32_t idx)
{
	struct tree_node *n = &t->nodes[idx];

	if (n->flags & NODE_HASHED)
		hash_delete(&t->children, child_key(n->parent, n->hash), idx);
	n->flags &= (uint16_t)~NODE_HASHED;
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
}

void tree_index_remove(struct dlpar_tree *t, uint32_t idx)
{
	tree_index_leave(t, idx);
	phandle_remove(t, idx);
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

/* Make @idx the first or last child of @parent. */
void tree_link(struct dlpar_tree *t, uint32_t parent, uint32_t idx, bool first)
{
	struct tree_node *n = &t->nodes[idx], *p = &t->nodes[parent];

	n->parent = parent;
	n->prev = first ? NIL : p->last;
	n->next = first ? p->first : NIL;
	tree_relink(t, idx);
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

/*
 * Back between the neighbours that the record still names. Where a record of
 * the blob comes to stand out of the blob's order, a later record may be an
 * earlier child: the last child's cut ends the runs before it.
 */
void tree_relink(struct dlpar_tree *t, uint32_t idx)
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

/* The blob's spans of @idx and all above it are out of date. */
void tree_dirty(struct dlpar_tree *t, uint32_t idx)
{
	tree_changed(t, idx);
	while (idx != NIL && !(t->nodes[idx].flags & NODE_DIRTY)) {
		t->nodes[idx].flags |= NODE_DIRTY;
		tree_cut(t, idx);
		idx = t->nodes[idx].parent;
	}
}

/* What @idx or its list of children holds is not what a copy has. */
void tree_changed(struct dlpar_tree *t, uint32_t idx)
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

static int grow_nodes(struct dlpar_tree *t)
{
	uint32_t cap = t->nodes_cap ? t->nodes_cap * 2 : 64;
	struct tree_node *p;

	if (cap < t->nodes_cap || cap == NIL)
		return DLPAR_ERR_TOOBIG;
	p = arena_resize(&t->arena, t->nodes, t->nodes_cap * sizeof(*p),
			 cap * sizeof(*p));
	if (!p)
		return DLPAR_ERR_NOMEM;
	t->nodes = p;
	t->nodes_cap = cap;
	return DLPAR_OK;
}

/* After a parse: room for some nodes more, not for half as many again. */
void tree_nodes_trim(struct dlpar_tree *t)
{
	uint32_t cap = t->n_nodes + t->n_nodes / 8 + 16;
	struct tree_node *p;

	if (cap >= t->nodes_cap)
		return;
	p = arena_resize(&t->arena, t->nodes, t->nodes_cap * sizeof(*p),
			 cap * sizeof(*p));
	if (!p)
		return;
	t->nodes = p;
	t->nodes_cap = cap;
}

/* The first node in tree order with this phandle. */
uint32_t tree_index_by_phandle(const struct dlpar_tree *t, uint32_t phandle)
{
	const struct tree_slot *s = t->phandles.slots;
	uint32_t key = phandle_key(t, phandle), m = t->phandles.mask, i;

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
	memset(n, 0, sizeof(*n));
	n->parent = n->first = n->last = n->next = n->prev = NIL;
	n->gen = gen;
	return DLPAR_OK;
}

/* A record whose generations are used up is not given out again. */
void tree_free_node(struct dlpar_tree *t, uint32_t idx)
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

/* Free the records of a subtree that is out of links and tables. */
void tree_free_nodes(struct dlpar_tree *t, uint32_t top)
{
	uint32_t i = top, next, parent;

	for (;;) {
		while (t->nodes[i].first != NIL)
			i = t->nodes[i].first;
		next = t->nodes[i].next;
		parent = t->nodes[i].parent;
		tree_free_node(t, i);
		if (i == top)
			return;
		if (next == NIL)
			t->nodes[parent].first = NIL;
		i = next == NIL ? parent : next;
	}
}
