/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core.h - shared by the parts of the core benchmark.
 *
 *	cc -O2 -Icsrc -o core bench/core.c bench/timing.c bench/core_ours.c \
 *		bench/core_cycles.c bench/core_libfdt.c $(ls csrc | sed s,^,csrc/, | grep c$) -lfdt
 *
 * core.c loads a tree and the work to do on it, runs each operation of both
 * libraries in turn and prints the figures; core_ours.c and core_libfdt.c hold
 * the operations. Neither includes the other's headers. Every result is
 * checked; what was not done right is never timed, the program aborts.
 */
#ifndef DLPAR_BENCH_CORE_H
#define DLPAR_BENCH_CORE_H

#include "timing.h"

#define BENCH_GETS 10u		/* property names to get */
#define BENCH_PROPS 16u		/* properties of a new CPU node */
#define BENCH_SHORT 10u		/* properties of a node in the operation add */
#define BENCH_NEW 64u		/* names for new nodes */
#define BENCH_EDITS 256u	/* most edits until the tree is opened anew */
#define BENCH_ID 0x08000000u	/* new nodes: reg, DRC index, phandle */

struct bench_text {
	const char *s;
	size_t len;
};

struct bench_node {
	struct bench_text path;
	uint32_t order;		/* place in tree order */
	int64_t handle;		/* what the core calls it */
	int offset;		/* what libfdt calls it */
};

struct bench_phandle {
	uint32_t phandle, order;
	int64_t handle;
	int offset;
};

/* A property of a new node; those that tell nodes apart share one value. */
struct bench_prop {
	struct bench_text name;
	const uint8_t *value;
	size_t len;
};

struct bench {
	const uint8_t *blob;
	size_t len;
	struct bench_node *nodes;
	size_t n_nodes;
	struct bench_phandle *phandles;
	size_t n_phandles;
	struct bench_text parent, set, grow, get[BENCH_GETS];
	size_t n_gets, n_props;
	uint32_t grow_len;		/* of the property in the blob */
	struct bench_prop props[BENCH_PROPS];
	uint8_t id[4];			/* the shared value of bench_prop */
	struct bench_text new_name[BENCH_NEW], new_path[BENCH_NEW];
	uint8_t *out;			/* warm, as large as ever needed */
	size_t out_cap;
	size_t at, phandle_at;		/* in the sample; runs go on from there */
	struct ours *ours;
	struct libfdt *libfdt;
};

/* The next node of the sample, the next phandle. */
static inline const struct bench_node *bench_next(struct bench *b)
{
	b->at = b->at + 1 < b->n_nodes ? b->at + 1 : 0;
	return &b->nodes[b->at];
}

static inline const struct bench_phandle *bench_next_phandle(struct bench *b)
{
	b->phandle_at = b->phandle_at + 1 < b->n_phandles ? b->phandle_at + 1 :
							    0;
	return &b->phandles[b->phandle_at];
}

static inline void bench_set_id(struct bench *b, size_t k)
{
	uint32_t id = BENCH_ID | (uint32_t)k;

	b->id[0] = (uint8_t)(id >> 24);
	b->id[1] = (uint8_t)(id >> 16);
	b->id[2] = (uint8_t)(id >> 8);
	b->id[3] = (uint8_t)id;
}

/* How many of the first sampled nodes are edited until a tree is renewed. */
static inline size_t bench_n_edits(const struct bench *b)
{
	return b->n_nodes < BENCH_EDITS ? b->n_nodes : BENCH_EDITS;
}

/* core_ours.c: open; bind the sample's nodes and phandles to handles. */
void ours_open(struct bench *b);
struct bench_time ours_parse(struct bench *b, size_t n);
struct bench_time ours_path(struct bench *b, size_t n);
struct bench_time ours_phandle(struct bench *b, size_t n);
struct bench_time ours_parent(struct bench *b, size_t n);
struct bench_time ours_get(struct bench *b, size_t n);
struct bench_time ours_set(struct bench *b, size_t n);
struct bench_time ours_grow(struct bench *b, size_t n);
struct bench_time ours_add(struct bench *b, size_t n);
struct bench_time ours_remove(struct bench *b, size_t n);
struct bench_time ours_cycle(struct bench *b, size_t n);
struct bench_time ours_cycle_template(struct bench *b, size_t n);
struct bench_time ours_cycle_undone(struct bench *b, size_t n);
struct bench_time ours_cycle_batch(struct bench *b, size_t n);
struct bench_time ours_template_undone(struct bench *b, size_t n);
double ours_memory(const struct bench *b);
struct bench_time ours_write_clean(struct bench *b, size_t n);
struct bench_time ours_write_one(struct bench *b, size_t n);
struct bench_time ours_write_few(struct bench *b, size_t n);
struct bench_time ours_write_percent(struct bench *b, size_t n);
struct bench_time ours_write_all(struct bench *b, size_t n);

/* core_libfdt.c */
void libfdt_open(struct bench *b);
struct bench_time libfdt_check_full(struct bench *b, size_t n);
struct bench_time libfdt_path(struct bench *b, size_t n);
struct bench_time libfdt_phandle(struct bench *b, size_t n);
struct bench_time libfdt_parent(struct bench *b, size_t n);
struct bench_time libfdt_get(struct bench *b, size_t n);
struct bench_time libfdt_set(struct bench *b, size_t n);
struct bench_time libfdt_grow(struct bench *b, size_t n);
struct bench_time libfdt_add(struct bench *b, size_t n);
struct bench_time libfdt_remove(struct bench *b, size_t n);
struct bench_time libfdt_cycle(struct bench *b, size_t n);
void libfdt_verify(const uint8_t *blob, size_t len);

#endif /* DLPAR_BENCH_CORE_H */
