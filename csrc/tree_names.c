// SPDX-License-Identifier: Apache-2.0
/*
 * tree_names.c - property names: the strings block and its hash table.
 *
 * A name is known by the offset of its string; one name has one offset, also
 * where the blob spelt it twice. The block grows at its end only, and is cut
 * back only when a transaction that made names is rolled back.
 */
#include "tree.h"

static const struct {
	const char *name;
	uint32_t len;
} phandle_names[3] = {
	{ "phandle", 7 }, { "linux,phandle", 13 }, { "ibm,phandle", 11 },
};

/* Whether a new property may have this name, or, but for '/', a node. */
bool tree_name_ok(const uint8_t *name, size_t len)
{
	return len && len <= DLPAR_TREE_NAME_MAX && !memchr(name, 0, len);
}

/* The slot of a name, or the empty one where it would stand. */
static struct tree_name *find_slot(const struct dlpar_tree *t,
				   const uint8_t *name, uint32_t len,
				   uint32_t hash)
{
	uint32_t m = t->names_mask, j = hash & m;
	struct tree_name *s = &t->names[j];

	while (s->ref && (s->hash != hash || s->len != len ||
			  !wire_same(t->strings + s->ref - 1, name, len))) {
		j = (j + 1) & m;
		s = &t->names[j];
	}
	return s;
}

bool tree_name_find(const struct dlpar_tree *t, const uint8_t *name,
		    uint32_t len, uint32_t *off)
{
	uint32_t hash = tree_hash_bytes(t->seed, name, len);
	const struct tree_name *s = find_slot(t, name, len, hash);

	if (!s->ref)
		return false;
	*off = s->ref - 1;
	return true;
}

static int grow_table(struct dlpar_tree *t, uint32_t n)
{
	struct tree_name *old = t->names, *new;
	uint32_t i, j, old_mask = t->names_mask, mask = old ? old_mask : 127;

	while (mask / 2 < n)
		mask = mask * 2 + 1;
	if (old && mask == old_mask)
		return DLPAR_OK;
	new = arena_resize(&t->arena, NULL, 0,
			   (mask + (size_t)1) * sizeof(*new));
	if (!new)
		return DLPAR_ERR_NOMEM;
	memset(new, 0, (mask + (size_t)1) * sizeof(*new));
	for (i = 0; old && i <= old_mask; i++) {
		if (!old[i].ref)
			continue;
		for (j = old[i].hash & mask; new[j].ref; )
			j = (j + 1) & mask;
		new[j] = old[i];
	}
	if (old)
		arena_release(&t->arena, old,
			      (old_mask + (size_t)1) * sizeof(*old));
	t->names = new;
	t->names_mask = mask;
	return DLPAR_OK;
}

/* Room for @n more names with @bytes of strings, their NULs included. */
int tree_name_reserve(struct dlpar_tree *t, uint32_t n, uint32_t bytes)
{
	uint32_t cap = t->strings_cap;
	uint8_t *p;

	if (bytes > DLPAR_TREE_SIZE_MAX - t->strings_len)
		return DLPAR_ERR_TOOBIG;
	if (bytes > cap - t->strings_len) {
		cap = t->strings_len + bytes + (t->strings_len + bytes) / 2;
		p = arena_resize(&t->arena, t->strings, t->strings_cap, cap);
		if (!p)
			return DLPAR_ERR_NOMEM;
		t->strings = p;
		t->strings_cap = cap;
	}
	if (t->names && n <= t->names_mask / 2 - t->n_names)
		return DLPAR_OK;
	return grow_table(t, t->n_names + n);
}

static void fill_slot(struct dlpar_tree *t, struct tree_name *s, uint32_t off,
		      uint32_t len, uint32_t hash)
{
	unsigned int i;

	*s = (struct tree_name){ .ref = off + 1, .hash = hash, .len = len };
	t->n_names++;
	for (i = 0; i < 3; i++)
		if (len == phandle_names[i].len &&
		    !memcmp(t->strings + off, phandle_names[i].name, len))
			t->id_phandle[i] = off;
}

