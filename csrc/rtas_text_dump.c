// SPDX-License-Identifier: Apache-2.0
/*
 * rtas_text_dump.c - events in plain hex dumps, back to back.
 *
 * Nothing marks these lines, so those of a text that merely has digits in it
 * must not be taken for an event: a dump is believed when it begins the text,
 * or when it begins as events with sections do. Must never report or decode
 * what it does not believe.
 */
#include <string.h>

#include "rtas_layout.h"
#include "rtas_text.h"

/* Bytes that tell an event with sections from other digits. */
#define TELLING_LEN (HDR_LEN + EXT_TIME)
#define VERSION_LAST 6
#define VERSION_SECTIONS 6
#define EXTENDED 0x04
#define FORMAT_BITS 0x8f
#define FORMAT_V6 (0x80 | EXT_FORMAT_PLATFORM)

static int looks_like_event(const uint8_t *p, size_t len)
{
	uint8_t format;

	if (len < TELLING_LEN || !p[HDR_VERSION] ||
	    p[HDR_VERSION] > VERSION_LAST || !(p[HDR_FLAGS] & EXTENDED))
		return 0;
	format = p[HDR_LEN + EXT_FORMAT] & FORMAT_BITS;
	return p[HDR_VERSION] == VERSION_SECTIONS ? format == FORMAT_V6 :
						   format > 0x80;
}

/* Is this dump one of events, whatever the next of them looks like? */
static int is_believed(const struct text_dump *dump)
{
	return dump->at_top || dump->n_events;
}

/* Give up on the rest of the dump, and say so if it was one of events. */
static void give_up(struct text_dump *dump, struct dlpar_text_output *out,
		    int reason, uint64_t expected, uint64_t got)
{
	struct text_event *ev = &dump->ev;

	dump->skip = 1;
	if (is_believed(dump) || looks_like_event(ev->data, ev->n_bytes)) {
		text_event_spoil(ev, reason, expected, got);
		text_event_emit(ev, out);
	}
	ev->state = TEXT_FREE;
}

static void take_event(struct text_dump *dump, struct dlpar_text_output *out)
{
	struct text_event *ev = &dump->ev;
	struct dlpar_rtas_event decoded;
	size_t err_off = 0;
	int rc;

	rc = dlpar_rtas_event_decode(&decoded, NULL, 0, &err_off, ev->data,
				     ev->n_bytes);
	if (rc == DLPAR_ERR_BADVERSION || (rc < 0 && !is_believed(dump))) {
		give_up(dump, out, DLPAR_TEXT_NOEVENT, 0, err_off);
		return;
	}
	if (!is_believed(dump) && !looks_like_event(ev->data, ev->n_bytes)) {
		dump->skip = 1;
		ev->state = TEXT_FREE;
		return;
	}
	text_event_emit(ev, out);
	dump->n_events++;
}

/* Zeros after an event are padding; an event does not begin with one. */
static size_t skip_padding(const struct text_dump *dump, const uint8_t *p,
			   size_t len)
{
	size_t n = 0;

	while (dump->n_events && n < len && !p[n])
		n++;
	return n;
}

/* Add what the event lacks of [p, p + len); how much that was. */
static size_t fill_event(struct text_dump *dump, struct dlpar_text_output *out,
			 const uint8_t *p, size_t len)
{
	struct text_event *ev = &dump->ev;
	size_t want = ev->need ? (size_t)ev->need : HDR_LEN;

	if (len > want - ev->n_bytes)
		len = want - ev->n_bytes;
	memcpy(ev->data + ev->n_bytes, p, len);
	ev->n_bytes += len;
	if (ev->n_bytes < want)
		return len;
	if (!ev->need)
		ev->need = text_event_need(ev->data, ev->n_bytes);
	if (ev->need > DLPAR_TEXT_EVENT_MAX)
		give_up(dump, out, DLPAR_TEXT_TOOBIG, DLPAR_TEXT_EVENT_MAX,
			ev->need);
	else if (ev->n_bytes == ev->need)
		take_event(dump, out);
	return len;
}

