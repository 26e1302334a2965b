// SPDX-License-Identifier: Apache-2.0
/*
 * drmem_store.c - the LMB table into the property that a tree has for it.
 *
 * Linux drmem.c drmem_update_dt(), after each request for memory: the property
 * that is there is written, ibm,dynamic-memory before ibm,dynamic-memory-v2.
 * Nothing is written before all that is to be told has been copied out.
 */
#include <string.h>

#include "dlpar.h"

struct property {
	const char *name;
	int version;
};

static const struct property properties[] = {
	{ "ibm,dynamic-memory", 1 },
	{ "ibm,dynamic-memory-v2", 2 },
};

#define N_PROPERTIES (sizeof(properties) / sizeof(properties[0]))

/* The first property that @node has, and the length of its value in @out. */
static int64_t read_old(const struct property **found,
			const struct dlpar_tree *tree, uint8_t *out, size_t cap,
			int64_t node)
{
	int64_t n = DLPAR_ERR_NOTFOUND;
	size_t i;

	for (i = 0; i < N_PROPERTIES && n == DLPAR_ERR_NOTFOUND; i++) {
		*found = &properties[i];
		n = dlpar_tree_read(tree, out, cap, node, properties[i].name,
				    strlen(properties[i].name));
	}
	if (n > 0 && (uint64_t)n > cap)
		return DLPAR_ERR_NOSPACE;
	return n;
}

int dlpar_drmem_store(struct dlpar_tree *tree, struct dlpar_drmem_stored *did,
		      uint8_t *out, size_t cap, int64_t node,
		      const struct dlpar_lmb *lmbs, size_t n_lmbs,
		      uint64_t lmb_size, uint32_t address_cells, uint32_t flags)
{
	struct dlpar_drmem_stored told = { 0 };
	const struct property *found = NULL;
	int64_t n = read_old(&found, tree, out, cap, node);
	uint8_t *fresh;
	int rc;

	if (n < 0)
		return (int)n;
	told.old_len = (size_t)n;
	fresh = out + told.old_len;
	cap -= told.old_len;
	rc = found->version == 1 ?
		dlpar_drmem_v1_encode(fresh, cap, lmbs, n_lmbs, address_cells) :
		dlpar_drmem_v2_encode(fresh, cap, lmbs, n_lmbs, lmb_size,
				      flags);
	if (rc < 0)
		return rc;
	told.new_len = (size_t)rc;
	n = dlpar_tree_path_of(tree, (char *)fresh + told.new_len,
			       cap - told.new_len, node);
	if (n < 0)
		return (int)n;
	told.path_len = (size_t)n;
	told.changed = told.old_len != told.new_len ||
		       memcmp(out, fresh, told.new_len);
	rc = !told.changed ? DLPAR_OK :
		dlpar_tree_set(tree, node, found->name, strlen(found->name),
			       fresh, told.new_len);
	if (rc < 0)
		return rc;
	*did = told;
	return found->version;
}
