/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dlpar_diff.h - what differs between two trees, and a tree patched by it.
 *
 * A difference is a stream of records, self-contained: it holds what was and
 * what is, added and removed subtrees whole. Records are carried out one after
 * the other, so the reverse of a stream, each record turned round, undoes it.
 *
 * A record is, without padding, numbers of 32 bits, big-endian: operation, nth,
 * name length, length of old, length of new, then name, old, new.
 *
 * The stream begins at the root and ends there; _DOWN and _UP go to the child
 * of that name and back. nth is 0 where no other node (property) of the parent
 * (node) has the name; else it counts those of equal name from 1, as it does
 * where the name is empty, which a property's may be in a blob. A place is what
 * a node (property) stands behind: nth and name of the one before, nth 0 and no
 * name to be the first; no bytes at all are behind the last.
 *
 * Part of the public header dlpar.h: include that one.
 */
#ifndef DLPAR_DIFF_H
#define DLPAR_DIFF_H

/* cffi: begin */
enum dlpar_diff_op {				/* old; new */
	DLPAR_DIFF_DOWN = 1,
	DLPAR_DIFF_UP = 2,			/* name of the node left */
	DLPAR_DIFF_NODE_ADD = 3,		/* place; fragment */
	DLPAR_DIFF_NODE_REMOVE = 4,		/* fragment; place */
	DLPAR_DIFF_NODE_MOVE = 5,		/* place; place */
	DLPAR_DIFF_PROP_ADD = 6,		/* place; value */
	DLPAR_DIFF_PROP_REMOVE = 7,		/* value; place */
	DLPAR_DIFF_PROP_MOVE = 8,		/* place; place */
	DLPAR_DIFF_PROP_SET = 9,		/* value; value */
	DLPAR_DIFF_RESERVATIONS = 10,		/* entries of the map, not its end */
	DLPAR_DIFF_BOOT_CPU = 11		/* 4 bytes each */
};

struct dlpar_diff;

/**
 * dlpar_tree_diff() - what turns @from into @to
 * @diff: result, to be freed by dlpar_diff_free(); NULL on error
 *
 * Content counts, with the order of nodes and properties: patched by it, @from
 * has the structure block of @to. Padding, the strings block and NOPs are no
 * content. Of equal names under one parent the k-th are compared. A node that
 * went to another parent is removed there and added here.
 *
 * Where one tree is a dlpar_tree_copy() of the other, or both are of a third,
 * subtrees that neither has changed since are not looked at: the time goes with
 * the changes, and with the siblings of what changed. Else every node is.
 *
 * returns: DLPAR_OK, or
 *	DLPAR_ERR_NOMEM   memory, or the limit of @from, exhausted
 *	DLPAR_ERR_TOOBIG  the stream would pass DLPAR_TREE_SIZE_MAX
 */
int dlpar_tree_diff(struct dlpar_diff **diff, const struct dlpar_tree *from,
		    const struct dlpar_tree *to);

/* Free a difference; NULL is fine. */
void dlpar_diff_free(struct dlpar_diff *diff);

/* The stream, until the difference is freed: its length, 0 between equals. */
int64_t dlpar_diff_stream(const struct dlpar_diff *diff, const char **stream);

/* How many pairs of nodes were looked at. */
int64_t dlpar_diff_compared(const struct dlpar_diff *diff);

/**
 * dlpar_diff_reverse() - the stream that undoes a stream
 * @out:     @len bytes
 * @err_off: NULL, or set to the offset of the record that is malformed
 *
 * returns: DLPAR_OK, or
 *	DLPAR_ERR_TRUNCATED  the stream ends within a record
 *	DLPAR_ERR_BADVALUE   unknown operation, or a name not allowed
 */
int dlpar_diff_reverse(uint8_t *out, size_t *err_off, const uint8_t *diff,
		       size_t len);

/**
 * dlpar_tree_apply() - patch a tree
 * @err_off: NULL, or set to the offset of the record that failed
 * @diff:    stream of @len bytes, checked in full
 *
 * All or nothing. What is replaced or removed must be as the stream says; where
 * it stands among others need not. A record costs constant time, but one about
 * a property, or about a child of a node that has names twice, a pass over the
 * properties, or the children.
 *
 * returns: DLPAR_OK, or
 *	DLPAR_ERR_NOTFOUND  the node or property is not there
 *	DLPAR_ERR_EXISTS    the node or property added is there already
 *	DLPAR_ERR_CONFLICT  a value, a subtree or a place is another
 *	DLPAR_ERR_BADVALUE, DLPAR_ERR_TRUNCATED
 *	                    the stream is malformed, or a fragment in it is, or
 *	                    has no single child of the record's name
 *	or another error of dlpar_tree_parse() on a fragment, or of the edits
 */
int dlpar_tree_apply(struct dlpar_tree *tree, size_t *err_off,
		     const uint8_t *diff, size_t len);

/**
 * dlpar_tree_copy() - a tree of its own with the same content
 * @copy: result, to be freed by dlpar_tree_free(); NULL on error
 * @seed: key of its hash tables, and what the two know each other by: a fresh
 *        random number for every copy
 *
 * The copy has no open transactions and no templates. @tree changes in nothing
 * that shows; but a tree knows only its latest copy, and one made within a
 * transaction not at all: dlpar_tree_diff() then looks at every node.
 *
 * returns: DLPAR_OK, or DLPAR_ERR_NOMEM, _TOOBIG, _BUSY
 */
int dlpar_tree_copy(struct dlpar_tree *tree, struct dlpar_tree **copy,
		    uint64_t seed);
/* cffi: end */

#endif /* DLPAR_DIFF_H */
