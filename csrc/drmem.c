// SPDX-License-Identifier: Apache-2.0
/*
 * drmem.c - LMB tables: decode, encode, look up, select by flags.
 *
 * ibm,dynamic-memory (v1) lists every LMB, ibm,dynamic-memory-v2 runs of
 * them; LoPAR C.6.6.2, Linux arch/powerpc/mm/drmem.c. A count from the wire
 * is never trusted: it is checked against the bytes, and its expansion
 * against DLPAR_DRMEM_MAX_LMBS, before anything is written. Nothing here
 * allocates, and the DRC index is never taken for a unique key.
 */
#include "dlpar.h"
#include "wire.h"

#define COUNT_LEN 4u	/* the word in front of the records */
#define V2_SET_LEN 24u

#define RADIX_BITS 8
#define RADIX 256

static int fail(size_t *err_off, size_t off, int err)
{
	if (err_off)
		*err_off = off;
	return err;
}

/* Length of a v1 record, 0 for an address_cells that does not exist. */
static size_t v1_record_len(uint32_t address_cells)
{
	if (address_cells != 1 && address_cells != 2)
		return 0;
	return 4 * (size_t)address_cells + 16;
}

/* The number of records, all of which are there, and nothing else. */
static int count_records(uint32_t *n, size_t *err_off, const uint8_t *data,
			 size_t len, size_t record_len)
{
	size_t whole;

	if (len < COUNT_LEN)
		return fail(err_off, 0, DLPAR_ERR_TRUNCATED);
	*n = wire_get32(data);
	whole = (len - COUNT_LEN) / record_len;
	if (*n > whole)
		return fail(err_off, COUNT_LEN + whole * record_len,
			    DLPAR_ERR_TRUNCATED);
	if (len - COUNT_LEN != *n * record_len)
		return fail(err_off, COUNT_LEN + *n * record_len,
			    DLPAR_ERR_BADLENGTH);
	return 0;
}

int dlpar_drmem_v1_count(size_t *err_off, const uint8_t *data, size_t len,
			 uint32_t address_cells)
{
	size_t record_len = v1_record_len(address_cells);
	uint32_t n;
	int err;

	if (!record_len)
		return DLPAR_ERR_BADARG;
	err = count_records(&n, err_off, data, len, record_len);
	if (err)
		return err;
	if (n > DLPAR_DRMEM_MAX_LMBS)
		return fail(err_off, 0, DLPAR_ERR_TOOBIG);
	return (int)n;
}

static struct dlpar_lmb take_v1(struct wire_cursor *c, uint32_t address_cells)
{
	struct dlpar_lmb lmb = { 0 };

	lmb.base = address_cells == 1 ? wire_take32(c) : wire_take64(c);
	lmb.drc_index = wire_take32(c);
	wire_take32(c);
	lmb.aa_index = wire_take32(c);
	lmb.flags = wire_take32(c) & ~DLPAR_LMB_MARKED;
	return lmb;
}

int dlpar_drmem_v1_decode(struct dlpar_lmb *lmbs, size_t cap, size_t *err_off,
			  const uint8_t *data, size_t len,
			  uint32_t address_cells)
{
	int i, n = dlpar_drmem_v1_count(err_off, data, len, address_cells);
	struct wire_cursor c;

	if (n < 0)
		return n;
	if ((size_t)n > cap)
		return DLPAR_ERR_NOSPACE;
	c = wire_cursor(data, len);
	wire_take32(&c);
	for (i = 0; i < n; i++)
		lmbs[i] = take_v1(&c, address_cells);
	return n;
}

static uint8_t *put_v1(uint8_t *p, const struct dlpar_lmb *lmb,
		       uint32_t address_cells)
{
	if (address_cells == 1)
		wire_put32(p, (uint32_t)lmb->base);
	else
		wire_put64(p, lmb->base);
	p += 4 * address_cells;
	wire_put32(p, lmb->drc_index);
	wire_put32(p + 4, 0);
	wire_put32(p + 8, lmb->aa_index);
	wire_put32(p + 12, lmb->flags & ~DLPAR_LMB_MARKED);
	return p + 16;
}

