/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree.h - private to the tree_*.c files: records, arena, hash tables.
 *
 * A node's properties live in its image: BEGIN_NODE, name and PROP records
 * exactly as FDT encodes them. It lies in the blob while the node has not
 * changed size, else in an arena block that the node owns, which also holds the
 * node's property directory, at its end. A property name is known by the offset
 * of its string, so images hold names as 32-bit numbers.
 *
 * Growing the node array moves the records: no pointer to one may be held
 * across a call that can add a node.
 */
#ifndef DLPAR_TREE_PRIVATE_H
#define DLPAR_TREE_PRIVATE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "dlpar.h"
#include "wire.h"

#define NIL 0xffffffffu
#define NO_PHANDLE 0xffffffffu
#define NO_DIR 0xffffffffu
#define GENERATION_MAX 0x7fffffffu
#define N_SIZE_CLASSES 13
#define CACHE_LINE 64u		/* bytes that are loaded together */
#define END_NODE_LEN 4u
#define FDT_END_LEN 4u
#define FDT_HEADER_LEN_V16 36u
#define FDT_HEADER_LEN 40u

enum node_flag {
	NODE_LIVE = 1,		/* part of the tree */
	NODE_OWN = 2,		/* the image is an arena block */
	NODE_DIRTY = 4,		/* the blob's span of the subtree is out of date */
	NODE_SAVED = 8,		/* the journal can restore the image */
	NODE_DUPS = 16,		/* two children have had the same name */
	NODE_SCAN = 32,		/* the property directory does not cover it */
	NODE_HASHED = 64,	/* stands in the table of children */
	NODE_PHASHED = 128,	/* stands in the table of phandles */
	NODE_CHANGED = 0x8000	/* it or what is below, since the last copy */
};

struct tree_node {
	uint32_t parent, first, last, next, prev;	/* records, or NIL */
	uint32_t hash;			/* of the name */
	uint32_t phandle;		/* 0: none */
	uint16_t name_len;
	uint16_t flags;
	uint8_t *img;
	uint32_t img_len, img_cap;	/* NODE_OWN: cap is of the block */
	union {
		struct {		/* of the subtree in the blob */
			uint32_t off, len;
		} span;			/* while clean */
		uint32_t n_dir;		/* NODE_OWN: its entries, or NO_DIR */
	} at;
	uint32_t gen;
	union {
		uint32_t dir;		/* first entry in the directory */
		uint32_t saved;		/* NODE_SAVED: entry in the journal */
	} u;
};

struct tree_slot {
	uint32_t key, idx;		/* key 0: empty */
};

struct tree_hash {
	struct tree_slot *slots;
	uint32_t mask, used;
};

struct tree_name {
	uint32_t ref;			/* offset of the string, plus one; 0: empty */
	uint32_t hash;
	uint32_t len;
	uint32_t seen;			/* the last stream that had the name */
	uint32_t next;			/* slot of what followed it, a guess */
};

struct large_block {
	struct large_block *prev, *next;
	size_t size;
};

struct tree_chunk {
	struct tree_chunk *next;
	size_t size;
};

struct tree_arena {
	uint8_t *pos, *end;		/* what is left of the newest chunk */
	struct tree_chunk *chunks;
	struct large_block *large;
	void *free[N_SIZE_CLASSES];
	uint64_t used, limit;
	size_t chunk_size;
};

enum journal_op {
	JOURNAL_MARK,			/* a savepoint begins */
	JOURNAL_ADDED,
	JOURNAL_REMOVED,
	JOURNAL_IMAGE,			/* the image was replaced */
	JOURNAL_BYTES,			/* a value was overwritten in place */
	JOURNAL_RENAMED,		/* the image was, with another name */
	JOURNAL_MOVED,
	JOURNAL_RESERVATIONS,		/* the reserve map was replaced */
	JOURNAL_BOOT_CPU
};

#define JOURNAL_INLINE 16u

