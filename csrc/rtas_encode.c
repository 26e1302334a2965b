// SPDX-License-Identifier: Apache-2.0
/*
 * rtas_encode.c - build hotplug and EPOW events as QEMU's pseries firmware.
 *
 * QEMU spapr_events.c as observed on the wire; LoPAR for what QEMU never
 * sends: names and tokens. Must never write a byte before everything that is
 * to be encoded has been checked.
 */
#include "rtas_layout.h"
#include "wire.h"

/* Where the sections of a built event stand. */
enum {
	OUT_PH = EVENT_SECTIONS,
	OUT_UH = OUT_PH + PH_LEN,
	OUT_BODY = OUT_UH + UH_LEN,
	OUT_EPOW_LEN = OUT_BODY + EP_LEN
};

_Static_assert(OUT_BODY + HP_LEN == DLPAR_RTAS_HOTPLUG_LEN,
	       "what most hotplug events take");

#define STAMP_DIGITS_MAX 99999999

/* What differs in the headers of the two kinds of event. */
struct kind {
	uint8_t type;
	uint8_t initiator;
	uint8_t subsystem;
	uint8_t event_type;
};

static const struct kind kind_hotplug = {
	DLPAR_EVENT_HOTPLUG, DLPAR_PARTY_HOTPLUG, 0x80, 0x00
};

/* Subsystem external environment, event type normal shutdown. */
static const struct kind kind_epow = { DLPAR_EVENT_EPOW, 0, 0xa0, 0xd0 };

static uint32_t to_bcd(uint32_t decimal)
{
	uint32_t bcd = 0;
	unsigned int shift;

	for (shift = 0; shift < 32; shift += 4) {
		bcd |= decimal % 10 << shift;
		decimal /= 10;
	}
	return bcd;
}

static void put_section(uint8_t *p, uint16_t id, size_t len, uint8_t version)
{
	wire_put16(p + SEC_ID, id);
	wire_put16(p + SEC_LENGTH, (uint16_t)len);
	p[SEC_VERSION] = version;
}

static void put_plid(uint8_t *p, uint32_t plid, uint32_t little)
{
	if (little)
		plid = plid << 24 | (plid & 0xff00) << 8 |
		       (plid >> 8 & 0xff00) | plid >> 24;
	wire_put32(p, plid);
}

/* All before the last section of an event of @len bytes, @out being zero. */
static void put_headers(uint8_t *out, size_t len, const struct kind *kind,
			const struct dlpar_rtas_stamp *stamp)
{
	uint8_t *ph = out + OUT_PH;
	uint8_t *uh = out + OUT_UH;

	out[HDR_VERSION] = 6;
	out[HDR_FLAGS] = DLPAR_SEVERITY_EVENT << 5 |
			 DLPAR_DISPOSITION_NOT_RECOVERED << 3 | 0x04;
	out[HDR_PARTIES] = (uint8_t)(kind->initiator << 4);
	out[HDR_TYPE] = kind->type;
	wire_put32(out + HDR_LENGTH, (uint32_t)(len - HDR_LEN));
	out[EVENT_EXTHDR + EXT_FLAGS] = 0x86;	/* valid, new, big-endian */
	out[EVENT_EXTHDR + EXT_FORMAT] = 0x80 | EXT_FORMAT_PLATFORM;
	wire_put32(out + EVENT_EXTHDR + EXT_COMPANY, EXT_COMPANY_IBM);

	put_section(ph, DLPAR_RTAS_PH, PH_LEN, 0);
	wire_put32(ph + PH_DATE, to_bcd(stamp->date));
	wire_put32(ph + PH_TIME, to_bcd(stamp->time));
	ph[PH_CREATOR] = 'H';			/* the hypervisor */
	ph[PH_SECTIONS] = 3;
	put_plid(ph + PH_PLID, stamp->plid, stamp->plid_little);

	put_section(uh, DLPAR_RTAS_UH, UH_LEN, 0);
	uh[UH_SUBSYSTEM] = kind->subsystem;
	uh[UH_TYPE] = kind->event_type;
}

static int stamp_check(const struct dlpar_rtas_stamp *stamp)
{
	if (stamp->date > STAMP_DIGITS_MAX || stamp->time > STAMP_DIGITS_MAX)
		return DLPAR_ERR_BADARG;
	return 0;
}

