// SPDX-License-Identifier: Apache-2.0
/*
 * tree_overlay_fixup.c - the phandles of an overlay, and references to them.
 *
 * Everything is done to the overlay, in its transaction, and in place: sizes
 * and places of values stay, so a fixup that points into the fixups themselves
 * does no harm. The overlay's own table of phandles is left alone; it has the
 * numbers of before.
 *
 * Source: dtc, Documentation/dt-object-internal.txt. Nothing here recurses.
 */
#include "tree_overlay.h"

#define MUL 0xa0761d6478bd642full

/* The cell at @off of a value. */
static int patch(struct overlay *a, uint32_t node, uint8_t *prop, uint32_t off,
		 uint32_t value)
{
	uint8_t *at = prop + 12 + off;
	uint32_t in_img = (uint32_t)(at - a->over->nodes[node].img);
	int err = journal_bytes(a->over, node, in_img, 4);

	if (!err)
		wire_put32(at, value);
	return err;
}

static bool is_phandle(uint32_t value)
{
	return value && value != NO_PHANDLE;
}

static int move_phandle(struct overlay *a, uint32_t node, uint8_t *prop)
{
	struct overlay_place place = { .node = node, .prop = prop };
	uint32_t value;

	if (wire_get32(prop + 4) != 4)
		return overlay_fail(a, DLPAR_OVERLAY_PHANDLE_LENGTH, &place);
	value = wire_get32(prop + 12);
	if (!is_phandle(value))
		return DLPAR_OK;
	if (value >= NO_PHANDLE - a->delta)
		return overlay_fail(a, DLPAR_OVERLAY_PHANDLE_RANGE, &place);
	return patch(a, node, prop, 0, value + a->delta);
}

static int move_phandles(struct overlay *a)
{
	const struct dlpar_tree *o = a->over;
	unsigned int k;
	uint32_t i;
	int err = DLPAR_OK;

	for (i = 0; i != NIL && !err; i = tree_after(o, 0, i)) {
		for (k = 0; k < 3 && !err; k++) {
			uint8_t *p = tree_prop(o, &o->nodes[i],
					       o->id_phandle[k]);

			if (p)
				err = move_phandle(a, i, p);
		}
	}
	return err;
}

/* One property of __local_fixups__: offsets into that of @node. */
static int local_refs(struct overlay *a, uint32_t node, uint32_t fixups,
		      const uint8_t *fixup)
{
	const struct dlpar_tree *o = a->over;
	uint8_t *prop = tree_prop(o, &o->nodes[node], wire_get32(fixup + 8));
	struct overlay_place place = { .node = fixups, .prop = fixup };
	uint32_t i, off, value, len = wire_get32(fixup + 4);
	int err = DLPAR_OK;

	if (len % 4)
		return overlay_fail(a, DLPAR_OVERLAY_LOCAL_LENGTH, &place);
	if (!prop)
		return overlay_fail(a, DLPAR_OVERLAY_FIXUP_PROPERTY, &place);
	for (i = 0; i < len && !err; i += 4) {
		place.offset = off = wire_get32(fixup + 12 + i);
		if (wire_get32(prop + 4) < 4 || off > wire_get32(prop + 4) - 4)
			return overlay_fail(a, DLPAR_OVERLAY_FIXUP_OFFSET,
					    &place);
		value = wire_get32(prop + 12 + off);
		value = a->kept ? overlay_kept(a, value) : value + a->delta;
		err = patch(a, node, prop, off, value);
	}
	return err;
}

/*
 * References within the overlay: grown by what its phandles grew, or, once it
 * is known which phandles of the base are kept, to those.
 */
static int local_fixups(struct overlay *a)
{
	const struct dlpar_tree *o = a->over;
	uint32_t twin, top = overlay_child(o, 0, "__local_fixups__");
	struct lockstep s;
	int err;

	if (top == NIL)
		return DLPAR_OK;
	err = overlay_each_prop(a, 0, top, local_refs);
	s = lockstep(o, top, o, 0);
	for (; s.i != NIL && !err; lockstep_next(&s, twin)) {
		const struct tree_node *n = &o->nodes[s.i];
		struct overlay_place place = { .node = s.i };

		twin = tree_child_like(o, s.at, tree_node_name(n), n->name_len);
		if (twin == NIL)
			return overlay_fail(a, DLPAR_OVERLAY_LOCAL_NODE,
					    &place);
		err = overlay_each_prop(a, twin, s.i, local_refs);
	}
	return err;
}

