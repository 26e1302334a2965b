// SPDX-License-Identifier: Apache-2.0
/*
 * events.c - the codec of RTAS events against librtasevent, and memcpy.
 *
 *	./events EVENTS TEXT LABEL MILLISECONDS REPETITIONS OPERATION...
 *	./events EVENTS TEXT count N OPERATION
 *
 * EVENTS is a file of events back to back, TEXT the same as a log. An operation
 * is an event; of text-scan, a thousand bytes. Prints as core.c does. What
 * librtasevent does is in events_librtas.c or, where its source is not to be
 * had, left out.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dlpar.h"
#include "timing.h"

#define PARTS_MAX 8192
#define TEXT_UNIT 1000u

struct bench {
	const uint8_t *events, *text;
	size_t len, text_len, n;
	size_t *offsets;		/* of the events, and their end */
	struct dlpar_rtas_columns columns;
	struct dlpar_rtas_hotplug *hotplugs;
	uint8_t *out;			/* warm, as large as the events */
	struct dlpar_text_scan *scan;
	struct dlpar_text_output found;
};

#ifdef BENCH_LIBRTAS
/* events_librtas.c: parse and free; whether it was accepted. */
bool librtas_walk(uint8_t *event, size_t len);

static struct bench_time theirs_walk(struct bench *b, size_t n)
{
	double start;
	size_t i, at = 0;

	/* It takes events that may be written to. */
	memcpy(b->out, b->events, b->len);
	start = bench_clock();
	for (i = 0; i < n; i++) {
		BENCH_CHECK(librtas_walk(b->out + b->offsets[at],
					 b->offsets[at + 1] - b->offsets[at]));
		at = at + 1 < b->n ? at + 1 : 0;
	}
	return (struct bench_time){ bench_since(start), n };
}
#define LIBRTAS "librtasevent"
#else
#define theirs_walk NULL
#define LIBRTAS NULL
#endif

static struct bench_time ours_walk(struct bench *b, size_t n)
{
	static struct dlpar_rtas_section parts[PARTS_MAX];
	double start = bench_clock();
	struct dlpar_rtas_event ev;
	size_t i, at = 0, off;

	for (i = 0; i < n; i++) {
		off = b->offsets[at++];
		BENCH_CHECK(dlpar_rtas_event_decode(&ev, parts, PARTS_MAX, NULL,
						    b->events + off,
						    b->offsets[at] - off) > 0);
		at = at < b->n ? at : 0;
	}
	return (struct bench_time){ bench_since(start), n };
}

/* What reading an event costs at least. */
static struct bench_time copy_event(struct bench *b, size_t n)
{
	double start = bench_clock();
	size_t i, at = 0, off;

	for (i = 0; i < n; i++) {
		off = b->offsets[at++];
		memcpy(b->out + off, b->events + off, b->offsets[at] - off);
		/* The copy is looked at, or the compiler leaves it out. */
		BENCH_CHECK(b->out[off] == b->events[off]);
		at = at < b->n ? at : 0;
	}
	return (struct bench_time){ bench_since(start), n };
}

/* Rounds over the whole batch that are @n events at least. */
static size_t rounds(const struct bench *b, size_t n)
{
	return (n + b->n - 1) / b->n;
}

static struct bench_time ours_columns(struct bench *b, size_t n)
{
	size_t i, rows, times = rounds(b, n);
	double start = bench_clock();

	for (i = 0; i < times; i++)
		BENCH_CHECK(!dlpar_rtas_decode_columns(&b->columns, b->n, &rows,
						       NULL, b->events,
						       b->len, 0) &&
			    rows == b->n);
	return (struct bench_time){ bench_since(start), times * b->n };
}

static struct bench_time ours_encode(struct bench *b, size_t n)
{
	struct dlpar_rtas_stamp stamp = { .plid = 0x50000000 };
	size_t i, len, times = rounds(b, n);
	double start = bench_clock();

	for (i = 0; i < times; i++)
		BENCH_CHECK(!dlpar_rtas_hotplug_events(b->out, b->len, &len,
						       NULL, b->hotplugs, b->n,
						       NULL, 0, &stamp) &&
			    len == b->len);
	return (struct bench_time){ bench_since(start), times * b->n };
}

static struct bench_time copy_batch(struct bench *b, size_t n)
{
	size_t i, times = rounds(b, n);
	double start = bench_clock();

	for (i = 0; i < times; i++) {
		memcpy(b->out, b->events, b->len);
		BENCH_CHECK(b->out[i % b->len] == b->events[i % b->len]);
	}
	return (struct bench_time){ bench_since(start), times * b->n };
}

