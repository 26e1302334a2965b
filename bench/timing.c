// SPDX-License-Identifier: Apache-2.0
/*
 * timing.c - what the benchmarks in C share: the clock and the comparison.
 *
 * Repetitions of the two sides alternate, so that what disturbs the machine
 * disturbs both. Time is that of the thread.
 */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "timing.h"

/* Under callgrind only what is within the clock is counted. */
#if defined(__has_include) && __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#define COUNT_TOGGLE CALLGRIND_TOGGLE_COLLECT
#else
#define COUNT_TOGGLE ((void)0)
#endif

#define REPS_MAX 99
#define CLOCK_READS 10000
#define RUN_MIN 16u	/* operations: nodes lie near and far */

static double clock_cost;	/* of reading the clock once */

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

double bench_since(double start)
{
	double ns = clock_ns() - start - clock_cost;

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

const uint8_t *bench_read(const char *file, size_t *len)
{
	FILE *f = fopen(file, "rb");
	uint8_t *bytes;
	long size;

	BENCH_CHECK(f && !fseek(f, 0, SEEK_END));
	size = ftell(f);
	BENCH_CHECK(size > 0 && !fseek(f, 0, SEEK_SET));
	*len = (size_t)size;
	bytes = bench_alloc(*len);
	BENCH_CHECK(fread(bytes, 1, *len, f) == *len);
	fclose(f);
	return bytes;
}

struct bench_effort bench_effort(const char *milliseconds, const char *reps)
{
	struct bench_effort e = {
		strtod(milliseconds, NULL) * 1e6, (int)strtol(reps, NULL, 10)
	};

	BENCH_CHECK(e.budget > 0 && e.reps > 0 && e.reps <= REPS_MAX);
	return e;
}

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

void bench_measure(struct bench *b, const struct bench_operation *op,
		   const struct bench_effort *effort, const char *label)
{
	struct side ours = { .run = op->ours }, theirs = { .run = op->theirs };
	int i, reps = effort->reps;
	double total;

	clock_cost = measure_clock();
	calibrate(b, &ours, effort->budget);
	if (theirs.run)
		calibrate(b, &theirs, effort->budget);
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
