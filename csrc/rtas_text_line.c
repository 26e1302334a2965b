// SPDX-License-Identifier: Apache-2.0
/*
 * rtas_text_line.c - what one line of text says.
 *
 * The kernel's "RTAS <n>: ..." lines and its markers behind whatever a logger
 * put before them, and lines of plain hex dumps. Must never take digits from
 * anywhere but the place where the form has them.
 */
#include <string.h>

#include "rtas_text.h"
#include "wire.h"

#define MARK "RTAS"
#define MARK_LEN 4

/* Digits of a line or event number that still fit 32 bits. */
#define NUMBER_DIGITS 9

#define NO_DIGIT 0x10

/* A row as the kernel prints it: " xxxxxxxx", as often as a row has room. */
#define GROUP_LEN 4
#define GROUP_TEXT (1 + 2 * GROUP_LEN)
#define FULL_ROW (TEXT_ROW_LEN / GROUP_LEN * GROUP_TEXT)

/* Bytes of a prefix that are hashed at a time. */
#define HASH_LEN 8
#define HASH_SEED UINT64_C(0x9e3779b97f4a7c15)

/* Value of a hexadecimal digit, else NO_DIGIT. */
static const uint8_t digit_values[256] = {
#define NONE4 NO_DIGIT, NO_DIGIT, NO_DIGIT, NO_DIGIT
#define NONE16 NONE4, NONE4, NONE4, NONE4
#define LETTERS NO_DIGIT, 10, 11, 12, 13, 14, 15, NO_DIGIT, \
	NONE4, NONE4
	NONE16, NONE16, NONE16,
	0, 1, 2, 3, 4, 5, 6, 7, 8, 9, NO_DIGIT, NO_DIGIT, NONE4,
	LETTERS, NONE16, LETTERS, NONE16,
	NONE16, NONE16, NONE16, NONE16, NONE16, NONE16, NONE16, NONE16
#undef LETTERS
#undef NONE16
#undef NONE4
};

/* A place in a line. */
struct scan_at {
	const uint8_t *p;
	const uint8_t *end;
};

static int is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static int is_letter(uint8_t c)
{
	return (uint8_t)((c | 0x20) - 'a') < 26;
}

static void skip(struct scan_at *at, uint8_t c)
{
	while (at->p < at->end && *at->p == c)
		at->p++;
}

/* Move past @word where it stands here. */
static int accept(struct scan_at *at, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(at->end - at->p) < len || memcmp(at->p, word, len))
		return 0;
	at->p += len;
	return 1;
}

static int read_number(struct scan_at *at, uint32_t *value)
{
	const uint8_t *from = at->p;

	*value = 0;
	while (at->p < at->end && is_digit(*at->p)) {
		if (at->p - from == NUMBER_DIGITS)
			return 0;
		*value = *value * 10 + (uint32_t)(*at->p++ - '0');
	}
	return at->p != from;
}

/*
 * Pairs of digits with blanks between them, up to something else; @wide: two
 * blanks in a row end them, too. Returns how many, at most @cap.
 */
static size_t read_pairs(uint8_t *bytes, size_t cap, struct scan_at *at,
			 int wide)
{
	size_t n = 0;
	unsigned int high, low;

	for (;;) {
		if (at->p < at->end && *at->p == ' ') {
			if (wide && at->end - at->p > 1 && at->p[1] == ' ')
				break;
			at->p++;
			continue;
		}
		if (n == cap || at->end - at->p < 2)
			break;
		high = digit_values[at->p[0]];
		low = digit_values[at->p[1]];
		if ((high | low) & NO_DIGIT)
			break;
		bytes[n++] = (uint8_t)(high << 4 | low);
		at->p += 2;
	}
	return n;
}

