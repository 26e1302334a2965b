/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dlpar_arrow.h - the structs of the Arrow C data and C stream interfaces.
 *
 * Part of the public header dlpar.h: include that one. An ABI, so members and
 * their order are those of the Arrow specification ("C data interface", "C
 * stream interface"), guards included; what they mean is explained there.
 */
#ifndef DLPAR_ARROW_H
#define DLPAR_ARROW_H

#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE
#define ARROW_C_STREAM_INTERFACE

/* cffi: begin */
#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4

struct ArrowSchema {
	const char *format;
	const char *name;
	const char *metadata;
	int64_t flags;
	int64_t n_children;
	struct ArrowSchema **children;
	struct ArrowSchema *dictionary;
	void (*release)(struct ArrowSchema *schema);
	void *private_data;
};

struct ArrowArray {
	int64_t length;
	int64_t null_count;
	int64_t offset;
	int64_t n_buffers;
	int64_t n_children;
	const void **buffers;
	struct ArrowArray **children;
	struct ArrowArray *dictionary;
	void (*release)(struct ArrowArray *array);
	void *private_data;
};

struct ArrowArrayStream {
	int (*get_schema)(struct ArrowArrayStream *stream,
			  struct ArrowSchema *out);
	int (*get_next)(struct ArrowArrayStream *stream,
			struct ArrowArray *out);
	const char *(*get_last_error)(struct ArrowArrayStream *stream);
	void (*release)(struct ArrowArrayStream *stream);
	void *private_data;
};
/* cffi: end */

#endif /* ARROW_C_DATA_INTERFACE */

#endif /* DLPAR_ARROW_H */
