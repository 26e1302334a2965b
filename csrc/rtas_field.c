// SPDX-License-Identifier: Apache-2.0
/*
 * rtas_field.c - read and write one field of a section through the tables.
 *
 * Knows kinds of fields, never a section: what stands where is in
 * rtas_layout.c. Must never touch a byte outside of the section's length.
 */
#include "rtas_layout.h"
#include "wire.h"

/* Whether the section's contents say that the field is there. */
static int field_expected(const struct dlpar_rtas_field *f, const uint8_t *buf,
			  size_t len)
{
	uint16_t word;

	if (f->when == DLPAR_RTAS_ALWAYS)
		return 1;
	if (len < 2 || f->when_off > len - 2)
		return 0;
	word = wire_get16(buf + f->when_off) & f->when_mask;
	if (f->when == DLPAR_RTAS_WHEN_EQUAL)
		return word == f->when_value;
	return word >= f->when_value;
}

/* Where the field's bytes are; false where the section is too short. */
static int field_extent(const struct dlpar_rtas_field *f, size_t len,
			size_t *off, size_t *field_len)
{
	size_t end;

	if (f->tail > len || f->off > len - f->tail)
		return 0;
	end = len - f->tail;
	*off = f->from_end ? end - f->off : f->off;
	*field_len = f->len ? f->len : end - *off;
	return *field_len <= end - *off;
}

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

/* The value of @f; false where the section does not have it. */
static int read_field(struct dlpar_rtas_value *v,
		      const struct dlpar_rtas_field *f, const uint8_t *buf,
		      size_t len)
{
	size_t off, field_len;
	const uint8_t *nul;

	if (!field_expected(f, buf, len) ||
	    !field_extent(f, len, &off, &field_len))
		return 0;
	*v = (struct dlpar_rtas_value){ .present = 1, .type = f->type,
					.off = (uint32_t)off };
	if (is_number(f)) {
		v->number = (load(buf + off, field_len) &
			     field_mask(f, field_len)) >> f->shift;
	} else if (f->type != DLPAR_RTAS_BYTES) {
		nul = memchr(buf + off, 0, field_len);
		if (!nul && f->type == DLPAR_RTAS_STRING)
			return 0;
		if (nul)
			field_len = (size_t)(nul - (buf + off));
	}
	v->len = (uint32_t)field_len;
	return 1;
}

int dlpar_rtas_section_get(struct dlpar_rtas_value *values, size_t cap,
			   uint16_t id, const uint8_t *buf, size_t len)
{
	const struct dlpar_rtas_layout *layout = rtas_layout_find(id);
	size_t i;

	if (cap < layout->n_fields)
		return DLPAR_ERR_NOSPACE;
	for (i = 0; i < layout->n_fields; i++)
		if (!read_field(&values[i], &layout->fields[i], buf, len))
			values[i] = (struct dlpar_rtas_value){
				.type = layout->fields[i].type
			};
	return (int)layout->n_fields;
}

/* A name can stand in several rows; the one that is there counts. */
static const struct dlpar_rtas_field *find_field(struct dlpar_rtas_value *v,
						 uint16_t id, const char *name,
						 const uint8_t *buf, size_t len)
{
	const struct dlpar_rtas_layout *layout = rtas_layout_find(id);
	size_t i;

	for (i = 0; i < layout->n_fields; i++)
		if (!strcmp(layout->fields[i].name, name) &&
		    read_field(v, &layout->fields[i], buf, len))
			return &layout->fields[i];
	return NULL;
}

int dlpar_rtas_field_get(struct dlpar_rtas_value *value, uint16_t id,
			 const char *name, const uint8_t *buf, size_t len)
{
	struct dlpar_rtas_value v;

	if (!find_field(&v, id, name, buf, len))
		return DLPAR_ERR_NOTFOUND;
	*value = v;
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

/* Bytes fill their place; a text may, a string may not: it has a NUL. */
static int set_bytes(uint8_t *p, size_t len, const struct dlpar_rtas_field *f,
		     const uint8_t *bytes, size_t bytes_len)
{
	size_t room = f->type == DLPAR_RTAS_STRING ? len - 1 : len;

	if (bytes_len > room || (bytes_len && !bytes))
		return DLPAR_ERR_BADARG;
	if (f->type == DLPAR_RTAS_BYTES && bytes_len != len)
		return DLPAR_ERR_BADARG;
	if (f->type != DLPAR_RTAS_BYTES && bytes_len &&
	    memchr(bytes, 0, bytes_len))
		return DLPAR_ERR_BADARG;
	if (bytes_len)
		memcpy(p, bytes, bytes_len);
	memset(p + bytes_len, 0, len - bytes_len);
	return DLPAR_OK;
}

int dlpar_rtas_field_set(uint8_t *buf, size_t len, uint16_t id,
			 const char *name, uint64_t number,
			 const uint8_t *bytes, size_t bytes_len)
{
	const struct dlpar_rtas_field *f;
	struct dlpar_rtas_value v;
	size_t room;

	f = find_field(&v, id, name, buf, len);
	if (!f)
		return DLPAR_ERR_NOTFOUND;
	/* A text or string may be shorter than its place. */
	room = f->len ? f->len : len - f->tail - v.off;
	if (is_number(f))
		return set_number(buf + v.off, room, f, number);
	return set_bytes(buf + v.off, room, f, bytes, bytes_len);
}
