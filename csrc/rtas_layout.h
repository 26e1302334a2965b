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

/* Sections that only the tables look into; LoPAR, and Linux for MC. */
enum {
	MT_MODEL = 8,
	MT_SERIAL = 16,
	MT_LEN = 28
};

enum {
	LR_RESOURCE = 8,
	LR_CAPACITY = 10,
	LR_HIGH = 12,
	LR_LOW = 16,
	LR_LEN = 20
};

enum {
	MC_FRU = 8,
	MC_PROCESSOR = 12,
	MC_TYPE = 16,
	MC_DETAIL = 17,
	MC_EFFECTIVE = 24,
	MC_LOGICAL = 32,
	MC_LEN = 40
};

enum {
	IE_TYPE = 8,
	IE_RPC_LENGTH = 9,
	IE_SCOPE = 10,
	IE_SUBTYPE = 11,
	IE_INDEX = 12,
	IE_DATA = 16
};

enum {
	DH_ID = 8,
	DH_FLAGS = 12,
	DH_NAME_LENGTH = 15,
	DH_SIZE = 16,
	DH_NAME = 24
};

/* Where the parts of an event stand. */
enum {
	EVENT_EXTHDR = HDR_LEN,
	EVENT_V5_BODY = HDR_LEN + EXT_V5_LEN,
	EVENT_SECTIONS = HDR_LEN + EXT_V6_LEN
};

/* The table of @id, or the one of unknown sections. */
const struct dlpar_rtas_layout *rtas_layout_find(uint16_t id);

/* The part that a format number picks before version 6; 0: none does. */
uint16_t rtas_layout_v5_part(unsigned int format);

#endif /* RTAS_LAYOUT_H */
