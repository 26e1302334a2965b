// SPDX-License-Identifier: Apache-2.0
/*
 * rtas_walk.c - an event to the list of its parts, every bound checked.
 *
 * LoPAR 7.3.3; accepts what Linux get_pseries_errorlog() accepts of
 * well-formed input, without its loops and overruns. Must never read beyond
 * the bytes it was given nor take a length for granted: each is compared with
 * what remains before it is added to anything.
 */
#include "rtas_layout.h"
#include "wire.h"

/* A walk: where to put what is found, and the first thing found wrong. */
struct walk {
	struct dlpar_rtas_event *ev;
	struct dlpar_rtas_section *sections;
	size_t cap;
	const uint8_t *buf;
	size_t len;
	size_t end;		/* of the event, within len */
	size_t err_off;
	int err;
};

static void fail(struct walk *w, int err, size_t off)
{
	if (w->err)
		return;
	w->err = err;
	w->err_off = off;
}

static void add_part(struct walk *w, uint32_t id, size_t off, size_t len)
{
	struct dlpar_rtas_section *s;

	if (w->ev->n_sections < w->cap) {
		s = &w->sections[w->ev->n_sections];
		s->off = (uint32_t)off;
		s->len = (uint32_t)len;
		s->id = id;
	}
	w->ev->n_sections++;
}

/* The summary word; false where it is none. */
static int read_summary(struct walk *w)
{
	struct dlpar_rtas_event *ev = w->ev;
	const uint8_t *p = w->buf;

	if (w->len < HDR_SUMMARY_LEN) {
		fail(w, DLPAR_ERR_TRUNCATED, 0);
		return 0;
	}
	if (p[HDR_VERSION] == 0) {
		fail(w, DLPAR_ERR_BADVERSION, HDR_VERSION);
		return 0;
	}
	ev->version = p[HDR_VERSION];
	ev->severity = p[HDR_FLAGS] >> 5;
	ev->disposition = p[HDR_FLAGS] >> 3 & 3;
	ev->extended = p[HDR_FLAGS] >> 2 & 1;
	ev->initiator = p[HDR_PARTIES] >> 4;
	ev->target = p[HDR_PARTIES] & 0x0f;
	ev->type = p[HDR_TYPE];
	return 1;
}

/*
 * The fixed part; true where an extended part follows. For PRRN the length
 * word is a scope, so the bit alone does not say.
 */
static int read_header(struct walk *w)
{
	struct dlpar_rtas_event *ev = w->ev;
	int prrn, header_only;

	if (!read_summary(w))
		return 0;
	prrn = ev->type == DLPAR_EVENT_PRRN;
	header_only = prrn || !ev->extended;
	if (w->len == HDR_SUMMARY_LEN && header_only && !prrn) {
		add_part(w, DLPAR_RTAS_HDR, 0, HDR_SUMMARY_LEN);
		w->end = HDR_SUMMARY_LEN;
		return 0;
	}
	if (w->len < HDR_LEN) {
		fail(w, DLPAR_ERR_TRUNCATED, HDR_LENGTH);
		return 0;
	}
	add_part(w, DLPAR_RTAS_HDR, 0, HDR_LEN);
	ev->ext_length = wire_get32(w->buf + HDR_LENGTH);
	w->end = HDR_LEN;
	return !header_only && ev->ext_length;
}

/* Find the end of the event, at most that of the buffer. */
static void bound_event(struct walk *w)
{
	size_t left = w->len - HDR_LEN;

	if (w->ev->ext_length > left)
		fail(w, DLPAR_ERR_TRUNCATED, HDR_LENGTH);
	else
		left = w->ev->ext_length;
	if (left > UINT32_MAX - HDR_LEN) {
		fail(w, DLPAR_ERR_TOOBIG, HDR_LENGTH);
		left = 0;
	}
	w->end = HDR_LEN + left;
}

/* PH and UH come first and second, or neither does. */
static int in_order(const struct walk *w, uint32_t id, int nth)
{
	if (id == DLPAR_RTAS_PH)
		return nth == 0;
	if (nth == 1 && w->ev->has & DLPAR_RTAS_HAS_PH)
		return id == DLPAR_RTAS_UH;
	return id != DLPAR_RTAS_UH;
}

static void read_ph(struct dlpar_rtas_event *ev, const uint8_t *p)
{
	ev->date = wire_get32(p + PH_DATE);
	ev->time = wire_get32(p + PH_TIME);
	ev->plid = wire_get32(p + PH_PLID);
	ev->has |= DLPAR_RTAS_HAS_PH;
}

