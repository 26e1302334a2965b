// SPDX-License-Identifier: Apache-2.0
/*
 * tree.c - libFuzzer harness: parse, look up, edit, undo, write out, parse again.
 *
 * The input is eight bytes that choose what is done, a blob, and a stream of
 * operations for a batch, as long as the eighth byte says. What must hold: no
 * byte out of bounds is touched, a roll-back restores the bytes, what is written
 * is accepted and comes back the same, a difference turns one tree into the
 * other and back, what fails changes nothing, and exhausted memory is an error
 * and nothing else. abort() is a finding.
 */
#include "fuzz.h"

#define ROOMY (1u << 26)
#define TIGHT (1u << 14)

static const char *const names[] = {
	"reg", "phandle", "linux,phandle", "status", "x", "\xfe", "cpu@0", "a",
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

void fuzz_check_written(const struct dlpar_tree *t, const struct blob *b,
			bool canonical)
{
	struct dlpar_tree *again;
	struct blob twice;

	check(!dlpar_tree_parse(&again, NULL, b->bytes, b->len, 1, 0, 0));
	check(count(again) == count(t));
	twice = flatten(again);
	check(!canonical || same(b, &twice));
	free(twice.bytes);
	dlpar_tree_free(again);
}

static void check_compact(struct dlpar_tree *t, const struct blob *plain)
{
	int64_t size = dlpar_tree_compact_size(t);
	struct blob b;

	if (!done(size))
		return;
	b.len = (size_t)size;
	check(b.len <= plain->len);
	b.bytes = malloc(b.len);
	check(b.bytes && dlpar_tree_compact(t, b.bytes, b.len) == size);
	fuzz_check_written(t, &b, true);
	free(b.bytes);
}

/* All that can be asked of a node. */
static void look(const struct dlpar_tree *t, int64_t node)
{
	char path[4096];
	const char *name;
	int64_t len = dlpar_tree_props(t, NULL, 0, node);
	int64_t at = dlpar_tree_path_of(t, path, sizeof(path), node);
	uint8_t *stream;
	unsigned int i;

	check(dlpar_tree_name(t, &name, node) >= 0);
	check(dlpar_tree_n_props(t, node) >= 0);
	if (at > 0)
		dlpar_tree_path(t, path, (size_t)at);
	if (done(len)) {
		stream = malloc((size_t)len + 1);
		check(stream && dlpar_tree_props(t, stream, (size_t)len, node) == len);
		free(stream);
	}
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		dlpar_tree_get_u32(t, node, names[i], strlen(names[i]));
	at = dlpar_tree_phandle_of(t, node);
	check(at >= 0);
	check(!at || dlpar_tree_phandle(t, (uint32_t)at) >= 0);
}

/* A subtree out, and back in below another node. */
static void copy(struct dlpar_tree *t, int64_t from, int64_t to)
{
	struct dlpar_tree *part;
	struct blob b;
	size_t off;

	if (dlpar_tree_extract(t, &part, from, 3))
		return;
	b = flatten(part);
	dlpar_tree_graft(t, &off, to, b.bytes, b.len);
	dlpar_tree_graft_tree(t, dlpar_tree_root(t), part);
	free(b.bytes);
	dlpar_tree_free(part);
}

static void stamp(struct dlpar_tree *t, int64_t parent, const char *name,
		  const uint8_t *props, size_t len)
{
	static const uint8_t slots[] = {
		0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 1, 'y'
	};
	int id = dlpar_tree_template(t, props, len);

	if (id < 0)
		return;
	dlpar_tree_stamp(t, parent, name, strlen(name), id, props, len, 0);
	dlpar_tree_stamp(t, parent, "s", 1, id, slots, sizeof(slots) - len % 3,
			 DLPAR_TREE_SLOTS);
	check(!dlpar_tree_drop_template(t, id));
}

/* All of it happens, or nothing; and again, as a stream that was prepared. */
static void batch(struct dlpar_tree *t, struct choices *c)
{
	struct blob before, after;
	int64_t results[MAX_NODES];

	if (choose(c, 2))
		dlpar_tree_batch(t, results, MAX_NODES, c->ops, c->ops_len);
	before = flatten(t);
	if (dlpar_tree_batch(t, results, MAX_NODES, c->ops, c->ops_len) < 0) {
		after = flatten(t);
		check(same(&before, &after));
		free(after.bytes);
	}
	free(before.bytes);
}

static void edit(struct dlpar_tree *t, struct choices *c, int64_t node,
		 int64_t other)
{
	static const uint8_t props[] = {
		0, 0, 0, 7, 0, 0, 0, 4, 'p', 'h', 'a', 'n', 'd', 'l', 'e',
		0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0, 0, 'x'
	};
	static const uint8_t value[300];
	const char *name = names[choose(c, sizeof(names) / sizeof(names[0]))];
	size_t len = strlen(name);

	switch (choose(c, 10)) {
	case 0:
		dlpar_tree_set(t, node, name, len, value, choose(c, 256) + 40);
		break;
	case 1:
		dlpar_tree_set(t, node, name, len, value, 4);
		break;
	case 2:
		dlpar_tree_unset(t, node, name, len);
		break;
	case 3:
		dlpar_tree_add(t, node, name, len, props, sizeof(props) - choose(c, 3),
			       choose(c, 2) ? DLPAR_TREE_FIRST : 0);
		break;
	case 4:
		dlpar_tree_remove(t, node);
		break;
	case 5:
		copy(t, node, other);
		break;
	case 6:
		batch(t, c);
		break;
	case 7:
	case 8:
		fuzz_edit_more(t, c, node, other);
		break;
	default:
		stamp(t, node, name, props, sizeof(props) - choose(c, 2) * 13);
		break;
	}
}

/* Some edits, of nodes that may be gone by then. */
void fuzz_edits(struct dlpar_tree *t, struct choices *c)
{
	int64_t nodes[MAX_NODES];
	size_t n = nodes_of(t, nodes);
	unsigned int i, rounds = 1 + choose(c, 24);

	for (i = 0; i < rounds && count(t) < 10000; i++)
		edit(t, c, nodes[choose(c, (unsigned int)n)],
		     nodes[choose(c, (unsigned int)n)]);
}

static void exercise(struct dlpar_tree *t, struct choices *c)
{
	struct blob before = flatten(t), after;
	int64_t nodes[MAX_NODES];
	size_t i, n = nodes_of(t, nodes);

	for (i = 0; i < n; i++)
		look(t, nodes[i]);
	fuzz_reads(t, c);
	fuzz_check_written(t, &before, true);
	check_compact(t, &before);
	if (done(dlpar_tree_begin(t))) {
		fuzz_edits(t, c);
		if (dlpar_tree_begin(t) > 0)
			fuzz_edits(t, c);
		while (dlpar_tree_depth(t))
			check(!dlpar_tree_rollback(t));
		after = flatten(t);
		check(same(&before, &after));
		free(after.bytes);
	}
	free(before.bytes);
	fuzz_changes(t, c);
	fuzz_overlay(t, c);
	after = flatten(t);
	fuzz_check_written(t, &after, true);
	check_compact(t, &after);
	free(after.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct choices c = { .bytes = data };
	const uint8_t *blob = data + N_CHOICES;
	struct dlpar_tree *t;
	size_t off = 0;
	uint64_t limit;
	uint32_t flags;
	int err;

	if (size < N_CHOICES)
		return 0;
	size -= N_CHOICES;
	c.ops_len = size < data[7] ? size : data[7];
	size -= c.ops_len;
	c.ops = blob + size;
	limit = choose(&c, 4) ? ROOMY : TIGHT;
	flags = choose(&c, 8) ? 0 : DLPAR_TREE_LENIENT;
	flags |= choose(&c, 2) ? DLPAR_TREE_BORROW : 0;
	err = dlpar_tree_parse(&t, &off, blob, size, data[1], limit, flags);
	check(off <= size);
	if (err)
		return 0;
	exercise(t, &c);
	dlpar_tree_free(t);
	return 0;
}