struct journal_entry {
	uint8_t op;
	uint16_t flags;			/* IMAGE: of the node */
	uint32_t node;
	uint32_t saved;			/* IMAGE: u of the node */
	uint32_t phandle;
	uint32_t off;			/* BYTES: of the value in the image */
	uint32_t n_dir;			/* IMAGE: of the node, when its own */
	uint32_t len, cap;		/* of what was there */
	uint32_t strings_len, n_names;	/* MARK */
	uint64_t made;			/* MARK: templates */
	uint32_t mark;			/* MARK: the one before */
	union {
		uint8_t *block;
		uint8_t bytes[JOURNAL_INLINE];
		struct {
			uint32_t parent, next;
		} place;		/* MOVED */
		uint32_t boot_cpu;
	} old;
};

struct tree_template {
	uint8_t *img;			/* PROP records; NULL: none */
	uint32_t len, cap;
	uint32_t n_dir;			/* as of a node, without its head */
	uint32_t phandle_off;		/* of the record that says it, or NIL */
	uint32_t gen;			/* how often the slot was emptied */
	uint64_t made;			/* running number of the template */
};

#include "tree_cells.h"

struct dlpar_tree {
	uint8_t *blob;			/* a copy of the input, or it */
	uint32_t blob_len;
	uint32_t struct_off;		/* of the structure block in the blob */
	uint8_t *rsv;			/* reserve map, its end included */
	uint32_t rsv_len;
	uint32_t boot_cpu;
	bool flat;			/* the blob has the layout we write */
	bool borrowed;			/* the blob is not to be written to */
	uint32_t blob_strings;		/* length of its strings block */

	uint64_t lineage;		/* that of its copies; 0: none */
	uint32_t *origin;		/* of a copy: records there; else NULL */
	uint32_t n_origin;

	struct tree_node *nodes;	/* each in a cache line of its own */
	uint8_t *nodes_block;		/* where they lie */
	uint32_t n_nodes, nodes_cap;	/* records, in use or free */
	uint32_t free_node;
	uint32_t live;
	uint32_t struct_len;		/* of the live nodes, without END */

	struct tree_hash children;	/* (parent, name) */
	struct tree_hash phandles;
	uint32_t index_room;		/* nodes that both have slots for */
	struct tree_cells cells;
	bool dup_phandles;
	bool resized;			/* by the last edit of a property */
	uint32_t top_phandle;		/* the highest; NIL: to be looked for */

	uint8_t *strings;		/* grows at its end only */
	uint32_t strings_len, strings_cap;
	struct tree_name *names;
	uint32_t names_mask, n_names;
	uint32_t name_at;		/* slot of what edits named last */
	uint32_t stream;		/* running number of a property stream */
	uint32_t fresh;			/* see tree_name_unseen(); NIL: none */
	uint32_t newest;		/* last added; it may be gone by now */
	uint32_t id_phandle[3];		/* in order of precedence, or NIL */

	uint32_t *dir;			/* runs of a count and entries */
	uint32_t dir_len, dir_cap;

	uint64_t *cuts;			/* a bit a record of the blob */
	uint32_t n_cuts;		/* records that have one */

	struct journal_entry *journal;
	uint32_t journal_len, journal_cap;
	uint32_t mark;			/* newest savepoint in it, or NIL */
	uint32_t depth;

	struct tree_template *templates;
	uint32_t n_templates, templates_cap;
	uint64_t made;			/* templates, ever */

	uint64_t seed;
	uint64_t edits;
	struct tree_arena arena;
	atomic_flag lock;		/* of edits, while it is not shared */
	struct tree_lock *shared;	/* NULL: it belongs to one thread */
};

static inline uint32_t tree_align(uint32_t n)
{
	return (n + 3u) & ~3u;
}

static inline const uint8_t *tree_node_name(const struct tree_node *n)
{
	return n->img + 4;
}

/* Length of BEGIN_NODE and a name: where the properties begin. */
static inline uint32_t tree_head_len(uint32_t name_len)
{
	return tree_align(4u + name_len + 1u);
}

static inline uint32_t tree_prop_len(uint32_t value_len)
{
	return 12u + tree_align(value_len);
}

