// SPDX-License-Identifier: Apache-2.0
/*
 * rtas_field.c - read and write one field of a section through the tables.
 *
 * Knows kinds of fields, never a section: what stands where is in
 * rtas_layout.c. Must never touch a byte outside of the section's length.
 */
#include "rtas_layout.h"
#include "wire.h"

static uint64_t load(const uint8_t *p, size_t len)
{
	switch (len) {
	case 1:
		return p[0];
	case 2:
		return wire_get16(p);
	case 4:
		return wire_get32(p);
	default:
		return wire_get64(p);
	}
}

static void store(uint8_t *p, size_t len, uint64_t v)
{
	switch (len) {
	case 1:
		p[0] = (uint8_t)v;
		break;
	case 2:
		wire_put16(p, (uint16_t)v);
		break;
	case 4:
		wire_put32(p, (uint32_t)v);
		break;
	default:
		wire_put64(p, v);
		break;
	}
}

static int is_number(const struct dlpar_rtas_field *f)
{
	return f->type == DLPAR_RTAS_UINT || f->type == DLPAR_RTAS_DATE ||
	       f->type == DLPAR_RTAS_TIME;
}

/* All bits a field of @len bytes can have, before shifting. */
static uint64_t field_mask(const struct dlpar_rtas_field *f, size_t len)
{
	if (f->mask)
		return f->mask;
	return UINT64_MAX >> (64 - 8 * len);
}

/* The number of @n_bytes at @off; false where the section ends before. */
static int number_at(uint64_t *out, size_t off, size_t n_bytes,
		     const uint8_t *buf, size_t len)
{
	if (n_bytes > len || off > len - n_bytes)
		return 0;
	*out = load(buf + off, n_bytes);
	return 1;
}

/* Whether the section's contents say that the row is there. */
static int row_expected(const struct dlpar_rtas_field *f, const uint8_t *buf,
			size_t len)
{
	uint64_t word;

	if (f->when == DLPAR_RTAS_ALWAYS)
		return 1;
	if (!number_at(&word, f->when_off, f->when_len, buf, len))
		return 0;
	word &= f->when_mask;
	if (f->when == DLPAR_RTAS_WHEN_EQUAL)
		return word == f->when_value;
	if (f->when == DLPAR_RTAS_WHEN_AT_LEAST)
		return word >= f->when_value;
	return word != 0;
}

/* Where the row begins; false for a place beyond @end. */
static int row_start(size_t *start, const struct dlpar_rtas_field *f,
		     size_t last, size_t end)
{
	*start = f->off;
	if (f->from == DLPAR_RTAS_FROM_LAST) {
		*start += last;
		if (f->align)
			*start += (f->align - *start % f->align) % f->align;
	} else if (f->from == DLPAR_RTAS_FROM_END) {
		if (f->off > end)
			return 0;
		*start = end - f->off;
	}
	return *start <= end;
}

/* Bytes that the row's count announces. */
static int counted_len(size_t *out, const struct dlpar_rtas_field *f,
		       const uint8_t *buf, size_t len)
{
	uint64_t n;

	if (!number_at(&n, f->count_off, f->count_len, buf, len))
		return 0;
	if (f->count_mask)
		n &= f->count_mask;
	n *= f->unit;
	if (n < f->count_less)
		return 0;
	*out = (size_t)n - f->count_less;
	return 1;
}

int rtas_row_extent(struct rtas_extent *out, const struct dlpar_rtas_field *row,
		    size_t last, const uint8_t *buf, size_t len)
{
	const uint8_t *nul;
	size_t end;

	if (!row_expected(row, buf, len))
		return 0;
	if (row->tail > len)
		return DLPAR_ERR_RECORD;
	end = len - row->tail;
	if (!row_start(&out->off, row, last, end))
		return DLPAR_ERR_RECORD;
	out->len = row->len ? row->len : end - out->off;
	if (row->count_len && !counted_len(&out->len, row, buf, len))
		return DLPAR_ERR_RECORD;
	if (out->len > end - out->off)
		return DLPAR_ERR_RECORD;
	out->next = out->off + out->len;
	if (row->type == DLPAR_RTAS_STRING || row->type == DLPAR_RTAS_WORDS) {
		nul = memchr(buf + out->off, 0, out->len);
		if (!nul)
			return DLPAR_ERR_RECORD;
		out->next = (size_t)(nul - buf) + 1;
	}
	return 1;
}

/* As rtas_row_extent(), moving @last on; behind a misfit there is nothing. */
static int next_extent(struct rtas_extent *out,
		       const struct dlpar_rtas_field *row, size_t *last,
		       const uint8_t *buf, size_t len)
{
	int rc = rtas_row_extent(out, row, *last, buf, len);

	if (rc > 0)
		*last = out->next;
	else if (rc < 0)
		*last = len;
	return rc;
}

int rtas_rows_fit(const struct dlpar_rtas_layout *layout, const uint8_t *buf,
		  size_t len)
{
	struct rtas_extent extent;
	size_t last = 0;
	size_t i;

	for (i = layout->fixed; i < layout->n_fields; i++)
		if (next_extent(&extent, &layout->fields[i], &last, buf,
				len) < 0)
			return 0;
	return 1;
}

/* Bytes of a text: up to a NUL; of a padded one, without blanks at the end. */
static size_t text_len(const struct dlpar_rtas_field *f, const uint8_t *p,
		       size_t len)
{
	const uint8_t *nul = len ? memchr(p, 0, len) : NULL;

	if (nul)
		len = (size_t)(nul - p);
	if (f->type == DLPAR_RTAS_PADDED)
		while (len && p[len - 1] == ' ')
			len--;
	return len;
}

