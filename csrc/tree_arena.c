// SPDX-License-Identifier: Apache-2.0
/*
 * tree_arena.c - the memory of a tree, all but the object itself.
 *
 * Blocks for node images come from chunks, in size classes with a free list
 * each, so that adding and removing nodes for ever does not grow memory; above
 * the largest class they are allocated one by one. Arrays are resized through
 * arena_resize(). All of it counts against the tree's limit, and a failure is
 * a NULL that leaves what was there as it was.
 */
#ifdef __linux__
#define _DEFAULT_SOURCE
#include <sys/mman.h>
#endif
#include <stdlib.h>

#include "tree.h"

#define CHUNK_MIN 16384u
#define CHUNK_MAX 8388608u
#define HUGE_PAGE ((uintptr_t)2 << 20)

static const uint32_t class_size[N_SIZE_CLASSES] = {
	64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096
};

/* Under a sanitizer every block is one of its own, so its bounds are seen. */
#ifdef __SANITIZE_ADDRESS__
#define FIRST_CLASS N_SIZE_CLASSES
#else
#define FIRST_CLASS 0
#endif

/* Classes go up by a half and by a third in turn: two for each power of 2. */
static unsigned int size_class(uint32_t need)
{
	unsigned int high;

	if (FIRST_CLASS || need > class_size[N_SIZE_CLASSES - 1])
		return N_SIZE_CLASSES;
	if (need <= class_size[0])
		return 0;
	high = wire_log2(need - 1);
	return 2 * (high - wire_log2(class_size[0])) + 1 +
	       ((need - 1) >> (high - 1) & 1);
}

/*
 * Large arrays are read at random and written once: with pages of 2 MiB a tree
 * of 100 000 nodes takes a fraction of the page faults and of the TLB misses.
 */
static void prefer_huge_pages(void *p, size_t size)
{
#ifdef MADV_HUGEPAGE
	uintptr_t first = ((uintptr_t)p + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
	uintptr_t end = ((uintptr_t)p + size) & ~(HUGE_PAGE - 1);

	if (first < end)
		(void)madvise((void *)first, end - first, MADV_HUGEPAGE);
#else
	(void)p;
	(void)size;
#endif
}

static bool take(struct tree_arena *a, size_t size)
{
	if (a->limit && (size > a->limit || a->used > a->limit - size))
		return false;
	a->used += size;
	return true;
}

static void *large_alloc(struct tree_arena *a, uint32_t size)
{
	struct large_block *b;
	size_t all = sizeof(*b) + size;

	if (!take(a, all))
		return NULL;
	b = malloc(all);
	if (!b) {
		a->used -= all;
		return NULL;
	}
	b->prev = NULL;
	b->next = a->large;
	b->size = all;
	if (b->next)
		b->next->prev = b;
	a->large = b;
	return b + 1;
}

static void large_free(struct tree_arena *a, void *block)
{
	struct large_block *b = (struct large_block *)block - 1;

	if (b->prev)
		b->prev->next = b->next;
	else
		a->large = b->next;
	if (b->next)
		b->next->prev = b->prev;
	a->used -= b->size;
	free(b);
}

/* The rest of the old chunk, less than a block of the largest class, is lost. */
static bool new_chunk(struct tree_arena *a)
{
	size_t size = a->chunk_size ? a->chunk_size : CHUNK_MIN;
	struct tree_chunk *c;

	if (!take(a, size))
		return false;
	c = malloc(size);
	if (!c) {
		a->used -= size;
		return false;
	}
	prefer_huge_pages(c, size);
	c->next = a->chunks;
	c->size = size;
	a->chunks = c;
	a->pos = (uint8_t *)c + 64;
	a->end = (uint8_t *)c + size;
	a->chunk_size = size < CHUNK_MAX ? size * 2 : CHUNK_MAX;
	return true;
}

void *arena_block(struct tree_arena *a, uint32_t need, uint32_t *cap)
{
	unsigned int c = size_class(need);
	void *block;

	if (c == N_SIZE_CLASSES) {
		*cap = need;
		return large_alloc(a, need);
	}
	*cap = class_size[c];
	block = a->free[c];
	if (block) {
		memcpy(&a->free[c], block, sizeof(a->free[c]));
		return block;
	}
	if ((size_t)(a->end - a->pos) < *cap && !new_chunk(a))
		return NULL;
	block = a->pos;
	a->pos += *cap;
	return block;
}

void arena_unblock(struct tree_arena *a, void *block, uint32_t cap)
{
	unsigned int c = size_class(cap);

	if (c == N_SIZE_CLASSES) {
		large_free(a, block);
		return;
	}
	memcpy(block, &a->free[c], sizeof(a->free[c]));
	a->free[c] = block;
}

void *arena_resize(struct tree_arena *a, void *old, size_t old_size,
		   size_t new_size)
{
	void *p;

	if (!take(a, new_size))
		return NULL;
	p = realloc(old, new_size);
	if (p)
		prefer_huge_pages(p, new_size);
	a->used -= p ? old_size : new_size;
	return p;
}

void arena_release(struct tree_arena *a, void *old, size_t size)
{
	if (!old)
		return;
	a->used -= size;
	free(old);
}

void arena_free(struct tree_arena *a)
{
	while (a->chunks) {
		struct tree_chunk *c = a->chunks;

		a->chunks = c->next;
		free(c);
	}
	while (a->large)
		large_free(a, a->large + 1);
}
