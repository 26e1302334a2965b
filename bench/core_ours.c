// SPDX-License-Identifier: Apache-2.0
/*
 * core_ours.c - the operations of the core benchmark in the core of pydlpar.
 *
 * Through the public header only, as a C program would. A handle stays good
 * over edits, but not over a new tree: those of the nodes to edit are fetched
 * outside the clock, as libfdt's offsets are.
 */
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "core_ours.h"

#define SEED 0x243f6a8885a308d3ull
#define GROWN_MAX 256

struct ours {
	struct dlpar_tree *tree;	/* as read */
	struct dlpar_tree *work;	/* for edits, read anew before a run */
	struct dlpar_tree *one, *few, *percent, *all;	/* changed there */
	int64_t edit[BENCH_EDITS];
	int removable[BENCH_EDITS];
	uint64_t seed;			/* of the last tree to edit */
};

static struct dlpar_tree *parse_as(const struct bench *b, uint64_t seed,
				   uint32_t flags)
{
	struct dlpar_tree *t;

	BENCH_CHECK(!dlpar_tree_parse(&t, NULL, b->blob, b->len, seed, 0,
				      flags));
	return t;
}

static struct dlpar_tree *parse(const struct bench *b)
{
	return parse_as(b, SEED, 0);
}

int64_t ours_find(const struct dlpar_tree *t, const struct bench_text *path)
{
	int64_t node = dlpar_tree_path(t, path->s, path->len);

	BENCH_CHECK(node >= 0);
	return node;
}

/*
 * With another seed each time, as a caller's trees have: a processor learns by
 * heart what hundreds of nodes do in a table that is always the same.
 */
static void reopen(struct bench *b)
{
	dlpar_tree_free(b->ours->work);
	b->ours->seed += SEED;
	b->ours->work = parse_as(b, b->ours->seed, 0);
}

static int grow_one(struct bench *b, struct dlpar_tree *t, int64_t node)
{
	static const uint8_t value[GROWN_MAX + 4];

	return dlpar_tree_set(t, node, b->grow.s, b->grow.len, value,
			      b->grow_len + 4);
}

/* A tree in which one node in @step has a property grown. */
static struct dlpar_tree *changed(struct bench *b, size_t step)
{
	struct dlpar_tree *t = parse(b);
	int64_t node, n, *nodes, i;

	n = dlpar_tree_walk(t, NULL, 0, dlpar_tree_root(t));
	nodes = bench_alloc((size_t)n * sizeof(*nodes));
	dlpar_tree_walk(t, nodes, (size_t)n, dlpar_tree_root(t));
	for (i = 0; i < n; i += (int64_t)step) {
		node = nodes[(i + (int64_t)step / 2) % n];
		BENCH_CHECK(!grow_one(b, t, node));
	}
	free(nodes);
	return t;
}

/* Handles of the sample by place in tree order, not by a look-up. */
static void bind_handles(struct bench *b)
{
	struct dlpar_tree *t = b->ours->tree;
	int64_t n = dlpar_tree_walk(t, NULL, 0, dlpar_tree_root(t)), *nodes;
	size_t i;

	nodes = bench_alloc((size_t)n * sizeof(*nodes));
	dlpar_tree_walk(t, nodes, (size_t)n, dlpar_tree_root(t));
	for (i = 0; i < b->n_nodes; i++) {
		BENCH_CHECK(b->nodes[i].order < n);
		b->nodes[i].handle = nodes[b->nodes[i].order];
	}
	for (i = 0; i < b->n_phandles; i++) {
		BENCH_CHECK(b->phandles[i].order < n);
		b->phandles[i].handle = nodes[b->phandles[i].order];
	}
	free(nodes);
}

static void set_grow_len(struct bench *b)
{
	const struct dlpar_tree *t = b->ours->tree;
	const char *value;
	int64_t len;

	len = dlpar_tree_get(t, &value, ours_find(t, &b->nodes[0].path), b->grow.s,
			     b->grow.len);
	BENCH_CHECK(len > 0 && len < GROWN_MAX);
	b->grow_len = (uint32_t)len;
}

/* Before libfdt's: the first large blocks of the process are mapped afresh. */
void ours_open(struct bench *b)
{
	struct ours *o = bench_alloc(sizeof(*o));
	struct dlpar_tree_info info;

	b->ours = o;
	o->tree = parse(b);
	o->work = parse(b);
	dlpar_tree_info(o->tree, &info);
	set_grow_len(b);
	o->one = changed(b, info.n_nodes);
	o->few = changed(b, info.n_nodes / 10);
	o->percent = changed(b, 100);
	o->all = changed(b, 1);
	bind_handles(b);
}

/* A tree as read, and in it the nodes to edit. */
struct dlpar_tree *ours_renew(struct bench *b)
{
	struct ours *o = b->ours;
	size_t i;

	reopen(b);
	for (i = 0; i < bench_n_edits(b); i++) {
		o->edit[i] = ours_find(o->work, &b->nodes[i].path);
		o->removable[i] = dlpar_tree_first(o->work, o->edit[i]) < 0;
	}
	return o->work;
}

