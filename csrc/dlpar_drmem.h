/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dlpar_drmem.h - LMB tables: ibm,dynamic-memory, -v2 and lookup arrays.
 *
 * Part of the public header dlpar.h: include that one. Every table lies in
 * the caller's memory; nothing here allocates or keeps a pointer.
 */
#ifndef DLPAR_DRMEM_H
#define DLPAR_DRMEM_H

/* cffi: begin */
/*
 * LMBs in one table, at most: 256 TiB of the usual 256 MiB. A v2 property of
 * 28 bytes can claim 2^32 of them, so the claim is checked against this.
 */
#define DLPAR_DRMEM_MAX_LMBS 0x100000

/* Flag kept in memory while a request runs; never read or written. */
#define DLPAR_LMB_MARKED 0x80000000

/* Associativity index of an LMB without one. */
#define DLPAR_LMB_AA_NONE 0xffffffff

/* Merge v2 sets as Linux does: by associativity index and flags alone. */
#define DLPAR_DRMEM_MERGE_KERNEL 0x1

/* What dlpar_drmem_sort() and dlpar_drmem_find() look at. */
enum dlpar_drmem_key {
	DLPAR_DRMEM_KEY_DRC = 0,
	DLPAR_DRMEM_KEY_BASE = 1
};

/* A logical memory block, in host byte order. */
struct dlpar_lmb {
	uint64_t base;		/* real address of the first byte */
	uint32_t drc_index;	/* not unique: QEMU lists index 0 many times */
	uint32_t aa_index;	/* row of the lookup arrays */
	uint32_t flags;		/* DLPAR_LMB_* */
	uint32_t reserved;	/* 0 */
};

/**
 * dlpar_drmem_v1_count() - check ibm,dynamic-memory and count its LMBs
 * @err_off:       NULL, or set on error to the first byte not understood
 * @data:          the property's value
 * @len:           bytes in @data
 * @address_cells: cells of a base address: the root's #address-cells, 1 or 2
 *
 * Source: LoPAR C.6.6.2; Linux drmem.c __walk_drmem_v1_lmbs().
 *
 * returns: the number of LMBs (>= 0), or
 *	DLPAR_ERR_BADARG     @address_cells is neither 1 nor 2
 *	DLPAR_ERR_TRUNCATED  the value ends before its last record does
 *	DLPAR_ERR_BADLENGTH  bytes after the last record
 *	DLPAR_ERR_TOOBIG     more than DLPAR_DRMEM_MAX_LMBS
 */
int dlpar_drmem_v1_count(size_t *err_off, const uint8_t *data, size_t len,
			 uint32_t address_cells);

/**
 * dlpar_drmem_v1_decode() - ibm,dynamic-memory to a table
 * @lmbs:          result; untouched on error
 * @cap:           records that fit into @lmbs
 * @err_off:       as in dlpar_drmem_v1_count(), like the arguments after it
 * @data:          the property's value
 * @len:           bytes in @data
 * @address_cells: cells of a base address
 *
 * The reserved word of a record is skipped, DLPAR_LMB_MARKED is cleared.
 *
 * returns: the number of LMBs, or what dlpar_drmem_v1_count() returns, or
 *	DLPAR_ERR_NOSPACE    more than @cap LMBs
 */
int dlpar_drmem_v1_decode(struct dlpar_lmb *lmbs, size_t cap, size_t *err_off,
			  const uint8_t *data, size_t len,
			  uint32_t address_cells);

/**
 * dlpar_drmem_v1_encode() - a table to ibm,dynamic-memory
 * @out:           result; untouched on error. NULL: only tell the length
 * @cap:           bytes that fit into @out
 * @lmbs:          the table
 * @n_lmbs:        its rows
 * @address_cells: cells to write a base address with
 *
 * Reserved words are written as 0, flags without DLPAR_LMB_MARKED.
 * Linux always writes two address cells, even where it reads one.
 *
 * returns: bytes written, or
 *	DLPAR_ERR_BADARG     @address_cells is neither 1 nor 2, a base needs
 *	                     two of them, or more than DLPAR_DRMEM_MAX_LMBS
 *	DLPAR_ERR_NOSPACE    @cap is too small
 */
int dlpar_drmem_v1_encode(uint8_t *out, size_t cap,
			  const struct dlpar_lmb *lmbs, size_t n_lmbs,
			  uint32_t address_cells);

