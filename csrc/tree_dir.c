// SPDX-License-Identifier: Apache-2.0
/*
 * tree_dir.c - the property directory: a property without a scan of the image.
 *
 * An entry per property, in order: the place of its record in the image, in
 * words, and the low half of its name's number. The entries of nodes in the
 * blob are runs of one array, behind their count; nodes with the same entries
 * may share one, which nothing changes any more. Those of a node with an image
 * of its own stand at the end of its block, the first one last, so that image
 * and directory grow towards each other. Where a half does not fit, the image
 * is scanned, so a directory may be dropped at any time.
 */
#include "tree.h"

static int dir_resize(struct dlpar_tree *t, uint32_t cap)
{
	uint32_t *d = arena_resize(&t->arena, t->dir,
				   t->dir_cap * sizeof(*d),
				   cap * sizeof(*d));

	if (!d)
		return DLPAR_ERR_NOMEM;
	t->dir = d;
	t->dir_cap = cap;
	return DLPAR_OK;
}

/* Before a parse: room for @n entries, where there is memory for a guess. */
void tree_dir_expect(struct dlpar_tree *t, uint32_t n)
{
	(void)dir_resize(t, n);
}

int tree_dir_grow(struct dlpar_tree *t)
{
	return dir_resize(t, t->dir_cap + t->dir_cap / 2 + 64);
}

/* Begin the run of a node in the blob; entries of others may not come between. */
int tree_dir_open(struct dlpar_tree *t, struct tree_node *n)
{
	n->u.dir = t->dir_len;
	return tree_dir_add(t, 0, 0);
}

/* The run of an earlier node that has the same entries as the last, or that. */
static uint32_t share_run(const struct dlpar_tree *t, struct tree_runs *runs,
			  uint32_t run, uint32_t img_len)
{
	uint32_t n = t->dir_len - run;
	uint32_t key = (img_len / 4 ^ t->dir[t->dir_len - 1]) * 0x9e3779b1u;
	uint32_t *kept = &runs->at[key >> (32 - RUNS_BITS)];

	/* What is not kept yet is 0: the first run, which is as good as any. */
	if (*kept + n > run || memcmp(t->dir + *kept, t->dir + run, n * 4))
		*kept = run;
	return *kept;
}

/*
 * All properties of the node have entries, unless it is to be scanned. Nodes
 * of a kind have the same properties in the same places: they share a run, so
 * that what is read of it stays in the cache however many nodes there are.
 */
void tree_dir_close(struct dlpar_tree *t, struct tree_runs *runs,
		    struct tree_node *n)
{
	uint32_t run = n->u.dir;

	if (!tree_dir_reaches(n->img_len))
		n->flags |= NODE_SCAN;
	if (n->flags & NODE_SCAN) {
		t->dir_len = run;
		return;
	}
	t->dir[run] = t->dir_len - run - 1;
	n->u.dir = share_run(t, runs, run, n->img_len);
	if (n->u.dir != run)
		t->dir_len = run;
}

/* After a parse: no run comes to the array any more. */
void tree_dir_trim(struct dlpar_tree *t)
{
	/* 0 would free it; what cannot be given back stays */
	(void)dir_resize(t, t->dir_len ? t->dir_len : 1);
}

/* Four entries in the order of the other kind of directory, at once. */
static inline void copy_turned(uint32_t *to, const uint32_t *from)
{
	uint32_t four[4] = { from[3], from[2], from[1], from[0] };

	memcpy(to, four, sizeof(four));
}

/* The node's directory into a new block, with room: its entries, or NO_DIR. */
uint32_t tree_dir_copy(const struct dlpar_tree *t, const struct tree_node *n,
		       uint8_t *block, uint32_t cap)
{
	uint32_t *to = tree_dir_end(block, cap), count, i;
	const uint32_t *from;

	if (n->flags & NODE_OWN) {
		count = n->at.n_dir;
		if (count != NO_DIR)
			memcpy(to - count, tree_dir_end(n->img, n->img_cap) -
			       count, count * sizeof(*to));
		return count;
	}
	if (n->flags & NODE_SCAN)
		return NO_DIR;
	from = t->dir + n->u.dir;
	count = *from++;
	for (i = 0; i + 4 <= count; i += 4)
		copy_turned(to - i - 4, from + i);
	for (; i < count; i++)
		*(to - i - 1) = from[i];
	return count;
}

