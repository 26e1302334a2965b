/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dlpar_access.h - the device tree: searches, places, order, the header's data.
 *
 * What dlpar_tree.h has no room for: nodes by what they are or hold, depth and
 * ancestors, free phandles; renaming, moving and ordering; memory reservations
 * and the boot CPU. Handles, names, errors and threads as there. A search walks
 * the tree; nothing here needs more than the walk, and no edit moves another
 * node. Every edit can be undone by a roll-back.
 *
 * Part of the public header dlpar.h: include that one.
 */
#ifndef DLPAR_ACCESS_H
#define DLPAR_ACCESS_H

/* cffi: begin */
/* Before the first node, or behind the last sibling or property. */
#define DLPAR_TREE_NONE -1

/*
 * Searches. Each writes the handles of at most @cap nodes that match, in tree
 * order, to @out: those behind @from, or all for DLPAR_TREE_NONE.
 *
 * returns: how many were written; fewer than @cap: there are no more. Or
 *	DLPAR_ERR_STALE   @from is gone
 *	DLPAR_ERR_BADARG  a string to be found holds a NUL
 */

/**
 * dlpar_tree_find_compatible() - nodes that list a string in "compatible"
 *
 * Case counts, as in libfdt; Linux ignores it.
 */
int64_t dlpar_tree_find_compatible(const struct dlpar_tree *tree, int64_t *out,
				   size_t cap, int64_t from,
				   const char *compatible, size_t len);

/* Nodes of this name; without '@' also those that differ by a unit address. */
int64_t dlpar_tree_find_name(const struct dlpar_tree *tree, int64_t *out,
			     size_t cap, int64_t from, const char *name,
			     size_t len);

/**
 * dlpar_tree_find_prop() - nodes that have a property
 * @value: NULL for any value, else the @value_len bytes that it must be;
 *         a device_type is found by its string with the NUL
 */
int64_t dlpar_tree_find_prop(const struct dlpar_tree *tree, int64_t *out,
			     size_t cap, int64_t from, const char *name,
			     size_t len, const uint8_t *value,
			     size_t value_len);

/* Whether @node lists a string in "compatible": 1, 0 or DLPAR_ERR_STALE. */
int dlpar_tree_is_compatible(const struct dlpar_tree *tree, int64_t node,
			     const char *compatible, size_t len);

/*
 * The node of a path that begins below @node, as "a/b"; unit addresses as in
 * dlpar_tree_path(). An empty path is @node itself.
 */
int64_t dlpar_tree_descend(const struct dlpar_tree *tree, int64_t node,
			   const char *path, size_t len);

/* How many nodes are above @node: 0 for the root. */
int64_t dlpar_tree_depth_of(const struct dlpar_tree *tree, int64_t node);

/* @node or the one above it that is at @depth; below it, DLPAR_ERR_NOTFOUND. */
int64_t dlpar_tree_supernode(const struct dlpar_tree *tree, int64_t node,
			     uint32_t depth);

/* Handles of the nodes above @node, its parent first; as _children(). */
int64_t dlpar_tree_ancestors(const struct dlpar_tree *tree, int64_t *out,
			     size_t cap, int64_t node);

/* As dlpar_tree_walk(), with the depth of each below @node. */
int64_t dlpar_tree_walk_depths(const struct dlpar_tree *tree, int64_t *out,
			       uint32_t *depths, size_t cap, int64_t node);

/* The highest phandle of a node, 0 when none has one; or DLPAR_ERR_BUSY. */
int64_t dlpar_tree_max_phandle(struct dlpar_tree *tree);

/**
 * dlpar_tree_free_phandle() - a phandle that no node has
 *
 * returns: the highest and one; where that is none, the lowest that is free.
 *	Or DLPAR_ERR_BUSY, DLPAR_ERR_NOMEM.
 */
int64_t dlpar_tree_free_phandle(struct dlpar_tree *tree);

/* Edits: as those of dlpar_tree.h. */

/**
 * dlpar_tree_append() - lengthen a property's value
 *
 * A property that is not there is made. Otherwise as dlpar_tree_set().
 */
int dlpar_tree_append(struct dlpar_tree *tree, int64_t node, const char *name,
		      size_t len, const uint8_t *value, size_t value_len);

/**
 * dlpar_tree_order() - put a property before another one of its node
 * @next: its name; NULL puts the property last
 *
 * returns: DLPAR_OK, or DLPAR_ERR_NOTFOUND when there is no such property
 */
int dlpar_tree_order(struct dlpar_tree *tree, int64_t node, const char *name,
		     size_t len, const char *next, size_t next_len);

/**
 * dlpar_tree_rename() - give a node another unit name
 *
 * Handles stay valid.
 *
 * returns: DLPAR_OK, or
 *	DLPAR_ERR_EXISTS  a sibling has that name
 *	DLPAR_ERR_BADARG  as in dlpar_tree_add(), or @node is the root
 */
int dlpar_tree_rename(struct dlpar_tree *tree, int64_t node, const char *name,
		      size_t len);

/**
 * dlpar_tree_move() - put a node, with its subtree, elsewhere
 * @parent: its parent from now on; may be what it is
 * @next:   the child of @parent to come before, or DLPAR_TREE_NONE: last
 *
 * Handles stay valid; of the subtree, nothing is copied.
 *
 * returns: DLPAR_OK, or
 *	DLPAR_ERR_EXISTS  another child of @parent has the node's name
 *	DLPAR_ERR_BADARG  @node is the root, @parent lies in its subtree, or
 *	                  @next is no child of @parent
 */
int dlpar_tree_move(struct dlpar_tree *tree, int64_t node, int64_t parent,
		    int64_t next);

/*
 * Memory reservations. A size of 0 would end the map: DLPAR_ERR_BADARG.
 * Removing one that is not there is DLPAR_ERR_NOTFOUND. They may overlap.
 */
int dlpar_tree_reserve(struct dlpar_tree *tree, uint64_t address,
		       uint64_t size);
int dlpar_tree_unreserve(struct dlpar_tree *tree, uint32_t i);

/* All of them anew: @n pairs of address and size. */
int dlpar_tree_set_reservations(struct dlpar_tree *tree, const uint64_t *pairs,
				size_t n);

/* Give the header another boot_cpuid_phys. */
int dlpar_tree_set_boot_cpu(struct dlpar_tree *tree, uint32_t boot_cpu);
/* cffi: end */

#endif /* DLPAR_ACCESS_H */