/* The phandle of the base's node that the property's name is a symbol for. */
static int symbol(struct overlay *a, uint32_t symbols,
		  const struct overlay_place *fixup, uint32_t *phandle)
{
	const char *label = (char *)a->over->strings +
			    wire_get32(fixup->prop + 8);
	const struct dlpar_tree *t = a->base;
	struct overlay_place place = *fixup;
	const uint8_t *p, *end;
	int64_t node;

	p = symbols == NIL ? NULL : overlay_prop(t, symbols, label);
	if (!p)
		return overlay_fail(a, symbols == NIL ?
				       DLPAR_OVERLAY_NO_SYMBOLS :
				       DLPAR_OVERLAY_NO_SYMBOL, &place);
	place.text = p + 12;
	place.text_len = wire_get32(p + 4);
	end = memchr(place.text, 0, place.text_len);
	if (end)
		place.text_len = (size_t)(end - place.text);
	node = end ? tree_by_path(t, (const char *)place.text,
				  place.text_len) : DLPAR_ERR_BADPATH;
	if (node < 0)
		return overlay_fail(a, DLPAR_OVERLAY_SYMBOL_NODE, &place);
	*phandle = t->nodes[tree_resolve(t, node)].phandle;
	if (!*phandle)
		return overlay_fail(a, DLPAR_OVERLAY_SYMBOL_PHANDLE, &place);
	return DLPAR_OK;
}

/* A decimal number of at most 32 bits that fills @len bytes. */
static bool decimal(const uint8_t *s, size_t len, uint32_t *value)
{
	uint64_t v = 0;
	size_t i;

	if (!len || len > 10)
		return false;
	for (i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(s[i] - '0');
	}
	*value = (uint32_t)v;
	return v <= 0xffffffffu;
}

/* One "path:property:offset" of __fixups__, without its NUL. */
static int fixup_entry(struct overlay *a, struct overlay_place *place,
		       uint32_t phandle)
{
	const uint8_t *path = place->text, *end = path + place->text_len;
	const uint8_t *name = memchr(path, ':', place->text_len), *off = NULL;
	const struct dlpar_tree *o = a->over;
	uint32_t id, node;
	uint8_t *prop = NULL;
	int64_t found;

	if (name++)
		off = memchr(name, ':', (size_t)(end - name));
	if (!off || off == name || off - name > DLPAR_TREE_NAME_MAX ||
	    !decimal(off + 1, (size_t)(end - off) - 1, &place->offset))
		return overlay_fail(a, DLPAR_OVERLAY_FIXUP_FORM, place);
	found = tree_by_path(o, (const char *)path,
			     (size_t)(name - path) - 1);
	if (found < 0)
		return overlay_fail(a, DLPAR_OVERLAY_FIXUP_NODE, place);
	node = tree_resolve(o, found);
	if (tree_name_find(o, name, (uint32_t)(off - name), &id))
		prop = tree_prop(o, &o->nodes[node], id);
	if (!prop)
		return overlay_fail(a, DLPAR_OVERLAY_FIXUP_PROPERTY, place);
	if (wire_get32(prop + 4) < 4 ||
	    place->offset > wire_get32(prop + 4) - 4)
		return overlay_fail(a, DLPAR_OVERLAY_FIXUP_OFFSET, place);
	return patch(a, node, prop, place->offset, phandle);
}

/* One property of __fixups__: where a symbol of the base is referred to. */
static int fixup_symbol(struct overlay *a, uint32_t symbols, uint32_t fixups,
			const uint8_t *prop)
{
	const uint8_t *p = prop + 12, *end = p + wire_get32(prop + 4), *nul;
	struct overlay_place place = { .node = fixups, .prop = prop };
	uint32_t phandle = 0;
	int err = symbol(a, symbols, &place, &phandle);

	if (!err && p == end)
		return overlay_fail(a, DLPAR_OVERLAY_FIXUP_FORM, &place);
	for (; p < end && !err; p = nul + 1) {
		nul = memchr(p, 0, (size_t)(end - p));
		place.text = p;
		place.text_len = (size_t)((nul ? nul : end) - p);
		if (!nul)
			return overlay_fail(a, DLPAR_OVERLAY_FIXUP_FORM,
					    &place);
		err = fixup_entry(a, &place, phandle);
	}
	return err;
}

