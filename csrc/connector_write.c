// SPDX-License-Identifier: Apache-2.0
/*
 * connector_write.c - write a fragment token by token, or in one call.
 *
 * The caller's buffer holds tokens from its start and property names from its
 * end, so that neither needs a size of its own; the last step brings them
 * together. Room for the end of every open node is set aside beforehand, so
 * only opening and adding can fail. Never writes outside the buffer, never
 * half a token. Devicetree Specification 0.4, chapter 5, version 17.
 */
#include "connector.h"
#include "wire.h"

#define FDT_MAGIC 0xd00dfeedu
#define FDT_VERSION 17u
#define FDT_LAST_COMP 16u
#define FDT_HEADER_LEN 40u
#define FDT_RSVMAP_LEN 16u	/* its terminating entry */
#define FDT_STRUCT_OFF (FDT_HEADER_LEN + FDT_RSVMAP_LEN)
#define ROOT_LEN 8u		/* the begin of the nameless root */
#define TOKENS_OFF (FDT_STRUCT_OFF + ROOT_LEN)
#define TAIL_LEN 8u		/* the end of the root and of the block */

/* Whether @need more bytes fit; what was set aside counts as used. */
static int check_room(const struct dlpar_fragment_writer *w, size_t cap,
		      size_t need)
{
	size_t used = TOKENS_OFF + TAIL_LEN + (size_t)w->tokens_len +
		      w->names_len + 4 * (size_t)w->depth;

	if (used > DLPAR_CONNECTOR_MAX_FRAGMENT ||
	    need > DLPAR_CONNECTOR_MAX_FRAGMENT - used)
		return DLPAR_ERR_TOOBIG;
	if (used > cap || need > cap - used)
		return DLPAR_ERR_NOSPACE;
	return 0;
}

static void put_token(struct dlpar_fragment_writer *w, uint8_t *out,
		      uint32_t token)
{
	wire_put32(out + TOKENS_OFF + w->tokens_len, token);
	w->tokens_len += 4;
}

/* @len bytes and zeros up to the next token. */
static void put_padded(struct dlpar_fragment_writer *w, uint8_t *out,
		       const uint8_t *bytes, size_t len)
{
	uint8_t *p = out + TOKENS_OFF + w->tokens_len;
	size_t padded = fdt_align(len);

	if (len) {
		memset(p + padded - 4, 0, 4);
		memcpy(p, bytes, len);
	}
	w->tokens_len += (uint32_t)padded;
}

int fragment_open_node(struct dlpar_fragment_writer *w, uint8_t *out,
		       size_t cap, const uint8_t *name, size_t name_len)
{
	int err;

	if (w->depth == DLPAR_CONNECTOR_MAX_DEPTH)
		return DLPAR_ERR_TOOBIG;
	err = check_room(w, cap, 4 + fdt_align(name_len + 1) + 4);
	if (err)
		return err;
	put_token(w, out, FDT_BEGIN_NODE);
	put_padded(w, out, name, name_len + 1);
	w->depth++;
	w->n_nodes++;
	return 0;
}

void fragment_close_node(struct dlpar_fragment_writer *w, uint8_t *out)
{
	put_token(w, out, FDT_END_NODE);
	w->depth--;
}

/*
 * The slot of a name. Names of one node differ in length, middle or end; two
 * in one slot only mean that one of them is written more than once.
 */
static uint32_t *name_slot(struct dlpar_fragment_writer *w,
			   const uint8_t *name, size_t len)
{
	size_t hash = len + 7u * name[len - 1] + 13u * name[len / 2];

	return &w->names[hash % DLPAR_FRAGMENT_NAMES];
}

/* Whether @name, with its NUL, stands @back bytes before the buffer's end. */
static int name_is_at(const uint8_t *out, size_t cap, size_t back,
		      const uint8_t *name, size_t len)
{
	return back > len && !memcmp(out + cap - back, name, len + 1);
}

int fragment_put_prop(struct dlpar_fragment_writer *w, uint8_t *out,
		      size_t cap, const uint8_t *name, size_t name_len,
		      const uint8_t *value, size_t value_len)
{
	uint32_t *slot = name_slot(w, name, name_len);
	int known = name_is_at(out, cap, *slot, name, name_len);
	int err;

	if (value_len > DLPAR_CONNECTOR_MAX_FRAGMENT)
		return DLPAR_ERR_TOOBIG;
	err = check_room(w, cap, 12 + fdt_align(value_len) +
			 (known ? 0 : name_len + 1));
	if (err)
		return err;
	if (!known) {
		w->names_len += (uint32_t)name_len + 1;
		memcpy(out + cap - w->names_len, name, name_len + 1);
		*slot = w->names_len;
	}
	put_token(w, out, FDT_PROP);
	put_token(w, out, (uint32_t)value_len);
	put_token(w, out, *slot);
	put_padded(w, out, value, value_len);
	return 0;
}

/* Names were counted from the buffer's end; count from their block's start. */
static void fix_names(const struct dlpar_fragment_writer *w, uint8_t *out)
{
	uint8_t *p = out + TOKENS_OFF, *end = p + w->tokens_len;

	while (p < end) {
		switch (wire_get32(p)) {
		case FDT_BEGIN_NODE:
			p += 4;
			p += fdt_align(strlen((const char *)p) + 1);
			break;
		case FDT_PROP:
			wire_put32(p + 8, w->names_len - wire_get32(p + 8));
			p += 12 + fdt_align(wire_get32(p + 4));
			break;
		default:
			p += 4;
			break;
		}
	}
}

