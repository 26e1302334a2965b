/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dlpar_rtas_text.h - RTAS events in text: logs, hex dumps, streams of them.
 *
 * Part of the public header dlpar.h: include that one.
 */
#ifndef DLPAR_RTAS_TEXT_H
#define DLPAR_RTAS_TEXT_H

/* cffi: begin */
/* Longest event taken from text; firmware's own limit is 2048 bytes. */
#define DLPAR_TEXT_EVENT_MAX 16384

/* Events that may be open at a time, of all writers together. */
#define DLPAR_TEXT_OPEN_MAX 8

/* Of a longer line only so many bytes are looked at. */
#define DLPAR_TEXT_LINE_MAX 8192

/* Of what stands before an event's first line, so many bytes are kept. */
#define DLPAR_TEXT_PREFIX_MAX 255

/* Room that dlpar_text_scan_feed() wants before it reads a line. */
#define DLPAR_TEXT_FOUND_MIN 2048
#define DLPAR_TEXT_OUT_MIN 393216

/* How an event was marked. */
enum dlpar_text_kind {
	DLPAR_TEXT_LOG = 1,	/* "RTAS <line>: <digits>" */
	DLPAR_TEXT_BARE = 2,	/* digits only */
	DLPAR_TEXT_XXD = 3,
	DLPAR_TEXT_HEXDUMP = 4,	/* hexdump -C */
	DLPAR_TEXT_ERRPT = 5	/* AIX: digits and a text gutter in brackets */
};

/* Which marker lines were there. */
enum dlpar_text_marker {
	DLPAR_TEXT_HAS_BEGIN = 1,
	DLPAR_TEXT_HAS_END = 2,
	DLPAR_TEXT_HAS_NUMBER = 4
};

/* Why there is no event. What expected and got count: see each. */
enum dlpar_text_reason {
	DLPAR_TEXT_GOOD = 0,
	DLPAR_TEXT_LOST = 1,	/* line numbers; dumps: offsets */
	DLPAR_TEXT_ORDER = 2,	/* line numbers */
	DLPAR_TEXT_REPEATED = 3,	/* a line again, other bytes: its number */
	DLPAR_TEXT_SHORT = 4,	/* bytes */
	DLPAR_TEXT_LONG = 5,	/* bytes */
	DLPAR_TEXT_DIGITS = 6,	/* line number; byte of the line */
	DLPAR_TEXT_ROW = 7,	/* bytes of a line */
	DLPAR_TEXT_MARKER = 8,	/* event numbers of begin and end */
	DLPAR_TEXT_MIXED = 9,	/* line numbers; writers not to be told apart */
	DLPAR_TEXT_EMPTY = 10,	/* markers without a line between them */
	DLPAR_TEXT_TOOBIG = 11,	/* bytes */
	DLPAR_TEXT_NOEVENT = 12	/* a dump, but not of an event: offset */
};

/* One thing found: an event, or with @reason not 0 a damaged one. */
struct dlpar_text_found {
	uint64_t start;		/* byte offsets in the text: first line's start */
	uint64_t end;		/* and last line's end, without its newline */
	uint64_t first_line;	/* from 1 */
	uint64_t last_line;
	uint32_t data_off;	/* in the output; the event's bytes */
	uint32_t data_len;	/* 0 for damage */
	uint32_t prefix_off;	/* in the output; what the first line begins with */
	uint32_t prefix_len;
	uint32_t number;	/* with DLPAR_TEXT_HAS_NUMBER */
	uint32_t padding;	/* zero bytes after the event, left out */
	uint32_t repeated;	/* lines that stood twice alike, counted once */
	uint32_t expected;
	uint32_t got;
	uint8_t kind;
	uint8_t markers;
	uint8_t reason;
	uint8_t reserved;
};

struct dlpar_text_scan;

/*
 * Where dlpar_text_scan_feed() puts what it finds. In @bytes each thing found
 * is a record that can be kept alone: a copy of its struct, the event's bytes,
 * what the first line begins with; the next one begins where it ends.
 */
struct dlpar_text_output {
	struct dlpar_text_found *found;
	uint8_t *bytes;
	size_t found_cap;	/* DLPAR_TEXT_FOUND_MIN at least */
	size_t bytes_cap;	/* DLPAR_TEXT_OUT_MIN at least */
	size_t n_found;		/* set by the call, as those below */
	size_t n_bytes;
	size_t n_damaged;	/* of @n_found */
	size_t used;		/* bytes of the text read */
};

/** dlpar_text_scan_size() - bytes a scanner needs, 8-aligned */
size_t dlpar_text_scan_size(void);

/**
 * dlpar_text_scan_init() - make a scanner of memory
 * @scan: dlpar_text_scan_size() bytes, 8-aligned; nothing is to be freed
 */
void dlpar_text_scan_init(struct dlpar_text_scan *scan);

/**
 * dlpar_text_scan_feed() - find the events in the next piece of a text
 * @scan: where the text before has led to
 * @out:  what is found in this piece, events in the order they end in
 * @text: the piece; lines and events may go on in the next one
 * @len:  bytes in @text; may be 0
 * @last: not 0: the text ends with this piece, all that is open gets closed
 *
 * Lines "RTAS <n>: <digits>" behind any prefix are told apart by writer: the
 * prefix without its time stamps. Lines of an event count from 0; one that
 * stands twice alike counts once, and anything else out of line is damage. The
 * length word of the event decides about its end; zeros after it are padding.
 * Of plain hex dumps those are taken that begin like an event with sections,
 * and any dump at the very start of the text.
 *
 * Returns early, with @used below @len, when @out might not hold what the next
 * line brings: call again with the rest. With @last the text has ended only
 * once the answer is 0.
 *
 * Source: the kernel's rtasd.c messages, rtas_errd's log, AIX errpt, observed.
 * Threads: pure, when neither @scan nor @out are shared.
 *
 * returns: 0 all read, 1 call again with the rest, or DLPAR_ERR_BADARG
 *	@out is smaller than it has to be
 */
int dlpar_text_scan_feed(struct dlpar_text_scan *scan,
			 struct dlpar_text_output *out, const uint8_t *text,
			 size_t len, int last);
/* cffi: end */

#endif /* DLPAR_RTAS_TEXT_H */
