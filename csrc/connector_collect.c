// SPDX-License-Identifier: Apache-2.0
/*
 * connector_collect.c - the OS's side of ibm,configure-connector.
 *
 * Statuses and work areas to a fragment. Linux (dlpar_configure_connector)
 * links nodes by pointer and trusts firmware; this is a strict stack machine
 * that needs no stack, for the fragment being written is one. Every offset is
 * checked against the work area, nothing half-built can be taken out.
 */
#include "connector.h"
#include "wire.h"

/* Cells of the work area. */
#define AREA_NAME_OFF 8u
#define AREA_VALUE_LEN 12u
#define AREA_VALUE_OFF 16u

struct area_bytes {
	const uint8_t *p;
	size_t len;
};

static int outside_data(uint32_t off)
{
	return off < DLPAR_CONNECTOR_DATA_OFF ||
	       off > DLPAR_CONNECTOR_AREA_LEN;
}

/* The name in @area; what @bad means is an error of this one's name. */
static int area_name(struct area_bytes *name, size_t *err_off,
		     const uint8_t *area, int bad)
{
	uint32_t off = wire_get32(area + AREA_NAME_OFF);
	const uint8_t *end;

	if (outside_data(off))
		return connector_fail(err_off, AREA_NAME_OFF,
				      DLPAR_ERR_WORKAREA);
	end = memchr(area + off, 0, DLPAR_CONNECTOR_AREA_LEN - off);
	if (!end)
		return connector_fail(err_off, off, DLPAR_ERR_WORKAREA);
	name->p = area + off;
	name->len = (size_t)(end - name->p);
	if (!fragment_name_ok(name->p, name->len))
		return connector_fail(err_off, off, bad);
	return 0;
}

/* The property value in @area. Where there is none its offset is not read. */
static int area_value(struct area_bytes *value, size_t *err_off,
		      const uint8_t *area)
{
	uint32_t len = wire_get32(area + AREA_VALUE_LEN);
	uint32_t off = wire_get32(area + AREA_VALUE_OFF);

	value->p = area;
	value->len = 0;
	if (!len)
		return 0;
	if (outside_data(off))
		return connector_fail(err_off, AREA_VALUE_OFF,
				      DLPAR_ERR_WORKAREA);
	if (len > DLPAR_CONNECTOR_AREA_LEN - off)
		return connector_fail(err_off, AREA_VALUE_LEN,
				      DLPAR_ERR_WORKAREA);
	value->p = area + off;
	value->len = len;
	return 0;
}

/* Open the node in @area, in the place of the current one if @sibling. */
static int collect_node(struct dlpar_connector_collector *c, uint8_t *out,
			size_t cap, size_t *err_off, const uint8_t *area,
			int sibling)
{
	struct dlpar_fragment_writer *w = &c->writer;
	uint32_t tokens_len = w->tokens_len, depth = w->depth;
	struct area_bytes name;
	int err = area_name(&name, err_off, area, DLPAR_ERR_NODENAME);

	if (err)
		return err;
	/* From the connector's parent a sibling is one more top node. */
	if (sibling && w->depth)
		fragment_close_node(w, out);
	err = fragment_open_node(w, out, cap, name.p, name.len);
	if (err) {
		w->tokens_len = tokens_len;
		w->depth = depth;
		return err;
	}
	c->props_allowed = 1;
	return 1;
}

static int collect_prop(struct dlpar_connector_collector *c, uint8_t *out,
			size_t cap, size_t *err_off, const uint8_t *area)
{
	struct area_bytes name, value;
	int err;

	if (!c->writer.depth || !c->props_allowed)
		return DLPAR_ERR_SEQUENCE;
	err = area_name(&name, err_off, area, DLPAR_ERR_BADVALUE);
	if (!err)
		err = area_value(&value, err_off, area);
	if (!err)
		err = fragment_put_prop(&c->writer, out, cap, name.p, name.len,
					value.p, value.len);
	return err ? err : 1;
}

