// SPDX-License-Identifier: Apache-2.0
/*
 * tree_lock.c - what keeps the threads that share a tree apart.
 *
 * Readers run together, an edit runs alone, and who comes second waits, by
 * POSIX read-write locks. A transaction has an owner: while one is open, edits
 * of other threads are refused, for waiting could wait for ever. A tree that
 * was never shared has no lock, so its readers pay one branch.
 *
 * The lock does not nest: a function that holds it must never call one that
 * takes it. Two trees are entered in the order of their addresses.
 */
#define _GNU_SOURCE	/* the kind of a read-write lock */
#include <pthread.h>

#include "tree.h"

struct tree_lock {
	pthread_rwlock_t rw;
	pthread_t owner;		/* last to edit with no transaction open */
};

/* Else readers that overlap without end, as write-outs do, keep edits out. */
static int init(pthread_rwlock_t *rw)
{
	pthread_rwlockattr_t attr;
	int err = pthread_rwlockattr_init(&attr);

	if (err)
		return err;
#ifdef __GLIBC__
	pthread_rwlockattr_setkind_np(
		&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
#endif
	err = pthread_rwlock_init(rw, &attr);
	pthread_rwlockattr_destroy(&attr);
	return err;
}

int dlpar_tree_share(struct dlpar_tree *t)
{
	struct tree_lock *l;

	if (t->shared)
		return DLPAR_OK;
	l = arena_resize(&t->arena, NULL, 0, sizeof(*l));
	if (!l)
		return DLPAR_ERR_NOMEM;
	if (init(&l->rw)) {
		arena_release(&t->arena, l, sizeof(*l));
		return DLPAR_ERR_NOMEM;
	}
	l->owner = pthread_self();
	t->shared = l;
	return DLPAR_OK;
}

void tree_lock_free(struct dlpar_tree *t)
{
	if (!t->shared)
		return;
	pthread_rwlock_destroy(&t->shared->rw);
	arena_release(&t->arena, t->shared, sizeof(*t->shared));
}

/* False where this thread is inside already: it is a signal handler. */
bool tree_lock_read(struct tree_lock *l)
{
	return !pthread_rwlock_rdlock(&l->rw);
}

void tree_lock_leave(struct tree_lock *l)
{
	pthread_rwlock_unlock(&l->rw);
}

/* Who edits with no transaction open owns the one that the edit may open. */
bool tree_lock_edit(struct dlpar_tree *t)
{
	struct tree_lock *l = t->shared;

	if (pthread_rwlock_wrlock(&l->rw))
		return false;
	if (!t->depth)
		l->owner = pthread_self();
	else if (!pthread_equal(l->owner, pthread_self())) {
		tree_lock_leave(l);
		return false;
	}
	return true;
}

static bool before(const struct dlpar_tree *a, const struct dlpar_tree *b)
{
	return (uintptr_t)a < (uintptr_t)b;
}

bool tree_enter_read_two(const struct dlpar_tree *a, const struct dlpar_tree *b)
{
	const struct dlpar_tree *one = before(a, b) ? a : b;

	if (!tree_enter_read(one))
		return false;
	if (a == b || tree_enter_read(one == a ? b : a))
		return true;
	tree_leave_read(one);
	return false;
}

void tree_leave_read_two(const struct dlpar_tree *a, const struct dlpar_tree *b)
{
	tree_leave_read(a);
	if (a != b)
		tree_leave_read(b);
}

bool tree_enter_two(struct dlpar_tree *a, struct dlpar_tree *b)
{
	struct dlpar_tree *one = before(a, b) ? a : b;

	if (!tree_enter(one))
		return false;
	if (tree_enter(one == a ? b : a))
		return true;
	tree_leave(one);
	return false;
}

void tree_leave_two(struct dlpar_tree *a, struct dlpar_tree *b)
{
	tree_leave(a);
	tree_leave(b);
}

bool tree_enter_from(struct dlpar_tree *t, const struct dlpar_tree *from)
{
	bool early = before(from, t);

	if (early && !tree_enter_read(from))
		return false;
	if (!tree_enter(t)) {
		if (early)
			tree_leave_read(from);
		return false;
	}
	if (early || tree_enter_read(from))
		return true;
	tree_leave(t);
	return false;
}

void tree_leave_from(struct dlpar_tree *t, const struct dlpar_tree *from)
{
	tree_leave_read(from);
	tree_leave(t);
}
