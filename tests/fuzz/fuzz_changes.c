// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_changes.c - of the harness: copies, differences, patches, overlays.
 *
 * Trees are compared as source text, which knows nothing of differences.
 */
#include "fuzz.h"

static uint32_t boot_cpu(const struct dlpar_tree *t)
{
	struct dlpar_tree_info info;

	check(!dlpar_tree_info(t, &info));
	return info.boot_cpu;
}

/* As far as there is memory for the text. */
static void check_equal(const struct dlpar_tree *a, const struct dlpar_tree *b)
{
	int64_t a_len, b_len;
	char *a_text = fuzz_text(a, dlpar_tree_root(a), &a_len);
	char *b_text = fuzz_text(b, dlpar_tree_root(b), &b_len);

	if (a_text && b_text)
		check(a_len == b_len &&
		      !memcmp(a_text, b_text, (size_t)a_len) &&
		      boot_cpu(a) == boot_cpu(b));
	free(a_text);
	free(b_text);
}

/* Patched, @a is @b; then it is made what it was. */
static void check_patch(struct dlpar_tree *a, const struct dlpar_tree *b,
			const uint8_t *stream, size_t len)
{
	struct blob before = flatten(a), after;
	uint8_t *back = malloc(len + 1);
	struct dlpar_tree *was;

	check(back && !dlpar_diff_reverse(back, NULL, stream, len));
	check(!dlpar_tree_parse(&was, NULL, before.bytes, before.len, 3, 0, 0));
	if (done(dlpar_tree_apply(a, NULL, stream, len))) {
		check_equal(a, b);
		if (done(dlpar_tree_apply(a, NULL, back, len)))
			check_equal(a, was);
	} else {
		after = flatten(a);
		check(same(&before, &after));
		free(after.bytes);
	}
	dlpar_tree_free(was);
	free(back);
	free(before.bytes);
}

static void check_diff(struct dlpar_tree *a, const struct dlpar_tree *b)
{
	struct dlpar_diff *diff;
	const char *stream;
	int64_t len;

	if (!done(dlpar_tree_diff(&diff, a, b)))
		return;
	len = dlpar_diff_stream(diff, &stream);
	check(len >= 0);
	if (len)
		check_patch(a, b, (const uint8_t *)stream, (size_t)len);
	else
		check_equal(a, b);
	dlpar_diff_free(diff);
}

/* Bytes of the input as a patch: all of it happens, or nothing. */
static void patch_badly(struct dlpar_tree *t, const struct choices *c)
{
	struct blob before = flatten(t), after;

	if (dlpar_tree_apply(t, NULL, c->ops, c->ops_len)) {
		after = flatten(t);
		check(same(&before, &after));
		free(after.bytes);
	}
	free(before.bytes);
}

/* Against a copy that knows where it is from, and one that does not. */
void fuzz_changes(struct dlpar_tree *t, struct choices *c)
{
	struct blob before = flatten(t);
	struct dlpar_tree *copy, *stranger;

	check(!dlpar_tree_parse(&stranger, NULL, before.bytes, before.len, 5, 0,
				0));
	if (!done(dlpar_tree_copy(t, &copy, 9)))
		copy = NULL;
	fuzz_edits(t, c);
	if (copy) {
		if (choose(c, 2))
			fuzz_edits(copy, c);
		check_diff(copy, t);
		dlpar_tree_free(copy);
	}
	check_diff(stranger, t);
	dlpar_tree_free(stranger);
	patch_badly(t, c);
	free(before.bytes);
}

static void give(struct dlpar_tree *t, int64_t node, const char *name,
		 const void *value, size_t len)
{
	dlpar_tree_set(t, node, name, strlen(name), value, len);
}

static int64_t add(struct dlpar_tree *t, int64_t parent, const char *name)
{
	return dlpar_tree_add(t, parent, name, strlen(name), NULL, 0, 0);
}

