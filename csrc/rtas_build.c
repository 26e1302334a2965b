// SPDX-License-Identifier: Apache-2.0
/*
 * rtas_build.c - fields to the bytes of any section or record.
 *
 * The inverse of rtas_field.c and, as that, knows kinds of fields, never a
 * section: LoPAR 7.3.3 is in the tables of rtas_layout.c. Must never return a
 * section that does not read back as it was asked for.
 */
#include "rtas_layout.h"
#include "wire.h"

#define ALIGN4(n) (((n) + 3) & ~(size_t)3)

struct build {
	const struct dlpar_rtas_layout *layout;
	const struct dlpar_rtas_input *in;
	size_t n;
	const uint8_t *bytes;
	uint8_t *out;
	size_t cap;
	uint32_t id;
	size_t last;		/* end of the last row present */
	size_t end;		/* of all that was given */
	size_t err_input;
};

static const struct dlpar_rtas_field *row_of(const struct build *b, size_t i)
{
	return &b->layout->fields[b->in[i].row];
}

static const uint8_t *bytes_of(const struct build *b, size_t i)
{
	return b->bytes ? b->bytes + b->in[i].off : NULL;
}

static int is_number(const struct dlpar_rtas_field *row)
{
	return row->type == DLPAR_RTAS_UINT || row->type == DLPAR_RTAS_DATE ||
	       row->type == DLPAR_RTAS_TIME;
}

static int is_terminated(const struct dlpar_rtas_field *row)
{
	return row->type == DLPAR_RTAS_STRING || row->type == DLPAR_RTAS_WORDS;
}

/* Bytes at the section's end, of whatever number. */
static int is_rest(const struct dlpar_rtas_field *row)
{
	return row->type == DLPAR_RTAS_BYTES && !row->len && !row->count_len;
}

/* The input for the field @name, or b->n. */
static size_t find_input(const struct build *b, const char *name)
{
	size_t i;

	for (i = 0; i < b->n; i++)
		if (!strcmp(row_of(b, i)->name, name))
			return i;
	return b->n;
}

static int check_inputs(struct build *b, size_t bytes_len)
{
	const struct dlpar_rtas_input *in;

	for (b->err_input = 0; b->err_input < b->n; b->err_input++) {
		in = &b->in[b->err_input];
		if (in->row >= b->layout->n_fields)
			return DLPAR_ERR_BADARG;
		if (in->len > bytes_len || in->off > bytes_len - in->len)
			return DLPAR_ERR_BADARG;
	}
	return 0;
}

/* Write input @i to a section of @len bytes. */
static int put_input(struct build *b, size_t i, size_t len)
{
	const struct dlpar_rtas_input *in = &b->in[i];
	int rc;

	b->err_input = i;
	rc = dlpar_rtas_field_set(b->out, len, b->id, row_of(b, i)->name,
				  in->number, bytes_of(b, i), in->len);
	return rc == DLPAR_ERR_NOTFOUND ? DLPAR_ERR_BADARG : rc;
}

/*
 * The numbers that are always there: what the other rows depend on is among
 * them. The two characters of the id stand before them.
 */
static int put_numbers(struct build *b)
{
	const struct dlpar_rtas_field *row = b->layout->fields;
	size_t i;
	int rc;

	if (row->type == DLPAR_RTAS_TEXT && !strcmp(row->name, "id"))
		wire_put16(b->out, (uint16_t)b->id);
	for (i = 0; i < b->n; i++) {
		row = row_of(b, i);
		if (!is_number(row) || row->when ||
		    row->from != DLPAR_RTAS_FROM_START)
			continue;
		rc = put_input(b, i, b->cap);
		if (rc)
			return rc;
	}
	return 0;
}

/* Whether some row of that name is there, by what is written up to now. */
static int is_expected(const struct build *b, const char *name)
{
	const struct dlpar_rtas_field *row = b->layout->fields;
	struct rtas_extent e;
	size_t i;

	for (i = 0; i < b->layout->n_fields; i++, row++)
		if (!strcmp(row->name, name) &&
		    rtas_row_extent(&e, row, 0, b->out, b->cap))
			return 1;
	return 0;
}

