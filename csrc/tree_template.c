// SPDX-License-Identifier: Apache-2.0
/*
 * tree_template.c - node templates: properties encoded once, added many times.
 *
 * A template is a run of PROP records with this tree's name numbers, so adding
 * a node is a copy and a few patched values. It must never outlive its names.
 */
#include "tree.h"

#define SLOT_BITS 16
#define SLOT_MASK 0xffffu
#define GEN_MASK 0x7fffu

static int new_slot(struct dlpar_tree *t, uint32_t *slot)
{
	uint32_t cap = t->templates_cap ? t->templates_cap * 2 : 8;
	struct tree_template *p;

	if (t->n_templates > SLOT_MASK)
		return DLPAR_ERR_TOOBIG;
	for (*slot = 0; *slot < t->n_templates; *slot += 1)
		if (!t->templates[*slot].img)
			return DLPAR_OK;
	if (t->n_templates == t->templates_cap) {
		p = arena_resize(&t->arena, t->templates,
				 t->templates_cap * sizeof(*p),
				 cap * sizeof(*p));
		if (!p)
			return DLPAR_ERR_NOMEM;
		t->templates = p;
		t->templates_cap = cap;
	}
	memset(&t->templates[t->n_templates++], 0, sizeof(*p));
	return DLPAR_OK;
}

static int number(const struct dlpar_tree *t, uint32_t slot)
{
	return (int)((t->templates[slot].gen & GEN_MASK) << SLOT_BITS | slot);
}

/* The template of a number, or NULL when it is gone. */
static struct tree_template *resolve(const struct dlpar_tree *t, int template_id)
{
	uint32_t slot = (uint32_t)template_id & SLOT_MASK;

	if (template_id < 0 || slot >= t->n_templates ||
	    !t->templates[slot].img || number(t, slot) != template_id)
		return NULL;
	return &t->templates[slot];
}

static int make(struct dlpar_tree *t, const uint8_t *props, size_t props_len)
{
	uint32_t n, names_len, len, slot, strings = t->strings_len;
	uint32_t n_names = t->n_names;
	int err = stream_measure(props, props_len, &n, &names_len, &len);
	struct tree_template tpl = { 0 };

	if (!err)
		err = tree_name_reserve(t, n, names_len);
	if (!err)
		err = new_slot(t, &slot);
	if (err)
		return err;
	tpl.img = arena_block(&t->arena, len ? len : 1, &tpl.cap);
	if (!tpl.img)
		return DLPAR_ERR_NOMEM;
	err = stream_encode(t, tpl.img, props, props_len, &tpl.len);
	if (err) {
		tree_name_forget(t, strings, n_names);
		arena_unblock(&t->arena, tpl.img, tpl.cap);
		return err;
	}
	tpl.gen = t->templates[slot].gen;
	tpl.made = ++t->made;
	t->templates[slot] = tpl;
	t->edits++;
	return number(t, slot);
}

static void forget(struct dlpar_tree *t, struct tree_template *tpl)
{
	arena_unblock(&t->arena, tpl->img, tpl->cap);
	tpl->img = NULL;
	tpl->gen++;
}

/* Back to when @made templates had been made. */
void tree_templates_forget(struct dlpar_tree *t, uint64_t made)
{
	uint32_t i;

	for (i = 0; i < t->n_templates; i++)
		if (t->templates[i].img && t->templates[i].made > made)
			forget(t, &t->templates[i]);
}

/* The template's record that a patch names; its size must be the same. */
static int patched(const struct dlpar_tree *t, const struct tree_template *tpl,
		   const struct prop_stream *s, uint32_t *off)
{
	uint32_t id;
	uint32_t at = 0;

	if (!tree_name_find(t, s->name, s->name_len, &id))
		return DLPAR_ERR_NOTFOUND;
	for (; at < tpl->len; at += tree_prop_len(wire_get32(tpl->img + at + 4))) {
		if (wire_get32(tpl->img + at + 8) != id)
			continue;
		*off = at;
		return wire_get32(tpl->img + at + 4) == s->value_len ?
			       DLPAR_OK : DLPAR_ERR_BADLENGTH;
	}
	return DLPAR_ERR_NOTFOUND;
}

/* Apply a patch to a copy of the image. */
static int apply_patch(const struct dlpar_tree *t,
		       const struct tree_template *tpl, uint8_t *img,
		       const uint8_t *patch, size_t len)
{
	struct prop_stream s = { .c = wire_cursor(patch, len) };
	uint32_t off = 0;
	int more, err;

	while ((more = stream_next(&s)) > 0) {
		err = patched(t, tpl, &s, &off);
		if (err)
			return err;
		if (s.value_len)
			memcpy(img + off + 12, s.value, s.value_len);
	}
	return more;
}

int tree_stamp(struct dlpar_tree *t, uint32_t parent, const char *name,
	       size_t len, int template_id, const uint8_t *patch,
	       size_t patch_len, uint32_t flags, uint32_t *idx)
{
	const struct tree_template *tpl = resolve(t, template_id);
	uint8_t *img;
	int err;

	if (!tpl)
		return DLPAR_ERR_STALE;
	err = tree_check_child(t, parent, (const uint8_t *)name, len);
	if (!err)
		err = tree_blank(t, (const uint8_t *)name, len, tpl->len, idx);
	if (err)
		return err;
	img = t->nodes[*idx].img + t->nodes[*idx].img_len;
	memcpy(img, tpl->img, tpl->len);
	err = apply_patch(t, tpl, img, patch, patch_len);
	if (err) {
		tree_free_node(t, *idx);
		return err;
	}
	tree_place(t, parent, *idx, tpl->len, flags);
	return DLPAR_OK;
}

int dlpar_tree_template(struct dlpar_tree *t, const uint8_t *props,
			size_t props_len)
{
	int n;

	if (!tree_enter(t))
		return DLPAR_ERR_BUSY;
	n = make(t, props, props_len);
	tree_leave(t);
	return n;
}

int dlpar_tree_drop_template(struct dlpar_tree *t, int template_id)
{
	struct tree_template *tpl;

	if (!tree_enter(t))
		return DLPAR_ERR_BUSY;
	tpl = resolve(t, template_id);
	if (tpl)
		forget(t, tpl);
	tree_leave(t);
	return tpl ? DLPAR_OK : DLPAR_ERR_STALE;
}

int64_t dlpar_tree_stamp(struct dlpar_tree *t, int64_t parent,
			 const char *name, size_t len, int template_id,
			 const uint8_t *patch, size_t patch_len, uint32_t flags)
{
	uint32_t at, idx = NIL;
	int64_t ret = DLPAR_ERR_STALE;

	if (!tree_enter(t))
		return DLPAR_ERR_BUSY;
	at = tree_resolve(t, parent);
	if (at != NIL)
		ret = tree_stamp(t, at, name, len, template_id, patch,
				 patch_len, flags, &idx);
	if (!ret)
		ret = tree_handle(t, idx);
	tree_leave(t);
	return ret;
}
