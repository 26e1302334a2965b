// SPDX-License-Identifier: Apache-2.0
/*
 * tree_patch.c - a difference carried out on a tree, or turned round.
 *
 * The stream comes from anywhere: no length is believed before it is compared
 * with what remains, and the tree is as it was unless all of it fits.
 */
#include "diff.h"

#define RSV_ENTRY 16u

static bool name_allowed(const struct diff_record *r)
{
	const struct diff_key *k = &r->key;

	if (r->op >= DLPAR_DIFF_RESERVATIONS)
		return !k->len;
	if (!k->len)
		return r->op >= DLPAR_DIFF_PROP_ADD && k->nth;
	if (k->len > DLPAR_TREE_NAME_MAX || memchr(k->name, 0, k->len))
		return false;
	return r->op >= DLPAR_DIFF_PROP_ADD || !memchr(k->name, '/', k->len);
}

/* The next record: 1, 0 at the end, or an error. */
static int next_record(struct wire_cursor *c, struct diff_record *r)
{
	r->off = c->off;
	if (!wire_left(c))
		return 0;
	r->op = wire_take32(c);
	r->key.nth = wire_take32(c);
	r->key.len = wire_take32(c);
	r->old_len = wire_take32(c);
	r->new_len = wire_take32(c);
	r->key.name = wire_take(c, r->key.len);
	r->old = wire_take(c, r->old_len);
	r->new = wire_take(c, r->new_len);
	if (c->err)
		return c->err;
	if (r->op < DLPAR_DIFF_DOWN || r->op > DLPAR_DIFF_BOOT_CPU ||
	    !name_allowed(r))
		return DLPAR_ERR_BADVALUE;
	return 1;
}

static uint32_t turned_round(uint32_t op)
{
	switch (op) {
	case DLPAR_DIFF_DOWN:
		return DLPAR_DIFF_UP;
	case DLPAR_DIFF_UP:
		return DLPAR_DIFF_DOWN;
	case DLPAR_DIFF_NODE_ADD:
		return DLPAR_DIFF_NODE_REMOVE;
	case DLPAR_DIFF_NODE_REMOVE:
		return DLPAR_DIFF_NODE_ADD;
	case DLPAR_DIFF_PROP_ADD:
		return DLPAR_DIFF_PROP_REMOVE;
	case DLPAR_DIFF_PROP_REMOVE:
		return DLPAR_DIFF_PROP_ADD;
	default:
		return op;
	}
}

static void put_bytes(uint8_t **w, const uint8_t *bytes, uint32_t len)
{
	if (len)
		memcpy(*w, bytes, len);
	*w += len;
}

int dlpar_diff_reverse(uint8_t *out, size_t *err_off, const uint8_t *diff,
		       size_t len)
{
	struct wire_cursor c = wire_cursor(diff, len);
	struct diff_record r;
	uint8_t *w;
	int more;

	while ((more = next_record(&c, &r)) > 0) {
		w = out + len - c.off;
		wire_put32(w, turned_round(r.op));
		wire_put32(w + 4, r.key.nth);
		wire_put32(w + 8, r.key.len);
		wire_put32(w + 12, r.new_len);
		wire_put32(w + 16, r.old_len);
		w += DIFF_HEAD_LEN;
		put_bytes(&w, r.key.name, r.key.len);
		put_bytes(&w, r.new, r.new_len);
		put_bytes(&w, r.old, r.old_len);
	}
	if (err_off)
		*err_off = r.off;
	return more;
}

/* A place as the stream has it. */
int patch_place(struct place *p, const uint8_t *bytes, uint32_t len)
{
	memset(p, 0, sizeof(*p));
	p->last = !len;
	if (!len)
		return DLPAR_OK;
	if (len < 4)
		return DLPAR_ERR_BADVALUE;
	p->key.nth = wire_get32(bytes);
	p->key.name = bytes + 4;
	p->key.len = len - 4;
	p->first = !p->key.nth && !p->key.len;
	return DLPAR_OK;
}

