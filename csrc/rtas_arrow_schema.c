// SPDX-License-Identifier: Apache-2.0
/*
 * rtas_arrow_schema.c - the Arrow schema of batches, and streams of them.
 *
 * The Arrow C data and C stream interfaces. The schema is that of the column
 * table and no batch's own; a stream hands out arrays that are there already,
 * so its only failure is memory. Release callbacks run in any thread and
 * without Python, and must never release what a consumer has moved out.
 */
#include <errno.h>
#include <stdlib.h>

#include "rtas_batch.h"

size_t rtas_columns_shown(void)
{
	const struct dlpar_rtas_column *table;
	int n = dlpar_rtas_column_table(&table);
	size_t shown = 0;
	int i;

	for (i = 0; i < n; i++)
		shown += table[i].format != NULL;
	return shown;
}

static void release_schema(struct ArrowSchema *schema)
{
	int64_t i;

	for (i = 0; i < schema->n_children; i++)
		if (schema->children[i]->release)
			schema->children[i]->release(schema->children[i]);
	if (schema->dictionary && schema->dictionary->release)
		schema->dictionary->release(schema->dictionary);
	free(schema->private_data);
	schema->release = NULL;
}

static int has_dictionary(const struct dlpar_rtas_column *column)
{
	return column->kind == DLPAR_RTAS_COLUMN_WORD ||
	       column->kind == DLPAR_RTAS_COLUMN_LETTER ||
	       column->kind == DLPAR_RTAS_COLUMN_SOURCE;
}

static int column_schema(struct ArrowSchema *s,
			 const struct dlpar_rtas_column *column)
{
	struct ArrowSchema *dictionary;

	*s = (struct ArrowSchema){
		.format = column->format, .name = column->arrow_name,
		.flags = column->needs ? ARROW_FLAG_NULLABLE : 0,
		.release = release_schema,
	};
	if (!has_dictionary(column))
		return DLPAR_OK;
	dictionary = calloc(1, sizeof(*dictionary));
	if (!dictionary)
		return DLPAR_ERR_NOMEM;
	dictionary->format = "u";
	dictionary->name = "";
	dictionary->release = release_schema;
	s->dictionary = dictionary;
	s->private_data = dictionary;
	return DLPAR_OK;
}

/* The children, and the pointers to them, are one block. */
struct schema_children {
	struct ArrowSchema *child;
	struct ArrowSchema item;
};

int dlpar_rtas_arrow_schema(struct ArrowSchema *out)
{
	const struct dlpar_rtas_column *table;
	int n = dlpar_rtas_column_table(&table);
	size_t shown = rtas_columns_shown();
	struct ArrowSchema **children;
	struct ArrowSchema *items;
	size_t at = 0;
	int rc = DLPAR_OK;
	int i;

	children = calloc(shown, sizeof(struct schema_children));
	if (!children)
		return DLPAR_ERR_NOMEM;
	items = (struct ArrowSchema *)(void *)(children + shown);
	*out = (struct ArrowSchema){
		.format = "+s", .name = "", .children = children,
		.release = release_schema, .private_data = children,
	};
	for (i = 0; i < n && rc == DLPAR_OK; i++) {
		if (!table[i].format)
			continue;
		children[at] = &items[at];
		rc = column_schema(children[at], &table[i]);
		out->n_children = (int64_t)++at;
	}
	if (rc < 0)
		out->release(out);
	return rc;
}

/* The arrays of a stream that are still to be handed out. */
struct queue {
	size_t n;
	size_t next;
	struct ArrowArray arrays[];
};

static int stream_schema(struct ArrowArrayStream *stream,
			 struct ArrowSchema *out)
{
	(void)stream;
	return dlpar_rtas_arrow_schema(out) < 0 ? ENOMEM : 0;
}

static int stream_next(struct ArrowArrayStream *stream, struct ArrowArray *out)
{
	struct queue *q = stream->private_data;

	if (q->next == q->n) {
		out->release = NULL;
		return 0;
	}
	*out = q->arrays[q->next];
	q->arrays[q->next++].release = NULL;
	return 0;
}

/* The only thing that can fail is memory, and errno says that. */
static const char *stream_error(struct ArrowArrayStream *stream)
{
	(void)stream;
	return NULL;
}

static void stream_release(struct ArrowArrayStream *stream)
{
	struct queue *q = stream->private_data;

	for (; q->next < q->n; q->next++)
		q->arrays[q->next].release(&q->arrays[q->next]);
	free(q);
	stream->release = NULL;
}

int dlpar_rtas_arrow_stream(struct ArrowArrayStream *out,
			    struct ArrowArray *arrays, size_t n)
{
	struct queue *q;
	size_t i;

	if (n > SIZE_MAX / sizeof(*arrays) - 1)
		return DLPAR_ERR_NOMEM;
	q = malloc(sizeof(*q) + n * sizeof(*arrays));
	if (!q)
		return DLPAR_ERR_NOMEM;
	q->n = n;
	q->next = 0;
	for (i = 0; i < n; i++) {
		q->arrays[i] = arrays[i];
		arrays[i].release = NULL;
	}
	*out = (struct ArrowArrayStream){
		.get_schema = stream_schema, .get_next = stream_next,
		.get_last_error = stream_error, .release = stream_release,
		.private_data = q,
	};
	return DLPAR_OK;
}
