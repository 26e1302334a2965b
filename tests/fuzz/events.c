// SPDX-License-Identifier: Apache-2.0
/*
 * events.c - libFuzzer harness: RTAS events, their fields, carriers and text.
 *
 * The input is two bytes of choices and what is read: as an event, a batch, a
 * carrier, a text or Arrow columns, or as what is to be built. What must hold: no byte out of bounds is touched, verdicts
 * are the documented ones and the same by every way, parts lie where they say,
 * a field written its own value changes nothing, a section built from its
 * values reads as these, and a text in pieces gives what it gives whole.
 * abort() is a finding.
 */
#include "events.h"

#define N_CHOICES 2u
#define SECTIONS_MAX 2048u
#define PIECE_MAX 97u

/* Bytes that grow, for all that a scan has found. */
struct log {
	uint8_t *bytes;
	size_t len, cap;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool documented(int rc)
{
	static const int errors[] = {
		DLPAR_ERR_TRUNCATED, DLPAR_ERR_BADVERSION, DLPAR_ERR_FORMAT,
		DLPAR_ERR_BADLENGTH, DLPAR_ERR_SECTION, DLPAR_ERR_SECTORDER,
		DLPAR_ERR_BADVALUE, DLPAR_ERR_RECORD,
	};
	size_t i;

	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (rc == errors[i])
			return true;
	return rc > 0;
}

const struct dlpar_rtas_layout *fuzz_layout_of(uint32_t id)
{
	const struct dlpar_rtas_layout *layouts;
	int i, n = dlpar_rtas_layouts(&layouts);

	for (i = 0; i < n - 1; i++)
		if (layouts[i].id == id)
			break;
	return &layouts[i];
}

/* Written its own value, a field stays; only what is no date is refused. */
static void rewrite(uint8_t *mine, const uint8_t *bytes, size_t len,
		    uint32_t id, const char *name)
{
	struct dlpar_rtas_value v;
	int rc;

	check(!dlpar_rtas_field_get(&v, id, name, bytes, len));
	check(v.off <= len && v.len <= len - v.off);
	rc = dlpar_rtas_field_set(mine, len, id, name, v.number, bytes + v.off,
				  v.len);
	if (rc)
		check(rc == DLPAR_ERR_BADARG &&
		      (v.type == DLPAR_RTAS_DATE || v.type == DLPAR_RTAS_TIME ||
		       v.type == DLPAR_RTAS_RECORDS));
	check(!memcmp(mine, bytes, len));
}

/* Another value may be refused, but what comes of it can be read. */
static void overwrite(const uint8_t *bytes, size_t len, uint32_t id,
		      const char *name, uint8_t choice)
{
	static const uint8_t text[] = "U78D2.001\0-P1";
	struct dlpar_rtas_value values[VALUES_MAX];
	uint8_t *mine = copy(bytes, len);
	int rc;

	rc = dlpar_rtas_field_set(mine, len, id, name, choice, text,
				  choice % sizeof(text));
	check(!rc || rc == DLPAR_ERR_BADARG);
	if (rc)
		check(!memcmp(mine, bytes, len));
	check(dlpar_rtas_section_get(values, VALUES_MAX, id, mine, len) >= 0);
	free(mine);
}

/* Every field of a section or record. */
static void fields(const uint8_t *bytes, size_t len, uint32_t id,
		   uint8_t choice)
{
	const struct dlpar_rtas_layout *layout = fuzz_layout_of(id);
	struct dlpar_rtas_value values[VALUES_MAX];
	uint8_t *theirs = copy(bytes, len), *mine = copy(bytes, len);
	int i, n;

	n = dlpar_rtas_section_get(values, VALUES_MAX, id, theirs, len);
	check(n == (int)layout->n_fields);
	check(dlpar_rtas_section_get(values, (size_t)n - 1, id, theirs, len) ==
	      DLPAR_ERR_NOSPACE);
	for (i = 0; i < n; i++) {
		if (!values[i].present)
			continue;
		check(values[i].off <= len && values[i].len <= len - values[i].off);
		rewrite(mine, theirs, len, id, layout->fields[i].name);
		if (choice % (unsigned int)n == (unsigned int)i)
			overwrite(theirs, len, id, layout->fields[i].name,
				  choice);
	}
	free(mine);
	free(theirs);
}

static void records(const uint8_t *bytes, size_t len, uint32_t id,
		    uint8_t choice)
{
	static struct dlpar_rtas_record found[DLPAR_RTAS_RECORDS_MAX];
	size_t i, n = 0, counted = 0, off = 0, again = 0;
	const struct dlpar_rtas_record *r;
	int rc;

	rc = dlpar_rtas_records(found, DLPAR_RTAS_RECORDS_MAX, &n, &off, id,
				bytes, len);
	check(!rc || (rc == DLPAR_ERR_RECORD && off <= len));
	check(dlpar_rtas_records(NULL, 0, &counted, &again, id, bytes, len) ==
	      rc);
	check(n == counted && (!rc || off == again));
	for (i = 0; i < n; i++) {
		r = &found[i];
		check(r->off <= len && r->len <= len - r->off && r->len);
		check(r->parent <= i);
		if (r->parent)
			check(r->off >= found[r->parent - 1].off &&
			      r->len <= found[r->parent - 1].len);
		fields(bytes + r->off, r->len, r->id, choice);
	}
}

static bool same_hotplug(const struct dlpar_rtas_hotplug *a,
			 const struct dlpar_rtas_hotplug *b)
{
	return a->resource == b->resource && a->action == b->action &&
	       a->id_type == b->id_type && a->drc_index == b->drc_index &&
	       a->count == b->count && a->token == b->token &&
	       a->capabilities == b->capabilities &&
	       a->name_len == b->name_len;
}

/* A hotplug section, read, built and read again. */
static void hotplug(const uint8_t *bytes, size_t len)
{
	struct dlpar_rtas_hotplug hp, again;
	uint8_t *theirs = copy(bytes, len), *mine;
	size_t off = 0;
	int size;

	if (dlpar_rtas_hotplug_decode(&hp, &off, theirs, len) < 0) {
		check(off <= len);
		free(theirs);
		return;
	}
	size = dlpar_rtas_hotplug_size(&hp);
	if (size > 0) {
		mine = malloc((size_t)size);
		check(mine && dlpar_rtas_hotplug_encode(mine, (size_t)size - 1,
				&hp, theirs, len) == DLPAR_ERR_NOSPACE);
		check(dlpar_rtas_hotplug_encode(mine, (size_t)size, &hp, theirs,
						len) == size);
		check(dlpar_rtas_hotplug_decode(&again, NULL, mine,
						(size_t)size) == size);
		check(same_hotplug(&hp, &again));
		if (hp.name_len)
			check(!memcmp(theirs + hp.name_off,
				      mine + again.name_off, hp.name_len));
		free(mine);
	}
	free(theirs);
}

typedef int (*decoder)(struct dlpar_rtas_event *ev,
		       struct dlpar_rtas_section *sections, size_t cap,
		       size_t *err_off, const uint8_t *buf, size_t len);

/* An event, or what stands before its damage; its length. */
static size_t event(decoder decode, const uint8_t *bytes, size_t len,
		    uint8_t choice)
{
	static struct dlpar_rtas_section sections[SECTIONS_MAX];
	struct dlpar_rtas_event ev, bare;
	size_t i, at = 0, off = 0, again = 0;
	int rc = decode(&ev, sections, SECTIONS_MAX, &off, bytes, len);

	if (rc == DLPAR_ERR_NOSPACE)
		return ev.len;
	check(documented(rc));
	check(decode(&bare, NULL, 0, &again, bytes, len) == rc);
	check(ev.n_sections == bare.n_sections && ev.len == bare.len);
	check(ev.n_sections <= SECTIONS_MAX);
	check(rc > 0 ? ev.n_sections == (uint32_t)rc && ev.len <= len :
		       off == again && off <= len);
	for (i = 0; i < ev.n_sections; i++) {
		check(sections[i].off == at && sections[i].len <= len - at);
		at += sections[i].len;
		fields(bytes + sections[i].off, sections[i].len, sections[i].id,
		       choice);
		records(bytes + sections[i].off, sections[i].len,
			sections[i].id, choice);
		hotplug(bytes + sections[i].off, sections[i].len);
	}
	if (rc > 0)
		check(at == ev.len);
	return ev.len;
}

/*
 * Columns for @n rows, all in one piece that is to be freed: all members are
 * pointers, to items of 8 bytes at most.
 */
static uint8_t *make_columns(struct dlpar_rtas_columns *c, size_t n)
{
	size_t i, members = sizeof(*c) / sizeof(void *);
	uint8_t *room = malloc(members * n * 8 + 1);

	check(room);
	for (i = 0; i < members; i++) {
		void *at = room + i * n * 8;

		memcpy((uint8_t *)c + i * sizeof(at), &at, sizeof(at));
	}
	return room;
}

#define SUMMED (DLPAR_RTAS_HAS_PH | DLPAR_RTAS_HAS_UH | \
		DLPAR_RTAS_HAS_HP | DLPAR_RTAS_HAS_EP)

