/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dlpar_connector.h - ibm,configure-connector: serve and collect a fragment.
 *
 * Part of the public header dlpar.h: include that one.
 *
 * A fragment is a flattened device tree blob (version 17) whose nameless root
 * has no properties; the root's children are the delivered nodes, in order.
 * Its memory reserve map is not looked at.
 */
#ifndef DLPAR_CONNECTOR_H
#define DLPAR_CONNECTOR_H

/* cffi: begin */
/* Bytes of a work area, and where its data begins. */
#define DLPAR_CONNECTOR_AREA_LEN 4096
#define DLPAR_CONNECTOR_DATA_OFF 20

/* Nodes inside each other, at most; Linux unflattens no more either. */
#define DLPAR_CONNECTOR_MAX_DEPTH 64

/* Bytes of a fragment, at most: twice what QEMU allows a whole tree. */
#define DLPAR_CONNECTOR_MAX_FRAGMENT 0x400000

/* Siblings come with NEXT_SIBLING (LoPAR), not with 4 and 2 as from QEMU. */
#define DLPAR_CONNECTOR_SIBLING_STATUS 0x1

/* What an answer of ibm,configure-connector delivers (LoPAR 13.5.3.5). */
enum dlpar_connector_status {
	DLPAR_CONNECTOR_COMPLETE = 0,
	DLPAR_CONNECTOR_NEXT_SIBLING = 1,
	DLPAR_CONNECTOR_NEXT_CHILD = 2,
	DLPAR_CONNECTOR_NEXT_PROPERTY = 3,
	DLPAR_CONNECTOR_PREVIOUS_PARENT = 4,
	DLPAR_CONNECTOR_MORE_MEMORY = 5
};

/*
 * Where firmware stands in a fragment. All zero is its beginning. It belongs
 * to the DRC, not to the work area: who abandons a sequence goes on in the
 * middle; after completion the next call begins again.
 */
struct dlpar_connector_cursor {
	uint32_t off;		/* next token, in the structure block */
	uint32_t depth;		/* open nodes below the root */
};

/* Slots in which a fragment's writer remembers property names. */
#define DLPAR_FRAGMENT_NAMES 64

/*
 * A fragment being written into a buffer of the caller: tokens grow from its
 * start, property names from its end, so @names counts from the end.
 */
struct dlpar_fragment_writer {
	uint32_t tokens_len;
	uint32_t names_len;
	uint32_t depth;		/* open nodes below the root */
	uint32_t n_nodes;
	uint32_t names[DLPAR_FRAGMENT_NAMES];
};

/* What the OS has collected so far. All zero is a new one. */
struct dlpar_connector_collector {
	struct dlpar_fragment_writer writer;
	uint32_t n_calls;
	int32_t state;		/* 0 open, 1 complete, negative: its error */
	uint32_t props_allowed;	/* no child of this node was visited yet */
	uint32_t reserved;
};

/* How a walk went. */
struct dlpar_connector_walked {
	uint32_t n_calls;
	int32_t status;		/* of the last call */
};

/* One item of a fragment, with offsets from the start of the blob. */
enum dlpar_fragment_kind {
	DLPAR_FRAGMENT_NODE = 1,
	DLPAR_FRAGMENT_PROPERTY = 2,
	DLPAR_FRAGMENT_END = 3
};

struct dlpar_fragment_item {
	uint32_t kind;
	uint32_t name_off;
	uint32_t name_len;	/* without the NUL */
	uint32_t value_off;
	uint32_t value_len;
};

/* Operations of dlpar_fragment_build(); below them: a property's length. */
#define DLPAR_FRAGMENT_OP_NODE 0xffffffff
#define DLPAR_FRAGMENT_OP_END 0xfffffffe

