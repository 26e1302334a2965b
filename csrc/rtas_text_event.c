// SPDX-License-Identifier: Apache-2.0
/*
 * rtas_text_event.c - one event of a text under way: its rows, its verdict.
 *
 * Must never take a row that does not follow the ones before it, nor give out
 * the bytes of an event that has anything wrong.
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
	ev->doubt = 0;
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
	found->data_off = (uint32_t)(out->n_bytes + sizeof(*found));
	found->data_len = 0;
	if (found->reason)
		out->n_damaged++;
	else
		found->data_len = (uint32_t)ev->need;
	found->prefix_off = found->data_off + found->data_len;
	memcpy(p, found, sizeof(*found));
	p += sizeof(*found);
	memcpy(p, ev->data, found->data_len);
	memcpy(p + found->data_len, ev->prefix, found->prefix_len);
	out->n_bytes = found->prefix_off + found->prefix_len;
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

int text_event_whole(const struct text_event *ev)
{
	return !ev->found.reason && ev->need && ev->n_bytes >= ev->need;
}

/* Does the event hold this row already, byte for byte? */
int text_event_holds(const struct text_event *ev, const struct text_word *word)
{
	size_t off = (size_t)word->number * TEXT_ROW_LEN;

	if (word->what != TEXT_ROW || word->number >= ev->next ||
	    off > ev->n_bytes || word->n_bytes > ev->n_bytes - off)
		return 0;
	if (word->n_bytes < TEXT_ROW_LEN && word->number + 1 < ev->next)
		return 0;
	return !memcmp(ev->data + off, word->bytes, word->n_bytes);
}

void text_event_append(struct text_event *ev, const struct text_word *word)
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
void text_event_judge(struct text_event *ev)
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
