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

/* Hand the batch out, or drop it where it could not be filled. */
static int finish(struct dlpar_rtas_batch **out, struct dlpar_rtas_batch *b,
		  int rc)
{
	if (rc < 0)
		dlpar_rtas_batch_put(b);
	else
		*out = b;
	return rc;
}

int dlpar_rtas_batch_decode(struct dlpar_rtas_batch **out, size_t *err_row,
			    size_t *err_off, const uint8_t *buf, size_t len,
			    uint32_t flags)
{
	struct dlpar_rtas_batch *b;
	int rc;

	if (flags & ~(uint32_t)DLPAR_RTAS_TOLERANT)
		return DLPAR_ERR_BADARG;
	rc = batch_new(&b, dlpar_rtas_count(buf, len));
	if (rc < 0)
		return rc;
	return finish(out, b, dlpar_rtas_decode_columns(&b->cols, b->rows,
							err_row, err_off, buf,
							len, flags));
}

static int places_fit(const struct dlpar_rtas_place *places, size_t n,
		      size_t len)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (places[i].offset > len ||
		    places[i].length > len - places[i].offset)
			return 0;
	return 1;
}

int dlpar_rtas_batch_places(struct dlpar_rtas_batch **out, size_t *err_row,
			    size_t *err_off, const uint8_t *buf, size_t len,
			    const struct dlpar_rtas_place *places, size_t n,
			    uint32_t flags)
{
	struct dlpar_rtas_batch *b;
	size_t row;
	int rc;

	if (!places_fit(places, n, len) ||
	    flags & ~(uint32_t)DLPAR_RTAS_TOLERANT)
		return DLPAR_ERR_BADARG;
	rc = batch_new(&b, n);
	if (rc < 0)
		return rc;
	for (row = 0; row < n; row++) {
		*err_row = row;
		rc = rtas_columns_place(&b->cols, row, err_off, buf,
					&places[row]);
		if (rc < 0 && !flags)
			return finish(out, b, rc);
	}
	return finish(out, b, DLPAR_OK);
}
