// SPDX-License-Identifier: Apache-2.0
/*
 * events_write.c - sections and hotplug events, built as the input says.
 *
 * What must hold: what is refused is refused as documented and nothing is
 * written beyond the room; what is built reads as it was asked for, and
 * events are the same one by one, of rows and of columns.
 */
#include "events.h"

#define INPUTS_MAX 8u
#define REQUESTS_MAX 16u
#define ROOM 4096u
#define NAMES_LEN 64u

/* The input, as numbers; zeros behind its end. */
struct source {
	const uint8_t *bytes;
	size_t len, at;
};

static uint8_t take8(struct source *s)
{
	return s->at < s->len ? s->bytes[s->at++] : 0;
}

static uint32_t take32(struct source *s)
{
	uint32_t high = take8(s);

	/* Most lengths and offsets are small. */
	if (high & 1)
		return high >> 1;
	high = high << 8 | take8(s);
	return high << 16 | (uint32_t)take8(s) << 8 | take8(s);
}

/* Every field that was given reads as it was, numbers at least. */
static void reads_back(const uint8_t *built, size_t len, uint32_t id,
		       const struct dlpar_rtas_input *in, size_t n)
{
	const struct dlpar_rtas_layout *layout = fuzz_layout_of(id);
	struct dlpar_rtas_value v;
	size_t i;

	for (i = 0; i < n; i++) {
		check(!dlpar_rtas_field_get(&v, id,
					    layout->fields[in[i].row].name,
					    built, len));
		if (v.type <= DLPAR_RTAS_TIME)
			check(v.number == in[i].number);
	}
}

void fuzz_build(const uint8_t *bytes, size_t len, uint8_t choice)
{
	const struct dlpar_rtas_layout *layouts;
	int tables = dlpar_rtas_layouts(&layouts);
	struct source s = { bytes, len, 0 };
	struct dlpar_rtas_input in[INPUTS_MAX];
	uint32_t id = layouts[choice % tables].id;
	size_t i, err = 0, n = take8(&s) % (INPUTS_MAX + 1);
	size_t cap = take32(&s) % ROOM;
	uint8_t *out, *rest;
	int rc;

	for (i = 0; i < n; i++)
		in[i] = (struct dlpar_rtas_input){
			.number = take32(&s), .row = take8(&s),
			.off = take32(&s), .len = take32(&s),
		};
	out = malloc(cap ? cap : 1);
	check(out);
	rest = copy(bytes + s.at, len - s.at);
	rc = dlpar_rtas_section_build(out, cap, &err, id, in, n, rest,
				      len - s.at);
	check(rc >= 0 || rc == DLPAR_ERR_BADARG || rc == DLPAR_ERR_NOSPACE);
	if (rc >= 0) {
		check((size_t)rc <= cap);
		reads_back(out, (size_t)rc, id, in, n);
	}
	free(rest);
	free(out);
}

/* The same requests, as rows and as columns. */
struct requests {
	struct dlpar_rtas_hotplug rows[REQUESTS_MAX];
	uint32_t words[5][REQUESTS_MAX];
	uint8_t bytes[4][REQUESTS_MAX];
	size_t n;
};

static void take_requests(struct requests *r, struct source *s)
{
	struct dlpar_rtas_hotplug *hp;
	size_t i;

	r->n = take8(s) % (REQUESTS_MAX + 1);
	for (i = 0; i < r->n; i++) {
		hp = &r->rows[i];
		r->words[0][i] = hp->drc_index = take32(s);
		r->words[1][i] = hp->count = take32(s);
		r->words[2][i] = hp->token = take32(s);
		r->words[3][i] = hp->name_off = take32(s);
		r->words[4][i] = hp->name_len = take32(s);
		r->bytes[0][i] = hp->resource = take8(s);
		r->bytes[1][i] = hp->action = take8(s);
		r->bytes[2][i] = hp->id_type = (uint8_t)(1 + take8(s) % 5);
		r->bytes[3][i] = hp->capabilities = take8(s);
	}
}

/* Of those before the one that cannot be encoded; its row, or how many. */
static size_t one_by_one(uint8_t *out, size_t *out_len,
			 const struct requests *r, const uint8_t *names,
			 const struct dlpar_rtas_stamp *stamp)
{
	struct dlpar_rtas_built built = { .stamp = *stamp };
	struct dlpar_rtas_event ev;
	size_t i;
	int len;

	*out_len = 0;
	for (i = 0; i < r->n; i++, built.stamp.plid++) {
		built.hp = r->rows[i];
		len = dlpar_rtas_hotplug_build(&built, names, NAMES_LEN);
		check(len > 0 || len == DLPAR_ERR_BADARG);
		if (len < 0)
			break;
		memcpy(out + *out_len, built.event, (size_t)len);
		*out_len += (size_t)len;
		check(dlpar_rtas_event_decode(&ev, NULL, 0, NULL, built.event,
					      (size_t)len) > 0);
		check(ev.hp.resource == built.hp.resource &&
		      ev.hp.id_type == built.hp.id_type);
	}
	return i;
}

void fuzz_requests(const uint8_t *bytes, size_t len, uint8_t choice)
{
	struct source s = { bytes, len, 0 };
	struct dlpar_rtas_stamp stamp = {
		.plid = take32(&s), .plid_little = choice & 1,
	};
	static uint8_t wanted[REQUESTS_MAX * DLPAR_RTAS_EVENT_MAX];
	size_t cap, row, bad, need, size = 0;
	uint8_t names[NAMES_LEN], *out, *again;
	struct requests r;
	int rc;

	memset(names, 'N', sizeof(names));
	names[choice % NAMES_LEN] = 0;
	take_requests(&r, &s);
	bad = one_by_one(wanted, &need, &r, names, &stamp);
	cap = choice & 2 && need ? need - 1 : need;
	out = malloc(cap + 1);
	again = malloc(cap + 1);
	check(out && again);
	rc = dlpar_rtas_hotplug_events(out, cap, &size, &row, r.rows, r.n,
				       names, NAMES_LEN, &stamp);
	check(rc == (bad < r.n ? DLPAR_ERR_BADARG :
		     cap < need ? DLPAR_ERR_NOSPACE : DLPAR_OK));
	check(bad == r.n || row == bad);
	check(rc == DLPAR_ERR_BADARG || size == need);
	check(dlpar_rtas_hotplug_columns(again, cap, &size, &row,
			&(struct dlpar_rtas_requests){
				r.words[0], r.words[1], r.words[2], r.words[3],
				r.words[4], r.bytes[0], r.bytes[1], r.bytes[2],
				r.bytes[3] },
			r.n, names, NAMES_LEN, &stamp) == rc);
	check(rc || (!memcmp(out, wanted, need) &&
		     !memcmp(again, wanted, need)));
	free(again);
	free(out);
}
