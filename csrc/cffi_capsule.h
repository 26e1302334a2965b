/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cffi_capsule.h - destructors of the capsules that carry Arrow structs.
 *
 * The Arrow PyCapsule interface: who gets a capsule may move the struct out of
 * it, and marks that by a release of NULL; what was not taken is released with
 * the capsule. For the generated module only, which includes Python.h: no
 * other C file here knows of Python. Called with the GIL held; what they call
 * needs none, so they work while the interpreter ends, too.
 */
#ifndef CFFI_CAPSULE_H
#define CFFI_CAPSULE_H

#include <stdlib.h>

/* cffi: begin */
/* Memory for a struct that a capsule will own; zeroed, or NULL. */
void *dlpar_capsule_alloc(size_t size);

/* Names that outlive every capsule; they are static. */
const char *dlpar_capsule_schema_name(void);
const char *dlpar_capsule_array_name(void);
const char *dlpar_capsule_stream_name(void);

/* Destructors, of type PyCapsule_Destructor. */
void dlpar_capsule_drop_schema(void *capsule);
void dlpar_capsule_drop_array(void *capsule);
void dlpar_capsule_drop_stream(void *capsule);
/* cffi: end */

#define CAPSULE_SCHEMA "arrow_schema"
#define CAPSULE_ARRAY "arrow_array"
#define CAPSULE_STREAM "arrow_array_stream"

void *dlpar_capsule_alloc(size_t size)
{
	return calloc(1, size);
}

const char *dlpar_capsule_schema_name(void)
{
	return CAPSULE_SCHEMA;
}

const char *dlpar_capsule_array_name(void)
{
	return CAPSULE_ARRAY;
}

const char *dlpar_capsule_stream_name(void)
{
	return CAPSULE_STREAM;
}

void dlpar_capsule_drop_schema(void *capsule)
{
	struct ArrowSchema *s = PyCapsule_GetPointer(capsule, CAPSULE_SCHEMA);

	if (s && s->release)
		s->release(s);
	free(s);
}

void dlpar_capsule_drop_array(void *capsule)
{
	struct ArrowArray *a = PyCapsule_GetPointer(capsule, CAPSULE_ARRAY);

	if (a && a->release)
		a->release(a);
	free(a);
}

void dlpar_capsule_drop_stream(void *capsule)
{
	struct ArrowArrayStream *s =
		PyCapsule_GetPointer(capsule, CAPSULE_STREAM);

	if (s && s->release)
		s->release(s);
	free(s);
}

#endif /* CFFI_CAPSULE_H */