int dlpar_rtas_hotplug_size(const struct dlpar_rtas_hotplug *hp)
{
	size_t token = hp->capabilities & DLPAR_HP_TOKEN ? HP_TOKEN_LEN : 0;
	size_t len = HP_LEN;

	if (hp->id_type < DLPAR_ID_DRC_NAME ||
	    hp->id_type > DLPAR_ID_INDEXED_COUNT)
		return DLPAR_ERR_BADARG;
	if (hp->id_type == DLPAR_ID_DRC_NAME) {
		if (!hp->name_len || hp->name_len > DLPAR_RTAS_NAME_MAX)
			return DLPAR_ERR_BADARG;
		len = (HP_IDENTIFIER + hp->name_len + 1 + 3) & ~(size_t)3;
		if (len < HP_LEN)
			len = HP_LEN;
	}
	return (int)(len + token);
}

/* Size of the section, all of @hp being fit to be encoded. */
static int section_check(const struct dlpar_rtas_hotplug *hp,
			 const uint8_t *names, size_t names_len)
{
	int size = dlpar_rtas_hotplug_size(hp);

	if (size < 0 || hp->id_type != DLPAR_ID_DRC_NAME)
		return size;
	if (!names || hp->name_len > names_len ||
	    hp->name_off > names_len - hp->name_len ||
	    memchr(names + hp->name_off, 0, hp->name_len))
		return DLPAR_ERR_BADARG;
	return size;
}

static void put_hotplug(uint8_t *p, size_t len,
			const struct dlpar_rtas_hotplug *hp,
			const uint8_t *names)
{
	put_section(p, DLPAR_RTAS_HP, len, 1);
	p[HP_RESOURCE] = hp->resource;
	p[HP_ACTION] = hp->action;
	p[HP_ID_TYPE] = hp->id_type;
	p[HP_CAPABILITIES] = hp->capabilities;
	switch (hp->id_type) {
	case DLPAR_ID_DRC_NAME:
		memcpy(p + HP_IDENTIFIER, names + hp->name_off, hp->name_len);
		break;
	case DLPAR_ID_DRC_INDEX:
		wire_put32(p + HP_IDENTIFIER, hp->drc_index);
		break;
	case DLPAR_ID_DRC_COUNT:
		wire_put32(p + HP_IDENTIFIER, hp->count);
		break;
	default:
		wire_put32(p + HP_IC_COUNT, hp->count);
		wire_put32(p + HP_IC_INDEX, hp->drc_index);
		break;
	}
	if (hp->capabilities & DLPAR_HP_TOKEN)
		wire_put32(p + len - HP_TOKEN_LEN, hp->token);
}

int dlpar_rtas_hotplug_encode(uint8_t *out, size_t cap,
			      const struct dlpar_rtas_hotplug *hp,
			      const uint8_t *names, size_t names_len)
{
	int size = section_check(hp, names, names_len);

	if (size < 0)
		return size;
	if ((size_t)size > cap)
		return DLPAR_ERR_NOSPACE;
	memset(out, 0, (size_t)size);
	put_hotplug(out, (size_t)size, hp, names);
	return size;
}

/* All before the HP section of events that differ in PLID and length only. */
static void put_head(uint8_t *head, const struct dlpar_rtas_stamp *stamp)
{
	memset(head, 0, OUT_BODY);
	put_headers(head, OUT_BODY, &kind_hotplug, stamp);
}

/* An event whose HP section takes @size bytes; @out begins with its head. */
static size_t put_event(uint8_t *out, size_t size,
			const struct dlpar_rtas_hotplug *hp,
			const uint8_t *names)
{
	size_t len = OUT_BODY + size;

	wire_put32(out + HDR_LENGTH, (uint32_t)(len - HDR_LEN));
	memset(out + OUT_BODY, 0, size);
	put_hotplug(out + OUT_BODY, size, hp, names);
	return len;
}

int dlpar_rtas_hotplug_event(uint8_t *out, size_t cap,
			     const struct dlpar_rtas_hotplug *hp,
			     const uint8_t *names, size_t names_len,
			     const struct dlpar_rtas_stamp *stamp)
{
	int size = section_check(hp, names, names_len);

	if (size >= 0 && stamp_check(stamp))
		size = DLPAR_ERR_BADARG;
	if (size < 0)
		return size;
	if (OUT_BODY + (size_t)size > cap)
		return DLPAR_ERR_NOSPACE;
	put_head(out, stamp);
	return (int)put_event(out, (size_t)size, hp, names);
}

int dlpar_rtas_hotplug_build(struct dlpar_rtas_built *built,
			     const uint8_t *names, size_t names_len)
{
	return dlpar_rtas_hotplug_event(built->event, sizeof(built->event),
					&built->hp, names, names_len,
					&built->stamp);
}

/* What is to be encoded: rows, or without these columns. */
struct source {
	const struct dlpar_rtas_hotplug *rows;
	const struct dlpar_rtas_requests *cols;
	size_t n;
	const uint8_t *names;
	size_t names_len;
};