/**
 * dlpar_drmem_v2_count() - check ibm,dynamic-memory-v2 and count its LMBs
 * @err_off:  NULL, or set on error to the first byte not understood
 * @data:     the property's value
 * @len:      bytes in @data
 * @lmb_size: bytes of one LMB
 *
 * Source: LoPAR C.6.6.2; Linux drmem.c __walk_drmem_v2_lmbs().
 *
 * returns: the number of LMBs after expansion of the sets (>= 0), or
 *	DLPAR_ERR_BADARG     @lmb_size is 0
 *	DLPAR_ERR_TRUNCATED  the value ends before its last set does
 *	DLPAR_ERR_BADLENGTH  bytes after the last set
 *	DLPAR_ERR_BADVALUE   a base or DRC index of a set's last LMB wraps
 *	DLPAR_ERR_TOOBIG     more than DLPAR_DRMEM_MAX_LMBS
 */
int dlpar_drmem_v2_count(size_t *err_off, const uint8_t *data, size_t len,
			 uint64_t lmb_size);

/**
 * dlpar_drmem_v2_decode() - ibm,dynamic-memory-v2 to a table
 * @lmbs:     result; untouched on error
 * @cap:      records that fit into @lmbs
 * @err_off:  as in dlpar_drmem_v2_count(), like the arguments after it
 * @data:     the property's value
 * @len:      bytes in @data
 * @lmb_size: bytes of one LMB
 *
 * LMB j of a set has j LMB sizes added to the set's base, and j to its DRC
 * index. DLPAR_LMB_MARKED is cleared.
 *
 * returns: the number of LMBs, or what dlpar_drmem_v2_count() returns, or
 *	DLPAR_ERR_NOSPACE    more than @cap LMBs
 */
int dlpar_drmem_v2_decode(struct dlpar_lmb *lmbs, size_t cap, size_t *err_off,
			  const uint8_t *data, size_t len, uint64_t lmb_size);

/**
 * dlpar_drmem_v2_encode() - a table to ibm,dynamic-memory-v2
 * @out:      result; untouched on error. NULL: only tell the length
 * @cap:      bytes that fit into @out
 * @lmbs:     the table
 * @n_lmbs:   its rows
 * @lmb_size: bytes of one LMB
 * @flags:    0 or DLPAR_DRMEM_MERGE_KERNEL
 *
 * A set ends where the associativity index or the flags change, and where
 * base or DRC index do not follow on. Linux (drmem_update_dt_v2) looks at
 * the first two only, so that sets which are not adjacent merge into one
 * with wrong addresses: DLPAR_DRMEM_MERGE_KERNEL gives that, for comparison.
 *
 * returns: bytes written, or
 *	DLPAR_ERR_BADARG     unknown bits in @flags, or more than
 *	                     DLPAR_DRMEM_MAX_LMBS
 *	DLPAR_ERR_NOSPACE    @cap is too small
 */
int dlpar_drmem_v2_encode(uint8_t *out, size_t cap,
			  const struct dlpar_lmb *lmbs, size_t n_lmbs,
			  uint64_t lmb_size, uint32_t flags);

/**
 * dlpar_drmem_sort() - make the index that dlpar_drmem_find() searches
 * @order:   result: the table's positions in ascending order of the key,
 *           equal keys in table order; room for @n_lmbs
 * @scratch: room for @n_lmbs; content afterwards undefined
 * @lmbs:    the table; the index stays valid while keys do not change
 * @n_lmbs:  its rows
 * @key:     enum dlpar_drmem_key
 *
 * Linear in @n_lmbs whatever the keys are.
 *
 * returns: 0, or
 *	DLPAR_ERR_BADARG     unknown @key, or more than DLPAR_DRMEM_MAX_LMBS
 */
int dlpar_drmem_sort(uint32_t *order, uint32_t *scratch,
		     const struct dlpar_lmb *lmbs, size_t n_lmbs, int key);

/**
 * dlpar_drmem_find() - position of the first LMB, in table order, with a key
 * @order:  what dlpar_drmem_sort() made of the same table and key
 * @lmbs:   the table
 * @n_lmbs: its rows
 * @key:    enum dlpar_drmem_key
 * @value:  the DRC index, or base address, looked for
 *
 * returns: the position (>= 0), or
 *	DLPAR_ERR_BADARG     unknown @key
 *	DLPAR_ERR_NOTFOUND   no LMB has it
 */
