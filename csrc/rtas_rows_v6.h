/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rtas_rows_v6.h - private: tables of the sections of version 6 that only
 * tables look into, and of the records inside of them.
 *
 * LoPAR 7.3.3; Linux struct pseries_mc_errorlog for MC; the platform event
 * logs of OPAL and BMC for what LoPAR leaves to the platform. Offsets are from
 * the start of the section or record and used here only, so they stand as
 * numbers. Included by rtas_layout.c alone.
 */
#ifndef RTAS_ROWS_V6_H
#define RTAS_ROWS_V6_H

#include "rtas_rows.h"

enum {
	MT_LEN = 28,
	LR_LEN = 20,
	LP_LEN = 16,
	MC_LEN = 40,
	IE_LEN = 16,
	DH_LEN = 24,
	EH_LEN = 76,
	ED_LEN = 12,
	EI_LEN = 28,
	MI_LEN = 12,
	SW_LEN = 20,
	CALLOUT_LEN = 4,
	SUB_LEN = 4,
	SUB_MR_LEN = 8,
	SUB_PE_LEN = 24,
	UNIT_LEN = 8,
	READING_LEN = 8
};

static const struct dlpar_rtas_field src[] = {
	SECTION_HEADER,
	U8("src_version", 8),
	U8("src_flags", SRC_FLAGS),
	BIT("additional_sections", SRC_FLAGS, 0),
	BYTES("platform_data", 10, 6),
	U8("word_count", 11),
	U16("src_length", 14),
	{ ROW("hex_words", SRC_WORDS, 32, NUMBERS), .unit = 4 },
	PADDED("reference_code", SRC_CODE, 32),
	{ ROW("callouts_id", SRC_LIST, 1, UINT), ANY(SRC_FLAGS, 0x0100) },
	{ ROW("callouts_platform_data", 81, 1, UINT), ANY(SRC_FLAGS, 0x0100) },
	{ ROW("callouts_length", SRC_LIST_LENGTH, 2, UINT),
	  ANY(SRC_FLAGS, 0x0100) },
	{ ROW("callouts", SRC_CALLOUTS, 0, RECORDS), .of = DLPAR_RTAS_CALLOUT,
	  COUNT(SRC_LIST_LENGTH, 2, 4), .count_less = 4,
	  ANY(SRC_FLAGS, 0x0100) },
};

static const struct dlpar_rtas_field callout[] = {
	U8("length", 0),
	BITS("type", 1, 0xf0, 4),
	BIT("identity_included", 1, 3),
	BITS("substructures_included", 1, 0x07, 0),
	TEXT("priority", 2, 1),
	U8("location_length", 3),
	{ ROW("location_code", 4, 0, TEXT), COUNT(3, 1, 1) },
	{ ROW("substructures", 0, 0, RECORDS), BEHIND, .of = DLPAR_RTAS_SUB },
};

#define SUB_HEADER TEXT("id", 0, 2), U8("length", 2), U8("flags", 3)

/* Number or procedure take one place; what is missing takes none. */
static const struct dlpar_rtas_field sub_id[] = {
	SUB_HEADER,
	BITS("component", 3, 0xf0, 4),
	{ ROW("part_number", 0, 8, TEXT), BEHIND, ANY(2, 0x08) },
	{ ROW("procedure", 0, 8, TEXT), BEHIND, EQUAL(2, 0x0a, 0x02) },
	{ ROW("ccin", 0, 4, TEXT), BEHIND, ANY(2, 0x04) },
	{ ROW("serial", 0, 12, TEXT), BEHIND, ANY(2, 0x01) },
};

static const struct dlpar_rtas_field sub_pe[] = {
	SUB_HEADER,
	TEXT("model", 4, 8),
	TEXT("serial", 12, 12),
	TEXT("name", 24, 0),
};

static const struct dlpar_rtas_field sub_mr[] = {
	SUB_HEADER,
	BITS("unit_count", 3, 0x0f, 0),
	{ ROW("units", 8, 0, RECORDS), .of = DLPAR_RTAS_UNIT,
	  COUNT(3, 1, UNIT_LEN), .count_mask = 0x0f },
};

static const struct dlpar_rtas_field sub_unknown[] = {
	SUB_HEADER,
	REST("data", 4),
};

static const struct dlpar_rtas_field unit[] = {
	TEXT("priority", 3, 1),
	U32("unit_id", 4),
};

static const struct dlpar_rtas_field mt[] = {
	SECTION_HEADER,
	TEXT("model", 8, 8),
	TEXT("serial", 16, 12),
};

/* The two words are a CPU, a DRC index or an address: see the resource. */
static const struct dlpar_rtas_field lr[] = {
	SECTION_HEADER,
	U8("resource", 8),
	U16("capacity", 10),
	U32("identifier", 12),
	U32("address_low", 16),
};

