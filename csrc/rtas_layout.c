// SPDX-License-Identifier: Apache-2.0
/*
 * rtas_layout.c - every part of an RTAS event, every field, as tables.
 *
 * LoPAR 7.3.3 and, for the hotplug section, Linux asm/rtas-types.h. With its
 * headers, the only place that knows offsets; a new section is a new table
 * and a row in layouts[]. Never holds code that looks at an event.
 */
#include "rtas_rows_v5.h"
#include "rtas_rows_v6.h"

static const struct dlpar_rtas_field hdr[] = {
	U8("version", HDR_VERSION),
	BITS("severity", HDR_FLAGS, 0xe0, 5),
	BITS("disposition", HDR_FLAGS, 0x18, 3),
	BIT("extended", HDR_FLAGS, 2),
	BITS("initiator", HDR_PARTIES, 0xf0, 4),
	BITS("target", HDR_PARTIES, 0x0f, 0),
	U8("type", HDR_TYPE),
	{ ROW("ext_length", HDR_LENGTH, 4, UINT),
	  EQUAL(HDR_VERSION, 0x0004, 0x0004) },
	{ ROW("scope", HDR_LENGTH, 4, UINT),
	  EQUAL(HDR_PARTIES, 0x00ff, DLPAR_EVENT_PRRN) },
};

static const struct dlpar_rtas_field exthdr[] = {
	BIT("valid", EXT_FLAGS, 7),
	BIT("unrecoverable", EXT_FLAGS, 6),
	BIT("recoverable", EXT_FLAGS, 5),
	BIT("bypassed", EXT_FLAGS, 4),
	BIT("predictive", EXT_FLAGS, 3),
	BIT("new", EXT_FLAGS, 2),
	BIT("big_endian", EXT_FLAGS, 1),
	BIT("platform_specific", EXT_PLATFORM, 7),
	BITS("platform_value", EXT_PLATFORM, 0x0f, 0),
	BIT("powerpc", EXT_FORMAT, 7),
	BIT("address_invalid", EXT_FORMAT, 4),
	BITS("format", EXT_FORMAT, 0x0f, 0),
	BIT("non_hardware", EXT_CAUSE, 7),
	BIT("hot_pluggable", EXT_CAUSE, 6),
	BIT("group_failure", EXT_CAUSE, 5),
	BIT("residual", EXT_CAUSE, 3),
	BIT("boot", EXT_CAUSE, 2),
	BIT("config_changed", EXT_CAUSE, 1),
	BIT("post", EXT_CAUSE, 0),
	TIME("time", EXT_TIME),
	DATE("date", EXT_DATE),
	TEXT("company", EXT_COMPANY, 4),
};

static const struct dlpar_rtas_field ph[] = {
	SECTION_HEADER,
	DATE("date", PH_DATE),
	TIME("time", PH_TIME),
	BYTES("platform_data", PH_PLATFORM, 8),
	TEXT("creator", PH_CREATOR, 1),
	U8("section_count", PH_SECTIONS),
	BYTES("creator_subsystem", PH_SUBSYSTEM, 8),
	{ ROW("creator_subsystem_name", PH_SUBSYSTEM, 8, TEXT),
	  EQUAL(PH_CREATOR, 0xff00, 'E' << 8) },
	U32("plid", PH_PLID),
	U32("entry_id", PH_ENTRY),
};

static const struct dlpar_rtas_field uh[] = {
	SECTION_HEADER,
	U8("subsystem", UH_SUBSYSTEM),
	U8("event_scope", UH_SCOPE),
	U8("event_severity", UH_SEVERITY),
	U8("event_type", UH_TYPE),
	BYTES("platform_data", UH_PLATFORM, 4),
	U16("action_flags", UH_ACTION),
	BIT("service_action", UH_ACTION, 7),
	BIT("hidden", UH_ACTION, 6),
	BIT("report_externally", UH_ACTION, 5),
	BIT("hmc_only", UH_ACTION, 4),
	BIT("call_home", UH_ACTION, 3),
	BIT("isolation_incomplete", UH_ACTION, 2),
};