struct bench_time ours_parse(struct bench *b, size_t n)
{
	double start = bench_clock();
	size_t i;

	for (i = 0; i < n; i++)
		dlpar_tree_free(parse_as(b, SEED, DLPAR_TREE_BORROW));
	return (struct bench_time){ bench_since(start), n };
}

struct bench_time ours_path(struct bench *b, size_t n)
{
	const struct dlpar_tree *t = b->ours->tree;
	double start = bench_clock();
	size_t i;

	for (i = 0; i < n; i++) {
		const struct bench_node *s = bench_next(b);

		BENCH_CHECK(dlpar_tree_path(t, s->path.s, s->path.len) ==
			    s->handle);
	}
	return (struct bench_time){ bench_since(start), n };
}

struct bench_time ours_phandle(struct bench *b, size_t n)
{
	const struct dlpar_tree *t = b->ours->tree;
	double start = bench_clock();
	size_t i;

	for (i = 0; i < n; i++) {
		const struct bench_phandle *s = bench_next_phandle(b);

		BENCH_CHECK(dlpar_tree_phandle(t, s->phandle) == s->handle);
	}
	return (struct bench_time){ bench_since(start), n };
}

struct bench_time ours_parent(struct bench *b, size_t n)
{
	const struct dlpar_tree *t = b->ours->tree;
	double start = bench_clock();
	size_t i;

	for (i = 0; i < n; i++)
		BENCH_CHECK(dlpar_tree_parent(t, bench_next(b)->handle) >= 0);
	return (struct bench_time){ bench_since(start), n };
}

struct bench_time ours_get(struct bench *b, size_t n)
{
	const struct dlpar_tree *t = b->ours->tree;
	double start = bench_clock();
	const char *value;
	size_t i, k = 0;

	for (i = 0; i < n; i++) {
		const struct bench_text *name = &b->get[k];

		k = k + 1 < BENCH_GETS ? k + 1 : 0;
		BENCH_CHECK(dlpar_tree_get(t, &value, bench_next(b)->handle,
					   name->s, name->len) >= 0);
	}
	return (struct bench_time){ bench_since(start), n };
}

/* The tree as read and one read anew have the same handles. */
struct bench_time ours_set(struct bench *b, size_t n)
{
	struct dlpar_tree *t;
	double start;
	size_t i;

	t = ours_renew(b);
	start = bench_clock();
	for (i = 0; i < n; i++) {
		bench_set_id(b, i);
		BENCH_CHECK(!dlpar_tree_set(t, bench_next(b)->handle, b->set.s,
					    b->set.len, b->id, 4));
	}
	return (struct bench_time){ bench_since(start), n };
}

struct bench_time ours_grow(struct bench *b, size_t n)
{
	struct bench_time t = { 0 };
	struct dlpar_tree *tree;
	double start;
	size_t i;

	while (t.items < n) {
		tree = ours_renew(b);
		start = bench_clock();
		for (i = 0; i < bench_n_edits(b); i++)
			BENCH_CHECK(!grow_one(b, tree, b->ours->edit[i]));
		t.ns += bench_since(start);
		t.items += i;
	}
	return t;
}

struct bench_time ours_remove(struct bench *b, size_t n)
{
	struct ours *o = b->ours;
	struct bench_time t = { 0 };
	struct dlpar_tree *tree;
	double start;
	size_t i;

	while (t.items < n) {
		tree = ours_renew(b);
		start = bench_clock();
		for (i = 0; i < bench_n_edits(b); i++) {
			if (!o->removable[i])
				continue;
			BENCH_CHECK(!dlpar_tree_remove(tree, o->edit[i]));
			t.items++;
		}
		t.ns += bench_since(start);
	}
	return t;
}

/* Bytes a node of a tree as read, its blob left out. */
double ours_memory(const struct bench *b)
{
	struct dlpar_tree_info info;

	dlpar_tree_info(b->ours->tree, &info);
	return (double)(info.memory - b->len) / info.n_nodes;
}

static struct bench_time write_out(struct bench *b, const struct dlpar_tree *t,
				   size_t n)
{
	int64_t size = dlpar_tree_flat_size(t);
	double start = bench_clock(), ns;
	size_t i;

	for (i = 0; i < n; i++)
		BENCH_CHECK(dlpar_tree_flatten(t, b->out, b->out_cap) == size);
	ns = bench_since(start);
	libfdt_verify(b->out, (size_t)size);
	return (struct bench_time){ ns, n };
}

struct bench_time ours_write_clean(struct bench *b, size_t n)
{
	return write_out(b, b->ours->tree, n);
}

struct bench_time ours_write_one(struct bench *b, size_t n)
{
	return write_out(b, b->ours->one, n);
}

struct bench_time ours_write_few(struct bench *b, size_t n)
{
	return write_out(b, b->ours->few, n);
}

struct bench_time ours_write_percent(struct bench *b, size_t n)
{
	return write_out(b, b->ours->percent, n);
}

struct bench_time ours_write_all(struct bench *b, size_t n)
{
	return write_out(b, b->ours->all, n);
}
