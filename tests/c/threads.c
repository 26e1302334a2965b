// SPDX-License-Identifier: Apache-2.0
/*
 * threads.c - threads that share trees, for ThreadSanitizer (`make tsan`).
 *
 * Through the public header only. Editors change what readers read, two more
 * edit in transactions, two graft a tree each into the other's; every reader
 * checks that what it found is something that was written. A data race is the
 * sanitizer's to report; it says nothing of what the core never reaches.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dlpar.h"

#define ROUNDS 1000
#define BIG 6000u
#define CHECK(ok) check(ok, #ok, __LINE__)
#define TEXT(s) s, sizeof(s) - 1

struct shared {
	struct dlpar_tree *tree;
	struct dlpar_tree *left, *right;	/* grafted into one another */
	int64_t node;			/* its "v" is edited */
	int64_t pair;			/* its "a" and "b" are, in transactions */
	atomic_int editors;		/* still at work */
};

struct job {
	pthread_t thread;
	struct shared *s;
	void (*run)(struct shared *s);
	bool editor;			/* not one who reads until all are done */
};

static void check(bool ok, const char *what, int line)
{
	if (ok)
		return;
	fprintf(stderr, "threads.c:%d: not so: %s\n", line, what);
	exit(1);
}

static bool all_equal(const uint8_t *p, int64_t len)
{
	return len <= 1 || !memcmp(p, p + 1, (size_t)len - 1);
}

/* What waits for nothing but a transaction is tried again. */
static int set(struct shared *s, const uint8_t *value, size_t len)
{
	int err;

	do {
		err = dlpar_tree_set(s->tree, s->node, TEXT("v"), value, len);
	} while (err == DLPAR_ERR_BUSY);
	return err;
}

/* The same size, another size, a block of its own: one byte throughout. */
static void edit_values(struct shared *s)
{
	static const size_t sizes[] = { 4, 4, 64, 64, BIG, 4096 };
	static const uint8_t fill[] = { 1, 2, 3, 4 };
	uint8_t value[BIG];
	size_t i;

	for (i = 0; i < ROUNDS; i++) {
		memset(value, fill[i % 4], sizeof(value));
		CHECK(!set(s, value, sizes[i % 6]));
	}
}

static void edit_nodes(struct shared *s)
{
	static const char *const names[] = { "x@1", "x@2", "y" };
	int64_t node[3];
	size_t i, k;
	int err;

	for (i = 0; i < ROUNDS; i++) {
		for (k = 0; k < 3; k++)
			do {
				node[k] = dlpar_tree_add(s->tree, s->node,
							 names[k],
							 strlen(names[k]),
							 NULL, 0, 0);
			} while (node[k] == DLPAR_ERR_BUSY);
		for (k = 0; k < 3; k++) {
			CHECK(node[k] >= 0);
			do {
				err = dlpar_tree_remove(s->tree, node[k]);
			} while (err == DLPAR_ERR_BUSY);
			CHECK(!err);
		}
	}
}

/* Within a transaction nobody else edits; half of them are taken back. */
static void edit_pairs(struct shared *s)
{
	uint8_t value[300];
	int depth;
	size_t i;

	for (i = 0; i < ROUNDS; i++) {
		memset(value, (int)i, sizeof(value));
		do {
			depth = dlpar_tree_begin(s->tree);
		} while (depth == DLPAR_ERR_BUSY);
		CHECK(depth == 1);
		CHECK(!dlpar_tree_set(s->tree, s->pair, TEXT("a"), value,
				      1 + i % 256));
		CHECK(!dlpar_tree_set(s->tree, s->pair, TEXT("b"), value,
				      1 + i % 256));
		CHECK(!(i % 2 ? dlpar_tree_commit(s->tree) :
				dlpar_tree_rollback(s->tree)));
	}
}

static void read_values(struct shared *s)
{
	uint8_t value[BIG], all[2 * BIG];
	int64_t n;

	while (atomic_load(&s->editors)) {
		n = dlpar_tree_read(s->tree, value, sizeof(value), s->node,
				    TEXT("v"));
		CHECK(n == 4 || n == 64 || n == 4096 || n == BIG);
		CHECK(value[0] >= 1 && value[0] <= 4 && all_equal(value, n));
		n = dlpar_tree_props(s->tree, all, sizeof(all), s->pair);
		CHECK(n >= 18 && n <= 18 + 2 * 256);
		CHECK(dlpar_tree_n_props(s->tree, s->pair) == 2);
	}
}

