/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree_stream.h - private: properties as callers give them, see tree_stream.c,
 * and as images hold them.
 *
 * Part of tree.h: include that one.
 */
#ifndef DLPAR_TREE_STREAM_H
#define DLPAR_TREE_STREAM_H

#define STREAM_KEPT 64u

struct prop_stream {
	const uint8_t *p;		/* what is left */
	size_t left;
	const uint8_t *name, *value;
	uint32_t name_len, value_len;
};

/* A stream that was read once: it is valid, its names are the tree's. */
struct prop_plan {
	const uint8_t *props;
	size_t len;
	uint32_t n, image_len;
	bool phandle;			/* one of them may be the phandle */
	uint32_t strings_len, n_names;	/* of the tree, before */
	uint32_t ids[STREAM_KEPT];	/* of the first names */
};

int stream_plan(struct dlpar_tree *t, struct prop_plan *plan,
		const uint8_t *props, size_t len);
void stream_encode(struct dlpar_tree *t, const struct prop_plan *plan,
		   uint8_t *out, uint32_t *dir_end, uint32_t off);
void stream_forget(struct dlpar_tree *t, const struct prop_plan *plan);

static inline struct prop_stream prop_stream(const uint8_t *props, size_t len)
{
	struct prop_stream s = { .p = props, .left = len };

	return s;
}

/* The next record: 1, 0 at the end, or an error; its name is not checked. */
static inline int stream_next(struct prop_stream *s)
{
	const uint8_t *p = s->p;
	size_t left = s->left;

	if (!left)
		return 0;
	if (left < 8)
		return DLPAR_ERR_TRUNCATED;
	left -= 8;
	s->name_len = wire_get32(p);
	s->value_len = wire_get32(p + 4);
	if (s->name_len > left || s->value_len > left - s->name_len)
		return DLPAR_ERR_TRUNCATED;
	s->name = p + 8;
	s->value = s->name + s->name_len;
	s->p = s->value + s->value_len;
	s->left = left - s->name_len - s->value_len;
	return 1;
}

/* A PROP record, padded. */
static inline void tree_put_prop(uint8_t *p, uint32_t name,
				 const uint8_t *value, uint32_t len)
{
	wire_put32(p, DLPAR_FDT_PROP);
	wire_put32(p + 4, len);
	wire_put32(p + 8, name);
	if (len & 3)
		memset(p + 12 + (len & ~3u), 0, 4);
	wire_copy(p + 12, value, len);
}

#endif /* DLPAR_TREE_STREAM_H */
