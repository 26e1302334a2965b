// SPDX-License-Identifier: Apache-2.0
/*
 * hotplug.c - the codec without Python: a CPU is plugged into a device tree.
 *
 *	hotplug IN.dtb OUT.dtb [EVENT]
 *
 * EVENT is an RTAS hotplug event as check-exception returns it; without one,
 * the event for the first core that IN.dtb does not have is made here. The new
 * node is a copy of the first CPU's with another number, from a template, in a
 * transaction.
 *
 * In a checkout `make example` builds and runs it. With an installed package:
 *
 *	cc -O2 -o hotplug hotplug.c \
 *	  -I"$(python -c 'import pydlpar; print(pydlpar.get_include())')" \
 *	  $(python -c 'import pydlpar; print(*pydlpar.get_sources())')
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dlpar.h"

#define EVENT_MAX 2048
#define CPU_PROPS_MAX 4096
#define CPU_INDEX_BASE 0x10000000u
#define CORE_MASK 0xffffu

static int fail(const char *what, int64_t err)
{
	fprintf(stderr, "hotplug: %s: %s\n", what, dlpar_strerror((int)err));
	return (int)err;
}

/* A whole file; NULL where it cannot be read. */
static uint8_t *read_file(const char *path, size_t *len)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = NULL;
	long size;

	*len = 0;
	if (!f)
		return NULL;
	if (!fseek(f, 0, SEEK_END) && (size = ftell(f)) > 0) {
		rewind(f);
		data = malloc((size_t)size);
		if (data)
			*len = fread(data, 1, (size_t)size, f);
	}
	fclose(f);
	return data;
}

static void put_u32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

/* One record of a property stream, of one cell; returns its length. */
static size_t put_cell(uint8_t *out, const char *name, uint32_t value)
{
	size_t len = strlen(name);

	put_u32(out, (uint32_t)len);
	put_u32(out + 4, 4);
	memcpy(out + 8, name, len);
	put_u32(out + 8 + len, value);
	return 12 + len;
}

static struct dlpar_tree *open_tree(const char *path)
{
	struct dlpar_tree *tree = NULL;
	size_t len, off = 0;
	uint8_t *blob = read_file(path, &len);
	int err = dlpar_tree_parse(&tree, &off, blob, len, 0, 0, 0);

	if (err)
		fprintf(stderr, "hotplug: %s: %s (at byte %zu)\n", path,
			dlpar_strerror(err), off);
	free(blob);
	return tree;
}

static int save_tree(const struct dlpar_tree *tree, const char *path)
{
	int64_t size = dlpar_tree_flat_size(tree);
	uint8_t *blob = size < 0 ? NULL : malloc((size_t)size);
	FILE *f = blob ? fopen(path, "wb") : NULL;
	int bad = 1;

	if (f) {
		size = dlpar_tree_flatten(tree, blob, (size_t)size);
		bad = size < 0 ||
		      fwrite(blob, 1, (size_t)size, f) != (size_t)size;
		bad |= fclose(f) != 0;
	}
	free(blob);
	if (bad)
		fprintf(stderr, "hotplug: %s: cannot be written\n", path);
	return bad;
}

/* The event that asks for the first core there is no node of. */
static int make_event(const struct dlpar_tree *tree, uint8_t *event, size_t cap)
{
	struct dlpar_rtas_hotplug hp = {
		.resource = DLPAR_RESOURCE_CPU, .action = DLPAR_ACTION_ADD,
		.id_type = DLPAR_ID_DRC_INDEX, .drc_index = CPU_INDEX_BASE
	};
	struct dlpar_rtas_stamp stamp = { .plid = 1 };
	int64_t cpus = dlpar_tree_path(tree, "/cpus", 5);

	if (cpus < 0)
		return (int)cpus;
	while (dlpar_tree_find_child(tree, cpus, "ibm,my-drc-index", 16,
				     hp.drc_index) >= 0)
		hp.drc_index++;
	return dlpar_rtas_hotplug_event(event, cap, &hp, NULL, 0, &stamp);
}