static uint8_t item8(const uint8_t *column, size_t row)
{
	return column ? column[row] : 0;
}

static uint32_t item32(const uint32_t *column, size_t row)
{
	return column ? column[row] : 0;
}

static struct dlpar_rtas_hotplug row_of(const struct source *s, size_t row)
{
	const struct dlpar_rtas_requests *c = s->cols;

	if (s->rows)
		return s->rows[row];
	return (struct dlpar_rtas_hotplug){
		.drc_index = item32(c->drc_index, row),
		.count = item32(c->count, row),
		.token = item32(c->token, row),
		.name_off = item32(c->name_off, row),
		.name_len = item32(c->name_len, row),
		.resource = item8(c->resource, row),
		.action = item8(c->action, row),
		.id_type = item8(c->id_type, row),
		.capabilities = item8(c->capabilities, row),
	};
}

/* The bytes that all events need; @err_row the one that cannot be encoded. */
static int events_check(size_t *need, size_t *err_row, const struct source *s)
{
	struct dlpar_rtas_hotplug hp;
	size_t i;
	int size;

	*need = 0;
	for (i = 0; i < s->n; i++) {
		hp = row_of(s, i);
		size = section_check(&hp, s->names, s->names_len);
		if (size < 0) {
			if (err_row)
				*err_row = i;
			return size;
		}
		*need += OUT_BODY + (size_t)size;
	}
	return 0;
}

static void put_events(uint8_t *out, const struct source *s,
		       const struct dlpar_rtas_stamp *stamp)
{
	struct dlpar_rtas_hotplug hp;
	uint32_t plid = stamp->plid;
	uint8_t head[OUT_BODY];
	size_t i;
	int size;

	put_head(head, stamp);
	for (i = 0; i < s->n; i++, plid++) {
		hp = row_of(s, i);
		size = dlpar_rtas_hotplug_size(&hp);
		memcpy(out, head, OUT_BODY);
		put_plid(out + OUT_PH + PH_PLID, plid, stamp->plid_little);
		out += put_event(out, (size_t)size, &hp, s->names);
	}
}

static int encode_all(uint8_t *out, size_t cap, size_t *out_len,
		      size_t *err_row, const struct source *s,
		      const struct dlpar_rtas_stamp *stamp)
{
	int rc = events_check(out_len, err_row, s);

	if (rc)
		return rc;
	rc = stamp_check(stamp);
	if (rc)
		return rc;
	if (*out_len > cap)
		return DLPAR_ERR_NOSPACE;
	put_events(out, s, stamp);
	return DLPAR_OK;
}

int dlpar_rtas_hotplug_events(uint8_t *out, size_t cap, size_t *out_len,
			      size_t *err_row,
			      const struct dlpar_rtas_hotplug *hps, size_t n,
			      const uint8_t *names, size_t names_len,
			      const struct dlpar_rtas_stamp *stamp)
{
	struct source s = {
		.rows = hps, .n = n, .names = names, .names_len = names_len,
	};

	return encode_all(out, cap, out_len, err_row, &s, stamp);
}

int dlpar_rtas_hotplug_columns(uint8_t *out, size_t cap, size_t *out_len,
			       size_t *err_row,
			       const struct dlpar_rtas_requests *cols, size_t n,
			       const uint8_t *names, size_t names_len,
			       const struct dlpar_rtas_stamp *stamp)
{
	struct source s = {
		.cols = cols, .n = n, .names = names, .names_len = names_len,
	};

	return encode_all(out, cap, out_len, err_row, &s, stamp);
}

int dlpar_rtas_epow_event(uint8_t *out, size_t cap,
			  const struct dlpar_rtas_epow *epow,
			  const struct dlpar_rtas_stamp *stamp)
{
	uint8_t *p = out + OUT_BODY;

	if (epow->sensor_value > 0x0f || epow->action > 0x0f ||
	    epow->modifier > 0x0f || stamp_check(stamp))
		return DLPAR_ERR_BADARG;
	if (cap < OUT_EPOW_LEN)
		return DLPAR_ERR_NOSPACE;
	memset(out, 0, OUT_EPOW_LEN);
	put_headers(out, OUT_EPOW_LEN, &kind_epow, stamp);
	put_section(p, DLPAR_RTAS_EP, EP_LEN, epow->version);
	p[EP_SENSOR] = (uint8_t)(epow->sensor_value << 4 | epow->action);
	p[EP_MODIFIER] = epow->modifier;
	p[EP_EXTENDED] = epow->extended_modifier;
	memcpy(p + EP_REASON, epow->reason, sizeof(epow->reason));
	return OUT_EPOW_LEN;
}
