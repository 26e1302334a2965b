// SPDX-License-Identifier: Apache-2.0
/*
 * rtas_layout.c - every part of an RTAS event, every field, as tables.
 *
 * LoPAR 7.3.3 and, for the hotplug section, Linux asm/rtas-types.h. With its
 * header, the only place that knows offsets; a new section is a new table and
 * a row in layouts[]. Never holds code that looks at an event.
 */
#include "rtas_layout.h"

#define UINT(n, o, l) \
	{ .name = n, .off = o, .len = l, .type = DLPAR_RTAS_UINT }
#define U8(n, o) UINT(n, o, 1)
#define U16(n, o) UINT(n, o, 2)
#define U32(n, o) UINT(n, o, 4)
#define U64(n, o) UINT(n, o, 8)
#define BITS(n, o, m, s) \
	{ .name = n, .off = o, .len = 1, .type = DLPAR_RTAS_UINT, \
	  .mask = m, .shift = s }
#define BYTES(n, o, l) \
	{ .name = n, .off = o, .len = l, .type = DLPAR_RTAS_BYTES }
#define REST(n, o) BYTES(n, o, 0)
#define TEXT(n, o, l) \
	{ .name = n, .off = o, .len = l, .type = DLPAR_RTAS_TEXT }
#define DATE(n, o) \
	{ .name = n, .off = o, .len = 4, .type = DLPAR_RTAS_DATE }
#define TIME(n, o) \
	{ .name = n, .off = o, .len = 4, .type = DLPAR_RTAS_TIME }

#define EQUAL(o, m, v) \
	.when = DLPAR_RTAS_WHEN_EQUAL, .when_off = o, .when_mask = m, \
	.when_value = v

#define SECTION_HEADER \
	TEXT("id", SEC_ID, 2), \
	U16("length", SEC_LENGTH), \
	U8("version", SEC_VERSION), \
	U8("subtype", SEC_SUBTYPE), \
	U16("creator_component", SEC_CREATOR)

static const struct dlpar_rtas_field hdr[] = {
	U8("version", HDR_VERSION),
	BITS("severity", HDR_FLAGS, 0xe0, 5),
	BITS("disposition", HDR_FLAGS, 0x18, 3),
	BITS("extended", HDR_FLAGS, 0x04, 2),
	BITS("initiator", HDR_PARTIES, 0xf0, 4),
	BITS("target", HDR_PARTIES, 0x0f, 0),
	U8("type", HDR_TYPE),
	{ .name = "ext_length", .off = HDR_LENGTH, .len = 4,
	  .type = DLPAR_RTAS_UINT, EQUAL(HDR_VERSION, 0x0004, 0x0004) },
	{ .name = "scope", .off = HDR_LENGTH, .len = 4,
	  .type = DLPAR_RTAS_UINT,
	  EQUAL(HDR_PARTIES, 0x00ff, DLPAR_EVENT_PRRN) },
};

static const struct dlpar_rtas_field exthdr[] = {
	BITS("valid", EXT_FLAGS, 0x80, 7),
	BITS("unrecoverable", EXT_FLAGS, 0x40, 6),
	BITS("recoverable", EXT_FLAGS, 0x20, 5),
	BITS("bypassed", EXT_FLAGS, 0x10, 4),
	BITS("predictive", EXT_FLAGS, 0x08, 3),
	BITS("new", EXT_FLAGS, 0x04, 2),
	BITS("big_endian", EXT_FLAGS, 0x02, 1),
	BITS("platform_specific", EXT_PLATFORM, 0x80, 7),
	BITS("platform_value", EXT_PLATFORM, 0x0f, 0),
	BITS("powerpc", EXT_FORMAT, 0x80, 7),
	BITS("address_invalid", EXT_FORMAT, 0x10, 4),
	BITS("format", EXT_FORMAT, 0x0f, 0),
	BITS("non_hardware", EXT_CAUSE, 0x80, 7),
	BITS("hot_pluggable", EXT_CAUSE, 0x40, 6),
	BITS("group_failure", EXT_CAUSE, 0x20, 5),
	BITS("residual", EXT_CAUSE, 0x08, 3),
	BITS("boot", EXT_CAUSE, 0x04, 2),
	BITS("config_changed", EXT_CAUSE, 0x02, 1),
	BITS("post", EXT_CAUSE, 0x01, 0),
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
	{ .name = "drc_name", .off = HP_IDENTIFIER, .type = DLPAR_RTAS_STRING,
	  EQUAL(HP_ID_TYPE, 0xff80, 0x0100) },
	{ .name = "drc_name", .off = HP_IDENTIFIER, .type = DLPAR_RTAS_STRING,
	  .tail = HP_TOKEN_LEN, EQUAL(HP_ID_TYPE, 0xff80, 0x0180) },
	{ .name = "drc_index", .off = HP_IDENTIFIER, .len = 4,
	  .type = DLPAR_RTAS_UINT, EQUAL(HP_ID_TYPE, 0xff00, 0x0200) },
	{ .name = "count", .off = HP_IDENTIFIER, .len = 4,
	  .type = DLPAR_RTAS_UINT, EQUAL(HP_ID_TYPE, 0xff00, 0x0300) },
	{ .name = "count", .off = HP_IC_COUNT, .len = 4,
	  .type = DLPAR_RTAS_UINT, EQUAL(HP_ID_TYPE, 0xff00, 0x0400) },
	{ .name = "drc_index", .off = HP_IC_INDEX, .len = 4,
	  .type = DLPAR_RTAS_UINT, EQUAL(HP_ID_TYPE, 0xff00, 0x0400) },
	{ .name = "token", .off = HP_TOKEN_LEN, .len = 4, .from_end = 1,
	  .type = DLPAR_RTAS_UINT, EQUAL(HP_ID_TYPE, 0x0080, 0x0080) },
};

