// SPDX-License-Identifier: Apache-2.0
/*
 * tree_edit.c - add and remove nodes.
 *
 * Each edit first checks and allocates everything it needs, then writes; after
 * an error nothing has changed. A new node has an image of its own, written
 * once, with its directory. Nothing here recurses.
 */
#include "tree.h"

#define EMPTY_ROOM 192u		/* a node without properties will get some */

/* Whether @name may become a child of @parent; then it is hashed. */
static int check_name(const struct dlpar_tree *t, struct node_name *out,
		      uint32_t parent, const uint8_t *name, size_t len)
{
	if (!tree_name_ok(name, len) || memchr(name, '/', len))
		return DLPAR_ERR_BADARG;
	out->s = name;
	out->len = (uint32_t)len;
	out->hash = tree_hash_bytes(t->seed, name, len);
	if (tree_index_twin(t, parent, out) != NIL)
		return DLPAR_ERR_EXISTS;
	return DLPAR_OK;
}

/*
 * The same for a node to come. Its place in the table stays good until it is
 * there: the table has room for it, so it will not be made anew.
 */
int tree_claim_name(struct dlpar_tree *t, struct node_name *out,
		    uint32_t parent, const uint8_t *name, size_t len)
{
	int err = tree_index_reserve(t);

	return err ? err : check_name(t, out, parent, name, len);
}

int tree_check_child(const struct dlpar_tree *t, uint32_t parent,
		     const uint8_t *name, size_t len)
{
	struct node_name out;

	return check_name(t, &out, parent, name, len);
}

/* All that placing the node will need, so that it cannot fail. */
static int reserve_node(struct dlpar_tree *t, uint32_t name_len,
			uint32_t props_len)
{
	int err = tree_grow_check(t, (uint64_t)props_len + END_NODE_LEN +
				     tree_head_len(name_len));

	if (!err && t->depth)
		err = journal_reserve(t);
	return err ? err : tree_index_reserve(t);
}

/* A record outside the tree; behind its head, @room bytes for its properties. */
int tree_blank_named(struct dlpar_tree *t, const struct node_name *name,
		     uint32_t props_len, uint32_t room, uint32_t *idx)
{
	uint32_t head = tree_head_len(name->len), cap;
	int err = reserve_node(t, name->len, props_len);
	struct tree_node *n;
	uint8_t *img;

	if (err)
		return err;
	img = arena_block(&t->arena, head + room, &cap);
	if (!img)
		return DLPAR_ERR_NOMEM;
	err = tree_new_node(t, idx);
	if (err) {
		arena_unblock(&t->arena, img, cap);
		return err;
	}
	wire_put32(img, DLPAR_FDT_BEGIN_NODE);
	memset(img + head - 4, 0, 4);
	memcpy(img + 4, name->s, name->len);
	n = &t->nodes[*idx];
	n->img = img;
	n->img_len = head;
	n->img_cap = cap;
	n->name_len = (uint16_t)name->len;
	n->hash = name->hash;
	n->flags = NODE_OWN | NODE_DIRTY | NODE_CHANGED;
	n->at.n_dir = NO_DIR;
	return DLPAR_OK;
}

/* The same, for one who does not know how many properties there will be. */
int tree_blank(struct dlpar_tree *t, const uint8_t *name, size_t len,
	       uint32_t props_len, uint32_t *idx)
{
	struct node_name made = {
		.s = name, .len = (uint32_t)len,
		.hash = tree_hash_bytes(t->seed, name, len)
	};
	uint32_t dir = tree_align(props_len / 5);

	return tree_blank_named(t, &made, props_len, props_len + dir, idx);
}

static inline void count_in(struct dlpar_tree *t, uint32_t idx)
{
	struct tree_node *n = &t->nodes[idx];

	n->flags |= NODE_LIVE;
	tree_dirty(t, n->parent);
	t->struct_len += n->img_len + END_NODE_LEN;
	t->live++;
	t->edits++;
	journal_node(t, JOURNAL_ADDED, idx);
}

/* Into the tree: image, directory and phandle are what they will be. */
void tree_place_named(struct dlpar_tree *t, uint32_t parent, uint32_t idx,
		      const struct node_name *name, uint32_t flags)
{
	tree_link(t, parent, idx, flags & DLPAR_TREE_FIRST);
	tree_index_settle(t, idx, name);
	count_in(t, idx);
}

/*
 * The same, now that @props_len bytes of PROP records stand behind the image,
 * and whatever children have the name.
 */