int dlpar_drmem_find(const uint32_t *order, const struct dlpar_lmb *lmbs,
		     size_t n_lmbs, int key, uint64_t value);

/**
 * dlpar_drmem_count() - count LMBs whose (flags & @mask) == @value
 * @lmbs:   the table
 * @n_lmbs: its rows
 * @mask:   bits to look at
 * @value:  what they must be
 * @limit:  stop once so many are found
 *
 * Removable by its flags is an LMB that is ASSIGNED and not RESERVED: @mask
 * both, @value ASSIGNED. Free is neither: @mask both, @value 0.
 *
 * returns: the number found (<= @limit), or
 *	DLPAR_ERR_BADARG     more than DLPAR_DRMEM_MAX_LMBS
 */
int dlpar_drmem_count(const struct dlpar_lmb *lmbs, size_t n_lmbs,
		      uint32_t mask, uint32_t value, size_t limit);

/**
 * dlpar_drmem_next() - next LMB whose (flags & @mask) == @value
 * @lmbs:   the table
 * @n_lmbs: its rows
 * @from:   position to begin at; may be @n_lmbs or above
 * @mask:   bits to look at
 * @value:  what they must be
 *
 * returns: the position (>= @from), or
 *	DLPAR_ERR_BADARG     more than DLPAR_DRMEM_MAX_LMBS
 *	DLPAR_ERR_NOTFOUND   none up to the table's end
 */
int dlpar_drmem_next(const struct dlpar_lmb *lmbs, size_t n_lmbs, size_t from,
		     uint32_t mask, uint32_t value);

/**
 * dlpar_drmem_change_flags() - clear, then set flag bits of a range of LMBs
 * @lmbs:   the table; untouched on error
 * @n_lmbs: its rows
 * @from:   first position
 * @n:      number of LMBs
 * @clear:  bits to clear
 * @set:    bits to set
 *
 * returns: 0, or
 *	DLPAR_ERR_BADARG     the range leaves the table
 */
int dlpar_drmem_change_flags(struct dlpar_lmb *lmbs, size_t n_lmbs,
			     size_t from, size_t n, uint32_t clear,
			     uint32_t set);

/**
 * dlpar_drmem_alike() - end of a run of LMBs with equal flags and associativity
 * @lmbs:   the table
 * @n_lmbs: its rows
 * @from:   first position
 * @limit:  look at so many rows at most
 *
 * returns: the position (> @from) of the first that differs from the one at
 * @from, or where looking ended, or
 *	DLPAR_ERR_BADARG     @from is not in the table, @limit is 0, or more than
 *	                     DLPAR_DRMEM_MAX_LMBS
 */
int dlpar_drmem_alike(const struct dlpar_lmb *lmbs, size_t n_lmbs, size_t from,
		      size_t limit);

/**
 * dlpar_drmem_fill() - give a range of LMBs the same flags and associativity
 * @lmbs:     the table; untouched on error
 * @n_lmbs:   its rows
 * @from:     first position
 * @n:        number of LMBs
 * @flags:    of each from now on
 * @aa_index: likewise
 *
 * returns: 0, or
 *	DLPAR_ERR_BADARG     the range leaves the table
 */
int dlpar_drmem_fill(struct dlpar_lmb *lmbs, size_t n_lmbs, size_t from,
		     size_t n, uint32_t flags, uint32_t aa_index);

/* How dlpar_drmem_store() is to encode a table. */
struct dlpar_drmem_form {
	uint64_t lmb_size;	/* bytes of one LMB, for version 2 */
	uint32_t address_cells;	/* of a base address, for version 1 */
	uint32_t flags;		/* of dlpar_drmem_v2_encode(), for version 2 */
};

/* What dlpar_drmem_store() found and did; the lengths are of what it copied. */
struct dlpar_drmem_stored {
	size_t old_len;		/* the value that was there, at the start */
	size_t new_len;		/* the table as it is now, behind it */
	size_t path_len;	/* the node's path, without a NUL, behind that */
	int changed;		/* the two differ, and the new one was written */
};

