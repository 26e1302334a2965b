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

static uint32_t name_home(const struct dlpar_tree *t, uint32_t off,
			  uint32_t len)
{
	return tree_hash_bytes(t->seed, t->strings + off, len) & t->names_mask;
}

static bool name_is(const struct dlpar_tree *t, uint32_t off,
		    const uint8_t *name, uint32_t len)
{
	return len < t->strings_len - off && !t->strings[off + len] &&
	       !memcmp(t->strings + off, name, len);
}

bool tree_name_find(const struct dlpar_tree *t, const uint8_t *name,
		    uint32_t len, uint32_t *off)
{
	uint32_t j = tree_hash_bytes(t->seed, name, len) & t->names_mask;

	for (; t->names[j]; j = (j + 1) & t->names_mask) {
		if (!name_is(t, t->names[j] - 1, name, len))
			continue;
		*off = t->names[j] - 1;
		return true;
	}
	return false;
}

static void insert(struct dlpar_tree *t, uint32_t home, uint32_t slot)
{
	while (t->names[home])
		home = (home + 1) & t->names_mask;
	t->names[home] = slot;
}

static int grow_table(struct dlpar_tree *t, uint32_t n)
{
	uint32_t *old = t->names;
	uint32_t i, old_mask = t->names_mask, mask = old ? old_mask : 127;
	size_t old_size = old ? (old_mask + (size_t)1) * sizeof(*old) : 0;

	while (mask / 2 < n)
		mask = mask * 2 + 1;
	if (old && mask == old_mask)
		return DLPAR_OK;
	t->names = arena_resize(&t->arena, NULL, 0,
				(mask + (size_t)1) * sizeof(*old));
	if (!t->names) {
		t->names = old;
		return DLPAR_ERR_NOMEM;
	}
	memset(t->names, 0, (mask + (size_t)1) * sizeof(*old));
	t->names_mask = mask;
	for (i = 0; old && i <= old_mask; i++) {
		uint32_t off = old[i] - 1;

		if (old[i])
			insert(t, name_home(t, off, (uint32_t)
					    strlen((char *)t->strings + off)),
			       old[i]);
	}
	arena_release(&t->arena, old, old_size);
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

/* Enter the string at @off as a new name; room was reserved. */
void tree_name_adopt(struct dlpar_tree *t, uint32_t off, uint32_t len)
{
	unsigned int i;

	t->n_names++;
	insert(t, name_home(t, off, len), off + 1);
	for (i = 0; i < 3; i++)
		if (len == phandle_names[i].len &&
		    !memcmp(t->strings + off, phandle_names[i].name, len))
			t->id_phandle[i] = off;
}

/* The offset of a name, made when new; room was reserved. */
uint32_t tree_name_intern(struct dlpar_tree *t, const uint8_t *name,
			  uint32_t len)
{
	uint32_t off;

	if (tree_name_find(t, name, len, &off))
		return off;
	memcpy(t->strings + t->strings_len, name, len);
	t->strings[t->strings_len + len] = 0;
	off = t->strings_len;
	t->strings_len += len + 1;
	tree_name_adopt(t, off, len);
	return off;
}

static void delete_name(struct dlpar_tree *t, uint32_t off, uint32_t len)
{
	uint32_t *s = t->names, m = t->names_mask, k, home;
	uint32_t j = name_home(t, off, len);

	while (s[j] != off + 1)
		j = (j + 1) & m;
	for (k = (j + 1) & m; s[k]; k = (k + 1) & m) {
		home = name_home(t, s[k] - 1, (uint32_t)
				 strlen((char *)t->strings + s[k] - 1));
		if (((k - home) & m) < ((k - j) & m))
			continue;
		s[j] = s[k];
		j = k;
	}
	s[j] = 0;
}

/* Back to when the strings block had @strings_len bytes and @n_names names. */
void tree_name_forget(struct dlpar_tree *t, uint32_t strings_len,
		      uint32_t n_names)
{
	uint32_t off = strings_len, len;
	unsigned int i;

	for (; off < t->strings_len; off += len + 1) {
		len = (uint32_t)strlen((char *)t->strings + off);
		delete_name(t, off, len);
	}
	for (i = 0; i < 3; i++)
		if (t->id_phandle[i] != NIL && t->id_phandle[i] >= strings_len)
			t->id_phandle[i] = NIL;
	t->strings_len = strings_len;
	t->n_names = n_names;
}
