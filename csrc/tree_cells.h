/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree_cells.h - private: nodes by a property of one cell, see tree_cells.c.
 *
 * Part of tree.h: include that one.
 */
#ifndef DLPAR_TREE_CELLS_H
#define DLPAR_TREE_CELLS_H

#define CELLS_NAMES 4u

struct cells_table {
	uint32_t name;			/* of the property */
	bool crowded;			/* too many nodes have one value */
	struct tree_hash hash;		/* no slots: to be made again */
};

struct tree_cells {
	struct cells_table table[CELLS_NAMES];
	uint32_t n;
	atomic_uint wish;		/* a name that is slow to find, plus one */
};

/* What a look-up is for; @fits tells of a node that has the value. */
struct cells_wanted {
	uint32_t name, value;
	uint32_t parent;		/* for those that look at children */
	uint32_t type;			/* for those that look at a device_type */
	const char *s;
	size_t len;
	bool (*fits)(const struct dlpar_tree *t, uint32_t idx,
		     const struct cells_wanted *w);
};

bool tree_cell_is(const struct dlpar_tree *t, uint32_t idx, uint32_t name,
		  uint32_t value);
bool tree_cells_find(const struct dlpar_tree *t, const struct cells_wanted *w,
		     uint32_t *idx);
void tree_cells_wish(const struct dlpar_tree *t, uint32_t name, uint32_t seen);
void tree_cells_grant(struct dlpar_tree *t);
void tree_cells_enter(struct dlpar_tree *t, uint32_t idx);
void tree_cells_leave(struct dlpar_tree *t, uint32_t idx);
void tree_cells_free(struct dlpar_tree *t);

/* The node came into the tree, or a property of it is another. */
#define TREE_CELLS_CHANGED(t, idx) \
	do { \
		if ((t)->cells.n) \
			tree_cells_enter(t, idx); \
	} while (0)

#endif /* DLPAR_TREE_CELLS_H */
