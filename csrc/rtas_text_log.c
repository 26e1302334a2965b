// SPDX-License-Identifier: Apache-2.0
/*
 * rtas_text_log.c - the events of a log, put together from its lines.
 *
 * Each writer has its events; mostly one is open. A row goes to the event that
 * expects its number. Where that leaves a doubt - two of a writer's events may
 * be meant, a row is missing, differs when repeated, is cut - the event is
 * damaged. Must never give out bytes that a lost or a strange line could have
 * made wrong.
 */
#include <string.h>

#include "rtas_layout.h"
#include "rtas_text.h"
#include "wire.h"

static uint32_t clamp32(uint64_t value)
{
	return value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

void text_event_start(struct text_event *ev, const struct text_line *line,
		      size_t prefix_len, int kind)
{
	memset(&ev->found, 0, sizeof(ev->found));
	if (prefix_len > DLPAR_TEXT_PREFIX_MAX)
		prefix_len = DLPAR_TEXT_PREFIX_MAX;
	memcpy(ev->prefix, line->p, prefix_len);
	ev->found.prefix_len = (uint32_t)prefix_len;
	ev->found.kind = (uint8_t)kind;
	ev->found.first_line = line->number;
	ev->found.start = line->start;
	ev->state = TEXT_OPEN;
	ev->next = 0;
	ev->need = 0;
	ev->n_bytes = 0;
	text_event_extend(ev, line);
}

void text_event_extend(struct text_event *ev, const struct text_line *line)
{
	ev->found.last_line = line->number;
	ev->found.end = line->end;
}

/* The first thing wrong is the one that counts. */
void text_event_spoil(struct text_event *ev, int reason, uint64_t expected,
		      uint64_t got)
{
	if (ev->found.reason)
		return;
	ev->found.reason = (uint8_t)reason;
	ev->found.expected = clamp32(expected);
	ev->found.got = clamp32(got);
}

/* Write the event out; there is room, see DLPAR_TEXT_OUT_MIN. */
void text_event_emit(struct text_event *ev, struct dlpar_text_output *out)
{
	struct dlpar_text_found *found = &out->found[out->n_found++];
	uint8_t *p = out->bytes + out->n_bytes;

	*found = ev->found;
	found->data_off = (uint32_t)out->n_bytes;
	found->data_len = 0;
	if (!found->reason)
		found->data_len = (uint32_t)ev->need;
	memcpy(p, ev->data, found->data_len);
	found->prefix_off = found->data_off + found->data_len;
	memcpy(p + found->data_len, ev->prefix, found->prefix_len);
	out->n_bytes += found->data_len + found->prefix_len;
	ev->state = TEXT_FREE;
}

/*
 * Bytes of the event that @data begins with, by its length word; the scope of
 * a PRRN is not one. A summary word may stand alone.
 */
uint64_t text_event_need(const uint8_t *data, size_t len)
{
	int extended = data[HDR_FLAGS] & 0x04;

	if (len < HDR_LEN)
		return extended || data[HDR_TYPE] == DLPAR_EVENT_PRRN ?
		       HDR_LEN : HDR_SUMMARY_LEN;
	if (!extended || data[HDR_TYPE] == DLPAR_EVENT_PRRN)
		return HDR_LEN;
	return HDR_LEN + (uint64_t)wire_get32(data + HDR_LENGTH);
}

static int is_complete(const struct text_event *ev)
{
	return !ev->found.reason && ev->need && ev->n_bytes >= ev->need;
}

/* Does the event hold this row already, byte for byte? */
static int holds_row(const struct text_event *ev, const struct text_word *word)
{
	size_t off = (size_t)word->number * TEXT_ROW_LEN;

	if (word->what != TEXT_ROW || word->number >= ev->next ||
	    off > ev->n_bytes || word->n_bytes > ev->n_bytes - off)
		return 0;
	if (word->n_bytes < TEXT_ROW_LEN && word->number + 1 < ev->next)
		return 0;
	return !memcmp(ev->data + off, word->bytes, word->n_bytes);
}

static void append_row(struct text_event *ev, const struct text_word *word)
{
	size_t full = (size_t)ev->next * TEXT_ROW_LEN;

	if (ev->n_bytes != full) {
		text_event_spoil(ev, DLPAR_TEXT_ROW, TEXT_ROW_LEN,
				 ev->n_bytes + TEXT_ROW_LEN - full);
		return;
	}
	if (word->n_bytes > DLPAR_TEXT_EVENT_MAX - ev->n_bytes) {
		text_event_spoil(ev, DLPAR_TEXT_TOOBIG, DLPAR_TEXT_EVENT_MAX,
				 ev->n_bytes + word->n_bytes);
		return;
	}
	memcpy(ev->data + ev->n_bytes, word->bytes, word->n_bytes);
	ev->n_bytes += word->n_bytes;
	if (!ev->next && ev->n_bytes >= HDR_SUMMARY_LEN)
		ev->need = text_event_need(ev->data, ev->n_bytes);
	ev->next++;
}

/* Does all of it stand where the length word says that it does? */
static void judge(struct text_event *ev)
{
	uint64_t need = ev->need ? ev->need : HDR_SUMMARY_LEN;
	size_t i;

	if (ev->found.reason)
		return;
	if (!ev->next) {
		text_event_spoil(ev, DLPAR_TEXT_EMPTY, 1, 0);
	} else if (need > DLPAR_TEXT_EVENT_MAX) {
		text_event_spoil(ev, DLPAR_TEXT_TOOBIG, DLPAR_TEXT_EVENT_MAX,
				 need);
	} else if (ev->n_bytes < need) {
		text_event_spoil(ev, DLPAR_TEXT_SHORT, need, ev->n_bytes);
	} else {
		for (i = (size_t)need; i < ev->n_bytes; i++)
			if (ev->data[i])
				text_event_spoil(ev, DLPAR_TEXT_LONG, need,
						 ev->n_bytes);
		ev->found.padding = (uint32_t)(ev->n_bytes - need);
	}
}

static int overlap(const struct text_event *a, const struct text_event *b)
{
	return a->found.first_line <= b->found.last_line &&
	       b->found.first_line <= a->found.last_line;
}

/* The event of this writer that began first among those in @state. */
static struct text_event *oldest(struct dlpar_text_scan *scan, uint64_t key,
				 enum text_state state)
{
	struct text_event *ev, *best = NULL;
	size_t i;

	for (i = 0; i < DLPAR_TEXT_OPEN_MAX; i++) {
		ev = &scan->events[i];
		if (ev->state == state && ev->key == key &&
		    (!best || ev->order < best->order))
			best = ev;
	}
	return best;
}

/*
 * All events of the writer have ended: give them out. One that ran alongside
 * of a damaged one may have its rows, and is not trusted either.
 */
static void flush(struct dlpar_text_scan *scan, struct dlpar_text_output *out,
		  uint64_t key)
{
	struct text_event *ev, *other;
	uint32_t damaged = 0;
	size_t i, j;

	for (i = 0; i < DLPAR_TEXT_OPEN_MAX; i++) {
		other = &scan->events[i];
		if (other->state == TEXT_DONE && other->key == key &&
		    other->found.reason)
			damaged |= UINT32_C(1) << i;
	}
	for (i = 0; damaged && i < DLPAR_TEXT_OPEN_MAX; i++) {
		other = &scan->events[i];
		for (j = 0; damaged >> i & 1 && j < DLPAR_TEXT_OPEN_MAX; j++) {
			ev = &scan->events[j];
			if (ev->state == TEXT_DONE && ev->key == key &&
			    overlap(ev, other))
				text_event_spoil(ev, DLPAR_TEXT_MIXED,
						 other->next, ev->next);
		}
	}
	while ((ev = oldest(scan, key, TEXT_DONE)))
		text_event_emit(ev, out);
}

/* The event has ended. Others that had no line since it began are dead. */
static void close_event(struct dlpar_text_scan *scan,
			struct dlpar_text_output *out, struct text_event *ev)
{
	struct text_event *other;
	int alive = 0;
	size_t i;

	judge(ev);
	ev->state = TEXT_DONE;
	for (i = 0; i < DLPAR_TEXT_OPEN_MAX; i++) {
		other = &scan->events[i];
		if (other->state != TEXT_OPEN || other->key != ev->key)
			continue;
		if (other->found.last_line < ev->found.first_line) {
			judge(other);
			other->state = TEXT_DONE;
		} else {
			alive = 1;
		}
	}
	if (!alive)
		flush(scan, out, ev->key);
}

/* Room for one more event; the writer of the oldest has to make it. */
static struct text_event *free_event(struct dlpar_text_scan *scan,
				     struct dlpar_text_output *out)
{
	struct text_event *ev = &scan->events[0];
	uint64_t key;
	size_t i;

	for (i = 0; i < DLPAR_TEXT_OPEN_MAX; i++) {
		if (scan->events[i].state == TEXT_FREE)
			return &scan->events[i];
		if (scan->events[i].order < ev->order)
			ev = &scan->events[i];
	}
	key = ev->key;
	for (i = 0; i < DLPAR_TEXT_OPEN_MAX; i++) {
		ev = &scan->events[i];
		if (ev->state == TEXT_OPEN && ev->key == key) {
			judge(ev);
			ev->state = TEXT_DONE;
		}
	}
	flush(scan, out, key);
	for (ev = scan->events; ev->state != TEXT_FREE;)
		ev++;
	return ev;
}

static struct text_event *start(struct dlpar_text_scan *scan,
				struct dlpar_text_output *out,
				const struct text_line *line,
				const struct text_word *word, uint64_t key)
{
	struct text_event *ev = free_event(scan, out);

	text_event_start(ev, line, word->prefix_len, DLPAR_TEXT_LOG);
	ev->key = key;
	ev->order = scan->order++;
	return ev;
}

static void set_number(struct text_event *ev, const struct text_word *word)
{
	if (!word->has_number)
		return;
	ev->found.number = word->number;
	ev->found.markers |= DLPAR_TEXT_HAS_NUMBER;
}

static int has_number(const struct text_event *ev, const struct text_word *word)
{
	return word->has_number && ev->found.number == word->number &&
	       ev->found.markers & DLPAR_TEXT_HAS_NUMBER;
}

/*
 * A begin marker. What the writer has open ends here if it is whole or lost;
 * else the two may run alongside of each other, told apart by line numbers.
 */
static void take_begin(struct dlpar_text_scan *scan,
		       struct dlpar_text_output *out,
		       const struct text_line *line,
		       const struct text_word *word, uint64_t key)
{
	struct text_event *ev;
	size_t i;

	for (i = 0; i < DLPAR_TEXT_OPEN_MAX; i++) {
		ev = &scan->events[i];
		if (ev->state != TEXT_OPEN || ev->key != key)
			continue;
		if (has_number(ev, word) && !ev->next && !ev->found.reason) {
			ev->found.repeated++;
			text_event_extend(ev, line);
			return;
		}
		if (is_complete(ev) || ev->found.reason ||
		    !(ev->found.markers & DLPAR_TEXT_HAS_BEGIN))
			close_event(scan, out, ev);
	}
	ev = start(scan, out, line, word, key);
	set_number(ev, word);
	ev->found.markers |= DLPAR_TEXT_HAS_BEGIN;
}

/* The open event that an end marker means: of its number, or of none. */
static struct text_event *ending(struct dlpar_text_scan *scan,
				 const struct text_word *word, uint64_t key,
				 unsigned int *n_open)
{
	struct text_event *ev, *best = NULL;
	size_t i;

	*n_open = 0;
	for (i = 0; i < DLPAR_TEXT_OPEN_MAX; i++) {
		ev = &scan->events[i];
		if (ev->state != TEXT_OPEN || ev->key != key)
			continue;
		++*n_open;
		if (has_number(ev, word))
			best = ev;
		else if (!best && !(ev->found.markers & DLPAR_TEXT_HAS_NUMBER))
			best = ev;
	}
	return best;
}

static void take_end(struct dlpar_text_scan *scan,
		     struct dlpar_text_output *out,
		     const struct text_line *line,
		     const struct text_word *word, uint64_t key)
{
	unsigned int n_open;
	struct text_event *ev = ending(scan, word, key, &n_open);

	if (!n_open && scan->has_ended && scan->ended_key == key &&
	    scan->ended_number == word->number)
		return;
	if (!ev && n_open) {
		ev = oldest(scan, key, TEXT_OPEN);
		if (word->has_number)
			text_event_spoil(ev, DLPAR_TEXT_MARKER,
					 ev->found.number, word->number);
	} else if (!ev) {
		ev = start(scan, out, line, word, key);
	}
	if (!(ev->found.markers & DLPAR_TEXT_HAS_NUMBER))
		set_number(ev, word);
	ev->found.markers |= DLPAR_TEXT_HAS_END;
	text_event_extend(ev, line);
	close_event(scan, out, ev);
	scan->has_ended = word->has_number;
	scan->ended_key = key;
	scan->ended_number = word->number;
}

/* A row of a writer that has one event open. 1: it begins the next one. */
static int take_row_alone(struct text_event *ev, const struct text_word *word)
{
	int held = holds_row(ev, word), first = !word->number && ev->next;

	if (first && held && ev->next == 1) {
		ev->found.repeated++;
	} else if (first && (!held || is_complete(ev) || ev->found.reason ||
			     !(ev->found.markers & DLPAR_TEXT_HAS_BEGIN))) {
		return 1;
	} else if (word->what == TEXT_BAD_ROW) {
		text_event_spoil(ev, DLPAR_TEXT_DIGITS, word->number,
				 word->bad);
	} else if (held) {
		ev->found.repeated++;
	} else if (word->number < ev->next) {
		text_event_spoil(ev, DLPAR_TEXT_REPEATED, ev->next,
				 word->number);
	} else if (word->number > ev->next) {
		text_event_spoil(ev, DLPAR_TEXT_LOST, ev->next, word->number);
	} else if (!ev->found.reason) {
		append_row(ev, word);
	} else if (ev->found.reason == DLPAR_TEXT_LOST) {
		ev->found.reason = DLPAR_TEXT_ORDER;
	}
	return 0;
}

/*
 * A row of a writer that has several events open: only one of them may be
 * meant, and if another one has that row already, this may be a repetition.
 */
static void take_row_among(struct dlpar_text_scan *scan, uint64_t key,
			   const struct text_line *line,
			   const struct text_word *word)
{
	struct text_event *ev, *taker = NULL, *holder = NULL;
	unsigned int n_takers = 0;
	size_t i;

	for (i = 0; i < DLPAR_TEXT_OPEN_MAX; i++) {
		ev = &scan->events[i];
		if (ev->state == TEXT_FREE || ev->key != key)
			continue;
		if (holds_row(ev, word))
			holder = ev;
		if (ev->state != TEXT_OPEN || ev->next != word->number ||
		    ev->found.reason || word->what != TEXT_ROW)
			continue;
		taker = ev;
		n_takers++;
	}
	if (n_takers == 1 && !holder) {
		append_row(taker, word);
		text_event_extend(taker, line);
		return;
	}
	if (!n_takers && holder) {
		holder->found.repeated++;
		return;
	}
	for (i = 0; i < DLPAR_TEXT_OPEN_MAX; i++) {
		ev = &scan->events[i];
		if (ev->state != TEXT_OPEN || ev->key != key)
			continue;
		text_event_spoil(ev, DLPAR_TEXT_MIXED, ev->next, word->number);
		text_event_extend(ev, line);
	}
}

static void take_row(struct dlpar_text_scan *scan,
		     struct dlpar_text_output *out,
		     const struct text_line *line,
		     const struct text_word *word, uint64_t key)
{
	struct text_event *ev, *found = NULL;
	unsigned int n_open = 0, n_done = 0;
	size_t i;

	for (i = 0; i < DLPAR_TEXT_OPEN_MAX; i++) {
		ev = &scan->events[i];
		if (ev->state == TEXT_FREE || ev->key != key)
			continue;
		n_done += ev->state == TEXT_DONE;
		if (ev->state == TEXT_OPEN) {
			found = ev;
			n_open++;
		}
	}
	scan->has_ended = 0;
	if (found && n_open + n_done > 1) {
		take_row_among(scan, key, line, word);
		return;
	}
	if (found && !take_row_alone(found, word)) {
		text_event_extend(found, line);
		return;
	}
	if (found)
		close_event(scan, out, found);
	take_row_alone(start(scan, out, line, word, key), word);
}

void text_log_line(struct dlpar_text_scan *scan, struct dlpar_text_output *out,
		   const struct text_line *line, const struct text_word *word)
{
	uint64_t key = text_writer(line->p, word->prefix_len);

	if (word->what == TEXT_BEGIN)
		take_begin(scan, out, line, word, key);
	else if (word->what == TEXT_END)
		take_end(scan, out, line, word, key);
	else
		take_row(scan, out, line, word, key);
}

void text_log_finish(struct dlpar_text_scan *scan,
		     struct dlpar_text_output *out)
{
	struct text_event *ev;
	size_t i;

	for (i = 0; i < DLPAR_TEXT_OPEN_MAX; i++) {
		ev = &scan->events[i];
		if (ev->state == TEXT_OPEN)
			close_event(scan, out, ev);
	}
	for (i = 0; i < DLPAR_TEXT_OPEN_MAX; i++)
		if (scan->events[i].state == TEXT_DONE)
			flush(scan, out, scan->events[i].key);
}
