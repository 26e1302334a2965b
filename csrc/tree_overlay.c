// SPDX-License-Identifier: Apache-2.0
/*
 * tree_overlay.c - apply an overlay: targets, merge, symbols.
 *
 * The base is changed in one transaction, the overlay in another that is always
 * rolled back. tree_overlay_fixup.c has the phandles. Nothing here recurses.
 *
 * Source: dtc, Documentation/dt-object-internal.txt; behaviour of libfdt 1.7.1.
 */
#include "tree_overlay.h"

static const struct {
	enum dlpar_overlay_reason reason;
	int code;
	const char *text;
} reasons[] = {
	{ DLPAR_OVERLAY_NONE, DLPAR_OK, "none" },
	{ DLPAR_OVERLAY_NO_SYMBOLS, DLPAR_ERR_NOTFOUND,
	  "the base has no /__symbols__" },
	{ DLPAR_OVERLAY_NO_SYMBOL, DLPAR_ERR_NOTFOUND,
	  "the base's /__symbols__ has no such symbol" },
	{ DLPAR_OVERLAY_SYMBOL_NODE, DLPAR_ERR_NOTFOUND,
	  "the base has no node at the path of this symbol" },
	{ DLPAR_OVERLAY_SYMBOL_PHANDLE, DLPAR_ERR_NOTFOUND,
	  "the base's node of this symbol has no phandle" },
	{ DLPAR_OVERLAY_TARGET_NODE, DLPAR_ERR_NOTFOUND,
	  "the base has no node with this phandle" },
	{ DLPAR_OVERLAY_TARGET_PATH, DLPAR_ERR_NOTFOUND,
	  "the base has no node of this path" },
	{ DLPAR_OVERLAY_PHANDLE_LENGTH, DLPAR_ERR_OVERLAY,
	  "a phandle that is not 4 bytes long" },
	{ DLPAR_OVERLAY_PHANDLE_RANGE, DLPAR_ERR_OVERLAY,
	  "no phandle is left above those of the base" },
	{ DLPAR_OVERLAY_LOCAL_NODE, DLPAR_ERR_OVERLAY,
	  "local fixups of a node that the overlay does not have" },
	{ DLPAR_OVERLAY_LOCAL_LENGTH, DLPAR_ERR_OVERLAY,
	  "local fixups that are not offsets of 4 bytes each" },
	{ DLPAR_OVERLAY_FIXUP_FORM, DLPAR_ERR_OVERLAY,
	  "a fixup that is not \"path:property:offset\"" },
	{ DLPAR_OVERLAY_FIXUP_NODE, DLPAR_ERR_OVERLAY,
	  "a fixup in a node that the overlay does not have" },
	{ DLPAR_OVERLAY_FIXUP_PROPERTY, DLPAR_ERR_OVERLAY,
	  "a fixup in a property that its node does not have" },
	{ DLPAR_OVERLAY_FIXUP_OFFSET, DLPAR_ERR_OVERLAY,
	  "a fixup beyond the value of its property" },
	{ DLPAR_OVERLAY_NO_TARGET, DLPAR_ERR_OVERLAY,
	  "a fragment with neither target nor target-path" },
	{ DLPAR_OVERLAY_TARGET_VALUE, DLPAR_ERR_OVERLAY,
	  "a target that is no phandle, or was not filled in, or no path" },
	{ DLPAR_OVERLAY_LABEL_PATH, DLPAR_ERR_OVERLAY,
	  "a symbol that is not one absolute path" },
	{ DLPAR_OVERLAY_LABEL_FRAGMENT, DLPAR_ERR_OVERLAY,
	  "a symbol in a fragment that the overlay does not have" },
	{ DLPAR_OVERLAY_EDIT, DLPAR_ERR_INTERNAL, "it cannot be merged" },
};

#define N_REASONS (sizeof(reasons) / sizeof(reasons[0]))

