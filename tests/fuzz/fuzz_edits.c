// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_edits.c - of the harness: moves, renames, order, what the header holds.
 */
#include "fuzz.h"

static const char *const names[] = {
	"reg", "phandle", "x", "\xfe", "cpu@0", "cpu", "a@1,0", "long-name-of-it",
};

static const char *any_name(struct choices *c, size_t *len)
{
	const char *name = names[choose(c, sizeof(names) / sizeof(names[0]))];

	*len = strlen(name);
	return name;
}

static void order(struct dlpar_tree *t, struct choices *c, int64_t node)
{
	size_t len, next_len;
	const char *name = any_name(c, &len), *next = any_name(c, &next_len);

	dlpar_tree_order(t, node, name, len, choose(c, 3) ? next : NULL,
			 next_len);
}

static void reserve(struct dlpar_tree *t, struct choices *c)
{
	static const uint64_t pairs[] = { 1, 2, 3, 0, ~0ull, ~0ull };

	switch (choose(c, 3)) {
	case 0:
		dlpar_tree_reserve(t, choose(c, 4), choose(c, 3));
		break;
	case 1:
		dlpar_tree_unreserve(t, choose(c, 3));
		break;
	default:
		dlpar_tree_set_reservations(t, pairs, choose(c, 4));
		break;
	}
}

/* A node that is moved stands where it was put, or nothing has happened. */
static void move(struct dlpar_tree *t, struct choices *c, int64_t node,
		 int64_t parent)
{
	int64_t next = choose(c, 2) ? dlpar_tree_first(t, parent) :
				      DLPAR_TREE_NONE;
	struct blob before = flatten(t), after;

	if (next < 0)
		next = DLPAR_TREE_NONE;
	if (!dlpar_tree_move(t, node, parent, next)) {
		check(dlpar_tree_parent(t, node) == parent);
	} else {
		after = flatten(t);
		check(same(&before, &after));
		free(after.bytes);
	}
	free(before.bytes);
}

void fuzz_edit_more(struct dlpar_tree *t, struct choices *c, int64_t node,
		    int64_t other)
{
	size_t len;
	const char *name = any_name(c, &len);

	switch (choose(c, 7)) {
	case 0:
	case 1:
		move(t, c, node, other);
		break;
	case 2:
		dlpar_tree_rename(t, node, name, len);
		break;
	case 3:
		order(t, c, node);
		break;
	case 4:
		dlpar_tree_append(t, node, name, len, c->ops, c->ops_len);
		break;
	case 5:
		reserve(t, c);
		break;
	default:
		dlpar_tree_set_boot_cpu(t, choose(c, 256));
		break;
	}
}
