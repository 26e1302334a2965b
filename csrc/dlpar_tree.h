/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dlpar_tree.h - the device tree: a live index over a flattened blob.
 *
 * A blob is validated and indexed once. A node is a record in an array; its
 * properties stay in FDT encoding, in the blob while untouched. Look-ups by
 * path, phandle and property name take constant time, edits move no other
 * node, every edit can be undone, and what did not change is copied whole when
 * the tree is written out.
 *
 * A node is named by a handle, a non-negative number that holds its record and
 * generation: the handle of a removed node gives DLPAR_ERR_STALE, never
 * another node. Names are (pointer, length) and need no NUL.
 *
 * Threads: different trees are free. One tree belongs to one thread at a time
 * until dlpar_tree_share() gives it a lock; from then on readers run together,
 * an edit runs alone, and who comes second waits. What only points into the
 * tree (_name(), _get(), _flat()) is for trees of one thread; _name_of(),
 * _read() and _flatten() copy. No function may be called from a signal handler.
 *
 * Part of the public header dlpar.h: include that one.
 */
#ifndef DLPAR_TREE_H
#define DLPAR_TREE_H

/* cffi: begin */
#define DLPAR_FDT_MAGIC 0xd00dfeed
#define DLPAR_FDT_BEGIN_NODE 1
#define DLPAR_FDT_END_NODE 2
#define DLPAR_FDT_PROP 3
#define DLPAR_FDT_NOP 4
#define DLPAR_FDT_END 9

/* Longest node or property name accepted, in bytes without the NUL. */
#define DLPAR_TREE_NAME_MAX 4095
/* Largest blob, structure block or strings block, in bytes. */
#define DLPAR_TREE_SIZE_MAX 0x7fffffff

/* Accept a structure block that runs past size_dt_struct up to totalsize. */
#define DLPAR_TREE_LENIENT 1
/* A new node becomes its parent's first child, as libfdt does; not its last. */
#define DLPAR_TREE_FIRST 2
/* A patch of a template names properties by their place in it; not by name. */
#define DLPAR_TREE_SLOTS 16
/* Do not copy the blob: it stays, unchanged, as long as the tree does. */
#define DLPAR_TREE_BORROW 32

struct dlpar_tree;

struct dlpar_tree_info {
	uint32_t n_nodes;		/* live nodes, the root included */
	uint32_t boot_cpu;		/* boot_cpuid_phys of the header */
	uint32_t n_reservations;	/* entries of the memory reserve map */
	uint32_t depth;			/* open transactions */
	uint64_t memory;		/* bytes allocated */
	uint64_t edits;			/* grows with every change made or undone */
};

/**
 * dlpar_tree_parse() - validate and index a flattened device tree
 * @tree:    result, to be freed by dlpar_tree_free(); NULL on error
 * @err_off: NULL, or set to the offset from @blob of what is wrong
 * @blob:    the tree, versions 16 and 17; copied, not kept, unless borrowed
 * @len:     bytes in @blob; those after totalsize are ignored
 * @seed:    key of the hash tables; take a random one for untrusted input
 * @limit:   most bytes the tree may ever allocate; 0 is no limit
 * @flags:   0, or of DLPAR_TREE_LENIENT and DLPAR_TREE_BORROW
 *
 * A borrowed blob is never written to: the first edit that would change a byte
 * of it in place copies it, and may for that reason fail with DLPAR_ERR_NOMEM.
 *
 * Rules where readers differ: a property after a subnode is an error; of equal
 * names the first counts, and removing it uncovers the next; a reserve map ends
 * at size 0; padding may have any value and is kept; NOP tokens are left out;
 * names may have any byte but NUL and, in a node's name, '/'; only the root has
 * an empty one; depth is not limited.
 *
 * Source: Devicetree Specification 0.4, chapter 5.
 *
 * returns: DLPAR_OK, or
 *	DLPAR_ERR_TRUNCATED   @len is below the header, or the structure ends
 *	                      within a token
 *	DLPAR_ERR_BADMAGIC, _BADVERSION, _TOTALSIZE, _ALIGNMENT, _BLOCK,
 *	DLPAR_ERR_RSVMAP      the header or the reserve map is wrong
 *	DLPAR_ERR_TOKEN, _NESTING, _NODENAME, _PROPLEN, _NAMEOFF, _STRING,
 *	DLPAR_ERR_PROPORDER, _NOROOT, _NOEND
 *	                      the structure is wrong
 *	DLPAR_ERR_TOOBIG      above DLPAR_TREE_SIZE_MAX
 *	DLPAR_ERR_NOMEM       memory or @limit exhausted
 */