void tree_place(struct dlpar_tree *t, uint32_t parent, uint32_t idx,
		uint32_t props_len, uint32_t flags)
{
	struct tree_node *n = &t->nodes[idx];

	n->img_len += props_len;
	tree_dir_make(n, n->img_len);
	n->phandle = tree_phandle_value(t, n);
	tree_link(t, parent, idx, flags & DLPAR_TREE_FIRST);
	tree_index_insert(t, idx);
	count_in(t, idx);
}

/* Out of links and tables, but the records stay. */
void tree_take_out(struct dlpar_tree *t, uint32_t idx)
{
	uint32_t i;

	tree_dirty(t, t->nodes[idx].parent);
	for (i = idx; i != NIL; i = tree_after(t, idx, i)) {
		tree_index_remove(t, i);
		t->nodes[i].flags &= (uint16_t)~NODE_LIVE;
		t->struct_len -= t->nodes[i].img_len + END_NODE_LEN;
		t->live--;
	}
	tree_unlink(t, idx);
}

/* What tree_take_out() took, back to where it was. */
void tree_put_back(struct dlpar_tree *t, uint32_t idx)
{
	uint32_t i;

	tree_relink(t, idx);
	for (i = idx; i != NIL; i = tree_after(t, idx, i)) {
		tree_index_insert(t, i);
		t->nodes[i].flags |= NODE_LIVE;
		t->struct_len += t->nodes[i].img_len + END_NODE_LEN;
		t->live++;
	}
}

/* In a transaction the records are kept, but for those that it added last. */
int tree_remove(struct dlpar_tree *t, uint32_t idx)
{
	bool keep;
	int err;

	if (!idx)
		return DLPAR_ERR_BADARG;
	keep = t->depth && !journal_cancel(t, idx);
	err = keep ? journal_reserve(t) : DLPAR_OK;
	if (err)
		return err;
	tree_take_out(t, idx);
	t->edits++;
	if (keep)
		journal_node(t, JOURNAL_REMOVED, idx);
	else
		tree_free_nodes(t, idx);
	return DLPAR_OK;
}

/* The planned properties, their directory and the phandle into a blank node. */
static void write_props(struct dlpar_tree *t, uint32_t idx,
			const struct prop_plan *plan)
{
	struct tree_node *n = &t->nodes[idx];
	uint32_t head = n->img_len;
	bool dir = tree_dir_reaches(head + plan->image_len);

	stream_encode(t, plan, n->img + head,
		      dir ? tree_dir_end(n->img, n->img_cap) : NULL, head);
	n->img_len += plan->image_len;
	n->at.n_dir = dir ? plan->n : NO_DIR;
	if (plan->phandle)
		n->phandle = tree_phandle_value(t, n);
}

/* Bytes for the properties of a new node, the entries of all included. */
static uint32_t props_room(const struct prop_plan *plan)
{
	return plan->n ? plan->image_len + plan->n * 4 : EMPTY_ROOM;
}

int tree_add(struct dlpar_tree *t, uint32_t parent, const char *name,
	     size_t len, const uint8_t *props, size_t props_len,
	     uint32_t flags, uint32_t *idx)
{
	struct node_name made;
	struct prop_plan plan;
	int err = tree_claim_name(t, &made, parent, (const uint8_t *)name, len);

	if (!err)
		err = stream_plan(t, &plan, props, props_len);
	if (err)
		return err;
	err = tree_blank_named(t, &made, plan.image_len, props_room(&plan),
			       idx);
	if (err) {
		stream_forget(t, &plan);
		return err;
	}
	write_props(t, *idx, &plan);
	tree_place_named(t, parent, *idx, &made, flags);
	t->fresh = t->newest = *idx;
	return DLPAR_OK;
}

int64_t dlpar_tree_add(struct dlpar_tree *t, int64_t parent, const char *name,
		       size_t len, const uint8_t *props, size_t props_len,
		       uint32_t flags)
{
	uint32_t at, idx = NIL;
	int64_t ret;

	if (!tree_enter(t))
		return DLPAR_ERR_BUSY;
	at = tree_resolve(t, parent);
	ret = at == NIL ? DLPAR_ERR_STALE :
			  tree_add(t, at, name, len, props, props_len, flags,
				   &idx);
	if (!ret)
		ret = tree_handle(t, idx);
	tree_leave(t);
	return ret;
}

int dlpar_tree_remove(struct dlpar_tree *t, int64_t node)
{
	uint32_t idx;
	int err;

	if (!tree_enter(t))
		return DLPAR_ERR_BUSY;
	idx = tree_resolve(t, node);
	err = idx == NIL ? DLPAR_ERR_STALE : tree_remove(t, idx);
	tree_leave(t);
	return err;
}
