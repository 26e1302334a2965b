// SPDX-License-Identifier: Apache-2.0
/*
 * tree_journal.c - transactions: begin, commit, roll back.
 *
 * The journal notes what each edit destroys, in order; undoing it backwards
 * finds every neighbour where it was. Removed nodes and replaced images are
 * kept until the outermost commit, so their handles can become valid again.
 * Once a savepoint holds a node's old image, further edits of the node need no
 * entry: NODE_SAVED says that there is one, and its place in the journal, behind
 * or before the savepoint's mark, whether it counts.
 */
#include "tree.h"

int journal_reserve(struct dlpar_tree *t)
{
	uint32_t cap = t->journal_cap ? t->journal_cap * 2 : 32;
	struct journal_entry *p;

	if (t->journal_len < t->journal_cap)
		return DLPAR_OK;
	if (cap < t->journal_cap)
		return DLPAR_ERR_TOOBIG;
	p = arena_resize(&t->arena, t->journal, t->journal_cap * sizeof(*p),
			 cap * sizeof(*p));
	if (!p)
		return DLPAR_ERR_NOMEM;
	t->journal = p;
	t->journal_cap = cap;
	return DLPAR_OK;
}

/*
 * Whether the node is the last thing that this savepoint noted, and new: then
 * taking it away leaves nothing to undo, and the note is torn out.
 */
bool journal_cancel(struct dlpar_tree *t, uint32_t idx)
{
	const struct tree_node *n = &t->nodes[idx];
	uint32_t last = t->journal_len - 1;

	if (!(n->flags & NODE_SAVED) || n->u.saved != last || last == t->mark ||
	    t->journal[last].op != JOURNAL_ADDED)
		return false;
	t->journal_len = last;
	return true;
}

static struct journal_entry *push(struct dlpar_tree *t, enum journal_op op,
				  uint32_t idx)
{
	struct journal_entry *e = &t->journal[t->journal_len++];

	e->op = (uint8_t)op;
	e->node = idx;
	return e;
}

/* A node was added, is taken out but kept, or is about to be moved. */
void journal_node(struct dlpar_tree *t, enum journal_op op, uint32_t idx)
{
	struct tree_node *n = &t->nodes[idx];
	struct journal_entry *e;

	if (!t->depth)
		return;
	e = push(t, op, idx);
	if (op == JOURNAL_MOVED) {
		e->old.place.parent = n->parent;
		e->old.place.next = n->next;
	}
	if (op != JOURNAL_ADDED)
		return;
	n->flags |= NODE_SAVED;
	n->u.saved = t->journal_len - 1;
}

/* The node's image is about to be replaced: keep the old one. */
void journal_image(struct dlpar_tree *t, uint32_t idx)
{
	struct tree_node *n = &t->nodes[idx];
	struct journal_entry *e = push(t, JOURNAL_IMAGE, idx);

	e->flags = n->flags;
	e->saved = n->u.saved;
	e->len = n->img_len;
	e->cap = n->img_cap;
	e->n_dir = n->at.n_dir;
	e->phandle = n->phandle;
	e->old.block = n->img;
	n->flags |= NODE_SAVED;
	n->u.saved = t->journal_len - 1;
}

/* The same, where the name changes too: always with an entry of its own. */
void journal_renamed(struct dlpar_tree *t, uint32_t idx)
{
	journal_image(t, idx);
	t->journal[t->journal_len - 1].op = JOURNAL_RENAMED;
}

/* What the header or the reserve map says is about to change. */
void journal_header(struct dlpar_tree *t, enum journal_op op)
{
	struct journal_entry *e = push(t, op, NIL);

	e->flags = t->flat;
	e->len = t->rsv_len;
	if (op == JOURNAL_RESERVATIONS)
		e->old.block = t->rsv;
	else
		e->old.boot_cpu = t->boot_cpu;
}

/* Bytes of the image are about to be overwritten in place. */
int journal_bytes(struct dlpar_tree *t, uint32_t idx, uint32_t off,
		  uint32_t len)
{
	struct tree_node *n = &t->nodes[idx];
	struct journal_entry *e;
	uint8_t *block = NULL;
	uint32_t cap = 0;

	if (journal_covers(t, n))
		return DLPAR_OK;
	if (journal_reserve(t))
		return DLPAR_ERR_NOMEM;
	if (len > JOURNAL_INLINE) {
		block = arena_block(&t->arena, len, &cap);
		if (!block)
			return DLPAR_ERR_NOMEM;
	}
	e = push(t, JOURNAL_BYTES, idx);
	e->off = off;
	e->len = len;
	e->cap = cap;
	e->phandle = n->phandle;
	if (block)
		e->old.block = block;
	memcpy(block ? block : e->old.bytes, n->img + off, len);
	return DLPAR_OK;
}

int journal_begin(struct dlpar_tree *t)
{
	struct journal_entry *e;
	int err = journal_reserve(t);

	if (err)
		return err;
	e = push(t, JOURNAL_MARK, NIL);
	e->strings_len = t->strings_len;
	e->n_names = t->n_names;
	e->made = t->made;
	e->mark = t->mark;
	t->mark = t->journal_len - 1;
	t->depth++;
	return DLPAR_OK;
}