int dlpar_drmem_v1_encode(uint8_t *out, size_t cap,
			  const struct dlpar_lmb *lmbs, size_t n_lmbs,
			  uint32_t address_cells)
{
	size_t i, need, record_len = v1_record_len(address_cells);

	if (!record_len || n_lmbs > DLPAR_DRMEM_MAX_LMBS)
		return DLPAR_ERR_BADARG;
	for (i = 0; address_cells == 1 && i < n_lmbs; i++)
		if (lmbs[i].base > UINT32_MAX)
			return DLPAR_ERR_BADARG;
	need = COUNT_LEN + n_lmbs * record_len;
	if (!out)
		return (int)need;
	if (need > cap)
		return DLPAR_ERR_NOSPACE;
	wire_put32(out, (uint32_t)n_lmbs);
	out += COUNT_LEN;
	for (i = 0; i < n_lmbs; i++)
		out = put_v1(out, &lmbs[i], address_cells);
	return (int)need;
}

/* A record of v2: @count LMBs that follow @first. */
struct lmb_set {
	uint32_t count;
	struct dlpar_lmb first;
};

static struct lmb_set take_v2(struct wire_cursor *c)
{
	struct lmb_set set = { 0 };

	set.count = wire_take32(c);
	set.first.base = wire_take64(c);
	set.first.drc_index = wire_take32(c);
	set.first.aa_index = wire_take32(c);
	set.first.flags = wire_take32(c) & ~DLPAR_LMB_MARKED;
	return set;
}

/* Whether the last LMB of @set has a base and a DRC index that do not wrap. */
static int check_set(const struct lmb_set *set, size_t *err_off, size_t off,
		     uint64_t lmb_size)
{
	uint32_t last;

	if (!set->count)
		return 0;
	last = set->count - 1;
	if (last > (UINT64_MAX - set->first.base) / lmb_size)
		return fail(err_off, off + 4, DLPAR_ERR_BADVALUE);
	if (last > UINT32_MAX - set->first.drc_index)
		return fail(err_off, off + 12, DLPAR_ERR_BADVALUE);
	return 0;
}

int dlpar_drmem_v2_count(size_t *err_off, const uint8_t *data, size_t len,
			 uint64_t lmb_size)
{
	uint32_t n_sets, total = 0;
	struct wire_cursor c;
	struct lmb_set set;
	size_t off;
	int err;

	if (!lmb_size)
		return DLPAR_ERR_BADARG;
	err = count_records(&n_sets, err_off, data, len, V2_SET_LEN);
	if (err)
		return err;
	c = wire_cursor(data, len);
	wire_take32(&c);
	for (; n_sets; n_sets--) {
		off = c.off;
		set = take_v2(&c);
		if (set.count > DLPAR_DRMEM_MAX_LMBS - total)
			return fail(err_off, off, DLPAR_ERR_TOOBIG);
		total += set.count;
		err = check_set(&set, err_off, off, lmb_size);
		if (err)
			return err;
	}
	return (int)total;
}

static struct dlpar_lmb *expand_set(struct dlpar_lmb *lmb,
				    const struct lmb_set *set,
				    uint64_t lmb_size)
{
	uint32_t i;

	for (i = 0; i < set->count; i++, lmb++) {
		*lmb = set->first;
		lmb->base += i * lmb_size;
		lmb->drc_index += i;
	}
	return lmb;
}

int dlpar_drmem_v2_decode(struct dlpar_lmb *lmbs, size_t cap, size_t *err_off,
			  const uint8_t *data, size_t len, uint64_t lmb_size)
{
	int n = dlpar_drmem_v2_count(err_off, data, len, lmb_size);
	struct wire_cursor c;
	struct lmb_set set;
	uint32_t n_sets;

	if (n < 0)
		return n;
	if ((size_t)n > cap)
		return DLPAR_ERR_NOSPACE;
	c = wire_cursor(data, len);
	for (n_sets = wire_take32(&c); n_sets; n_sets--) {
		set = take_v2(&c);
		lmbs = expand_set(lmbs, &set, lmb_size);
	}
	return n;
}