/* Make the word that decides on @row say that it is there. */
static void imply_row(struct build *b, const struct dlpar_rtas_field *row)
{
	uint8_t *p = b->out + row->when_off;
	uint32_t set = row->when_value;
	uint32_t clear = row->when_mask;

	if (row->when == DLPAR_RTAS_WHEN_ANY) {
		set = row->when_mask;
		clear = 0;
	}
	if (row->when_len == 2)
		wire_put16(p, (uint16_t)((wire_get16(p) & ~clear) | set));
	else
		wire_put32(p, (wire_get32(p) & ~clear) | set);
}

static void imply_rows(struct build *b)
{
	size_t i;

	for (i = 0; i < b->n; i++)
		if (!is_expected(b, row_of(b, i)->name))
			imply_row(b, row_of(b, i));
}

/*
 * The count before @row, for @len bytes, unless there is one already: the
 * caller may want more room than that.
 */
static int put_count(struct build *b, const struct dlpar_rtas_field *row,
		     size_t len)
{
	uint8_t *p = b->out + row->count_off;
	size_t max = row->count_mask;
	size_t n;

	if (!max)
		max = row->count_len == 1 ? UINT8_MAX : UINT16_MAX;
	n = row->count_len == 1 ? p[0] & max : wire_get16(p);
	if (n)
		return 0;
	if (row->type == DLPAR_RTAS_TEXT)
		len = ALIGN4(len);
	len += row->count_less;
	n = len / row->unit;
	if (n > max || len % row->unit)
		return DLPAR_ERR_BADARG;
	if (row->count_len == 1)
		p[0] = (uint8_t)(p[0] | n);
	else
		wire_put16(p, (uint16_t)n);
	return 0;
}

/* Whether bytes are given that hold everything up to the section's end. */
static int rest_given(const struct build *b)
{
	size_t i;

	for (i = 0; i < b->n; i++)
		if (is_rest(row_of(b, i)))
			return 1;
	return 0;
}

/* Bytes of what marks the end of a run of records; written at @off. */
static size_t put_end_mark(struct build *b, const struct dlpar_rtas_field *row,
			   size_t off)
{
	const struct dlpar_rtas_layout *of = rtas_layout_find(row->of);

	if (!of->end_len || rest_given(b) || b->cap - off < 4)
		return 0;
	wire_put16(b->out + off, of->end_len);
	return 4;
}

/* Copy input @i to where its row begins, @e; there is no end to it yet. */
static int put_open(struct build *b, const struct dlpar_rtas_field *row,
		    size_t i, struct rtas_extent *e)
{
	size_t len = b->in[i].len;
	size_t room = b->cap - row->tail - e->off;

	b->err_input = i;
	if (row->count_len) {
		if (len > e->len)
			return DLPAR_ERR_BADARG;
	} else {
		e->len = len + (is_terminated(row) ? 1 : 0);
		if (row->type == DLPAR_RTAS_TEXT ||
		    row->type == DLPAR_RTAS_STRING)
			e->len = ALIGN4(e->len);
	}
	if (e->len > room)
		return DLPAR_ERR_NOSPACE;
	if (len)
		memcpy(b->out + e->off, bytes_of(b, i), len);
	if (row->type == DLPAR_RTAS_RECORDS)
		e->len += put_end_mark(b, row, e->off + len);
	e->next = e->off + e->len;
	return 0;
}

static int place_row(struct build *b, const struct dlpar_rtas_field *row)
{
	struct rtas_extent e;
	size_t i = find_input(b, row->name);
	int rc = 0;

	if (!rtas_row_extent(&e, row, b->last, b->out, b->cap))
		return 0;
	if (i < b->n && row->count_len) {
		b->err_input = i;
		rc = put_count(b, row, b->in[i].len);
	}
	if (rc)
		return rc;
	if (rtas_row_extent(&e, row, b->last, b->out, b->cap) < 0)
		return i < b->n ? DLPAR_ERR_NOSPACE : 0;
	if (row->from == DLPAR_RTAS_FROM_END) {
		b->end += i < b->n ? row->off : 0;
		return 0;
	}
	if (i < b->n && !row->len)
		rc = put_open(b, row, i, &e);
	else if (!row->len && !row->count_len)
		e.next = e.off;
	b->last = e.next;
	if (i < b->n && e.next > b->end)
		b->end = e.next;
	return rc;
}

