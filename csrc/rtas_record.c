// SPDX-License-Identifier: Apache-2.0
/*
 * rtas_record.c - the records inside of a section: call-outs and the like.
 *
 * LoPAR 7.3.3, FRU call-outs. Knows kinds of records, never one of them: what
 * they look like is in the tables. Walks with a stack of fixed depth; must
 * never take a length for granted, nor leave what holds the record.
 */
#include "rtas_layout.h"
#include "wire.h"

/* What is being looked through: the section, or a record at some depth. */
struct frame {
	const struct dlpar_rtas_layout *layout;
	size_t off;
	size_t len;
	size_t row;		/* the next to look at */
	size_t last;		/* end of the last row present, from off */
	uint32_t self;		/* its place in the list plus 1; 0: section */
	/* The run of records that the row before is, if pos is below end. */
	size_t pos;
	size_t end;
	const struct dlpar_rtas_layout *of;
};

struct search {
	struct dlpar_rtas_record *records;
	size_t cap;
	size_t n;
	size_t err_off;
	const uint8_t *buf;
	struct frame stack[DLPAR_RTAS_DEPTH_MAX + 1];
	int depth;
};

/* Go to the frame's next run of records; false where there is none. */
static int next_run(struct search *s, struct frame *f)
{
	const struct dlpar_rtas_field *row;
	struct rtas_extent e;
	int rc;

	while (f->row < f->layout->n_fields) {
		row = &f->layout->fields[f->row++];
		rc = rtas_row_extent(&e, row, f->last, s->buf + f->off, f->len);
		if (rc < 0)
			f->last = f->len;
		if (rc <= 0)
			continue;
		f->last = e.next;
		if (row->type != DLPAR_RTAS_RECORDS)
			continue;
		f->pos = f->off + e.off;
		f->end = f->pos + e.len;
		f->of = rtas_layout_find(row->of);
		return 1;
	}
	return 0;
}

/* The table and the length of the record at @p; 0: the run ends here. */
static int record_len(size_t *len, const struct dlpar_rtas_layout **layout,
		      const uint8_t *p, size_t left)
{
	const struct dlpar_rtas_layout *l = *layout;

	if (l->keyed && left >= l->min_len)
		l = rtas_layout_find(DLPAR_RTAS_SUB | wire_get16(p));
	*layout = l;
	*len = l->min_len;
	if (l->len_len) {
		if (left < (size_t)l->len_off + l->len_len)
			return DLPAR_ERR_RECORD;
		*len = l->len_len == 1 ? p[l->len_off] :
					 wire_get16(p + l->len_off);
		if (*len <= l->end_len && l->end_len)
			return 0;
	}
	if (*len < l->min_len || *len > left || !rtas_rows_fit(l, p, *len))
		return DLPAR_ERR_RECORD;
	return 1;
}

static void add_record(struct search *s, const struct frame *holder,
		       const struct dlpar_rtas_layout *layout, size_t len)
{
	struct dlpar_rtas_record *r;

	if (s->n++ >= s->cap)
		return;
	r = &s->records[s->n - 1];
	r->off = (uint32_t)holder->pos;
	r->len = (uint32_t)len;
	r->id = layout->id;
	r->parent = holder->self;
	r->row = (uint32_t)holder->row - 1;
}

/* Take the record at the frame's position, and look through it next. */
static int enter_record(struct search *s, struct frame *f)
{
	const struct dlpar_rtas_layout *layout = f->of;
	size_t off = f->pos;
	size_t len;
	int rc;

	rc = record_len(&len, &layout, s->buf + f->pos, f->end - f->pos);
	if (rc < 0)
		s->err_off = f->pos;
	if (rc == 0)
		f->pos = f->end;
	if (rc <= 0)
		return rc;
	add_record(s, f, layout, len);
	f->pos += len;
	if (!layout->holds)
		return 0;
	if (s->depth > DLPAR_RTAS_DEPTH_MAX)
		return DLPAR_ERR_INTERNAL;
	f = &s->stack[s->depth++];
	*f = (struct frame){
		.layout = layout, .off = off, .len = len,
		.row = layout->fixed, .self = (uint32_t)s->n,
	};
	return 0;
}

static int search_all(struct search *s)
{
	struct frame *f;
	int rc;

	while (s->depth) {
		f = &s->stack[s->depth - 1];
		if (f->pos < f->end) {
			rc = enter_record(s, f);
			if (rc < 0)
				return rc;
		} else if (!next_run(s, f)) {
			s->depth--;
		}
	}
	return DLPAR_OK;
}

int dlpar_rtas_records(struct dlpar_rtas_record *records, size_t cap,
		       size_t *n, size_t *err_off, uint32_t id,
		       const uint8_t *buf, size_t len)
{
	struct search s;
	int rc;

	s.records = records;
	s.cap = records ? cap : 0;
	s.n = 0;
	s.err_off = 0;
	s.buf = buf;
	s.stack[0] = (struct frame){
		.layout = rtas_layout_find(id), .len = len,
	};
	s.depth = s.stack[0].layout->holds;
	rc = search_all(&s);
	*n = s.n;
	if (rc < 0 && err_off)
		*err_off = s.err_off;
	if (rc < 0)
		return rc;
	return records && s.n > cap ? DLPAR_ERR_NOSPACE : DLPAR_OK;
}
