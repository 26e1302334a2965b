/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timing.h - what the benchmarks in C share: the clock and the comparison.
 *
 * A program has one struct bench, of what its operations work on. Every result
 * is checked; what was not done right is never timed, the program aborts.
 */
#ifndef DLPAR_BENCH_TIMING_H
#define DLPAR_BENCH_TIMING_H

#include <stddef.h>
#include <stdint.h>

struct bench;

/* What a run did: @items operations in @ns of this thread's time. */
struct bench_time {
	double ns;
	size_t items;
};

/*
 * Do about @n operations and time them. What is not the operation - opening a
 * tree anew, finding the nodes to edit - is outside the clock.
 */
typedef struct bench_time (*bench_run)(struct bench *b, size_t n);

struct bench_operation {
	const char *name;
	bench_run ours;
	bench_run theirs;	/* NULL: nothing to compare with */
	const char *reference;
};

/* How exact: least time of a repetition in nanoseconds, and how many. */
struct bench_effort {
	double budget;
	int reps;
};

#define BENCH_CHECK(ok) \
	do { \
		if (!(ok)) \
			bench_die(__FILE__, __LINE__, #ok); \
	} while (0)

_Noreturn void bench_die(const char *file, int line, const char *what);
void *bench_alloc(size_t size);

/* A whole file, which is not empty. */
const uint8_t *bench_read(const char *file, size_t *len);

/* Nanoseconds of this thread. */
double bench_clock(void);

/* Time since @start, the cost of the clock itself taken off. */
double bench_since(double start);

/* From the command line: milliseconds and repetitions. */
struct bench_effort bench_effort(const char *milliseconds, const char *reps);

/* Time both sides; print a JSON object, in nanoseconds an operation. */
void bench_measure(struct bench *b, const struct bench_operation *op,
		   const struct bench_effort *effort, const char *label);

#endif /* DLPAR_BENCH_TIMING_H */
