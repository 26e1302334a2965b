// SPDX-License-Identifier: Apache-2.0
/*
 * drmem_store.c - the LMB table into the property that a tree has for it.
 *
 * Linux drmem.c drmem_update_dt(), after each request for memory: the property
 * that is there is written, ibm,dynamic-memory before ibm,dynamic-memory-v2.
 * Nothing is written before all that is to be told has been copied out.
 */
#include <string.h>

#include "tree.h"

struct property {
	const char *name;
	size_t len;
};

#define PROPERTY(name) { name, sizeof(name) - 1 }

static const struct property properties[] = {
	PROPERTY("ibm,dynamic-memory"),
	PROPERTY("ibm,dynamic-memory-v2"),
};

#define N_PROPERTIES (sizeof(properties) / sizeof(properties[0]))

/* The first property that @node has, with its value in @out: which, from 1. */
static int read_old(const struct dlpar_tree *tree, uint8_t *out, size_t cap,
		    size_t *len, int64_t node)
{
	const char *value;
	int64_t n = DLPAR_ERR_NOTFOUND;
	size_t i;

	for (i = 0; i < N_PROPERTIES && n == DLPAR_ERR_NOTFOUND; i++)
		n = tree_get(tree, &value, node, properties[i].name,
			     properties[i].len);
	if (n < 0)
		return (int)n;
	if ((uint64_t)n > cap)
		return DLPAR_ERR_NOSPACE;
	*len = (size_t)n;
	if (n)
		memcpy(out, value, *len);
	return (int)i;
}

static int encode(int version, uint8_t *out, size_t cap,
		  const struct dlpar_lmb *lmbs, size_t n_lmbs,
		  const struct dlpar_drmem_form *form)
{
	if (version == 1)
		return dlpar_drmem_v1_encode(out, cap, lmbs, n_lmbs,
					     form->address_cells);
	return dlpar_drmem_v2_encode(out, cap, lmbs, n_lmbs, form->lmb_size,
				     form->flags);
}

static int store(struct dlpar_tree *tree, struct dlpar_drmem_stored *did,
		 uint8_t *out, size_t cap, int64_t node,
		 const struct dlpar_lmb *lmbs, size_t n_lmbs,
		 const struct dlpar_drmem_form *form)
{
	struct dlpar_drmem_stored told = { 0 };
	int version = read_old(tree, out, cap, &told.old_len, node);
	const struct property *p;
	uint8_t *fresh;
	int64_t n;
	int rc;

	if (version < 0)
		return version;
	p = &properties[version - 1];
	fresh = out + told.old_len;
	cap -= told.old_len;
	rc = encode(version, fresh, cap, lmbs, n_lmbs, form);
	if (rc < 0)
		return rc;
	told.new_len = (size_t)rc;
	n = tree_path_of(tree, (char *)fresh + told.new_len,
			 cap - told.new_len, node);
	if (n < 0)
		return (int)n;
	told.path_len = (size_t)n;
	told.changed = told.old_len != told.new_len ||
		       memcmp(out, fresh, told.new_len);
	if (told.changed) {
		rc = tree_set(tree, tree_resolve(tree, node), p->name, p->len,
			      fresh, told.new_len);
		if (rc < 0)
			return rc;
	}
	*did = told;
	return version;
}

int dlpar_drmem_store(struct dlpar_tree *tree, struct dlpar_drmem_stored *did,
		      uint8_t *out, size_t cap, const char *path, size_t len,
		      const struct dlpar_lmb *lmbs, size_t n_lmbs,
		      const struct dlpar_drmem_form *form)
{
	int64_t node;
	int rc;

	if (!tree_enter(tree))
		return DLPAR_ERR_BUSY;
	node = tree_by_path(tree, path, len);
	rc = node < 0 ? (int)node :
		store(tree, did, out, cap, node, lmbs, n_lmbs, form);
	tree_leave(tree);
	return rc;
}
