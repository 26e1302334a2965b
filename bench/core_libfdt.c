// SPDX-License-Identifier: Apache-2.0
/*
 * core_libfdt.c - the operations of the core benchmark in libfdt.
 *
 * An edit that changes a size makes the offsets behind it stale. Where the edit
 * alone is timed, offsets come from a rehearsal: the same edits on the same
 * blob, each looked up by path when its turn came. The cycle looks up by path
 * within the clock, as a caller has to.
 */
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"

/* Room for a rehearsal's or a run's edits, far from libfdt's NOSPACE. */
#define SLACK (1u << 20)

struct libfdt {
	uint8_t *fdt;
	int cap;
	int grow_at[BENCH_EDITS], remove_at[BENCH_EDITS];
	int removable[BENCH_EDITS];	/* neither gone nor with children */
};

static void reopen(struct bench *b)
{
	struct libfdt *l = b->libfdt;

	BENCH_CHECK(!fdt_open_into(b->blob, l->fdt, l->cap));
}

static int grow_one(struct bench *b, int offset)
{
	static const uint8_t value[512];
	int len = (int)b->grow_len + 4;

	return fdt_setprop(b->libfdt->fdt, offset, b->grow.s, value, len);
}

static void rehearse(struct bench *b)
{
	struct libfdt *l = b->libfdt;
	size_t i;
	int at;

	reopen(b);
	for (i = 0; i < bench_n_edits(b); i++) {
		at = fdt_path_offset(l->fdt, b->nodes[i].path.s);
		BENCH_CHECK(at > 0 && !grow_one(b, at));
		l->grow_at[i] = at;
	}
	reopen(b);
	for (i = 0; i < bench_n_edits(b); i++) {
		at = fdt_path_offset(l->fdt, b->nodes[i].path.s);
		BENCH_CHECK(at > 0);
		l->removable[i] = fdt_first_subnode(l->fdt, at) < 0;
		if (l->removable[i])
			BENCH_CHECK(!fdt_del_node(l->fdt, at));
		l->remove_at[i] = at;
	}
	reopen(b);
}

/* Offsets of the sample by place in tree order, not by a look-up. */
static void bind_offsets(struct bench *b)
{
	int *offsets, at = 0, depth = 0;
	uint32_t n = 0;
	size_t i;

	offsets = bench_alloc(b->len / 4 * sizeof(*offsets));
	for (; at >= 0 && depth >= 0; at = fdt_next_node(b->blob, at, &depth))
		offsets[n++] = at;
	for (i = 0; i < b->n_nodes; i++) {
		BENCH_CHECK(b->nodes[i].order < n);
		b->nodes[i].offset = offsets[b->nodes[i].order];
	}
	for (i = 0; i < b->n_phandles; i++) {
		BENCH_CHECK(b->phandles[i].order < n);
		b->phandles[i].offset = offsets[b->phandles[i].order];
	}
	free(offsets);
}

void libfdt_open(struct bench *b)
{
	struct libfdt *l = bench_alloc(sizeof(*l));

	b->libfdt = l;
	l->cap = (int)(b->len + SLACK);
	l->fdt = bench_alloc((size_t)l->cap);
	bind_offsets(b);
	rehearse(b);
}

void libfdt_verify(const uint8_t *blob, size_t len)
{
	BENCH_CHECK(!fdt_check_full(blob, len));
}

struct bench_time libfdt_check_full(struct bench *b, size_t n)
{
	double start = bench_clock();
	size_t i;

	for (i = 0; i < n; i++)
		BENCH_CHECK(!fdt_check_full(b->blob, b->len));
	return (struct bench_time){ bench_since(start), n };
}

struct bench_time libfdt_path(struct bench *b, size_t n)
{
	double start = bench_clock();
	size_t i;

	for (i = 0; i < n; i++) {
		const struct bench_node *s = bench_next(b);

		BENCH_CHECK(fdt_path_offset(b->blob, s->path.s) == s->offset);
	}
	return (struct bench_time){ bench_since(start), n };
}

struct bench_time libfdt_phandle(struct bench *b, size_t n)
{
	double start = bench_clock();
	size_t i;