/**
 * dlpar_fragment_items() - check a fragment and list what it holds
 * @items:   result; NULL: only count
 * @cap:     items that fit into @items
 * @err_off: NULL, or set on error to the first byte not understood
 * @frag:    the fragment
 * @len:     bytes in @frag; bytes after its total size are ignored
 *
 * The root itself is not listed. A node ends with a DLPAR_FRAGMENT_END.
 *
 * Source: Devicetree Specification 0.4, chapter 5.
 *
 * returns: the number of items (> 0), or
 *	DLPAR_ERR_TRUNCATED  shorter than its header
 *	DLPAR_ERR_BADMAGIC   not a flattened tree
 *	DLPAR_ERR_BADVERSION not compatible with version 17
 *	DLPAR_ERR_TOTALSIZE, DLPAR_ERR_ALIGNMENT, DLPAR_ERR_BLOCK,
 *	DLPAR_ERR_TOKEN, DLPAR_ERR_NESTING, DLPAR_ERR_PROPLEN,
 *	DLPAR_ERR_NAMEOFF, DLPAR_ERR_STRING, DLPAR_ERR_PROPORDER,
 *	DLPAR_ERR_NOROOT, DLPAR_ERR_NOEND: see there
 *	DLPAR_ERR_NODENAME   a name that is unterminated or not allowed: the
 *	                     root has none, others are graphic, without '/'
 *	DLPAR_ERR_BADVALUE   the root has a property or no child, or a
 *	                     property's name is not allowed
 *	DLPAR_ERR_TOOBIG     DLPAR_CONNECTOR_MAX_DEPTH or _MAX_FRAGMENT
 *	DLPAR_ERR_NOSPACE    more than @cap items
 */
int dlpar_fragment_items(struct dlpar_fragment_item *items, size_t cap,
			 size_t *err_off, const uint8_t *frag, size_t len);

/**
 * dlpar_fragment_build() - make a fragment
 * @out:        result; undefined on error
 * @cap:        bytes that fit into @out
 * @err_op:     NULL, or set on error to the index of the operation at fault,
 *              @n_ops when it is none of them
 * @ops:        DLPAR_FRAGMENT_OP_NODE opens a node, _OP_END closes it, any
 *              other value is a property with a value of so many bytes
 * @n_ops:      number of @ops
 * @names:      NUL-terminated names of nodes and properties, in order
 * @names_len:  bytes in @names
 * @values:     values of properties, in order
 * @values_len: bytes in @values
 *
 * returns: bytes written, or
 *	DLPAR_ERR_NOSPACE    @cap is too small
 *	DLPAR_ERR_TRUNCATED  @names or @values end too early
 *	DLPAR_ERR_BADLENGTH  some of @names or @values are left over
 *	DLPAR_ERR_NODENAME   a node's name is not allowed
 *	DLPAR_ERR_BADVALUE   a property's name is not allowed
 *	DLPAR_ERR_PROPORDER  a property outside a node or after a child
 *	DLPAR_ERR_NESTING    nodes that are not closed, or closed twice
 *	DLPAR_ERR_NOROOT     no node at all
 *	DLPAR_ERR_TOOBIG     DLPAR_CONNECTOR_MAX_DEPTH or _MAX_FRAGMENT
 */
int dlpar_fragment_build(uint8_t *out, size_t cap, size_t *err_op,
			 const uint32_t *ops, size_t n_ops,
			 const uint8_t *names, size_t names_len,
			 const uint8_t *values, size_t values_len);

/**
 * dlpar_connector_begin() - fill a new work area for a DRC
 * @area:      result, DLPAR_CONNECTOR_AREA_LEN bytes
 * @drc_index: the connector
 */
void dlpar_connector_begin(uint8_t *area, uint32_t drc_index);

/* The DRC index that a work area of DLPAR_CONNECTOR_AREA_LEN bytes names. */
uint32_t dlpar_connector_drc_index(const uint8_t *area);

/**
 * dlpar_connector_serve() - firmware's side of one call
 * @cursor: where the fragment is to go on; moved, except on -1
 * @area:   work area, DLPAR_CONNECTOR_AREA_LEN bytes
 * @frag:   the fragment; the same one until completion
 * @len:    bytes in @frag
 * @flags:  0 or DLPAR_CONNECTOR_SIBLING_STATUS
 *
 * As QEMU: a name stands at DLPAR_CONNECTOR_DATA_OFF, a value directly after
 * the name of its property, both cut at the area's end without notice. Cells
 * that a status does not need keep what they held. The first node comes with
 * NEXT_CHILD. The end of the last top node is COMPLETE, which moves the
 * cursor to the beginning; the end of any other node is PREVIOUS_PARENT.
 *
 * Source: QEMU hw/ppc/spapr_drc.c rtas_ibm_configure_connector().
 *
 * returns: the RTAS status: enum dlpar_connector_status, or
 *	DLPAR_RTAS_HARDWARE_ERROR  the fragment ends or is malformed here, or
 *	                           unknown bits in @flags
 */
