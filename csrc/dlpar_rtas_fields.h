/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dlpar_rtas_fields.h - the fields of an RTAS event log, by name.
 *
 * Part of the public header dlpar.h: include that one.
 */
#ifndef DLPAR_RTAS_FIELDS_H
#define DLPAR_RTAS_FIELDS_H

/* cffi: begin */
/* How the bytes of a field are read. */
enum dlpar_rtas_type {
	DLPAR_RTAS_UINT = 1,	/* 1, 2, 4 or 8 bytes, big-endian, masked */
	DLPAR_RTAS_DATE = 2,	/* BCD YYYYMMDD */
	DLPAR_RTAS_TIME = 3,	/* BCD HHMMSShh */
	DLPAR_RTAS_BYTES = 4,	/* len bytes; len 0: all up to the tail */
	DLPAR_RTAS_TEXT = 5,	/* as bytes, cut at the first NUL */
	DLPAR_RTAS_STRING = 6	/* up to the NUL that has to be there */
};

/* When a field is there: a 16-bit word of the section, masked, decides. */
enum dlpar_rtas_when {
	DLPAR_RTAS_ALWAYS = 0,
	DLPAR_RTAS_WHEN_EQUAL = 1,
	DLPAR_RTAS_WHEN_AT_LEAST = 2
};

/* One row of a section's table. */
struct dlpar_rtas_field {
	const char *name;
	uint32_t mask;		/* UINT up to 4 bytes; 0: all bits */
	uint16_t off;		/* from the start, or, from_end, the end */
	uint16_t len;
	uint16_t tail;		/* bytes at the section's end left out */
	uint16_t when_off;
	uint16_t when_mask;
	uint16_t when_value;
	uint8_t when;		/* enum dlpar_rtas_when */
	uint8_t type;		/* enum dlpar_rtas_type */
	uint8_t shift;
	uint8_t from_end;
};

/* A section's table. */
struct dlpar_rtas_layout {
	const char *name;
	const struct dlpar_rtas_field *fields;
	uint32_t n_fields;
	uint32_t id;
	uint16_t min_len;
};

/* The value of one field. */
struct dlpar_rtas_value {
	uint64_t number;	/* UINT, DATE and TIME (their BCD digits) */
	uint32_t off;		/* of the bytes, in the section */
	uint32_t len;
	uint32_t present;	/* 0: this section does not have the field */
	uint32_t type;
};

/**
 * dlpar_rtas_layouts() - every table there is
 * @out: set to the first of them; static
 *
 * The last one, of id 0, describes a section of unknown id.
 *
 * Threads: pure.
 * returns: how many
 */
int dlpar_rtas_layouts(const struct dlpar_rtas_layout **out);

/**
 * dlpar_rtas_section_get() - all fields of a section
 * @values: one per row of the table of @id, in its order
 * @cap:    room in @values
 * @id:     enum dlpar_rtas_part, or unknown
 * @buf:    the section
 * @len:    its length
 *
 * Threads: pure.
 * returns: number of values, or DLPAR_ERR_NOSPACE
 */
int dlpar_rtas_section_get(struct dlpar_rtas_value *values, size_t cap,
			   uint32_t id, const uint8_t *buf, size_t len);

/**
 * dlpar_rtas_field_get() - one field of a section
 * @value: result, untouched on error
 * @id:    enum dlpar_rtas_part, or unknown
 * @name:  the field's name
 * @buf:   the section
 * @len:   its length
 *
 * Threads: pure.
 * returns: DLPAR_OK, or DLPAR_ERR_NOTFOUND: no such field, or not in a section
 *	of these contents and length
 */
int dlpar_rtas_field_get(struct dlpar_rtas_value *value, uint32_t id,
			 const char *name, const uint8_t *buf, size_t len);

/**
 * dlpar_rtas_field_set() - write one field of a section in place
 * @buf:       the section; untouched on error
 * @len:       its length
 * @id:        enum dlpar_rtas_part, or unknown
 * @name:      the field's name
 * @number:    for UINT, DATE and TIME
 * @bytes:     for the others; shorter texts and strings are padded with NUL
 * @bytes_len: bytes in @bytes
 *
 * Other bits of the same bytes are kept. Fields that say how the section is
 * to be read (length, identifier kind) are not refused: decode it anew.
 * Threads: pure.
 * returns: DLPAR_OK, DLPAR_ERR_NOTFOUND as for dlpar_rtas_field_get(), or
 *	DLPAR_ERR_BADARG     it does not fit, is not BCD, or has a NUL inside
 */
int dlpar_rtas_field_set(uint8_t *buf, size_t len, uint32_t id,
			 const char *name, uint64_t number,
			 const uint8_t *bytes, size_t bytes_len);
/* cffi: end */

#endif /* DLPAR_RTAS_FIELDS_H */
