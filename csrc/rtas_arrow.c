// SPDX-License-Identifier: Apache-2.0
/*
 * rtas_arrow.c - a batch of RTAS events as an Arrow struct array.
 *
 * The Arrow C data interface. Columns of numbers are the batch's
 * own memory, held once per column: a consumer may move one out and release
 * the rest. Release callbacks run in any thread and without Python. Must never
 * hand out text that is not UTF-8, whatever the event holds.
 */
#include <stdlib.h>

#include "rtas_batch.h"

#define N_BUFFERS 3	/* validity, offsets or numbers, text */

/* What an array of ours owns. */
struct holding {
	struct dlpar_rtas_batch *batch;	/* one hold, or NULL */
	const void *buffers[N_BUFFERS];
	void *owned[N_BUFFERS];
	struct ArrowArray dictionary;
};

/* What the texts of a column, or the words of its dictionary, come from. */
struct texts {
	const struct dlpar_rtas_column *column;
	const struct dlpar_rtas_batch *batch;
	const uint8_t *buf;
	size_t len;
	const struct dlpar_rtas_names *names;
	size_t n;
	int utf8;	/* they are already */
	/* The text @i: its length, and where it is, perhaps in @scratch. */
	size_t (*get)(const struct texts *t, size_t i, const uint8_t **at,
		      uint8_t *scratch);
};

#define SCRATCH 4	/* bytes: a number without a word, "0xff" */

static void release_array(struct ArrowArray *array)
{
	struct holding *h = array->private_data;
	int64_t i;

	for (i = 0; i < array->n_children; i++)
		if (array->children[i]->release)
			array->children[i]->release(array->children[i]);
	if (array->dictionary && array->dictionary->release)
		array->dictionary->release(array->dictionary);
	dlpar_rtas_batch_put(h->batch);
	for (i = 0; i < N_BUFFERS; i++)
		free(h->owned[i]);
	free(h);
	array->release = NULL;
}

/* An array of @n items that owns nothing yet; false without memory. */
static int array_init(struct ArrowArray *a, size_t n, int n_buffers)
{
	struct holding *h = calloc(1, sizeof(*h));

	if (!h)
		return 0;
	*a = (struct ArrowArray){
		.length = (int64_t)n, .n_buffers = n_buffers,
		.buffers = h->buffers, .release = release_array,
		.private_data = h,
	};
	return 1;
}

/* A text that the number @i of a column stands for. */
static size_t get_word(const struct texts *t, size_t i, const uint8_t **at,
		       uint8_t *scratch)
{
	static const char digits[] = "0123456789abcdef";
	const char *word = t->column->words[i];

	if (word) {
		*at = (const uint8_t *)word;
		return strlen(word);
	}
	scratch[0] = '0';
	scratch[1] = 'x';
	scratch[2] = (uint8_t)digits[i >> 4 & 0x0f];
	scratch[3] = (uint8_t)digits[i & 0x0f];
	*at = scratch;
	return SCRATCH;
}

static size_t get_letter(const struct texts *t, size_t i, const uint8_t **at,
			 uint8_t *scratch)
{
	(void)t;
	scratch[0] = (uint8_t)i;
	*at = scratch;
	return i != 0;
}

static size_t get_name(const struct texts *t, size_t i, const uint8_t **at,
		       uint8_t *scratch)
{
	size_t start = i ? (size_t)t->names->ends[i - 1] : 0;

	(void)scratch;
	*at = t->names->text + start;
	return (size_t)t->names->ends[i] - start;
}

/* A reference code without the blanks or NULs that fill it up. */
static size_t get_code(const struct texts *t, size_t i, const uint8_t **at,
		       uint8_t *scratch)
{
	const uint8_t *p = t->batch->cols.reference_code;
	const uint8_t *nul;
	size_t len = DLPAR_RTAS_CODE_LEN;

	(void)scratch;
	p += i * DLPAR_RTAS_CODE_LEN;
	nul = memchr(p, 0, len);
	if (nul)
		len = (size_t)(nul - p);
	while (len && p[len - 1] == ' ')
		len--;
	*at = p;
	return len;
}