int dlpar_tree_parse(struct dlpar_tree **tree, size_t *err_off,
		     const uint8_t *blob, size_t len, uint64_t seed,
		     uint64_t limit, uint32_t flags);

/* A tree that holds only a root; arguments and errors as above. */
int dlpar_tree_new(struct dlpar_tree **tree, uint64_t seed, uint64_t limit);

/* Free a tree and all it holds; NULL is fine. */
void dlpar_tree_free(struct dlpar_tree *tree);

/**
 * dlpar_tree_share() - let several threads use a tree at once
 *
 * Call it while one thread still has the tree; it cannot be taken back. It
 * costs each call about 10 ns. A call then sees the tree between two edits, and
 * a batch, graft or copy is one edit; what several calls find may have changed
 * between them.
 *
 * A transaction belongs to the thread that opened the outermost one. Until that
 * one ends, every edit, begin and end of another thread gives DLPAR_ERR_BUSY;
 * readers see what was done in it so far.
 *
 * dlpar_tree_free() is for when no thread uses the tree any more. After fork(),
 * the child may use it if no other thread was inside.
 *
 * returns: DLPAR_OK, also where it is shared already, or DLPAR_ERR_NOMEM
 */
int dlpar_tree_share(struct dlpar_tree *tree);

/* Facts about a tree. */
int dlpar_tree_info(const struct dlpar_tree *tree, struct dlpar_tree_info *info);

/* How many transactions are open. */
int dlpar_tree_depth(const struct dlpar_tree *tree);

/* Reserve-map entry @i into @address and @size, or DLPAR_ERR_NOTFOUND. */
int dlpar_tree_reservation(const struct dlpar_tree *tree, uint64_t *address,
			   uint64_t *size, uint32_t i);

/*
 * Look-up. Each returns a handle, or DLPAR_ERR_NOTFOUND, or DLPAR_ERR_STALE
 * where the node given is gone. By path, phandle and name it takes constant
 * time a component; where names or phandles stand twice, the children of that
 * node, or all nodes, are searched from then on.
 */

/**
 * dlpar_tree_path() - the node of an absolute path, or of an alias
 * @path: "/" or "/a/b"; repeated and trailing slashes are ignored. Without the
 *        first slash it begins with the name of a property of /aliases, which
 *        stands for the absolute path that it holds: "serial0/a"
 *
 * A component without '@' that no child is named like matches the first child
 * that differs only by its unit address, as in libfdt.
 *
 * returns: handle, DLPAR_ERR_NOTFOUND, or DLPAR_ERR_BADPATH when @path is empty
 */
int64_t dlpar_tree_path(const struct dlpar_tree *tree, const char *path,
			size_t len);

/*
 * The node whose phandle is @phandle (property phandle, else linux,phandle,
 * else ibm,phandle, of 4 bytes); of several, the first in tree order. 0 and
 * 0xffffffff are no phandles.
 */
int64_t dlpar_tree_phandle(const struct dlpar_tree *tree, uint32_t phandle);

/* The root, a node's parent (none: NOTFOUND), first child, next sibling. */
int64_t dlpar_tree_root(const struct dlpar_tree *tree);
int64_t dlpar_tree_parent(const struct dlpar_tree *tree, int64_t node);
int64_t dlpar_tree_first(const struct dlpar_tree *tree, int64_t node);
int64_t dlpar_tree_next(const struct dlpar_tree *tree, int64_t node);