/* The child that a key names, or NIL. */
static uint32_t find_child(const struct dlpar_tree *t, uint32_t parent,
			   const struct diff_key *k)
{
	uint32_t i = tree_index_child(t, parent, k->name, k->len);
	uint32_t left = k->nth ? k->nth : 1;

	for (; i != NIL; i = t->nodes[i].next)
		if (t->nodes[i].name_len == k->len &&
		    !memcmp(tree_node_name(&t->nodes[i]), k->name, k->len) &&
		    --left == 0)
			break;
	return i;
}

/* The sibling to stand before, NIL for the end. */
static int find_next(const struct dlpar_tree *t, uint32_t parent,
		     const struct place *p, uint32_t *next)
{
	uint32_t after;

	*next = NIL;
	if (p->last)
		return DLPAR_OK;
	if (p->first) {
		*next = t->nodes[parent].first;
		return DLPAR_OK;
	}
	after = find_child(t, parent, &p->key);
	if (after == NIL)
		return DLPAR_ERR_CONFLICT;
	*next = t->nodes[after].next;
	return DLPAR_OK;
}

/* The only child of a fragment's root, which is to have the record's name. */
static int fragment_child(const struct dlpar_tree *src,
			  const struct diff_key *k, uint32_t *child)
{
	const struct tree_node *root = &src->nodes[0], *n;

	*child = root->first;
	if (root->img_len != tree_head_len(0) || *child == NIL)
		return DLPAR_ERR_BADVALUE;
	n = &src->nodes[*child];
	if (n->next != NIL || n->name_len != k->len ||
	    memcmp(tree_node_name(n), k->name, k->len))
		return DLPAR_ERR_BADVALUE;
	return DLPAR_OK;
}

static int read_fragment(const struct dlpar_tree *t, struct dlpar_tree **src,
			 const struct diff_key *k, const uint8_t *bytes,
			 uint32_t len, uint32_t *child)
{
	int err = dlpar_tree_parse(src, NULL, bytes, len, t->seed,
				   t->arena.limit, 0);

	if (err)
		return err;
	err = fragment_child(*src, k, child);
	if (err)
		dlpar_tree_free(*src);
	return err;
}

static int add_node(struct patch *p)
{
	struct dlpar_tree *t = p->t, *src;
	const struct diff_record *r = &p->r;
	struct place place;
	uint32_t next, child, made;
	int err = patch_place(&place, r->old, r->old_len);

	if (!err && !r->key.nth && find_child(t, p->cur, &r->key) != NIL)
		err = DLPAR_ERR_EXISTS;
	if (!err)
		err = find_next(t, p->cur, &place, &next);
	if (!err)
		err = read_fragment(t, &src, &r->key, r->new, r->new_len,
				    &child);
	if (err)
		return err;
	err = tree_copy_subtree(t, p->cur, src, child, &made);
	dlpar_tree_free(src);
	if (!err && next != NIL)
		tree_put_at(t, made, p->cur, next);
	return err;
}

static int remove_node(struct patch *p)
{
	const struct diff_record *r = &p->r;
	uint32_t idx = find_child(p->t, p->cur, &r->key), child;
	struct dlpar_tree *src;
	struct place place;
	int err = patch_place(&place, r->new, r->new_len), same;

	if (!err && idx == NIL)
		err = DLPAR_ERR_NOTFOUND;
	if (!err)
		err = read_fragment(p->t, &src, &r->key, r->old, r->old_len,
				    &child);
	if (err)
		return err;
	same = diff_equal(src, child, p->t, idx);
	dlpar_tree_free(src);
	if (same <= 0)
		return same ? same : DLPAR_ERR_CONFLICT;
	return tree_remove(p->t, idx);
}

static int move_node(struct patch *p)
{
	struct dlpar_tree *t = p->t;
	const struct diff_record *r = &p->r;
	struct place was, is;
	uint32_t idx = find_child(t, p->cur, &r->key), next;
	int err = patch_place(&was, r->old, r->old_len);

	if (!err)
		err = patch_place(&is, r->new, r->new_len);
	if (!err && idx == NIL)
		err = DLPAR_ERR_NOTFOUND;
	if (!err)
		err = find_next(t, p->cur, &is, &next);
	if (!err && t->depth)
		err = journal_reserve(t);
	if (err || next == idx)
		return err;
	if (next == t->nodes[idx].next)		/* behind itself, or there */
		return DLPAR_OK;
	journal_node(t, JOURNAL_MOVED, idx);
	tree_put_at(t, idx, p->cur, next);
	t->edits++;
	return DLPAR_OK;
}