/* Identifier kind and capabilities, as one word, say which are there. */
static const struct dlpar_rtas_field hp[] = {
	SECTION_HEADER,
	U8("resource", HP_RESOURCE),
	U8("action", HP_ACTION),
	U8("id_type", HP_ID_TYPE),
	U8("capabilities", HP_CAPABILITIES),
	BITS("non_transactional", HP_CAPABILITIES,
	     DLPAR_HP_NON_TRANSACTIONAL, 6),
	{ ROW("drc_name", HP_IDENTIFIER, 0, STRING),
	  EQUAL(HP_ID_TYPE, 0xff80, 0x0100) },
	{ ROW("drc_name", HP_IDENTIFIER, 0, STRING),
	  .tail = HP_TOKEN_LEN, EQUAL(HP_ID_TYPE, 0xff80, 0x0180) },
	{ ROW("drc_index", HP_IDENTIFIER, 4, UINT),
	  EQUAL(HP_ID_TYPE, 0xff00, 0x0200) },
	{ ROW("count", HP_IDENTIFIER, 4, UINT),
	  EQUAL(HP_ID_TYPE, 0xff00, 0x0300) },
	{ ROW("count", HP_IC_COUNT, 4, UINT),
	  EQUAL(HP_ID_TYPE, 0xff00, 0x0400) },
	{ ROW("drc_index", HP_IC_INDEX, 4, UINT),
	  EQUAL(HP_ID_TYPE, 0xff00, 0x0400) },
	{ ROW("token", HP_TOKEN_LEN, 4, UINT), .from = DLPAR_RTAS_FROM_END,
	  EQUAL(HP_ID_TYPE, 0x0080, 0x0080) },
};

static const struct dlpar_rtas_field ep[] = {
	SECTION_HEADER,
	BITS("sensor_value", EP_SENSOR, 0xf0, 4),
	BITS("action", EP_SENSOR, 0x0f, 0),
	BITS("modifier", EP_MODIFIER, 0x0f, 0),
	{ ROW("extended_modifier", EP_EXTENDED, 1, UINT),
	  WHEN(AT_LEAST, SEC_VERSION, 2, 0xff00, 0x0200) },
	BYTES("reason_code", EP_REASON, 8),
};

#define ROWS(i, n, rows, l) \
	.id = DLPAR_RTAS_##i, .name = n, .fields = rows, \
	.n_fields = sizeof(rows) / sizeof((rows)[0]), .min_len = l
#define LAYOUT(i, n, rows, l) { ROWS(i, n, rows, l) }
#define CHECKED(i, n, rows, l, f) \
	{ ROWS(i, n, rows, l), .checked = 1, .fixed = f }
#define HOLDER(i, n, rows, l, f) \
	{ ROWS(i, n, rows, l), .checked = 1, .holds = 1, .fixed = f }
#define SUB(i, n, rows, l, f) \
	{ ROWS(i, n, rows, l), .len_off = 2, .len_len = 1, .fixed = f }

/* What every event has comes first; then sections before version 6, ... */
enum { FIRST_V5 = 20, FIRST_SUB = 30, FIRST_RECORD = 34, UNKNOWN = 38 };

