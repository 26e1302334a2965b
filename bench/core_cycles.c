// SPDX-License-Identifier: Apache-2.0
/*
 * core_cycles.c - nodes added, found and removed in the core of pydlpar: call by
 * call, from a template, in a batch, rolled back.
 *
 * A handle stays good over edits: the parent's is fetched outside the clock, as
 * libfdt's offset of it cannot be.
 */
#include <stdlib.h>
#include <string.h>

#include "core_ours.h"
#include "wire.h"

#define STREAM_MAX 2048u

static uint8_t *put_prop(uint8_t *w, const struct bench_prop *p)
{
	wire_put32(w, (uint32_t)p->name.len);
	wire_put32(w + 4, (uint32_t)p->len);
	memcpy(w + 8, p->name.s, p->name.len);
	memcpy(w + 8 + p->name.len, p->value, p->len);
	return w + 8 + p->name.len + p->len;
}

/* The stream is made within the clock: a caller has to make it, too. */
static size_t encode(const struct bench *b, uint8_t *out, size_t n_props)
{
	uint8_t *w = out;
	size_t i;

	for (i = 0; i < n_props; i++)
		w = put_prop(w, &b->props[i]);
	return (size_t)(w - out);
}

/* Only what tells nodes apart: the properties whose value is the id, by place. */
static size_t encode_patch(const struct bench *b, uint8_t *out)
{
	uint8_t *w = out;
	uint32_t i;

	for (i = 0; i < BENCH_PROPS; i++) {
		if (b->props[i].value != b->id)
			continue;
		wire_put32(w, i);
		wire_put32(w + 4, sizeof(b->id));
		memcpy(w + 8, b->id, sizeof(b->id));
		w += 8 + sizeof(b->id);
	}
	return (size_t)(w - out);
}

struct bench_time ours_add(struct bench *b, size_t n)
{
	uint8_t stream[STREAM_MAX];
	struct bench_time t = { 0 };
	struct dlpar_tree *tree;
	double start;
	int64_t parent;
	size_t i, len;

	while (t.items < n) {
		tree = ours_renew(b);
		parent = ours_find(tree, &b->parent);
		start = bench_clock();
		for (i = 0; i < BENCH_NEW; i++) {
			bench_set_id(b, i);
			len = encode(b, stream, BENCH_SHORT);
			BENCH_CHECK(dlpar_tree_add(tree, parent,
						   b->new_name[i].s,
						   b->new_name[i].len, stream,
						   len, 0) >= 0);
		}
		t.ns += bench_since(start);
		t.items += i;
	}
	return t;
}

/* A node and its properties, one call each, as with libfdt. */
static int64_t add_node(struct bench *b, struct dlpar_tree *t, int64_t parent,
			size_t k)
{
	int64_t at;
	size_t i;

	at = dlpar_tree_add(t, parent, b->new_name[k].s, b->new_name[k].len,
			    NULL, 0, 0);
	BENCH_CHECK(at >= 0);
	bench_set_id(b, k);
	for (i = 0; i < BENCH_PROPS; i++) {
		const struct bench_prop *p = &b->props[i];

		BENCH_CHECK(!dlpar_tree_set(t, at, p->name.s, p->name.len,
					    p->value, p->len));
	}
	return at;
}

struct bench_time ours_cycle(struct bench *b, size_t n)
{
	struct dlpar_tree *t = ours_renew(b);
	int64_t at, parent = ours_find(t, &b->parent);
	double start = bench_clock();
	size_t i, k = 0;

	for (i = 0; i < n; i++) {
		k = k + 1 < BENCH_NEW ? k + 1 : 0;
		at = add_node(b, t, parent, k);
		BENCH_CHECK(ours_find(t, &b->new_path[k]) == at);
		BENCH_CHECK(!dlpar_tree_remove(t, at));
	}
	return (struct bench_time){ bench_since(start), n };
}

static int make_template(struct bench *b, struct dlpar_tree *t)
{
	uint8_t stream[STREAM_MAX];
	size_t len = encode(b, stream, BENCH_PROPS);
	int tmpl = dlpar_tree_template(t, stream, len);

	BENCH_CHECK(tmpl >= 0);
	return tmpl;
}

/* New node @k from a template, patched with what makes it this one. */
static int64_t stamp(struct bench *b, struct dlpar_tree *t, int64_t parent,
		     int tmpl, size_t k)
{
	uint8_t patch[STREAM_MAX];

	bench_set_id(b, k);
	return dlpar_tree_stamp(t, parent, b->new_name[k].s, b->new_name[k].len,
				tmpl, patch, encode_patch(b, patch),
				DLPAR_TREE_SLOTS);
}

