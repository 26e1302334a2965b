// SPDX-License-Identifier: Apache-2.0
/*
 * tree_header.c - the header of a flattened tree and its reserve map.
 *
 * Every offset and size is compared with what there is before it is used, and
 * each failure names the byte of the field that is wrong.
 *
 * Source: Devicetree Specification 0.4, sections 5.2 and 5.3. Versions 16 and
 * 17 differ only in the header's last field; older ones encode nodes otherwise
 * and are refused.
 */
#include "tree.h"

#define VERSION_MIN 16u
#define VERSION_COMPATIBLE 17u

enum header_off {
	OFF_MAGIC = 0,
	OFF_TOTALSIZE = 4,
	OFF_STRUCT = 8,
	OFF_STRINGS = 12,
	OFF_RSVMAP = 16,
	OFF_VERSION = 20,
	OFF_LAST_COMP = 24,
	OFF_BOOT_CPU = 28,
	OFF_SIZE_STRINGS = 32,
	OFF_SIZE_STRUCT = 36
};

static int check_version(const uint8_t *blob, size_t len, struct fdt_header *h,
			 uint32_t *off)
{
	uint32_t version, last_comp;

	*off = len < 4 ? (uint32_t)len : OFF_MAGIC;
	if (len < 4)
		return DLPAR_ERR_TRUNCATED;
	if (wire_get32(blob) != DLPAR_FDT_MAGIC)
		return DLPAR_ERR_BADMAGIC;
	*off = len < OFF_BOOT_CPU ? (uint32_t)len : OFF_VERSION;
	if (len < OFF_BOOT_CPU)
		return DLPAR_ERR_TRUNCATED;
	version = wire_get32(blob + OFF_VERSION);
	last_comp = wire_get32(blob + OFF_LAST_COMP);
	if (version < VERSION_MIN)
		return DLPAR_ERR_BADVERSION;
	*off = OFF_LAST_COMP;
	if (last_comp > VERSION_COMPATIBLE || last_comp > version)
		return DLPAR_ERR_BADVERSION;
	h->header_len = version == VERSION_MIN ? FDT_HEADER_LEN_V16 : FDT_HEADER_LEN;
	return DLPAR_OK;
}

static int check_total(const uint8_t *blob, size_t len, struct fdt_header *h,
		       uint32_t *off)
{
	*off = len < h->header_len ? (uint32_t)len : OFF_TOTALSIZE;
	if (len < h->header_len)
		return DLPAR_ERR_TRUNCATED;
	h->total = wire_get32(blob + OFF_TOTALSIZE);
	if (h->total > DLPAR_TREE_SIZE_MAX)
		return DLPAR_ERR_TOOBIG;
	if (h->total < h->header_len || h->total > len)
		return DLPAR_ERR_TOTALSIZE;
	return DLPAR_OK;
}

/* Where a block begins: within the blob, behind the header, aligned. */
static int check_start(const uint8_t *blob, const struct fdt_header *h,
		       uint32_t field, uint32_t align, uint32_t *off)
{
	uint32_t start = wire_get32(blob + field);

	*off = field;
	if (start % align)
		return DLPAR_ERR_ALIGNMENT;
	if (start < h->header_len || start > h->total)
		return DLPAR_ERR_BLOCK;
	return DLPAR_OK;
}

static int check_blocks(const uint8_t *blob, struct fdt_header *h, uint32_t flags,
			uint32_t *off)
{
	int err = check_start(blob, h, OFF_STRUCT, 4, off);

	if (!err)
		err = check_start(blob, h, OFF_STRINGS, 1, off);
	if (!err)
		err = check_start(blob, h, OFF_RSVMAP, 8, off);
	if (err)
		return err;
	h->struct_off = wire_get32(blob + OFF_STRUCT);
	h->strings_off = wire_get32(blob + OFF_STRINGS);
	h->rsv_off = wire_get32(blob + OFF_RSVMAP);
	h->strings_len = wire_get32(blob + OFF_SIZE_STRINGS);
	h->struct_len = h->total - h->struct_off;
	h->boot_cpu = wire_get32(blob + OFF_BOOT_CPU);
	*off = OFF_SIZE_STRINGS;
	if (h->strings_len > h->total - h->strings_off)
		return DLPAR_ERR_BLOCK;
	if (h->header_len == FDT_HEADER_LEN_V16)
		return DLPAR_OK;
	*off = OFF_SIZE_STRUCT;
	if (wire_get32(blob + OFF_SIZE_STRUCT) > h->struct_len)
		return DLPAR_ERR_BLOCK;
	if (!(flags & DLPAR_TREE_LENIENT))
		h->struct_len = wire_get32(blob + OFF_SIZE_STRUCT);
	return DLPAR_OK;
}