const char *dlpar_overlay_reason_text(uint32_t reason)
{
	size_t i;

	for (i = 0; i < N_REASONS; i++)
		if ((uint32_t)reasons[i].reason == reason)
			return reasons[i].text;
	return "unknown reason";
}

/* Note why and where; the code that goes with it. */
int overlay_fail(struct overlay *a, enum dlpar_overlay_reason reason,
		 const struct overlay_place *place)
{
	struct dlpar_overlay_error *e = a->error;
	size_t i = 0;

	e->reason = (uint32_t)reason;
	e->offset = place->offset;
	e->node = tree_handle(a->over, place->node);
	if (place->prop) {
		e->prop = (const char *)a->over->strings +
			  wire_get32(place->prop + 8);
		e->prop_len = (uint32_t)strlen(e->prop);
	}
	e->text = (const char *)place->text;
	e->text_len = (uint32_t)place->text_len;
	while (reasons[i].reason != reason)
		i++;
	return reasons[i].code;
}

uint32_t overlay_child(const struct dlpar_tree *t, uint32_t parent,
		       const char *name)
{
	return tree_index_child(t, parent, (const uint8_t *)name,
				(uint32_t)strlen(name));
}

uint8_t *overlay_prop(const struct dlpar_tree *t, uint32_t node,
		      const char *name)
{
	uint32_t id;

	if (!tree_name_find(t, (const uint8_t *)name, (uint32_t)strlen(name),
			    &id))
		return NULL;
	return tree_prop(t, &t->nodes[node], id);
}

static int target_by_path(struct overlay *a, struct overlay_place *place,
			  uint32_t *target)
{
	const uint8_t *end = memchr(place->text, 0, place->text_len);
	int64_t node;

	if (!end)
		return overlay_fail(a, DLPAR_OVERLAY_TARGET_VALUE, place);
	place->text_len = (size_t)(end - place->text);
	node = tree_by_path(a->base, (const char *)place->text,
			    place->text_len);
	if (node < 0)
		return overlay_fail(a, DLPAR_OVERLAY_TARGET_PATH, place);
	*target = tree_resolve(a->base, node);
	return DLPAR_OK;
}

/* The node of the base that a fragment is about: a phandle, else a path. */
int overlay_target(struct overlay *a, uint32_t fragment, uint32_t *target)
{
	const uint8_t *prop = overlay_prop(a->over, fragment, "target");
	struct overlay_place place = { .node = fragment, .prop = prop };
	uint32_t phandle = 0;

	if (prop) {
		if (wire_get32(prop + 4) == 4)
			phandle = wire_get32(prop + 12);
		if (wire_get32(prop + 4) != 4 || phandle == NO_PHANDLE)
			return overlay_fail(a, DLPAR_OVERLAY_TARGET_VALUE,
					    &place);
	}
	if (phandle) {
		phandle = overlay_kept(a, phandle);
		*target = tree_index_by_phandle(a->base, phandle);
		return *target != NIL ? DLPAR_OK :
		       overlay_fail(a, DLPAR_OVERLAY_TARGET_NODE, &place);
	}
	prop = overlay_prop(a->over, fragment, "target-path");
	if (!prop)
		return overlay_fail(a, DLPAR_OVERLAY_NO_TARGET, &place);
	place.prop = prop;
	place.text = prop + 12;
	place.text_len = wire_get32(prop + 4);
	return target_by_path(a, &place, target);
}

static int edit_failed(struct overlay *a, int err, uint32_t node,
		       const uint8_t *prop)
{
	struct overlay_place place = { .node = node, .prop = prop };

	if (err)
		overlay_fail(a, DLPAR_OVERLAY_EDIT, &place);
	return err;
}

/* The properties in order, until one fails. */
int overlay_each_prop(struct overlay *a, uint32_t to, uint32_t from,
		      overlay_visit visit)
{
	const struct tree_node *n = &a->over->nodes[from];
	const uint8_t *p = n->img + tree_head_len(n->name_len);
	const uint8_t *end = n->img + n->img_len;
	int err = DLPAR_OK;

	for (; p < end && !err; p += tree_prop_len(wire_get32(p + 4)))
		err = visit(a, to, from, p);
	return err;
}

