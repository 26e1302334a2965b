/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cffi_short.h - calls with few arguments.
 *
 * To hand over an argument takes cffi as long as what the call is about takes
 * the core. So what is the same for each of a caller's calls is put together
 * once. For the generated module only.
 */
#ifndef CFFI_SHORT_H
#define CFFI_SHORT_H

/* cffi: begin */
/* A tree, which has to outlive it, and @cap bytes for what is read. */
struct dlpar_reader {
	const struct dlpar_tree *tree;
	uint8_t *out;
	size_t cap;
};

/* A template of a tree, likewise, and the flags it is used with. */
struct dlpar_stamper {
	struct dlpar_tree *tree;
	int template_id;
	uint32_t flags;
};

/* dlpar_tree_read() and dlpar_tree_stamp() with these. */
int64_t dlpar_reader_get(const struct dlpar_reader *reader, int64_t node,
			 const char *name, size_t len);
int64_t dlpar_stamper_add(const struct dlpar_stamper *stamper, int64_t parent,
			  const char *name, size_t len, const uint8_t *patch,
			  size_t patch_len);
/* cffi: end */

int64_t dlpar_reader_get(const struct dlpar_reader *reader, int64_t node,
			 const char *name, size_t len)
{
	return dlpar_tree_read(reader->tree, reader->out, reader->cap, node,
			       name, len);
}

int64_t dlpar_stamper_add(const struct dlpar_stamper *stamper, int64_t parent,
			  const char *name, size_t len, const uint8_t *patch,
			  size_t patch_len)
{
	return dlpar_tree_stamp(stamper->tree, parent, name, len,
				stamper->template_id, patch, patch_len,
				stamper->flags);
}

#endif /* CFFI_SHORT_H */