/* A location code, out of the input. */
static size_t get_place(const struct texts *t, size_t i, const uint8_t **at,
			uint8_t *scratch)
{
	const struct dlpar_rtas_columns *c = &t->batch->cols;

	(void)scratch;
	*at = t->buf + c->offset[i] + c->location_offset[i];
	return c->location_length[i];
}

/* Bytes that a text takes as UTF-8. */
static size_t utf8_len(const uint8_t *p, size_t len)
{
	size_t n = len;
	size_t i;

	for (i = 0; i < len; i++)
		n += p[i] >> 7;
	return n;
}

static uint8_t *utf8_put(uint8_t *out, const uint8_t *p, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (p[i] < 0x80) {
			*out++ = p[i];
		} else {
			*out++ = (uint8_t)(0xc0 | p[i] >> 6);
			*out++ = (uint8_t)(0x80 | (p[i] & 0x3f));
		}
	}
	return out;
}

/* Where each text will end, and so how much there is of it. */
static int text_offsets(int32_t *offsets, const struct texts *t)
{
	uint8_t scratch[SCRATCH];
	const uint8_t *at;
	size_t end = 0;
	size_t i, len;

	offsets[0] = 0;
	for (i = 0; i < t->n; i++) {
		len = t->get(t, i, &at, scratch);
		if (!t->utf8)
			len = utf8_len(at, len);
		if (len > INT32_MAX - end)
			return DLPAR_ERR_TOOBIG;
		end += len;
		offsets[i + 1] = (int32_t)end;
	}
	return DLPAR_OK;
}

static void text_copy(uint8_t *out, const struct texts *t)
{
	uint8_t scratch[SCRATCH];
	const uint8_t *at;
	size_t i, len;

	for (i = 0; i < t->n; i++) {
		len = t->get(t, i, &at, scratch);
		if (t->utf8) {
			memcpy(out, at, len);
			out += len;
		} else {
			out = utf8_put(out, at, len);
		}
	}
}

/* Offsets and text of an array of strings, into what it owns. */
static int put_texts(struct ArrowArray *a, const struct texts *t)
{
	struct holding *h = a->private_data;
	int32_t *offsets;
	uint8_t *text;
	int rc;

	if (t->n > SIZE_MAX / sizeof(*offsets) - 1)
		return DLPAR_ERR_NOMEM;
	offsets = malloc((t->n + 1) * sizeof(*offsets));
	if (!offsets)
		return DLPAR_ERR_NOMEM;
	h->owned[1] = offsets;
	rc = text_offsets(offsets, t);
	if (rc < 0)
		return rc;
	/* Of no length, it is a pointer nevertheless, as Arrow wants it. */
	text = malloc((size_t)offsets[t->n] + 1);
	if (!text)
		return DLPAR_ERR_NOMEM;
	h->owned[2] = text;
	text_copy(text, t);
	h->buffers[1] = offsets;
	h->buffers[2] = text;
	return DLPAR_OK;
}

/* Which rows have a value; no bitmap where all do. */
static int put_validity(struct ArrowArray *a, const uint32_t *has,
			uint32_t needs)
{
	struct holding *h = a->private_data;
	size_t n = (size_t)a->length;
	size_t nulls = 0;
	uint8_t *bits;
	size_t i;

	for (i = 0; i < n; i++)
		nulls += !(has[i] & needs);
	a->null_count = (int64_t)nulls;
	if (!nulls)
		return DLPAR_OK;
	bits = calloc(n / 8 + 1, 1);
	if (!bits)
		return DLPAR_ERR_NOMEM;
	for (i = 0; i < n; i++)
		if (has[i] & needs)
			bits[i / 8] |= (uint8_t)(1U << i % 8);
	h->owned[0] = bits;
	h->buffers[0] = bits;
	return DLPAR_OK;
}