/* Whether @b can stand in the set that @a, just before it, is the end of. */
static int same_set(const struct dlpar_lmb *a, const struct dlpar_lmb *b,
		    uint64_t lmb_size, uint32_t flags)
{
	if (a->aa_index != b->aa_index ||
	    (a->flags ^ b->flags) & ~DLPAR_LMB_MARKED)
		return 0;
	if (flags & DLPAR_DRMEM_MERGE_KERNEL)
		return 1;
	return b->base > a->base && b->base - a->base == lmb_size &&
	       b->drc_index > a->drc_index &&
	       b->drc_index - a->drc_index == 1;
}

/* The end of the set that begins at @i. */
static size_t set_end(const struct dlpar_lmb *lmbs, size_t n_lmbs, size_t i,
		      uint64_t lmb_size, uint32_t flags)
{
	for (i++; i < n_lmbs; i++)
		if (!same_set(&lmbs[i - 1], &lmbs[i], lmb_size, flags))
			break;
	return i;
}

static void put_v2(uint8_t *p, const struct dlpar_lmb *first, size_t count)
{
	wire_put32(p, (uint32_t)count);
	wire_put64(p + 4, first->base);
	wire_put32(p + 12, first->drc_index);
	wire_put32(p + 16, first->aa_index);
	wire_put32(p + 20, first->flags & ~DLPAR_LMB_MARKED);
}

int dlpar_drmem_v2_encode(uint8_t *out, size_t cap,
			  const struct dlpar_lmb *lmbs, size_t n_lmbs,
			  uint64_t lmb_size, uint32_t flags)
{
	size_t i, end, need = COUNT_LEN;
	uint32_t n_sets = 0;

	if (flags & ~(uint32_t)DLPAR_DRMEM_MERGE_KERNEL ||
	    n_lmbs > DLPAR_DRMEM_MAX_LMBS)
		return DLPAR_ERR_BADARG;
	for (i = 0; i < n_lmbs; n_sets++)
		i = set_end(lmbs, n_lmbs, i, lmb_size, flags);
	need += (size_t)n_sets * V2_SET_LEN;
	if (!out)
		return (int)need;
	if (need > cap)
		return DLPAR_ERR_NOSPACE;
	wire_put32(out, n_sets);
	out += COUNT_LEN;
	for (i = 0; i < n_lmbs; i = end, out += V2_SET_LEN) {
		end = set_end(lmbs, n_lmbs, i, lmb_size, flags);
		put_v2(out, &lmbs[i], end - i);
	}
	return (int)need;
}

static uint64_t key_of(const struct dlpar_lmb *lmb, int key)
{
	return key == DLPAR_DRMEM_KEY_BASE ? lmb->base : lmb->drc_index;
}

static int known_key(int key)
{
	return key == DLPAR_DRMEM_KEY_DRC || key == DLPAR_DRMEM_KEY_BASE;
}

/* One stable pass of a radix sort, over the key's digit at @shift. */
static void radix_pass(uint32_t *to, const uint32_t *from,
		       const struct dlpar_lmb *lmbs, size_t n_lmbs, int key,
		       int shift)
{
	uint32_t start[RADIX + 1] = { 0 };
	size_t i;

	for (i = 0; i < n_lmbs; i++)
		start[1 + (key_of(&lmbs[i], key) >> shift) % RADIX]++;
	for (i = 0; i < RADIX; i++)
		start[i + 1] += start[i];
	for (i = 0; i < n_lmbs; i++)
		to[start[(key_of(&lmbs[from[i]], key) >> shift) % RADIX]++] =
			from[i];
}

