/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dlpar_rtas_layout.h - fields of RTAS event logs, as tables.
 *
 * Part of the public header dlpar.h: include that one.
 */
#ifndef DLPAR_RTAS_LAYOUT_H
#define DLPAR_RTAS_LAYOUT_H

/* cffi: begin */
/* How the bytes of a field are read. */
enum dlpar_rtas_type {
	DLPAR_RTAS_UINT = 1,	/* 1, 2, 4 or 8 bytes, big-endian, masked */
	DLPAR_RTAS_DATE = 2,	/* BCD YYYYMMDD */
	DLPAR_RTAS_TIME = 3,	/* BCD HHMMSShh */
	DLPAR_RTAS_BYTES = 4,	/* len bytes; len 0: all up to the tail */
	DLPAR_RTAS_TEXT = 5,	/* as bytes, cut at the first NUL */
	DLPAR_RTAS_STRING = 6,	/* up to the NUL that has to be there */
	DLPAR_RTAS_PADDED = 7,	/* as text; blanks at its end are not part */
	DLPAR_RTAS_WORDS = 8,	/* as string: words with blanks between */
	DLPAR_RTAS_NUMBERS = 9,	/* numbers of unit bytes each, big-endian */
	DLPAR_RTAS_RECORDS = 10	/* records of the table of */
};

/* When a field is there: a 32-bit word of the section, masked, decides. */
enum dlpar_rtas_when {
	DLPAR_RTAS_ALWAYS = 0,
	DLPAR_RTAS_WHEN_EQUAL = 1,
	DLPAR_RTAS_WHEN_AT_LEAST = 2,
	DLPAR_RTAS_WHEN_ANY = 3		/* some masked bit is set */
};

/* Where a field begins: @off bytes from this. */
enum dlpar_rtas_from {
	DLPAR_RTAS_FROM_START = 0,
	DLPAR_RTAS_FROM_END = 1,	/* backwards */
	DLPAR_RTAS_FROM_LAST = 2	/* the end of the last row present */
};

/*
 * One row of a table. With count_len, a number of that many bytes at
 * count_off, masked with count_mask unless that is 0, times unit, less
 * count_less, is the length in bytes. With when_len (2 or 4), a word decides.
 */
struct dlpar_rtas_field {
	const char *name;
	uint32_t mask;		/* UINT up to 4 bytes; 0: all bits */
	uint32_t when_mask;
	uint32_t when_value;
	uint32_t of;		/* RECORDS: their table */
	uint16_t off;
	uint16_t len;
	uint16_t tail;		/* bytes at the section's end left out */
	uint16_t when_off;
	uint16_t count_off;
	uint8_t count_len;
	uint8_t count_mask;
	uint8_t count_less;
	uint8_t unit;
	uint8_t align;		/* FROM_LAST: begin at a multiple of it */
	uint8_t when;		/* enum dlpar_rtas_when */
	uint8_t when_len;
	uint8_t type;		/* enum dlpar_rtas_type */
	uint8_t shift;
	uint8_t from;		/* enum dlpar_rtas_from */
};

/*
 * A table, of a section or of a record inside of one. A record's length,
 * itself included, stands at len_off in len_len bytes; without, min_len is
 * its length. With keyed, its first two characters pick a table of its own.
 */
struct dlpar_rtas_layout {
	const char *name;
	const struct dlpar_rtas_field *fields;
	uint32_t n_fields;
	uint32_t id;
	uint16_t min_len;
	uint8_t len_off;
	uint8_t len_len;
	uint8_t end_len;	/* a length up to this ends the run */
	uint8_t keyed;
	uint8_t checked;	/* its rows have to fit where it is met */
	uint8_t holds;		/* some row is RECORDS */
	uint8_t fixed;		/* leading rows that min_len has room for, and
				 * that nothing stands behind */
};

/* The value of one field. */
struct dlpar_rtas_value {
	uint64_t number;	/* UINT, DATE and TIME (their BCD digits) */
	uint32_t off;		/* of the bytes, in the section */
	uint32_t len;
	uint32_t present;	/* 0: this section does not have the field */
	uint32_t type;
};

/* A record inside of a section. */
struct dlpar_rtas_record {
	uint32_t off;		/* from the start of the section */
	uint32_t len;
	uint32_t id;		/* of its table */
	uint32_t parent;	/* its place in the list plus 1; 0: the section */
	uint32_t row;		/* of the parent's table */
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
 * dlpar_rtas_records() - all records inside of a section, at any depth
 * @records: those found, in wire order; may be NULL with @cap 0: only count
 * @cap:     room in @records
 * @n:       records found; on error those before the damage
 * @err_off: NULL, or set to the first byte not understood, from @buf
 * @id:      enum dlpar_rtas_part
 * @buf:     the section
 * @len:     its length
 *
 * Call-outs, their sub-structures and the units of those; readings of EI; the
 * registers of a vendor part. A record stands behind its parent and before
 * what follows that. Fields of a record are read as those of a section are.
 *
 * Source: LoPAR 7.3.3, SRC section, FRU call-outs.
 * Threads: pure.
 *
 * returns: DLPAR_OK, DLPAR_ERR_NOSPACE with more than @cap of them, or
 *	DLPAR_ERR_RECORD     a length that leaves what holds the record, is
 *			     below its minimum, or too short for its flags
 */
int dlpar_rtas_records(struct dlpar_rtas_record *records, size_t cap,
		       size_t *n, size_t *err_off, uint32_t id,
		       const uint8_t *buf, size_t len);

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
 * @bytes:     for the others; what is shorter than its place is padded with
 *             NUL, PADDED with blanks; NUMBERS as on the wire
 * @bytes_len: bytes in @bytes
 *
 * Other bits of the same bytes are kept, and a text that is already the one
 * to be written stays as it is, padding included. RECORDS cannot be set, the
 * fields of each can. Fields that say how the section is to be read (length,
 * identifier kind) are not refused: decode it anew.
 *
 * Threads: pure.
 * returns: DLPAR_OK, DLPAR_ERR_NOTFOUND as for dlpar_rtas_field_get(), or
 *	DLPAR_ERR_BADARG     it does not fit, is not BCD, or has a NUL inside
 */
int dlpar_rtas_field_set(uint8_t *buf, size_t len, uint32_t id,
			 const char *name, uint64_t number,
			 const uint8_t *bytes, size_t bytes_len);
/* cffi: end */

#endif /* DLPAR_RTAS_LAYOUT_H */
