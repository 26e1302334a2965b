/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree_overlay.h - private to the tree_overlay*.c files: an overlay under way.
 */
#ifndef DLPAR_TREE_OVERLAY_H
#define DLPAR_TREE_OVERLAY_H

#include "tree.h"

struct overlay {
	struct dlpar_tree *base, *over;
	struct dlpar_overlay_error *error;
	uint32_t flags;
	uint32_t delta;			/* the largest phandle of the base */
	struct tree_slot *kept;		/* phandle to phandle, or NULL */
	uint32_t kept_mask;
};

/* Where something is wrong: a node of the overlay, one of its PROP records. */
struct overlay_place {
	uint32_t node;
	const uint8_t *prop;
	const uint8_t *text;
	size_t text_len;
	uint32_t offset;
};

/*
 * Two trees side by side: @i goes through what is below @top in @a, @at is what
 * pairs with its parent in @b.
 */
struct lockstep {
	const struct dlpar_tree *a, *b;
	uint32_t top, i, at;
};

static inline struct lockstep lockstep(const struct dlpar_tree *a, uint32_t top,
				       const struct dlpar_tree *b, uint32_t at)
{
	struct lockstep s = { a, b, top, a->nodes[top].first, at };

	return s;
}

/* Go on: below @i where it pairs with @twin, past its subtree for NIL. */
static inline void lockstep_next(struct lockstep *s, uint32_t twin)
{
	const struct tree_node *nodes = s->a->nodes;

	if (twin != NIL && nodes[s->i].first != NIL) {
		s->at = twin;
		s->i = nodes[s->i].first;
		return;
	}
	while (nodes[s->i].next == NIL) {
		s->i = nodes[s->i].parent;
		if (s->i == s->top) {
			s->i = NIL;
			return;
		}
		s->at = s->b->nodes[s->at].parent;
	}
	s->i = nodes[s->i].next;
}

/* What is done with a PROP record of @from in the overlay, for node @to. */
typedef int (*overlay_visit)(struct overlay *a, uint32_t to, uint32_t from,
			     const uint8_t *prop);

/* tree_overlay.c */
int overlay_each_prop(struct overlay *a, uint32_t to, uint32_t from,
		      overlay_visit visit);
int overlay_fail(struct overlay *a, enum dlpar_overlay_reason reason,
		 const struct overlay_place *place);
uint32_t overlay_child(const struct dlpar_tree *t, uint32_t parent,
		       const char *name);
uint8_t *overlay_prop(const struct dlpar_tree *t, uint32_t node,
		      const char *name);
int overlay_target(struct overlay *a, uint32_t fragment, uint32_t *target);

/* tree_overlay_fixup.c */
int overlay_resolve(struct overlay *a);
uint32_t overlay_kept(const struct overlay *a, uint32_t phandle);

#endif /* DLPAR_TREE_OVERLAY_H */
