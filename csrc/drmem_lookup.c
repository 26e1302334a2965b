// SPDX-License-Identifier: Apache-2.0
/*
 * drmem_lookup.c - ibm,associativity-lookup-arrays: find, get and append.
 *
 * N, M, then N arrays of M cells: LoPAR C.6.6.2. The arrays have no length
 * word of their own, unlike ibm,associativity of a node. Both counts come
 * from the wire, so their product is compared with the bytes that are there
 * before any array is touched.
 */
#include <limits.h>

#include "dlpar.h"
#include "wire.h"

#define HEADER_LEN 8u

static int fail(size_t *err_off, size_t off, int err)
{
	if (err_off)
		*err_off = off;
	return err;
}

int dlpar_lookup_decode(struct dlpar_lookup *lookup, size_t *err_off,
			const uint8_t *data, size_t len)
{
	uint32_t n_arrays, n_cells;
	uint64_t cells, there;

	if (len < HEADER_LEN)
		return fail(err_off, len & ~(size_t)3, DLPAR_ERR_TRUNCATED);
	n_arrays = wire_get32(data);
	n_cells = wire_get32(data + 4);
	if (n_arrays && !n_cells)
		return fail(err_off, 4, DLPAR_ERR_BADVALUE);
	/* Neither product can wrap: both factors have 32 bits. */
	cells = (uint64_t)n_arrays * n_cells;
	there = (len - HEADER_LEN) / 4;
	if (cells > there)
		return fail(err_off, HEADER_LEN + (size_t)there * 4,
			    DLPAR_ERR_TRUNCATED);
	if (cells * 4 != len - HEADER_LEN)
		return fail(err_off, HEADER_LEN + (size_t)cells * 4,
			    DLPAR_ERR_BADLENGTH);
	lookup->n_arrays = n_arrays;
	lookup->n_cells = n_cells;
	return 0;
}

int dlpar_lookup_get(uint32_t *cells, size_t n_cells, const uint8_t *data,
		     size_t len, size_t index)
{
	struct dlpar_lookup lookup;
	const uint8_t *p;
	size_t i;
	int err = dlpar_lookup_decode(&lookup, NULL, data, len);

	if (err)
		return err;
	if (n_cells != lookup.n_cells)
		return DLPAR_ERR_BADARG;
	if (index >= lookup.n_arrays)
		return DLPAR_ERR_NOTFOUND;
	p = data + HEADER_LEN + index * n_cells * 4;
	for (i = 0; i < n_cells; i++)
		cells[i] = wire_get32(p + i * 4);
	return 0;
}

static int equal_cells(const uint8_t *p, const uint32_t *cells, size_t n_cells)
{
	size_t i;

	for (i = 0; i < n_cells; i++)
		if (wire_get32(p + i * 4) != cells[i])
			return 0;
	return 1;
}

int dlpar_lookup_find(const uint8_t *data, size_t len, const uint32_t *cells,
		      size_t n_cells)
{
	const uint8_t *p = data + HEADER_LEN;
	struct dlpar_lookup lookup;
	uint32_t i;
	int err = dlpar_lookup_decode(&lookup, NULL, data, len);

	if (err)
		return err;
	if (lookup.n_cells && n_cells != lookup.n_cells)
		return DLPAR_ERR_BADARG;
	for (i = 0; i < lookup.n_arrays; i++, p += n_cells * 4)
		if (equal_cells(p, cells, n_cells))
			return (int)i;
	return DLPAR_ERR_NOTFOUND;
}

int dlpar_lookup_append(uint8_t *out, size_t cap, const uint8_t *data,
			size_t len, const uint32_t *cells, size_t n_cells)
{
	struct dlpar_lookup lookup;
	size_t i;
	int err = dlpar_lookup_decode(&lookup, NULL, data, len);

	if (err)
		return err;
	if (!n_cells || (lookup.n_cells && n_cells != lookup.n_cells))
		return DLPAR_ERR_BADARG;
	if (len > INT_MAX || n_cells > (INT_MAX - len) / 4)
		return DLPAR_ERR_TOOBIG;
	if (len > cap || n_cells * 4 > cap - len)
		return DLPAR_ERR_NOSPACE;
	memcpy(out, data, len);
	wire_put32(out, lookup.n_arrays + 1);
	wire_put32(out + 4, (uint32_t)n_cells);
	for (i = 0; i < n_cells; i++)
		wire_put32(out + len + i * 4, cells[i]);
	return (int)(len + n_cells * 4);
}
