// SPDX-License-Identifier: Apache-2.0
/*
 * connector_read.c - read a fragment: header, tokens, the list of its items.
 *
 * A fragment may come from anywhere, so no offset or length is used before it
 * was compared with what remains. Devicetree Specification 0.4, chapter 5;
 * which children and properties a fragment may have: dlpar_connector.h.
 */
#include "connector.h"
#include "wire.h"

#define FDT_MAGIC 0xd00dfeedu
#define FDT_VERSION 17u
#define FDT_HEADER_LEN 40u

/* Offsets of the header's words. */
#define H_MAGIC 0u
#define H_TOTALSIZE 4u
#define H_OFF_STRUCT 8u
#define H_OFF_STRINGS 12u
#define H_VERSION 20u
#define H_LAST_COMP 24u
#define H_SIZE_STRINGS 32u
#define H_SIZE_STRUCT 36u

int fragment_open(struct fragment_reader *reader, size_t *err_off,
		  const uint8_t *frag, size_t len)
{
	struct fragment_reader r = { .frag = frag };
	size_t total;

	if (len < FDT_HEADER_LEN)
		return connector_fail(err_off, 0, DLPAR_ERR_TRUNCATED);
	if (wire_get32(frag) != FDT_MAGIC)
		return connector_fail(err_off, H_MAGIC, DLPAR_ERR_BADMAGIC);
	if (wire_get32(frag + H_VERSION) < FDT_VERSION)
		return connector_fail(err_off, H_VERSION,
				      DLPAR_ERR_BADVERSION);
	if (wire_get32(frag + H_LAST_COMP) > FDT_VERSION)
		return connector_fail(err_off, H_LAST_COMP,
				      DLPAR_ERR_BADVERSION);
	total = wire_get32(frag + H_TOTALSIZE);
	if (total > len || total < FDT_HEADER_LEN)
		return connector_fail(err_off, H_TOTALSIZE,
				      DLPAR_ERR_TOTALSIZE);
	if (total > DLPAR_CONNECTOR_MAX_FRAGMENT)
		return connector_fail(err_off, H_TOTALSIZE, DLPAR_ERR_TOOBIG);
	r.tokens_off = wire_get32(frag + H_OFF_STRUCT);
	r.tokens_len = wire_get32(frag + H_SIZE_STRUCT);
	r.names_off = wire_get32(frag + H_OFF_STRINGS);
	r.names_len = wire_get32(frag + H_SIZE_STRINGS);
	if (r.tokens_off % 4)
		return connector_fail(err_off, H_OFF_STRUCT,
				      DLPAR_ERR_ALIGNMENT);
	if (r.tokens_off > total || r.tokens_len > total - r.tokens_off)
		return connector_fail(err_off, H_OFF_STRUCT, DLPAR_ERR_BLOCK);
	if (r.names_off > total || r.names_len > total - r.names_off)
		return connector_fail(err_off, H_OFF_STRINGS, DLPAR_ERR_BLOCK);
	*reader = r;
	return 0;
}

/* Length of the name at @off of the blob, @left bytes before its end, or -1. */
static int name_len(uint32_t *len, const struct fragment_reader *r, size_t off,
		    size_t left)
{
	const uint8_t *end;

	if (left > FRAGMENT_NAME_MAX + 1)
		left = FRAGMENT_NAME_MAX + 1;
	end = memchr(r->frag + off, 0, left);
	if (!end)
		return -1;
	*len = (uint32_t)(end - (r->frag + off));
	return 0;
}

static int read_node(struct fragment_token *t, size_t *off,
		     const struct fragment_reader *r)
{
	size_t at = *off + 4, left = r->tokens_len - at, padded;

	t->name_off = r->tokens_off + at;
	*off = t->name_off;
	if (name_len(&t->name_len, r, t->name_off, left))
		return DLPAR_ERR_NODENAME;
	padded = fdt_align((size_t)t->name_len + 1);
	if (padded > left)
		return DLPAR_ERR_NODENAME;
	*off = at + padded;
	return 0;
}

static int read_prop(struct fragment_token *t, size_t *off,
		     const struct fragment_reader *r)
{
	size_t at = *off + 4, left = r->tokens_len - at, name;
	const uint8_t *p = r->frag + r->tokens_off + at;

	*off = r->tokens_off + at;
	if (left < 8)
		return DLPAR_ERR_PROPLEN;
	left -= 8;
	t->value_len = wire_get32(p);
	t->value_off = r->tokens_off + at + 8;
	if (t->value_len > left || fdt_align(t->value_len) > left)
		return DLPAR_ERR_PROPLEN;
	name = wire_get32(p + 4);
	*off += 4;
	if (name >= r->names_len)
		return DLPAR_ERR_NAMEOFF;
	t->name_off = r->names_off + name;
	if (name_len(&t->name_len, r, t->name_off, r->names_len - name)) {
		*off = t->name_off;
		return DLPAR_ERR_STRING;
	}
	*off = at + 8 + fdt_align(t->value_len);
	return 0;
}