static void take_bytes(struct text_dump *dump, struct dlpar_text_output *out,
		       const struct text_line *line, const uint8_t *p,
		       size_t len)
{
	struct text_event *ev = &dump->ev;
	size_t n;

	while (len && !dump->skip) {
		n = 0;
		if (ev->state == TEXT_FREE)
			n = skip_padding(dump, p, len);
		if (n == len)
			return;
		if (ev->state == TEXT_FREE)
			text_event_start(ev, line, 0, dump->kind);
		text_event_extend(ev, line);
		p += n;
		len -= n;
		n = fill_event(dump, out, p, len);
		p += n;
		len -= n;
	}
}

void text_dump_finish(struct dlpar_text_scan *scan,
		      struct dlpar_text_output *out)
{
	struct text_dump *dump = &scan->dump;
	struct text_event *ev = &dump->ev;

	if (!dump->kind)
		return;
	if (ev->state == TEXT_OPEN) {
		if (!ev->need && ev->n_bytes >= HDR_SUMMARY_LEN)
			ev->need = text_event_need(ev->data, ev->n_bytes);
		if (ev->n_bytes == ev->need)
			take_event(dump, out);
		else
			give_up(dump, out, DLPAR_TEXT_SHORT,
				ev->need ? ev->need : HDR_SUMMARY_LEN,
				ev->n_bytes);
	}
	dump->kind = 0;
}

static void begin(struct text_dump *dump, int kind, int at_top)
{
	dump->kind = kind;
	dump->at_top = at_top;
	dump->skip = 0;
	dump->n_events = 0;
	dump->offset = 0;
	dump->ev.state = TEXT_FREE;
	dump->ev.n_bytes = 0;
}

static int goes_on(const struct text_dump *dump,
		   const struct text_dump_row *row)
{
	if (!dump->kind || (row->has_offset && !row->offset && dump->offset))
		return 0;
	return row->kind == dump->kind ||
	       (dump->kind == DLPAR_TEXT_ERRPT && row->kind == DLPAR_TEXT_BARE);
}

static void take_dump_row(struct text_dump *dump, struct dlpar_text_output *out,
			  const struct text_line *line,
			  const struct text_dump_row *row, const uint8_t *bytes)
{
	if (dump->skip)
		return;
	if (row->has_offset && row->offset != dump->offset) {
		if (dump->ev.state == TEXT_FREE)
			text_event_start(&dump->ev, line, 0, dump->kind);
		text_event_extend(&dump->ev, line);
		give_up(dump, out, DLPAR_TEXT_LOST, dump->offset, row->offset);
		return;
	}
	dump->offset += row->n_bytes;
	take_bytes(dump, out, line, bytes, row->n_bytes);
}

/* Any line that is none of a log. */
void text_dump_line(struct dlpar_text_scan *scan, struct dlpar_text_output *out,
		    const struct text_line *line)
{
	struct text_dump *dump = &scan->dump;
	struct text_dump_row row;
	int at_top = !scan->seen_text || (dump->kind && dump->at_top);

	text_read_dump(&row, scan->row, line);
	if (row.kind == DLPAR_TEXT_BARE && row.has_offset) {
		row.has_offset = dump->kind == DLPAR_TEXT_HEXDUMP;
		if (row.has_offset) {
			row.kind = DLPAR_TEXT_HEXDUMP;
			row.n_bytes = 0;
		}
	}
	if (!row.kind) {
		if (line->len || !at_top)
			text_dump_finish(scan, out);
		return;
	}
	if (!goes_on(dump, &row)) {
		text_dump_finish(scan, out);
		begin(dump, row.kind, at_top);
	}
	take_dump_row(dump, out, line, &row, scan->row);
}
