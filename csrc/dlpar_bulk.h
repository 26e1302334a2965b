/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dlpar_bulk.h - reads of a device tree, many in one call.
 *
 * For callers to whom a call costs more than the look-up. Nothing here changes
 * a tree; what is missing is always told apart from what is empty.
 *
 * Part of the public header dlpar.h: include that one.
 */
#ifndef DLPAR_BULK_H
#define DLPAR_BULK_H

/* cffi: begin */
/* Of dlpar_tree_column(): the length of a property that a node lacks. */
#define DLPAR_TREE_MISSING -1

/**
 * dlpar_tree_paths() - the nodes of many paths
 * @out:   @n handles, or DLPAR_ERR_NOTFOUND or _BADPATH, as of
 *         dlpar_tree_path()
 * @n:     how many paths there are
 * @paths: the paths, each but the last followed by a NUL; @len bytes
 *
 * returns: how many were found, or DLPAR_ERR_BADLENGTH when @paths holds fewer
 *	or more than @n
 */
int64_t dlpar_tree_paths(const struct dlpar_tree *tree, int64_t *out, size_t n,
			 const char *paths, size_t len);

/**
 * dlpar_tree_column() - one property of many nodes
 * @out:     the values one after the other, without padding
 * @cap:     room in @out
 * @lengths: @n lengths, DLPAR_TREE_MISSING for a node without the property
 * @offsets: @n + 1 places in @out: where each value begins, and the end
 * @nodes:   @n handles
 *
 * On an error @offsets[0] is the index of the node that it is about.
 *
 * returns: bytes needed; values are written while @out has room for all of one,
 *	or DLPAR_ERR_STALE for a node that is gone
 */
int64_t dlpar_tree_column(const struct dlpar_tree *tree, uint8_t *out,
			  size_t cap, int32_t *lengths, int64_t *offsets,
			  const int64_t *nodes, size_t n, const char *name,
			  size_t len);

/**
 * dlpar_tree_column_u32() - one property of many nodes, each of 4 bytes
 * @out:     @n numbers in the order of this machine's bytes
 * @row:     set to the index of the node that an error is about
 * @missing: what stands for a property that is missing; negative: an error
 *
 * returns: DLPAR_OK, DLPAR_ERR_STALE, DLPAR_ERR_BADLENGTH or DLPAR_ERR_NOTFOUND
 */
int dlpar_tree_column_u32(const struct dlpar_tree *tree, uint32_t *out,
			  size_t *row, const int64_t *nodes, size_t n,
			  const char *name, size_t len, int64_t missing);
/* cffi: end */

#endif /* DLPAR_BULK_H */
