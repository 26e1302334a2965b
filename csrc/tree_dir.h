/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree_dir.h - private: the property directory, see tree_dir.c.
 *
 * Part of tree.h: include that one.
 */
#ifndef DLPAR_TREE_DIR_H
#define DLPAR_TREE_DIR_H

#define DIR_HALF 0xffffu
#define RUNS_BITS 6

/* While a blob is read: some runs that its nodes have, to be shared. */
struct tree_runs {
	uint32_t at[1 << RUNS_BITS];
};

/* Whether entries of a directory can tell all places of an image. */
static inline bool tree_dir_reaches(uint32_t img_len)
{
	return img_len / 4 <= DIR_HALF;
}

/* Behind the directory of a block: the first entry is the one before. */
static inline uint32_t *tree_dir_end(uint8_t *block, uint32_t cap)
{
	return (uint32_t *)(void *)(block + cap);
}

static inline uint32_t tree_dir_entry(uint32_t off, uint32_t name)
{
	return off / 4 << 16 | (name & DIR_HALF);
}

static inline uint32_t tree_dir_off(uint32_t entry)
{
	return (entry >> 16) * 4;
}

/* Whether an entry may be of this name: it has no more than half of it. */
static inline bool tree_dir_may_be(uint32_t entry, uint32_t name)
{
	return (uint16_t)entry == (uint16_t)name;
}

void tree_dir_expect(struct dlpar_tree *t, uint32_t n);
/* A property of the node will be looked for: its name is looked up meanwhile. */
static inline void tree_prop_expect(const struct dlpar_tree *t,
				    const struct tree_node *n)
{
	if (!(n->flags & (NODE_OWN | NODE_SCAN)))
		wire_prefetch(t->dir + n->u.dir);
	wire_prefetch(n->img + n->img_len / 4);
	wire_prefetch(n->img + n->img_len / 2);
}

int tree_dir_grow(struct dlpar_tree *t);

/* The record at @off of the node whose run is open has this name. */
static inline int tree_dir_add(struct dlpar_tree *t, uint32_t off,
			       uint32_t name)
{
	if (t->dir_len == t->dir_cap && tree_dir_grow(t))
		return DLPAR_ERR_NOMEM;
	t->dir[t->dir_len++] = tree_dir_entry(off, name);
	return DLPAR_OK;
}

/* What the node's directory takes, or will take, of a block of its own. */
static inline uint32_t tree_dir_room(const struct dlpar_tree *t,
				     const struct tree_node *n)
{
	if (n->flags & NODE_OWN)
		return n->at.n_dir == NO_DIR ? 0 : n->at.n_dir * 4;
	return n->flags & NODE_SCAN ? 0 : t->dir[n->u.dir] * 4;
}

int tree_dir_open(struct dlpar_tree *t, struct tree_node *n);
void tree_dir_close(struct dlpar_tree *t, struct tree_runs *runs,
		    struct tree_node *n);
void tree_dir_trim(struct dlpar_tree *t);
uint32_t tree_dir_copy(const struct dlpar_tree *t, const struct tree_node *n,
		       uint8_t *block, uint32_t cap);
void tree_dir_make(struct tree_node *n, uint32_t keep);

/* A record was added at @off, the end of the image; there is room. */
static inline void tree_dir_append(struct tree_node *n, uint32_t off,
				   uint32_t name)
{
	if (n->at.n_dir == NO_DIR)
		return;
	if (!tree_dir_reaches(off)) {
		n->at.n_dir = NO_DIR;
		return;
	}
	n->at.n_dir++;
	*(tree_dir_end(n->img, n->img_cap) - n->at.n_dir) =
		tree_dir_entry(off, name);
}

void tree_dir_shift(struct tree_node *n, uint32_t off, uint32_t was,
		    uint32_t now);
void tree_dir_remove(struct tree_node *n, uint32_t off, uint32_t was);
uint8_t *tree_dir_find(uint8_t *img, const uint32_t *d, uint32_t n,
		       uint32_t name);

uint8_t *tree_prop(const struct dlpar_tree *t, const struct tree_node *n,
		   uint32_t name);
uint32_t tree_phandle_value(const struct dlpar_tree *t,
			    const struct tree_node *n);

#endif /* DLPAR_TREE_DIR_H */