/* The whole text; how many events it had. */
static size_t scan_all(struct bench *b)
{
	size_t at = 0, found = 0;
	int rc;

	dlpar_text_scan_init(b->scan);
	do {
		rc = dlpar_text_scan_feed(b->scan, &b->found, b->text + at,
					  b->text_len - at, 1);
		BENCH_CHECK(rc >= 0);
		at += b->found.used;
		found += b->found.n_found;
	} while (rc);
	return found;
}

static struct bench_time ours_scan(struct bench *b, size_t n)
{
	size_t i, times = n * TEXT_UNIT / b->text_len + 1;
	double start = bench_clock();

	for (i = 0; i < times; i++)
		BENCH_CHECK(scan_all(b) == b->n);
	return (struct bench_time){ bench_since(start),
				    times * b->text_len / TEXT_UNIT };
}

static struct bench_time copy_text(struct bench *b, size_t n)
{
	size_t i, times = n * TEXT_UNIT / b->text_len + 1;
	uint8_t *out = bench_alloc(b->text_len);
	struct bench_time took;
	double start;

	memset(out, 1, b->text_len);
	start = bench_clock();
	for (i = 0; i < times; i++) {
		memcpy(out, b->text, b->text_len);
		BENCH_CHECK(out[i % b->text_len] == b->text[i % b->text_len]);
	}
	took.ns = bench_since(start);
	took.items = times * b->text_len / TEXT_UNIT;
	free(out);
	return took;
}

static const struct bench_operation operations[] = {
	{ "event-walk", ours_walk, theirs_walk, LIBRTAS },
	{ "event-least", ours_walk, copy_event, "memcpy" },
	{ "event-columns", ours_columns, theirs_walk, LIBRTAS },
	{ "event-encode", ours_encode, copy_batch, "memcpy" },
	{ "text-scan", ours_scan, copy_text, "memcpy" },
};

static const struct bench_operation *find_operation(const char *name)
{
	size_t i = 0;

	while (strcmp(operations[i].name, name)) {
		i++;
		BENCH_CHECK(i < sizeof(operations) / sizeof(operations[0]));
	}
	return &operations[i];
}

static void find_events(struct bench *b)
{
	struct dlpar_rtas_event ev;
	size_t i, off = 0;

	b->n = dlpar_rtas_count(b->events, b->len);
	b->offsets = bench_alloc((b->n + 1) * sizeof(*b->offsets));
	b->hotplugs = bench_alloc(b->n * sizeof(*b->hotplugs));
	for (i = 0; i < b->n; i++) {
		BENCH_CHECK(dlpar_rtas_event_decode(&ev, NULL, 0, NULL,
						    b->events + off,
						    b->len - off) > 0);
		b->hotplugs[i] = ev.hp;
		off += ev.len;
		b->offsets[i + 1] = off;
	}
}

#define ITEM_MAX 8u

static void make_room(struct bench *b)
{
	uint8_t *c = (uint8_t *)&b->columns;
	size_t i;

	/* All members are pointers, to items of 8 bytes at most. */
	for (i = 0; i < sizeof(b->columns); i += sizeof(void *)) {
		void *room = bench_alloc(b->n * ITEM_MAX);

		memcpy(c + i, &room, sizeof(room));
	}
	b->out = bench_alloc(b->len);
	memset(b->out, 1, b->len);
	b->scan = bench_alloc(dlpar_text_scan_size());
	b->found.found_cap = DLPAR_TEXT_FOUND_MIN;
	b->found.found = bench_alloc(b->found.found_cap *
				     sizeof(*b->found.found));
	b->found.bytes_cap = DLPAR_TEXT_OUT_MIN;
	b->found.bytes = bench_alloc(b->found.bytes_cap);
}

static int usage(const char *name)
{
	fprintf(stderr, "usage: %s EVENTS TEXT LABEL MS REPS OPERATION...\n"
		"       %s EVENTS TEXT count N OPERATION\n", name, name);
	return 2;
}

int main(int argc, char **argv)
{
	struct bench b = { 0 };
	struct bench_effort effort;
	struct bench_time t;
	int i;

	if (argc < 6)
		return usage(argv[0]);
	b.events = bench_read(argv[1], &b.len);
	b.text = bench_read(argv[2], &b.text_len);
	find_events(&b);
	make_room(&b);
	if (argc == 6 && !strcmp(argv[3], "count")) {
		t = find_operation(argv[5])->ours(&b, strtoul(argv[4], NULL,
							      10));
		printf("%zu\n", t.items);
		return 0;
	}
	effort = bench_effort(argv[4], argv[5]);
	for (i = 6; i < argc; i++)
		bench_measure(&b, find_operation(argv[i]), &effort, argv[3]);
	return 0;
}
