// SPDX-License-Identifier: Apache-2.0
/*
 * core.c - the core of pydlpar against libfdt: same program, run, blob, work.
 *
 *	./core TREE.dtb PLAN LABEL MILLISECONDS REPETITIONS [OPERATION]
 *	./core TREE.dtb PLAN count N OPERATION
 *
 * PLAN is text, see plan() in bench/trees.py. Repetitions of the two sides
 * alternate, so that what disturbs the machine disturbs both. Time is that of
 * the thread. Prints one JSON object a line, in nanoseconds an operation, and
 * the memory of a tree in bytes a node. With OPERATION only that one is run, for
 * a profiler. The second form does ours N times, or a few more where work comes
 * in rounds, and prints how often: see bench/instructions.py.
 */
#define _POSIX_C_SOURCE 200809L

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"

#define LINE_MAX_LEN 4096u

/* What writing a tree out costs at least. */
static struct bench_time copy_blob(struct bench *b, size_t n)
{
	double start = bench_clock();
	size_t i;

	for (i = 0; i < n; i++) {
		memcpy(b->out, b->blob, b->len);
		/* The copy is looked at, or the compiler leaves it out. */
		BENCH_CHECK(b->out[i % b->len] == b->blob[i % b->len]);
	}
	return (struct bench_time){ bench_since(start), n };
}

static const struct bench_operation operations[] = {
	{ "parse", ours_parse, libfdt_check_full, "fdt_check_full" },
	{ "path", ours_path, libfdt_path, "libfdt" },
	{ "phandle", ours_phandle, libfdt_phandle, "libfdt" },
	{ "parent", ours_parent, libfdt_parent, "libfdt" },
	{ "get", ours_get, libfdt_get, "libfdt" },
	{ "set", ours_set, libfdt_set, "libfdt" },
	{ "grow", ours_grow, libfdt_grow, "libfdt" },
	{ "add", ours_add, libfdt_add, "libfdt" },
	{ "remove", ours_remove, libfdt_remove, "libfdt" },
	{ "cycle", ours_cycle, libfdt_cycle, "libfdt" },
	{ "cycle-template", ours_cycle_template, NULL, NULL },
	{ "cycle-undone", ours_cycle_undone, NULL, NULL },
	{ "cycle-batch", ours_cycle_batch, NULL, NULL },
	{ "template-undone", ours_template_undone, NULL, NULL },
	{ "write-clean", ours_write_clean, copy_blob, "memcpy" },
	{ "write-one", ours_write_one, copy_blob, "memcpy" },
	{ "write-few", ours_write_few, copy_blob, "memcpy" },
	{ "write-percent", ours_write_percent, copy_blob, "memcpy" },
	{ "write-all", ours_write_all, copy_blob, "memcpy" },
};

static struct bench_text text(const char *s)
{
	struct bench_text t = { NULL, strlen(s) };
	char *copy = bench_alloc(t.len + 1);

	t.s = memcpy(copy, s, t.len + 1);
	return t;
}

static unsigned int nibble(char c)
{
	return c <= '9' ? (unsigned int)c - '0' : (unsigned int)c - 'a' + 10;
}

static void read_prop(struct bench *b, struct bench_prop *p, const char *name,
		      const char *hex)
{
	size_t i, len = *hex == '-' ? 0 : strlen(hex) / 2;
	uint8_t *value = bench_alloc(len + 1);

	p->name = text(name);
	p->len = len;
	p->value = value;
	for (i = 0; i < len; i++)
		value[i] = (uint8_t)(nibble(hex[2 * i]) << 4 |
				     nibble(hex[2 * i + 1]));
	if (strcmp(name, "reg") && strcmp(name, "phandle") &&
	    strcmp(name, "ibm,my-drc-index"))
		return;
	p->value = b->id;
	BENCH_CHECK(len == sizeof(b->id));
}

