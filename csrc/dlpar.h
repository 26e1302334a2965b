/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dlpar.h - the public header of the pydlpar codec: include this one.
 *
 * Version, limits, error codes and the constants of the hotplug interface,
 * each number written once. The rooms have a header each, included below:
 * the device tree, LMB tables, the configure-connector, RTAS events.
 *
 * What lies between the two cffi markers is read by csrc/cffi_build.py: only
 * enums, structs, typedefs, prototypes and integer #defines may stand there.
 */
#ifndef DLPAR_H
#define DLPAR_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* cffi: begin */
#define DLPAR_VERSION_MAJOR 0
#define DLPAR_VERSION_MINOR 1
#define DLPAR_VERSION_PATCH 0

/* Values are frozen once released; a new one goes at the end of its group. */
enum dlpar_err {
	DLPAR_OK = 0,

	/* The answer is no; the caller can act on it. */
	DLPAR_ERR_NOTFOUND = -1,	/* no such node, property, section, DRC */
	DLPAR_ERR_EXISTS = -2,
	DLPAR_ERR_NOSPACE = -3,		/* output buffer too small; nothing written */
	DLPAR_ERR_STALE = -4,		/* the handle's node is gone */
	DLPAR_ERR_BUSY = -5,		/* the object is in use by another thread */
	DLPAR_ERR_CONFLICT = -6,	/* a patch expects something else */

	/* The caller passed something wrong, or memory ran out. */
	DLPAR_ERR_BADARG = -10,
	DLPAR_ERR_BADPATH = -11,
	DLPAR_ERR_NOMEM = -12,		/* or the memory limit is reached */
	DLPAR_ERR_NOTXN = -13,		/* commit or roll-back without a begin */

	/* The bytes are wrong, in any room. */
	DLPAR_ERR_TRUNCATED = -20,	/* ends inside a record */
	DLPAR_ERR_BADMAGIC = -21,
	DLPAR_ERR_BADVALUE = -22,
	DLPAR_ERR_BADVERSION = -23,
	DLPAR_ERR_BADLENGTH = -24,	/* a length field contradicts the rest */

	/* A flattened device tree is wrong. */
	DLPAR_ERR_TOTALSIZE = -30,	/* below the header or above the input */
	DLPAR_ERR_ALIGNMENT = -31,	/* a block is misaligned */
	DLPAR_ERR_BLOCK = -32,		/* a block lies outside the blob */
	DLPAR_ERR_RSVMAP = -33,		/* reserve map without an end */
	DLPAR_ERR_TOKEN = -34,		/* unknown structure token */
	DLPAR_ERR_NESTING = -35,	/* begin and end tokens do not match */
	DLPAR_ERR_NODENAME = -36,	/* unterminated, too long or not allowed */
	DLPAR_ERR_PROPLEN = -37,	/* property value leaves the block */
	DLPAR_ERR_NAMEOFF = -38,	/* property name offset leaves the block */
	DLPAR_ERR_STRING = -39,		/* property name without a NUL */
	DLPAR_ERR_PROPORDER = -40,	/* property after a subnode */
	DLPAR_ERR_NOROOT = -41,
	DLPAR_ERR_NOEND = -42,		/* no end token */
	DLPAR_ERR_TOOBIG = -43,		/* beyond what this library addresses */
	DLPAR_ERR_OVERLAY = -44,	/* an overlay is malformed */

	/* A configure-connector stream is wrong. */
	DLPAR_ERR_SEQUENCE = -50,	/* status not allowed at this point */
	DLPAR_ERR_WORKAREA = -51,	/* offset or length outside the area */
	DLPAR_ERR_STATUS = -52,		/* the call failed; see the status */

	/* An RTAS event is wrong. */
	DLPAR_ERR_SECTION = -60,	/* section length below its minimum */
	DLPAR_ERR_FORMAT = -61,		/* not a platform event log */
	DLPAR_ERR_SECTORDER = -62,	/* PH or UH out of place or missing */
	DLPAR_ERR_RECORD = -63,		/* a call-out or the like is wrong */
	DLPAR_ERR_TEXT = -64,		/* lines of a text that make no event */

	/* A bug in this library; never expected. */
	DLPAR_ERR_INTERNAL = -99
};

/* RTAS status words (LoPAR 7.3; Linux asm/rtas.h). */
enum dlpar_rtas_status {
	DLPAR_RTAS_SUCCESS = 0,
	DLPAR_RTAS_HARDWARE_ERROR = -1,
	DLPAR_RTAS_BUSY = -2,
	DLPAR_RTAS_INVALID_PARAMETER = -3,
	DLPAR_RTAS_UNEXPECTED_STATE_CHANGE = -7,
	DLPAR_RTAS_EXTENDED_DELAY_MIN = 9900,
	DLPAR_RTAS_EXTENDED_DELAY_MAX = 9905,
	DLPAR_RTAS_SLOT_ISOLATED = -9000,
	DLPAR_RTAS_OUTSTANDING_TRANSLATION = -9001,
	DLPAR_RTAS_NO_RESOURCE = -9002,
	DLPAR_RTAS_NOT_CONFIGURABLE = -9003
};