/* Size 0 alone ends the map, whatever its address. */
static int check_rsvmap(const uint8_t *blob, struct fdt_header *h, uint32_t *off)
{
	uint32_t left = h->total - h->rsv_off, at = 0;

	for (;; at += 16) {
		*off = h->rsv_off + at;
		if (left - at < 16)
			return DLPAR_ERR_RSVMAP;
		if (!wire_get64(blob + h->rsv_off + at + 8))
			break;
	}
	h->rsv_len = at + 16;
	return DLPAR_OK;
}

/* Check all that the header and the reserve map say; @off is what is wrong. */
int header_check(const uint8_t *blob, size_t len, uint32_t flags,
		 struct fdt_header *h, uint32_t *off)
{
	int err = check_version(blob, len, h, off);

	if (!err)
		err = check_total(blob, len, h, off);
	if (!err)
		err = check_blocks(blob, h, flags, off);
	return err ? err : check_rsvmap(blob, h, off);
}

/* Whether a checked blob has the header and the layout of those we write. */
bool header_is_ours(const uint8_t *blob, const struct fdt_header *h)
{
	return wire_get32(blob + OFF_VERSION) == VERSION_COMPATIBLE &&
	       wire_get32(blob + OFF_LAST_COMP) == VERSION_MIN &&
	       wire_get32(blob + OFF_SIZE_STRUCT) == h->struct_len &&
	       h->rsv_off == FDT_HEADER_LEN &&
	       h->struct_off == h->rsv_off + h->rsv_len &&
	       h->strings_off == h->struct_off + h->struct_len &&
	       h->total == h->strings_off + h->strings_len;
}

/* The header of a blob of the tree with @strings_len bytes of strings: its size. */
int64_t header_plan(struct fdt_header *h, const struct dlpar_tree *t,
		    uint32_t strings_len)
{
	uint64_t total = (uint64_t)FDT_HEADER_LEN + t->rsv_len + t->struct_len +
			 FDT_END_LEN + strings_len;

	if (total > DLPAR_TREE_SIZE_MAX)
		return DLPAR_ERR_TOOBIG;
	h->total = (uint32_t)total;
	h->header_len = h->rsv_off = FDT_HEADER_LEN;
	h->rsv_len = t->rsv_len;
	h->struct_off = h->rsv_off + h->rsv_len;
	h->struct_len = t->struct_len + FDT_END_LEN;
	h->strings_off = h->struct_off + h->struct_len;
	h->strings_len = strings_len;
	h->boot_cpu = t->boot_cpu;
	return (int64_t)total;
}

/* Write a version 17 header. */
static void header_write(uint8_t *out, const struct fdt_header *h)
{
	wire_put32(out + OFF_MAGIC, DLPAR_FDT_MAGIC);
	wire_put32(out + OFF_TOTALSIZE, h->total);
	wire_put32(out + OFF_STRUCT, h->struct_off);
	wire_put32(out + OFF_STRINGS, h->strings_off);
	wire_put32(out + OFF_RSVMAP, h->rsv_off);
	wire_put32(out + OFF_VERSION, VERSION_COMPATIBLE);
	wire_put32(out + OFF_LAST_COMP, VERSION_MIN);
	wire_put32(out + OFF_BOOT_CPU, h->boot_cpu);
	wire_put32(out + OFF_SIZE_STRINGS, h->strings_len);
	wire_put32(out + OFF_SIZE_STRUCT, h->struct_len);
}

/* The beginning of a planned blob: its header and reserve map, into @out. */
int64_t header_begin(struct fdt_header *h, const struct dlpar_tree *t,
		     uint32_t strings_len, uint8_t *out, size_t cap)
{
	int64_t size = header_plan(h, t, strings_len);

	if (size < 0)
		return size;
	if ((uint64_t)size > cap)
		return DLPAR_ERR_NOSPACE;
	header_write(out, h);
	memcpy(out + h->rsv_off, t->rsv, h->rsv_len);
	return size;
}