int dlpar_connector_serve(struct dlpar_connector_cursor *cursor,
			  uint8_t *area, const uint8_t *frag, size_t len,
			  uint32_t flags);

/**
 * dlpar_connector_collect() - the OS's side of one call
 * @collector: what was collected; unchanged on DLPAR_ERR_NOSPACE, and
 *             unusable after any other error, which every later call repeats
 * @out:       buffer of the fragment, the same content in every call
 * @cap:       bytes in @out
 * @err_off:   NULL, or set on error to the byte of @area not understood; left
 *             alone where no byte is to blame
 * @area:      work area, DLPAR_CONNECTOR_AREA_LEN bytes
 * @status:    what the call returned
 *
 * A strict stack machine where Linux (dlpar_configure_connector) follows
 * pointers: a node delivered by NEXT_CHILD is appended to its siblings, and
 * every offset is checked. NEXT_SIBLING, and PREVIOUS_PARENT followed by
 * NEXT_CHILD, give the same fragment. PREVIOUS_PARENT from a top node leads
 * to the connector's parent, where only more top nodes can follow.
 *
 * returns: 1 to go on, 0 when complete, or
 *	DLPAR_ERR_NOSPACE    @cap is too small: grow, see
 *	                     dlpar_connector_grow(), and repeat the call
 *	DLPAR_ERR_SEQUENCE   @status is not allowed at this point
 *	DLPAR_ERR_WORKAREA   an offset, a length or a name leaves @area, or
 *	                     points into its header
 *	DLPAR_ERR_NODENAME   a node's name is not allowed
 *	DLPAR_ERR_BADVALUE   a property's name is not allowed
 *	DLPAR_ERR_STATUS     @status is none of 0 to 4
 *	DLPAR_ERR_TOOBIG     DLPAR_CONNECTOR_MAX_DEPTH or _MAX_FRAGMENT
 */
int dlpar_connector_collect(struct dlpar_connector_collector *collector,
			    uint8_t *out, size_t cap, size_t *err_off,
			    const uint8_t *area, int32_t status);

/**
 * dlpar_connector_grow() - move a fragment in the making to a larger buffer
 * @out:       the larger buffer
 * @cap:       bytes in @out, at least @old_cap
 * @collector: what was collected
 * @old:       the buffer so far
 * @old_cap:   bytes in @old
 *
 * returns: 0, or
 *	DLPAR_ERR_BADARG     @cap is below @old_cap
 */
int dlpar_connector_grow(uint8_t *out, size_t cap,
			 const struct dlpar_connector_collector *collector,
			 const uint8_t *old, size_t old_cap);

/**
 * dlpar_connector_finish() - make a blob of what was collected
 * @out:       the collector's buffer; then the fragment
 * @cap:       bytes in @out
 * @collector: complete; unusable afterwards
 *
 * returns: bytes of the fragment, or
 *	DLPAR_ERR_SEQUENCE   the collector is not complete, or was finished
 *	any error that dlpar_connector_collect() ended with
 */
int dlpar_connector_finish(uint8_t *out, size_t cap,
			   struct dlpar_connector_collector *collector);

/**
 * dlpar_connector_walk() - call until complete, both sides in one
 * @out:       the collected fragment; undefined on error
 * @cap:       bytes that fit into @out
 * @statuses:  status of every call, in order
 * @n_max:     statuses that fit; @len / 4 are enough
 * @walked:    number of calls, status of the last one
 * @cursor:    firmware's, which may stand in the middle; moved as by the
 *             calls made, except on DLPAR_ERR_NOSPACE
 * @drc_index: put into the work area
 * @frag:      the fragment to serve
 * @len:       bytes in @frag
 * @flags:     as for dlpar_connector_serve()
 *
 * returns: bytes of the collected fragment, or what
 * dlpar_connector_collect() returns, with @statuses and @walked set; or
 *	DLPAR_ERR_NOSPACE    @cap or @n_max is too small, nothing has happened
 */
int dlpar_connector_walk(uint8_t *out, size_t cap, int32_t *statuses,
			 size_t n_max, struct dlpar_connector_walked *walked,
			 struct dlpar_connector_cursor *cursor,
			 uint32_t drc_index, const uint8_t *frag, size_t len,
			 uint32_t flags);
/* cffi: end */

#endif /* DLPAR_CONNECTOR_H */