/* The first child of exactly this name. */
int64_t dlpar_tree_child(const struct dlpar_tree *tree, int64_t node,
			 const char *name, size_t len);

/* The first child of @node whose 4-byte property @name is @value. */
int64_t dlpar_tree_find_child(const struct dlpar_tree *tree, int64_t node,
			      const char *name, size_t len, uint32_t value);

/*
 * The first node in tree order whose device_type is the string @type and whose
 * 4-byte property @name is @value.
 */
int64_t dlpar_tree_find(const struct dlpar_tree *tree, const char *type,
			size_t type_len, const char *name, size_t len,
			uint32_t value);

/*
 * Handles of @node's children, or of the nodes of its subtree in tree order,
 * itself first. Writes at most @cap and returns how many there are.
 */
int64_t dlpar_tree_children(const struct dlpar_tree *tree, int64_t *out,
			    size_t cap, int64_t node);
int64_t dlpar_tree_walk(const struct dlpar_tree *tree, int64_t *out,
			size_t cap, int64_t node);

/* The length of a node's name, which @name is pointed to until the next edit. */
int dlpar_tree_name(const struct dlpar_tree *tree, const char **name,
		    int64_t node);

/* A node's name or path, without a NUL: its length, or DLPAR_ERR_NOSPACE. */
int64_t dlpar_tree_name_of(const struct dlpar_tree *tree, char *out, size_t cap,
			   int64_t node);
int64_t dlpar_tree_path_of(const struct dlpar_tree *tree, char *out, size_t cap,
			   int64_t node);

/* The phandle of a node, 0 for none: the property missing, 0 or -1. */
int64_t dlpar_tree_phandle_of(const struct dlpar_tree *tree, int64_t node);

/**
 * dlpar_tree_get() - a property's value
 * @value: pointed to the value until the next edit; untouched on error
 *
 * returns: length in bytes, DLPAR_ERR_NOTFOUND or DLPAR_ERR_STALE
 */
int64_t dlpar_tree_get(const struct dlpar_tree *tree, const char **value,
		       int64_t node, const char *name, size_t len);

/* The same copied: its length; written where @cap has room for all of it. */
int64_t dlpar_tree_read(const struct dlpar_tree *tree, uint8_t *out, size_t cap,
			int64_t node, const char *name, size_t len);

/* A property of exactly 4 bytes as a number; else DLPAR_ERR_BADLENGTH. */
int64_t dlpar_tree_get_u32(const struct dlpar_tree *tree, int64_t node,
			   const char *name, size_t len);

/* How many properties a node has. */
int64_t dlpar_tree_n_props(const struct dlpar_tree *tree, int64_t node);

/**
 * dlpar_tree_props() - all properties of a node, as a property stream
 *
 * A property stream is a run of records without padding: name length, value
 * length (32 bits each, big-endian), name, value.
 *
 * A name counts as often as it is used, so the stream of a hostile node can be
 * far longer than the blob.
 *
 * returns: bytes needed, written when @cap has room for all; DLPAR_ERR_TOOBIG
 *	above DLPAR_TREE_SIZE_MAX, DLPAR_ERR_NOMEM above the tree's limit
 */
int64_t dlpar_tree_props(const struct dlpar_tree *tree, uint8_t *out,
			 size_t cap, int64_t node);

/*
 * Edits. Each checks everything, then writes: after an error the tree is what
 * it was. _STALE, _NOMEM and _TOOBIG may come from all; DLPAR_ERR_BUSY where
 * another edit is going on in a tree that is not shared, or where the
 * transaction of another thread is open in one that is.
 */

/**
 * dlpar_tree_set() - give a property a value; a new one goes last
 * @value: @value_len bytes, which must not lie inside the tree
 *
 * Of unchanged size it is written in place.
 *
 * returns: DLPAR_OK, or DLPAR_ERR_BADARG for a name that is empty, holds a NUL
 *	or is longer than DLPAR_TREE_NAME_MAX
 */