/**
 * dlpar_drmem_store() - write a table to the property that a node has for it
 * @tree:   the tree; untouched on error
 * @did:    result; untouched on error
 * @out:    old value, new value and path, one behind the other
 * @cap:    bytes that fit into @out
 * @path:   of the node, /ibm,dynamic-reconfiguration-memory
 * @len:    bytes in @path
 * @lmbs:   the table
 * @n_lmbs: its rows
 * @form:   how to encode it
 *
 * A node that has both properties has version 1 written, as in Linux
 * drmem_update_dt(). An equal value is not written again.
 *
 * returns: 1 or 2, the version of the property, or what the encoders,
 * dlpar_tree_path() and dlpar_tree_set() return, or
 *	DLPAR_ERR_NOTFOUND   there is no such node, or it has neither property
 *	DLPAR_ERR_NOSPACE    @cap is too small for all three
 */
int dlpar_drmem_store(struct dlpar_tree *tree, struct dlpar_drmem_stored *did,
		      uint8_t *out, size_t cap, const char *path, size_t len,
		      const struct dlpar_lmb *lmbs, size_t n_lmbs,
		      const struct dlpar_drmem_form *form);

/* Shape of ibm,associativity-lookup-arrays. */
struct dlpar_lookup {
	uint32_t n_arrays;
	uint32_t n_cells;	/* of each array */
};

/**
 * dlpar_lookup_decode() - check ibm,associativity-lookup-arrays
 * @lookup:  result; untouched on error
 * @err_off: NULL, or set on error to the first byte not understood
 * @data:    the property's value: N, M, then N arrays of M cells
 * @len:     bytes in @data
 *
 * Source: LoPAR C.6.6.2; Linux numa.c of_get_assoc_arrays(), which accepts
 * bytes after the last array.
 *
 * returns: 0, or
 *	DLPAR_ERR_TRUNCATED  the value ends inside an array
 *	DLPAR_ERR_BADLENGTH  bytes after the last array
 *	DLPAR_ERR_BADVALUE   there are arrays, but of no cells
 */
int dlpar_lookup_decode(struct dlpar_lookup *lookup, size_t *err_off,
			const uint8_t *data, size_t len);

/**
 * dlpar_lookup_get() - copy one array out
 * @cells:   result, host byte order; untouched on error
 * @n_cells: room in @cells; must be the arrays' length exactly
 * @data:    the property's value
 * @len:     bytes in @data
 * @index:   which array
 *
 * returns: 0, or what dlpar_lookup_decode() returns, or
 *	DLPAR_ERR_BADARG     @n_cells is not the arrays' length
 *	DLPAR_ERR_NOTFOUND   there are not so many arrays
 */
int dlpar_lookup_get(uint32_t *cells, size_t n_cells, const uint8_t *data,
		     size_t len, size_t index);

/**
 * dlpar_lookup_find() - index of the first array equal to @cells
 * @data:    the property's value
 * @len:     bytes in @data
 * @cells:   the cells looked for, host byte order
 * @n_cells: their number
 *
 * Linux (update_lmb_associativity_index) compares without looking at the
 * length; here a different one is an error.
 *
 * returns: the index, or what dlpar_lookup_decode() returns, or
 *	DLPAR_ERR_BADARG     @n_cells is not the arrays' length
 *	DLPAR_ERR_NOTFOUND   no array is equal
 */
int dlpar_lookup_find(const uint8_t *data, size_t len, const uint32_t *cells,
		      size_t n_cells);

/**
 * dlpar_lookup_append() - the property's value with one more array at its end
 * @out:     result; untouched on error; must not overlap @data
 * @cap:     bytes that fit into @out; @len and 4 * @n_cells are needed
 * @data:    the property's value
 * @len:     bytes in @data
 * @cells:   the new array, host byte order
 * @n_cells: its length
 *
 * In a table with N and M 0 the first array decides the length of all.
 *
 * returns: bytes written, or what dlpar_lookup_decode() returns, or
 *	DLPAR_ERR_BADARG     @n_cells is 0 or not the arrays' length
 *	DLPAR_ERR_NOSPACE    @cap is too small
 *	DLPAR_ERR_TOOBIG     the result would not fit an int
 */
int dlpar_lookup_append(uint8_t *out, size_t cap, const uint8_t *data,
			size_t len, const uint32_t *cells, size_t n_cells);
/* cffi: end */

#endif /* DLPAR_DRMEM_H */
