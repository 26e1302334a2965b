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

#include "rtas_text.h"

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

/* Has one of the writer's other events, in @bad, lines among those of @ev? */
static int has_rival(const struct dlpar_text_scan *scan,
		     const struct text_event *ev, uint32_t bad)
{
	const struct text_event *other;
	size_t i;

	for (i = 0; i < DLPAR_TEXT_OPEN_MAX; i++) {
		other = &scan->events[i];
		if (other != ev && (bad >> i & 1 || ev->doubt) &&
		    other->state == TEXT_DONE && other->key == ev->key &&
		    overlap(ev, other))
			return 1;
	}
	return 0;
}

/*
 * All events of the writer have ended: give them out. One that ran alongside
 * of a damaged or doubtful one may have its rows, and is not trusted either.
 */
static void flush(struct dlpar_text_scan *scan, struct dlpar_text_output *out,
		  uint64_t key)
{
	struct text_event *ev;
	uint32_t bad = 0;
	size_t i;

	for (i = 0; i < DLPAR_TEXT_OPEN_MAX; i++) {
		ev = &scan->events[i];
		if (ev->state == TEXT_DONE && ev->key == key &&
		    (ev->found.reason || ev->doubt))
			bad |= UINT32_C(1) << i;
	}
	for (i = 0; bad && i < DLPAR_TEXT_OPEN_MAX; i++) {
		ev = &scan->events[i];
		if (ev->state == TEXT_DONE && ev->key == key &&
		    has_rival(scan, ev, bad))
			text_event_spoil(ev, DLPAR_TEXT_MIXED, ev->next,
					 ev->next);
	}
	while ((ev = oldest(scan, key, TEXT_DONE)))
		text_event_emit(ev, out);
}

static void end_event(struct text_event *ev)
{
	text_event_judge(ev);
	ev->state = TEXT_DONE;
}

/*
 * Open events of the writer that had no line since @line are dead. Then, if
 * none is left, those that waited for them are given out.
 */
static void settle(struct dlpar_text_scan *scan, struct dlpar_text_output *out,
		   uint64_t key, uint64_t line)
{
	struct text_event *ev;
	int alive = 0;
	size_t i;

	for (i = 0; i < DLPAR_TEXT_OPEN_MAX; i++) {
		ev = &scan->events[i];
		if (ev->state != TEXT_OPEN || ev->key != key)
			continue;
		if (ev->found.last_line < line)
			end_event(ev);
		else
			alive = 1;
	}
	if (!alive)
		flush(scan, out, key);
}

/*
 * The event has ended. Where it has rows that could be another's, it waits
 * whether that one goes on.
 */
static void close_event(struct dlpar_text_scan *scan,
			struct dlpar_text_output *out, struct text_event *ev)
{
	end_event(ev);
	settle(scan, out, ev->key, ev->doubt ? 0 : ev->found.first_line);
}

/* Something new begins: what waits for an event that broke off has waited. */
static void settle_waiting(struct dlpar_text_scan *scan,
			   struct dlpar_text_output *out, uint64_t key)
{
	struct text_event *ev = oldest(scan, key, TEXT_DONE);

	if (ev)
		settle(scan, out, key, ev->found.first_line);
}

/* The event that began first of all open ones. */
static struct text_event *oldest_open(struct dlpar_text_scan *scan)
{
	struct text_event *ev, *best = NULL;
	size_t i;

	for (i = 0; i < DLPAR_TEXT_OPEN_MAX; i++) {
		ev = &scan->events[i];
		if (ev->state == TEXT_OPEN && (!best || ev->order < best->order))
			best = ev;
	}
	return best;
}

/* End all of this writer's events; others that wait do so for their own. */
static void end_writer(struct dlpar_text_scan *scan,
		       struct dlpar_text_output *out, uint64_t key)
{
	struct text_event *ev;

	while ((ev = oldest(scan, key, TEXT_OPEN)))
		end_event(ev);
	flush(scan, out, key);
}

/*
 * Room for one more event; the writer of the oldest has to make it. No event
 * waits without one of its writer being open.
 */
static struct text_event *free_event(struct dlpar_text_scan *scan,
				     struct dlpar_text_output *out)
{
	size_t i;

