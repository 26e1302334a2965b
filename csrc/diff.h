/* SPDX-License-Identifier: Apache-2.0 */
/*
 * diff.h - private to the difference of two trees and to its use as a patch.
 *
 * The nodes below a parent, or the properties of a node, are two lists of named
 * items; what turns one list into the other is found the same way for both.
 */
#ifndef DLPAR_DIFF_PRIVATE_H
#define DLPAR_DIFF_PRIVATE_H

#include "tree.h"

#define DIFF_HEAD_LEN 20u

/* Memory that only grows. */
struct diff_buf {
	void *p;
	size_t size;
};

/* What names a node or property: @nth as in dlpar_diff.h. */
struct diff_key {
	const uint8_t *name;
	uint32_t len;
	uint32_t nth;
};

struct diff_item {
	struct diff_key key;
	uint32_t ref;			/* record, or offset of a PROP record */
	uint32_t group;			/* items of this name */
	uint32_t match;			/* index in the other list, or NIL */
	uint32_t link;			/* next of this name; before it in a run */
	bool kept;			/* neither added, removed nor moved */
};

struct diff_group {
	const uint8_t *name;		/* NULL: free */
	uint32_t len, hash;
	uint32_t n_a, n_b;
	uint32_t next_b, last_b;	/* not matched yet, or NIL */
};

/* Two lists; @head is what stands before both. */
struct diff_seq {
	struct diff_buf a, b, groups, tails, ring;
	uint32_t n_a, n_b;
	uint32_t mask;
	struct diff_key head;
	bool dups;			/* a name stands twice in a list */
	bool moves;			/* some that match are not kept */
};

/* A pair of nodes to be compared, or on the path to the one that is. */
struct diff_pair {
	uint32_t a, b;
	uint32_t nth;
	uint32_t depth;
};

struct dlpar_diff {
	struct tree_arena arena;
	const struct dlpar_tree *a, *b;
	bool related;			/* records have a common origin */
	bool same_strings;		/* equal name numbers are equal names */
	struct diff_buf out, todo, path;
	size_t out_len;
	uint32_t n_todo, depth;
	uint32_t shown;			/* how much of the path the stream is in */
	struct diff_seq seq;
	uint64_t compared;
};

struct diff_record {
	uint32_t op;
	struct diff_key key;
	const uint8_t *old, *new;
	uint32_t old_len, new_len;
	size_t off;			/* in the stream */
};

static inline struct diff_item *seq_a(const struct diff_seq *s)
{
	return s->a.p;
}

static inline struct diff_item *seq_b(const struct diff_seq *s)
{
	return s->b.p;
}

/* Whether an item of @a goes, or one of @b comes: not by a move. */
static inline bool seq_replaced(const struct diff_seq *s,
				const struct diff_item *item)
{
	return item->match == NIL || (s->dups && !item->kept);
}

/* A tree being patched. */
struct patch {
	struct dlpar_tree *t;
	struct diff_record r;
	uint32_t cur;			/* the node the stream is in */
	bool open;			/* its properties are in @props */
	struct diff_buf props;		/* PROP records, @len bytes */
	uint32_t len;
};

/* Where something is to stand: behind what @key names. */
struct place {
	struct diff_key key;
	bool first, last;		/* then there is no key */
};

/* tree_sequence.c */
int diff_room(struct tree_arena *a, struct diff_buf *b, size_t size);
int seq_add(struct tree_arena *arena, struct diff_buf *list, uint32_t *n,
	    const uint8_t *name, uint32_t len, uint32_t ref);
int seq_match(struct tree_arena *arena, struct diff_seq *s, uint64_t seed);

/* tree_changes.c */
int diff_leave(struct dlpar_diff *d, uint32_t depth);
int diff_put_lists(struct dlpar_diff *d, bool props);
int diff_put_value(struct dlpar_diff *d, const struct diff_item *item);
int diff_put_header(struct dlpar_diff *d);

/* tree_diff.c */
int diff_equal(const struct dlpar_tree *a, uint32_t top_a,
	       const struct dlpar_tree *b, uint32_t top_b);

/* tree_patch.c */
int patch_place(struct place *p, const uint8_t *bytes, uint32_t len);

/* tree_patch_props.c */
int patch_open_props(struct patch *p);
int patch_close_props(struct patch *p);
int patch_add_prop(struct patch *p);
int patch_remove_prop(struct patch *p);
int patch_set_prop(struct patch *p);
int patch_move_prop(struct patch *p);

#endif /* DLPAR_DIFF_PRIVATE_H */
