// SPDX-License-Identifier: Apache-2.0
/*
 * tree_sequence.c - two lists of names: which item is which, which are moved.
 *
 * Of equal names the k-th of one list is the k-th of the other. Of the pairs,
 * a longest run that has the same order in both lists is kept; the others have
 * moved. Time is linear but for the run (n log n), whatever the names are.
 */
#include "diff.h"

int diff_room(struct tree_arena *a, struct diff_buf *b, size_t size)
{
	size_t want = b->size ? b->size : 1024;
	void *p;

	while (want < size)
		want *= 2;
	if (want == b->size)
		return DLPAR_OK;
	p = arena_resize(a, b->p, b->size, want);
	if (!p)
		return DLPAR_ERR_NOMEM;
	b->p = p;
	b->size = want;
	return DLPAR_OK;
}

/* Append to a list. */
int seq_add(struct tree_arena *arena, struct diff_buf *list, uint32_t *n,
	    const uint8_t *name, uint32_t len, uint32_t ref)
{
	struct diff_item *item;
	int err = diff_room(arena, list, (*n + (size_t)1) * sizeof(*item));

	if (err)
		return err;
	item = (struct diff_item *)list->p + (*n)++;
	item->key.name = name;
	item->key.len = len;
	item->ref = ref;
	item->match = item->link = NIL;
	item->kept = false;
	return DLPAR_OK;
}

static struct diff_group *group_of(const struct diff_seq *s,
				   struct diff_item *item, uint64_t seed)
{
	uint32_t hash = tree_hash_bytes(seed, item->key.name, item->key.len);
	struct diff_group *groups = s->groups.p, *g;
	uint32_t j = hash & s->mask;

	for (; groups[j].name; j = (j + 1) & s->mask)
		if (groups[j].hash == hash &&
		    groups[j].len == item->key.len &&
		    !memcmp(groups[j].name, item->key.name, item->key.len))
			break;
	g = &groups[j];
	if (!g->name) {
		g->name = item->key.name;
		g->len = item->key.len;
		g->hash = hash;
		g->next_b = g->last_b = NIL;
	}
	item->group = j;
	return g;
}

static int empty_groups(struct tree_arena *arena, struct diff_seq *s)
{
	size_t n = ((size_t)s->n_a + s->n_b) * 2, size;
	int err;

	for (s->mask = 15; s->mask < n; )
		s->mask = s->mask * 2 + 1;
	size = (s->mask + (size_t)1) * sizeof(struct diff_group);
	err = diff_room(arena, &s->groups, size);
	if (!err)
		memset(s->groups.p, 0, size);
	return err;
}

static void enter_b(struct diff_seq *s, uint64_t seed)
{
	struct diff_item *b = seq_b(s);
	uint32_t j;

	for (j = 0; j < s->n_b; j++) {
		struct diff_group *g = group_of(s, &b[j], seed);

		b[j].key.nth = ++g->n_b;
		if (g->last_b == NIL)
			g->next_b = j;
		else
			b[g->last_b].link = j;
		g->last_b = j;
		s->dups |= g->n_b > 1;
	}
}

static void match_a(struct diff_seq *s, uint64_t seed)
{
	struct diff_item *a = seq_a(s), *b = seq_b(s);
	uint32_t i;

	for (i = 0; i < s->n_a; i++) {
		struct diff_group *g = group_of(s, &a[i], seed);

		a[i].key.nth = ++g->n_a;
		s->dups |= g->n_a > 1;
		if (g->next_b == NIL)
			continue;
		a[i].match = g->next_b;
		b[g->next_b].match = i;
		g->next_b = b[g->next_b].link;
	}
}

/* A name that is alone in both lists needs no count; no name is no place. */
static void drop_counts(struct diff_seq *s, struct diff_item *items, uint32_t n)
{
	const struct diff_group *groups = s->groups.p;
	uint32_t i;

	for (i = 0; i < n; i++) {
		const struct diff_group *g = &groups[items[i].group];

		if (g->n_a <= 1 && g->n_b <= 1 && items[i].key.len)
			items[i].key.nth = 0;
	}
}

/* How many runs, by their ends in @tails, end before @match. */
static uint32_t runs_before(const struct diff_item *a, const uint32_t *tails,
			    uint32_t n, uint32_t match)
{
	uint32_t low = 0, mid;

	while (low < n) {
		mid = low + (n - low) / 2;
		if (a[tails[mid]].match < match)
			low = mid + 1;
		else
			n = mid;
	}
	return low;
}

/* Mark the longest run of matches that ascends in both lists. */
static int keep_run(struct tree_arena *arena, struct diff_seq *s)
{
	struct diff_item *a = seq_a(s), *b = seq_b(s);
	uint32_t n = 0, paired = 0, kept = 0, i, at, *tails;
	int err = diff_room(arena, &s->tails, s->n_a * sizeof(*tails));

	if (err)
		return err;
	tails = s->tails.p;
	for (i = 0; i < s->n_a; i++) {
		if (a[i].match == NIL)
			continue;
		paired++;
		at = n && a[tails[n - 1]].match < a[i].match ? n :
			runs_before(a, tails, n, a[i].match);
		a[i].link = at ? tails[at - 1] : NIL;
		tails[at] = i;
		if (at == n)
			n++;
	}
	for (i = n ? tails[n - 1] : NIL; i != NIL; i = a[i].link) {
		a[i].kept = b[a[i].match].kept = true;
		kept++;
	}
	s->moves = kept < paired;
	return DLPAR_OK;
}

/* Find out what became of every item of both lists. */
int seq_match(struct tree_arena *arena, struct diff_seq *s, uint64_t seed)
{
	int err = empty_groups(arena, s);

	if (err)
		return err;
	s->dups = false;
	enter_b(s, seed);
	match_a(s, seed);
	drop_counts(s, seq_a(s), s->n_a);
	drop_counts(s, seq_b(s), s->n_b);
	return keep_run(arena, s);
}
