// SPDX-License-Identifier: Apache-2.0
/*
 * tree_dts.c - a device tree as source text.
 *
 * A line is written at once where its longest possible form fits, else only
 * after it was measured; from the first line that does not fit on, all is
 * measured only. Nothing recurses, and nothing is ever written beyond @end.
 *
 * Source: Devicetree Specification 0.4, chapter 6; what dtc prints of a blob.
 */
#include "tree.h"

#define DTS_HEADER "/dts-v1/;\n\n"
#define RSV_BEGIN "/memreserve/\t0x"
#define RSV_MIDDLE " 0x"
#define TEXT_LEN(text) (sizeof(text) - 1)
#define RSV_LINE_LEN \
	(TEXT_LEN(RSV_BEGIN) + 16 + TEXT_LEN(RSV_MIDDLE) + 16 + TEXT_LEN(";\n"))

struct dts {
	char *w;			/* NULL: measure only */
	char *end;
	uint64_t len;			/* of the text so far */
	const struct dlpar_tree_label *labels;
	size_t n_labels;
	uint32_t flags;
};

enum value_form { FORM_NONE, FORM_STRING, FORM_CELLS, FORM_BYTES };

static bool is_text(uint8_t c)
{
	return (c >= ' ' && c <= '~') || (c >= '\a' && c <= '\r') || !c;
}

static enum value_form value_form(const uint8_t *v, size_t len)
{
	size_t i = 0, nuls = 0;

	if (!len)
		return FORM_NONE;
	if (!v[len - 1]) {
		for (; i < len && is_text(v[i]); i++)
			nuls += !v[i];
		if (i == len && nuls <= len - nuls)
			return FORM_STRING;
	}
	return len % 4 ? FORM_BYTES : FORM_CELLS;
}

static bool is_plain(uint8_t c)
{
	return c >= ' ' && c != '"' && c != '\\';
}

/* How a character that is not plain is written before @next. */
static const char *escape(uint8_t c, uint8_t next, uint32_t flags)
{
	static const char *const controls[] = { "\\a", "\\b", "\\t", "\\n",
						"\\v", "\\f", "\\r" };

	if (c >= '\a' && c <= '\r')
		return controls[c - '\a'];
	if (c)
		return c == '"' ? "\\\"" : "\\\\";
	if (flags & DLPAR_DTS_STRING_LISTS)
		return "\", \"";
	return next >= '0' && next <= '7' ? "\\000" : "\\0";
}

static uint64_t string_len(const uint8_t *v, size_t len, uint32_t flags)
{
	uint64_t n = 2;
	size_t i;

	for (i = 0; i < len - 1; i++)
		n += is_plain(v[i]) ? 1 : strlen(escape(v[i], v[i + 1], flags));
	return n;
}

static char *put_text(char *w, const void *text, size_t len)
{
	memcpy(w, text, len);
	return w + len;
}

static char *put_string(char *w, const uint8_t *v, size_t len, uint32_t flags)
{
	const char *text;
	size_t i;

	*w++ = '"';
	for (i = 0; i < len - 1; i++) {
		if (is_plain(v[i])) {
			*w++ = (char)v[i];
			continue;
		}
		text = escape(v[i], v[i + 1], flags);
		w = put_text(w, text, strlen(text));
	}
	*w++ = '"';
	return w;
}

/* Hexadecimal digits of a cell: two at least. */
static uint32_t cell_digits(uint32_t v)
{
	return (35u - (uint32_t)__builtin_clz(v | 0x10)) / 4u;
}

/* The eight digits of @v, the first in the uppermost byte. */
static uint64_t hex8(uint32_t v)
{
	const uint64_t ones = 0x0101010101010101;
	uint64_t x = v;

	x = (x << 16 | x) & 0x0000ffff0000ffff;
	x = (x << 8 | x) & 0x00ff00ff00ff00ff;
	x = (x << 4 | x) & 0x0f0f0f0f0f0f0f0f;
	return x + '0' * ones +
	       ((x + 6 * ones) >> 4 & ones) * ('a' - '0' - 10);
}

static uint64_t cells_len(const uint8_t *v, size_t len)
{
	uint64_t n = (uint64_t)len / 4 * TEXT_LEN(" 0x") + 1;
	size_t i;

	for (i = 0; i < len; i += 4)
		n += cell_digits(wire_get32(v + i));
	return n;
}