/* Let go of what an entry keeps. */
static void settle(struct dlpar_tree *t, struct journal_entry *e)
{
	switch (e->op) {
	case JOURNAL_ADDED:
		t->nodes[e->node].flags &= (uint16_t)~NODE_SAVED;
		break;
	case JOURNAL_IMAGE:
	case JOURNAL_RENAMED:
		t->nodes[e->node].flags &= (uint16_t)~NODE_SAVED;
		if (e->flags & NODE_OWN)
			arena_unblock(&t->arena, e->old.block, e->cap);
		break;
	case JOURNAL_BYTES:
		if (e->cap)
			arena_unblock(&t->arena, e->old.block, e->cap);
		break;
	case JOURNAL_REMOVED:
		tree_free_nodes(t, e->node);
		break;
	case JOURNAL_RESERVATIONS:
		arena_release(&t->arena, e->old.block, e->len);
		break;
	}
}

/* An inner level becomes part of the outer one; the outermost is final. */
void journal_commit(struct dlpar_tree *t)
{
	uint32_t i;

	t->mark = t->journal[t->mark].mark;
	if (--t->depth)
		return;
	for (i = 0; i < t->journal_len; i++)
		settle(t, &t->journal[i]);
	t->journal_len = 0;
}

static void undo_image(struct dlpar_tree *t, struct journal_entry *e)
{
	struct tree_node *n = &t->nodes[e->node];
	uint16_t keep = NODE_OWN | NODE_SAVED;

	arena_unblock(&t->arena, n->img, n->img_cap);
	t->struct_len -= n->img_len - e->len;
	n->img = e->old.block;
	n->img_len = e->len;
	n->img_cap = e->cap;
	n->at.n_dir = e->n_dir;
	n->flags = (uint16_t)((n->flags & ~keep) | (e->flags & keep));
	n->u.saved = e->saved;
	tree_index_phandle(t, e->node, e->phandle);
	TREE_CELLS_CHANGED(t, e->node);
}

static void undo_bytes(struct dlpar_tree *t, struct journal_entry *e)
{
	uint8_t *at = t->nodes[e->node].img + e->off;

	memcpy(at, e->cap ? e->old.block : e->old.bytes, e->len);
	if (e->cap)
		arena_unblock(&t->arena, e->old.block, e->cap);
	tree_index_phandle(t, e->node, e->phandle);
	TREE_CELLS_CHANGED(t, e->node);
}

static void undo_header(struct dlpar_tree *t, struct journal_entry *e)
{
	t->flat = e->flags;
	if (e->op == JOURNAL_BOOT_CPU) {
		t->boot_cpu = e->old.boot_cpu;
		return;
	}
	arena_release(&t->arena, t->rsv, t->rsv_len);
	t->rsv = e->old.block;
	t->rsv_len = e->len;
}

static void undo(struct dlpar_tree *t, struct journal_entry *e)
{
	switch (e->op) {
	case JOURNAL_ADDED:
		tree_take_out(t, e->node);
		tree_free_nodes(t, e->node);
		break;
	case JOURNAL_REMOVED:
		tree_put_back(t, e->node);
		break;
	case JOURNAL_IMAGE:
		undo_image(t, e);
		break;
	case JOURNAL_BYTES:
		undo_bytes(t, e);
		break;
	case JOURNAL_RENAMED:
		tree_index_leave(t, e->node);
		undo_image(t, e);
		tree_named(t, e->node);
		break;
	case JOURNAL_MOVED:
		tree_put_at(t, e->node, e->old.place.parent,
			    e->old.place.next);
		break;
	case JOURNAL_RESERVATIONS:
	case JOURNAL_BOOT_CPU:
		undo_header(t, e);
		break;
	}
}

void journal_rollback(struct dlpar_tree *t)
{
	struct journal_entry *m = &t->journal[t->mark];

	while (t->journal_len - 1 > t->mark)
		undo(t, &t->journal[--t->journal_len]);
	tree_templates_forget(t, m->made);
	tree_name_forget(t, m->strings_len, m->n_names);
	t->journal_len--;
	t->mark = m->mark;
	t->depth--;
	t->edits++;
}

int dlpar_tree_begin(struct dlpar_tree *t)
{
	int err;

	if (!tree_enter(t))
		return DLPAR_ERR_BUSY;
	err = journal_begin(t);
	if (!err) {
		tree_cells_grant(t);
		err = (int)t->depth;
	}
	tree_leave(t);
	return err;
}

static int end(struct dlpar_tree *t, void (*how)(struct dlpar_tree *))
{
	int err = DLPAR_OK;

	if (!tree_enter(t))
		return DLPAR_ERR_BUSY;
	if (t->depth)
		how(t);
	else
		err = DLPAR_ERR_NOTXN;
	tree_leave(t);
	return err;
}

int dlpar_tree_commit(struct dlpar_tree *t)
{
	return end(t, journal_commit);
}

int dlpar_tree_rollback(struct dlpar_tree *t)
{
	return end(t, journal_rollback);
}
