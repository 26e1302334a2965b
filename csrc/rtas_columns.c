// SPDX-License-Identifier: Apache-2.0
/*
 * rtas_columns.c - RTAS events stored back to back, to one row each.
 *
 * LoPAR 7.3.3. What an event is and whether it is sound, rtas_walk.c decides;
 * here its sections are looked at once more, hopping over lengths that the
 * walk found to be within the event. Must never look at a part that the walk
 * did not list.
 */
#include "rtas_batch.h"
#include "rtas_layout.h"
#include "wire.h"

/* A call-out, as far as its location code. */
enum {
	CALLOUT_PLACE_LENGTH = 3,
	CALLOUT_PLACE = 4
};

/* What a row has of its sections. */
struct row {
	uint32_t has;
	uint32_t entry_id;
	uint32_t place_off;
	uint16_t action_flags;
	uint8_t place_len;
	uint8_t creator;
	uint8_t subsystem;
	uint8_t severity;
	uint8_t type;
	uint8_t code[DLPAR_RTAS_CODE_LEN];
};

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

/* The bits of sections that the row has nothing else of. */
static uint32_t section_bit(uint32_t id)
{
	switch (id) {
	case DLPAR_RTAS_HP: return DLPAR_RTAS_HAS_HP;
	case DLPAR_RTAS_EP: return DLPAR_RTAS_HAS_EP;
	case DLPAR_RTAS_SS: return DLPAR_RTAS_ROW_SS;
	case DLPAR_RTAS_MT: return DLPAR_RTAS_ROW_MT;
	case DLPAR_RTAS_LR: return DLPAR_RTAS_ROW_LR;
	case DLPAR_RTAS_LP: return DLPAR_RTAS_ROW_LP;
	case DLPAR_RTAS_IE: return DLPAR_RTAS_ROW_IE;
	case DLPAR_RTAS_DH: return DLPAR_RTAS_ROW_DH;
	case DLPAR_RTAS_MC: return DLPAR_RTAS_ROW_MC;
	case DLPAR_RTAS_EH: return DLPAR_RTAS_ROW_EH;
	case DLPAR_RTAS_ED: return DLPAR_RTAS_ROW_ED;
	case DLPAR_RTAS_EI: return DLPAR_RTAS_ROW_EI;
	case DLPAR_RTAS_MI: return DLPAR_RTAS_ROW_MI;
	case DLPAR_RTAS_SW: return DLPAR_RTAS_ROW_SW;
	case DLPAR_RTAS_UD: return DLPAR_RTAS_ROW_UD;
	case DLPAR_RTAS_CH: return DLPAR_RTAS_ROW_CH;
	case DLPAR_RTAS_HM: return DLPAR_RTAS_ROW_HM;
	default: return DLPAR_RTAS_ROW_UNKNOWN;
	}
}

static void read_uh(struct row *r, const uint8_t *p)
{
	r->subsystem = p[UH_SUBSYSTEM];
	r->severity = p[UH_SEVERITY];
	r->type = p[UH_TYPE];
	r->action_flags = wire_get16(p + UH_ACTION);
	r->has |= DLPAR_RTAS_HAS_UH;
}

/* The first PS: its code, and the location code of its first call-out. */
static void read_ps(struct row *r, const uint8_t *p, size_t len, size_t pos)
{
	struct dlpar_rtas_record callout;
	size_t place_len;
	const uint8_t *nul;
	size_t n = 0;

	if (r->has & DLPAR_RTAS_ROW_PS)
		return;
	r->has |= DLPAR_RTAS_ROW_PS;
	memcpy(r->code, p + SRC_CODE, sizeof(r->code));
	if (len <= SRC_CALLOUTS)
		return;
	dlpar_rtas_records(&callout, 1, &n, NULL, DLPAR_RTAS_PS, p, len);
	if (!n)
		return;
	p += callout.off;
	place_len = p[CALLOUT_PLACE_LENGTH];
	if (!place_len || place_len > callout.len - CALLOUT_PLACE)
		return;
	nul = memchr(p + CALLOUT_PLACE, 0, place_len);
	if (nul)
		place_len = (size_t)(nul - (p + CALLOUT_PLACE));
	r->place_off = (uint32_t)(pos + callout.off + CALLOUT_PLACE);
	r->place_len = (uint8_t)place_len;
	r->has |= DLPAR_RTAS_ROW_LOCATION;
}