int fragment_next(struct fragment_token *token, size_t *off,
		  const struct fragment_reader *reader)
{
	struct fragment_token t = { 0 };
	int err = 0;

	do {
		if (*off > reader->tokens_len ||
		    reader->tokens_len - *off < 4) {
			*off = reader->tokens_off + reader->tokens_len;
			return DLPAR_ERR_NOEND;
		}
		t.kind = wire_get32(reader->frag + reader->tokens_off + *off);
		if (t.kind == FDT_NOP)
			*off += 4;
	} while (t.kind == FDT_NOP);

	switch (t.kind) {
	case FDT_BEGIN_NODE:
		err = read_node(&t, off, reader);
		break;
	case FDT_PROP:
		err = read_prop(&t, off, reader);
		break;
	case FDT_END_NODE:
	case FDT_END:
		*off += 4;
		break;
	default:
		*off += reader->tokens_off;
		return DLPAR_ERR_TOKEN;
	}
	if (!err)
		*token = t;
	return err;
}

int fragment_name_ok(const uint8_t *name, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (name[i] <= ' ' || name[i] > '~' || name[i] == '/')
			return 0;
	return len > 0;
}

/* Where a check of a fragment stands. */
struct checker {
	struct fragment_reader reader;
	size_t off;		/* of the next token */
	size_t depth;		/* open nodes below the root */
	int props_allowed;
	size_t n_items;
};

/* Whether @t, which began at @at of the blob, is allowed here. */
static int check_token(struct checker *c, size_t *err_off, size_t at,
		       const struct fragment_token *t)
{
	int ok = fragment_name_ok(c->reader.frag + t->name_off, t->name_len);

	switch (t->kind) {
	case FDT_BEGIN_NODE:
		if (!ok)
			return connector_fail(err_off, t->name_off,
					      DLPAR_ERR_NODENAME);
		if (c->depth == DLPAR_CONNECTOR_MAX_DEPTH)
			return connector_fail(err_off, at, DLPAR_ERR_TOOBIG);
		c->depth++;
		c->props_allowed = 1;
		return 0;
	case FDT_PROP:
		if (!c->depth)
			return connector_fail(err_off, at, DLPAR_ERR_BADVALUE);
		if (!c->props_allowed)
			return connector_fail(err_off, at,
					      DLPAR_ERR_PROPORDER);
		if (!ok)
			return connector_fail(err_off, t->name_off,
					      DLPAR_ERR_BADVALUE);
		return 0;
	case FDT_END_NODE:
		c->depth--;
		c->props_allowed = 0;
		return 0;
	default:
		return connector_fail(err_off, at, DLPAR_ERR_NESTING);
	}
}

static struct dlpar_fragment_item item_of(const struct fragment_token *t)
{
	static const uint32_t kinds[] = {
		[FDT_BEGIN_NODE] = DLPAR_FRAGMENT_NODE,
		[FDT_END_NODE] = DLPAR_FRAGMENT_END,
		[FDT_PROP] = DLPAR_FRAGMENT_PROPERTY,
	};
	struct dlpar_fragment_item item = {
		.kind = kinds[t->kind],
		.name_off = (uint32_t)t->name_off,
		.name_len = t->name_len,
		.value_off = (uint32_t)t->value_off,
		.value_len = t->value_len,
	};

	return item;
}

/* Read the next token; where it begins, in the blob, goes to *@at. */
static int next_token(struct fragment_token *t, size_t *at, struct checker *c,
		      size_t *err_off)
{
	int err;

	*at = c->reader.tokens_off + c->off;
	err = fragment_next(t, &c->off, &c->reader);
	if (err)
		return connector_fail(err_off, c->off, err);
	return 0;
}

static int check_root(struct checker *c, size_t *err_off)
{
	struct fragment_token t;
	size_t at;
	int err = next_token(&t, &at, c, err_off);

	if (err)
		return err;
	if (t.kind != FDT_BEGIN_NODE)
		return connector_fail(err_off, at, DLPAR_ERR_NOROOT);
	if (t.name_len)
		return connector_fail(err_off, t.name_off, DLPAR_ERR_NODENAME);
	return 0;
}

/* After the root's end: there was a child, and the block ends. */
static int check_end(struct checker *c, size_t *err_off, size_t at)
{
	struct fragment_token t;
	int err;

	if (!c->n_items)
		return connector_fail(err_off, at, DLPAR_ERR_BADVALUE);
	err = next_token(&t, &at, c, err_off);
	if (err)
		return err;
	if (t.kind != FDT_END)
		return connector_fail(err_off, at, DLPAR_ERR_NESTING);
	return (int)c->n_items;
}

int dlpar_fragment_items(struct dlpar_fragment_item *items, size_t cap,
			 size_t *err_off, const uint8_t *frag, size_t len)
{
	struct checker c = { 0 };
	struct fragment_token t;
	size_t at;
	int err = fragment_open(&c.reader, err_off, frag, len);

	if (!err)
		err = check_root(&c, err_off);
	while (!err) {
		err = next_token(&t, &at, &c, err_off);
		if (err)
			break;
		if (!c.depth && t.kind == FDT_END_NODE)
			return check_end(&c, err_off, at);
		err = check_token(&c, err_off, at, &t);
		if (!err && items && c.n_items == cap)
			return DLPAR_ERR_NOSPACE;
		if (!err && items)
			items[c.n_items] = item_of(&t);
		c.n_items++;
	}
	return err;
}