static int merge_prop(struct overlay *a, uint32_t to, uint32_t from,
		      const uint8_t *p)
{
	const struct dlpar_tree *o = a->over;
	const char *name = (char *)o->strings + wire_get32(p + 8);

	if (tree_prop(o, &o->nodes[from], wire_get32(p + 8)) != p)
		return DLPAR_OK;
	return edit_failed(a, tree_set(a->base, to, name, strlen(name), p + 12,
				       wire_get32(p + 4)), from, p);
}

/* Whether the merge made this node. */
static bool is_new(const struct dlpar_tree *t, uint32_t node)
{
	const struct tree_node *n = &t->nodes[node];

	return journal_covers(t, n) &&
	       t->journal[n->u.saved].op == JOURNAL_ADDED;
}

/* @node of the overlay into the child of @parent that it belongs to. */
static int merge_node(struct overlay *a, uint32_t node, uint32_t parent,
		      uint32_t *twin)
{
	const struct tree_node *n = &a->over->nodes[node];
	const uint8_t *name = tree_node_name(n);
	struct dlpar_tree *t = a->base;

	*twin = is_new(t, parent) ?
		tree_index_child(t, parent, name, n->name_len) :
		tree_child_like(t, parent, name, n->name_len);
	if (*twin != NIL)
		return overlay_each_prop(a, *twin, node, merge_prop);
	return edit_failed(a, tree_copy_node(t, parent, a->over, node, a->flags,
					     twin), node, NULL);
}

static int merge_fragment(struct overlay *a, uint32_t fragment)
{
	uint32_t twin = NIL, target, top;
	const struct dlpar_tree *o = a->over;
	struct lockstep s;
	int err;

	top = overlay_child(o, fragment, "__overlay__");
	if (top == NIL)
		return DLPAR_OK;
	err = overlay_target(a, fragment, &target);
	if (!err)
		err = overlay_each_prop(a, target, top, merge_prop);
	s = lockstep(o, top, a->base, target);
	while (s.i != NIL && !err) {
		err = merge_node(a, s.i, s.at, &twin);
		lockstep_next(&s, twin);
	}
	return err;
}

/*
 * The fragment in which the path of a symbol lies, and the rest of the path
 * below its __overlay__, without a slash before it. NIL: nothing that gets into
 * the base.
 */
static int symbol_fragment(struct overlay *a, struct overlay_place *place,
			   uint32_t *fragment)
{
	static const char inner[] = "/__overlay__";
	const size_t inner_len = sizeof(inner) - 1;
	const uint8_t *path = place->text, *end, *s, *rest;

	*fragment = NIL;
	end = memchr(path, 0, place->text_len);
	if (!end || end + 1 != path + place->text_len || *path != '/')
		return overlay_fail(a, DLPAR_OVERLAY_LABEL_PATH, place);
	s = memchr(path + 1, '/', (size_t)(end - path) - 1);
	if (!s || (size_t)(end - s) < inner_len || memcmp(s, inner, inner_len))
		return DLPAR_OK;
	rest = s + inner_len;
	if (rest < end && *rest++ != '/')
		return DLPAR_OK;
	if (s - path - 1 <= DLPAR_TREE_NAME_MAX)
		*fragment = tree_index_child(a->over, 0, path + 1,
					     (uint32_t)(s - path - 1));
	if (*fragment == NIL ||
	    overlay_child(a->over, *fragment, "__overlay__") == NIL)
		return overlay_fail(a, DLPAR_OVERLAY_LABEL_FRAGMENT, place);
	place->text = rest;
	place->text_len = (size_t)(end - rest);
	return DLPAR_OK;
}

