/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rtas_text.h - private: the scanner's state, and a line's parts.
 *
 * A line is cut out (rtas_text.c) and understood (rtas_text_line.c); what it
 * says goes to the events of logs (rtas_text_log.c) or to the one plain dump
 * that may be open (rtas_text_dump.c). Nothing here allocates.
 */
#ifndef RTAS_TEXT_H
#define RTAS_TEXT_H

#include "dlpar.h"

/* Bytes a line of a log shows. */
#define TEXT_ROW_LEN 16

/* Most bytes a line can show, in the forms without line numbers. */
#define TEXT_ROW_MAX (DLPAR_TEXT_LINE_MAX / 2)

/* One line of the text, of at most DLPAR_TEXT_LINE_MAX bytes. */
struct text_line {
	const uint8_t *p;
	size_t len;
	uint64_t start;		/* of the text */
	uint64_t end;
	uint64_t number;
};

enum text_what {
	TEXT_OTHER = 0,
	TEXT_BEGIN,
	TEXT_END,
	TEXT_ROW,
	TEXT_BAD_ROW		/* @bad says where its digits end */
};

/* What a line of a log says. */
struct text_word {
	enum text_what what;
	uint32_t number;	/* of the event, or of the line */
	uint32_t has_number;
	uint32_t bad;
	size_t prefix_len;
	size_t n_bytes;
	uint8_t bytes[TEXT_ROW_LEN];
};

/* What a line of a plain dump shows; kind 0: it is none. */
struct text_dump_row {
	int kind;
	int has_offset;
	uint64_t offset;
	size_t n_bytes;
};

enum text_state {
	TEXT_FREE = 0,
	TEXT_OPEN,
	TEXT_DONE		/* waits for those it ran alongside of */
};

/* An event under way: @found tells of it, @data has its bytes. */
struct text_event {
	enum text_state state;
	uint32_t next;		/* line expected */
	uint64_t key;		/* of the writer */
	uint64_t order;
	uint64_t need;		/* bytes, by its length word; 0: not known yet */
	int doubt;		/* a row of it could be of another event */
	size_t n_bytes;
	struct dlpar_text_found found;
	uint8_t prefix[DLPAR_TEXT_PREFIX_MAX];
	uint8_t data[DLPAR_TEXT_EVENT_MAX];
};

/* The plain dump under way. */
struct text_dump {
	int kind;		/* 0: none */
	int at_top;		/* it began the text: all of it has to be events */
	int skip;		/* the rest is not looked at */
	int n_events;
	uint64_t offset;	/* bytes so far */
	struct text_event ev;
};

struct dlpar_text_scan {
	uint64_t offset;	/* of the text, where the next line starts */
	uint64_t n_lines;
	uint64_t order;
	uint64_t ended_key;	/* whose end marker came last */
	uint32_t ended_number;
	uint32_t has_ended;
	uint64_t writer;	/* of the last line, by its prefix */
	size_t writer_len;
	int seen_text;
	size_t n_carried;	/* of a line in pieces; beyond the room: counted */
	struct text_event events[DLPAR_TEXT_OPEN_MAX];
	struct text_dump dump;
	uint8_t writer_prefix[DLPAR_TEXT_PREFIX_MAX];
	uint8_t carried[DLPAR_TEXT_LINE_MAX];
	uint8_t row[TEXT_ROW_MAX];
};

/* rtas_text_line.c */
int text_read_word(struct text_word *word, const struct text_line *line,
		   size_t from);
uint64_t text_writer(const uint8_t *prefix, size_t len);
void text_read_dump(struct text_dump_row *row, uint8_t *bytes,
		    const struct text_line *line);

/* rtas_text_event.c */
void text_event_start(struct text_event *ev, const struct text_line *line,
		      size_t prefix_len, int kind);
void text_event_extend(struct text_event *ev, const struct text_line *line);
void text_event_spoil(struct text_event *ev, int reason, uint64_t expected,
		      uint64_t got);
void text_event_emit(struct text_event *ev, struct dlpar_text_output *out);
uint64_t text_event_need(const uint8_t *data, size_t len);
int text_event_whole(const struct text_event *ev);
int text_event_holds(const struct text_event *ev, const struct text_word *word);
void text_event_append(struct text_event *ev, const struct text_word *word);
void text_event_judge(struct text_event *ev);

/* rtas_text_log.c */
void text_log_line(struct dlpar_text_scan *scan, struct dlpar_text_output *out,
		   const struct text_line *line, const struct text_word *word);
void text_log_finish(struct dlpar_text_scan *scan,
		     struct dlpar_text_output *out);

/* rtas_text_dump.c */
void text_dump_line(struct dlpar_text_scan *scan, struct dlpar_text_output *out,
		    const struct text_line *line);
void text_dump_finish(struct dlpar_text_scan *scan,
		      struct dlpar_text_output *out);

#endif /* RTAS_TEXT_H */
