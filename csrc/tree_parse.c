// SPDX-License-Identifier: Apache-2.0
/*
 * tree_parse.c - a flattened blob to a tree, with complete validation.
 *
 * One pass over the structure block checks every token and indexes the nodes.
 * The blob comes from anywhere: no offset or length is believed before it is
 * compared with what remains, and nothing recurses.
 *
 * Source: Devicetree Specification 0.4, chapter 5; versions 16 and 17 differ
 * only in the header's last field.
 */
#include <stdlib.h>

#include "tree.h"

#define NAME_CACHE_BITS 8
#define USUAL_NODE 300u		/* bytes of a node, its properties included */
#define USUAL_PROP 28u		/* of a property, its share of the node too */
#define USUAL_SHARE 16u		/* nodes to a run of the directory */

struct cached_name {
	uint32_t off;			/* in the blob, plus one; 0: empty */
	uint32_t id;
	bool phandle;			/* of a property that can be the phandle */
};

/* State of the walk. @err_off counts from the start of the blob. */
struct parser {
	struct dlpar_tree *t;
	const uint8_t *base;		/* the structure block in our copy */
	uint32_t len;
	uint32_t off;
	uint32_t cur;			/* the open node, or NIL */
	uint32_t start;			/* where the last node began */
	bool in_props;			/* no subnode of it was seen yet */
	bool nops;			/* a NOP stands among its properties */
	bool phandle;			/* one of them may be its phandle */
	bool seen_root;
	uint32_t err_off;
	uint32_t blob_strings;		/* where the blob's strings begin */
	struct cached_name cache[1 << NAME_CACHE_BITS];
	struct tree_runs runs;
};

static int fail(struct parser *p, uint32_t off, int err)
{
	p->err_off = p->t->struct_off + off;
	return err;
}

static int tree_alloc(struct dlpar_tree **tree, uint64_t seed, uint64_t limit)
{
	struct dlpar_tree *t;
	int err;

	*tree = NULL;
	if (limit && limit < sizeof(*t))
		return DLPAR_ERR_NOMEM;
	t = calloc(1, sizeof(*t));
	if (!t)
		return DLPAR_ERR_NOMEM;
	t->arena.used = sizeof(*t);
	t->arena.limit = limit;
	t->free_node = t->mark = t->fresh = NIL;
	t->id_phandle[0] = t->id_phandle[1] = t->id_phandle[2] = NIL;
	t->seed = seed;
	atomic_flag_clear(&t->lock);
	err = tree_name_reserve(t, 1, 64);
	if (err) {
		dlpar_tree_free(t);
		return err;
	}
	*tree = t;
	return DLPAR_OK;
}

void dlpar_tree_free(struct dlpar_tree *t)
{
	struct tree_hash *h;

	if (!t)
		return;
	h = &t->children;
	arena_release(&t->arena, h->slots, (h->mask + 1ul) * sizeof(*h->slots));
	h = &t->phandles;
	arena_release(&t->arena, h->slots, (h->mask + 1ul) * sizeof(*h->slots));
	tree_cells_free(t);
	arena_release(&t->arena, t->names,
		      (t->names_mask + 1ul) * sizeof(*t->names));
	tree_nodes_release(t);
	arena_release(&t->arena, t->strings, t->strings_cap);
	arena_release(&t->arena, t->dir, t->dir_cap * sizeof(*t->dir));
	arena_release(&t->arena, t->cuts,
		      (t->n_cuts / 64 + 1ul) * sizeof(*t->cuts));
	arena_release(&t->arena, t->journal,
		      t->journal_cap * sizeof(*t->journal));
	arena_release(&t->arena, t->templates,
		      t->templates_cap * sizeof(*t->templates));
	if (!t->borrowed)
		arena_release(&t->arena, t->blob, t->blob_len);
	arena_release(&t->arena, t->rsv, t->rsv_len);
	arena_release(&t->arena, t->origin, t->n_origin * sizeof(*t->origin));
	tree_lock_free(t);
	arena_free(&t->arena);
	free(t);
}

