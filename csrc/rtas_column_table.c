// SPDX-License-Identifier: Apache-2.0
/*
 * rtas_column_table.c - the columns of a batch, and their words.
 *
 * Each column is written down once, here; Python's attributes, the Arrow
 * schema and the documentation are made of this table. Words are the names of
 * the enums in dlpar.h, lower case. Data only; must never depend on input.
 */
#include "dlpar.h"

#define WORDS(w) .words = w, .n_words = sizeof(w) / sizeof((w)[0])

/* As many as the field can hold, so that every number is within. */
static const char *const types[256] = {
	[DLPAR_EVENT_OTHER] = "other",
	[DLPAR_EVENT_RETRY] = "retry",
	[DLPAR_EVENT_TCE] = "tce",
	[DLPAR_EVENT_INTERNAL_DEVICE] = "internal_device",
	[DLPAR_EVENT_TIMEOUT] = "timeout",
	[DLPAR_EVENT_DATA_PARITY] = "data_parity",
	[DLPAR_EVENT_ADDRESS_PARITY] = "address_parity",
	[DLPAR_EVENT_CACHE_PARITY] = "cache_parity",
	[DLPAR_EVENT_ADDRESS_INVALID] = "address_invalid",
	[DLPAR_EVENT_ECC_UNCORRECTED] = "ecc_uncorrected",
	[DLPAR_EVENT_ECC_CORRECTED] = "ecc_corrected",
	[DLPAR_EVENT_EPOW] = "epow",
	[DLPAR_EVENT_PRRN] = "prrn",
	[DLPAR_EVENT_PLATFORM_ERROR] = "platform_error",
	[DLPAR_EVENT_IO] = "io",
	[DLPAR_EVENT_PLATFORM_INFO] = "platform_info",
	[DLPAR_EVENT_DEALLOCATION] = "deallocation",
	[DLPAR_EVENT_DUMP] = "dump",
	[DLPAR_EVENT_HOTPLUG] = "hotplug"
};

static const char *const severities[8] = {
	[DLPAR_SEVERITY_NO_ERROR] = "no_error",
	[DLPAR_SEVERITY_EVENT] = "event",
	[DLPAR_SEVERITY_WARNING] = "warning",
	[DLPAR_SEVERITY_ERROR_SYNC] = "error_sync",
	[DLPAR_SEVERITY_ERROR] = "error",
	[DLPAR_SEVERITY_FATAL] = "fatal",
	[DLPAR_SEVERITY_ALREADY_REPORTED] = "already_reported"
};

static const char *const dispositions[4] = {
	[DLPAR_DISPOSITION_FULLY_RECOVERED] = "fully_recovered",
	[DLPAR_DISPOSITION_LIMITED_RECOVERY] = "limited_recovery",
	[DLPAR_DISPOSITION_NOT_RECOVERED] = "not_recovered"
};

static const char *const parties[16] = {
	[DLPAR_PARTY_UNKNOWN] = "unknown",
	[DLPAR_PARTY_CPU] = "cpu",
	[DLPAR_PARTY_PCI] = "pci",
	[DLPAR_PARTY_ISA] = "isa",
	[DLPAR_PARTY_MEMORY] = "memory",
	[DLPAR_PARTY_POWER_MANAGEMENT] = "power_management",
	[DLPAR_PARTY_HOTPLUG] = "hotplug"
};

static const char *const resources[256] = {
	[DLPAR_RESOURCE_CPU] = "cpu",
	[DLPAR_RESOURCE_MEMORY] = "memory",
	[DLPAR_RESOURCE_SLOT] = "slot",
	[DLPAR_RESOURCE_PHB] = "phb",
	[DLPAR_RESOURCE_PCI] = "pci",
	[DLPAR_RESOURCE_PMEM] = "pmem",
	[DLPAR_RESOURCE_DT] = "dt"
};

static const char *const actions[256] = {
	[DLPAR_ACTION_ADD] = "add",
	[DLPAR_ACTION_REMOVE] = "remove"
};

static const char *const id_types[256] = {
	[DLPAR_ID_DRC_NAME] = "drc_name",
	[DLPAR_ID_DRC_INDEX] = "drc_index",
	[DLPAR_ID_DRC_COUNT] = "drc_count",
	[DLPAR_ID_INDEXED_COUNT] = "indexed_count"
};

static const char *const epow_actions[16] = {
	[DLPAR_EPOW_RESET] = "reset",
	[DLPAR_EPOW_WARN_COOLING] = "warn_cooling",
	[DLPAR_EPOW_WARN_POWER] = "warn_power",
	[DLPAR_EPOW_SYSTEM_SHUTDOWN] = "system_shutdown",
	[DLPAR_EPOW_SYSTEM_HALT] = "system_halt",
	[DLPAR_EPOW_MAIN_ENCLOSURE] = "main_enclosure",
	[DLPAR_EPOW_POWER_OFF] = "power_off"
};