static void read_ep(struct dlpar_rtas_event *ev, const uint8_t *p)
{
	if (ev->has & DLPAR_RTAS_HAS_EP)
		return;
	ev->epow.version = p[SEC_VERSION];
	ev->epow.sensor_value = p[EP_SENSOR] >> 4;
	ev->epow.action = p[EP_SENSOR] & 0x0f;
	ev->epow.modifier = p[EP_MODIFIER] & 0x0f;
	ev->epow.extended_modifier = p[EP_EXTENDED];
	memcpy(ev->epow.reason, p + EP_REASON, sizeof(ev->epow.reason));
	ev->has |= DLPAR_RTAS_HAS_EP;
}

static int read_hp(struct walk *w, size_t pos, size_t len)
{
	struct dlpar_rtas_event *ev = w->ev;
	struct dlpar_rtas_hotplug hp;
	size_t err_off;
	int rc;

	rc = dlpar_rtas_hotplug_decode(&hp, &err_off, w->buf + pos, len);
	if (rc < 0) {
		fail(w, rc, pos + err_off);
		return 0;
	}
	if (ev->has & DLPAR_RTAS_HAS_HP)
		return 1;
	if (hp.id_type == DLPAR_ID_DRC_NAME)
		hp.name_off += (uint32_t)pos;
	ev->hp = hp;
	ev->has |= DLPAR_RTAS_HAS_HP;
	return 1;
}

/*
 * What stands inside of a section is to be right, too. Such a section is
 * listed nevertheless: its own bounds are sound.
 */
static int check_section(struct walk *w, const struct dlpar_rtas_layout *layout,
			 size_t pos, size_t len)
{
	const uint8_t *p = w->buf + pos;
	size_t off = 0;
	size_t n;
	int rc = 0;

	if (!rtas_rows_fit(layout, p, len))
		rc = DLPAR_ERR_RECORD;
	else
		rc = dlpar_rtas_records(NULL, 0, &n, &off, layout->id, p, len);
	if (!rc)
		return 1;
	add_part(w, layout->id, pos, len);
	fail(w, rc, pos + off);
	return 0;
}

/* What the summary tells of a section; false where the section is wrong. */
static int read_section(struct walk *w, const struct dlpar_rtas_layout *layout,
			size_t pos, size_t len)
{
	switch (layout->id) {
	case DLPAR_RTAS_PH:
		read_ph(w->ev, w->buf + pos);
		return 1;
	case DLPAR_RTAS_UH:
		w->ev->has |= DLPAR_RTAS_HAS_UH;
		return 1;
	case DLPAR_RTAS_EP:
		read_ep(w->ev, w->buf + pos);
		return 1;
	case DLPAR_RTAS_HP:
		return read_hp(w, pos, len);
	default:
		return !layout->checked || check_section(w, layout, pos, len);
	}
}

/* Length of the section at @pos; 0 where it is none that fits. */
static size_t section_len(struct walk *w, size_t pos, uint32_t *id,
			  const struct dlpar_rtas_layout **layout)
{
	size_t left = w->end - pos;
	size_t len;

	if (left < SEC_DATA) {
		fail(w, DLPAR_ERR_BADLENGTH, pos);
		return 0;
	}
	*id = wire_get16(w->buf + pos + SEC_ID);
	len = wire_get16(w->buf + pos + SEC_LENGTH);
	*layout = rtas_layout_find(*id);
	if (len < (*layout)->min_len) {
		fail(w, DLPAR_ERR_SECTION, pos);
		return 0;
	}
	if (len > left) {
		fail(w, DLPAR_ERR_BADLENGTH, pos);
		return 0;
	}
	return len;
}

/* The section at @pos, the @nth; where the next one is, or 0. */
static size_t walk_section(struct walk *w, size_t pos, int nth)
{
	const struct dlpar_rtas_layout *layout;
	uint32_t id = 0;
	size_t len;

	len = section_len(w, pos, &id, &layout);
	if (!len)
		return 0;
	if (!in_order(w, id, nth)) {
		fail(w, DLPAR_ERR_SECTORDER, pos);
		return 0;
	}
	if (!read_section(w, layout, pos, len))
		return 0;
	add_part(w, id, pos, len);
	return pos + len;
}

static void walk_sections(struct walk *w)
{
	size_t pos = EVENT_SECTIONS;
	int nth;

	for (nth = 0; pos < w->end; nth++) {
		pos = walk_section(w, pos, nth);
		if (!pos)
			return;
	}
	if (nth == 1 && w->ev->has & DLPAR_RTAS_HAS_PH)
		fail(w, DLPAR_ERR_SECTORDER, pos);
}

