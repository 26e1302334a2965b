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

/* The record of a property of the template by its name, or NULL. */
static const uint8_t *record_of(const struct tree_template *tpl, uint32_t id)
{
	const uint8_t *p = tpl->img, *end = p + tpl->len;

	if (tpl->n_dir != NO_DIR)
		return tree_dir_find(tpl->img, tree_dir_end(tpl->img, tpl->cap),
				     tpl->n_dir, id);
	while (p < end && wire_get32(p + 8) != id)
		p += tree_prop_len(wire_get32(p + 4));
	return p < end ? p : NULL;
}

/* Where the phandle of a node stands: a patch changes no size, so always there. */
static uint32_t find_phandle(const struct dlpar_tree *t,
			     const struct tree_template *tpl)
{
	const uint8_t *p;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		if (t->id_phandle[i] == NIL)
			continue;
		p = record_of(tpl, t->id_phandle[i]);
		if (p && wire_get32(p + 4) == 4)
			return (uint32_t)(p - tpl->img);
	}
	return NIL;
}

/* Records at the start of a block, their directory at its end. */
static int encode(struct dlpar_tree *t, struct tree_template *tpl,
		  const struct prop_plan *plan)
{
	bool dir = tree_dir_reaches(plan->image_len);
	uint32_t need = plan->image_len + (dir ? plan->n * 4 : 0);

	tpl->img = arena_block(&t->arena, need ? need : 4, &tpl->cap);
	if (!tpl->img)
		return DLPAR_ERR_NOMEM;
	stream_encode(t, plan, tpl->img,
		      dir ? tree_dir_end(tpl->img, tpl->cap) : NULL, 0);
	tpl->len = plan->image_len;
	tpl->n_dir = dir ? plan->n : NO_DIR;
	tpl->phandle_off = find_phandle(t, tpl);
	return DLPAR_OK;
}

static int make(struct dlpar_tree *t, const uint8_t *props, size_t props_len)
{
	struct tree_template tpl = { 0 };
	struct prop_plan plan;
	uint32_t slot;
	int err = stream_plan(t, &plan, props, props_len);

	if (err)
		return err;
	err = new_slot(t, &slot);
	if (!err)
		err = encode(t, &tpl, &plan);
	if (err) {
		stream_forget(t, &plan);
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

/* By its place. */
static const uint8_t *record_at(const struct tree_template *tpl, uint32_t slot)
{
	const uint8_t *p = tpl->img, *end = p + tpl->len;

	if (tpl->n_dir != NO_DIR && slot < tpl->n_dir)
		return p + tree_dir_off(*(tree_dir_end(tpl->img, tpl->cap) -
					  slot - 1));
	while (p < end && slot--)
		p += tree_prop_len(wire_get32(p + 4));
	return p < end ? p : NULL;
}

/* One patch into a copy of the image; its size must be the same. */
static inline int patch_one(const struct tree_template *tpl, uint8_t *img,
		     const uint8_t *record, const uint8_t *value, uint32_t len)
{
	if (!record)
		return DLPAR_ERR_NOTFOUND;
	if (wire_get32(record + 4) != len)
		return DLPAR_ERR_BADLENGTH;
	wire_copy(img + (record - tpl->img) + 12, value, len);
	return DLPAR_OK;
}

static int patch_names(struct dlpar_tree *t,
		       const struct tree_template *tpl, uint8_t *img,
		       const uint8_t *patch, size_t len)
{
	struct prop_stream s = prop_stream(patch, len);
	const struct tree_name *name;
	int more, err = DLPAR_OK;

	while (!err && (more = stream_next(&s))) {
		if (more < 0)
			return more;
		name = s.name_len > DLPAR_TREE_NAME_MAX ? NULL :
			tree_name_follow(t, s.name, s.name_len);
		if (name)
			err = patch_one(tpl, img, record_of(tpl, name->ref - 1),
					s.value, s.value_len);
		else
			err = tree_name_ok(s.name, s.name_len) ?
				      DLPAR_ERR_NOTFOUND : DLPAR_ERR_BADARG;
	}
	return err;
}

static int patch_slots(const struct tree_template *tpl, uint8_t *img,
		       const uint8_t *patch, size_t len)
{
	const uint8_t *value;
	uint32_t slot, value_len;
	int err = DLPAR_OK;

	for (; !err && len; patch = value + value_len, len -= value_len) {
		if (len < 8)
			return DLPAR_ERR_TRUNCATED;
		slot = wire_get32(patch);
		value_len = wire_get32(patch + 4);
		value = patch + 8;
		len -= 8;
		if (value_len > len)
			return DLPAR_ERR_TRUNCATED;
		err = patch_one(tpl, img, record_at(tpl, slot), value,
				value_len);
	}
	return err;
}

/* Four at a time are one instruction. */
static inline void move_entries(uint32_t *to, const uint32_t *from, uint32_t by)
{
	uint32_t four[4];
	unsigned int i;

	memcpy(four, from, sizeof(four));
	for (i = 0; i < 4; i++)
		four[i] += by;
	memcpy(to, four, sizeof(four));
}

/* The template's entries, moved behind a node's head. */
static void copy_dir(struct tree_node *n, const struct tree_template *tpl)
{
	const uint32_t *from = tree_dir_end(tpl->img, tpl->cap);
	uint32_t *to = tree_dir_end(n->img, n->img_cap), i;
	uint32_t by = tree_dir_entry(tree_head_len(n->name_len), 0);

	n->at.n_dir = NO_DIR;
	if (tpl->n_dir == NO_DIR || !tree_dir_reaches(n->img_len))
		return;
	n->at.n_dir = tpl->n_dir;
	from -= n->at.n_dir;
	to -= n->at.n_dir;
	for (i = 0; i + 4 <= n->at.n_dir; i += 4)
		move_entries(to + i, from + i, by);
	for (; i < n->at.n_dir; i++)
		to[i] = from[i] + by;
}

static int fill(struct dlpar_tree *t, uint32_t idx,
		const struct tree_template *tpl, const uint8_t *patch,
		size_t len, uint32_t flags)
{
	struct tree_node *n = &t->nodes[idx];
	uint8_t *img = n->img + n->img_len;
	int err;

	memcpy(img, tpl->img, tpl->len);
	err = flags & DLPAR_TREE_SLOTS ? patch_slots(tpl, img, patch, len) :
					 patch_names(t, tpl, img, patch, len);
	if (err)
		return err;
	n->img_len += tpl->len;
	copy_dir(n, tpl);
	if (tpl->phandle_off != NIL)
		n->phandle = tree_phandle_of(img + tpl->phandle_off);
	return DLPAR_OK;
}

int tree_stamp(struct dlpar_tree *t, uint32_t parent, const char *name,
	       size_t len, int template_id, const uint8_t *patch,
	       size_t patch_len, uint32_t flags, uint32_t *idx)
{
	const struct tree_template *tpl = resolve(t, template_id);
	struct node_name made;
	uint32_t room;
	int err;

	if (!tpl)
		return DLPAR_ERR_STALE;
	room = tpl->len + (tpl->n_dir == NO_DIR ? 0 : tpl->n_dir * 4);
	err = tree_claim_name(t, &made, parent, (const uint8_t *)name, len);
	if (!err)
		err = tree_blank_named(t, &made, tpl->len, room, idx);
	if (err)
		return err;
	err = fill(t, *idx, tpl, patch, patch_len, flags);
	if (err) {
		tree_free_node(t, *idx);
		return err;
	}
	tree_place_named(t, parent, *idx, &made, flags);
	t->newest = *idx;
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