/* A batch as columns says what each of its events says. */
static void batch(const uint8_t *bytes, size_t len)
{
	size_t i, rows = 0, off = 0, again = 0, n = dlpar_rtas_count(bytes, len);
	struct dlpar_rtas_columns c;
	struct dlpar_rtas_event ev;
	uint8_t *room;
	int rc;

	check(n <= len && (n || !len));
	if (n > ROWS_MAX)
		return;
	room = make_columns(&c, n);
	rc = dlpar_rtas_decode_columns(&c, n, &rows, &off, bytes, len, 0);
	check(rc == DLPAR_OK ? rows == n : documented(rc) && rows < n);
	for (i = 0; i < rows; i++) {
		check(dlpar_rtas_event_decode(&ev, NULL, 0, NULL,
					      bytes + c.offset[i],
					      len - c.offset[i]) > 0);
		check(ev.len == c.length[i] && ev.type == c.type[i]);
		check(ev.plid == c.plid[i] && ev.has == (c.has[i] & SUMMED));
		check(ev.hp.drc_index == c.drc_index[i]);
	}
	if (rc) {
		i = rows ? c.offset[rows - 1] + c.length[rows - 1] : 0;
		check(dlpar_rtas_event_decode(&ev, NULL, 0, &again, bytes + i,
					      len - i) == rc);
		check(off == i + again);
	}
	free(room);
}