static inline int64_t tree_handle(const struct dlpar_tree *t, uint32_t idx)
{
	return (int64_t)((uint64_t)t->nodes[idx].gen << 32 | idx);
}

/* The record of a handle, or NIL when its node is gone. */
static inline uint32_t tree_resolve(const struct dlpar_tree *t, int64_t node)
{
	uint32_t idx = (uint32_t)node;

	if (node < 0 || idx >= t->n_nodes ||
	    t->nodes[idx].gen != (uint32_t)((uint64_t)node >> 32) ||
	    !(t->nodes[idx].flags & NODE_LIVE))
		return NIL;
	return idx;
}

/* The node after @i in tree order within the subtree of @top, or NIL. */
static inline uint32_t tree_after(const struct dlpar_tree *t, uint32_t top,
				  uint32_t i)
{
	if (t->nodes[i].first != NIL)
		return t->nodes[i].first;
	while (i != top && t->nodes[i].next == NIL)
		i = t->nodes[i].parent;
	return i == top ? NIL : t->nodes[i].next;
}

/* The phandle that a record of 4 bytes says, 0 for none. */
static inline uint32_t tree_phandle_of(const uint8_t *prop)
{
	uint32_t value = wire_get32(prop + 12);

	return value == NO_PHANDLE ? 0 : value;
}

/* Whether @off is the name of a property that can be the node's phandle. */
static inline bool tree_names_phandle(const struct dlpar_tree *t, uint32_t off)
{
	return off == t->id_phandle[0] || off == t->id_phandle[1] ||
	       off == t->id_phandle[2];
}

/*
 * A run of siblings that lie side by side in the blob ends with, or if it is
 * dirty before, the first of them that is cut. Records of the blob are in tree
 * order, so the next cut is found in the bits without a look at the records.
 */
static inline void tree_cut(struct dlpar_tree *t, uint32_t idx)
{
	if (idx < t->n_cuts)
		t->cuts[idx / 64] |= (uint64_t)1 << idx % 64;
}

/* What a header says; offsets and lengths in bytes, from the blob's start. */
struct fdt_header {
	uint32_t total, header_len;
	uint32_t rsv_off, rsv_len;
	uint32_t struct_off, struct_len;
	uint32_t strings_off, strings_len;
	uint32_t boot_cpu;
};

/* tree_header.c */
bool header_is_ours(const uint8_t *blob, const struct fdt_header *h);
int header_check(const uint8_t *blob, size_t len, uint32_t flags,
		 struct fdt_header *h, uint32_t *off);
int64_t header_plan(struct fdt_header *h, const struct dlpar_tree *t,
		    uint32_t strings_len);
int64_t header_begin(struct fdt_header *h, const struct dlpar_tree *t,
		     uint32_t strings_len, uint8_t *out, size_t cap);

/* tree_blob.c */
int tree_blob_take(struct dlpar_tree *t, const uint8_t *blob, uint32_t len,
		   uint32_t flags);
int tree_blob_own(struct dlpar_tree *t);

/* tree_arena.c: the only allocator. NULL: memory or the limit exhausted. */
void *arena_block(struct tree_arena *a, uint32_t need, uint32_t *cap);
void arena_unblock(struct tree_arena *a, void *block, uint32_t cap);
void *arena_resize(struct tree_arena *a, void *old, size_t old_size,
		   size_t new_size);
void arena_release(struct tree_arena *a, void *old, size_t size);
void arena_free(struct tree_arena *a);

/* tree_nodes.c: records. */
void tree_nodes_expect(struct dlpar_tree *t, uint32_t n);
void tree_nodes_trim(struct dlpar_tree *t);
void tree_nodes_release(struct dlpar_tree *t);
int tree_new_node(struct dlpar_tree *t, uint32_t *idx);
void tree_free_node(struct dlpar_tree *t, uint32_t idx);
void tree_free_nodes(struct dlpar_tree *t, uint32_t top);