/* One for a node's own image, where the block has room for it and @keep bytes. */
void tree_dir_make(struct tree_node *n, uint32_t keep)
{
	uint32_t *d = tree_dir_end(n->img, n->img_cap), off;
	uint32_t count = 0, room = (n->img_cap - keep) / 4;

	n->at.n_dir = NO_DIR;
	if (!tree_dir_reaches(n->img_len))
		return;
	for (off = tree_head_len(n->name_len); off < n->img_len;
	     off += tree_prop_len(wire_get32(n->img + off + 4))) {
		if (count++ == room)
			return;
		*--d = tree_dir_entry(off, wire_get32(n->img + off + 8));
	}
	n->at.n_dir = count;
}

/* The record at @off went from @was to @now bytes, and the image with it. */
void tree_dir_shift(struct tree_node *n, uint32_t off, uint32_t was,
		    uint32_t now)
{
	uint32_t *end = tree_dir_end(n->img, n->img_cap), by = now - was, *d;

	if (n->at.n_dir == NO_DIR)
		return;
	if (!tree_dir_reaches(n->img_len)) {
		n->at.n_dir = NO_DIR;
		return;
	}
	for (d = end - n->at.n_dir; d < end && tree_dir_off(*d) > off; d++)
		*d += by / 4 << 16;
}

/* The record at @off, of @was bytes, is gone. */
void tree_dir_remove(struct tree_node *n, uint32_t off, uint32_t was)
{
	uint32_t *d = tree_dir_end(n->img, n->img_cap), *w = d, i;

	if (n->at.n_dir == NO_DIR)
		return;
	for (i = 0; i < n->at.n_dir; i++) {
		uint32_t at = tree_dir_off(*--d);

		if (at != off)
			*--w = at > off ? *d - (was / 4 << 16) : *d;
	}
	n->at.n_dir--;
}

static uint8_t *by_run(const struct tree_node *n, const uint32_t *d,
		       uint32_t name)
{
	uint32_t i, count = *d++;

	for (i = 0; i < count; i++) {
		uint8_t *p;

		if (!tree_dir_may_be(d[i], name))
			continue;
		p = n->img + tree_dir_off(d[i]);
		if (wire_get32(p + 8) == name)
			return p;
	}
	return NULL;
}

/* The record of @img with this name, by @n entries before @d, or NULL. */
uint8_t *tree_dir_find(uint8_t *img, const uint32_t *d, uint32_t n,
		       uint32_t name)
{
	const uint32_t *end = d - n;

	while (d-- > end) {
		uint8_t *p;

		if (!tree_dir_may_be(*d, name))
			continue;
		p = img + tree_dir_off(*d);
		if (wire_get32(p + 8) == name)
			return p;
	}
	return NULL;
}

/* The first PROP record of the node with this name, or NULL. */
uint8_t *tree_prop(const struct dlpar_tree *t, const struct tree_node *n,
		   uint32_t name)
{
	uint8_t *p = n->img + tree_head_len(n->name_len);
	uint8_t *end = n->img + n->img_len;

	if (n->flags & NODE_OWN && n->at.n_dir != NO_DIR)
		return tree_dir_find(n->img, tree_dir_end(n->img, n->img_cap),
				     n->at.n_dir, name);
	if (!(n->flags & (NODE_OWN | NODE_SCAN)))
		return by_run(n, t->dir + n->u.dir, name);
	for (; p < end; p += tree_prop_len(wire_get32(p + 4)))
		if (wire_get32(p + 8) == name)
			return p;
	return NULL;
}