int dlpar_tree_set(struct dlpar_tree *tree, int64_t node, const char *name,
		   size_t len, const uint8_t *value, size_t value_len);

/* Remove a property: DLPAR_OK or DLPAR_ERR_NOTFOUND. */
int dlpar_tree_unset(struct dlpar_tree *tree, int64_t node, const char *name,
		     size_t len);

/**
 * dlpar_tree_add() - add a node with its properties
 * @props: property stream of @props_len bytes, may be empty
 * @flags: 0 (last child) or DLPAR_TREE_FIRST
 *
 * returns: its handle, or
 *	DLPAR_ERR_EXISTS     @parent has a child of that name, or a property
 *	                     stands twice in @props
 *	DLPAR_ERR_BADARG     node name empty, too long, or with '/' or NUL; bad
 *	                     property name
 *	DLPAR_ERR_TRUNCATED  @props ends within a record
 */
int64_t dlpar_tree_add(struct dlpar_tree *tree, int64_t parent,
		       const char *name, size_t len, const uint8_t *props,
		       size_t props_len, uint32_t flags);

/**
 * dlpar_tree_template() - encode the properties of a node once, for many nodes
 *
 * The names become part of the tree, whether or not a node is ever made. A
 * template made in a transaction that is rolled back is gone with it. A number
 * is given out again only after 32768 others of its slot.
 *
 * returns: number of the template (>= 0). Errors as of _add(), and
 *	DLPAR_ERR_TOOBIG     65536 templates are in use
 */
int dlpar_tree_template(struct dlpar_tree *tree, const uint8_t *props,
			size_t props_len);

/* Forget a template; DLPAR_ERR_STALE when it is gone already. */
int dlpar_tree_drop_template(struct dlpar_tree *tree, int template_id);

/**
 * dlpar_tree_stamp() - add a node from a template
 * @patch: values to differ from the template's: a property stream or, with
 *         DLPAR_TREE_SLOTS, records without padding of place in the template
 *         (the first is 0) and length (32 bits each, big-endian), and value
 * @flags: 0, or of DLPAR_TREE_FIRST and DLPAR_TREE_SLOTS
 *
 * returns: its handle. Errors as of _add(), and
 *	DLPAR_ERR_STALE      no such template
 *	DLPAR_ERR_NOTFOUND   the template has no property that a patch names
 *	DLPAR_ERR_BADLENGTH  a patch changes the size
 */
int64_t dlpar_tree_stamp(struct dlpar_tree *tree, int64_t parent,
			 const char *name, size_t len, int template_id,
			 const uint8_t *patch, size_t patch_len,
			 uint32_t flags);

/* Remove a node and its subtree; DLPAR_ERR_BADARG for the root. */
int dlpar_tree_remove(struct dlpar_tree *tree, int64_t node);

/**
 * dlpar_tree_graft() - attach a fragment
 * @err_off:  as in dlpar_tree_parse()
 * @fragment: a flattened tree whose root has no properties; the root's
 *            children, with their subtrees, become the last of @parent
 *
 * All or nothing.
 *
 * returns: handle of the first node attached, or an error of _parse(), or
 *	DLPAR_ERR_EXISTS     one of the names is taken
 *	DLPAR_ERR_BADVALUE   the root has properties or no children
 */
int64_t dlpar_tree_graft(struct dlpar_tree *tree, size_t *err_off,
			 int64_t parent, const uint8_t *fragment, size_t len);

/* The same from another tree; @tree itself is DLPAR_ERR_BADARG. */
int64_t dlpar_tree_graft_tree(struct dlpar_tree *tree, int64_t parent,
			      const struct dlpar_tree *fragment);

/*
 * Copy a subtree out: @fragment becomes a new tree whose root has a copy of
 * @node as its only child. It holds only the names that it uses. The root
 * itself gives DLPAR_ERR_BADARG.
 */
int dlpar_tree_extract(const struct dlpar_tree *tree,
		       struct dlpar_tree **fragment, int64_t node,
		       uint64_t seed);