/* tree_index.c: hash tables, links. */
uint32_t tree_hash_bytes(uint64_t seed, const uint8_t *s, size_t len);
uint32_t tree_hash_key(const struct dlpar_tree *t, uint32_t value);
int tree_hash_grow(struct dlpar_tree *t, struct tree_hash *h, uint32_t mask);
void tree_hash_put(struct tree_hash *h, uint32_t at, uint32_t key,
		   uint32_t idx);
void tree_hash_delete(struct tree_hash *h, uint32_t key, uint32_t idx);

/* A name that a node is to have below a parent, and its place in the table. */
struct node_name {
	const uint8_t *s;
	uint32_t len, hash;
	uint32_t key, slot;		/* slot NIL: the table is of no use */
};

int tree_index_grow(struct dlpar_tree *t);
int tree_index_all(struct dlpar_tree *t);
void tree_index_insert(struct dlpar_tree *t, uint32_t idx);
void tree_index_remove(struct dlpar_tree *t, uint32_t idx);
void tree_index_phandle(struct dlpar_tree *t, uint32_t idx, uint32_t phandle);
void tree_index_enter(struct dlpar_tree *t, uint32_t idx);
void tree_index_leave(struct dlpar_tree *t, uint32_t idx);
uint32_t tree_index_child(const struct dlpar_tree *t, uint32_t parent,
			  const uint8_t *name, uint32_t len);
uint32_t tree_index_twin(const struct dlpar_tree *t, uint32_t parent,
			 struct node_name *name);
void tree_index_settle(struct dlpar_tree *t, uint32_t idx,
		       const struct node_name *name);
uint32_t tree_index_by_phandle(const struct dlpar_tree *t, uint32_t phandle);
void tree_link(struct dlpar_tree *t, uint32_t parent, uint32_t idx, bool first);
void tree_unlink(struct dlpar_tree *t, uint32_t idx);
void tree_relink(struct dlpar_tree *t, uint32_t idx);
void tree_dirty_up(struct dlpar_tree *t, uint32_t idx);
void tree_changed_up(struct dlpar_tree *t, uint32_t idx);
int tree_cuts_init(struct dlpar_tree *t, bool gaps);

/* Room for one more node in both tables. */
static inline int tree_index_reserve(struct dlpar_tree *t)
{
	return t->live < t->index_room ? DLPAR_OK : tree_index_grow(t);
}

/* What @idx or its list of children holds is not what a copy has. */
static inline void tree_changed(struct dlpar_tree *t, uint32_t idx)
{
	if (idx != NIL && !(t->nodes[idx].flags & NODE_CHANGED))
		tree_changed_up(t, idx);
}

/* The blob's spans of @idx and all above it are out of date. */
static inline void tree_dirty(struct dlpar_tree *t, uint32_t idx)
{
	tree_changed(t, idx);
	if (idx != NIL && !(t->nodes[idx].flags & NODE_DIRTY))
		tree_dirty_up(t, idx);
}

#include "tree_names.h"
#include "tree_dir.h"

/*
 * tree_journal.c: outside a transaction these note nothing. _image() and
 * _bytes() come before the change and may fail; the others have room reserved.
 */
bool journal_cancel(struct dlpar_tree *t, uint32_t idx);
int journal_reserve(struct dlpar_tree *t);
void journal_node(struct dlpar_tree *t, enum journal_op op, uint32_t idx);
void journal_image(struct dlpar_tree *t, uint32_t idx);
int journal_bytes(struct dlpar_tree *t, uint32_t idx, uint32_t off,
		  uint32_t len);
void journal_renamed(struct dlpar_tree *t, uint32_t idx);
void journal_header(struct dlpar_tree *t, enum journal_op op);
int journal_begin(struct dlpar_tree *t);
void journal_commit(struct dlpar_tree *t);
void journal_rollback(struct dlpar_tree *t);

/* Whether an edit of the node needs no entry in this savepoint. */
static inline bool journal_covers(const struct dlpar_tree *t,
				  const struct tree_node *n)
{
	return !t->depth || (n->flags & NODE_SAVED && n->u.saved > t->mark);
}

#include "tree_stream.h"

