// SPDX-License-Identifier: Apache-2.0
/*
 * tree_changes.c - the records of a difference: written in an order in which
 * they can be carried out one by one, and therefore undone one by one.
 *
 * Within a list, first what goes, from the last to the first: what stands
 * before it is still as it was. Then, in the order of the new list, what comes
 * and what moves: what stands before it is already as it will be. So a place is
 * in both cases what stands before the item in its own list, and only a move
 * asks what the list looks like in between. Where names stand twice nothing is
 * moved, but removed and added: a count among equals would change under way.
 */
#include "diff.h"

/* A value, a fragment, or, with @key, a place. */
struct part {
	const struct diff_key *key;
	const uint8_t *bytes;
	uint32_t len;
};

static uint32_t part_len(const struct part *p)
{
	return p->key ? 4 + p->key->len : p->len;
}

static uint8_t *put_part(uint8_t *w, const struct part *p)
{
	const uint8_t *bytes = p->bytes;
	uint32_t len = p->len;

	if (p->key) {
		wire_put32(w, p->key->nth);
		w += 4;
		bytes = p->key->name;
		len = p->key->len;
	}
	if (len)
		memcpy(w, bytes, len);
	return w + len;
}

/* Room for one record, its head and name written; NULL: @err says why. */
static uint8_t *open_record(struct dlpar_diff *d, enum dlpar_diff_op op,
			    const struct diff_key *key, uint64_t old_len,
			    uint64_t new_len, int *err)
{
	uint64_t len = DIFF_HEAD_LEN + key->len + old_len + new_len;
	uint8_t *w;

	*err = len > DLPAR_TREE_SIZE_MAX - d->out_len ? DLPAR_ERR_TOOBIG :
		diff_room(&d->arena, &d->out, d->out_len + len);
	if (*err)
		return NULL;
	w = (uint8_t *)d->out.p + d->out_len;
	d->out_len += len;
	wire_put32(w, op);
	wire_put32(w + 4, key->nth);
	wire_put32(w + 8, key->len);
	wire_put32(w + 12, (uint32_t)old_len);
	wire_put32(w + 16, (uint32_t)new_len);
	if (key->len)
		memcpy(w + DIFF_HEAD_LEN, key->name, key->len);
	return w + DIFF_HEAD_LEN + key->len;
}

static int step(struct dlpar_diff *d, enum dlpar_diff_op op, uint32_t level)
{
	const struct diff_pair *p = (struct diff_pair *)d->path.p + level;
	const struct tree_node *n = &d->b->nodes[p->b];
	struct diff_key key = { tree_node_name(n), n->name_len, p->nth };
	int err;

	open_record(d, op, &key, 0, 0, &err);
	return err;
}

/* Leave the nodes below @depth that the stream is in. */
int diff_leave(struct dlpar_diff *d, uint32_t depth)
{
	int err = DLPAR_OK;

	while (!err && d->shown > depth)
		err = step(d, DLPAR_DIFF_UP, d->shown--);
	return err;
}

/* Enter the node that is being compared. */
static int enter(struct dlpar_diff *d)
{
	int err = DLPAR_OK;

	while (!err && d->shown < d->depth)
		err = step(d, DLPAR_DIFF_DOWN, ++d->shown);
	return err;
}

static int put_record(struct dlpar_diff *d, enum dlpar_diff_op op,
		      const struct diff_key *key, const struct part *was,
		      const struct part *is)
{
	int err = enter(d);
	uint8_t *w;

	if (err)
		return err;
	w = open_record(d, op, key, part_len(was), part_len(is), &err);
	if (w)
		put_part(put_part(w, was), is);
	return err;
}

static struct part value_part(const struct dlpar_tree *t, uint32_t node,
			      uint32_t off)
{
	const uint8_t *p = t->nodes[node].img + off;
	struct part value = { NULL, p + 12, wire_get32(p + 4) };

	return value;
}

static struct part place_part(const struct diff_key *key)
{
	struct part place = { key, NULL, 0 };

	return place;
}

/* Write a node's subtree as a fragment: what comes, or what goes. */
static int put_node(struct dlpar_diff *d, bool comes,
		    const struct diff_item *item, const struct diff_key *after)
{
	const struct dlpar_tree *t = comes ? d->b : d->a;
	uint32_t place_len = 4 + after->len;
	struct part place = place_part(after);
	struct dlpar_tree *fragment;
	uint8_t *w = NULL;
	int64_t size;
	int err = tree_extract(t, &fragment, item->ref, t->seed);

	if (err)
		return err;
	size = tree_flat_size(fragment);
	err = size < 0 ? (int)size : enter(d);
	if (!err && comes)
		w = open_record(d, DLPAR_DIFF_NODE_ADD, &item->key, place_len,
				(uint64_t)size, &err);
	else if (!err)
		w = open_record(d, DLPAR_DIFF_NODE_REMOVE, &item->key,
				(uint64_t)size, place_len, &err);
	if (w)
		tree_flatten(fragment, w + (comes ? place_len : 0),
			     (size_t)size);
	if (w)
		put_part(w + (comes ? 0 : size), &place);
	dlpar_tree_free(fragment);
	return err;
}

static int put_item(struct dlpar_diff *d, bool props, bool comes,
		    const struct diff_item *item, const struct diff_key *after)
{
	const struct diff_pair *p = (struct diff_pair *)d->path.p + d->depth;
	struct part place = place_part(after), value;

	if (!props)
		return put_node(d, comes, item, after);
	if (comes) {
		value = value_part(d->b, p->b, item->ref);
		return put_record(d, DLPAR_DIFF_PROP_ADD, &item->key, &place,
				  &value);
	}
	value = value_part(d->a, p->a, item->ref);
	return put_record(d, DLPAR_DIFF_PROP_REMOVE, &item->key, &value,
			  &place);
}

