// SPDX-License-Identifier: Apache-2.0
/*
 * tree_close.c - the end of a transaction that may have others open within it.
 *
 * Made of public functions: asking how many are open and closing them are
 * steps of their own, and the transaction keeps other threads out of both.
 */
#include "dlpar.h"

int dlpar_tree_commit_to(struct dlpar_tree *tree, int depth)
{
	int open = dlpar_tree_depth(tree);
	int err = open < 0 ? open : DLPAR_OK;

	if (depth < 1)
		return DLPAR_ERR_BADARG;
	for (; open >= depth && !err; open--)
		err = dlpar_tree_commit(tree);
	return err;
}