int dlpar_drmem_sort(uint32_t *order, uint32_t *scratch,
		     const struct dlpar_lmb *lmbs, size_t n_lmbs, int key)
{
	int bits = key == DLPAR_DRMEM_KEY_BASE ? 64 : 32;
	int shift, sorted = 1;
	size_t i;

	if (!known_key(key) || n_lmbs > DLPAR_DRMEM_MAX_LMBS)
		return DLPAR_ERR_BADARG;
	for (i = 0; i < n_lmbs; i++) {
		order[i] = (uint32_t)i;
		if (i && key_of(&lmbs[i - 1], key) > key_of(&lmbs[i], key))
			sorted = 0;
	}
	/* Firmware lists LMBs in order; two passes a round end in @order. */
	for (shift = 0; !sorted && shift < bits; shift += 2 * RADIX_BITS) {
		radix_pass(scratch, order, lmbs, n_lmbs, key, shift);
		radix_pass(order, scratch, lmbs, n_lmbs, key,
			   shift + RADIX_BITS);
	}
	return 0;
}

int dlpar_drmem_find(const uint32_t *order, const struct dlpar_lmb *lmbs,
		     size_t n_lmbs, int key, uint64_t value)
{
	size_t mid, low = 0, high = n_lmbs;

	if (!known_key(key))
		return DLPAR_ERR_BADARG;
	while (low < high) {
		mid = low + (high - low) / 2;
		if (key_of(&lmbs[order[mid]], key) < value)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == n_lmbs || key_of(&lmbs[order[low]], key) != value)
		return DLPAR_ERR_NOTFOUND;
	return (int)order[low];
}

int dlpar_drmem_count(const struct dlpar_lmb *lmbs, size_t n_lmbs,
		      uint32_t mask, uint32_t value, size_t limit)
{
	size_t i, found = 0;

	if (n_lmbs > DLPAR_DRMEM_MAX_LMBS)
		return DLPAR_ERR_BADARG;
	for (i = 0; i < n_lmbs && found < limit; i++)
		found += (lmbs[i].flags & mask) == value;
	return (int)found;
}

int dlpar_drmem_next(const struct dlpar_lmb *lmbs, size_t n_lmbs, size_t from,
		     uint32_t mask, uint32_t value)
{
	size_t i;

	if (n_lmbs > DLPAR_DRMEM_MAX_LMBS)
		return DLPAR_ERR_BADARG;
	for (i = from; i < n_lmbs; i++)
		if ((lmbs[i].flags & mask) == value)
			return (int)i;
	return DLPAR_ERR_NOTFOUND;
}

int dlpar_drmem_change_flags(struct dlpar_lmb *lmbs, size_t n_lmbs,
			     size_t from, size_t n, uint32_t clear,
			     uint32_t set)
{
	size_t i;

	if (from > n_lmbs || n > n_lmbs - from)
		return DLPAR_ERR_BADARG;
	for (i = from; i < from + n; i++)
		lmbs[i].flags = (lmbs[i].flags & ~clear) | set;
	return 0;
}

int dlpar_drmem_alike(const struct dlpar_lmb *lmbs, size_t n_lmbs, size_t from,
		      size_t limit)
{
	size_t i, end;

	if (n_lmbs > DLPAR_DRMEM_MAX_LMBS || from >= n_lmbs || !limit)
		return DLPAR_ERR_BADARG;
	end = limit < n_lmbs - from ? from + limit : n_lmbs;
	for (i = from + 1; i < end; i++)
		if (lmbs[i].flags != lmbs[from].flags ||
		    lmbs[i].aa_index != lmbs[from].aa_index)
			break;
	return (int)i;
}

int dlpar_drmem_fill(struct dlpar_lmb *lmbs, size_t n_lmbs, size_t from,
		     size_t n, uint32_t flags, uint32_t aa_index)
{
	size_t i;

	if (from > n_lmbs || n > n_lmbs - from)
		return DLPAR_ERR_BADARG;
	for (i = from; i < from + n; i++) {
		lmbs[i].flags = flags;
		lmbs[i].aa_index = aa_index;
	}
	return 0;
}