/* The first child of /cpus that is a CPU. */
static int64_t first_cpu(const struct dlpar_tree *tree, int64_t cpus)
{
	int64_t node = dlpar_tree_first(tree, cpus);
	const char *type;

	while (node >= 0 &&
	       (dlpar_tree_get(tree, &type, node, "device_type", 11) != 4 ||
		memcmp(type, "cpu", 4)))
		node = dlpar_tree_next(tree, node);
	return node;
}

/* A node like that of @model, with the numbers of the core @index. */
static int64_t add_cpu(struct dlpar_tree *tree, int64_t cpus, int64_t model,
		       uint32_t index)
{
	uint8_t props[CPU_PROPS_MAX], patch[128];
	char name[64];
	const char *like;
	uint32_t core = index & CORE_MASK;
	size_t patch_len;
	int64_t len = dlpar_tree_props(tree, props, sizeof(props), model);
	int base = dlpar_tree_name(tree, &like, model), template;

	if (len < 0 || len > (int64_t)sizeof(props) || base < 0)
		return len < 0 ? len : DLPAR_ERR_TOOBIG;
	base = (int)strcspn(like, "@");
	template = dlpar_tree_template(tree, props, (size_t)len);
	if (template < 0)
		return template;
	patch_len = put_cell(patch, "reg", core);
	patch_len += put_cell(patch + patch_len, "ibm,my-drc-index", index);
	patch_len += put_cell(patch + patch_len, "ibm,ppc-interrupt-server#s",
			      core);
	len = snprintf(name, sizeof(name), "%.*s@%x", base, like, core);
	if (len >= (int64_t)sizeof(name))
		return DLPAR_ERR_TOOBIG;
	return dlpar_tree_stamp(tree, cpus, name, (size_t)len, template, patch,
				patch_len, 0);
}

/* What the event asks for, whole or not at all. */
static int plug(struct dlpar_tree *tree, const struct dlpar_rtas_hotplug *hp)
{
	int64_t cpus = dlpar_tree_path(tree, "/cpus", 5), node;
	char path[256];
	int err = dlpar_tree_begin(tree);

	if (err < 0)
		return fail("begin", err);
	node = cpus < 0 ? cpus : first_cpu(tree, cpus);
	if (node >= 0)
		node = add_cpu(tree, cpus, node, hp->drc_index);
	if (node < 0) {
		dlpar_tree_rollback(tree);
		return fail("new CPU", node);
	}
	dlpar_tree_commit(tree);
	node = dlpar_tree_path_of(tree, path, sizeof(path), node);
	if (node < 0)
		return fail("path", node);
	printf("added %.*s\n", (int)node, path);
	return 0;
}

static int run(struct dlpar_tree *tree, const char *event_path)
{
	uint8_t buf[EVENT_MAX], *event = buf;
	struct dlpar_rtas_event ev;
	size_t len = 0, off = 0;
	int64_t rc;

	if (event_path) {
		event = read_file(event_path, &len);
	} else {
		rc = make_event(tree, buf, sizeof(buf));
		if (rc < 0)
			return fail("event", rc);
		len = (size_t)rc;
	}
	rc = dlpar_rtas_event_decode(&ev, NULL, 0, &off, event, len);
	if (event != buf)
		free(event);
	if (rc < 0)
		return fail("event", rc);
	if (!(ev.has & DLPAR_RTAS_HAS_HP) ||
	    ev.hp.resource != DLPAR_RESOURCE_CPU ||
	    ev.hp.action != DLPAR_ACTION_ADD ||
	    ev.hp.id_type != DLPAR_ID_DRC_INDEX)
		return fail("not an event that adds a CPU by index",
			    DLPAR_ERR_BADVALUE);
	printf("event: cpu add index 0x%08x\n", (unsigned int)ev.hp.drc_index);
	return plug(tree, &ev.hp);
}

int main(int argc, char **argv)
{
	struct dlpar_tree *tree;
	int bad;

	if (argc != 3 && argc != 4) {
		fprintf(stderr, "usage: hotplug IN.dtb OUT.dtb [EVENT]\n");
		return 2;
	}
	tree = open_tree(argv[1]);
	if (!tree)
		return 1;
	bad = run(tree, argc == 4 ? argv[3] : NULL) ||
	      save_tree(tree, argv[2]);
	dlpar_tree_free(tree);
	return bad ? 1 : 0;
}
