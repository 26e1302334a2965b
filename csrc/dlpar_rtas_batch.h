/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dlpar_rtas_batch.h - many RTAS events as columns, for Python and for Arrow.
 *
 * Part of the public header dlpar.h: include that one.
 */
#ifndef DLPAR_RTAS_BATCH_H
#define DLPAR_RTAS_BATCH_H

/* cffi: begin */
/* What a row has, beyond the first four bits: those of enum dlpar_rtas_has. */
enum dlpar_rtas_row_has {
	DLPAR_RTAS_ROW_PS = 0x10,
	DLPAR_RTAS_ROW_SS = 0x20,
	DLPAR_RTAS_ROW_MT = 0x40,
	DLPAR_RTAS_ROW_LR = 0x80,
	DLPAR_RTAS_ROW_LP = 0x100,
	DLPAR_RTAS_ROW_IE = 0x200,
	DLPAR_RTAS_ROW_DH = 0x400,
	DLPAR_RTAS_ROW_MC = 0x800,
	DLPAR_RTAS_ROW_EH = 0x1000,
	DLPAR_RTAS_ROW_ED = 0x2000,
	DLPAR_RTAS_ROW_EI = 0x4000,
	DLPAR_RTAS_ROW_MI = 0x8000,
	DLPAR_RTAS_ROW_SW = 0x10000,
	DLPAR_RTAS_ROW_UD = 0x20000,
	DLPAR_RTAS_ROW_CH = 0x40000,
	DLPAR_RTAS_ROW_HM = 0x80000,
	DLPAR_RTAS_ROW_UNKNOWN = 0x100000,	/* a section without a table */
	DLPAR_RTAS_ROW_V5 = 0x200000,		/* a body before version 6 */
	DLPAR_RTAS_ROW_HEADER = 0x400000,	/* the fixed part */
	/* Not sections: what is known of the row, besides. */
	DLPAR_RTAS_ROW_LINE = 0x800000,		/* it was found in a text */
	DLPAR_RTAS_ROW_TIMESTAMP = 0x1000000,	/* its date is one */
	DLPAR_RTAS_ROW_INDEX = 0x2000000,	/* HP with a DRC index */
	DLPAR_RTAS_ROW_COUNT = 0x4000000,	/* HP with a count */
	DLPAR_RTAS_ROW_TOKEN = 0x8000000,	/* HP with a token */
	DLPAR_RTAS_ROW_LOCATION = 0x10000000,	/* PS, first call-out has one */
	DLPAR_RTAS_ROW_SOURCE = 0x20000000,	/* the file has a name */
	DLPAR_RTAS_ROW_DAMAGED = 0x40000000	/* the event is damaged */
};

/* One more, beyond what an enum holds: it begins at PH. */
#define DLPAR_RTAS_ROW_HEADLESS 0x80000000

/* Decode what can be, rather than stop at the first damaged event. */
#define DLPAR_RTAS_TOLERANT 1

/* Bytes of a reference code proper, out of the 32 characters. */
#define DLPAR_RTAS_CODE_LEN 8

/* Columns of a batch: each points to as many elements as there are rows. */
struct dlpar_rtas_columns {
	uint64_t *offset;	/* of the event, in the input */
	uint64_t *damage_offset;	/* first byte not understood, of input */
	uint64_t *place;	/* of what it was found in: see the place */
	uint64_t *line;		/* of a text, from 1 */
	int64_t *timestamp;	/* ms since 1970, platform's clock */
	uint32_t *length;
	uint32_t *source;	/* which file it is from */
	uint32_t *has;
	uint32_t *plid;
	uint32_t *entry_id;
	uint32_t *date;		/* BCD */
	uint32_t *time;		/* BCD */
	uint32_t *drc_index;
	uint32_t *count;
	uint32_t *token;
	uint32_t *location_offset;	/* from the start of the event */
	int32_t *damage;	/* enum dlpar_err */
	uint8_t *fault;		/* enum dlpar_text_reason */
	uint16_t *action_flags;	/* of UH */
	uint8_t *type;
	uint8_t *severity;
	uint8_t *disposition;
	uint8_t *initiator;
	uint8_t *target;
	uint8_t *version;
	uint8_t *creator;	/* of PH: a character */
	uint8_t *subsystem;	/* of UH */
	uint8_t *event_severity;	/* of UH */
	uint8_t *event_type;	/* of UH */
	uint8_t *resource;
	uint8_t *action;
	uint8_t *id_type;
	uint8_t *capabilities;
	uint8_t *epow_action;
	uint8_t *epow_modifier;
	uint8_t *location_length;
	uint8_t *reference_code;	/* 8 bytes each; of the first PS */
};