static const char *const epow_modifiers[16] = {
	[DLPAR_EPOW_NOT_APPLICABLE] = "not_applicable",
	[DLPAR_EPOW_NORMAL_SHUTDOWN] = "normal_shutdown",
	[DLPAR_EPOW_UTILITY_POWER_LOST] = "utility_power_lost",
	[DLPAR_EPOW_CRITICAL_FUNCTIONS_LOST] = "critical_functions_lost",
	[DLPAR_EPOW_AMBIENT_TEMPERATURE] = "ambient_temperature"
};

/* Of a text: those of enum dlpar_text_reason. */
static const char *const faults[256] = {
	[DLPAR_TEXT_GOOD] = "none",
	[DLPAR_TEXT_LOST] = "lost",
	[DLPAR_TEXT_ORDER] = "order",
	[DLPAR_TEXT_REPEATED] = "repeated",
	[DLPAR_TEXT_SHORT] = "short",
	[DLPAR_TEXT_LONG] = "long",
	[DLPAR_TEXT_DIGITS] = "digits",
	[DLPAR_TEXT_ROW] = "row",
	[DLPAR_TEXT_MARKER] = "marker",
	[DLPAR_TEXT_MIXED] = "mixed",
	[DLPAR_TEXT_EMPTY] = "empty",
	[DLPAR_TEXT_TOOBIG] = "toobig",
	[DLPAR_TEXT_NOEVENT] = "noevent"
};

#define COLUMN(n, v, w, k) \
	.name = #n, .view = v, .width = w, .kind = DLPAR_RTAS_COLUMN_##k, \
	.slot = offsetof(struct dlpar_rtas_columns, n)
#define SHOWN(n, v, w, k, f) COLUMN(n, v, w, k), .arrow_name = #n, .format = f
#define NUMBER(n, v, w, f) SHOWN(n, v, w, NUMBER, f)
#define U8(n) NUMBER(n, "B", 1, "C")
#define U16(n) NUMBER(n, "H", 2, "S")
#define U32(n) NUMBER(n, "I", 4, "I")
#define U64(n) NUMBER(n, "Q", 8, "L")
#define WORD(n, w) SHOWN(n, "B", 1, WORD, "C"), WORDS(w)
#define INNER(n, v, w) COLUMN(n, v, w, INNER)
#define NEEDS(what) .needs = DLPAR_RTAS_##what

static const struct dlpar_rtas_column columns[] = {
	{ U64(offset) },
	{ U32(length) },
	{ SHOWN(source, "I", 4, SOURCE, "i"), NEEDS(ROW_SOURCE) },
	{ U64(place) },
	{ U64(line), NEEDS(ROW_LINE) },
	{ U32(has) },
	{ NUMBER(damage, "i", 4, "i"), NEEDS(ROW_DAMAGED) },
	{ U64(damage_offset), NEEDS(ROW_DAMAGED) },
	{ WORD(fault, faults), NEEDS(ROW_LINE) },
	{ U8(version), NEEDS(ROW_HEADER) },
	{ WORD(type, types), NEEDS(ROW_HEADER) },
	{ WORD(severity, severities), NEEDS(ROW_HEADER) },
	{ WORD(disposition, dispositions), NEEDS(ROW_HEADER) },
	{ WORD(initiator, parties), NEEDS(ROW_HEADER) },
	{ WORD(target, parties), NEEDS(ROW_HEADER) },
	{ NUMBER(timestamp, "q", 8, "tsm:"), NEEDS(ROW_TIMESTAMP) },
	{ INNER(date, "I", 4) },
	{ INNER(time, "I", 4) },
	{ SHOWN(creator, "B", 1, LETTER, "C"), NEEDS(HAS_PH) },
	{ U32(plid), NEEDS(HAS_PH) },
	{ U32(entry_id), NEEDS(HAS_PH) },
	{ U8(subsystem), NEEDS(HAS_UH) },
	{ U8(event_severity), NEEDS(HAS_UH) },
	{ U8(event_type), NEEDS(HAS_UH) },
	{ U16(action_flags), NEEDS(HAS_UH) },
	{ SHOWN(reference_code, "B", DLPAR_RTAS_CODE_LEN, CODE, "u"),
	  NEEDS(ROW_PS) },
	{ INNER(location_offset, "I", 4) },
	{ COLUMN(location_length, "B", 1, PLACE), .arrow_name = "location_code",
	  .format = "u", NEEDS(ROW_LOCATION) },
	{ WORD(resource, resources), NEEDS(HAS_HP) },
	{ WORD(action, actions), NEEDS(HAS_HP) },
	{ WORD(id_type, id_types), NEEDS(HAS_HP) },
	{ U8(capabilities), NEEDS(HAS_HP) },
	{ U32(drc_index), NEEDS(ROW_INDEX) },
	{ U32(count), NEEDS(ROW_COUNT) },
	{ U32(token), NEEDS(ROW_TOKEN) },
	{ WORD(epow_action, epow_actions), NEEDS(HAS_EP) },
	{ WORD(epow_modifier, epow_modifiers), NEEDS(HAS_EP) },
};

int dlpar_rtas_column_table(const struct dlpar_rtas_column **out)
{
	*out = columns;
	return sizeof(columns) / sizeof(columns[0]);
}