	for (;;) {
		for (i = 0; i < DLPAR_TEXT_OPEN_MAX; i++)
			if (scan->events[i].state == TEXT_FREE)
				return &scan->events[i];
		end_writer(scan, out, oldest_open(scan)->key);
	}
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

/* Is there a later event of the same writer? */
static int has_later(const struct dlpar_text_scan *scan,
		     const struct text_event *ev)
{
	size_t i;

	for (i = 0; i < DLPAR_TEXT_OPEN_MAX; i++)
		if (scan->events[i].state != TEXT_FREE &&
		    scan->events[i].key == ev->key &&
		    scan->events[i].order > ev->order)
			return 1;
	return 0;
}

/*
 * A begin marker. What the writer has open and is lost or has no such marker
 * ends here; else the two may run alongside of each other, told apart by line
 * numbers. A whole one without its end waits for one event to show that.
 */
static void take_begin(struct dlpar_text_scan *scan,
		       struct dlpar_text_output *out,
		       const struct text_line *line,
		       const struct text_word *word, uint64_t key)
{
	struct text_event *ev;
	size_t i;

	settle_waiting(scan, out, key);
	for (i = 0; i < DLPAR_TEXT_OPEN_MAX; i++) {
		ev = &scan->events[i];
		if (ev->state != TEXT_OPEN || ev->key != key)
			continue;
		if (has_number(ev, word) && !ev->next && !ev->found.reason) {
			ev->found.repeated++;
			text_event_extend(ev, line);
			return;
		}
		if (ev->found.reason ||
		    !(ev->found.markers & DLPAR_TEXT_HAS_BEGIN) ||
		    (text_event_whole(ev) && has_later(scan, ev)))
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

	if (!ev && scan->has_ended && scan->ended_key == key &&
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
	int held = text_event_holds(ev, word), first = !word->number && ev->next;

	if (first && held && ev->next == 1) {
		ev->found.repeated++;
	} else if (first && (text_event_whole(ev) ||
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
		text_event_append(ev, word);
	} else if (ev->found.reason == DLPAR_TEXT_LOST) {
		ev->found.reason = DLPAR_TEXT_ORDER;
	}
	return 0;
}

/* Nobody can say which of the writer's events this line is of. */
static void mix_up(struct dlpar_text_scan *scan, uint64_t key,
		   const struct text_line *line, const struct text_word *word)
{
	struct text_event *ev;
	size_t i;

	for (i = 0; i < DLPAR_TEXT_OPEN_MAX; i++) {
		ev = &scan->events[i];
		if (ev->state != TEXT_OPEN || ev->key != key)
			continue;
		text_event_spoil(ev, DLPAR_TEXT_MIXED, ev->next, word->number);
		text_event_extend(ev, line);
	}
}

/*
 * A row of a writer that has several events open. One alone expects it, or in
 * doubt the one that began last, for others may have broken off; should they
 * go on, flush() will trust neither.
 */
static void take_row_among(struct dlpar_text_scan *scan, uint64_t key,
			   const struct text_line *line,
			   const struct text_word *word)
{
	struct text_event *ev, *taker = NULL, *holder = NULL, *newest = NULL;
	unsigned int n_takers = 0;
	size_t i;

	for (i = 0; i < DLPAR_TEXT_OPEN_MAX; i++) {
		ev = &scan->events[i];
		if (ev->state == TEXT_FREE || ev->key != key)
			continue;
		if (text_event_holds(ev, word))
			holder = ev;
		if (!newest || ev->order > newest->order)
			newest = ev;
		if (ev->state != TEXT_OPEN || ev->next != word->number ||
		    ev->found.reason || word->what != TEXT_ROW ||
		    text_event_whole(ev))
			continue;
		n_takers++;
		if (!taker || ev->order > taker->order)
			taker = ev;
	}
	if (taker && (taker == newest || (n_takers == 1 && !holder))) {
		taker->doubt |= n_takers > 1 || holder;
		text_event_append(taker, word);
		text_event_extend(taker, line);
	} else if (!taker && holder) {
		holder->found.repeated++;
	} else {
		mix_up(scan, key, line, word);
	}
}

/*
 * A first row that nobody expects begins an event without a marker: what is
 * whole ends, and what broke off. Not so for a repetition of a lone row.
 */
static void make_way(struct dlpar_text_scan *scan,
		     struct dlpar_text_output *out,
		     const struct text_word *word, uint64_t key)
{
	struct text_event *ev;
	size_t i;

	for (i = 0; i < DLPAR_TEXT_OPEN_MAX; i++) {
		ev = &scan->events[i];
		if (ev->state == TEXT_OPEN && ev->key == key &&
		    (!ev->next || (ev->next == 1 && text_event_holds(ev, word))))
			return;
	}
	settle_waiting(scan, out, key);
	for (i = 0; i < DLPAR_TEXT_OPEN_MAX; i++) {
		ev = &scan->events[i];
		if (ev->state == TEXT_OPEN && ev->key == key &&
		    text_event_whole(ev))
			close_event(scan, out, ev);
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

	if (!word->number)
		make_way(scan, out, word, key);
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

/* The writer of a line; mostly its prefix is that of the line before. */
static uint64_t writer_of(struct dlpar_text_scan *scan, const uint8_t *prefix,
			  size_t len)
{
	if (len == scan->writer_len && !memcmp(prefix, scan->writer_prefix, len))
		return scan->writer;
	if (len > sizeof(scan->writer_prefix))
		return text_writer(prefix, len);
	memcpy(scan->writer_prefix, prefix, len);
	scan->writer_len = len;
	scan->writer = text_writer(prefix, len);
	return scan->writer;
}

void text_log_line(struct dlpar_text_scan *scan, struct dlpar_text_output *out,
		   const struct text_line *line, const struct text_word *word)
{
	uint64_t key = writer_of(scan, line->p, word->prefix_len);

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

	while ((ev = oldest_open(scan)))
		end_writer(scan, out, ev->key);
}