struct bench_time ours_cycle_template(struct bench *b, size_t n)
{
	struct dlpar_tree *t = ours_renew(b);
	int tmpl = make_template(b, t);
	int64_t at, parent = ours_find(t, &b->parent);
	double start = bench_clock();
	size_t i, k = 0;

	for (i = 0; i < n; i++) {
		k = k + 1 < BENCH_NEW ? k + 1 : 0;
		at = stamp(b, t, parent, tmpl, k);
		BENCH_CHECK(ours_find(t, &b->new_path[k]) == at);
		BENCH_CHECK(!dlpar_tree_remove(t, at));
	}
	return (struct bench_time){ bench_since(start), n };
}

struct bench_time ours_cycle_undone(struct bench *b, size_t n)
{
	struct dlpar_tree *t = ours_renew(b);
	int64_t at, parent = ours_find(t, &b->parent);
	double start = bench_clock();
	size_t i, k = 0;

	for (i = 0; i < n; i++) {
		k = k + 1 < BENCH_NEW ? k + 1 : 0;
		BENCH_CHECK(dlpar_tree_begin(t) == 1);
		at = add_node(b, t, parent, k);
		BENCH_CHECK(ours_find(t, &b->new_path[k]) == at);
		BENCH_CHECK(!dlpar_tree_rollback(t));
	}
	return (struct bench_time){ bench_since(start), n };
}

static uint8_t *put_op(uint8_t *w, uint32_t op, int64_t node,
		       const struct bench_text *name, size_t len)
{
	wire_put32(w, op);
	wire_put64(w + 4, (uint64_t)node);
	wire_put32(w + 12, name ? (uint32_t)name->len : 0);
	wire_put32(w + 16, (uint32_t)len);
	if (!name)
		return w + 20;
	memcpy(w + 20, name->s, name->len);
	return w + 20 + name->len;
}

/* A cycle of each new node from a template, patched, as operations of a batch. */
static size_t encode_cycles(struct bench *b, struct dlpar_tree *t, uint8_t *out)
{
	int64_t parent = ours_find(t, &b->parent), first;
	uint8_t stream[STREAM_MAX], *w = out;
	int tmpl = make_template(b, t);
	size_t k, len;

	for (k = 0; k < BENCH_NEW; k++) {
		first = (int64_t)(3 * k);
		bench_set_id(b, k);
		len = encode_patch(b, stream);
		w = put_op(w, DLPAR_TREE_OP_STAMP | DLPAR_TREE_SLOTS << 16,
			   parent, &b->new_name[k], 4 + len);
		wire_put32(w, (uint32_t)tmpl);
		memcpy(w + 4, stream, len);
		w = put_op(w + 4 + len, DLPAR_TREE_OP_FIND, parent,
			   &b->new_name[k], 0);
		w = put_op(w, DLPAR_TREE_OP_REMOVE, -1 - (first + 1), NULL, 0);
	}
	return (size_t)(w - out);
}

/* Prepared outside the clock, and run again and again. */
struct bench_time ours_cycle_batch(struct bench *b, size_t n)
{
	uint8_t *ops = bench_alloc(BENCH_NEW * STREAM_MAX);
	struct dlpar_tree *t = ours_renew(b);
	struct bench_time time = { 0 };
	size_t len = encode_cycles(b, t, ops);
	int64_t results[3 * BENCH_NEW];
	double start = bench_clock();

	for (; time.items < n; time.items += BENCH_NEW)
		BENCH_CHECK(dlpar_tree_batch(t, results, 3 * BENCH_NEW, ops,
					     len) == 3 * BENCH_NEW);
	time.ns = bench_since(start);
	free(ops);
	return time;
}

/* From a template, with a property set, then rolled back. */
struct bench_time ours_template_undone(struct bench *b, size_t n)
{
	struct dlpar_tree *t = ours_renew(b);
	int tmpl = make_template(b, t);
	int64_t at, parent = ours_find(t, &b->parent);
	double start = bench_clock();
	size_t i, k = 0;

	for (i = 0; i < n; i++) {
		k = k + 1 < BENCH_NEW ? k + 1 : 0;
		BENCH_CHECK(dlpar_tree_begin(t) == 1);
		at = stamp(b, t, parent, tmpl, k);
		BENCH_CHECK(!dlpar_tree_set(t, at, b->set.s, b->set.len, b->id,
					    4));
		BENCH_CHECK(!dlpar_tree_rollback(t));
	}
	return (struct bench_time){ bench_since(start), n };
}