static int is_text(const struct dlpar_rtas_field *f)
{
	return f->type == DLPAR_RTAS_TEXT || f->type == DLPAR_RTAS_STRING ||
	       f->type == DLPAR_RTAS_PADDED || f->type == DLPAR_RTAS_WORDS;
}

/* The value of @f, whose bytes are @e. */
static void read_field(struct dlpar_rtas_value *v,
		       const struct dlpar_rtas_field *f,
		       const struct rtas_extent *e, const uint8_t *buf)
{
	const uint8_t *p = buf + e->off;

	v->number = 0;
	v->off = (uint32_t)e->off;
	v->len = (uint32_t)e->len;
	v->present = 1;
	v->type = f->type;
	if (is_number(f))
		v->number = (load(p, e->len) & field_mask(f, e->len)) >>
			    f->shift;
	else if (is_text(f))
		v->len = (uint32_t)text_len(f, p, e->len);
}

int dlpar_rtas_section_get(struct dlpar_rtas_value *values, size_t cap,
			   uint32_t id, const uint8_t *buf, size_t len)
{
	const struct dlpar_rtas_layout *layout = rtas_layout_find(id);
	const struct dlpar_rtas_field *f = layout->fields;
	struct rtas_extent extent;
	size_t last = 0;
	size_t i;

	if (cap < layout->n_fields)
		return DLPAR_ERR_NOSPACE;
	for (i = 0; i < layout->n_fields; i++, f++) {
		if (next_extent(&extent, f, &last, buf, len) > 0)
			read_field(&values[i], f, &extent, buf);
		else
			values[i] = (struct dlpar_rtas_value){
				.type = f->type
			};
	}
	return (int)layout->n_fields;
}

/* A name can stand in several rows; the one that is there counts. */
static const struct dlpar_rtas_field *find_field(struct rtas_extent *extent,
						 uint32_t id, const char *name,
						 const uint8_t *buf, size_t len)
{
	const struct dlpar_rtas_layout *layout = rtas_layout_find(id);
	const struct dlpar_rtas_field *f = layout->fields;
	size_t last = 0;
	size_t i;

	for (i = 0; i < layout->n_fields; i++, f++)
		if (next_extent(extent, f, &last, buf, len) > 0 &&
		    !strcmp(f->name, name))
			return f;
	return NULL;
}

int dlpar_rtas_field_get(struct dlpar_rtas_value *value, uint32_t id,
			 const char *name, const uint8_t *buf, size_t len)
{
	const struct dlpar_rtas_field *f;
	struct rtas_extent extent;

	f = find_field(&extent, id, name, buf, len);
	if (!f)
		return DLPAR_ERR_NOTFOUND;
	read_field(value, f, &extent, buf);
	return DLPAR_OK;
}

static int is_bcd(uint64_t number)
{
	for (; number; number >>= 4)
		if ((number & 0x0f) > 9)
			return 0;
	return 1;
}

static int set_number(uint8_t *p, size_t len, const struct dlpar_rtas_field *f,
		      uint64_t number)
{
	uint64_t mask = field_mask(f, len);

	if (number > mask >> f->shift)
		return DLPAR_ERR_BADARG;
	if (f->type != DLPAR_RTAS_UINT && !is_bcd(number))
		return DLPAR_ERR_BADARG;
	store(p, len, (load(p, len) & ~mask) | number << f->shift);
	return DLPAR_OK;
}

/*
 * A text may be shorter than its place; a string has a NUL behind it. One that
 * is there already stays as it is, with whatever stands behind its NUL.
 */
static int set_text(uint8_t *p, size_t len, const struct dlpar_rtas_field *f,
		    const uint8_t *bytes, size_t bytes_len)
{
	int string = f->type == DLPAR_RTAS_STRING ||
		     f->type == DLPAR_RTAS_WORDS;
	size_t room = string ? len - 1 : len;

	if (bytes_len > room || (bytes_len && !bytes))
		return DLPAR_ERR_BADARG;
	if (bytes_len && memchr(bytes, 0, bytes_len))
		return DLPAR_ERR_BADARG;
	if (text_len(f, p, len) == bytes_len &&
	    (!bytes_len || !memcmp(p, bytes, bytes_len)))
		return DLPAR_OK;
	if (bytes_len)
		memcpy(p, bytes, bytes_len);
	if (len > bytes_len)
		memset(p + bytes_len, f->type == DLPAR_RTAS_PADDED ? ' ' : 0,
		       len - bytes_len);
	return DLPAR_OK;
}

/* Bytes and numbers fill their place. */
static int set_bytes(uint8_t *p, size_t len, const uint8_t *bytes,
		     size_t bytes_len)
{
	if (bytes_len != len || (len && !bytes))
		return DLPAR_ERR_BADARG;
	if (len)
		memcpy(p, bytes, len);
	return DLPAR_OK;
}

int dlpar_rtas_field_set(uint8_t *buf, size_t len, uint32_t id,
			 const char *name, uint64_t number,
			 const uint8_t *bytes, size_t bytes_len)
{
	const struct dlpar_rtas_field *f;
	struct rtas_extent e;

	f = find_field(&e, id, name, buf, len);
	if (!f)
		return DLPAR_ERR_NOTFOUND;
	if (is_number(f))
		return set_number(buf + e.off, e.len, f, number);
	if (f->type == DLPAR_RTAS_RECORDS)
		return DLPAR_ERR_BADARG;
	/* Behind words stands something else. */
	if (f->type == DLPAR_RTAS_WORDS)
		e.len = e.next - e.off;
	if (is_text(f))
		return set_text(buf + e.off, e.len, f, bytes, bytes_len);
	return set_bytes(buf + e.off, e.len, bytes, bytes_len);
}
