/* SPDX-License-Identifier: Apache-2.0 */
/*
 * events.h - what the files of the harness of RTAS events share.
 *
 * A check that fails is a finding. Bytes are read from copies that are as
 * large as they are, so that the sanitizers see one that is too many.
 */
#ifndef FUZZ_EVENTS_H
#define FUZZ_EVENTS_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "dlpar.h"

#define VALUES_MAX 128u
#define ROWS_MAX 4096u

static inline void check(bool holds)
{
	if (!holds)
		abort();
}

/* None is a byte, too. */
static inline uint8_t *copy(const uint8_t *bytes, size_t len)
{
	uint8_t *p = malloc(len ? len : 1);

	check(p);
	if (len)
		memcpy(p, bytes, len);
	return p;
}

/* The table of @id as a search through all finds it. */
const struct dlpar_rtas_layout *fuzz_layout_of(uint32_t id);

/* Events to a batch, Arrow arrays and a stream; @choice says in which parts. */
void fuzz_arrow(const uint8_t *bytes, size_t len, uint8_t choice);

/* Fields that the bytes say to a section, and what it says to fields. */
void fuzz_build(const uint8_t *bytes, size_t len, uint8_t choice);

/* Requests that the bytes say to events: one by one, of rows, of columns. */
void fuzz_requests(const uint8_t *bytes, size_t len, uint8_t choice);

#endif /* FUZZ_EVENTS_H */