/* First sight of a name: its string is checked, and folded with its equals. */
static int read_name(struct parser *p, uint32_t nameoff, uint32_t *id)
{
	struct dlpar_tree *t = p->t;
	uint32_t left = p->blob_strings - nameoff, len;
	const uint8_t *s = t->strings + nameoff, *nul;
	int err;

	if (left > DLPAR_TREE_NAME_MAX + 1)
		left = DLPAR_TREE_NAME_MAX + 1;
	nul = memchr(s, 0, left);
	if (!nul)
		return fail(p, p->off + 8, DLPAR_ERR_STRING);
	len = (uint32_t)(nul - s);
	if (tree_name_find(t, s, len, id))
		return DLPAR_OK;
	err = tree_name_reserve(t, 1, 0);
	if (err)
		return err;
	tree_name_adopt(t, nameoff, len);
	*id = nameoff;
	return DLPAR_OK;
}

static uint32_t cache_slot(uint32_t nameoff)
{
	return nameoff * 0x9e3779b1u >> (32 - NAME_CACHE_BITS);
}

static int prop_name(struct parser *p, uint32_t nameoff, uint32_t *id)
{
	struct cached_name *c = &p->cache[cache_slot(nameoff)];
	int err;

	if (nameoff >= p->blob_strings)
		return fail(p, p->off + 8, DLPAR_ERR_NAMEOFF);
	if (c->off != nameoff + 1) {
		err = read_name(p, nameoff, id);
		if (err)
			return err;
		c->off = nameoff + 1;
		c->id = *id;
		c->phandle = tree_names_phandle(p->t, *id);
	}
	*id = c->id;
	p->phandle |= c->phandle;
	return DLPAR_OK;
}

/* The record is to name its property as others do. */
static int put_name(struct parser *p, uint32_t id)
{
	struct dlpar_tree *t = p->t;
	int err = t->borrowed ? tree_blob_own(t) : DLPAR_OK;

	if (err)
		return err;
	p->base = t->blob + t->struct_off;
	wire_put32(t->blob + t->struct_off + p->off + 8, id);
	return DLPAR_OK;
}

static int parse_prop(struct parser *p)
{
	struct dlpar_tree *t = p->t;
	uint32_t left = p->len - p->off, len, nameoff;
	const uint8_t *rec = p->base + p->off;
	uint32_t id;
	int err;

	if (p->cur == NIL)
		return fail(p, p->off, DLPAR_ERR_NESTING);
	if (!p->in_props)
		return fail(p, p->off, DLPAR_ERR_PROPORDER);
	if (left < 12)
		return fail(p, p->off, DLPAR_ERR_TRUNCATED);
	len = wire_get32(rec + 4);
	nameoff = wire_get32(rec + 8);
	if (len > left - 12 || tree_align(len) > left - 12)
		return fail(p, p->off + 4, DLPAR_ERR_PROPLEN);
	err = prop_name(p, nameoff, &id);
	if (err)
		return err;
	if (id != nameoff)
		err = put_name(p, id);
	if (err)
		return err;
	err = tree_dir_add(t, p->off - p->start, id);
	p->off += tree_prop_len(len);
	return err;
}

/* The image of a node, copied without the NOPs among its properties. */
static int drop_nops(struct parser *p, struct tree_node *n, uint32_t end)
{
	const uint8_t *img = p->base + n->at.span.off;
	uint32_t at = tree_head_len(n->name_len), all = end - n->at.span.off, len;
	uint8_t *copy = arena_block(&p->t->arena, all, &n->img_cap), *w;

	if (!copy)
		return DLPAR_ERR_NOMEM;
	memcpy(copy, img, at);
	for (w = copy + at; at < all; at += len) {
		len = 4;
		if (wire_get32(img + at) == DLPAR_FDT_NOP)
			continue;
		len = tree_prop_len(wire_get32(img + at + 4));
		memcpy(w, img + at, len);
		w += len;
	}
	n->img = copy;
	n->img_len = (uint32_t)(w - copy);
	n->flags |= NODE_OWN;
	n->at.n_dir = NO_DIR;
	return DLPAR_OK;
}