/* All eight digits are stored where they fit; those in excess come to nothing. */
static char *put_cell(char *w, const char *end, uint32_t v)
{
	uint32_t n = cell_digits(v), i;
	uint64_t digits = hex8(v) << (8 - n) * 8;

	w = put_text(w, "0x", 2);
	if (end - w >= 8)
		wire_put64((uint8_t *)w, digits);
	else
		for (i = 0; i < n; i++)
			w[i] = (char)(digits >> (56 - 8 * i));
	return w + n;
}

static char *put_cells(char *w, const char *end, const uint8_t *v, size_t len)
{
	size_t i;

	*w++ = '<';
	for (i = 0; i < len; i += 4) {
		w = put_cell(w, end, wire_get32(v + i));
		*w++ = ' ';
	}
	w[-1] = '>';
	return w;
}

static char *put_bytes(char *w, const uint8_t *v, size_t len)
{
	static const char hex[] = "0123456789abcdef";
	size_t i;

	*w++ = '[';
	for (i = 0; i < len; i++) {
		*w++ = hex[v[i] >> 4];
		*w++ = hex[v[i] & 15];
		*w++ = ' ';
	}
	w[-1] = ']';
	return w;
}

/* No form is longer: three characters a byte, and what encloses them. */
static uint64_t value_bound(size_t len)
{
	return (uint64_t)len * 3 + 4;
}

static uint64_t value_len(const uint8_t *v, size_t len, uint32_t flags)
{
	switch (value_form(v, len)) {
	case FORM_STRING:
		return string_len(v, len, flags);
	case FORM_CELLS:
		return cells_len(v, len);
	case FORM_BYTES:
		return (uint64_t)len * 3 + 1;
	default:
		return 0;
	}
}

static char *put_value(char *w, const char *end, const uint8_t *v, size_t len,
		       uint32_t flags)
{
	switch (value_form(v, len)) {
	case FORM_STRING:
		return put_string(w, v, len, flags);
	case FORM_CELLS:
		return put_cells(w, end, v, len);
	case FORM_BYTES:
		return put_bytes(w, v, len);
	default:
		return w;
	}
}

static bool has_room(const struct dts *d, uint64_t need)
{
	return d->w && need <= (uint64_t)(d->end - d->w);
}

/* Room for exactly @need bytes more: where to write them, or NULL. */
static char *claim(struct dts *d, uint64_t need)
{
	char *w = has_room(d, need) ? d->w : NULL;

	d->len += need;
	d->w = w ? w + need : NULL;
	return w;
}

static char *put_indent(char *w, uint32_t depth)
{
	memset(w, '\t', depth);
	return w + depth;
}

static void write_prop(struct dts *d, uint32_t depth, const char *name,
		       const uint8_t *v, uint32_t len)
{
	size_t name_len = strlen(name);
	uint64_t need = depth + name_len + (len ? TEXT_LEN(" = ;\n") : 2);
	char *w = d->w;

	if (!has_room(d, need + value_bound(len))) {
		w = claim(d, need + value_len(v, len, d->flags));
		if (!w)
			return;
	}
	w = put_indent(w, depth);
	w = put_text(w, name, name_len);
	if (len)
		w = put_value(put_text(w, " = ", 3), d->end, v, len, d->flags);
	w = put_text(w, ";\n", 2);
	if (w != d->w) {
		d->len += (uint64_t)(w - d->w);
		d->w = w;
	}
}

/* The first label of a node, or the end of all labels. */
static const struct dlpar_tree_label *first_label(const struct dts *d,
						  int64_t node)
{
	size_t from = 0, to = d->n_labels, i;

	while (from < to) {
		i = from + (to - from) / 2;
		if (d->labels[i].node < node)
			from = i + 1;
		else
			to = i;
	}
	return d->labels + from;
}

static void write_labels(struct dts *d, int64_t node)
{
	const struct dlpar_tree_label *l, *end = d->labels + d->n_labels;
	char *w;

	for (l = first_label(d, node); l < end && l->node == node; l++) {
		w = claim(d, (uint64_t)l->name_len + 2);
		if (w)
			put_text(put_text(w, l->name, l->name_len), ": ", 2);
	}
}

