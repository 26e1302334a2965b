/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree_lock.h - private: how to enter a tree that threads may share.
 *
 * Part of tree.h: include that one.
 */
#ifndef DLPAR_TREE_LOCK_H
#define DLPAR_TREE_LOCK_H

/*
 * tree_lock.c: all that is public enters a tree before it looks at it, and
 * gives DLPAR_ERR_BUSY where it may not. This does not nest: while inside,
 * call nothing that enters the same tree.
 */
bool tree_lock_read(struct tree_lock *l);
bool tree_lock_edit(struct dlpar_tree *t);
void tree_lock_leave(struct tree_lock *l);
void tree_lock_free(struct dlpar_tree *t);
/* To read two, which may be one and the same. */
bool tree_enter_read_two(const struct dlpar_tree *a, const struct dlpar_tree *b);
void tree_leave_read_two(const struct dlpar_tree *a, const struct dlpar_tree *b);
/* To edit two; to edit @t and read another one. */
bool tree_enter_two(struct dlpar_tree *a, struct dlpar_tree *b);
void tree_leave_two(struct dlpar_tree *a, struct dlpar_tree *b);
bool tree_enter_from(struct dlpar_tree *t, const struct dlpar_tree *from);
void tree_leave_from(struct dlpar_tree *t, const struct dlpar_tree *from);

static inline bool tree_enter_read(const struct dlpar_tree *t)
{
	return !t->shared || tree_lock_read(t->shared);
}

static inline void tree_leave_read(const struct dlpar_tree *t)
{
	if (t->shared)
		tree_lock_leave(t->shared);
}

static inline int64_t tree_left(const struct dlpar_tree *t, int64_t ret)
{
	tree_leave_read(t);
	return ret;
}

/* What @answer gives, found while inside. */
#define TREE_READ(t, answer) \
	(tree_enter_read(t) ? tree_left((t), (answer)) : DLPAR_ERR_BUSY)

/* To edit. */
static inline bool tree_enter(struct dlpar_tree *t)
{
	if (t->shared)
		return tree_lock_edit(t);
	return !atomic_flag_test_and_set_explicit(&t->lock,
						  memory_order_acquire);
}

static inline void tree_leave(struct dlpar_tree *t)
{
	if (t->shared)
		tree_lock_leave(t->shared);
	else
		atomic_flag_clear_explicit(&t->lock, memory_order_release);
}

/* To edit the node of a handle; inside only where it gives DLPAR_OK. */
static inline int tree_enter_at(struct dlpar_tree *t, int64_t node,
				uint32_t *idx)
{
	if (!tree_enter(t))
		return DLPAR_ERR_BUSY;
	*idx = tree_resolve(t, node);
	if (*idx != NIL)
		return DLPAR_OK;
	tree_leave(t);
	return DLPAR_ERR_STALE;
}

#endif /* DLPAR_TREE_LOCK_H */