/* The open node's properties end at @off, before a subnode or its end. */
static int close_props(struct parser *p)
{
	struct dlpar_tree *t = p->t;
	struct tree_node *n = &t->nodes[p->cur];
	int err = DLPAR_OK;

	p->in_props = false;
	n->img_len = p->off - n->at.span.off;
	tree_dir_close(t, &p->runs, n);
	if (p->nops)
		err = drop_nops(p, n, p->off);
	if (err)
		return err;
	t->struct_len += n->img_len + END_NODE_LEN;
	if (p->phandle)
		n->phandle = tree_phandle_value(t, n);
	return DLPAR_OK;
}

static int node_name(struct parser *p, uint32_t *len)
{
	uint32_t left = p->len - p->off - 4, max = left;
	const uint8_t *s = p->base + p->off + 4, *nul, *slash;

	if (max > DLPAR_TREE_NAME_MAX + 1)
		max = DLPAR_TREE_NAME_MAX + 1;
	nul = memchr(s, 0, max);
	if (!nul)
		return fail(p, p->off + 4, DLPAR_ERR_NODENAME);
	*len = (uint32_t)(nul - s);
	slash = memchr(s, '/', *len);
	if (slash)
		return fail(p, p->off + 4 + (uint32_t)(slash - s),
			    DLPAR_ERR_NODENAME);
	if ((p->cur == NIL) != !*len)
		return fail(p, p->off + 4, DLPAR_ERR_NODENAME);
	if (tree_head_len(*len) > left + 4)
		return fail(p, p->off, DLPAR_ERR_TRUNCATED);
	return DLPAR_OK;
}

static int open_node(struct parser *p, uint32_t len)
{
	struct dlpar_tree *t = p->t;
	struct tree_node *n;
	uint32_t idx;
	int err = tree_new_node(t, &idx);

	if (!err)
		err = tree_dir_open(t, &t->nodes[idx]);
	if (err)
		return err;
	n = &t->nodes[idx];
	n->img = (uint8_t *)(uintptr_t)(p->base + p->off);
	n->at.span.off = p->off;
	n->name_len = (uint16_t)len;
	n->flags = NODE_LIVE;
	n->hash = tree_hash_bytes(t->seed, tree_node_name(n), len);
	if (p->cur != NIL)
		tree_link(t, p->cur, idx, false);
	t->live++;
	p->cur = idx;
	p->start = p->off;
	return DLPAR_OK;
}

static int parse_begin(struct parser *p)
{
	uint32_t len = 0;
	int err;

	if (p->cur == NIL && p->seen_root)
		return fail(p, p->off, DLPAR_ERR_NESTING);
	err = node_name(p, &len);
	if (!err && p->cur != NIL && p->in_props)
		err = close_props(p);
	if (!err)
		err = open_node(p, len);
	p->seen_root = true;
	p->in_props = true;
	p->nops = p->phandle = false;
	p->off += tree_head_len(len);
	return err;
}

static int parse_end_node(struct parser *p)
{
	struct dlpar_tree *t = p->t;
	struct tree_node *n;
	int err = DLPAR_OK;

	if (p->cur == NIL)
		return fail(p, p->off, DLPAR_ERR_NESTING);
	if (p->in_props)
		err = close_props(p);
	if (err)
		return err;
	p->off += END_NODE_LEN;
	n = &t->nodes[p->cur];
	if (!(n->flags & NODE_OWN))
		n->at.span.len = p->off - n->at.span.off;
	p->cur = n->parent;
	return DLPAR_OK;
}

static void parse_nop(struct parser *p)
{
	if (p->cur != NIL) {
		tree_dirty(p->t, p->cur);
		if (p->in_props) {
			p->nops = true;
			p->t->nodes[p->cur].flags |= NODE_SCAN;
		}
	}
	p->off += 4;
}

static int parse_end(struct parser *p)
{
	if (p->cur != NIL)
		return fail(p, p->off, DLPAR_ERR_NESTING);
	if (!p->seen_root)
		return fail(p, p->off, DLPAR_ERR_NOROOT);
	return DLPAR_OK;
}

