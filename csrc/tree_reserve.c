// SPDX-License-Identifier: Apache-2.0
/*
 * tree_reserve.c - edits of the memory reserve map and of the boot CPU.
 *
 * The map is replaced whole, by one that ends as it must; a transaction keeps
 * the old one. The blob of the input then no longer has what would be written.
 *
 * Source: Devicetree Specification 0.4, 5.3.
 */
#include "tree.h"

#define ENTRY_LEN 16u

static uint32_t n_entries(const struct dlpar_tree *t)
{
	return t->rsv_len / ENTRY_LEN - 1;
}

/* A map of @n entries, its end written, the entries not. */
static int new_map(struct dlpar_tree *t, uint8_t **map, size_t n)
{
	int err = t->depth ? journal_reserve(t) : DLPAR_OK;

	if (n >= DLPAR_TREE_SIZE_MAX / ENTRY_LEN)
		return DLPAR_ERR_TOOBIG;
	if (err)
		return err;
	*map = arena_resize(&t->arena, NULL, 0, (n + 1) * ENTRY_LEN);
	if (!*map)
		return DLPAR_ERR_NOMEM;
	memset(*map + n * ENTRY_LEN, 0, ENTRY_LEN);
	return DLPAR_OK;
}

static void use_map(struct dlpar_tree *t, uint8_t *map, size_t n)
{
	if (t->depth)
		journal_header(t, JOURNAL_RESERVATIONS);
	else
		arena_release(&t->arena, t->rsv, t->rsv_len);
	t->rsv = map;
	t->rsv_len = (uint32_t)((n + 1) * ENTRY_LEN);
	t->flat = false;
	t->edits++;
}

static void put_entry(uint8_t *map, size_t i, uint64_t address, uint64_t size)
{
	wire_put64(map + i * ENTRY_LEN, address);
	wire_put64(map + i * ENTRY_LEN + 8, size);
}

static int reserve(struct dlpar_tree *t, uint64_t address, uint64_t size)
{
	uint32_t n = n_entries(t);
	uint8_t *map;
	int err = size ? new_map(t, &map, (size_t)n + 1) : DLPAR_ERR_BADARG;

	if (err)
		return err;
	memcpy(map, t->rsv, (size_t)n * ENTRY_LEN);
	put_entry(map, n, address, size);
	use_map(t, map, (size_t)n + 1);
	return DLPAR_OK;
}

static int unreserve(struct dlpar_tree *t, uint32_t i)
{
	uint32_t n = n_entries(t);
	uint8_t *map;
	int err;

	if (i >= n)
		return DLPAR_ERR_NOTFOUND;
	err = new_map(t, &map, n - 1);
	if (err)
		return err;
	memcpy(map, t->rsv, (size_t)i * ENTRY_LEN);
	memcpy(map + (size_t)i * ENTRY_LEN,
	       t->rsv + ((size_t)i + 1) * ENTRY_LEN,
	       ((size_t)n - 1 - i) * ENTRY_LEN);
	use_map(t, map, n - 1);
	return DLPAR_OK;
}

/* Replace the map by @n entries as a blob has them. */
int tree_set_map(struct dlpar_tree *t, const uint8_t *entries, size_t n)
{
	uint8_t *map;
	int err = new_map(t, &map, n);

	if (err)
		return err;
	if (n)
		memcpy(map, entries, n * ENTRY_LEN);
	use_map(t, map, n);
	return DLPAR_OK;
}

static int set_all(struct dlpar_tree *t, const uint64_t *pairs, size_t n)
{
	uint8_t *map;
	size_t i;
	int err;

	for (i = 0; i < n; i++)
		if (!pairs[2 * i + 1])
			return DLPAR_ERR_BADARG;
	err = new_map(t, &map, n);
	if (err)
		return err;
	for (i = 0; i < n; i++)
		put_entry(map, i, pairs[2 * i], pairs[2 * i + 1]);
	use_map(t, map, n);
	return DLPAR_OK;
}

int dlpar_tree_reserve(struct dlpar_tree *t, uint64_t address, uint64_t size)
{
	int err;

	if (!tree_enter(t))
		return DLPAR_ERR_BUSY;
	err = reserve(t, address, size);
	tree_leave(t);
	return err;
}

int dlpar_tree_unreserve(struct dlpar_tree *t, uint32_t i)
{
	int err;

	if (!tree_enter(t))
		return DLPAR_ERR_BUSY;
	err = unreserve(t, i);
	tree_leave(t);
	return err;
}

int dlpar_tree_set_reservations(struct dlpar_tree *t, const uint64_t *pairs,
				size_t n)
{
	int err;

	if (!tree_enter(t))
		return DLPAR_ERR_BUSY;
	err = set_all(t, pairs, n);
	tree_leave(t);
	return err;
}

int tree_set_boot_cpu(struct dlpar_tree *t, uint32_t boot_cpu)
{
	int err = t->depth ? journal_reserve(t) : DLPAR_OK;

	if (err)
		return err;
	if (t->depth)
		journal_header(t, JOURNAL_BOOT_CPU);
	t->boot_cpu = boot_cpu;
	t->flat = false;
	t->edits++;
	return DLPAR_OK;
}

int dlpar_tree_set_boot_cpu(struct dlpar_tree *t, uint32_t boot_cpu)
{
	int err;

	if (!tree_enter(t))
		return DLPAR_ERR_BUSY;
	err = tree_set_boot_cpu(t, boot_cpu);
	tree_leave(t);
	return err;
}