	for (i = 0; i < n; i++) {
		const struct bench_phandle *s = bench_next_phandle(b);

		BENCH_CHECK(fdt_node_offset_by_phandle(b->blob, s->phandle) ==
			    s->offset);
	}
	return (struct bench_time){ bench_since(start), n };
}

struct bench_time libfdt_parent(struct bench *b, size_t n)
{
	double start = bench_clock();
	size_t i;

	for (i = 0; i < n; i++)
		BENCH_CHECK(fdt_parent_offset(b->blob, bench_next(b)->offset) >=
			    0);
	return (struct bench_time){ bench_since(start), n };
}

struct bench_time libfdt_get(struct bench *b, size_t n)
{
	double start = bench_clock();
	size_t i;
	int len;

	for (i = 0; i < n; i++)
		BENCH_CHECK(fdt_getprop(b->blob, bench_next(b)->offset,
					b->get[i % BENCH_GETS].s, &len));
	return (struct bench_time){ bench_since(start), n };
}

struct bench_time libfdt_set(struct bench *b, size_t n)
{
	double start;
	size_t i;

	reopen(b);
	start = bench_clock();
	for (i = 0; i < n; i++) {
		bench_set_id(b, i);
		BENCH_CHECK(!fdt_setprop(b->libfdt->fdt, bench_next(b)->offset,
					 b->set.s, b->id, 4));
	}
	return (struct bench_time){ bench_since(start), n };
}

struct bench_time libfdt_grow(struct bench *b, size_t n)
{
	struct bench_time t = { 0 };
	double start;
	size_t i;

	while (t.items < n) {
		reopen(b);
		start = bench_clock();
		for (i = 0; i < bench_n_edits(b); i++)
			BENCH_CHECK(!grow_one(b, b->libfdt->grow_at[i]));
		t.ns += bench_since(start);
		t.items += i;
	}
	return t;
}

struct bench_time libfdt_remove(struct bench *b, size_t n)
{
	struct libfdt *l = b->libfdt;
	struct bench_time t = { 0 };
	double start;
	size_t i;

	while (t.items < n) {
		reopen(b);
		start = bench_clock();
		for (i = 0; i < bench_n_edits(b); i++) {
			if (!l->removable[i])
				continue;
			BENCH_CHECK(!fdt_del_node(l->fdt, l->remove_at[i]));
			t.items++;
		}
		t.ns += bench_since(start);
	}
	return t;
}

static int add_node(struct bench *b, int parent, size_t k, size_t n_props)
{
	uint8_t *fdt = b->libfdt->fdt;
	int at = fdt_add_subnode(fdt, parent, b->new_name[k].s);
	size_t i;

	BENCH_CHECK(at > 0);
	bench_set_id(b, k);
	for (i = 0; i < n_props; i++) {
		const struct bench_prop *p = &b->props[i];

		BENCH_CHECK(!fdt_setprop(fdt, at, p->name.s, p->value,
					 (int)p->len));
	}
	return at;
}

/* A new node comes first below its parent: the parent's offset stays good. */
struct bench_time libfdt_add(struct bench *b, size_t n)
{
	int parent = fdt_path_offset(b->blob, b->parent.s);
	struct bench_time t = { 0 };
	double start;
	size_t i;

	while (t.items < n) {
		reopen(b);
		start = bench_clock();
		for (i = 0; i < BENCH_NEW; i++)
			add_node(b, parent, i, BENCH_SHORT);
		t.ns += bench_since(start);
		t.items += i;
	}
	return t;
}

struct bench_time libfdt_cycle(struct bench *b, size_t n)
{
	uint8_t *fdt = b->libfdt->fdt;
	double start;
	int parent, at;
	size_t i, k;

	reopen(b);
	start = bench_clock();
	for (i = 0; i < n; i++) {
		k = i % BENCH_NEW;
		parent = fdt_path_offset(fdt, b->parent.s);
		at = add_node(b, parent, k, BENCH_PROPS);
		BENCH_CHECK(fdt_path_offset(fdt, b->new_path[k].s) == at);
		BENCH_CHECK(!fdt_del_node(fdt, at));
	}
	return (struct bench_time){ bench_since(start), n };
}