/* tree_props.c: edits of properties, without the lock. */
int tree_grow_check(const struct dlpar_tree *t, uint64_t more);
int tree_set(struct dlpar_tree *t, uint32_t idx, const char *name, size_t len,
	     const uint8_t *value, size_t value_len);
int tree_unset(struct dlpar_tree *t, uint32_t idx, const char *name,
	       size_t len);
int tree_set_props(struct dlpar_tree *t, uint32_t idx, const uint8_t *props,
		   uint32_t len);

/* tree_edit.c: edits of nodes, for those who hold the lock. */
int tree_claim_name(struct dlpar_tree *t, struct node_name *out,
		    uint32_t parent, const uint8_t *name, size_t len);
int tree_check_child(const struct dlpar_tree *t, uint32_t parent,
		     const uint8_t *name, size_t len);
int tree_blank_named(struct dlpar_tree *t, const struct node_name *name,
		     uint32_t props_len, uint32_t room, uint32_t *idx);
int tree_blank(struct dlpar_tree *t, const uint8_t *name, size_t len,
	       uint32_t props_len, uint32_t *idx);
void tree_place_named(struct dlpar_tree *t, uint32_t parent, uint32_t idx,
		      const struct node_name *name, uint32_t flags);
void tree_place(struct dlpar_tree *t, uint32_t parent, uint32_t idx,
		uint32_t props_len, uint32_t flags);
void tree_take_out(struct dlpar_tree *t, uint32_t idx);
void tree_put_back(struct dlpar_tree *t, uint32_t idx);
int tree_add(struct dlpar_tree *t, uint32_t parent, const char *name,
	     size_t len, const uint8_t *props, size_t props_len,
	     uint32_t flags, uint32_t *idx);
int tree_remove(struct dlpar_tree *t, uint32_t idx);

/* tree_query.c, tree_find.c */
uint32_t tree_path_below(const struct dlpar_tree *t, uint32_t at,
			 const char *path, size_t len);
int64_t tree_alias_path(const struct dlpar_tree *t, const char *path,
			size_t len);
uint32_t tree_max_phandle(struct dlpar_tree *t);

/* tree_move.c */
void tree_put_at(struct dlpar_tree *t, uint32_t idx, uint32_t parent,
		 uint32_t next);
void tree_named(struct dlpar_tree *t, uint32_t idx);
/* tree_query.c */
uint32_t tree_child_like(const struct dlpar_tree *t, uint32_t parent,
			 const uint8_t *name, uint32_t len);

/* tree_copy.c */
int tree_copy_subtree(struct dlpar_tree *dst, uint32_t parent,
		      const struct dlpar_tree *src, uint32_t top,
		      uint32_t *copy);
int tree_copy_node(struct dlpar_tree *dst, uint32_t parent,
		   const struct dlpar_tree *src, uint32_t node, uint32_t flags,
		   uint32_t *idx);

/* tree_reserve.c */
int tree_set_map(struct dlpar_tree *t, const uint8_t *entries, size_t n);
int tree_set_boot_cpu(struct dlpar_tree *t, uint32_t boot_cpu);

/* tree_template.c */
int tree_stamp(struct dlpar_tree *t, uint32_t parent, const char *name,
	       size_t len, int template_id, const uint8_t *patch,
	       size_t patch_len, uint32_t flags, uint32_t *idx);
void tree_templates_forget(struct dlpar_tree *t, uint64_t made);

/* The same as the public ones, for those who are inside. */
int64_t tree_by_path(const struct dlpar_tree *t, const char *path, size_t len);
int64_t tree_path_of(const struct dlpar_tree *t, char *out, size_t cap,
		     int64_t node);
int64_t tree_get(const struct dlpar_tree *t, const char **value, int64_t node,
		 const char *name, size_t len);
int64_t tree_flat_size(const struct dlpar_tree *t);
int64_t tree_flatten(const struct dlpar_tree *t, uint8_t *out, size_t cap);
int tree_extract(const struct dlpar_tree *t, struct dlpar_tree **fragment,
		 uint32_t at, uint64_t seed);

#include "tree_lock.h"

#endif /* DLPAR_TREE_PRIVATE_H */