static const struct dlpar_rtas_field ep[] = {
	SECTION_HEADER,
	BITS("sensor_value", EP_SENSOR, 0xf0, 4),
	BITS("action", EP_SENSOR, 0x0f, 0),
	BITS("modifier", EP_MODIFIER, 0x0f, 0),
	{ .name = "extended_modifier", .off = EP_EXTENDED, .len = 1,
	  .type = DLPAR_RTAS_UINT, .when = DLPAR_RTAS_WHEN_AT_LEAST,
	  .when_off = SEC_VERSION, .when_mask = 0xff00,
	  .when_value = 0x0200 },
	BYTES("reason_code", EP_REASON, 8),
};

static const struct dlpar_rtas_field mt[] = {
	SECTION_HEADER,
	TEXT("model", MT_MODEL, 8),
	TEXT("serial", MT_SERIAL, 12),
};

/* The two words are a CPU, a DRC index or an address: see the resource. */
static const struct dlpar_rtas_field lr[] = {
	SECTION_HEADER,
	U8("resource", LR_RESOURCE),
	U16("capacity", LR_CAPACITY),
	U32("identifier", LR_HIGH),
	U32("address_low", LR_LOW),
};

static const struct dlpar_rtas_field mc[] = {
	SECTION_HEADER,
	U32("fru_id", MC_FRU),
	U32("processor", MC_PROCESSOR),
	U8("error_type", MC_TYPE),
	U8("error_detail", MC_DETAIL),
	U64("effective_address", MC_EFFECTIVE),
	U64("logical_address", MC_LOGICAL),
};

/* The data's length byte is 0 for kinds that have data nevertheless. */
static const struct dlpar_rtas_field ie[] = {
	SECTION_HEADER,
	U8("event_type", IE_TYPE),
	U8("rpc_length", IE_RPC_LENGTH),
	U8("scope", IE_SCOPE),
	U8("event_subtype", IE_SUBTYPE),
	U32("drc_index", IE_INDEX),
	REST("data", IE_DATA),
};

static const struct dlpar_rtas_field dh[] = {
	SECTION_HEADER,
	U32("dump_id", DH_ID),
	BITS("sent_to_hmc", DH_FLAGS, 0x80, 7),
	BITS("name_is_hex", DH_FLAGS, 0x40, 6),
	BITS("size_valid", DH_FLAGS, 0x20, 5),
	U8("name_length", DH_NAME_LENGTH),
	U64("size", DH_SIZE),
	REST("name", DH_NAME),
};

static const struct dlpar_rtas_field unknown[] = {
	SECTION_HEADER,
	REST("data", SEC_DATA),
};

static const struct dlpar_rtas_field v5_body[] = {
	REST("data", 0),
};

static const struct dlpar_rtas_field v5_vendor[] = {
	BYTES("vendor", 0, 4),
	REST("data", 4),
};

#define LAYOUT(i, n, rows, l) \
	{ .id = i, .name = n, .fields = rows, \
	  .n_fields = sizeof(rows) / sizeof((rows)[0]), .min_len = l }

/* Looked up in this order: what every event has first, unknown last. */
static const struct dlpar_rtas_layout layouts[] = {
	LAYOUT(DLPAR_RTAS_PH, "PH", ph, PH_LEN),
	LAYOUT(DLPAR_RTAS_UH, "UH", uh, UH_LEN),
	LAYOUT(DLPAR_RTAS_HP, "HP", hp, HP_MIN_LEN),
	LAYOUT(DLPAR_RTAS_EP, "EP", ep, EP_LEN),
	LAYOUT(DLPAR_RTAS_HDR, "hdr", hdr, HDR_SUMMARY_LEN),
	LAYOUT(DLPAR_RTAS_EXTHDR, "exthdr", exthdr, EXT_V5_LEN),
	LAYOUT(DLPAR_RTAS_V5_EPOW, "epow", v5_body, 28),
	LAYOUT(DLPAR_RTAS_V5_IO, "io", v5_body, 28),
	LAYOUT(DLPAR_RTAS_V5_CPU, "cpu", v5_body, 28),
	LAYOUT(DLPAR_RTAS_V5_DIAG, "ibm_diag", v5_body, 4),
	LAYOUT(DLPAR_RTAS_V5_MEM, "mem", v5_body, 28),
	LAYOUT(DLPAR_RTAS_V5_POST, "post", v5_body, 28),
	LAYOUT(DLPAR_RTAS_V5_SP, "sp", v5_body, 28),
	LAYOUT(DLPAR_RTAS_V5_VENDOR, "vendor", v5_vendor, 4),
	LAYOUT(DLPAR_RTAS_MT, "MT", mt, MT_LEN),
	LAYOUT(DLPAR_RTAS_LR, "LR", lr, LR_LEN),
	LAYOUT(DLPAR_RTAS_MC, "MC", mc, MC_LEN),
	LAYOUT(DLPAR_RTAS_IE, "IE", ie, IE_DATA),
	LAYOUT(DLPAR_RTAS_DH, "DH", dh, DH_NAME),
	LAYOUT(0, "unknown", unknown, SEC_DATA),
};

#define N_LAYOUTS (sizeof(layouts) / sizeof(layouts[0]))

static const uint16_t v5_formats[16] = {
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

const struct dlpar_rtas_layout *rtas_layout_find(uint16_t id)
{
	size_t i;

	for (i = 0; i < N_LAYOUTS - 1; i++)
		if (layouts[i].id == id)
			break;
	return &layouts[i];
}

uint16_t rtas_layout_v5_part(unsigned int format)
{
	return v5_formats[format & 0x0f];
}