/* All sections that the walk listed, behind both headers if there are any. */
static void read_sections(struct row *r, const struct dlpar_rtas_event *ev,
			  const uint8_t *buf, int headless)
{
	size_t pos = headless ? 0 : EVENT_SECTIONS;
	const uint8_t *p;
	uint32_t i, id;
	size_t len;

	for (i = headless ? 0 : 2; i < ev->n_sections; i++, pos += len) {
		p = buf + pos;
		id = wire_get16(p + SEC_ID);
		len = wire_get16(p + SEC_LENGTH);
		if (id == DLPAR_RTAS_PH) {
			r->creator = p[PH_CREATOR];
			r->entry_id = wire_get32(p + PH_ENTRY);
			r->has |= DLPAR_RTAS_HAS_PH;
		} else if (id == DLPAR_RTAS_UH) {
			read_uh(r, p);
		} else if (id == DLPAR_RTAS_PS) {
			read_ps(r, p, len, pos);
		} else {
			r->has |= section_bit(id);
		}
	}
}

static void read_row(struct row *r, const struct dlpar_rtas_event *ev,
		     const uint8_t *buf, int headless)
{
	memset(r, 0, sizeof(*r));
	if (headless)
		r->has |= DLPAR_RTAS_ROW_HEADLESS;
	else if (ev->n_sections)
		r->has |= DLPAR_RTAS_ROW_HEADER;
	if (headless || ev->version >= 6)
		read_sections(r, ev, buf, headless);
	else if (ev->n_sections > 2)
		r->has |= DLPAR_RTAS_ROW_V5;
	if (!(ev->has & DLPAR_RTAS_HAS_HP))
		return;
	if (ev->hp.id_type == DLPAR_ID_DRC_INDEX ||
	    ev->hp.id_type == DLPAR_ID_INDEXED_COUNT)
		r->has |= DLPAR_RTAS_ROW_INDEX;
	if (ev->hp.id_type == DLPAR_ID_DRC_COUNT ||
	    ev->hp.id_type == DLPAR_ID_INDEXED_COUNT)
		r->has |= DLPAR_RTAS_ROW_COUNT;
	if (ev->hp.capabilities & DLPAR_HP_TOKEN)
		r->has |= DLPAR_RTAS_ROW_TOKEN;
}

/* Two BCD digits; above 99 where they are none. */
static unsigned int bcd(uint32_t word, int shift)
{
	unsigned int high = word >> (shift + 4) & 0x0f;
	unsigned int low = word >> shift & 0x0f;

	return high > 9 || low > 9 ? 100 : high * 10 + low;
}

static unsigned int days_of(unsigned int year, unsigned int month)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30,
					31, 31, 30, 31, 30, 31 };
	int leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return month == 2 && leap ? 29 : days[month - 1];
}

/*
 * Days since 1970-01-01, of the proleptic Gregorian calendar; the year is
 * taken to begin in March, so that a leap day is its last.
 */
static int64_t days_since_epoch(unsigned int year, unsigned int month,
				unsigned int day)
{
	unsigned int y = month > 2 ? year : year - 1;
	unsigned int m = month > 2 ? month - 3 : month + 9;
	unsigned int of_year = (153 * m + 2) / 5 + day - 1;

	return (int64_t)365 * y + y / 4 - y / 100 + y / 400 + of_year - 719468;
}

/* Milliseconds since 1970-01-01; false where date or time are none. */
static int timestamp(int64_t *out, uint32_t date, uint32_t time)
{
	unsigned int century = bcd(date, 24), year = bcd(date, 16);
	unsigned int month = bcd(date, 8), day = bcd(date, 0);
	unsigned int hour = bcd(time, 24), minute = bcd(time, 16);
	unsigned int second = bcd(time, 8), part = bcd(time, 0);

	if (century > 99 || year > 99 || month - 1 > 11 || part > 99)
		return 0;
	year += century * 100;
	if (!year || day - 1 >= days_of(year, month))
		return 0;
	if (hour > 23 || minute > 59 || second > 59)
		return 0;
	*out = days_since_epoch(year, month, day) * 86400000 +
	       (hour * 3600 + minute * 60 + second) * INT64_C(1000) +
	       part * 10;
	return 1;
}

/* When the event was made, by PH; before version 6 by the extended header. */
static int created(int64_t *ms, const struct dlpar_rtas_event *ev,
		   const uint8_t *buf, int headless)
{
	const uint8_t *ext = buf + EVENT_EXTHDR;

	if (ev->has & DLPAR_RTAS_HAS_PH)
		return timestamp(ms, ev->date, ev->time);
	return !headless && ev->n_sections > 1 &&
	       timestamp(ms, wire_get32(ext + EXT_DATE),
			 wire_get32(ext + EXT_TIME));
}