static void carrier(const uint8_t *bytes, size_t len, uint8_t choice)
{
	struct dlpar_rtas_carried rec;
	size_t record_len = 0, at = 0, i;
	int found = dlpar_rtas_detect(&record_len, bytes, len);
	uint32_t kind = found > 0 ? (uint32_t)found : 1 + choice % 6u;
	decoder decode;

	check(found > 0 || found == DLPAR_ERR_TRUNCATED ||
	      found == DLPAR_ERR_FORMAT);
	if (found < 0)
		record_len = choice;
	decode = kind == DLPAR_CARRIER_PEL || kind == DLPAR_CARRIER_ESEL ?
		 dlpar_rtas_pel_decode : dlpar_rtas_event_decode;
	for (i = 0; at < len && i < ROWS_MAX; i++) {
		if (dlpar_rtas_log_next(&rec, kind, record_len, bytes + at,
					len - at))
			return;
		check(rec.len && rec.len <= len - at);
		check(rec.event_off <= rec.len &&
		      rec.event_len <= rec.len - rec.event_off);
		event(decode, bytes + at + rec.event_off, rec.event_len,
		      choice);
		at += rec.len;
	}
}

static void append(struct log *log, const void *bytes, size_t len)
{
	if (len > log->cap - log->len) {
		log->cap = 2 * (log->cap + len);
		log->bytes = realloc(log->bytes, log->cap);
		check(log->bytes);
	}
	if (len)
		memcpy(log->bytes + log->len, bytes, len);
	log->len += len;
}

