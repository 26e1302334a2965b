/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rtas_layout.h - private: where things stand in an RTAS event.
 *
 * Offsets are from the start of the part or section; the tables of
 * rtas_layout.c are made of the same names, so each number is written once.
 * Source: LoPAR 7.3.3; Linux asm/rtas-types.h; QEMU spapr_events.c.
 */
#ifndef RTAS_LAYOUT_H
#define RTAS_LAYOUT_H

#include "dlpar.h"

/* Fixed part. */
enum {
	HDR_VERSION = 0,
	HDR_FLAGS = 1,
	HDR_PARTIES = 2,
	HDR_TYPE = 3,
	HDR_SUMMARY_LEN = 4,
	HDR_LENGTH = 4,
	HDR_LEN = 8
};

/* Extended header; the company id is that of version 6. */
enum {
	EXT_FLAGS = 0,
	EXT_PLATFORM = 1,
	EXT_FORMAT = 2,
	EXT_CAUSE = 3,
	EXT_TIME = 4,
	EXT_DATE = 8,
	EXT_V5_LEN = 12,
	EXT_COMPANY = 12,
	EXT_V6_LEN = 16
};

#define EXT_FORMAT_PLATFORM 14		/* platform event log */
#define EXT_COMPANY_IBM 0x49424d00	/* "IBM", NUL */

/* Header of every version 6 section. */
enum {
	SEC_ID = 0,
	SEC_LENGTH = 2,
	SEC_VERSION = 4,
	SEC_SUBTYPE = 5,
	SEC_CREATOR = 6,
	SEC_DATA = 8
};

enum {
	PH_DATE = 8,
	PH_TIME = 12,
	PH_PLATFORM = 16,
	PH_CREATOR = 24,
	PH_SECTIONS = 27,
	PH_SUBSYSTEM = 32,
	PH_PLID = 40,
	PH_ENTRY = 44,
	PH_LEN = 48
};

enum {
	UH_SUBSYSTEM = 8,
	UH_SCOPE = 9,
	UH_SEVERITY = 10,
	UH_TYPE = 11,
	UH_PLATFORM = 12,
	UH_ACTION = 18,
	UH_LEN = 24
};

enum {
	HP_RESOURCE = 8,
	HP_ACTION = 9,
	HP_ID_TYPE = 10,
	HP_CAPABILITIES = 11,
	HP_IDENTIFIER = 12,
	HP_IC_COUNT = 12,
	HP_IC_INDEX = 16,
	HP_TOKEN_LEN = 4,
	HP_MIN_LEN = 16,
	HP_LEN = 20
};

enum {
	EP_SENSOR = 8,
	EP_MODIFIER = 9,
	EP_EXTENDED = 10,
	EP_REASON = 12,
	EP_LEN = 20
};

/* The SRC sections: what says where their call-outs are. */
enum {
	SRC_FLAGS = 9,
	SRC_WORDS = 16,
	SRC_CODE = 48,
	SRC_LIST = 80,
	SRC_LIST_LENGTH = 82,
	SRC_CALLOUTS = 84,
	SRC_LEN = 80
};

/* Where the parts of an event stand. */
enum {
	EVENT_EXTHDR = HDR_LEN,
	EVENT_V5_BODY = HDR_LEN + EXT_V5_LEN,
	EVENT_SECTIONS = HDR_LEN + EXT_V6_LEN
};

/* The table of @id, or the one of unknown sections or sub-structures. */
const struct dlpar_rtas_layout *rtas_layout_find(uint32_t id);

/* The part that a format number picks before version 6; 0: none does. */
uint32_t rtas_layout_v5_part(unsigned int format);

/* Bytes of the event at @p by its length word, at most @len. */
size_t rtas_event_len(const uint8_t *p, size_t len);

/* Where a row's bytes are. */
struct rtas_extent {
	size_t off;
	size_t len;
	size_t next;		/* where a row behind it begins */
};

/*
 * The extent of @row, of a section or record of @len bytes; @last is where
 * the last row present ended. Positive where it is there, 0 where it is not
 * expected, DLPAR_ERR_RECORD where it is, but does not fit.
 */
int rtas_row_extent(struct rtas_extent *out, const struct dlpar_rtas_field *row,
		    size_t last, const uint8_t *buf, size_t len);

/* Whether all rows of @layout that are expected fit, in @len >= min_len. */
int rtas_rows_fit(const struct dlpar_rtas_layout *layout, const uint8_t *buf,
		  size_t len);

#endif /* RTAS_LAYOUT_H */