static int set_reservations(struct patch *p)
{
	struct dlpar_tree *t = p->t;
	const struct diff_record *r = &p->r;
	uint32_t i;

	if (r->old_len % RSV_ENTRY || r->new_len % RSV_ENTRY)
		return DLPAR_ERR_BADVALUE;
	for (i = 0; i < r->new_len; i += RSV_ENTRY)
		if (!wire_get64(r->new + i + 8))
			return DLPAR_ERR_BADVALUE;
	if (t->rsv_len - RSV_ENTRY != r->old_len ||
	    (r->old_len && memcmp(t->rsv, r->old, r->old_len)))
		return DLPAR_ERR_CONFLICT;
	return tree_set_map(t, r->new, r->new_len / RSV_ENTRY);
}

static int set_boot_cpu(struct patch *p)
{
	const struct diff_record *r = &p->r;

	if (r->old_len != 4 || r->new_len != 4)
		return DLPAR_ERR_BADVALUE;
	if (wire_get32(r->old) != p->t->boot_cpu)
		return DLPAR_ERR_CONFLICT;
	return tree_set_boot_cpu(p->t, wire_get32(r->new));
}

static int down(struct patch *p)
{
	uint32_t idx = find_child(p->t, p->cur, &p->r.key);

	if (idx == NIL)
		return DLPAR_ERR_NOTFOUND;
	p->cur = idx;
	return DLPAR_OK;
}

static int up(struct patch *p)
{
	const struct tree_node *n = &p->t->nodes[p->cur];
	const struct diff_key *k = &p->r.key;

	if (n->parent == NIL || n->name_len != k->len ||
	    memcmp(tree_node_name(n), k->name, k->len))
		return DLPAR_ERR_BADVALUE;
	p->cur = n->parent;
	return DLPAR_OK;
}

static int run_record(struct patch *p)
{
	static int (*const handlers[])(struct patch *) = {
		[DLPAR_DIFF_DOWN] = down,
		[DLPAR_DIFF_UP] = up,
		[DLPAR_DIFF_NODE_ADD] = add_node,
		[DLPAR_DIFF_NODE_REMOVE] = remove_node,
		[DLPAR_DIFF_NODE_MOVE] = move_node,
		[DLPAR_DIFF_PROP_ADD] = patch_add_prop,
		[DLPAR_DIFF_PROP_REMOVE] = patch_remove_prop,
		[DLPAR_DIFF_PROP_MOVE] = patch_move_prop,
		[DLPAR_DIFF_PROP_SET] = patch_set_prop,
		[DLPAR_DIFF_RESERVATIONS] = set_reservations,
		[DLPAR_DIFF_BOOT_CPU] = set_boot_cpu,
	};
	bool props = p->r.op >= DLPAR_DIFF_PROP_ADD &&
		     p->r.op <= DLPAR_DIFF_PROP_SET;
	int err = props ? patch_open_props(p) : patch_close_props(p);

	return err ? err : handlers[p->r.op](p);
}

static int run(struct patch *p, const uint8_t *diff, size_t len)
{
	struct wire_cursor c = wire_cursor(diff, len);
	int more, err = DLPAR_OK;

	while (!err && (more = next_record(&c, &p->r)) != 0)
		err = more < 0 ? more : run_record(p);
	if (!err)
		err = patch_close_props(p);
	return !err && p->cur ? DLPAR_ERR_BADVALUE : err;
}

int dlpar_tree_apply(struct dlpar_tree *t, size_t *err_off, const uint8_t *diff,
		     size_t len)
{
	struct patch p = { .t = t };
	int err;

	if (!tree_enter(t))
		return DLPAR_ERR_BUSY;
	err = journal_begin(t);
	if (!err) {
		err = run(&p, diff, len);
		arena_release(&t->arena, p.props.p, p.props.size);
		if (err)
			journal_rollback(t);
		else
			journal_commit(t);
	}
	tree_leave(t);
	if (err_off)
		*err_off = p.r.off;
	return err;
}