/* What was found, without where in the output it stands. */
static void collect(struct log *log, const struct dlpar_text_output *out)
{
	struct dlpar_text_found f;
	size_t i;

	check(out->n_found <= out->found_cap && out->n_bytes <= out->bytes_cap);
	for (i = 0; i < out->n_found; i++) {
		f = out->found[i];
		check(f.data_off <= out->n_bytes &&
		      f.data_len <= out->n_bytes - f.data_off);
		check(f.prefix_off <= out->n_bytes &&
		      f.prefix_len <= out->n_bytes - f.prefix_off);
		check(f.start <= f.end && f.first_line <= f.last_line);
		check(!f.reason == !!f.data_len);
		check(f.data_off >= sizeof(f) &&
		      !memcmp(out->bytes + f.data_off - sizeof(f), &f,
			      sizeof(f)));
		append(log, out->bytes + f.data_off, f.data_len);
		append(log, out->bytes + f.prefix_off, f.prefix_len);
		f.data_off = f.prefix_off = 0;
		append(log, &f, sizeof(f));
	}
}

static void feed(struct log *log, struct dlpar_text_scan *scan,
		 struct dlpar_text_output *out, const uint8_t *text, size_t len,
		 int last)
{
	uint8_t *piece = copy(text, len);
	size_t at = 0;
	int rc;

	do {
		rc = dlpar_text_scan_feed(scan, out, piece + at, len - at, last);
		check(rc >= 0 && out->used <= len - at);
		check(rc || out->used == len - at);
		/* What stops early has found something, or has read on. */
		check(!rc || out->n_found || out->used);
		collect(log, out);
		at += out->used;
	} while (rc);
	free(piece);
}

/* A text in pieces as the choices have them; 0: in one. */
static struct log scan(const uint8_t *text, size_t len, uint32_t seed)
{
	static struct dlpar_text_output out;
	static struct dlpar_text_scan *scanner;
	struct log log = { 0 };
	size_t at = 0, n;

	if (!scanner) {
		scanner = malloc(dlpar_text_scan_size());
		out.found_cap = DLPAR_TEXT_FOUND_MIN;
		out.found = calloc(out.found_cap, sizeof(*out.found));
		out.bytes_cap = DLPAR_TEXT_OUT_MIN;
		out.bytes = malloc(out.bytes_cap);
		check(scanner && out.found && out.bytes);
	}
	dlpar_text_scan_init(scanner);
	while (seed && at < len) {
		n = seed % PIECE_MAX;
		if (n > len - at)
			n = len - at;
		feed(&log, scanner, &out, text + at, n, 0);
		at += n;
		seed = seed * 1664525u + 1013904223u;
		seed |= 1;
	}
	feed(&log, scanner, &out, text + at, len - at, 1);
	return log;
}

static void text(const uint8_t *bytes, size_t len, uint8_t choice)
{
	struct log whole = scan(bytes, len, 0);
	struct log pieces = scan(bytes, len, choice * 2u + 1);

	check(whole.len == pieces.len);
	check(!whole.len || !memcmp(whole.bytes, pieces.bytes, whole.len));
	free(whole.bytes);
	free(pieces.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *bytes = data + N_CHOICES;

	if (size < N_CHOICES)
		return 0;
	size -= N_CHOICES;
	switch (data[0] % 7) {
	case 0:
		event(dlpar_rtas_event_decode, bytes, size, data[1]);
		break;
	case 1:
		batch(bytes, size);
		break;
	case 2:
		carrier(bytes, size, data[1]);
		break;
	case 3:
		text(bytes, size, data[1]);
		break;
	case 4:
		fuzz_arrow(bytes, size, data[1]);
		break;
	case 5:
		fuzz_build(bytes, size, data[1]);
		break;
	default:
		fuzz_requests(bytes, size, data[1]);
		break;
	}
	return 0;
}
