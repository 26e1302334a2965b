/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dlpar_dts.h - a device tree as source text.
 *
 * What `dtc -I dtb -O dts` (1.6) writes, byte for byte: nodes and properties
 * in tree order, and a value as text where all of it can be read, else as
 * cells, else as bytes. That is for the eye, and compiles to the same tree; a
 * type is guessed nowhere else.
 *
 * It differs from dtc in three points. A property "name" is kept where dtc
 * leaves out one that repeats the node's name. A NUL before an octal digit is
 * written \000 where dtc 1.6 writes \0, which it would read back as another
 * character. And labels are written only on demand.
 *
 * Threads: as dlpar_tree.h. Part of the public header dlpar.h: include that.
 */
#ifndef DLPAR_DTS_H
#define DLPAR_DTS_H

/* cffi: begin */
/* First the version and the reserve map: the text is one of a whole tree. */
#define DLPAR_DTS_HEADER 1
/* "a", "b" for a list of strings, as dtc 1.7 has it; not "a\0b" as dtc 1.6. */
#define DLPAR_DTS_STRING_LISTS 2

struct dlpar_tree_label {
	int64_t node;			/* handle */
	const char *name;		/* in the tree, until the next edit */
	uint32_t name_len;
	uint32_t rank;			/* of the symbol among its siblings */
};

/**
 * dlpar_tree_labels() - what node has which label, by the node __symbols__
 * @out: labels sorted for dlpar_tree_dts(); when there are more than @cap,
 *       the first @cap found, in no order
 *
 * Left out: names that are no labels in source form, values that are not the
 * path of a node, and labels of the root, where source has no place for one.
 *
 * returns: how many there are
 */
int64_t dlpar_tree_labels(const struct dlpar_tree *tree,
			  struct dlpar_tree_label *out, size_t cap);

/**
 * dlpar_tree_dts() - a subtree as source text
 * @out:      the text, without a NUL; undefined where it does not fit
 * @cap:      room in @out; 0 measures
 * @labels:   of dlpar_tree_labels() since the last edit; NULL with 0: none
 * @flags:    0, or of DLPAR_DTS_HEADER, DLPAR_DTS_STRING_LISTS
 *
 * Indentation is a tab a level: the text of a tree grows with the square of
 * its depth, which is why what does not fit is measured, never written.
 *
 * Source: Devicetree Specification 0.4, chapter 6; dtc 1.6.1 and 1.7.
 *
 * returns: length of the text in bytes, written when that is at most @cap, or
 *	DLPAR_ERR_STALE   the node is gone
 *	DLPAR_ERR_NOMEM   longer than the tree's memory limit
 *	DLPAR_ERR_TOOBIG  longer than DLPAR_TREE_SIZE_MAX
 */
int64_t dlpar_tree_dts(const struct dlpar_tree *tree, char *out, size_t cap,
		       int64_t node, const struct dlpar_tree_label *labels,
		       size_t n_labels, uint32_t flags);

/*
 * One value by the same rule, "" for none: its length, written when that is at
 * most @cap; or DLPAR_ERR_TOOBIG.
 */
int64_t dlpar_dts_value(char *out, size_t cap, const uint8_t *value,
			size_t len, uint32_t flags);
/* cffi: end */

#endif /* DLPAR_DTS_H */