/* What becomes of a column in Arrow. */
enum dlpar_rtas_column_kind {
	DLPAR_RTAS_COLUMN_INNER = 0,	/* nothing: another says the same */
	DLPAR_RTAS_COLUMN_NUMBER = 1,
	DLPAR_RTAS_COLUMN_WORD = 2,	/* dictionary of words by number */
	DLPAR_RTAS_COLUMN_LETTER = 3,	/* dictionary of single characters */
	DLPAR_RTAS_COLUMN_CODE = 4,	/* text of 8 bytes at most */
	DLPAR_RTAS_COLUMN_PLACE = 5,	/* text in the input */
	DLPAR_RTAS_COLUMN_SOURCE = 6	/* dictionary of the names of files */
};

/* One column: its name, form and meaning. */
struct dlpar_rtas_column {
	const char *name;
	const char *view;	/* an item, as Python's struct module has it */
	const char *arrow_name;
	const char *format;	/* of the Arrow C data interface */
	const char *const *words;	/* NULL where a number has no word */
	uint32_t n_words;
	uint32_t needs;		/* null without this bit of has; 0: never */
	uint16_t slot;		/* its pointer in struct dlpar_rtas_columns */
	uint8_t width;		/* bytes of an item */
	uint8_t kind;		/* enum dlpar_rtas_column_kind */
};

/* The source of a place in something without a name. */
#define DLPAR_RTAS_NO_SOURCE 0xffffffff

/* Where an event is, and where it was found: what becomes a row. */
struct dlpar_rtas_place {
	uint64_t offset;	/* of the event, in the input */
	uint64_t place;		/* of its record or first line, in its file */
	uint64_t line;		/* of a text, from 1; else 0 */
	uint32_t length;	/* of the event; with @fault 0 */
	uint32_t source;	/* number of the file's name */
	uint8_t headless;	/* it begins at PH */
	uint8_t fault;		/* enum dlpar_text_reason: there is no event */
	uint8_t reserved[6];
};

/* A decoded batch; it does not hold the input. */
struct dlpar_rtas_batch {
	size_t rows;
	size_t size;		/* bytes from here to the end of all columns */
	struct dlpar_rtas_columns cols;
};

/* Names of files, one behind the other, for Arrow. */
struct dlpar_rtas_names {
	const uint8_t *text;	/* UTF-8 */
	const uint64_t *ends;	/* of each name, in @text */
	size_t n;
};

/**
 * dlpar_rtas_column_table() - every column there is
 * @out: set to the first of them; static
 *
 * Threads: pure.
 * returns: how many
 */
int dlpar_rtas_column_table(const struct dlpar_rtas_column **out);

/**
 * dlpar_rtas_count() - how many events are stored back to back
 * @buf: the events
 * @len: bytes in @buf
 *
 * Hops over the length words, for the room dlpar_rtas_decode_columns() needs;
 * an event that goes on beyond @len counts, too.
 *
 * Threads: pure.
 * returns: number of events; 0 only for no bytes
 */
size_t dlpar_rtas_count(const uint8_t *buf, size_t len);

/**
 * dlpar_rtas_decode_columns() - events stored back to back, to columns
 * @cols:    columns of @cap elements each; what an event lacks is 0
 * @cap:     rows there is room for
 * @n_rows:  rows filled; on error the row of the event in error
 * @err_off: NULL, or set to the first byte of @buf not understood
 * @buf:     the events
 * @len:     bytes in @buf
 * @flags:   0 or DLPAR_RTAS_TOLERANT
 *
 * Verdicts are those of dlpar_rtas_event_decode(). Tolerant, a damaged event
 * has a row, too: damage and damage_offset are set and the rest is from what
 * stands before the damage; the next event is expected where the damaged one's
 * length word says, or, if it leaves the input, none is.
 *
 * Threads: pure, when the columns are not shared.
 * returns: DLPAR_OK, DLPAR_ERR_NOSPACE with bytes left after @cap rows,
 *	DLPAR_ERR_BADARG for unknown flags, or the error of the event @n_rows
 */
int dlpar_rtas_decode_columns(const struct dlpar_rtas_columns *cols, size_t cap,
			      size_t *n_rows, size_t *err_off,
			      const uint8_t *buf, size_t len, uint32_t flags);

/**
 * dlpar_rtas_batch_decode() - events to a batch of their own memory
 * @out:     the batch, with one holder; drop it by dlpar_rtas_batch_put()
 * @err_row: on error the row of the event in error
 * @err_off: on error the first byte of @buf not understood
 * @buf:     the events
 * @len:     bytes in @buf
 * @flags:   0 or DLPAR_RTAS_TOLERANT
 *
 * Each column begins at a multiple of 64 bytes, as Arrow advises.
 *
 * Threads: pure.
 * returns: DLPAR_OK, DLPAR_ERR_NOMEM, or as dlpar_rtas_decode_columns()
 */
int dlpar_rtas_batch_decode(struct dlpar_rtas_batch **out, size_t *err_row,
			    size_t *err_off, const uint8_t *buf, size_t len,
			    uint32_t flags);

