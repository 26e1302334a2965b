/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rtas_rows.h - private: how rows of a table are written down.
 *
 * Names of bits count from 0 at the low end. For rtas_layout.c only.
 */
#ifndef RTAS_ROWS_H
#define RTAS_ROWS_H

#include "rtas_layout.h"

#define ROW(n, o, l, t) .name = n, .off = o, .len = l, .type = DLPAR_RTAS_##t
#define UINT(n, o, l) { ROW(n, o, l, UINT) }
#define U8(n, o) UINT(n, o, 1)
#define U16(n, o) UINT(n, o, 2)
#define U32(n, o) UINT(n, o, 4)
#define U64(n, o) UINT(n, o, 8)
#define MASKED(n, o, l, m, s) { ROW(n, o, l, UINT), .mask = m, .shift = s }
#define BITS(n, o, m, s) MASKED(n, o, 1, m, s)
#define BIT(n, o, b) BITS(n, o, 1U << (b), b)
#define BYTES(n, o, l) { ROW(n, o, l, BYTES) }
#define REST(n, o) BYTES(n, o, 0)
#define TEXT(n, o, l) { ROW(n, o, l, TEXT) }
#define PADDED(n, o, l) { ROW(n, o, l, PADDED) }
#define DATE(n, o) { ROW(n, o, 4, DATE) }
#define TIME(n, o) { ROW(n, o, 4, TIME) }

#define WHEN(kind, o, l, m, v) \
	.when = DLPAR_RTAS_WHEN_##kind, .when_off = o, .when_len = l, \
	.when_mask = m, .when_value = v
#define EQUAL(o, m, v) WHEN(EQUAL, o, 2, m, v)
#define ANY(o, m) WHEN(ANY, o, 2, m, 0)
#define COUNT(o, l, u) .count_off = o, .count_len = l, .unit = u
#define BEHIND .from = DLPAR_RTAS_FROM_LAST

#define SECTION_HEADER \
	TEXT("id", SEC_ID, 2), \
	U16("length", SEC_LENGTH), \
	U8("version", SEC_VERSION), \
	U8("subtype", SEC_SUBTYPE), \
	U16("creator_component", SEC_CREATOR)

#endif /* RTAS_ROWS_H */