static int place_rows(struct build *b)
{
	size_t i;
	int rc;

	for (i = 0; i < b->layout->n_fields; i++) {
		rc = place_row(b, &b->layout->fields[i]);
		if (rc)
			return rc;
	}
	return 0;
}

/* The section's length: as given, else what its fields take. */
static int put_length(struct build *b, size_t *len)
{
	size_t i = find_input(b, "length");
	int rc;

	b->err_input = i;
	*len = b->end > b->layout->min_len ? b->end : b->layout->min_len;
	if (i < b->n) {
		if (b->in[i].number < b->layout->min_len)
			return DLPAR_ERR_BADARG;
		if (b->in[i].number > b->cap)
			return DLPAR_ERR_NOSPACE;
		*len = (size_t)b->in[i].number;
		return 0;
	}
	rc = dlpar_rtas_field_set(b->out, *len, b->id, "length", *len, NULL, 0);
	return rc == DLPAR_ERR_NOTFOUND ? 0 : rc;
}

static int put_inputs(struct build *b, size_t len)
{
	size_t i;
	int rc;

	for (i = 0; i < b->n; i++) {
		if (row_of(b, i)->type == DLPAR_RTAS_RECORDS)
			continue;
		rc = put_input(b, i, len);
		if (rc)
			return rc;
	}
	return 0;
}

/* Whether the section of @len bytes says what input @i does. */
static int reads_back(const struct build *b, size_t i, size_t len)
{
	const struct dlpar_rtas_field *row = row_of(b, i);
	const struct dlpar_rtas_input *in = &b->in[i];
	const uint8_t *bytes = bytes_of(b, i);
	struct dlpar_rtas_value v;
	size_t n = in->len;

	if (dlpar_rtas_field_get(&v, b->id, row->name, b->out, len))
		return 0;
	if (is_number(row))
		return v.number == in->number;
	if (row->type == DLPAR_RTAS_PADDED)
		while (n && bytes[n - 1] == ' ')
			n--;
	if (row->type == DLPAR_RTAS_RECORDS ? v.len < n : v.len != n)
		return 0;
	return !n || !memcmp(b->out + v.off, bytes, n);
}

static int check_result(struct build *b, size_t len)
{
	for (b->err_input = 0; b->err_input < b->n; b->err_input++)
		if (!reads_back(b, b->err_input, len))
			return DLPAR_ERR_BADARG;
	return 0;
}

static int build(struct build *b, size_t bytes_len)
{
	size_t len;
	int rc;

	rc = check_inputs(b, bytes_len);
	if (!rc)
		rc = put_numbers(b);
	if (rc)
		return rc;
	imply_rows(b);
	rc = place_rows(b);
	if (!rc)
		rc = put_length(b, &len);
	if (!rc)
		rc = put_inputs(b, len);
	if (!rc)
		rc = check_result(b, len);
	return rc ? rc : (int)len;
}

int dlpar_rtas_section_build(uint8_t *out, size_t cap, size_t *err_input,
			     uint32_t id, const struct dlpar_rtas_input *in,
			     size_t n, const uint8_t *bytes, size_t bytes_len)
{
	struct build b = {
		.layout = rtas_layout_find(id), .in = in, .n = n,
		.bytes = bytes, .out = out, .cap = cap, .id = id,
	};
	int rc;

	if (cap > INT32_MAX)
		cap = b.cap = INT32_MAX;
	/* Room for every number that decides on another field. */
	if (cap < DLPAR_RTAS_BUILD_MIN)
		return DLPAR_ERR_NOSPACE;
	memset(out, 0, cap);
	rc = build(&b, bytes_len);
	if (rc < 0 && err_input)
		*err_input = b.err_input;
	return rc;
}