/**
 * dlpar_rtas_batch_places() - events at given places to a batch
 * @out:     the batch, with one holder; drop it by dlpar_rtas_batch_put()
 * @err_row: on error the row of the event in error
 * @err_off: on error the first byte of @buf not understood
 * @buf:     what the events are in
 * @len:     bytes in @buf
 * @places:  one a row, in any order
 * @n:       how many
 * @flags:   0 or DLPAR_RTAS_TOLERANT
 *
 * For what is not stored back to back, or not all of one kind. A place with a
 * fault is a damaged row, DLPAR_ERR_TEXT.
 *
 * Threads: pure.
 * returns: DLPAR_OK, DLPAR_ERR_NOMEM, DLPAR_ERR_BADARG for a place beyond
 *	@len, else as dlpar_rtas_batch_decode()
 */
int dlpar_rtas_batch_places(struct dlpar_rtas_batch **out, size_t *err_row,
			    size_t *err_off, const uint8_t *buf, size_t len,
			    const struct dlpar_rtas_place *places, size_t n,
			    uint32_t flags);

/**
 * dlpar_rtas_log_places() - the places of all records of a log
 * @out:        room for @cap of them; the others are only counted
 * @cap:        0 with NULL
 * @like:       the source of each, and where @buf is in the input (@offset)
 * @carrier:    enum dlpar_rtas_carrier
 * @record_len: as dlpar_rtas_log_next()
 * @buf:        the records, from the start of the file
 * @len:        bytes in @buf
 *
 * A rest that is too short for a record is one, too: it will be damaged.
 *
 * Threads: pure.
 * returns: number of records, DLPAR_ERR_TOOBIG where one of them or their
 *	number is beyond 32 bits, or
 *	DLPAR_ERR_BADARG as dlpar_rtas_log_next()
 */
int dlpar_rtas_log_places(struct dlpar_rtas_place *out, size_t cap,
			  const struct dlpar_rtas_place *like, uint32_t carrier,
			  size_t record_len, const uint8_t *buf, size_t len);

/**
 * dlpar_text_places() - the places of what was found in a text
 * @out:   @n of them
 * @like:  the source of each, and where the output's bytes are in the input
 * @found: by dlpar_text_scan_feed()
 * @n:     how many
 *
 * Threads: pure.
 */
void dlpar_text_places(struct dlpar_rtas_place *out,
		       const struct dlpar_rtas_place *like,
		       const struct dlpar_text_found *found, size_t n);

/**
 * dlpar_rtas_batch_put() - drop one hold on a batch; the last frees it
 * @batch: or NULL
 *
 * Threads: any, without a lock; so do the release callbacks of Arrow.
 */
void dlpar_rtas_batch_put(struct dlpar_rtas_batch *batch);

/**
 * dlpar_rtas_arrow_schema() - the Arrow schema of every batch: a struct
 * @out: the schema; the consumer calls its release
 *
 * Threads: pure.
 * returns: DLPAR_OK or DLPAR_ERR_NOMEM
 */
int dlpar_rtas_arrow_schema(struct ArrowSchema *out);

/**
 * dlpar_rtas_arrow_array() - a batch as an Arrow struct array
 * @out:   the array; the consumer calls its release, in any thread
 * @batch: stays alive until every column of it is released
 * @buf:   the input of @batch; only texts are copied out of it
 * @len:   bytes in @buf
 * @names: of the parts of the input; none: the column source is null
 *
 * Columns are shared with the batch; made here are validity bitmaps, texts and
 * dictionaries. A byte above 0x7f in a text is the character of that number.
 *
 * Source: the Arrow C data interface.
 * Threads: pure.
 * returns: DLPAR_OK, DLPAR_ERR_NOMEM, DLPAR_ERR_TOOBIG with more text than an
 *	Arrow string column has (2 GiB), or DLPAR_ERR_BADARG with an input or
 *	names that are not those of @batch
 */
int dlpar_rtas_arrow_array(struct ArrowArray *out,
			   struct dlpar_rtas_batch *batch, const uint8_t *buf,
			   size_t len, const struct dlpar_rtas_names *names);

/**
 * dlpar_rtas_arrow_stream() - several struct arrays as an Arrow stream
 * @out:    the stream; the consumer calls its release
 * @arrays: of dlpar_rtas_arrow_array(); moved, so released ones afterwards
 * @n:      how many; 0 is a stream that has the schema only
 *
 * Source: the Arrow C stream interface.
 * Threads: pure.
 * returns: DLPAR_OK, or DLPAR_ERR_NOMEM with @arrays as they were
 */
int dlpar_rtas_arrow_stream(struct ArrowArrayStream *out,
			    struct ArrowArray *arrays, size_t n);
/* cffi: end */

#endif /* DLPAR_RTAS_BATCH_H */
