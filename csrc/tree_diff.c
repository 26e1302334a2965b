// SPDX-License-Identifier: Apache-2.0
/*
 * tree_diff.c - what differs between two trees.
 *
 * Both are walked together, by a list of pairs still to be compared: nothing
 * recurses, and the path to a node is only written out where one differs. A
 * pair of subtrees that came from the same records and were not changed since
 * is passed over; nothing that it holds is read.
 */
#include "diff.h"

static bool names_equal(const struct tree_node *a, const struct tree_node *b)
{
	return a->name_len == b->name_len &&
	       !memcmp(tree_node_name(a), tree_node_name(b), a->name_len);
}

static uint32_t origin(const struct dlpar_tree *t, uint32_t idx)
{
	if (!t->origin)
		return idx;
	return idx < t->n_origin ? t->origin[idx] : NIL;
}

/* Whether nothing below can differ: one record, unchanged in both trees. */
static bool untouched(const struct dlpar_diff *d, uint32_t a, uint32_t b)
{
	uint32_t record;

	if (!d->related ||
	    (d->a->nodes[a].flags | d->b->nodes[b].flags) & NODE_CHANGED)
		return false;
	record = origin(d->a, a);
	return record != NIL && record == origin(d->b, b);
}

static bool same_child(struct dlpar_diff *d, uint32_t a, uint32_t b)
{
	d->compared++;
	return untouched(d, a, b) ||
	       names_equal(&d->a->nodes[a], &d->b->nodes[b]);
}

static int push(struct dlpar_diff *d, uint32_t a, uint32_t b, uint32_t nth)
{
	struct diff_pair *p;
	int err;

	if (untouched(d, a, b))
		return DLPAR_OK;
	err = diff_room(&d->arena, &d->todo,
			(d->n_todo + (size_t)1) * sizeof(*p));
	if (err)
		return err;
	p = (struct diff_pair *)d->todo.p + d->n_todo++;
	p->a = a;
	p->b = b;
	p->nth = nth;
	p->depth = d->depth + 1;
	return DLPAR_OK;
}

static const uint8_t *prop_name(const struct dlpar_tree *t, const uint8_t *p)
{
	return t->strings + wire_get32(p + 8);
}

static bool props_equal(const struct dlpar_diff *d, const uint8_t *a,
			const uint8_t *b)
{
	uint32_t len = wire_get32(a + 4);

	if (wire_get32(b + 4) != len || memcmp(a + 12, b + 12, len))
		return false;
	return (d->same_strings && wire_get32(a + 8) == wire_get32(b + 8)) ||
	       !strcmp((const char *)prop_name(d->a, a),
		       (const char *)prop_name(d->b, b));
}

/* The same properties in the same order: whole images, else one by one. */
static bool images_equal(const struct dlpar_diff *d, const struct tree_node *a,
			 const struct tree_node *b)
{
	const uint8_t *p = a->img + tree_head_len(a->name_len);
	const uint8_t *q = b->img + tree_head_len(b->name_len);
	const uint8_t *end = a->img + a->img_len;

	if (a->img_len != b->img_len)
		return false;
	if (d->same_strings && !memcmp(p, q, (size_t)(end - p)))
		return true;
	while (p < end && props_equal(d, p, q)) {
		q += tree_prop_len(wire_get32(p + 4));
		p += tree_prop_len(wire_get32(p + 4));
	}
	return p >= end;
}

static int list_props(struct dlpar_diff *d, struct diff_buf *list, uint32_t *n,
		      const struct dlpar_tree *t, uint32_t idx)
{
	const struct tree_node *node = &t->nodes[idx];
	uint32_t off = tree_head_len(node->name_len);
	int err = DLPAR_OK;

	*n = 0;
	while (off < node->img_len && !err) {
		const uint8_t *name = prop_name(t, node->img + off);

		err = seq_add(&d->arena, list, n, name,
			      (uint32_t)strlen((const char *)name), off);
		off += tree_prop_len(wire_get32(node->img + off + 4));
	}
	return err;
}

