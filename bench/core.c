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

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core.h"

/* Under callgrind only what is within the clock is counted. */
#if defined(__has_include) && __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#define COUNT_TOGGLE CALLGRIND_TOGGLE_COLLECT
#else
#define COUNT_TOGGLE ((void)0)
#endif

#define LINE_MAX_LEN 4096u
#define REPS_MAX 99
#define CLOCK_READS 10000
#define RUN_MIN 16u	/* operations: nodes lie near and far */

void bench_die(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
	exit(1);
}

void *bench_alloc(size_t size)
{
	void *p = calloc(1, size);

	BENCH_CHECK(p);
	return p;
}

static double clock_ns(void)
{
	struct timespec t;

	BENCH_CHECK(!clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t));
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

double bench_clock(void)
{
	COUNT_TOGGLE;
	return clock_ns();
}

double bench_since(const struct bench *b, double start)
{
	double ns = clock_ns() - start - b->clock_cost;

	COUNT_TOGGLE;
	return ns > 0 ? ns : 0;
}

static double measure_clock(void)
{
	double start = clock_ns();
	int i;

	for (i = 0; i < CLOCK_READS; i++)
		clock_ns();
	return (clock_ns() - start) / CLOCK_READS;
}

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
	return (struct bench_time){ bench_since(b, start), n };
}

static const struct operation {
	const char *name;
	bench_run ours;
	bench_run theirs;	/* NULL: nothing to compare with */
	const char *reference;
} operations[] = {
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

/* One side of an operation: how much is a run, and what the runs took. */
struct side {
	bench_run run;
	size_t n;
	double ns[REPS_MAX];
	double median, min;
};

static double run(struct bench *b, const struct side *s, double *total)
{
	double start = clock_ns();
	struct bench_time t = s->run(b, s->n);

	*total = clock_ns() - start;
	BENCH_CHECK(t.items);
	return t.ns / (double)t.items;
}

/*
 * As many operations a run as fill the budget. Opening a tree anew counts, but
 * a run in which little else happens is too short: then it may take longer.
 */
static void calibrate(struct bench *b, struct side *s, double budget)
{
	double total, each;

	for (s->n = RUN_MIN;; s->n *= 2) {
		each = run(b, s, &total);
		if (total > budget && each * (double)s->n > budget / 4)
			break;
		if (total > budget * 8)
			break;
	}
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void sum_up(struct side *s, int reps)
{
	qsort(s->ns, (size_t)reps, sizeof(s->ns[0]), by_value);
	s->median = s->ns[reps / 2];
	s->min = s->ns[0];
}

static void measure(struct bench *b, const struct operation *op, double budget,
		    int reps, const char *label)
{
	struct side ours = { .run = op->ours }, theirs = { .run = op->theirs };
	double total;
	int i;

	calibrate(b, &ours, budget);
	if (theirs.run)
		calibrate(b, &theirs, budget);
	for (i = 0; i < reps; i++) {
		ours.ns[i] = run(b, &ours, &total);
		if (theirs.run)
			theirs.ns[i] = run(b, &theirs, &total);
	}
	sum_up(&ours, reps);
	printf("{\"op\": \"%s\", \"size\": \"%s\", \"reps\": %d, "
	       "\"ours\": %.2f, \"ours_min\": %.2f", op->name, label, reps,
	       ours.median, ours.min);
	if (theirs.run) {
		sum_up(&theirs, reps);
		printf(", \"reference\": \"%s\", \"theirs\": %.2f, "
		       "\"theirs_min\": %.2f", op->reference, theirs.median,
		       theirs.min);
	}
	printf("}\n");
	fflush(stdout);
}

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

static void read_blob(struct bench *b, const char *file)
{
	FILE *f = fopen(file, "rb");
	uint8_t *blob;
	long len;

	BENCH_CHECK(f && !fseek(f, 0, SEEK_END));
	len = ftell(f);
	BENCH_CHECK(len > 0 && !fseek(f, 0, SEEK_SET));
	b->len = (size_t)len;
	blob = bench_alloc(b->len);
	BENCH_CHECK(fread(blob, 1, b->len, f) == b->len);
	b->blob = blob;
	fclose(f);
}

static void show_memory(const struct bench *b, const char *label)
{
	printf("{\"op\": \"memory\", \"size\": \"%s\", \"ours\": %.2f, "
	       "\"reference\": \"byte\", \"theirs\": 1}\n", label,
	       ours_memory(b));
}

static const struct operation *find_operation(const char *name)
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
	double budget = strtod(argv[4], NULL) * 1e6;
	int reps = (int)strtol(argv[5], NULL, 10);
	size_t i;

	BENCH_CHECK(budget > 0 && reps > 0 && reps <= REPS_MAX);
	b->clock_cost = measure_clock();
	libfdt_open(b);
	if (only) {
		measure(b, find_operation(only), budget, reps, argv[3]);
		return;
	}
	for (i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		measure(b, &operations[i], budget, reps, argv[3]);
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
	read_blob(&b, argv[1]);
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
