// SPDX-License-Identifier: Apache-2.0
/*
 * endurance.c - millions of cycles on one tree: memory must stay where it was.
 *
 * `make endurance` runs it; the argument is the number of cycles of each kind.
 * Each kind first runs a thousand cycles; from then on neither what the tree has
 * allocated nor what the process holds may grow. The exit status says whether.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dlpar.h"

#define WARM_UP 1000
#define N_PROPS 16
#define N_SLOTS 64
#define SLOT_NAMES (1ul << 30)		/* apart from those of other kinds */
#define RSS_SLACK (1l << 20)

struct bench {
	struct dlpar_tree *t;
	int64_t cpus;
	uint8_t props[1024];
	size_t props_len;
	int template_id;
};

struct kind {
	const char *name;
	void (*cycle)(struct bench *b, unsigned long i);
};

static void must(int64_t rc)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "%s\n", dlpar_strerror((int)rc));
	exit(2);
}

static void put32(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static void put_prop(struct bench *b, const char *name, size_t value_len)
{
	size_t len = strlen(name);
	uint8_t *p = b->props + b->props_len;

	put32(p, len);
	put32(p + 4, value_len);
	memcpy(p + 8, name, len);
	memset(p + 8 + len, 1, value_len);
	b->props_len += 8 + len + value_len;
}

static int64_t add(struct bench *b, unsigned long i)
{
	char name[32];
	int len = snprintf(name, sizeof(name), "cpu@%lx", i);
	int64_t node = dlpar_tree_add(b->t, b->cpus, name, (size_t)len, b->props,
				      b->props_len, 0);

	must(node);
	return node;
}

static int64_t stamp(struct bench *b, unsigned long i)
{
	char name[32];
	int len = snprintf(name, sizeof(name), "cpu@%lx", i);
	int64_t node = dlpar_tree_stamp(b->t, b->cpus, name, (size_t)len,
					b->template_id, NULL, 0, 0);

	must(node);
	return node;
}

static void cycle_add(struct bench *b, unsigned long i)
{
	must(dlpar_tree_remove(b->t, add(b, i)));
}

static void cycle_stamp(struct bench *b, unsigned long i)
{
	must(dlpar_tree_remove(b->t, stamp(b, i)));
}

/* A phandle comes, is found, changes, and goes with its node. */
static void cycle_phandle(struct bench *b, unsigned long i)
{
	int64_t node = stamp(b, i);
	uint8_t value[4];

	put32(value, i % 1000000 + 1);
	must(dlpar_tree_set(b->t, node, "phandle", 7, value, 4));
	must(dlpar_tree_phandle(b->t, (uint32_t)(i % 1000000 + 1)) == node ? 0 :
	     DLPAR_ERR_INTERNAL);
	must(dlpar_tree_remove(b->t, node));
}

/* Values of all sizes, in a property that stays. */
static void cycle_resize(struct bench *b, unsigned long i)
{
	static const uint8_t value[10000];

	must(dlpar_tree_set(b->t, b->cpus, "ibm,drc-info", 12, value,
			    i * 7919 % sizeof(value)));
}

/* Names that never come again, in a transaction that is rolled back. */
static void cycle_rollback(struct bench *b, unsigned long i)
{
	char name[32];
	int len = snprintf(name, sizeof(name), "never-again-%lu", i);

	must(dlpar_tree_begin(b->t));
	must(dlpar_tree_set(b->t, add(b, i), name, (size_t)len, NULL, 0));
	must(dlpar_tree_set(b->t, b->cpus, "size", 4, b->props, i % 100));
	must(dlpar_tree_rollback(b->t));
}

static void cycle_commit(struct bench *b, unsigned long i)
{
	int64_t node;

	must(dlpar_tree_begin(b->t));
	node = add(b, i);
	must(dlpar_tree_begin(b->t));
	must(dlpar_tree_remove(b->t, node));
	must(dlpar_tree_commit(b->t));
	must(dlpar_tree_commit(b->t));
}

/* Many nodes at once, gone in another order than they came. */
static void cycle_slots(struct bench *b, unsigned long i)
{
	static int64_t slots[N_SLOTS];
	unsigned long slot = i * 37 % N_SLOTS;

	if (slots[slot])
		must(dlpar_tree_remove(b->t, slots[slot]));
	i += SLOT_NAMES;
	slots[slot] = i % 3 ? stamp(b, i) : add(b, i);
}

/* A subtree out of the tree and back in. */
static void cycle_graft(struct bench *b, unsigned long i)
{
	struct dlpar_tree *part;
	int64_t node;

	if (i % 16) {
		cycle_stamp(b, i);
		return;
	}
	node = add(b, i);
	must(dlpar_tree_extract(b->t, &part, node, i));
	must(dlpar_tree_remove(b->t, node));
	node = dlpar_tree_graft_tree(b->t, b->cpus, part);
	must(node);
	must(dlpar_tree_remove(b->t, node));
	dlpar_tree_free(part);
}

static const struct kind kinds[] = {
	{ "add, remove", cycle_add },
	{ "from a template, remove", cycle_stamp },
	{ "with a phandle that changes", cycle_phandle },
	{ "a value of any size", cycle_resize },
	{ "new names, rolled back", cycle_rollback },
	{ "nested, committed", cycle_commit },
	{ "64 nodes in any order", cycle_slots },
	{ "each 16th extracted, grafted", cycle_graft },
};

static uint64_t memory(const struct dlpar_tree *t)
{
	struct dlpar_tree_info info;

	dlpar_tree_info(t, &info);
	return info.memory;
}

/* Resident bytes of the process, 0 where the system does not say. */
static long resident(void)
{
	long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (!f)
		return 0;
	if (fscanf(f, "%*s %ld", &pages) != 1)
		pages = 0;
	fclose(f);
	return pages * sysconf(_SC_PAGESIZE);
}

static void set_up(struct bench *b)
{
	char name[16];
	int i;

	memset(b, 0, sizeof(*b));
	must(dlpar_tree_new(&b->t, 1, 0));
	put_prop(b, "phandle", 4);
	for (i = 1; i < N_PROPS; i++) {
		snprintf(name, sizeof(name), "property-%d", i);
		put_prop(b, name, (size_t)i);
	}
	b->cpus = dlpar_tree_add(b->t, dlpar_tree_root(b->t), "cpus", 4, NULL, 0, 0);
	must(b->cpus);
	b->template_id = dlpar_tree_template(b->t, b->props, b->props_len);
	must(b->template_id);
}

static int run(const struct kind *k, struct bench *b, unsigned long n)
{
	unsigned long i;
	uint64_t before, after;
	long held, holds;
	clock_t start;

	for (i = 1; i <= WARM_UP; i++)
		k->cycle(b, i);
	before = memory(b->t);
	held = resident();
	start = clock();
	for (; i <= n; i++)
		k->cycle(b, i);
	after = memory(b->t);
	holds = resident();
	printf("%-30s %9lu %7.0f ns %9llu -> %llu bytes, RSS %+ld KiB\n", k->name,
	       n, (double)(clock() - start) * 1e9 / CLOCKS_PER_SEC / (double)n,
	       (unsigned long long)before, (unsigned long long)after,
	       (holds - held) / 1024);
	fflush(stdout);
	return after > before || holds > held + RSS_SLACK;
}

int main(int argc, char **argv)
{
	unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 10) : 10000000;
	struct bench b;
	int grew = 0;
	size_t i;

	set_up(&b);
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		grew |= run(&kinds[i], &b, n);
	dlpar_tree_free(b.t);
	if (grew)
		fprintf(stderr, "memory grew\n");
	return grew;
}
