// SPDX-License-Identifier: Apache-2.0
/*
 * error.c - the text of every error code.
 *
 * One short phrase each, lower case, without a full stop: callers add where
 * and what was expected.
 */
#include "dlpar.h"

static const struct {
	int code;
	const char *text;
} texts[] = {
	{ DLPAR_OK, "success" },
	{ DLPAR_ERR_NOTFOUND, "not found" },
	{ DLPAR_ERR_EXISTS, "exists already" },
	{ DLPAR_ERR_NOSPACE, "output buffer too small" },
	{ DLPAR_ERR_STALE, "the node of this handle is gone" },
	{ DLPAR_ERR_BUSY, "in use by another thread" },
	{ DLPAR_ERR_CONFLICT, "not what the patch expects" },
	{ DLPAR_ERR_BADARG, "bad argument" },
	{ DLPAR_ERR_BADPATH, "bad path" },
	{ DLPAR_ERR_NOMEM, "out of memory" },
	{ DLPAR_ERR_NOTXN, "no transaction is open" },
	{ DLPAR_ERR_TRUNCATED, "ends inside a record" },
	{ DLPAR_ERR_BADMAGIC, "wrong magic number" },
	{ DLPAR_ERR_BADVALUE, "value not allowed" },
	{ DLPAR_ERR_BADVERSION, "unsupported version" },
	{ DLPAR_ERR_BADLENGTH, "length field contradicts the rest" },
	{ DLPAR_ERR_TOTALSIZE, "total size below the header or beyond the input" },
	{ DLPAR_ERR_ALIGNMENT, "block is misaligned" },
	{ DLPAR_ERR_BLOCK, "block lies outside the blob" },
	{ DLPAR_ERR_RSVMAP, "memory reserve map has no end" },
	{ DLPAR_ERR_TOKEN, "unknown structure token" },
	{ DLPAR_ERR_NESTING, "begin and end of nodes do not match" },
	{ DLPAR_ERR_NODENAME, "node name not allowed" },
	{ DLPAR_ERR_PROPLEN, "property value leaves the structure block" },
	{ DLPAR_ERR_NAMEOFF, "property name lies outside the strings block" },
	{ DLPAR_ERR_STRING, "property name without a NUL" },
	{ DLPAR_ERR_PROPORDER, "property after a subnode" },
	{ DLPAR_ERR_NOROOT, "no root node" },
	{ DLPAR_ERR_NOEND, "no end token" },
	{ DLPAR_ERR_TOOBIG, "larger than this library addresses" },
	{ DLPAR_ERR_OVERLAY, "malformed overlay" },
	{ DLPAR_ERR_SEQUENCE, "configure-connector status not allowed here" },
	{ DLPAR_ERR_WORKAREA, "offset or length outside the work area" },
	{ DLPAR_ERR_STATUS, "configure-connector failed" },
	{ DLPAR_ERR_SECTION, "section length below its minimum" },
	{ DLPAR_ERR_FORMAT, "not a platform event log" },
	{ DLPAR_ERR_SECTORDER, "private or user header out of place or missing" },
	{ DLPAR_ERR_RECORD, "call-out or other record inside a section is wrong" },
	{ DLPAR_ERR_TEXT, "lines of a text make no event" },
	{ DLPAR_ERR_INTERNAL, "internal error, please report it" },
};

const char *dlpar_strerror(int err)
{
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].code == err)
			return texts[i].text;
	return "unknown error code";
}
