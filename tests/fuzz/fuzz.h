/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz.h - what the parts of the harness have in common; tree.c says what for.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "dlpar.h"

#define N_CHOICES 8u
#define MAX_NODES 64u

/* What the input has chosen, taken in turn and over again; its operations. */
struct choices {
	const uint8_t *bytes;
	unsigned int at;
	const uint8_t *ops;
	size_t ops_len;
};

struct blob {
	uint8_t *bytes;
	size_t len;
};

static inline unsigned int choose(struct choices *c, unsigned int n)
{
	unsigned int round = c->at / N_CHOICES;

	return (c->bytes[c->at++ % N_CHOICES] + round) % n;
}

static inline void check(bool holds)
{
	if (!holds)
		abort();
}

/* What only memory may spoil: whether it did not. */
static inline bool done(int64_t rc)
{
	check(rc >= 0 || rc == DLPAR_ERR_NOMEM);
	return rc >= 0;
}

static inline struct blob flatten(const struct dlpar_tree *t)
{
	int64_t size = dlpar_tree_flat_size(t);
	struct blob b;

	check(size > 0);
	b.len = (size_t)size;
	b.bytes = malloc(b.len);
	check(b.bytes && dlpar_tree_flatten(t, b.bytes, b.len) == size);
	check(dlpar_tree_flatten(t, b.bytes, b.len - 1) == DLPAR_ERR_NOSPACE);
	return b;
}

static inline bool same(const struct blob *a, const struct blob *b)
{
	return a->len == b->len && !memcmp(a->bytes, b->bytes, a->len);
}

static inline uint32_t count(const struct dlpar_tree *t)
{
	struct dlpar_tree_info info;

	dlpar_tree_info(t, &info);
	return info.n_nodes;
}

static inline size_t nodes_of(const struct dlpar_tree *t, int64_t *nodes)
{
	int64_t n = dlpar_tree_walk(t, nodes, MAX_NODES, dlpar_tree_root(t));

	check(n > 0);
	return n < (int64_t)MAX_NODES ? (size_t)n : MAX_NODES;
}

/* Edits of tree.c, and those of fuzz_edits.c that it takes its turn with. */
void fuzz_edits(struct dlpar_tree *t, struct choices *c);
void fuzz_edit_more(struct dlpar_tree *t, struct choices *c, int64_t node,
		    int64_t other);
/* A written blob is accepted, says as many nodes, and comes back the same. */
void fuzz_check_written(const struct dlpar_tree *t, const struct blob *b,
			bool canonical);
/* fuzz_reads.c: reads of many nodes, source text. */
void fuzz_reads(const struct dlpar_tree *t, struct choices *c);
char *fuzz_text(const struct dlpar_tree *t, int64_t node, int64_t *len);
/* fuzz_changes.c: copies, differences, patches; overlays. */
void fuzz_changes(struct dlpar_tree *t, struct choices *c);
void fuzz_overlay(struct dlpar_tree *t, struct choices *c);

#endif /* FUZZ_H */