/* What resolves the overlay's references, more or less. */
static void add_fixups(struct dlpar_tree *o, struct choices *c)
{
	static const char *const places[] = {
		"/fragment@0:target:0", "/fragment@0/__overlay__/a:x:4",
		"/fragment@0:target:1", "/fragment@0/__overlay__:reg:0", "::",
		"/fragment@0:target:99999999999", "/none:x:0",
	};
	static const char label[] = "/fragment@0/__overlay__/cpu@0";
	static const uint8_t offsets[] = { 0, 0, 0, 0, 0, 0, 0, 4 };
	const char *place = places[choose(c, 7)];
	int64_t node;

	give(o, add(o, 0, "__fixups__"), "base", place, strlen(place) + 1);
	give(o, add(o, 0, "__symbols__"), "mine", label,
	     sizeof(label) - choose(c, 2));
	node = add(o, 0, "__local_fixups__");
	node = add(o, add(o, node, "fragment@0"), "__overlay__");
	give(o, node, choose(c, 2) ? "reg" : "x", offsets,
	     sizeof(offsets) - choose(c, 6));
}

/* An overlay with a part of @t for some node of it. */
static struct dlpar_tree *overlay_of(const struct dlpar_tree *t,
				     struct choices *c, int64_t part,
				     int64_t target)
{
	static const uint8_t unset[] = { 0xff, 0xff, 0xff, 0xff };
	struct dlpar_tree *o, *content;
	int64_t fragment, len;
	char path[1024];

	check(!dlpar_tree_new(&o, 7, 0));
	fragment = add(o, 0, "fragment@0");
	if (choose(c, 2)) {
		give(o, fragment, "target", unset, choose(c, 9) ? 4 : 3);
	} else {
		len = dlpar_tree_path_of(t, path, sizeof(path) - 1, target);
		path[len > 0 ? len : 0] = 0;
		give(o, fragment, "target-path", path, strlen(path) + 1);
	}
	fragment = add(o, fragment, "__overlay__");
	if (choose(c, 2))
		give(o, fragment, "reg", unset, 4);
	if (!dlpar_tree_extract(t, &content, part, 11)) {
		dlpar_tree_graft_tree(o, fragment, content);
		dlpar_tree_free(content);
	}
	if (choose(c, 4))
		add_fixups(o, c);
	return o;
}

/* All of it or nothing; the overlay is what it was. */
static void apply_overlay(struct dlpar_tree *t, struct dlpar_tree *o,
			  uint32_t flags)
{
	struct blob base = flatten(t), over = flatten(o), after;
	struct dlpar_overlay_error error;
	int rc = dlpar_tree_overlay(t, &error, o, flags);

	check(!rc == !error.reason || rc == DLPAR_ERR_NOMEM);
	after = flatten(o);
	check(same(&over, &after));
	free(after.bytes);
	after = flatten(t);
	if (rc)
		check(same(&base, &after));
	else
		fuzz_check_written(t, &after, true);
	free(after.bytes);
	free(over.bytes);
	free(base.bytes);
}

void fuzz_overlay(struct dlpar_tree *t, struct choices *c)
{
	int64_t nodes[MAX_NODES], target, len;
	size_t n = nodes_of(t, nodes);
	struct blob own = flatten(t);
	struct dlpar_tree *o;
	char path[1024];

	target = nodes[choose(c, (unsigned int)n)];
	len = dlpar_tree_path_of(t, path, sizeof(path) - 1, target);
	if (len > 0 && choose(c, 4)) {
		path[len] = 0;
		give(t, add(t, 0, "__symbols__"), "base", path, (size_t)len + 1);
	}
	o = overlay_of(t, c, nodes[choose(c, (unsigned int)n)], target);
	apply_overlay(t, o, choose(c, 2) ? DLPAR_TREE_FIRST : 0);
	apply_overlay(t, o, 0);
	dlpar_tree_free(o);
	check(!dlpar_tree_parse(&o, NULL, own.bytes, own.len, 13, 0, 0));
	apply_overlay(t, o, 0);
	dlpar_tree_free(o);
	free(own.bytes);
}