/* A line is a keyword and one or two words. */
static void read_line(struct bench *b, const char *line)
{
	char key[16], one[LINE_MAX_LEN], two[LINE_MAX_LEN];
	int n = sscanf(line, "%15s %4095s %4095s", key, one, two);

	BENCH_CHECK(n >= 2);
	if (!strcmp(key, "parent")) {
		b->parent = text(one);
	} else if (!strcmp(key, "set")) {
		b->set = text(one);
	} else if (!strcmp(key, "grow")) {
		b->grow = text(one);
	} else if (!strcmp(key, "get")) {
		BENCH_CHECK(b->n_gets < BENCH_GETS);
		b->get[b->n_gets++] = text(one);
	} else if (!strcmp(key, "prop")) {
		BENCH_CHECK(n == 3 && b->n_props < BENCH_PROPS);
		read_prop(b, &b->props[b->n_props++], one, two);
	} else if (!strcmp(key, "phandle")) {
		b->phandles[b->n_phandles].phandle =
			(uint32_t)strtoul(one, NULL, 10);
		b->phandles[b->n_phandles++].order =
			(uint32_t)strtoul(two, NULL, 10);
	} else {
		BENCH_CHECK(!strcmp(key, "node") && n == 3);
		b->nodes[b->n_nodes].order = (uint32_t)strtoul(one, NULL, 10);
		b->nodes[b->n_nodes++].path = text(two);
	}
}

static void read_plan(struct bench *b, const char *file)
{
	char line[LINE_MAX_LEN];
	size_t most = b->len / 8;	/* no tree has more nodes */
	FILE *f = fopen(file, "r");

	BENCH_CHECK(f);
	b->nodes = bench_alloc(most * sizeof(*b->nodes));
	b->phandles = bench_alloc(most * sizeof(*b->phandles));
	while (fgets(line, sizeof(line), f)) {
		BENCH_CHECK(b->n_nodes < most && b->n_phandles < most);
		read_line(b, line);
	}
	BENCH_CHECK(b->n_nodes && b->n_phandles && b->parent.s && b->set.s);
	BENCH_CHECK(b->grow.s && b->n_gets == BENCH_GETS);
	BENCH_CHECK(b->n_props == BENCH_PROPS);
	fclose(f);
}

static void show_memory(const struct bench *b, const char *label)
{
	printf("{\"op\": \"memory\", \"size\": \"%s\", \"ours\": %.2f, "
	       "\"reference\": \"byte\", \"theirs\": 1}\n", label,
	       ours_memory(b));
}

static const struct bench_operation *find_operation(const char *name)
{
	size_t i = 0;

	while (strcmp(operations[i].name, name)) {
		i++;
		BENCH_CHECK(i < sizeof(operations) / sizeof(operations[0]));
	}
	return &operations[i];
}

static void measure_all(struct bench *b, char **argv, const char *only)
{
	struct bench_effort effort = bench_effort(argv[4], argv[5]);
	size_t i;

	libfdt_open(b);
	if (only) {
		bench_measure(b, find_operation(only), &effort, argv[3]);
		return;
	}
	for (i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		bench_measure(b, &operations[i], &effort, argv[3]);
	show_memory(b, argv[3]);
}

static void make_names(struct bench *b)
{
	char name[32], path[LINE_MAX_LEN];
	unsigned int k;

	for (k = 0; k < BENCH_NEW; k++) {
		snprintf(name, sizeof(name), "PowerPC,POWER9@f%05x", k);
		snprintf(path, sizeof(path), "%s/%s", b->parent.s, name);
		b->new_name[k] = text(name);
		b->new_path[k] = text(path);
	}
}

static int usage(const char *name)
{
	fprintf(stderr, "usage: %s TREE.dtb PLAN LABEL MS REPS [OPERATION]\n"
		"       %s TREE.dtb PLAN count N OPERATION\n", name, name);
	return 2;
}

int main(int argc, char **argv)
{
	struct bench b = { 0 };
	bool count = argc == 6 && !strcmp(argv[3], "count");
	struct bench_time t;

	if (argc != 6 && argc != 7)
		return usage(argv[0]);
	b.blob = bench_read(argv[1], &b.len);
	read_plan(&b, argv[2]);
	make_names(&b);
	b.out_cap = b.len * 2 + LINE_MAX_LEN;
	b.out = bench_alloc(b.out_cap);
	memset(b.out, 1, b.out_cap);
	ours_open(&b);
	if (!count) {
		measure_all(&b, argv, argc == 7 ? argv[6] : NULL);
		return 0;
	}
	t = find_operation(argv[5])->ours(&b, strtoul(argv[4], NULL, 10));
	printf("%zu\n", t.items);
	return 0;
}
