// SPDX-License-Identifier: Apache-2.0
/*
 * rtas_batch.c - columns in memory that several holders share.
 *
 * A batch is held by Python and by every Arrow column made of it; who drops
 * the last hold frees it. Arrow's consumers do so in any thread and without
 * Python, which is why the memory is C's own and the count atomic. One block
 * per batch; must never be written to once it is handed out.
 */
#include <stdatomic.h>
#include <stdlib.h>

#include "rtas_batch.h"

#define ALIGN 64	/* bytes; Arrow, "buffer alignment and padding" */

struct shared {
	atomic_size_t holders;
	struct dlpar_rtas_batch batch;
};

static struct shared *shared_of(struct dlpar_rtas_batch *batch)
{
	return (struct shared *)((char *)batch -
				 offsetof(struct shared, batch));
}

void rtas_batch_get(struct dlpar_rtas_batch *batch)
{
	atomic_fetch_add_explicit(&shared_of(batch)->holders, 1,
				  memory_order_relaxed);
}

void dlpar_rtas_batch_put(struct dlpar_rtas_batch *batch)
{
	if (!batch)
		return;
	if (atomic_fetch_sub_explicit(&shared_of(batch)->holders, 1,
				      memory_order_acq_rel) == 1)
		free(shared_of(batch));
}

static size_t aligned(size_t size)
{
	return (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

/* Room for all columns of @rows rows; 0 where that is more than there is. */
static size_t columns_size(size_t rows)
{
	const struct dlpar_rtas_column *table;
	int n = dlpar_rtas_column_table(&table);
	size_t size = aligned(sizeof(struct shared));
	int i;

	if (rows > SIZE_MAX / 1024)
		return 0;
	for (i = 0; i < n; i++)
		size += aligned(rows * table[i].width);
	return size;
}

/* Point every column to its place in the block. */
static void place_columns(struct shared *s, size_t rows)
{
	const struct dlpar_rtas_column *table;
	int n = dlpar_rtas_column_table(&table);
	char *at = (char *)s + aligned(sizeof(*s));
	char *slots = (char *)&s->batch.cols;
	void *column;
	int i;

	for (i = 0; i < n; i++) {
		column = at;
		memcpy(slots + table[i].slot, &column, sizeof(column));
		at += aligned(rows * table[i].width);
	}
}

const void *rtas_batch_column(const struct dlpar_rtas_batch *batch,
			      const struct dlpar_rtas_column *column)
{
	const char *slots = (const char *)&batch->cols;
	void *at;

	memcpy(&at, slots + column->slot, sizeof(at));
	return at;
}

static int batch_new(struct dlpar_rtas_batch **out, size_t rows)
{
	size_t size = columns_size(rows);
	struct shared *s;

	if (!size)
		return DLPAR_ERR_NOMEM;
	s = aligned_alloc(ALIGN, size);
	if (!s)
		return DLPAR_ERR_NOMEM;
	atomic_init(&s->holders, 1);
	s->batch.rows = rows;
	s->batch.size = size - offsetof(struct shared, batch);
	place_columns(s, rows);
	*out = &s->batch;
	return DLPAR_OK;
}

/* The columns from @row on. */
static struct dlpar_rtas_columns columns_from(const struct dlpar_rtas_batch *b,
					      size_t row)
{
	const struct dlpar_rtas_column *table;
	int n = dlpar_rtas_column_table(&table);
	struct dlpar_rtas_columns cols;
	const char *at;
	int i;

	for (i = 0; i < n; i++) {
		at = rtas_batch_column(b, &table[i]);
		at += row * table[i].width;
		memcpy((char *)&cols + table[i].slot, &at, sizeof(at));
	}
	return cols;
}

/* Where part @i begins and ends. */
static size_t part_end(const struct dlpar_rtas_parts *parts, size_t i,
		       size_t len)
{
	return parts->n ? (size_t)parts->ends[i] : len;
}

static int parts_sound(const struct dlpar_rtas_parts *parts, size_t len)
{
	uint64_t last = 0;
	size_t i;

	for (i = 0; i < parts->n; i++) {
		if (parts->ends[i] < last || parts->ends[i] > len)
			return 0;
		last = parts->ends[i];
	}
	return !parts->n || (last == len && parts->n <= INT32_MAX);
}

static size_t count_rows(const uint8_t *buf, size_t len,
			 const struct dlpar_rtas_parts *parts)
{
	size_t n = parts->n ? parts->n : 1;
	size_t rows = 0, pos = 0, end, i;

	for (i = 0; i < n; i++, pos = end) {
		end = part_end(parts, i, len);
		rows += dlpar_rtas_count(buf + pos, end - pos);
	}
	return rows;
}

/* What a part's rows say of the whole input, once it is decoded alone. */
static void place_rows(const struct dlpar_rtas_columns *cols, size_t rows,
		       size_t pos, size_t part)
{
	size_t row;

	for (row = 0; row < rows; row++) {
		cols->offset[row] += pos;
		if (cols->damage[row])
			cols->damage_offset[row] += pos;
		cols->source[row] = (uint32_t)part;
		cols->has[row] |= DLPAR_RTAS_ROW_SOURCE;
	}
}

static int fill(struct dlpar_rtas_batch *b, size_t *err_row, size_t *err_off,
		const uint8_t *buf, size_t len,
		const struct dlpar_rtas_parts *parts, uint32_t flags)
{
	size_t n = parts->n ? parts->n : 1;
	size_t row = 0, pos = 0, end, found, i;
	struct dlpar_rtas_columns cols;
	int rc;

	for (i = 0; i < n; i++, pos = end) {
		end = part_end(parts, i, len);
		cols = columns_from(b, row);
		rc = dlpar_rtas_decode_columns(&cols, b->rows - row, &found,
					       err_off, buf + pos, end - pos,
					       flags);
		*err_row = row + found;
		if (rc < 0) {
			*err_off += pos;
			return rc;
		}
		if (parts->n)
			place_rows(&cols, found, pos, i);
		row += found;
	}
	return DLPAR_OK;
}

int dlpar_rtas_batch_decode(struct dlpar_rtas_batch **out, size_t *err_row,
			    size_t *err_off, const uint8_t *buf, size_t len,
			    const struct dlpar_rtas_parts *parts,
			    uint32_t flags)
{
	struct dlpar_rtas_batch *b;
	int rc;

	if (!parts_sound(parts, len) || flags & ~(uint32_t)DLPAR_RTAS_TOLERANT)
		return DLPAR_ERR_BADARG;
	rc = batch_new(&b, count_rows(buf, len, parts));
	if (rc < 0)
		return rc;
	rc = fill(b, err_row, err_off, buf, len, parts, flags);
	if (rc < 0)
		dlpar_rtas_batch_put(b);
	else
		*out = b;
	return rc;
}
