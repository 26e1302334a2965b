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
#define SUB_LENGTH .len_off = 2, .len_len = 1

/*
 * What two characters name: id, rows, min_len, checked, holds, fixed. Places
 * and index below are made of the same lists.
 */
#define V6_SECTIONS(X) \
	X(PH, ph, PH_LEN, 0, 0, 0) \
	X(UH, uh, UH_LEN, 0, 0, 0) \
	X(HP, hp, HP_MIN_LEN, 0, 0, 0) \
	X(EP, ep, EP_LEN, 0, 0, 0) \
	X(PS, src, SRC_LEN, 1, 1, 13) \
	X(UD, opaque, SEC_DATA, 0, 0, 0) \
	X(SS, src, SRC_LEN, 1, 1, 13) \
	X(EH, eh, EH_LEN, 1, 0, 12) \
	X(MT, mt, MT_LEN, 0, 0, 0) \
	X(LR, lr, LR_LEN, 0, 0, 0) \
	X(LP, lp, LP_LEN, 1, 0, 9) \
	X(IE, ie, IE_LEN, 0, 0, 0) \
	X(DH, dh, DH_LEN, 0, 0, 0) \
	X(MC, mc, MC_LEN, 0, 0, 0) \
	X(ED, ed, ED_LEN, 0, 0, 0) \
	X(EI, ei, EI_LEN, 1, 1, 12) \
	X(MI, mi, MI_LEN, 0, 0, 0) \
	X(SW, sw, SW_LEN, 0, 0, 0) \
	X(CH, ch, SEC_DATA, 0, 0, 0) \
	X(HM, hm, SEC_DATA, 0, 0, 0)

#define SUB_STRUCTURES(X) \
	X(ID, sub_id, SUB_LEN, 0, 0, 3) \
	X(PE, sub_pe, SUB_PE_LEN, 0, 0, 5) \
	X(MR, sub_mr, SUB_MR_LEN, 0, 1, 4)

/* Sections come first; then parts and records, in the order of their ids. */
#define PLACE(i, rows, l, c, h, f) AT_##i,
#define PLACE_SUB(i, rows, l, c, h, f) AT_SUB_##i,
enum {
	V6_SECTIONS(PLACE)
	FIRST_PART,
	FIRST_SUB = FIRST_PART + 10,
	BEFORE_SUBS = FIRST_SUB - 1,
	SUB_STRUCTURES(PLACE_SUB)
	UNKNOWN_SUB,
	FIRST_RECORD,
	UNKNOWN = FIRST_RECORD + 4
};

#define FLAGS(c, h, f) .checked = c, .holds = h, .fixed = f
#define SECTION(i, rows, l, c, h, f) \
	{ ROWS(i, #i, rows, l), FLAGS(c, h, f) },
#define SUB(i, rows, l, c, h, f) \
	{ ROWS(SUB_##i, #i, rows, l), SUB_LENGTH, FLAGS(c, h, f) },

static const struct dlpar_rtas_layout layouts[] = {
	V6_SECTIONS(SECTION)
	[FIRST_PART] =
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
	SUB_STRUCTURES(SUB)
	{ ROWS(SUB, "substructure", sub_unknown, SUB_LEN), SUB_LENGTH,
	  .keyed = 1, .fixed = 3 },
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

/*
 * Where the table of two characters is, by the low five bits of both: letters
 * all differ in these. Two ids of one place do not compile (-Woverride-init).
 */
#define LETTERS 1024
#define LETTERS_OF(id) (((id) >> 3 & 0x3e0) | ((id) & 0x1f))
#define INDEX(i, rows, l, c, h, f) \
	[LETTERS_OF(DLPAR_RTAS_##i)] = AT_##i + 1,
#define INDEX_SUB(i, rows, l, c, h, f) \
	[LETTERS_OF(DLPAR_RTAS_SUB_##i)] = AT_SUB_##i + 1,

static const uint8_t sections_at[LETTERS] = { V6_SECTIONS(INDEX) };
static const uint8_t subs_at[LETTERS] = { SUB_STRUCTURES(INDEX_SUB) };

/* The table that @at has for @id, else the one at @other. */
static const struct dlpar_rtas_layout *by_letters(const uint8_t *at,
						  uint32_t id, size_t other)
{
	size_t i = at[LETTERS_OF(id)];

	return i && layouts[i - 1].id == id ? &layouts[i - 1] :
					      &layouts[other];
}

/* The table of @id, those from @first up to @end having consecutive ids. */
static const struct dlpar_rtas_layout *by_number(size_t first, size_t end,
						 uint32_t id)
{
	uint32_t nth = id - layouts[first].id;

	return &layouts[nth < end - first ? first + nth : UNKNOWN];
}

const struct dlpar_rtas_layout *rtas_layout_find(uint32_t id)
{
	switch (id >> 16) {
	case 0:
		return by_letters(sections_at, id, UNKNOWN);
	case DLPAR_RTAS_SUB >> 16:
		return by_letters(subs_at, id, UNKNOWN_SUB);
	case DLPAR_RTAS_HDR >> 16:
		return by_number(FIRST_PART, FIRST_SUB, id);
	case DLPAR_RTAS_CALLOUT >> 16:
		return by_number(FIRST_RECORD, UNKNOWN, id);
	default:
		return &layouts[UNKNOWN];
	}
}

uint32_t rtas_layout_v5_part(unsigned int format)
{
	return v5_formats[format & 0x0f];
}