static void put_event(const struct dlpar_rtas_columns *c, size_t row,
		      const struct dlpar_rtas_event *ev)
{
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
	c->target[row] = ev->target;
	c->version[row] = ev->version;
	c->resource[row] = ev->hp.resource;
	c->action[row] = ev->hp.action;
	c->id_type[row] = ev->hp.id_type;
	c->capabilities[row] = ev->hp.capabilities;
	c->epow_action[row] = ev->epow.action;
	c->epow_modifier[row] = ev->epow.modifier;
}

static void put_row(const struct dlpar_rtas_columns *c, size_t row,
		    const struct dlpar_rtas_event *ev, const uint8_t *buf,
		    int headless)
{
	struct row r;
	int64_t ms = 0;

	read_row(&r, ev, buf, headless);
	if (created(&ms, ev, buf, headless))
		r.has |= DLPAR_RTAS_ROW_TIMESTAMP;
	put_event(c, row, ev);
	c->timestamp[row] = ms;
	c->source[row] = 0;
	c->line[row] = 0;
	c->fault[row] = DLPAR_TEXT_GOOD;
	c->has[row] = r.has;
	c->entry_id[row] = r.entry_id;
	c->location_offset[row] = r.place_off;
	c->location_length[row] = r.place_len;
	c->action_flags[row] = r.action_flags;
	c->creator[row] = r.creator;
	c->subsystem[row] = r.subsystem;
	c->event_severity[row] = r.severity;
	c->event_type[row] = r.type;
	memcpy(c->reference_code + row * DLPAR_RTAS_CODE_LEN, r.code,
	       sizeof(r.code));
	c->damage[row] = DLPAR_OK;
	c->damage_offset[row] = 0;
}

static void put_damage(const struct dlpar_rtas_columns *c, size_t row, int err,
		       size_t off)
{
	c->has[row] |= DLPAR_RTAS_ROW_DAMAGED;
	c->damage[row] = err;
	c->damage_offset[row] = off;
}

int dlpar_rtas_decode_columns(const struct dlpar_rtas_columns *cols, size_t cap,
			      size_t *n_rows, size_t *err_off,
			      const uint8_t *buf, size_t len, uint32_t flags)
{
	struct dlpar_rtas_event ev;
	size_t pos = 0;
	size_t row = 0;
	size_t off = 0;
	int rc = 0;

	if (flags & ~(uint32_t)DLPAR_RTAS_TOLERANT)
		return DLPAR_ERR_BADARG;
	for (; pos < len; row++) {
		rc = DLPAR_ERR_NOSPACE;
		if (row == cap)
			break;
		off = 0;
		rc = dlpar_rtas_event_decode(&ev, NULL, 0, &off, buf + pos,
					     len - pos);
		if (rc < 0 && !flags)
			break;
		put_row(cols, row, &ev, buf + pos, 0);
		if (rc < 0) {
			put_damage(cols, row, rc, pos + off);
			ev.len = (uint32_t)rtas_event_len(buf + pos,
							  len - pos);
		}
		rc = 0;
		cols->offset[row] = pos;
		cols->place[row] = pos;
		cols->length[row] = ev.len;
		pos += ev.len;
	}
	*n_rows = row;
	if (rc >= 0)
		return DLPAR_OK;
	if (err_off)
		*err_off = rc == DLPAR_ERR_NOSPACE ? pos : pos + off;
	return rc;
}

int rtas_columns_place(const struct dlpar_rtas_columns *cols, size_t row,
		       size_t *err_off, const uint8_t *buf,
		       const struct dlpar_rtas_place *at)
{
	const uint8_t *p = buf + at->offset;
	struct dlpar_rtas_event ev;
	size_t off = 0;
	int rc;

	rc = at->headless ?
	     dlpar_rtas_pel_decode(&ev, NULL, 0, &off, p, at->length) :
	     dlpar_rtas_event_decode(&ev, NULL, 0, &off, p, at->length);
	if (at->fault)
		rc = DLPAR_ERR_TEXT;
	put_row(cols, row, &ev, p, at->headless);
	*err_off = (size_t)at->offset + off;
	if (rc < 0)
		put_damage(cols, row, rc, *err_off);
	cols->offset[row] = at->offset;
	cols->place[row] = at->place;
	cols->length[row] = at->length;
	if (at->line) {
		cols->line[row] = at->line;
		cols->fault[row] = at->fault;
		cols->has[row] |= DLPAR_RTAS_ROW_LINE;
	}
	if (at->source != DLPAR_RTAS_NO_SOURCE) {
		cols->source[row] = at->source;
		cols->has[row] |= DLPAR_RTAS_ROW_SOURCE;
	}
	return rc < 0 ? rc : DLPAR_OK;
}
