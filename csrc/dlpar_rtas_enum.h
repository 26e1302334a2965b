/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dlpar_rtas_enum.h - numbers and limits of RTAS event logs.
 *
 * Part of the public header dlpar.h: include that one.
 */
#ifndef DLPAR_RTAS_ENUM_H
#define DLPAR_RTAS_ENUM_H

/* cffi: begin */
/* Longest log an OS takes: the upper clamp of rtas-error-log-max. */
#define DLPAR_RTAS_EVENT_MAX 2048

/* Longest DRC name that fits an event with a token (LoPAR, HP section). */
#define DLPAR_RTAS_NAME_MAX 1935

enum dlpar_event_severity {
	DLPAR_SEVERITY_NO_ERROR = 0,
	DLPAR_SEVERITY_EVENT = 1,
	DLPAR_SEVERITY_WARNING = 2,
	DLPAR_SEVERITY_ERROR_SYNC = 3,
	DLPAR_SEVERITY_ERROR = 4,
	DLPAR_SEVERITY_FATAL = 5,
	DLPAR_SEVERITY_ALREADY_REPORTED = 6
};

enum dlpar_event_disposition {
	DLPAR_DISPOSITION_FULLY_RECOVERED = 0,
	DLPAR_DISPOSITION_LIMITED_RECOVERY = 1,
	DLPAR_DISPOSITION_NOT_RECOVERED = 2
};

/* Who raised the event, and the device at its other end. */
enum dlpar_event_party {
	DLPAR_PARTY_UNKNOWN = 0,
	DLPAR_PARTY_CPU = 1,
	DLPAR_PARTY_PCI = 2,
	DLPAR_PARTY_ISA = 3,
	DLPAR_PARTY_MEMORY = 4,
	DLPAR_PARTY_POWER_MANAGEMENT = 5,
	DLPAR_PARTY_HOTPLUG = 6
};

enum dlpar_event_type {
	DLPAR_EVENT_OTHER = 0,
	DLPAR_EVENT_RETRY = 1,
	DLPAR_EVENT_TCE = 2,
	DLPAR_EVENT_INTERNAL_DEVICE = 3,
	DLPAR_EVENT_TIMEOUT = 4,
	DLPAR_EVENT_DATA_PARITY = 5,
	DLPAR_EVENT_ADDRESS_PARITY = 6,
	DLPAR_EVENT_CACHE_PARITY = 7,
	DLPAR_EVENT_ADDRESS_INVALID = 8,
	DLPAR_EVENT_ECC_UNCORRECTED = 9,
	DLPAR_EVENT_ECC_CORRECTED = 10,
	DLPAR_EVENT_EPOW = 0x40,
	DLPAR_EVENT_PRRN = 0xa0,
	DLPAR_EVENT_PLATFORM_ERROR = 0xe0,
	DLPAR_EVENT_IO = 0xe1,
	DLPAR_EVENT_PLATFORM_INFO = 0xe2,
	DLPAR_EVENT_DEALLOCATION = 0xe3,
	DLPAR_EVENT_DUMP = 0xe4,
	DLPAR_EVENT_HOTPLUG = 0xe5
};

/* What an EPOW section asks for (LoPAR, environmental and power warning). */
enum dlpar_epow_action {
	DLPAR_EPOW_RESET = 0,
	DLPAR_EPOW_WARN_COOLING = 1,
	DLPAR_EPOW_WARN_POWER = 2,
	DLPAR_EPOW_SYSTEM_SHUTDOWN = 3,
	DLPAR_EPOW_SYSTEM_HALT = 4,
	DLPAR_EPOW_MAIN_ENCLOSURE = 5,
	DLPAR_EPOW_POWER_OFF = 7
};

enum dlpar_epow_modifier {
	DLPAR_EPOW_NOT_APPLICABLE = 0,
	DLPAR_EPOW_NORMAL_SHUTDOWN = 1,
	DLPAR_EPOW_UTILITY_POWER_LOST = 2,
	DLPAR_EPOW_CRITICAL_FUNCTIONS_LOST = 3,
	DLPAR_EPOW_AMBIENT_TEMPERATURE = 4
};

/* Capability byte of the hotplug section. */
#define DLPAR_HP_TOKEN 0x80
#define DLPAR_HP_NON_TRANSACTIONAL 0x40

/*
 * Parts of an event. Version 6 sections have their two ASCII characters as
 * number; the other parts have none on the wire and take some beyond 16 bits.
 */
enum dlpar_rtas_part {
	DLPAR_RTAS_HDR = 0x10001,	/* 8 bytes, or a 4-byte summary */
	DLPAR_RTAS_EXTHDR = 0x10002,	/* v6: with the company id */
	DLPAR_RTAS_V5_EPOW = 0x10003,	/* before v6, by format number */
	DLPAR_RTAS_V5_IO = 0x10004,
	DLPAR_RTAS_V5_CPU = 0x10005,
	DLPAR_RTAS_V5_DIAG = 0x10006,
	DLPAR_RTAS_V5_MEM = 0x10007,
	DLPAR_RTAS_V5_POST = 0x10008,
	DLPAR_RTAS_V5_SP = 0x10009,
	DLPAR_RTAS_V5_VENDOR = 0x1000a,
	DLPAR_RTAS_CH = 0x4348,
	DLPAR_RTAS_DH = 0x4448,
	DLPAR_RTAS_ED = 0x4544,
	DLPAR_RTAS_EH = 0x4548,
	DLPAR_RTAS_EI = 0x4549,
	DLPAR_RTAS_EP = 0x4550,
	DLPAR_RTAS_HM = 0x484d,
	DLPAR_RTAS_HP = 0x4850,
	DLPAR_RTAS_IE = 0x4945,
	DLPAR_RTAS_LP = 0x4c50,
	DLPAR_RTAS_LR = 0x4c52,
	DLPAR_RTAS_MC = 0x4d43,
	DLPAR_RTAS_MI = 0x4d49,
	DLPAR_RTAS_MT = 0x4d54,
	DLPAR_RTAS_PH = 0x5048,
	DLPAR_RTAS_PS = 0x5053,
	DLPAR_RTAS_SS = 0x5353,
	DLPAR_RTAS_SW = 0x5357,
	DLPAR_RTAS_UD = 0x5544,
	DLPAR_RTAS_UH = 0x5548
};

/*
 * Records inside of sections. A sub-structure of a call-out has its two ASCII
 * characters, above DLPAR_RTAS_SUB, as number.
 */
enum dlpar_rtas_record_id {
	DLPAR_RTAS_SUB = 0x20000,	/* of unknown characters */
	DLPAR_RTAS_SUB_ID = 0x24944,	/* FRU identity */
	DLPAR_RTAS_SUB_MR = 0x24d52,	/* manufacturing replaceable units */
	DLPAR_RTAS_SUB_PE = 0x25045,	/* power-controlling enclosure */
	DLPAR_RTAS_CALLOUT = 0x30001,
	DLPAR_RTAS_UNIT = 0x30002,	/* one of MR */
	DLPAR_RTAS_READING = 0x30003,	/* one of EI */
	DLPAR_RTAS_REGISTER = 0x30004	/* one of the vendor part */
};

/* Levels of records that a section has: call-out, sub-structure, unit. */
#define DLPAR_RTAS_DEPTH_MAX 3

/* Most records of one section: it has 64 KiB, a record 4 bytes at least. */
#define DLPAR_RTAS_RECORDS_MAX 16384
/* cffi: end */

#endif /* DLPAR_RTAS_ENUM_H */
