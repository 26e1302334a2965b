// SPDX-License-Identifier: Apache-2.0
/*
 * rtas_hotplug.c - the hot path: hotplug sections, and batches in columns.
 *
 * LoPAR, hotplug event section; Linux struct pseries_hp_errorlog; identifier
 * lengths as QEMU sends them. Must never judge resource or action: that is
 * the dispatcher's part, and firmware may know more of them than we do.
 */
#include "rtas_layout.h"
#include "wire.h"

/* Bytes of the identifier without its name; an unknown kind has none. */
static size_t identifier_len(uint8_t id_type)
{
	switch (id_type) {
	case DLPAR_ID_DRC_INDEX:
	case DLPAR_ID_DRC_COUNT:
		return 4;
	case DLPAR_ID_INDEXED_COUNT:
		return 8;
	default:
		return 0;
	}
}

static void read_identifier(struct dlpar_rtas_hotplug *hp, const uint8_t *sec)
{
	switch (hp->id_type) {
	case DLPAR_ID_DRC_INDEX:
		hp->drc_index = wire_get32(sec + HP_IDENTIFIER);
		break;
	case DLPAR_ID_DRC_COUNT:
		hp->count = wire_get32(sec + HP_IDENTIFIER);
		break;
	case DLPAR_ID_INDEXED_COUNT:
		hp->count = wire_get32(sec + HP_IC_COUNT);
		hp->drc_index = wire_get32(sec + HP_IC_INDEX);
		break;
	default:
		break;
	}
}

/* @end is where the name may not go beyond: a token, or the section's end. */
static int read_name(struct dlpar_rtas_hotplug *hp, const uint8_t *sec,
		     size_t end)
{
	const uint8_t *name = sec + HP_IDENTIFIER;
	const uint8_t *nul = memchr(name, 0, end - HP_IDENTIFIER);

	if (!nul)
		return DLPAR_ERR_BADVALUE;
	hp->name_off = HP_IDENTIFIER;
	hp->name_len = (uint32_t)(nul - name);
	return 0;
}

static int section_decode(struct dlpar_rtas_hotplug *hp, size_t *err_off,
			  const uint8_t *sec, size_t len)
{
	struct dlpar_rtas_hotplug h = {
		.resource = sec[HP_RESOURCE],
		.action = sec[HP_ACTION],
		.id_type = sec[HP_ID_TYPE],
		.capabilities = sec[HP_CAPABILITIES],
	};
	size_t token = h.capabilities & DLPAR_HP_TOKEN ? HP_TOKEN_LEN : 0;

	*err_off = SEC_ID;
	if (len - HP_IDENTIFIER < identifier_len(h.id_type) + token)
		return DLPAR_ERR_SECTION;
	read_identifier(&h, sec);
	if (token)
		h.token = wire_get32(sec + len - token);
	*err_off = HP_IDENTIFIER;
	if (h.id_type == DLPAR_ID_DRC_NAME && read_name(&h, sec, len - token))
		return DLPAR_ERR_BADVALUE;
	*hp = h;
	return (int)len;
}

int dlpar_rtas_hotplug_decode(struct dlpar_rtas_hotplug *hp, size_t *err_off,
			      const uint8_t *buf, size_t len)
{
	size_t unused, sec_len;

	if (!err_off)
		err_off = &unused;
	*err_off = SEC_ID;
	if (len < SEC_DATA)
		return DLPAR_ERR_TRUNCATED;
	if (wire_get16(buf + SEC_ID) != DLPAR_RTAS_HP)
		return DLPAR_ERR_FORMAT;
	sec_len = wire_get16(buf + SEC_LENGTH);
	if (sec_len < HP_MIN_LEN)
		return DLPAR_ERR_SECTION;
	if (sec_len > len)
		return DLPAR_ERR_TRUNCATED;
	return section_decode(hp, err_off, buf, sec_len);
}

size_t dlpar_rtas_count(const uint8_t *buf, size_t len)
{
	size_t pos = 0;
	size_t n = 0;

	while (pos < len) {
		pos += rtas_event_len(buf + pos, len - pos);
		n++;
	}
	return n;
}

static void put_row(const struct dlpar_rtas_columns *c, size_t row, size_t off,
		    const struct dlpar_rtas_event *ev)
{
	c->offset[row] = off;
	c->length[row] = ev->len;
	c->plid[row] = ev->plid;
	c->date[row] = ev->date;
	c->time[row] = ev->time;
	c->drc_index[row] = ev->hp.drc_index;
	c->count[row] = ev->hp.count;
	c->token[row] = ev->hp.token;
	c->type[row] = ev->type;
	c->severity[row] = ev->severity;
	c->disposition[row] = ev->disposition;
	c->initiator[row] = ev->initiator;
	c->has[row] = ev->has;
	c->resource[row] = ev->hp.resource;
	c->action[row] = ev->hp.action;
	c->id_type[row] = ev->hp.id_type;
	c->capabilities[row] = ev->hp.capabilities;
	c->epow_action[row] = ev->epow.action;
	c->epow_modifier[row] = ev->epow.modifier;
}

int dlpar_rtas_decode_columns(const struct dlpar_rtas_columns *cols, size_t cap,
			      size_t *n_rows, size_t *err_off,
			      const uint8_t *buf, size_t len)
{
	struct dlpar_rtas_event ev;
	size_t pos = 0;
	size_t row = 0;
	size_t off = 0;
	int rc = 0;

	for (; pos < len; row++) {
		rc = DLPAR_ERR_NOSPACE;
		if (row == cap)
			break;
		rc = dlpar_rtas_event_decode(&ev, NULL, 0, &off, buf + pos,
					     len - pos);
		if (rc < 0)
			break;
		put_row(cols, row, pos, &ev);
		pos += ev.len;
	}
	*n_rows = row;
	if (rc >= 0)
		return DLPAR_OK;
	if (err_off)
		*err_off = pos + off;
	return rc;
}