static int compare_props(struct dlpar_diff *d, const struct diff_pair *p)
{
	struct diff_seq *s = &d->seq;
	uint32_t j;
	int err;

	if (images_equal(d, &d->a->nodes[p->a], &d->b->nodes[p->b]))
		return DLPAR_OK;
	err = list_props(d, &s->a, &s->n_a, d->a, p->a);
	if (!err)
		err = list_props(d, &s->b, &s->n_b, d->b, p->b);
	if (!err)
		err = seq_match(&d->arena, s, d->a->seed);
	memset(&s->head, 0, sizeof(s->head));
	if (!err)
		err = diff_put_lists(d, true);
	for (j = 0; j < s->n_b && !err; j++)
		if (!seq_replaced(s, &seq_b(s)[j]))
			err = diff_put_value(d, &seq_b(s)[j]);
	return err;
}

/* Children that are not the same in both lists stand before @end_*. */
struct stretch {
	uint32_t a, end_a, b, end_b;
};

/*
 * Leave out the children that both lists begin with, and end with; but not
 * where names stand twice, for they are counted from the first on.
 */
static void find_stretch(struct dlpar_diff *d, const struct diff_pair *p,
			 struct stretch *s)
{
	const struct tree_node *a = d->a->nodes, *b = d->b->nodes;
	uint32_t i = a[p->a].last, j = b[p->b].last;

	s->a = a[p->a].first;
	s->b = b[p->b].first;
	s->end_a = s->end_b = NIL;
	if ((a[p->a].flags | b[p->b].flags) & NODE_DUPS)
		return;
	while (s->a != NIL && s->b != NIL && same_child(d, s->a, s->b)) {
		s->a = a[s->a].next;
		s->b = b[s->b].next;
	}
	while (s->a != s->end_a && s->b != s->end_b && same_child(d, i, j)) {
		s->end_a = i;
		s->end_b = j;
		i = a[i].prev;
		j = b[j].prev;
	}
}

static int list_children(struct dlpar_diff *d, struct diff_buf *list,
			 uint32_t *n, const struct dlpar_tree *t, uint32_t i,
			 uint32_t end)
{
	int err = DLPAR_OK;

	*n = 0;
	for (; i != end && !err; i = t->nodes[i].next) {
		err = seq_add(&d->arena, list, n, tree_node_name(&t->nodes[i]),
			      t->nodes[i].name_len, i);
		d->compared++;
	}
	return err;
}

/* What stands before the stretch, in both trees alike. */
static void stretch_head(struct dlpar_diff *d, const struct diff_pair *p,
			 const struct stretch *s)
{
	const struct tree_node *b = d->b->nodes;
	uint32_t i = s->b == NIL ? b[p->b].last : b[s->b].prev;

	memset(&d->seq.head, 0, sizeof(d->seq.head));
	if (i == NIL)
		return;
	d->seq.head.name = tree_node_name(&b[i]);
	d->seq.head.len = b[i].name_len;
}

static int compare_stretch(struct dlpar_diff *d, const struct diff_pair *p,
			   const struct stretch *s)
{
	struct diff_seq *q = &d->seq;
	int err;

	q->n_a = q->n_b = 0;
	if (s->a == s->end_a && s->b == s->end_b)
		return DLPAR_OK;
	err = list_children(d, &q->a, &q->n_a, d->a, s->a, s->end_a);
	if (!err)
		err = list_children(d, &q->b, &q->n_b, d->b, s->b, s->end_b);
	if (!err)
		err = seq_match(&d->arena, q, d->a->seed);
	stretch_head(d, p, s);
	return err ? err : diff_put_lists(d, false);
}

/* Pairs from @i and @j back to before @end_a, which stand side by side. */
static int push_back(struct dlpar_diff *d, uint32_t i, uint32_t j,
		     uint32_t end_a)
{
	int err = DLPAR_OK;

	for (; i != end_a && !err; i = d->a->nodes[i].prev) {
		err = push(d, i, j, 0);
		j = d->b->nodes[j].prev;
	}
	return err;
}

static int compare_children(struct dlpar_diff *d, const struct diff_pair *p)
{
	const struct tree_node *a = d->a->nodes, *b = d->b->nodes;
	const struct diff_item *item;
	struct stretch s;
	uint32_t j;
	int err;

	find_stretch(d, p, &s);
	err = compare_stretch(d, p, &s);
	if (!err && s.end_a != NIL)
		err = push_back(d, a[p->a].last, b[p->b].last,
				a[s.end_a].prev);
	for (j = d->seq.n_b; j-- && !err; ) {
		item = &seq_b(&d->seq)[j];
		if (!seq_replaced(&d->seq, item))
			err = push(d, seq_a(&d->seq)[item->match].ref,
				   item->ref, item->key.nth);
	}
	if (!err && s.a == NIL)
		err = push_back(d, a[p->a].last, s.b == NIL ? b[p->b].last :
				b[s.b].prev, NIL);
	else if (!err)
		err = push_back(d, a[s.a].prev, s.b == NIL ? b[p->b].last :
				b[s.b].prev, NIL);
	return err;
}

