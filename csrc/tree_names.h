/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree_names.h - private: property names, see tree_names.c.
 *
 * Part of tree.h: include that one.
 */
#ifndef DLPAR_TREE_NAMES_H
#define DLPAR_TREE_NAMES_H

bool tree_name_ok(const uint8_t *name, size_t len);
bool tree_name_find(const struct dlpar_tree *t, const uint8_t *name,
		    uint32_t len, uint32_t *off);
int tree_name_reserve(struct dlpar_tree *t, uint32_t n, uint32_t bytes);
void tree_name_adopt(struct dlpar_tree *t, uint32_t off, uint32_t len);
uint32_t tree_name_intern(struct dlpar_tree *t, const uint8_t *name,
			  uint32_t len);
struct tree_name *tree_name_turn(struct dlpar_tree *t, const uint8_t *name,
				 uint32_t len);
void tree_name_stream(struct dlpar_tree *t);
int tree_name_new(struct dlpar_tree *t, struct tree_name **slot,
		  const uint8_t *name, uint32_t len);
void tree_name_forget(struct dlpar_tree *t, uint32_t strings_len,
		      uint32_t n_names);

/* The same for a name of any length. */
static inline bool tree_name_known(const struct dlpar_tree *t, const char *name,
				   size_t len, uint32_t *off)
{
	return len <= DLPAR_TREE_NAME_MAX &&
	       tree_name_find(t, (const uint8_t *)name, (uint32_t)len, off);
}

/*
 * The slot of a name that an edit uses, or NULL. Nodes of a kind have the same
 * names in the same order, so what followed the last name the time before is
 * looked at first: names in that order are not hashed. Slots move, so a guess
 * may mean anything; it counts only if the name is there.
 */
static inline struct tree_name *tree_name_follow(struct dlpar_tree *t,
						 const uint8_t *name,
						 uint32_t len)
{
	uint32_t at = t->names[t->name_at].next;
	struct tree_name *s = &t->names[at];

	if (s->len != len || !s->ref ||
	    !wire_same(t->strings + s->ref - 1, name, len))
		return tree_name_turn(t, name, len);
	t->name_at = at;
	return s;
}

/*
 * Whether the node certainly has no property of this name. True of the one that
 * was added with the last stream: whatever name it has had was seen since. Then
 * it will have one.
 */
static inline bool tree_name_unseen(const struct dlpar_tree *t, uint32_t idx,
				    struct tree_name *s)
{
	if (idx != t->fresh || s->seen == t->stream)
		return false;
	s->seen = t->stream;
	return true;
}

/* The next name of the stream: its offset, made when new. */
static inline int tree_name_once(struct dlpar_tree *t, const uint8_t *name,
				 uint32_t len, uint32_t *off)
{
	struct tree_name *s = tree_name_follow(t, name, len);
	int err;

	if (!s) {
		err = tree_name_new(t, &s, name, len);
		if (err)
			return err;
	} else if (!len) {
		return DLPAR_ERR_BADARG;
	} else if (s->seen == t->stream) {
		return DLPAR_ERR_EXISTS;
	}
	s->seen = t->stream;
	*off = s->ref - 1;
	return DLPAR_OK;
}

#endif /* DLPAR_TREE_NAMES_H */
