// SPDX-License-Identifier: Apache-2.0
/*
 * events_arrow.c - batches of RTAS events as Arrow arrays, read as a consumer.
 *
 * What must hold: arrays are as the schema says, every value that is not null
 * is within its buffer, words within their dictionary, text is UTF-8, and all
 * of it lives until the last column is released, in whatever order.
 */
#include "events.h"

#define PARTS 2

static bool is_valid(const struct ArrowArray *a, int64_t i)
{
	const uint8_t *bits = a->buffers[0];

	return !bits || bits[i / 8] >> i % 8 & 1;
}

/* Two bytes at most: only characters up to 0xff are made. */
static void check_utf8(const uint8_t *p, int32_t len)
{
	int32_t i;

	for (i = 0; i < len; i++) {
		if (p[i] < 0x80)
			continue;
		check((p[i] == 0xc2 || p[i] == 0xc3) && i + 1 < len);
		check((p[++i] & 0xc0) == 0x80);
	}
}

static void check_texts(const struct ArrowArray *a)
{
	const int32_t *ends = a->buffers[1];
	const uint8_t *text = a->buffers[2];
	int64_t i;

	check(a->n_buffers == 3 && !ends[0]);
	for (i = 0; i < a->length; i++) {
		check(ends[i + 1] >= ends[i]);
		check_utf8(text + ends[i], ends[i + 1] - ends[i]);
	}
}

static uint64_t item(const void *column, char format, int64_t i)
{
	switch (format) {
	case 'C':
		return ((const uint8_t *)column)[i];
	case 'S':
		return ((const uint16_t *)column)[i];
	case 'i':
	case 'I':
		return ((const uint32_t *)column)[i];
	default:
		return ((const uint64_t *)column)[i];
	}
}

static uint64_t check_column(const struct ArrowSchema *s,
			     const struct ArrowArray *a)
{
	uint64_t sum = 0, value;
	int64_t i, nulls = 0;

	for (i = 0; i < a->length; i++)
		nulls += !is_valid(a, i);
	check(nulls == a->null_count && (!nulls || s->flags));
	check(!s->dictionary == !a->dictionary);
	if (a->dictionary)
		check_texts(a->dictionary);
	if (*s->format == 'u') {
		check_texts(a);
		return 0;
	}
	check(a->n_buffers == 2 && !a->n_children);
	for (i = 0; i < a->length; i++) {
		value = item(a->buffers[1], *s->format, i);
		sum += value;
		if (a->dictionary && is_valid(a, i))
			check(value < (uint64_t)a->dictionary->length);
	}
	return sum;
}

/* One child is moved out and read when all others are gone. */
static void check_array(struct ArrowArray *a, size_t rows, uint8_t choice)
{
	struct ArrowArray moved;
	struct ArrowSchema s;
	uint64_t sum, kept = 0;
	int64_t i, which;

	check(!dlpar_rtas_arrow_schema(&s));
	check(a->n_children == s.n_children && a->length == (int64_t)rows);
	which = choice % s.n_children;
	for (i = 0; i < s.n_children; i++) {
		check(a->children[i]->length == a->length);
		sum = check_column(s.children[i], a->children[i]);
		if (i == which)
			kept = sum;
	}
	moved = *a->children[which];
	a->children[which]->release = NULL;
	a->release(a);
	check(check_column(s.children[which], &moved) == kept);
	moved.release(&moved);
	s.release(&s);
}

static void check_stream(struct ArrowArray *a, size_t rows, uint8_t choice)
{
	struct ArrowArrayStream stream;
	struct ArrowArray next;

	check(!dlpar_rtas_arrow_stream(&stream, a, 1) && !a->release);
	if (choice & 1) {
		check(!stream.get_next(&stream, &next) && next.release);
		check_array(&next, rows, choice);
		check(!stream.get_next(&stream, &next) && !next.release);
	}
	stream.release(&stream);
}

void fuzz_arrow(const uint8_t *bytes, size_t len, uint8_t choice)
{
	static const uint8_t text[] = "a.logb.log";
	static const uint64_t ends[PARTS] = { 5, 10 };
	struct dlpar_rtas_names names = { text, ends, PARTS };
	uint64_t cuts[PARTS] = { len ? choice % len : 0, len };
	struct dlpar_rtas_parts parts = { cuts, PARTS };
	uint8_t *mine = copy(bytes, len);
	struct dlpar_rtas_batch *batch;
	size_t row = 0, off = 0, rows;
	struct ArrowArray a;

	if (choice & 2)
		parts.n = names.n = 0;
	if (!dlpar_rtas_batch_decode(&batch, &row, &off, mine, len, &parts,
				     choice & 4 ? DLPAR_RTAS_TOLERANT : 0)) {
		rows = batch->rows;
		check(!dlpar_rtas_arrow_array(&a, batch, mine, len, &names));
		dlpar_rtas_batch_put(batch);
		free(mine);
		check_stream(&a, rows, choice);
		return;
	}
	check(off <= len);
	free(mine);
}