static int compare_pair(struct dlpar_diff *d, struct diff_pair pair)
{
	int err;

	d->compared++;
	d->depth = pair.depth;
	err = diff_leave(d, pair.depth ? pair.depth - 1 : 0);
	if (!err)
		err = diff_room(&d->arena, &d->path,
				(pair.depth + (size_t)1) * sizeof(pair));
	if (err)
		return err;
	((struct diff_pair *)d->path.p)[pair.depth] = pair;
	err = compare_props(d, &pair);
	return err ? err : compare_children(d, &pair);
}

/* Compare two subtrees; with @once until something differs. */
static int compare(struct dlpar_diff *d, uint32_t a, uint32_t b, bool once)
{
	struct diff_pair pair = { a, b, 0, 0 };
	int err = compare_pair(d, pair);

	while (!err && d->n_todo && !(once && d->out_len)) {
		pair = ((struct diff_pair *)d->todo.p)[--d->n_todo];
		err = compare_pair(d, pair);
	}
	return err;
}

static void begin(struct dlpar_diff *d, const struct dlpar_tree *a,
		  const struct dlpar_tree *b)
{
	uint32_t len = a->strings_len < b->strings_len ? a->strings_len :
							 b->strings_len;

	d->a = a;
	d->b = b;
	d->related = a->lineage && a->lineage == b->lineage;
	d->same_strings = !memcmp(a->strings, b->strings, len);
}

static void drop(struct dlpar_diff *d, struct diff_buf *b)
{
	arena_release(&d->arena, b->p, b->size);
	b->p = NULL;
	b->size = 0;
}

/* Scratch of a comparison. */
static void end(struct dlpar_diff *d)
{
	drop(d, &d->todo);
	drop(d, &d->path);
	drop(d, &d->seq.a);
	drop(d, &d->seq.b);
	drop(d, &d->seq.groups);
	drop(d, &d->seq.tails);
	drop(d, &d->seq.ring);
}

/* Whether two subtrees have the same content: 1, 0 or an error. */
int diff_equal(const struct dlpar_tree *a, uint32_t top_a,
	       const struct dlpar_tree *b, uint32_t top_b)
{
	struct dlpar_diff d = { .arena = { .limit = b->arena.limit } };
	int err;

	begin(&d, a, b);
	err = compare(&d, top_a, top_b, true);
	end(&d);
	drop(&d, &d.out);
	return err ? err : !d.out_len;
}

static int read_diff(struct dlpar_diff **diff, const struct dlpar_tree *from,
		     const struct dlpar_tree *to)
{
	struct tree_arena arena = { .limit = from->arena.limit };
	struct dlpar_diff *d;
	int err;

	d = arena_resize(&arena, NULL, 0, sizeof(*d));
	if (!d)
		return DLPAR_ERR_NOMEM;
	memset(d, 0, sizeof(*d));
	d->arena = arena;
	begin(d, from, to);
	err = diff_put_header(d);
	if (!err && from != to && !untouched(d, 0, 0))
		err = compare(d, 0, 0, false);
	if (!err)
		err = diff_leave(d, 0);
	end(d);
	if (err)
		dlpar_diff_free(d);
	else
		*diff = d;
	return err;
}

int dlpar_tree_diff(struct dlpar_diff **diff, const struct dlpar_tree *from,
		    const struct dlpar_tree *to)
{
	int err;

	*diff = NULL;
	if (!tree_enter_read_two(from, to))
		return DLPAR_ERR_BUSY;
	err = read_diff(diff, from, to);
	tree_leave_read_two(from, to);
	return err;
}

void dlpar_diff_free(struct dlpar_diff *d)
{
	struct tree_arena arena;

	if (!d)
		return;
	drop(d, &d->out);
	arena = d->arena;
	arena_release(&arena, d, sizeof(*d));
}

int64_t dlpar_diff_stream(const struct dlpar_diff *d, const char **stream)
{
	*stream = d->out.p;
	return (int64_t)d->out_len;
}

int64_t dlpar_diff_compared(const struct dlpar_diff *d)
{
	return (int64_t)d->compared;
}