/* Enter the string at @off as a new name; room was reserved. */
void tree_name_adopt(struct dlpar_tree *t, uint32_t off, uint32_t len)
{
	const uint8_t *name = t->strings + off;
	uint32_t hash = tree_hash_bytes(t->seed, name, len);

	fill_slot(t, find_slot(t, name, len, hash), off, len, hash);
}

/* The string of a new name goes to the end of the block. */
static void make_name(struct dlpar_tree *t, struct tree_name *s,
		      const uint8_t *name, uint32_t len, uint32_t hash)
{
	uint32_t off = t->strings_len;

	memcpy(t->strings + off, name, len);
	t->strings[off + len] = 0;
	t->strings_len += len + 1;
	fill_slot(t, s, off, len, hash);
}

/* The offset of a name, made when new; room was reserved. */
uint32_t tree_name_intern(struct dlpar_tree *t, const uint8_t *name,
			  uint32_t len)
{
	uint32_t hash = tree_hash_bytes(t->seed, name, len);
	struct tree_name *s = find_slot(t, name, len, hash);

	if (!s->ref)
		make_name(t, s, name, len, hash);
	return s->ref - 1;
}

/* A stream of properties begins, in which no name may stand twice. */
void tree_name_stream(struct dlpar_tree *t)
{
	uint32_t i;

	t->fresh = NIL;
	if (++t->stream)
		return;
	for (i = 0; i <= t->names_mask; i++)
		t->names[i].seen = 0;
	t->stream = 1;
}

/* A name is used, in this slot: to be guessed where the one before it is. */
static struct tree_name *turn_to(struct dlpar_tree *t, struct tree_name *s)
{
	uint32_t at = (uint32_t)(s - t->names);

	t->names[t->name_at].next = at;
	t->name_at = at;
	return s;
}

/* What tree_name_follow() does where it guessed wrong. */
struct tree_name *tree_name_turn(struct dlpar_tree *t, const uint8_t *name,
				 uint32_t len)
{
	uint32_t hash = tree_hash_bytes(t->seed, name, len);
	struct tree_name *s = find_slot(t, name, len, hash);

	return s->ref ? turn_to(t, s) : NULL;
}

/* Make a name that the tree does not have. */
int tree_name_new(struct dlpar_tree *t, struct tree_name **slot,
		  const uint8_t *name, uint32_t len)
{
	uint32_t hash;
	int err;

	if (!tree_name_ok(name, len))
		return DLPAR_ERR_BADARG;
	err = tree_name_reserve(t, 1, len + 1);
	if (err)
		return err;
	hash = tree_hash_bytes(t->seed, name, len);
	*slot = find_slot(t, name, len, hash);
	make_name(t, *slot, name, len, hash);
	turn_to(t, *slot);
	return DLPAR_OK;
}

static void delete_name(struct dlpar_tree *t, const uint8_t *name, uint32_t len)
{
	struct tree_name *s = t->names;
	uint32_t m = t->names_mask, j, k;

	j = (uint32_t)(find_slot(t, name, len,
				 tree_hash_bytes(t->seed, name, len)) - s);
	for (k = (j + 1) & m; s[k].ref; k = (k + 1) & m) {
		if (((k - s[k].hash) & m) < ((k - j) & m))
			continue;
		s[j] = s[k];
		j = k;
	}
	s[j].ref = 0;
}

/* Back to when the strings block had @strings_len bytes and @n_names names. */
void tree_name_forget(struct dlpar_tree *t, uint32_t strings_len,
		      uint32_t n_names)
{
	uint32_t off = strings_len, len;
	unsigned int i;

	if (off == t->strings_len)
		return;
	for (; off < t->strings_len; off += len + 1) {
		len = (uint32_t)strlen((char *)t->strings + off);
		delete_name(t, t->strings + off, len);
	}
	for (i = 0; i < 3; i++)
		if (t->id_phandle[i] != NIL && t->id_phandle[i] >= strings_len)
			t->id_phandle[i] = NIL;
	t->strings_len = strings_len;
	t->n_names = n_names;
}