/* References to nodes of the base. */
static int fixups(struct overlay *a)
{
	uint32_t top = overlay_child(a->over, 0, "__fixups__");
	uint32_t symbols = overlay_child(a->base, 0, "__symbols__");

	if (top == NIL)
		return DLPAR_OK;
	return overlay_each_prop(a, symbols, top, fixup_symbol);
}

static struct tree_slot *kept_slot(const struct overlay *a, uint32_t phandle)
{
	uint32_t j = (uint32_t)wire_mix(a->over->seed ^ phandle, MUL);

	for (j &= a->kept_mask; a->kept[j].key; j = (j + 1) & a->kept_mask)
		if (a->kept[j].key == phandle)
			break;
	return &a->kept[j];
}

/* What became of a phandle of the overlay: the base's that is kept, or itself. */
uint32_t overlay_kept(const struct overlay *a, uint32_t phandle)
{
	const struct tree_slot *s;

	if (!a->kept || phandle <= a->delta)
		return phandle;
	s = kept_slot(a, phandle);
	return s->key ? s->idx : phandle;
}

static int kept_init(struct overlay *a)
{
	uint32_t mask = 15;
	size_t size;

	while (mask / 2 < a->over->live)
		mask = mask * 2 + 1;
	size = (mask + (size_t)1) * sizeof(*a->kept);
	a->kept = arena_resize(&a->over->arena, NULL, 0, size);
	if (!a->kept)
		return DLPAR_ERR_NOMEM;
	memset(a->kept, 0, size);
	a->kept_mask = mask;
	return DLPAR_OK;
}

/* @node is to be merged into a node of the base that has @phandle. */
static int keep_phandle(struct overlay *a, uint32_t node, uint32_t phandle)
{
	const struct dlpar_tree *o = a->over;
	uint32_t was = o->nodes[node].phandle;
	struct tree_slot *s;
	unsigned int k;
	int err = DLPAR_OK;

	if (!phandle || !was)
		return DLPAR_OK;
	if (!a->kept && kept_init(a))
		return DLPAR_ERR_NOMEM;
	s = kept_slot(a, was + a->delta);
	if (!s->key) {
		s->key = was + a->delta;
		s->idx = phandle;
	}
	for (k = 0; k < 3 && !err; k++) {
		uint8_t *p = tree_prop(o, &o->nodes[node], o->id_phandle[k]);

		if (p)
			err = patch(a, node, p, 0, phandle);
	}
	return err;
}

/* Phandles of the base that a fragment would overwrite. */
static int keep_fragment(struct overlay *a, uint32_t fragment)
{
	uint32_t twin, target, top;
	const struct dlpar_tree *o = a->over, *t = a->base;
	struct lockstep s;
	int err;

	top = overlay_child(o, fragment, "__overlay__");
	if (top == NIL)
		return DLPAR_OK;
	err = overlay_target(a, fragment, &target);
	if (err)	/* perhaps a node that another fragment adds */
		return err == DLPAR_ERR_NOTFOUND ? DLPAR_OK : err;
	err = keep_phandle(a, top, t->nodes[target].phandle);
	s = lockstep(o, top, t, target);
	for (; s.i != NIL && !err; lockstep_next(&s, twin)) {
		const struct tree_node *n = &o->nodes[s.i];

		twin = tree_child_like(t, s.at, tree_node_name(n), n->name_len);
		if (twin != NIL)
			err = keep_phandle(a, s.i, t->nodes[twin].phandle);
	}
	return err;
}

/* All phandles and references of the overlay, as they will be in the base. */
int overlay_resolve(struct overlay *a)
{
	uint32_t i;
	int err;

	a->delta = tree_max_phandle(a->base);
	err = move_phandles(a);
	if (!err)
		err = local_fixups(a);
	if (!err)
		err = fixups(a);
	for (i = a->over->nodes[0].first; i != NIL && !err;
	     i = a->over->nodes[i].next)
		err = keep_fragment(a, i);
	return err || !a->kept ? err : local_fixups(a);
}