/* Give the base the symbol: the path of @target, and @place's below it. */
static int set_symbol(struct overlay *a, uint32_t symbols, uint32_t target,
		      const struct overlay_place *place)
{
	struct dlpar_tree *t = a->base;
	const char *name = (char *)a->over->strings +
			   wire_get32(place->prop + 8);
	size_t len = 1, need;
	uint8_t *path;
	uint32_t cap, i;
	int err;

	for (i = target; i; i = t->nodes[i].parent)
		len += 1u + t->nodes[i].name_len;
	need = len + 1 + place->text_len;
	if (need > DLPAR_TREE_SIZE_MAX / 2)
		return DLPAR_ERR_TOOBIG;
	path = arena_block(&a->over->arena, (uint32_t)need, &cap);
	if (!path)
		return DLPAR_ERR_NOMEM;
	len = (size_t)tree_path_of(t, (char *)path, need,
				   tree_handle(t, target));
	if (place->text_len) {
		if (target)
			path[len++] = '/';
		memcpy(path + len, place->text, place->text_len);
		len += place->text_len;
	}
	path[len++] = 0;
	err = tree_set(t, symbols, name, strlen(name), path, len);
	arena_unblock(&a->over->arena, path, cap);
	return err;
}

static int merge_symbol(struct overlay *a, uint32_t to, uint32_t from,
			const uint8_t *prop)
{
	struct overlay_place place = {
		.node = from, .prop = prop,
		.text = prop + 12, .text_len = wire_get32(prop + 4)
	};
	uint32_t fragment, target;
	int err = symbol_fragment(a, &place, &fragment);

	if (err || fragment == NIL)
		return err;
	err = overlay_target(a, fragment, &target);
	if (err)
		return err;
	return edit_failed(a, set_symbol(a, to, target, &place), from, prop);
}

/* Symbols of the overlay become symbols of the base. */
static int merge_symbols(struct overlay *a)
{
	uint32_t from = overlay_child(a->over, 0, "__symbols__");
	uint32_t to = overlay_child(a->base, 0, "__symbols__");
	int err = DLPAR_OK;

	if (from == NIL)
		return DLPAR_OK;
	if (to == NIL)
		err = edit_failed(a, tree_add(a->base, 0, "__symbols__", 11,
					      NULL, 0, a->flags, &to), from,
				  NULL);
	return err ? err : overlay_each_prop(a, to, from, merge_symbol);
}

static int apply(struct overlay *a)
{
	uint32_t i;
	int err = overlay_resolve(a);

	for (i = a->over->nodes[0].first; i != NIL && !err;
	     i = a->over->nodes[i].next)
		err = merge_fragment(a, i);
	return err ? err : merge_symbols(a);
}

static int in_transactions(struct overlay *a)
{
	int err = journal_begin(a->over);

	if (err)
		return err;
	err = journal_begin(a->base);
	if (!err) {
		err = apply(a);
		if (err)
			journal_rollback(a->base);
		else
			journal_commit(a->base);
	}
	journal_rollback(a->over);
	if (a->kept)
		arena_release(&a->over->arena, a->kept,
			      (a->kept_mask + (size_t)1) * sizeof(*a->kept));
	return err;
}

int dlpar_tree_overlay(struct dlpar_tree *t, struct dlpar_overlay_error *error,
		       struct dlpar_tree *overlay, uint32_t flags)
{
	const struct dlpar_overlay_error none = { .node = -1 };
	struct dlpar_overlay_error unseen;
	struct overlay a = {
		.base = t, .over = overlay, .error = error ? error : &unseen,
		.flags = flags & DLPAR_TREE_FIRST
	};
	int err;

	*a.error = none;
	if (t == overlay)
		return DLPAR_ERR_BADARG;
	if (!tree_enter_two(t, overlay))
		return DLPAR_ERR_BUSY;
	err = in_transactions(&a);
	tree_leave_two(t, overlay);
	if (!err)
		*a.error = none;
	return err;
}
