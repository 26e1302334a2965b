// SPDX-License-Identifier: Apache-2.0
/*
 * rtas_text.c - a text in pieces, cut into lines.
 *
 * Most lines of most logs have nothing to do with RTAS: they cost one search
 * for their end, and a shared one for the next "RTAS". Must never keep a
 * pointer into a piece beyond the call, nor grow with the text.
 */
#include <string.h>

#include "rtas_text.h"

/* How far ahead of the line to look for what few lines have. */
#define SEARCH_LEN 16384

static const uint8_t mark[] = { 'R', 'T', 'A', 'S' };

size_t dlpar_text_scan_size(void)
{
	return sizeof(struct dlpar_text_scan);
}

void dlpar_text_scan_init(struct dlpar_text_scan *scan)
{
	size_t i;

	scan->offset = 0;
	scan->n_lines = 0;
	scan->order = 0;
	scan->ended_key = 0;
	scan->ended_number = 0;
	scan->has_ended = 0;
	scan->writer = text_writer(scan->writer_prefix, 0);
	scan->writer_len = 0;
	scan->seen_text = 0;
	scan->n_carried = 0;
	scan->dump.kind = 0;
	for (i = 0; i < DLPAR_TEXT_OPEN_MAX; i++)
		scan->events[i].state = TEXT_FREE;
}

static int is_mark(const uint8_t *p, const uint8_t *end)
{
	return (size_t)(end - p) >= sizeof(mark) &&
	       !memcmp(p, mark, sizeof(mark));
}

/* The next "RTAS" in [p, end), or the first place where one could yet begin. */
static const uint8_t *find_mark(const uint8_t *p, const uint8_t *end)
{
	while ((size_t)(end - p) >= sizeof(mark)) {
		p = memchr(p, mark[0], (size_t)(end - p) - sizeof(mark) + 1);
		if (!p)
			return end - sizeof(mark) + 1;
		if (is_mark(p, end))
			return p;
		p++;
	}
	return p;
}

/*
 * As find_mark(), for a line that ends at @nl; most have none, so one search
 * serves many of them, yet not so many that it is in vain when @out is full.
 */
static const uint8_t *find_ahead(const uint8_t *p, const uint8_t *nl,
				 const uint8_t *end)
{
	const uint8_t *from;

	while (p < nl && !is_mark(p, end)) {
		from = p;
		p = find_mark(from, (size_t)(end - from) > SEARCH_LEN ?
				    from + SEARCH_LEN : end);
		if (p == from)
			return nl;
	}
	return p;
}

static int has_room(const struct dlpar_text_output *out)
{
	return out->found_cap - out->n_found >= DLPAR_TEXT_FOUND_MIN &&
	       out->bytes_cap - out->n_bytes >= DLPAR_TEXT_OUT_MIN;
}

/* A line of @full bytes, of which @p has the first; "RTAS" may be at @at. */
static void take_line(struct dlpar_text_scan *scan,
		      struct dlpar_text_output *out, const uint8_t *p,
		      size_t full, size_t at)
{
	struct text_word word;
	struct text_line line = {
		p, full, scan->offset, scan->offset + full, ++scan->n_lines
	};

	scan->offset += full + 1;
	if (line.len > DLPAR_TEXT_LINE_MAX)
		line.len = DLPAR_TEXT_LINE_MAX;
	while (line.len && (p[line.len - 1] == '\r' || p[line.len - 1] == ' ' ||
			    p[line.len - 1] == '\t'))
		line.len--;
	if (at < line.len && text_read_word(&word, &line, at)) {
		text_dump_finish(scan, out);
		text_log_line(scan, out, &line, &word);
		scan->seen_text = 1;
		return;
	}
	text_dump_line(scan, out, &line);
	scan->seen_text |= line.len > 0;
}

static void carry(struct dlpar_text_scan *scan, const uint8_t *p, size_t len)
{
	size_t room = 0;

	if (scan->n_carried < DLPAR_TEXT_LINE_MAX)
		room = DLPAR_TEXT_LINE_MAX - scan->n_carried;
	if (len && room)
		memcpy(scan->carried + scan->n_carried, p,
		       len < room ? len : room);
	scan->n_carried += len;
}

static void take_carried(struct dlpar_text_scan *scan,
			 struct dlpar_text_output *out)
{
	size_t full = scan->n_carried, len = full;
	const uint8_t *p = scan->carried;

	if (len > DLPAR_TEXT_LINE_MAX)
		len = DLPAR_TEXT_LINE_MAX;
	scan->n_carried = 0;
	take_line(scan, out, p, full, (size_t)(find_mark(p, p + len) - p));
}

/* All whole lines there is room for; what is left of [p, end). */
static const uint8_t *take_lines(struct dlpar_text_scan *scan,
				 struct dlpar_text_output *out,
				 const uint8_t *p, const uint8_t *end)
{
	const uint8_t *at = p, *nl;

	while (p < end && has_room(out)) {
		nl = memchr(p, '\n', (size_t)(end - p));
		if (!nl)
			break;
		at = find_ahead(at < p ? p : at, nl, end);
		take_line(scan, out, p, (size_t)(nl - p), (size_t)(at - p));
		p = nl + 1;
	}
	return p;
}

static int finish(struct dlpar_text_scan *scan, struct dlpar_text_output *out)
{
	if (scan->n_carried)
		take_carried(scan, out);
	if (!has_room(out))
		return 1;
	text_dump_finish(scan, out);
	text_log_finish(scan, out);
	return 0;
}

int dlpar_text_scan_feed(struct dlpar_text_scan *scan,
			 struct dlpar_text_output *out, const uint8_t *text,
			 size_t len, int last)
{
	const uint8_t *p = text, *end = text, *nl;

	out->n_found = 0;
	out->n_bytes = 0;
	out->n_damaged = 0;
	out->used = 0;
	if (!has_room(out))
		return DLPAR_ERR_BADARG;
	if (len) {
		end = text + len;
		if (scan->n_carried) {
			nl = memchr(p, '\n', len);
			carry(scan, p, (size_t)((nl ? nl : end) - p));
			p = end;
			if (nl) {
				take_carried(scan, out);
				p = nl + 1;
			}
		}
		p = take_lines(scan, out, p, end);
		if (has_room(out)) {
			carry(scan, p, (size_t)(end - p));
			p = end;
		}
		out->used = (size_t)(p - text);
	}
	if (p != end)
		return 1;
	return last ? finish(scan, out) : 0;
}