static const struct dlpar_rtas_layout layouts[] = {
	LAYOUT(PH, "PH", ph, PH_LEN),
	LAYOUT(UH, "UH", uh, UH_LEN),
	LAYOUT(HP, "HP", hp, HP_MIN_LEN),
	LAYOUT(EP, "EP", ep, EP_LEN),
	HOLDER(PS, "PS", src, SRC_LEN, 13),
	LAYOUT(UD, "UD", opaque, SEC_DATA),
	HOLDER(SS, "SS", src, SRC_LEN, 13),
	CHECKED(EH, "EH", eh, EH_LEN, 12),
	LAYOUT(MT, "MT", mt, MT_LEN),
	LAYOUT(LR, "LR", lr, LR_LEN),
	CHECKED(LP, "LP", lp, LP_LEN, 9),
	LAYOUT(IE, "IE", ie, IE_LEN),
	LAYOUT(DH, "DH", dh, DH_LEN),
	LAYOUT(MC, "MC", mc, MC_LEN),
	LAYOUT(ED, "ED", ed, ED_LEN),
	HOLDER(EI, "EI", ei, EI_LEN, 12),
	LAYOUT(MI, "MI", mi, MI_LEN),
	LAYOUT(SW, "SW", sw, SW_LEN),
	LAYOUT(CH, "CH", ch, SEC_DATA),
	LAYOUT(HM, "HM", hm, SEC_DATA),
	[FIRST_V5] =
	LAYOUT(HDR, "hdr", hdr, HDR_SUMMARY_LEN),
	LAYOUT(EXTHDR, "exthdr", exthdr, EXT_V5_LEN),
	LAYOUT(V5_EPOW, "epow", v5_epow, V5_BODY_LEN),
	LAYOUT(V5_IO, "io", v5_io, V5_BODY_LEN),
	LAYOUT(V5_CPU, "cpu", v5_cpu, V5_BODY_LEN),
	LAYOUT(V5_DIAG, "ibm_diag", v5_diag, V5_DIAG_LEN),
	LAYOUT(V5_MEM, "mem", v5_mem, V5_BODY_LEN),
	LAYOUT(V5_POST, "post", v5_post, V5_BODY_LEN),
	LAYOUT(V5_SP, "sp", v5_sp, V5_BODY_LEN),
	{ ROWS(V5_VENDOR, "vendor", v5_vendor, V5_VENDOR_LEN), .holds = 1 },
	[FIRST_SUB] =
	SUB(SUB_ID, "ID", sub_id, SUB_LEN, 3),
	SUB(SUB_PE, "PE", sub_pe, SUB_PE_LEN, 5),
	{ ROWS(SUB_MR, "MR", sub_mr, SUB_MR_LEN), .len_off = 2, .len_len = 1,
	  .holds = 1, .fixed = 4 },
	{ ROWS(SUB, "substructure", sub_unknown, SUB_LEN),
	  .len_off = 2, .len_len = 1, .keyed = 1, .fixed = 3 },
	[FIRST_RECORD] =
	{ ROWS(CALLOUT, "callout", callout, CALLOUT_LEN),
	  .len_off = 0, .len_len = 1, .holds = 1, .fixed = 6 },
	{ ROWS(UNIT, "unit", unit, UNIT_LEN), .fixed = 2 },
	{ ROWS(READING, "reading", reading, READING_LEN), .fixed = 3 },
	{ ROWS(REGISTER, "register", vendor_register, REGISTER_LEN),
	  .len_off = 0, .len_len = 2, .end_len = 2, .fixed = 2 },
	[UNKNOWN] =
	{ .name = "unknown", .fields = opaque, .min_len = SEC_DATA,
	  .n_fields = sizeof(opaque) / sizeof(opaque[0]) },
};

#define N_LAYOUTS (sizeof(layouts) / sizeof(layouts[0]))

static const uint32_t v5_formats[16] = {
	[1] = DLPAR_RTAS_V5_CPU,
	[2] = DLPAR_RTAS_V5_MEM,
	[3] = DLPAR_RTAS_V5_IO,
	[4] = DLPAR_RTAS_V5_POST,
	[5] = DLPAR_RTAS_V5_EPOW,
	[12] = DLPAR_RTAS_V5_DIAG,
	[13] = DLPAR_RTAS_V5_SP,
	[14] = DLPAR_RTAS_V5_VENDOR,
	[15] = DLPAR_RTAS_V5_VENDOR,
};

int dlpar_rtas_layouts(const struct dlpar_rtas_layout **out)
{
	*out = layouts;
	return (int)N_LAYOUTS;
}

/* Where the tables of ids with equal upper 16 bits are, and of unknown ones. */
static const struct {
	uint8_t first;
	uint8_t end;
	uint8_t other;
} rooms[] = {
	{ 0, FIRST_V5, UNKNOWN },
	{ FIRST_V5, FIRST_SUB, UNKNOWN },
	{ FIRST_SUB, FIRST_RECORD, FIRST_RECORD - 1 },
	{ FIRST_RECORD, UNKNOWN, UNKNOWN },
};

const struct dlpar_rtas_layout *rtas_layout_find(uint32_t id)
{
	size_t room = id >> 16;
	size_t i;

	if (room >= sizeof(rooms) / sizeof(rooms[0]))
		return &layouts[UNKNOWN];
	for (i = rooms[room].first; i < rooms[room].end; i++)
		if (layouts[i].id == id)
			return &layouts[i];
	return &layouts[rooms[room].other];
}

uint32_t rtas_layout_v5_part(unsigned int format)
{
	return v5_formats[format & 0x0f];
}
