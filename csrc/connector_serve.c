// SPDX-License-Identifier: Apache-2.0
/*
 * connector_serve.c - firmware's side of ibm,configure-connector.
 *
 * One visible token of the fragment per call, as QEMU does it (hw/ppc/
 * spapr_drc.c rtas_ibm_configure_connector); LoPAR 13.5.3.5 where asked for.
 * The fragment may be hostile: whatever it holds, only the work area's 4096
 * bytes are written, and the answer to nonsense is status -1.
 */
#include "connector.h"
#include "wire.h"

/* Cells of the work area. */
#define AREA_DRC_INDEX 0u
#define AREA_NAME_OFF 8u
#define AREA_VALUE_LEN 12u
#define AREA_VALUE_OFF 16u

void dlpar_connector_begin(uint8_t *area, uint32_t drc_index)
{
	memset(area, 0, DLPAR_CONNECTOR_AREA_LEN);
	wire_put32(area + AREA_DRC_INDEX, drc_index);
}

uint32_t dlpar_connector_drc_index(const uint8_t *area)
{
	return wire_get32(area + AREA_DRC_INDEX);
}

/* As QEMU: what does not fit is cut off, and nobody is told. */
static void put_clipped(uint8_t *area, size_t off, const uint8_t *bytes,
			size_t len)
{
	size_t left = DLPAR_CONNECTOR_AREA_LEN - off;

	memcpy(area + off, bytes, len < left ? len : left);
}

/* A name and its NUL; what follows them is the answer. */
static size_t put_name(uint8_t *area, const struct fragment_reader *r,
		       const struct fragment_token *t)
{
	wire_put32(area + AREA_NAME_OFF, DLPAR_CONNECTOR_DATA_OFF);
	put_clipped(area, DLPAR_CONNECTOR_DATA_OFF, r->frag + t->name_off,
		    (size_t)t->name_len + 1);
	return DLPAR_CONNECTOR_DATA_OFF + (size_t)t->name_len + 1;
}

static int serve_prop(uint8_t *area, const struct fragment_reader *r,
		      const struct fragment_token *t)
{
	size_t off = put_name(area, r, t);

	wire_put32(area + AREA_VALUE_LEN, t->value_len);
	wire_put32(area + AREA_VALUE_OFF, (uint32_t)off);
	put_clipped(area, off, r->frag + t->value_off, t->value_len);
	return DLPAR_CONNECTOR_NEXT_PROPERTY;
}

static int serve_node(struct dlpar_connector_cursor *cursor, uint8_t *area,
		      const struct fragment_reader *r,
		      const struct fragment_token *t, int status)
{
	if (cursor->depth >= DLPAR_CONNECTOR_MAX_DEPTH)
		return DLPAR_RTAS_HARDWARE_ERROR;
	cursor->depth++;
	put_name(area, r, t);
	return status;
}

/* A node ended. What follows decides: a sibling, its parent, or nothing. */
static int serve_end(struct dlpar_connector_cursor *cursor, uint8_t *area,
		     const struct fragment_reader *r, uint32_t flags)
{
	struct fragment_token next;
	size_t off = cursor->off;

	if (!cursor->depth || fragment_next(&next, &off, r))
		return DLPAR_RTAS_HARDWARE_ERROR;
	cursor->depth--;
	if (next.kind == FDT_BEGIN_NODE &&
	    flags & DLPAR_CONNECTOR_SIBLING_STATUS) {
		cursor->off = (uint32_t)off;
		return serve_node(cursor, area, r, &next,
				  DLPAR_CONNECTOR_NEXT_SIBLING);
	}
	if (cursor->depth || next.kind == FDT_BEGIN_NODE)
		return DLPAR_CONNECTOR_PREVIOUS_PARENT;
	if (next.kind != FDT_END_NODE)
		return DLPAR_RTAS_HARDWARE_ERROR;
	cursor->off = 0;
	return DLPAR_CONNECTOR_COMPLETE;
}

static int serve_token(struct dlpar_connector_cursor *cursor, uint8_t *area,
		       const struct fragment_reader *r, uint32_t flags)
{
	struct fragment_token t;
	size_t off = cursor->off;

	if (!off && (fragment_next(&t, &off, r) || t.kind != FDT_BEGIN_NODE))
		return DLPAR_RTAS_HARDWARE_ERROR;
	if (fragment_next(&t, &off, r))
		return DLPAR_RTAS_HARDWARE_ERROR;
	cursor->off = (uint32_t)off;
	switch (t.kind) {
	case FDT_BEGIN_NODE:
		return serve_node(cursor, area, r, &t,
				  DLPAR_CONNECTOR_NEXT_CHILD);
	case FDT_PROP:
		if (!cursor->depth)
			return DLPAR_RTAS_HARDWARE_ERROR;
		return serve_prop(area, r, &t);
	case FDT_END_NODE:
		return serve_end(cursor, area, r, flags);
	default:
		return DLPAR_RTAS_HARDWARE_ERROR;
	}
}

int dlpar_connector_serve(struct dlpar_connector_cursor *cursor,
			  uint8_t *area, const uint8_t *frag, size_t len,
			  uint32_t flags)
{
	struct dlpar_connector_cursor moved = *cursor;
	struct fragment_reader reader;
	int status;

	if (flags & ~(uint32_t)DLPAR_CONNECTOR_SIBLING_STATUS ||
	    fragment_open(&reader, NULL, frag, len))
		return DLPAR_RTAS_HARDWARE_ERROR;
	status = serve_token(&moved, area, &reader, flags);
	if (status >= 0)
		*cursor = moved;
	return status;
}
