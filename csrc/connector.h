/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connector.h - private: read and write fragments, shared by connector*.c.
 *
 * The reader trusts nothing of a fragment; the writer's own bytes are trusted
 * by the writer alone. Not part of the public interface.
 */
#ifndef CONNECTOR_H
#define CONNECTOR_H

#include "dlpar.h"

/* Tokens of a structure block (Devicetree Specification 5.4.1). */
enum fdt_token {
	FDT_BEGIN_NODE = 1,
	FDT_END_NODE = 2,
	FDT_PROP = 3,
	FDT_NOP = 4,
	FDT_END = 9
};

/* Longest name: with its NUL it fills the data of a work area. */
#define FRAGMENT_NAME_MAX \
	(DLPAR_CONNECTOR_AREA_LEN - DLPAR_CONNECTOR_DATA_OFF - 1)

struct fragment_reader {
	const uint8_t *frag;
	size_t tokens_off;	/* structure block, within @frag */
	size_t tokens_len;
	size_t names_off;	/* strings block */
	size_t names_len;
};

struct fragment_token {
	uint32_t kind;		/* enum fdt_token, never FDT_NOP */
	uint32_t name_len;
	uint32_t value_len;
	size_t name_off;	/* within the blob */
	size_t value_off;
};

static inline size_t fdt_align(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

/* Set *@err_off, if there is one, and return @err. */
static inline int connector_fail(size_t *err_off, size_t off, int err)
{
	if (err_off)
		*err_off = off;
	return err;
}

/* Check the header of @frag; 0 or an error. */
int fragment_open(struct fragment_reader *reader, size_t *err_off,
		  const uint8_t *frag, size_t len);

/*
 * The next token at *@off of the structure block, which moves past it, or to
 * what is wrong (as an offset of the blob) on error. 0 or an error.
 */
int fragment_next(struct fragment_token *token, size_t *off,
		  const struct fragment_reader *reader);

/* Whether a name is not empty, graphic ASCII, and without '/'. */
int fragment_name_ok(const uint8_t *name, size_t len);

/* Each of these: 0, or DLPAR_ERR_NOSPACE or _TOOBIG with nothing written. */
int fragment_open_node(struct dlpar_fragment_writer *w, uint8_t *out,
		       size_t cap, const uint8_t *name, size_t name_len);
int fragment_put_prop(struct dlpar_fragment_writer *w, uint8_t *out,
		      size_t cap, const uint8_t *name, size_t name_len,
		      const uint8_t *value, size_t value_len);

/* Room for this was set aside when the node was opened. */
void fragment_close_node(struct dlpar_fragment_writer *w, uint8_t *out);

/* Close the root, move the names behind the tokens; the blob's length. */
int fragment_finish(struct dlpar_fragment_writer *w, uint8_t *out, size_t cap);

#endif /* CONNECTOR_H */