/* A log that begins with PH has no length: PH tells how many sections. */
static void walk_pel(struct walk *w)
{
	size_t pos = 0;
	int count = 1;
	int nth;

	if (w->len < SEC_DATA) {
		fail(w, DLPAR_ERR_TRUNCATED, 0);
		return;
	}
	if (wire_get16(w->buf + SEC_ID) != DLPAR_RTAS_PH) {
		fail(w, DLPAR_ERR_FORMAT, 0);
		return;
	}
	w->end = w->len;
	for (nth = 0; nth < count; nth++) {
		if (pos == w->len) {
			fail(w, DLPAR_ERR_TRUNCATED, pos);
			return;
		}
		pos = walk_section(w, pos, nth);
		if (!pos)
			return;
		if (nth == 0 && w->buf[PH_SECTIONS] > 1)
			count = w->buf[PH_SECTIONS];
	}
	w->end = pos;
	if (count == 1)
		fail(w, DLPAR_ERR_SECTORDER, pos);
}

/*
 * Version 6. Linux looks at format and company only; the version is not its
 * concern, nor is a later one ours.
 */
static void walk_v6(struct walk *w)
{
	const uint8_t *ext = w->buf + EVENT_EXTHDR;

	if (w->end < EVENT_SECTIONS) {
		fail(w, DLPAR_ERR_BADLENGTH, HDR_LENGTH);
	} else if ((ext[EXT_FORMAT] & 0x0f) != EXT_FORMAT_PLATFORM) {
		fail(w, DLPAR_ERR_FORMAT, EVENT_EXTHDR + EXT_FORMAT);
	} else if (wire_get32(ext + EXT_COMPANY) != EXT_COMPANY_IBM) {
		fail(w, DLPAR_ERR_FORMAT, EVENT_EXTHDR + EXT_COMPANY);
	} else {
		add_part(w, DLPAR_RTAS_EXTHDR, EVENT_EXTHDR, EXT_V6_LEN);
		walk_sections(w);
	}
}

/* Before version 6: one body, and what is left is the vendor's. */
static void walk_v5(struct walk *w)
{
	const uint8_t *ext = w->buf + EVENT_EXTHDR;
	size_t pos = EVENT_V5_BODY;
	uint32_t part;
	size_t len;

	if (w->end < EVENT_V5_BODY) {
		fail(w, DLPAR_ERR_BADLENGTH, HDR_LENGTH);
		return;
	}
	part = rtas_layout_v5_part(ext[EXT_FORMAT]);
	if (!part) {
		fail(w, DLPAR_ERR_FORMAT, EVENT_EXTHDR + EXT_FORMAT);
		return;
	}
	add_part(w, DLPAR_RTAS_EXTHDR, EVENT_EXTHDR, EXT_V5_LEN);
	if (part != DLPAR_RTAS_V5_VENDOR) {
		len = rtas_layout_find(part)->min_len;
		if (len > w->end - pos) {
			fail(w, DLPAR_ERR_BADLENGTH, pos);
			return;
		}
		add_part(w, part, pos, len);
		pos += len;
		if (pos == w->end)
			return;
	}
	len = w->end - pos;
	if (len < rtas_layout_find(DLPAR_RTAS_V5_VENDOR)->min_len)
		fail(w, DLPAR_ERR_BADLENGTH, pos);
	else
		add_part(w, DLPAR_RTAS_V5_VENDOR, pos, len);
}

static int finish(const struct walk *w, size_t *err_off)
{
	w->ev->len = (uint32_t)w->end;
	if (w->err) {
		if (err_off)
			*err_off = w->err_off;
		return w->err;
	}
	if (w->sections && w->ev->n_sections > w->cap)
		return DLPAR_ERR_NOSPACE;
	return (int)w->ev->n_sections;
}

int dlpar_rtas_event_decode(struct dlpar_rtas_event *ev,
			    struct dlpar_rtas_section *sections, size_t cap,
			    size_t *err_off, const uint8_t *buf, size_t len)
{
	struct walk w = {
		.ev = ev, .sections = sections, .cap = sections ? cap : 0,
		.buf = buf, .len = len,
	};

	memset(ev, 0, sizeof(*ev));
	if (read_header(&w)) {
		bound_event(&w);
		if (ev->version < 6)
			walk_v5(&w);
		else
			walk_v6(&w);
	}
	return finish(&w, err_off);
}

int dlpar_rtas_decode(struct dlpar_rtas_decoded *out, const uint8_t *buf,
		      size_t len)
{
	int n = dlpar_rtas_event_decode(&out->ev, out->sections,
					DLPAR_RTAS_PARTS_USUAL, NULL, buf, len);

	if (n < 0)
		return n;
	return (int)((uint8_t *)&out->sections[n] - (uint8_t *)out);
}

int dlpar_rtas_pel_decode(struct dlpar_rtas_event *ev,
			  struct dlpar_rtas_section *sections, size_t cap,
			  size_t *err_off, const uint8_t *buf, size_t len)
{
	struct walk w = {
		.ev = ev, .sections = sections, .cap = sections ? cap : 0,
		.buf = buf, .len = len < UINT32_MAX ? len : UINT32_MAX,
	};

	memset(ev, 0, sizeof(*ev));
	walk_pel(&w);
	return finish(&w, err_off);
}