/*
 * The list as it is in between: a ring of the items of @a by index, those that
 * come from @b behind them, and its head.
 */
struct ring_link {
	uint32_t prev, next;
};

static void ring_put(struct ring_link *ring, uint32_t at, uint32_t after)
{
	ring[at].prev = after;
	ring[at].next = ring[after].next;
	ring[ring[after].next].prev = at;
	ring[after].next = at;
}

static void ring_take(struct ring_link *ring, uint32_t at)
{
	ring[ring[at].prev].next = ring[at].next;
	ring[ring[at].next].prev = ring[at].prev;
}

static int ring_make(struct dlpar_diff *d, uint32_t head)
{
	const struct diff_item *a = seq_a(&d->seq);
	struct ring_link *ring;
	uint32_t i, last = head;
	int err = diff_room(&d->arena, &d->seq.ring,
			    (head + (size_t)1) * sizeof(*ring));

	if (err)
		return err;
	ring = d->seq.ring.p;
	ring[head].prev = ring[head].next = head;
	for (i = 0; i < d->seq.n_a; i++) {
		if (a[i].match == NIL)
			continue;
		ring_put(ring, i, last);
		last = i;
	}
	return DLPAR_OK;
}

static const struct diff_key *ring_key(const struct diff_seq *s, uint32_t at)
{
	if (at == s->n_a + s->n_b)
		return &s->head;
	return at < s->n_a ? &seq_a(s)[at].key : &seq_b(s)[at - s->n_a].key;
}

/* Item @j of @b moves to behind @after. */
static int put_move(struct dlpar_diff *d, bool props, uint32_t j,
		    uint32_t after)
{
	struct diff_seq *s = &d->seq;
	struct ring_link *ring = s->ring.p;
	const struct diff_item *item = &seq_b(s)[j];
	struct part was = place_part(ring_key(s, ring[item->match].prev));
	struct part is = place_part(ring_key(s, after));

	ring_take(ring, item->match);
	ring_put(ring, item->match, after);
	return put_record(d, props ? DLPAR_DIFF_PROP_MOVE :
				     DLPAR_DIFF_NODE_MOVE,
			  &item->key, &was, &is);
}

static int put_going(struct dlpar_diff *d, bool props)
{
	struct diff_seq *s = &d->seq;
	const struct diff_item *a = seq_a(s);
	uint32_t i;
	int err = DLPAR_OK;

	for (i = s->n_a; i-- && !err; )
		if (seq_replaced(s, &a[i]))
			err = put_item(d, props, false, &a[i],
				       i ? &a[i - 1].key : &s->head);
	return err;
}

static int put_coming(struct dlpar_diff *d, bool props)
{
	struct diff_seq *s = &d->seq;
	const struct diff_item *b = seq_b(s);
	uint32_t j, at, after = s->n_a + s->n_b;
	bool moves = s->moves && !s->dups;
	int err = moves ? ring_make(d, after) : DLPAR_OK;

	for (j = 0; j < s->n_b && !err; j++) {
		at = b[j].match == NIL ? s->n_a + j : b[j].match;
		if (seq_replaced(s, &b[j])) {
			err = put_item(d, props, true, &b[j],
				       j ? &b[j - 1].key : &s->head);
			if (moves)
				ring_put(s->ring.p, at, after);
		} else if (!b[j].kept) {
			err = put_move(d, props, j, after);
		}
		after = at;
	}
	return err;
}

/* Records for the two lists at hand, of properties or of nodes. */
int diff_put_lists(struct dlpar_diff *d, bool props)
{
	int err = put_going(d, props);

	return err ? err : put_coming(d, props);
}

/* A property that stays has another value. */
int diff_put_value(struct dlpar_diff *d, const struct diff_item *item)
{
	const struct diff_pair *p = (struct diff_pair *)d->path.p + d->depth;
	const struct diff_item *old = &seq_a(&d->seq)[item->match];
	struct part was = value_part(d->a, p->a, old->ref);
	struct part is = value_part(d->b, p->b, item->ref);

	if (was.len == is.len && !memcmp(was.bytes, is.bytes, is.len))
		return DLPAR_OK;
	return put_record(d, DLPAR_DIFF_PROP_SET, &item->key, &was, &is);
}

/* What the header and the reserve map say. */
int diff_put_header(struct dlpar_diff *d)
{
	const struct dlpar_tree *a = d->a, *b = d->b;
	const struct diff_key none = { NULL, 0, 0 };
	uint8_t cpus[8];
	struct part was = { NULL, a->rsv, a->rsv_len - 16 };
	struct part is = { NULL, b->rsv, b->rsv_len - 16 };
	int err = DLPAR_OK;

	if (was.len != is.len || memcmp(was.bytes, is.bytes, is.len))
		err = put_record(d, DLPAR_DIFF_RESERVATIONS, &none, &was, &is);
	if (err || a->boot_cpu == b->boot_cpu)
		return err;
	wire_put32(cpus, a->boot_cpu);
	wire_put32(cpus + 4, b->boot_cpu);
	was.bytes = cpus;
	is.bytes = cpus + 4;
	was.len = is.len = 4;
	return put_record(d, DLPAR_DIFF_BOOT_CPU, &none, &was, &is);
}
