// SPDX-License-Identifier: Apache-2.0
/*
 * tree_batch.c - a stream of edits in one call and one transaction.
 *
 * An operation may name a node that an earlier one of the stream has made or
 * found. All of them happen, or none.
 */
#include "tree.h"

#define OP_HEAD 20u
#define CODE_MASK 0xffffu
#define FLAGS_SHIFT 16

struct op {
	uint32_t code, flags;
	int64_t node;
	const uint8_t *name, *data;
	uint32_t name_len, data_len;
};

static int next_op(struct wire_cursor *c, struct op *op)
{
	const uint8_t *head = c->base + c->off;
	size_t left = wire_left(c);

	if (left < OP_HEAD)
		return DLPAR_ERR_TRUNCATED;
	left -= OP_HEAD;
	op->code = wire_get32(head) & CODE_MASK;
	op->flags = wire_get32(head) >> FLAGS_SHIFT;
	op->node = (int64_t)wire_get64(head + 4);
	op->name_len = wire_get32(head + 12);
	op->data_len = wire_get32(head + 16);
	if (op->name_len > left || op->data_len > left - op->name_len)
		return DLPAR_ERR_TRUNCATED;
	op->name = head + OP_HEAD;
	op->data = op->name + op->name_len;
	c->off += (size_t)OP_HEAD + op->name_len + op->data_len;
	return DLPAR_OK;
}

/* The record that an operation is about. */
static int target(const struct dlpar_tree *t, const struct op *op,
		  const int64_t *results, size_t done, uint32_t *idx)
{
	int64_t node = op->node;

	if (node < 0) {
		uint64_t k = ~(uint64_t)node;

		if (k >= done || results[k] < 0)
			return DLPAR_ERR_BADARG;
		node = results[k];
	}
	*idx = tree_resolve(t, node);
	return *idx == NIL ? DLPAR_ERR_STALE : DLPAR_OK;
}

/* What a stream adds it looks for next; no other child can have the name. */
static bool is_newest(const struct dlpar_tree *t, const struct op *op,
		      uint32_t idx)
{
	const struct tree_node *n = &t->nodes[t->newest];

	return n->flags & NODE_LIVE && n->parent == idx &&
	       n->name_len == op->name_len &&
	       wire_same(n->img + 4, op->name, op->name_len);
}

static int find(const struct dlpar_tree *t, const struct op *op, uint32_t idx,
		uint32_t *got)
{
	if (op->data_len)
		return DLPAR_ERR_BADARG;
	if (is_newest(t, op, idx)) {
		*got = t->newest;
		return DLPAR_OK;
	}
	*got = tree_path_below(t, idx, (const char *)op->name, op->name_len);
	return *got == NIL ? DLPAR_ERR_NOTFOUND : DLPAR_OK;
}

static int stamp(struct dlpar_tree *t, const struct op *op, uint32_t idx,
		 uint32_t *got)
{
	if (op->data_len < 4)
		return DLPAR_ERR_TRUNCATED;
	return tree_stamp(t, idx, (const char *)op->name, op->name_len,
			  (int)wire_get32(op->data), op->data + 4,
			  op->data_len - 4, op->flags, got);
}

/* @got: the node that the operation makes or finds. */
static int run_op(struct dlpar_tree *t, const struct op *op, uint32_t idx,
		  uint32_t *got)
{
	const char *name = (const char *)op->name;

	switch (op->code) {
	case DLPAR_TREE_OP_ADD:
		return tree_add(t, idx, name, op->name_len, op->data,
				op->data_len, op->flags, got);
	case DLPAR_TREE_OP_STAMP:
		return stamp(t, op, idx, got);
	case DLPAR_TREE_OP_SET:
		return tree_set(t, idx, name, op->name_len, op->data,
				op->data_len);
	case DLPAR_TREE_OP_UNSET:
		return tree_unset(t, idx, name, op->name_len);
	case DLPAR_TREE_OP_REMOVE:
		return tree_remove(t, idx);
	case DLPAR_TREE_OP_FIND:
		return find(t, op, idx, got);
	default:
		return DLPAR_ERR_BADARG;
	}
}

static int step(struct dlpar_tree *t, int64_t *results, size_t done,
		struct wire_cursor *c)
{
	uint32_t idx, got = NIL;
	struct op op;
	int err = next_op(c, &op);

	if (err)
		return err;
	err = target(t, &op, results, done, &idx);
	if (err)
		return err;
	err = run_op(t, &op, idx, &got);
	if (!err)
		results[done] = got == NIL ? -1 : tree_handle(t, got);
	return err;
}

static int run(struct dlpar_tree *t, int64_t *results, size_t cap,
	       size_t *done, struct wire_cursor *c)
{
	int err = DLPAR_OK;

	for (*done = 0; wire_left(c); *done += 1) {
		err = *done == cap ? DLPAR_ERR_NOSPACE :
				     step(t, results, *done, c);
		if (err)
			break;
	}
	return err;
}

int64_t dlpar_tree_batch(struct dlpar_tree *t, int64_t *results, size_t cap,
			 const uint8_t *ops, size_t ops_len)
{
	struct wire_cursor c = wire_cursor(ops, ops_len);
	size_t done = 0;
	int err;

	if (!tree_enter(t))
		return DLPAR_ERR_BUSY;
	err = journal_begin(t);
	if (!err) {
		err = run(t, results, cap, &done, &c);
		if (err)
			journal_rollback(t);
		else
			journal_commit(t);
	}
	tree_leave(t);
	if (err && cap)
		results[0] = (int64_t)done;
	return err ? err : (int64_t)done;
}