static const struct dlpar_rtas_field lp[] = {
	SECTION_HEADER,
	U16("primary_partition", 8),
	U8("name_length", 10),
	U8("target_count", 11),
	U32("partition_id", 12),
	{ ROW("name", 16, 0, TEXT), COUNT(10, 1, 1) },
	{ ROW("targets", 0, 0, NUMBERS), BEHIND, COUNT(11, 1, 2) },
};

/* The two flags are defined for an uncorrectable error, kind 0, only. */
static const struct dlpar_rtas_field mc[] = {
	SECTION_HEADER,
	U32("fru_id", 8),
	U32("processor", 12),
	U8("error_type", 16),
	U8("error_detail", 17),
	{ ROW("effective_address_valid", 17, 1, UINT), .mask = 0x40, .shift = 6,
	  EQUAL(16, 0xff00, 0) },
	{ ROW("logical_address_valid", 17, 1, UINT), .mask = 0x20, .shift = 5,
	  EQUAL(16, 0xff00, 0) },
	U64("effective_address", 24),
	U64("logical_address", 32),
};

#define IE_DUMP_SIZE 5		/* subtype: the data is the size of a dump */

/* The data's length byte is 0 for kinds that have data nevertheless. */
static const struct dlpar_rtas_field ie[] = {
	SECTION_HEADER,
	U8("event_type", 8),
	U8("rpc_length", 9),
	U8("scope", 10),
	U8("event_subtype", 11),
	U32("drc_index", 12),
	{ ROW("dump_size", 16, 8, UINT), EQUAL(10, 0x00ff, IE_DUMP_SIZE) },
	REST("data", 16),
};

/* The name's own length; all of its place is in name, as bytes. */
static const struct dlpar_rtas_field dh[] = {
	SECTION_HEADER,
	U32("dump_id", 8),
	BIT("sent_to_hmc", 12, 7),
	BIT("name_is_hex", 12, 6),
	BIT("size_valid", 12, 5),
	U8("name_length", 15),
	U64("size", 16),
	{ ROW("file_name", 24, 0, TEXT), COUNT(15, 1, 1),
	  EQUAL(12, 0x4000, 0) },
	REST("name", 24),
};

static const struct dlpar_rtas_field eh[] = {
	SECTION_HEADER,
	TEXT("model", 8, 8),
	TEXT("serial", 16, 12),
	TEXT("firmware_version", 28, 16),
	TEXT("subsystem_version", 44, 16),
	DATE("reference_date", 64),
	TIME("reference_time", 68),
	U8("symptom_length", 75),
	{ ROW("symptom", 76, 0, TEXT), COUNT(75, 1, 1) },
};

static const struct dlpar_rtas_field ed[] = {
	SECTION_HEADER,
	TEXT("data_creator", 8, 1),
	REST("data", 12),
};

static const struct dlpar_rtas_field ei[] = {
	SECTION_HEADER,
	U64("first_time", 8),
	U32("first_corrosion", 16),
	U16("first_temperature", 20),
	U16("first_rate", 22),
	U8("status", 24),
	U8("user_data", 25),
	U16("reading_count", 26),
	{ ROW("readings", 28, 0, RECORDS), .of = DLPAR_RTAS_READING,
	  COUNT(26, 2, READING_LEN) },
};

static const struct dlpar_rtas_field reading[] = {
	U32("corrosion", 0),
	U16("temperature", 4),
	U16("rate", 6),
};

static const struct dlpar_rtas_field mi[] = {
	SECTION_HEADER,
	U32("flags", 8),
};

/* Version 1 names the file, from 2 on it has a number. */
static const struct dlpar_rtas_field sw[] = {
	SECTION_HEADER,
	U32("return_code", 8),
	{ ROW("line", 12, 4, UINT), EQUAL(SEC_VERSION, 0xff00, 0x0100) },
	{ ROW("file_id", 12, 2, UINT),
	  WHEN(AT_LEAST, SEC_VERSION, 2, 0xff00, 0x0200) },
	{ ROW("location_id", 14, 2, UINT),
	  WHEN(AT_LEAST, SEC_VERSION, 2, 0xff00, 0x0200) },
	U32("object_id", 16),
	{ ROW("file_name_length", 20, 1, UINT),
	  EQUAL(SEC_VERSION, 0xff00, 0x0100) },
	{ ROW("file_name", 21, 0, TEXT), COUNT(20, 1, 1),
	  EQUAL(SEC_VERSION, 0xff00, 0x0100) },
};

static const struct dlpar_rtas_field ch[] = {
	SECTION_HEADER,
	TEXT("comment", 8, 0),
};

static const struct dlpar_rtas_field hm[] = {
	SECTION_HEADER,
	TEXT("model", 8, 8),
	TEXT("serial", 16, 12),
};

/* UD, and every section that has no table of its own. */
static const struct dlpar_rtas_field opaque[] = {
	SECTION_HEADER,
	REST("data", SEC_DATA),
};

#endif /* RTAS_ROWS_V6_H */