/* Eight digits with a blank before them. */
static int read_group(uint8_t *bytes, const uint8_t *p)
{
	unsigned int high, low, all = 0;
	size_t i;

	if (*p++ != ' ')
		return 0;
	for (i = 0; i < GROUP_LEN; i++) {
		high = digit_values[p[2 * i]];
		low = digit_values[p[2 * i + 1]];
		all |= high | low;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	return !(all & NO_DIGIT);
}

/* A full row as the kernel prints it, which nearly every row is. */
static int read_full_row(struct text_word *word, const struct scan_at *at)
{
	const uint8_t *p = at->p;
	size_t i;

	if (at->end - p != FULL_ROW)
		return 0;
	for (i = 0; i < TEXT_ROW_LEN; i += GROUP_LEN, p += GROUP_TEXT)
		if (!read_group(word->bytes + i, p))
			return 0;
	word->n_bytes = TEXT_ROW_LEN;
	return 1;
}

/*
 * The digits of a row, none in one after a full last one; a quote ends them
 * where the line is part of JSON.
 */
static void read_row(struct text_word *word, struct scan_at *at,
		     const uint8_t *line)
{
	word->what = TEXT_ROW;
	if (read_full_row(word, at))
		return;
	word->n_bytes = read_pairs(word->bytes, TEXT_ROW_LEN, at, 0);
	if (at->p < at->end && *at->p != '"') {
		word->what = TEXT_BAD_ROW;
		word->bad = (uint32_t)(at->p - line);
	}
}

/* "<n> -------- RTAS event begin --------", the number may be missing. */
static int read_marker(struct text_word *word, struct scan_at *at)
{
	skip(at, ' ');
	word->has_number = (uint32_t)read_number(at, &word->number);
	skip(at, ' ');
	skip(at, '-');
	skip(at, ' ');
	if (!accept(at, MARK " event"))
		return 0;
	skip(at, ' ');
	if (accept(at, "begin"))
		word->what = TEXT_BEGIN;
	else if (accept(at, "end"))
		word->what = TEXT_END;
	return word->what != TEXT_OTHER;
}

/* What follows a "RTAS". */
static int read_after_mark(struct text_word *word, struct scan_at *at,
			   const uint8_t *line)
{
	if (accept(at, ":"))
		return read_marker(word, at);
	if (!accept(at, " ") || !read_number(at, &word->number) ||
	    !accept(at, ":"))
		return 0;
	read_row(word, at, line);
	return 1;
}

/*
 * Find the first "RTAS" of the line at or after @from that is the start of
 * something; a host or a program may have it in its name.
 */
int text_read_word(struct text_word *word, const struct text_line *line,
		   size_t from)
{
	const uint8_t *p = line->p + from, *end = line->p + line->len;
	struct scan_at at = { p, end };

	word->what = TEXT_OTHER;
	while (end - p >= MARK_LEN) {
		at.p = p + MARK_LEN;
		if (!memcmp(p, MARK, MARK_LEN) &&
		    (p == line->p || !(is_letter(p[-1]) || is_digit(p[-1]) ||
				       p[-1] == '-' || p[-1] == '_')) &&
		    read_after_mark(word, &at, line->p)) {
			word->prefix_len = (size_t)(p - line->p);
			return 1;
		}
		p = memchr(p + 1, MARK[0], (size_t)(end - p) - 1);
		if (!p)
			break;
	}
	return 0;
}

/* "Aug 27 12:16:33 " or "2025-08-27T12:16:33.123456+02:00 ". */
static int skip_clock(struct scan_at *at)
{
	static const char syslog[] = "Aaa 00 00:00:00 ";
	const uint8_t *p = at->p, *blank;
	size_t i, left = (size_t)(at->end - p);

	if (left > 4 && is_digit(p[0]) && is_digit(p[3]) && p[4] == '-') {
		blank = memchr(p, ' ', left);
		at->p = blank ? blank + 1 : at->end;
		return 1;
	}
	if (left < sizeof(syslog) - 1)
		return 0;
	for (i = 0; i < sizeof(syslog) - 1; i++) {
		if (syslog[i] == '0' ? !(is_digit(p[i]) || p[i] == ' ') :
		    is_letter((uint8_t)syslog[i]) ? !is_letter(p[i]) :
		    p[i] != syslog[i])
			return 0;
	}
	at->p += sizeof(syslog) - 1;
	return 1;
}

/* "<13>", "<13>1 ", and "7,1234,47123456,-," up to ";" or "caller=". */
static int skip_priority(struct scan_at *at)
{
	const uint8_t *p = at->p;
	unsigned int commas = 0;

	if (p < at->end && *p == '<') {
		while (p < at->end && *p != '>')
			p++;
		at->p = p < at->end ? p + 1 : at->p + 1;
		accept(at, "1 ");
		return 1;
	}
	while (p < at->end && (is_digit(*p) || *p == ',') && commas < 3)
		commas += *p++ == ',';
	if (commas < 3)
		return 0;
	at->p = p;
	return 1;
}

/* A "[...]" is a time or a process, except for a caller "[ T12]". */
static void skip_brackets(struct scan_at *at)
{
	const uint8_t *p = at->p + 1;

	while (p < at->end && *p == ' ')
		p++;
	if (at->end - p > 1 && (*p == 'T' || *p == 'C') && is_digit(p[1])) {
		at->p = p;
		return;
	}
	while (p < at->end && *p != ']')
		p++;
	at->p = p;
}

/*
 * Who wrote a line: a hash of what stands before its "RTAS" without the time
 * stamps. Where none is known, digits are not told apart, for they may be one.
 */
uint64_t text_writer(const uint8_t *prefix, size_t len)
{
	struct scan_at at = { prefix, prefix + len };
	uint64_t key = 1, word = 0;
	unsigned int n = 0;
	int known = 0;
	uint8_t c;

	if (len && *prefix == '{')
		return key;
	known |= skip_priority(&at);
	known |= skip_clock(&at);
	while (at.p < at.end) {
		c = *at.p++;
		if (c == '[') {
			known = 1;
			at.p--;
			skip_brackets(&at);
			continue;
		}
		if (c == ' ' || c == ']')
			continue;
		if (!known && is_digit(c))
			c = '0';
		word = word << 8 | c;
		if (++n % HASH_LEN == 0)
			key = wire_mix(key ^ word, HASH_SEED) + 1;
	}
	return wire_mix(key ^ word, HASH_SEED + n) + 1;
}

/* An offset of "00000010: " (xxd) or "00000010  " (hexdump -C). */
static int read_offset(struct text_dump_row *row, struct scan_at *at)
{
	const uint8_t *p = at->p;
	uint64_t value = 0;
	size_t n = 0;

	while (p < at->end && n < 16 && !(digit_values[*p] & NO_DIGIT)) {
		value = value << 4 | digit_values[*p++];
		n++;
	}
	if (n >= 4 && at->end - p > 1 && p[0] == ':' && p[1] == ' ')
		row->kind = DLPAR_TEXT_XXD;
	else if (n >= 7 && p == at->end)
		row->kind = DLPAR_TEXT_HEXDUMP;
	else if (n >= 7 && at->end - p > 2 && p[0] == ' ' && p[1] == ' ' &&
		 at->end[-1] == '|')
		row->kind = DLPAR_TEXT_HEXDUMP;
	else
		return 0;
	row->has_offset = 1;
	row->offset = value;
	at->p = p + (p < at->end && *p == ':');
	return 1;
}

/* Where digits ended: is it a place where they may? */
static int ends_well(int kind, const struct scan_at *at)
{
	if (at->p == at->end)
		return 1;
	if (kind == DLPAR_TEXT_XXD)
		return *at->p == ' ';
	if (kind == DLPAR_TEXT_HEXDUMP)
		return *at->p == '|';
	return 0;
}

/*
 * A line of a plain dump. A lone offset, as hexdump -C ends with, reads as
 * bare digits, too: it is then BARE, and has_offset is set.
 */
void text_read_dump(struct text_dump_row *row, uint8_t *bytes,
		    const struct text_line *line)
{
	struct scan_at at = { line->p, line->p + line->len }, bare;

	row->kind = 0;
	row->has_offset = 0;
	row->n_bytes = 0;
	skip(&at, ' ');
	if (at.end - at.p < 2 ||
	    ((digit_values[at.p[0]] | digit_values[at.p[1]]) & NO_DIGIT))
		return;
	bare = at;
	if (read_offset(row, &at) && at.p < at.end) {
		row->n_bytes = read_pairs(bytes, TEXT_ROW_MAX, &at,
					  row->kind == DLPAR_TEXT_XXD);
		if (!ends_well(row->kind, &at))
			row->kind = 0;
		return;
	}
	row->n_bytes = read_pairs(bytes, TEXT_ROW_MAX, &bare, 0);
	row->kind = DLPAR_TEXT_BARE;
	if (bare.p == bare.end)
		return;
	row->kind = 0;
	if (*bare.p == '[' && bare.end[-1] == ']' && row->n_bytes)
		row->kind = DLPAR_TEXT_ERRPT;
}
