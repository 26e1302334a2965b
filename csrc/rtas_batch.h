/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rtas_batch.h - private: what batches and their Arrow forms share.
 */
#ifndef RTAS_BATCH_H
#define RTAS_BATCH_H

#include <string.h>

#include "dlpar.h"

/* One more holder of a batch. */
void rtas_batch_get(struct dlpar_rtas_batch *batch);

/* The first item of a column. */
const void *rtas_batch_column(const struct dlpar_rtas_batch *batch,
			      const struct dlpar_rtas_column *column);

/*
 * The event at a place, within @buf, to a row; damage has one, too. DLPAR_OK
 * or the event's error, then with the first byte of @buf not understood.
 */
int rtas_columns_place(const struct dlpar_rtas_columns *cols, size_t row,
		       size_t *err_off, const uint8_t *buf,
		       const struct dlpar_rtas_place *at);

/* How many columns Arrow gets to see. */
size_t rtas_columns_shown(void);

#endif /* RTAS_BATCH_H */