static int collect_parent(struct dlpar_connector_collector *c, uint8_t *out)
{
	if (!c->writer.depth)
		return DLPAR_ERR_SEQUENCE;
	fragment_close_node(&c->writer, out);
	c->props_allowed = 0;
	return 1;
}

static int collect_end(struct dlpar_connector_collector *c, uint8_t *out)
{
	if (!c->writer.n_nodes)
		return DLPAR_ERR_SEQUENCE;
	while (c->writer.depth)
		fragment_close_node(&c->writer, out);
	return 0;
}

static int collect_call(struct dlpar_connector_collector *c, uint8_t *out,
			size_t cap, size_t *err_off, const uint8_t *area,
			int32_t status)
{
	switch (status) {
	case DLPAR_CONNECTOR_COMPLETE:
		return collect_end(c, out);
	case DLPAR_CONNECTOR_NEXT_SIBLING:
		if (!c->writer.n_nodes)
			return DLPAR_ERR_SEQUENCE;
		return collect_node(c, out, cap, err_off, area, 1);
	case DLPAR_CONNECTOR_NEXT_CHILD:
		return collect_node(c, out, cap, err_off, area, 0);
	case DLPAR_CONNECTOR_NEXT_PROPERTY:
		return collect_prop(c, out, cap, err_off, area);
	case DLPAR_CONNECTOR_PREVIOUS_PARENT:
		return collect_parent(c, out);
	default:
		return DLPAR_ERR_STATUS;
	}
}

int dlpar_connector_collect(struct dlpar_connector_collector *collector,
			    uint8_t *out, size_t cap, size_t *err_off,
			    const uint8_t *area, int32_t status)
{
	int rc;

	if (collector->state < 0)
		rc = collector->state;
	else if (collector->state)
		rc = DLPAR_ERR_SEQUENCE;
	else
		rc = collect_call(collector, out, cap, err_off, area, status);
	if (rc == DLPAR_ERR_NOSPACE)
		return rc;
	collector->n_calls++;
	if (rc <= 0)
		collector->state = rc ? rc : 1;
	return rc;
}

int dlpar_connector_grow(uint8_t *out, size_t cap,
			 const struct dlpar_connector_collector *collector,
			 const uint8_t *old, size_t old_cap)
{
	size_t names_len = collector->writer.names_len;

	if (cap < old_cap)
		return DLPAR_ERR_BADARG;
	memcpy(out, old, old_cap - names_len);
	memcpy(out + cap - names_len, old + old_cap - names_len, names_len);
	return 0;
}

int dlpar_connector_finish(uint8_t *out, size_t cap,
			   struct dlpar_connector_collector *collector)
{
	if (collector->state < 0)
		return collector->state;
	if (!collector->state)
		return DLPAR_ERR_SEQUENCE;
	collector->state = DLPAR_ERR_SEQUENCE;
	return fragment_finish(&collector->writer, out, cap);
}

int dlpar_connector_walk(uint8_t *out, size_t cap, int32_t *statuses,
			 size_t n_max, struct dlpar_connector_walked *walked,
			 struct dlpar_connector_cursor *cursor,
			 uint32_t drc_index, const uint8_t *frag, size_t len,
			 uint32_t flags)
{
	struct dlpar_connector_collector collector = { 0 };
	struct dlpar_connector_cursor moved = *cursor;
	uint8_t area[DLPAR_CONNECTOR_AREA_LEN];
	uint32_t n = 0;
	int rc = 1;

	dlpar_connector_begin(area, drc_index);
	while (rc > 0) {
		if (n == n_max)
			return DLPAR_ERR_NOSPACE;
		statuses[n] = dlpar_connector_serve(&moved, area, frag, len,
						    flags);
		rc = dlpar_connector_collect(&collector, out, cap, NULL, area,
					     statuses[n]);
		if (rc == DLPAR_ERR_NOSPACE)
			return rc;
		n++;
	}
	*cursor = moved;
	walked->n_calls = n;
	walked->status = statuses[n - 1];
	return rc ? rc : dlpar_connector_finish(out, cap, &collector);
}