/* The words that a column's numbers stand for. */
static int put_dictionary(struct ArrowArray *a, struct texts *t)
{
	struct holding *h = a->private_data;

	switch (t->column->kind) {
	case DLPAR_RTAS_COLUMN_WORD:
		t->get = get_word;
		t->n = t->column->n_words;
		break;
	case DLPAR_RTAS_COLUMN_LETTER:
		t->get = get_letter;
		t->n = 256;
		break;
	case DLPAR_RTAS_COLUMN_SOURCE:
		t->get = get_name;
		t->n = t->names->n;
		t->utf8 = 1;
		break;
	default:
		return DLPAR_OK;
	}
	if (!array_init(&h->dictionary, t->n, 3))
		return DLPAR_ERR_NOMEM;
	a->dictionary = &h->dictionary;
	return put_texts(a->dictionary, t);
}

static int is_text(const struct dlpar_rtas_column *column)
{
	return column->kind == DLPAR_RTAS_COLUMN_CODE ||
	       column->kind == DLPAR_RTAS_COLUMN_PLACE;
}

/* One column: the batch's memory, or text made of it. */
static int put_column(struct ArrowArray *a, struct dlpar_rtas_batch *batch,
		      struct texts *t)
{
	const struct dlpar_rtas_column *column = t->column;
	int texts = is_text(column);
	struct holding *h;
	int rc;

	if (!array_init(a, batch->rows, texts ? 3 : 2))
		return DLPAR_ERR_NOMEM;
	rc = column->needs ?
		put_validity(a, batch->cols.has, column->needs) : DLPAR_OK;
	if (rc < 0)
		return rc;
	if (texts) {
		t->get = column->kind == DLPAR_RTAS_COLUMN_CODE ?
			 get_code : get_place;
		t->n = batch->rows;
		return put_texts(a, t);
	}
	h = a->private_data;
	h->batch = batch;
	rtas_batch_get(batch);
	h->buffers[1] = rtas_batch_column(batch, column);
	return put_dictionary(a, t);
}

/* Children of the struct array, released ones so far. */
static int put_children(struct ArrowArray *a, size_t n)
{
	struct holding *h = a->private_data;
	struct ArrowArray **children = malloc(n * sizeof(*children));
	struct ArrowArray *items = calloc(n, sizeof(*items));
	size_t i;

	h->owned[1] = children;
	h->owned[2] = items;
	if (!children || !items)
		return DLPAR_ERR_NOMEM;
	for (i = 0; i < n; i++)
		children[i] = &items[i];
	a->children = children;
	a->n_children = (int64_t)n;
	return DLPAR_OK;
}

/* Whether every location code and name of a row is within what was given. */
static int inputs_fit(const struct dlpar_rtas_batch *b, size_t len,
		      const struct dlpar_rtas_names *names)
{
	const struct dlpar_rtas_columns *c = &b->cols;
	size_t row;

	for (row = 0; row < b->rows; row++) {
		if (c->offset[row] > len ||
		    c->length[row] > len - c->offset[row])
			return 0;
		if (c->has[row] & DLPAR_RTAS_ROW_SOURCE &&
		    c->source[row] >= names->n)
			return 0;
	}
	return 1;
}

static int put_columns(struct ArrowArray *a, struct dlpar_rtas_batch *batch,
		       const struct texts *from)
{
	const struct dlpar_rtas_column *table;
	int n = dlpar_rtas_column_table(&table);
	struct ArrowArray **child;
	struct texts t;
	int rc, i;

	rc = put_children(a, rtas_columns_shown());
	child = a->children;
	for (i = 0; i < n && rc == DLPAR_OK; i++) {
		if (!table[i].format)
			continue;
		t = *from;
		t.column = &table[i];
		rc = put_column(*child++, batch, &t);
	}
	return rc;
}

int dlpar_rtas_arrow_array(struct ArrowArray *out,
			   struct dlpar_rtas_batch *batch, const uint8_t *buf,
			   size_t len, const struct dlpar_rtas_names *names)
{
	struct texts from = {
		.batch = batch, .buf = buf, .len = len, .names = names,
	};
	struct ArrowArray a;
	int rc;

	if (!inputs_fit(batch, len, names))
		return DLPAR_ERR_BADARG;
	if (!array_init(&a, batch->rows, 1))
		return DLPAR_ERR_NOMEM;
	rc = put_columns(&a, batch, &from);
	if (rc < 0)
		a.release(&a);
	else
		*out = a;
	return rc;
}
