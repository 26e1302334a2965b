// SPDX-License-Identifier: Apache-2.0
/*
 * tree_batch.c - a stream of edits in one call and one transaction.
 *
 * An operation may name a node that an earlier one of the stream has made. All
 * of them happen, or none.
 */
#include "tree.h"

struct op {
	uint32_t code;
	int64_t node;
	const uint8_t *name, *data;
	uint32_t name_len, data_len;
};

static int next_op(struct wire_cursor *c, struct op *op)
{
	op->code = wire_take32(c);
	op->node = (int64_t)wire_take64(c);
	op->name_len = wire_take32(c);
	op->data_len = wire_take32(c);
	op->name = wire_take(c, op->name_len);
	op->data = wire_take(c, op->data_len);
	return c->err;
}

/* The record that an operation is about. */
static int target(const struct dlpar_tree *t, const struct op *op,
		  const int64_t *results, size_t done, uint32_t *idx)
{
	int64_t node = op->node;

	if (node < 0) {
		uint64_t k = ~(uint64_t)node;

		if (k >= done || !results[k])
			return DLPAR_ERR_BADARG;
		node = results[k];
	}
	*idx = tree_resolve(t, node);
	return *idx == NIL ? DLPAR_ERR_STALE : DLPAR_OK;
}

static int run_op(struct dlpar_tree *t, const struct op *op, uint32_t idx,
		  int64_t *result)
{
	const char *name = (const char *)op->name;
	uint32_t made = NIL;
	int err;

	switch (op->code) {
	case DLPAR_TREE_OP_ADD:
		err = tree_add(t, idx, name, op->name_len, op->data,
			       op->data_len, 0, &made);
		break;
	case DLPAR_TREE_OP_STAMP:
		if (op->data_len < 4)
			return DLPAR_ERR_TRUNCATED;
		err = tree_stamp(t, idx, name, op->name_len,
				 (int)wire_get32(op->data), op->data + 4,
				 op->data_len - 4, 0, &made);
		break;
	case DLPAR_TREE_OP_SET:
		err = tree_set(t, idx, name, op->name_len, op->data,
			       op->data_len);
		break;
	case DLPAR_TREE_OP_UNSET:
		err = tree_unset(t, idx, name, op->name_len);
		break;
	case DLPAR_TREE_OP_REMOVE:
		err = tree_remove(t, idx);
		break;
	default:
		return DLPAR_ERR_BADARG;
	}
	*result = made == NIL || err ? 0 : tree_handle(t, made);
	return err;
}

static int run(struct dlpar_tree *t, int64_t *results, size_t cap,
	       size_t *done, struct wire_cursor *c)
{
	struct op op;
	uint32_t idx;
	int err;

	while (wire_left(c)) {
		err = next_op(c, &op);
		if (!err && *done == cap)
			err = DLPAR_ERR_NOSPACE;
		if (!err)
			err = target(t, &op, results, *done, &idx);
		if (!err)
			err = run_op(t, &op, idx, &results[*done]);
		if (err)
			return err;
		*done += 1;
	}
	return DLPAR_OK;
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