static int parse_structure(struct parser *p)
{
	int err = DLPAR_OK;

	while (!err) {
		if (p->len - p->off < 4)
			return fail(p, p->off, p->cur != NIL ?
				    DLPAR_ERR_TRUNCATED : DLPAR_ERR_NOEND);
		switch (wire_get32(p->base + p->off)) {
		case DLPAR_FDT_PROP:
			err = parse_prop(p);
			break;
		case DLPAR_FDT_BEGIN_NODE:
			err = parse_begin(p);
			break;
		case DLPAR_FDT_END_NODE:
			err = parse_end_node(p);
			break;
		case DLPAR_FDT_NOP:
			parse_nop(p);
			break;
		case DLPAR_FDT_END:
			return parse_end(p);
		default:
			return fail(p, p->off, DLPAR_ERR_TOKEN);
		}
	}
	return err;
}

/* The blob, copies of what is outside its structure, and what the header says. */
static int prepare(struct dlpar_tree *t, const uint8_t *blob,
		   const struct fdt_header *h, uint32_t flags)
{
	int err = tree_blob_take(t, blob, h->total, flags);

	if (err)
		return err;
	t->struct_off = h->struct_off;
	t->rsv = arena_resize(&t->arena, NULL, 0, h->rsv_len);
	if (!t->rsv)
		return DLPAR_ERR_NOMEM;
	memcpy(t->rsv, blob + h->rsv_off, h->rsv_len);
	t->rsv_len = h->rsv_len;
	t->boot_cpu = h->boot_cpu;
	t->flat = header_is_ours(blob, h);
	t->blob_strings = h->strings_len;
	err = tree_name_reserve(t, 32, h->strings_len);
	if (err)
		return err;
	memcpy(t->strings, blob + h->strings_off, h->strings_len);
	t->strings_len = h->strings_len;
	tree_nodes_expect(t, h->struct_len / USUAL_NODE + 16);
	tree_dir_expect(t, h->struct_len / (USUAL_PROP * USUAL_SHARE) + 64);
	return DLPAR_OK;
}

static int parse(struct dlpar_tree *t, const uint8_t *blob, uint32_t *off,
		 const struct fdt_header *h, uint32_t flags)
{
	struct parser p = { .t = t, .cur = NIL };
	int err = prepare(t, blob, h, flags);

	*off = 0;
	if (err)
		return err;
	p.base = t->blob + h->struct_off;
	p.len = h->struct_len;
	p.blob_strings = h->strings_len;
	err = parse_structure(&p);
	*off = p.err_off;
	if (err)
		return err;
	tree_dir_trim(t);
	tree_nodes_trim(t);
	err = tree_index_all(t);
	if (err)
		return err;
	return tree_cuts_init(t, t->nodes[0].flags & NODE_DIRTY);
}

int dlpar_tree_parse(struct dlpar_tree **tree, size_t *err_off,
		     const uint8_t *blob, size_t len, uint64_t seed,
		     uint64_t limit, uint32_t flags)
{
	struct dlpar_tree *t;
	struct fdt_header h = { 0 };
	uint32_t off = 0;
	int err;

	*tree = NULL;
	err = header_check(blob, len, flags, &h, &off);
	if (!err) {
		off = 0;
		err = tree_alloc(&t, seed, limit);
	}
	if (!err) {
		err = parse(t, blob, &off, &h, flags);
		if (err)
			dlpar_tree_free(t);
		else
			*tree = t;
	}
	if (err_off)
		*err_off = off;
	return err;
}

int dlpar_tree_new(struct dlpar_tree **tree, uint64_t seed, uint64_t limit)
{
	static const uint8_t blob[FDT_HEADER_LEN + 16 + 16] = {
		0xd0, 0x0d, 0xfe, 0xed, 0, 0, 0, 72, 0, 0, 0, 56, 0, 0, 0, 72,
		0, 0, 0, 40, 0, 0, 0, 17, 0, 0, 0, 16, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 16,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 9
	};

	return dlpar_tree_parse(tree, NULL, blob, sizeof(blob), seed, limit, 0);
}