static void put_header(uint8_t *out, uint32_t struct_len, uint32_t names_len)
{
	uint32_t names_off = FDT_STRUCT_OFF + struct_len;

	wire_put32(out, FDT_MAGIC);
	wire_put32(out + 4, names_off + names_len);
	wire_put32(out + 8, FDT_STRUCT_OFF);
	wire_put32(out + 12, names_off);
	wire_put32(out + 16, FDT_HEADER_LEN);
	wire_put32(out + 20, FDT_VERSION);
	wire_put32(out + 24, FDT_LAST_COMP);
	wire_put32(out + 28, 0);
	wire_put32(out + 32, names_len);
	wire_put32(out + 36, struct_len);
	memset(out + FDT_HEADER_LEN, 0, FDT_RSVMAP_LEN);
	wire_put32(out + FDT_STRUCT_OFF, FDT_BEGIN_NODE);
	wire_put32(out + FDT_STRUCT_OFF + 4, 0);
}

int fragment_finish(struct dlpar_fragment_writer *w, uint8_t *out, size_t cap)
{
	uint32_t struct_len;

	fix_names(w, out);
	put_token(w, out, FDT_END_NODE);
	put_token(w, out, FDT_END);
	struct_len = ROOT_LEN + w->tokens_len;
	memmove(out + FDT_STRUCT_OFF + struct_len, out + cap - w->names_len,
		w->names_len);
	put_header(out, struct_len, w->names_len);
	return (int)(FDT_STRUCT_OFF + struct_len + w->names_len);
}

/* What dlpar_fragment_build() has still to read, and where it stands. */
struct build {
	struct dlpar_fragment_writer writer;
	struct wire_cursor names;
	struct wire_cursor values;
	int props_allowed;
};

/* The next name, with a NUL after its *@len bytes; NULL without one. */
static const uint8_t *take_name(struct build *b, size_t *len)
{
	const uint8_t *name = b->names.base + b->names.off;
	const uint8_t *end = NULL;

	*len = 0;
	if (wire_left(&b->names))
		end = memchr(name, 0, wire_left(&b->names));
	if (!end)
		return NULL;
	*len = (size_t)(end - name);
	return wire_take(&b->names, *len + 1);
}

static int build_node(struct build *b, uint8_t *out, size_t cap)
{
	size_t len;
	const uint8_t *name = take_name(b, &len);

	if (!name)
		return DLPAR_ERR_TRUNCATED;
	if (!fragment_name_ok(name, len) || len > FRAGMENT_NAME_MAX)
		return DLPAR_ERR_NODENAME;
	b->props_allowed = 1;
	return fragment_open_node(&b->writer, out, cap, name, len);
}

static int build_prop(struct build *b, uint8_t *out, size_t cap,
		      size_t value_len)
{
	const uint8_t *name, *value;
	size_t len;

	if (!b->writer.depth || !b->props_allowed)
		return DLPAR_ERR_PROPORDER;
	name = take_name(b, &len);
	value = wire_take(&b->values, value_len);
	if (!name || !value)
		return DLPAR_ERR_TRUNCATED;
	if (!fragment_name_ok(name, len) || len > FRAGMENT_NAME_MAX)
		return DLPAR_ERR_BADVALUE;
	return fragment_put_prop(&b->writer, out, cap, name, len, value,
				 value_len);
}

static int build_end(struct build *b, uint8_t *out)
{
	if (!b->writer.depth)
		return DLPAR_ERR_NESTING;
	fragment_close_node(&b->writer, out);
	b->props_allowed = 0;
	return 0;
}

static int build_op(struct build *b, uint8_t *out, size_t cap, uint32_t op)
{
	switch (op) {
	case DLPAR_FRAGMENT_OP_NODE:
		return build_node(b, out, cap);
	case DLPAR_FRAGMENT_OP_END:
		return build_end(b, out);
	default:
		return build_prop(b, out, cap, op);
	}
}

static int check_built(const struct build *b)
{
	if (b->writer.depth)
		return DLPAR_ERR_NESTING;
	if (!b->writer.n_nodes)
		return DLPAR_ERR_NOROOT;
	if (wire_left(&b->names) || wire_left(&b->values))
		return DLPAR_ERR_BADLENGTH;
	return 0;
}

int dlpar_fragment_build(uint8_t *out, size_t cap, size_t *err_op,
			 const uint32_t *ops, size_t n_ops,
			 const uint8_t *names, size_t names_len,
			 const uint8_t *values, size_t values_len)
{
	struct build b = {
		.names = wire_cursor(names, names_len),
		.values = wire_cursor(values, values_len),
	};
	size_t i;
	int err;

	for (i = 0; i < n_ops; i++) {
		err = build_op(&b, out, cap, ops[i]);
		if (err)
			return connector_fail(err_op, i, err);
	}
	err = check_built(&b);
	if (err)
		return connector_fail(err_op, n_ops, err);
	return fragment_finish(&b.writer, out, cap);
}