/*
 * Operations of dlpar_tree_batch(). Flags of _add() and _stamp() stand in the
 * upper half of an operation's 32 bits.
 */
enum dlpar_tree_op {
	DLPAR_TREE_OP_ADD = 1,		/* name, property stream; gives a node */
	DLPAR_TREE_OP_STAMP = 2,	/* name, 32-bit template, patch; a node */
	DLPAR_TREE_OP_SET = 3,		/* name, value */
	DLPAR_TREE_OP_UNSET = 4,	/* name */
	DLPAR_TREE_OP_REMOVE = 5,
	DLPAR_TREE_OP_FIND = 6		/* path below the node; gives a node */
};

/**
 * dlpar_tree_batch() - a stream of edits in one call and one transaction
 * @results: one per operation: the handle of a node made or found, else -1
 * @cap:     room in @results
 * @ops:     records without padding, numbers big-endian: operation (32 bits),
 *           node (64 bits: a handle, or -1 - k for the node that operation k
 *           gave), name length, data length (32 bits each), name, data
 *
 * All or nothing: at the first error everything is undone, and @results[0] is
 * the index of the operation that failed.
 *
 * returns: number of operations, or the error of one, or
 *	DLPAR_ERR_NOSPACE    more operations than @cap
 *	DLPAR_ERR_TRUNCATED  @ops ends within a record
 *	DLPAR_ERR_BADARG     unknown operation, or a node that is none yet
 */
int64_t dlpar_tree_batch(struct dlpar_tree *tree, int64_t *results, size_t cap,
			 const uint8_t *ops, size_t ops_len);

/*
 * Transactions nest. Roll-back restores the tree bit for bit; a handle that
 * became stale within the transaction is valid again.
 */

/* Open one: the depth, 1 for the outermost. */
int dlpar_tree_begin(struct dlpar_tree *tree);
/* Close the innermost; without one open, DLPAR_ERR_NOTXN. */
int dlpar_tree_commit(struct dlpar_tree *tree);
/*
 * Close those from @depth on, which _begin() gave: DLPAR_OK also where that has
 * been done. DLPAR_ERR_BADARG for a depth below 1.
 */
int dlpar_tree_commit_to(struct dlpar_tree *tree, int depth);
int dlpar_tree_rollback(struct dlpar_tree *tree);

/* Bytes that dlpar_tree_flatten() needs. */
int64_t dlpar_tree_flat_size(const struct dlpar_tree *tree);

/**
 * dlpar_tree_flatten() - write the tree as a version 17 blob
 *
 * Runs of subtrees that did not change are copied whole.
 *
 * returns: bytes written, or DLPAR_ERR_NOSPACE and nothing is written
 */
int64_t dlpar_tree_flatten(const struct dlpar_tree *tree, uint8_t *out,
			   size_t cap);

/*
 * What dlpar_tree_flatten() would write, without writing it: its length, and
 * @blob is pointed to it until the next edit. DLPAR_ERR_NOTFOUND where no such
 * copy exists, as after an edit that changed a size.
 */
int64_t dlpar_tree_flat(const struct dlpar_tree *tree, const char **blob);

/**
 * dlpar_tree_compact() - write the tree without the names that nothing uses
 *
 * A name once made stays in the strings block, used or not: here those that no
 * property has are left out, and a name that is the end of another shares its
 * bytes only where it did before. Otherwise as dlpar_tree_flatten(). Takes a
 * fifth of a byte of scratch for each byte of strings.
 *
 * returns: bytes written, or DLPAR_ERR_NOSPACE and nothing is written;
 *	DLPAR_ERR_BUSY, _NOMEM, _TOOBIG
 */
int64_t dlpar_tree_compact(struct dlpar_tree *tree, uint8_t *out, size_t cap);

/* Bytes that dlpar_tree_compact() needs; errors as there. */
int64_t dlpar_tree_compact_size(struct dlpar_tree *tree);
/* cffi: end */

#endif /* DLPAR_TREE_H */