/* Hotplug section: what, which way, named how (LoPAR HP section). */
enum dlpar_resource {
	DLPAR_RESOURCE_CPU = 1,
	DLPAR_RESOURCE_MEMORY = 2,
	DLPAR_RESOURCE_SLOT = 3,
	DLPAR_RESOURCE_PHB = 4,
	DLPAR_RESOURCE_PCI = 5,
	DLPAR_RESOURCE_PMEM = 6,
	DLPAR_RESOURCE_DT = 7		/* Linux-internal, never on the wire */
};

enum dlpar_action {
	DLPAR_ACTION_ADD = 1,
	DLPAR_ACTION_REMOVE = 2
};

enum dlpar_id_type {
	DLPAR_ID_DRC_NAME = 1,
	DLPAR_ID_DRC_INDEX = 2,
	DLPAR_ID_DRC_COUNT = 3,
	DLPAR_ID_INDEXED_COUNT = 4	/* count first, then the first index */
};

/* Indicators and sensors of a DRC, and their values (LoPAR 13.5). */
enum dlpar_indicator {
	DLPAR_INDICATOR_ISOLATION_STATE = 9001,
	DLPAR_INDICATOR_DR = 9002,
	DLPAR_INDICATOR_ALLOCATION_STATE = 9003
};

enum dlpar_sensor {
	DLPAR_SENSOR_EPOW = 9,
	DLPAR_SENSOR_ENTITY_SENSE = 9003
};

enum dlpar_isolation_state {
	DLPAR_ISOLATION_ISOLATE = 0,
	DLPAR_ISOLATION_UNISOLATE = 1
};

enum dlpar_allocation_state {
	DLPAR_ALLOCATION_UNUSABLE = 0,
	DLPAR_ALLOCATION_USABLE = 1,
	DLPAR_ALLOCATION_EXCHANGE = 2,
	DLPAR_ALLOCATION_RECOVER = 3
};

enum dlpar_entity_sense {
	DLPAR_SENSE_EMPTY = 0,
	DLPAR_SENSE_PRESENT = 1,
	DLPAR_SENSE_UNUSABLE = 2,
	DLPAR_SENSE_EXCHANGE = 3,
	DLPAR_SENSE_RECOVER = 4
};

/* DRC type: the top nibble of a DRC index (QEMU and PowerVM practice). */
enum dlpar_drc_type {
	DLPAR_DRC_CPU = 1,
	DLPAR_DRC_PHB = 2,
	DLPAR_DRC_VIO = 3,
	DLPAR_DRC_PCI = 4,
	DLPAR_DRC_LMB = 8,
	DLPAR_DRC_PMEM = 9
};

/* DRC states, logical 1-4 and physical 5-8 (LoPAR; QEMU spapr_drc.h). */
enum dlpar_drc_state {
	DLPAR_DRC_STATE_LOGICAL_UNUSABLE = 1,
	DLPAR_DRC_STATE_LOGICAL_AVAILABLE = 2,
	DLPAR_DRC_STATE_LOGICAL_UNISOLATE = 3,
	DLPAR_DRC_STATE_LOGICAL_CONFIGURED = 4,
	DLPAR_DRC_STATE_PHYSICAL_AVAILABLE = 5,
	DLPAR_DRC_STATE_PHYSICAL_POWERON = 6,
	DLPAR_DRC_STATE_PHYSICAL_UNISOLATE = 7,
	DLPAR_DRC_STATE_PHYSICAL_CONFIGURED = 8
};

/* Event classes of check-exception and event-scan (LoPAR 7.3.3). */
#define DLPAR_EVENT_MASK_INTERNAL_ERROR 0x80000000
#define DLPAR_EVENT_MASK_EPOW 0x40000000
#define DLPAR_EVENT_MASK_HOTPLUG 0x10000000
#define DLPAR_EVENT_MASK_IO 0x08000000

/* Flags of an LMB in ibm,dynamic-memory and -v2 (LoPAR C.6.6.2). */
#define DLPAR_LMB_ASSIGNED 0x00000008
#define DLPAR_LMB_DRC_INVALID 0x00000020
#define DLPAR_LMB_AI_INVALID 0x00000040
#define DLPAR_LMB_RESERVED 0x00000080
#define DLPAR_LMB_HOTREMOVABLE 0x00000100

/* The text of an error code, never NULL; static. */
const char *dlpar_strerror(int err);
/* cffi: end */

#include "dlpar_tree.h"
#include "dlpar_access.h"
#include "dlpar_bulk.h"
#include "dlpar_diff.h"
#include "dlpar_dts.h"
#include "dlpar_overlay.h"
#include "dlpar_drmem.h"
#include "dlpar_connector.h"
#include "dlpar_rtas_enum.h"
#include "dlpar_rtas.h"
#include "dlpar_rtas_layout.h"
#include "dlpar_rtas_build.h"
#include "dlpar_rtas_log.h"
#include "dlpar_rtas_text.h"
#include "dlpar_arrow.h"
#include "dlpar_rtas_batch.h"

#ifdef __cplusplus
}
#endif

#endif /* DLPAR_H */
