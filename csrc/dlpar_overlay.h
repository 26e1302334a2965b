/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dlpar_overlay.h - device tree overlays: what a .dtbo says, done to a tree.
 *
 * An overlay is a tree of fragments, each with a target in the base and a node
 * __overlay__ to merge into it. Phandles of the overlay are moved above those
 * of the base, references to nodes of the base are filled in by its symbols.
 * What cannot be applied says which fragment, symbol and property is to blame,
 * and leaves both trees as they were.
 *
 * Part of the public header dlpar.h: include that one.
 */
#ifndef DLPAR_OVERLAY_H
#define DLPAR_OVERLAY_H

/* cffi: begin */
/* Why an overlay does not apply. "The base" is the tree it is applied to. */
enum dlpar_overlay_reason {
	DLPAR_OVERLAY_NONE = 0,
	/* The base lacks what the overlay needs: DLPAR_ERR_NOTFOUND. */
	DLPAR_OVERLAY_NO_SYMBOLS = 1,	/* base without /__symbols__ */
	DLPAR_OVERLAY_NO_SYMBOL = 2,	/* base without this symbol */
	DLPAR_OVERLAY_SYMBOL_NODE = 3,	/* the symbol names no node */
	DLPAR_OVERLAY_SYMBOL_PHANDLE = 4,	/* its node has no phandle */
	DLPAR_OVERLAY_TARGET_NODE = 5,	/* no node has the target's phandle */
	DLPAR_OVERLAY_TARGET_PATH = 6,	/* no node has the target's path */
	/* The overlay is malformed: DLPAR_ERR_OVERLAY. */
	DLPAR_OVERLAY_PHANDLE_LENGTH = 10,	/* a phandle not of 4 bytes */
	DLPAR_OVERLAY_PHANDLE_RANGE = 11,	/* above the base's: none left */
	DLPAR_OVERLAY_LOCAL_NODE = 12,	/* local fixup of a node there is not */
	DLPAR_OVERLAY_LOCAL_LENGTH = 13,	/* of offsets not of 4 bytes */
	DLPAR_OVERLAY_FIXUP_FORM = 14,	/* fixup not "path:property:offset" */
	DLPAR_OVERLAY_FIXUP_NODE = 15,	/* of a node there is not */
	DLPAR_OVERLAY_FIXUP_PROPERTY = 16,	/* of a property there is not */
	DLPAR_OVERLAY_FIXUP_OFFSET = 17,	/* beyond the property's value */
	DLPAR_OVERLAY_NO_TARGET = 18,	/* fragment without a target */
	DLPAR_OVERLAY_TARGET_VALUE = 19,	/* the target is no phandle, path */
	DLPAR_OVERLAY_LABEL_PATH = 20,	/* a symbol that is no path */
	DLPAR_OVERLAY_LABEL_FRAGMENT = 21,	/* a symbol in no fragment */
	/* The merge failed: the error of the edit. */
	DLPAR_OVERLAY_EDIT = 30
};

/*
 * Where it went wrong, as far as the reason has it. Pointers lead into one of
 * the trees and hold until that is next edited.
 */
struct dlpar_overlay_error {
	uint32_t reason;		/* enum dlpar_overlay_reason */
	uint32_t offset;		/* byte of a property, or 0 */
	int64_t node;			/* a node of the overlay, or -1 */
	const char *prop;		/* its property, or NULL */
	const char *text;		/* the path, name or fixup, or NULL */
	uint32_t prop_len, text_len;
};

/**
 * dlpar_tree_overlay() - apply an overlay to a tree
 * @tree:    the base
 * @error:   NULL, or set to why and where; reason 0 on success and where the
 *           code says all
 * @overlay: as dlpar_tree_parse() made it of a .dtbo; changed meanwhile, and
 *           what it was when the call returns
 * @flags:   0 or DLPAR_TREE_FIRST, which gives the order of libfdt: new nodes
 *           become first children, else last ones
 *
 * In this order: phandles of the overlay, and references to them by
 * __local_fixups__, grow by the largest phandle of the base; places that
 * __fixups__ lists get the phandle of the node that the base's __symbols__
 * names; where a node of the overlay with a phandle meets one of the base that
 * has one, the base's stays and references follow it; each child of the
 * overlay's root that has a child __overlay__ is merged into the node that its
 * property target (a phandle) or target-path (a path, or one that begins with
 * an alias) gives; symbols of the overlay become symbols of the base.
 *
 * Merging sets the properties and goes on with the children. A child whose name
 * has no unit address is merged into one of the base that differs only by that,
 * as in libfdt; below a node that the overlay adds names are compared whole.
 * Of equal property names the first counts.
 *
 * All or nothing. Source: dtc, Documentation/dt-object-internal.txt; the
 * behaviour of fdt_overlay_apply() of libfdt 1.7.1 and later.
 *
 * returns: DLPAR_OK, DLPAR_ERR_NOTFOUND or DLPAR_ERR_OVERLAY as the reason has
 *	it, an error of dlpar_tree_set() or _add(), or
 *	DLPAR_ERR_BADARG     @overlay is @tree
 *	DLPAR_ERR_BUSY       another thread is in one of them
 */
int dlpar_tree_overlay(struct dlpar_tree *tree,
		       struct dlpar_overlay_error *error,
		       struct dlpar_tree *overlay, uint32_t flags);

/* A reason in words, never NULL; static. */
const char *dlpar_overlay_reason_text(uint32_t reason);
/* cffi: end */

#endif /* DLPAR_OVERLAY_H */