static void read_nodes(struct shared *s)
{
	int64_t nodes[16], n, i;
	char name[16], path[64];

	while (atomic_load(&s->editors)) {
		CHECK(dlpar_tree_path(s->tree, TEXT("/node")) == s->node);
		n = dlpar_tree_path(s->tree, TEXT("/node/x"));
		CHECK(n >= 0 || n == DLPAR_ERR_NOTFOUND);
		n = dlpar_tree_walk(s->tree, nodes, 16, s->node);
		CHECK(n >= 1 && n <= 4);
		for (i = 1; i < n; i++) {
			int64_t len = dlpar_tree_name_of(s->tree, name, 16,
							 nodes[i]);

			CHECK(len == DLPAR_ERR_STALE || len == 1 || len == 3);
			len = dlpar_tree_path_of(s->tree, path, 64, nodes[i]);
			CHECK(len == DLPAR_ERR_STALE || len == 7 || len == 9);
		}
	}
}

/* What is written out is a whole tree, at any time. */
static void write_out(struct shared *s)
{
	static const size_t cap = 1u << 20;
	uint8_t *blob = malloc(cap);
	struct dlpar_tree *copy;
	int64_t n;

	CHECK(blob);
	while (atomic_load(&s->editors)) {
		n = dlpar_tree_flatten(s->tree, blob, cap);
		CHECK(n > 0);
		CHECK(!dlpar_tree_parse(&copy, NULL, blob, (size_t)n, 1, 0, 0));
		dlpar_tree_free(copy);
		CHECK(!dlpar_tree_extract(s->tree, &copy, s->node, 1));
		dlpar_tree_free(copy);
	}
	free(blob);
}

static void graft(struct dlpar_tree *to, const struct dlpar_tree *from)
{
	int64_t here = dlpar_tree_path(to, TEXT("/here")), node;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		node = dlpar_tree_graft_tree(to, here, from);
		CHECK(node >= 0);
		CHECK(!dlpar_tree_remove(to, node));
	}
}

static void graft_left(struct shared *s)
{
	graft(s->left, s->right);
}

static void graft_right(struct shared *s)
{
	graft(s->right, s->left);
}

/* A tree of one's own has nothing to do with the others'. */
static void use_another(struct shared *s)
{
	struct shared mine = { 0 };

	CHECK(s->tree);
	CHECK(!dlpar_tree_new(&mine.tree, 1, 0));
	mine.node = dlpar_tree_root(mine.tree);
	edit_values(&mine);
	dlpar_tree_free(mine.tree);
}

static void *start(void *arg)
{
	struct job *job = arg;

	job->run(job->s);
	if (job->editor)
		atomic_fetch_sub(&job->s->editors, 1);
	return NULL;
}

static struct dlpar_tree *new_tree(const char *name, int64_t *node)
{
	struct dlpar_tree *t;

	CHECK(!dlpar_tree_new(&t, 1, 0));
	CHECK(!dlpar_tree_share(t) && !dlpar_tree_share(t));
	*node = dlpar_tree_add(t, dlpar_tree_root(t), name, strlen(name), NULL,
			       0, 0);
	CHECK(*node >= 0);
	return t;
}

static void prepare(struct shared *s)
{
	int64_t here;

	s->tree = new_tree("node", &s->node);
	s->pair = dlpar_tree_add(s->tree, dlpar_tree_root(s->tree),
				 TEXT("pair"), NULL, 0, 0);
	CHECK(!dlpar_tree_set(s->tree, s->pair, TEXT("a"), NULL, 0));
	CHECK(!dlpar_tree_set(s->tree, s->pair, TEXT("b"), NULL, 0));
	CHECK(!dlpar_tree_set(s->tree, s->node, TEXT("v"),
			      (const uint8_t *)"\1\1\1\1", 4));
	s->left = new_tree("here", &here);
	s->right = new_tree("here", &here);
}

int main(void)
{
	struct shared s = { 0 };
	struct job jobs[] = {
		{ .run = edit_values, .editor = true },
		{ .run = edit_nodes, .editor = true },
		{ .run = edit_pairs, .editor = true },
		{ .run = edit_pairs, .editor = true },
		{ .run = graft_left, .editor = true },
		{ .run = graft_right, .editor = true },
		{ .run = use_another, .editor = true },
		{ .run = read_values }, { .run = read_values },
		{ .run = read_nodes }, { .run = write_out }, { .run = write_out }
	};
	size_t i, n = sizeof(jobs) / sizeof(jobs[0]);

	prepare(&s);
	for (i = 0; i < n; i++)
		if (jobs[i].editor)
			atomic_fetch_add(&s.editors, 1);
	for (i = 0; i < n; i++) {
		jobs[i].s = &s;
		CHECK(!pthread_create(&jobs[i].thread, NULL, start, &jobs[i]));
	}
	for (i = 0; i < n; i++)
		CHECK(!pthread_join(jobs[i].thread, NULL));
	dlpar_tree_free(s.tree);
	dlpar_tree_free(s.left);
	dlpar_tree_free(s.right);
	puts("threads: no complaint");
	return 0;
}