static void write_begin(struct dts *d, const struct dlpar_tree *t, uint32_t i,
			uint32_t depth, bool top)
{
	const struct tree_node *n = &t->nodes[i];
	const void *name = i ? tree_node_name(n) : (const uint8_t *)"/";
	uint32_t len = i ? n->name_len : 1;
	char *w = claim(d, (uint64_t)depth + (top ? 0 : 1));

	if (w && !top)
		*w++ = '\n';
	if (w)
		put_indent(w, depth);
	if (d->n_labels)
		write_labels(d, tree_handle(t, i));
	w = claim(d, (uint64_t)len + 3);
	if (w)
		put_text(put_text(w, name, len), " {\n", 3);
}

static void write_end(struct dts *d, uint32_t depth)
{
	char *w = claim(d, (uint64_t)depth + 3);

	if (w)
		put_text(put_indent(w, depth), "};\n", 3);
}

static void write_props(struct dts *d, const struct dlpar_tree *t, uint32_t i,
			uint32_t depth)
{
	const struct tree_node *n = &t->nodes[i];
	const uint8_t *p = n->img + tree_head_len(n->name_len);
	const uint8_t *end = n->img + n->img_len;
	uint32_t len;

	for (; p < end; p += tree_prop_len(len)) {
		len = wire_get32(p + 4);
		write_prop(d, depth,
			   (const char *)t->strings + wire_get32(p + 8),
			   p + 12, len);
	}
}

static void write_subtree(struct dts *d, const struct dlpar_tree *t,
			  uint32_t top)
{
	uint32_t i = top, depth = 0;

	for (;;) {
		write_begin(d, t, i, depth, i == top);
		write_props(d, t, i, depth + 1);
		if (t->nodes[i].first != NIL) {
			i = t->nodes[i].first;
			depth++;
			continue;
		}
		write_end(d, depth);
		while (i != top && t->nodes[i].next == NIL) {
			i = t->nodes[i].parent;
			write_end(d, --depth);
		}
		if (i == top)
			return;
		i = t->nodes[i].next;
	}
}

static char *put_hex16(char *w, const uint8_t *v)
{
	wire_put64((uint8_t *)w, hex8(wire_get32(v)));
	wire_put64((uint8_t *)w + 8, hex8(wire_get32(v + 4)));
	return w + 16;
}

static void write_header(struct dts *d, const struct dlpar_tree *t)
{
	char *w = claim(d, TEXT_LEN(DTS_HEADER));
	uint32_t at;

	if (w)
		put_text(w, DTS_HEADER, TEXT_LEN(DTS_HEADER));
	for (at = 0; at < t->rsv_len - 16; at += 16) {
		w = claim(d, RSV_LINE_LEN);
		if (!w)
			continue;
		w = put_text(w, RSV_BEGIN, TEXT_LEN(RSV_BEGIN));
		w = put_hex16(w, t->rsv + at);
		w = put_text(w, RSV_MIDDLE, TEXT_LEN(RSV_MIDDLE));
		put_text(put_hex16(w, t->rsv + at + 8), ";\n", 2);
	}
}

static int64_t read_dts(const struct dlpar_tree *t, char *out, size_t cap,
			int64_t node, const struct dlpar_tree_label *labels,
			size_t n_labels, uint32_t flags)
{
	struct dts d = { cap ? out : NULL, cap ? out + cap : NULL, 0, labels,
			 n_labels, flags };
	uint32_t top = tree_resolve(t, node);

	if (top == NIL)
		return DLPAR_ERR_STALE;
	if (flags & DLPAR_DTS_HEADER)
		write_header(&d, t);
	write_subtree(&d, t, top);
	if (t->arena.limit && d.len > t->arena.limit)
		return DLPAR_ERR_NOMEM;
	return d.len > DLPAR_TREE_SIZE_MAX ? DLPAR_ERR_TOOBIG : (int64_t)d.len;
}

int64_t dlpar_dts_value(char *out, size_t cap, const uint8_t *value, size_t len,
			uint32_t flags)
{
	uint64_t need;

	if (len > DLPAR_TREE_SIZE_MAX)
		return DLPAR_ERR_TOOBIG;
	need = value_len(value, len, flags);
	if (need && need <= cap)
		put_value(out, out + cap, value, len, flags);
	return (int64_t)need;
}

int64_t dlpar_tree_dts(const struct dlpar_tree *t, char *out, size_t cap,
		       int64_t node, const struct dlpar_tree_label *labels,
		       size_t n_labels, uint32_t flags)
{
	return TREE_READ(t, read_dts(t, out, cap, node, labels, n_labels,
				     flags));
}
