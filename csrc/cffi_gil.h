/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cffi_gil.h - which calls keep the interpreter's lock.
 *
 * cffi gives the lock back around every call, and saves errno, which takes as
 * long as what the small calls do. The calls listed here are about one node,
 * event, row or transaction and keep it, also where that once takes longer: a
 * search before it has a table, a fragment or a roll-back of many edits. All
 * others work on as much as they are given and release it. No call here waits
 * for anything but for another call inside the same tree, which needs no lock of
 * the interpreter to get out of it.
 *
 * For the generated module only, which includes Python.h and wraps a function
 * F as _cffi_f_F: a compiler knows __func__ and keeps one branch of each.
 */
#ifndef CFFI_GIL_H
#define CFFI_GIL_H

#include <stdbool.h>
#include <string.h>

#define SMALL_CALLS(x) \
	x(connector_begin) x(connector_collect) x(connector_drc_index) \
	x(connector_finish) x(connector_serve) x(connector_walk) \
	x(drmem_find) x(drmem_next) \
	x(lookup_find) x(lookup_get) x(reader_get) \
	x(rtas_decode) x(rtas_event_decode) x(rtas_field_set) \
	x(rtas_hotplug_build) x(rtas_hotplug_decode) x(rtas_hotplug_encode) \
	x(rtas_section_get) x(stamper_add) \
	x(tree_add) x(tree_append) x(tree_begin) x(tree_child) \
	x(tree_commit) x(tree_commit_to) x(tree_depth) x(tree_depth_of) x(tree_find) \
	x(tree_find_child) x(tree_first) x(tree_get_u32) x(tree_graft) \
	x(tree_is_compatible) x(tree_name_of) x(tree_next) x(tree_parent) \
	x(tree_path) x(tree_path_of) x(tree_phandle) x(tree_phandle_of) \
	x(tree_props) x(tree_read) x(tree_remove) x(tree_rollback) \
	x(tree_root) x(tree_set) x(tree_unset)

#define IS_WRAPPER(name) !strcmp(__func__, "_cffi_f_dlpar_" #name) ||
#define KEEPS_GIL (SMALL_CALLS(IS_WRAPPER) false)

#undef Py_BEGIN_ALLOW_THREADS
#undef Py_END_ALLOW_THREADS
#undef _cffi_restore_errno
#undef _cffi_save_errno

#define Py_BEGIN_ALLOW_THREADS { \
	PyThreadState *released = NULL; \
	if (!KEEPS_GIL) \
		released = PyEval_SaveThread();
#define Py_END_ALLOW_THREADS \
	if (!KEEPS_GIL) \
		PyEval_RestoreThread(released); \
	}
/* No function of the core sets errno. */
#define _cffi_restore_errno() ((void)0)
#define _cffi_save_errno() ((void)0)

#endif /* CFFI_GIL_H */
