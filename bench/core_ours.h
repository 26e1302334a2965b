/* SPDX-License-Identifier: Apache-2.0 */
/* core_ours.h - shared by the operations in the core of pydlpar. */
#ifndef DLPAR_BENCH_CORE_OURS_H
#define DLPAR_BENCH_CORE_OURS_H

#include "core.h"
#include "dlpar.h"

/* The node of a path, which there is. */
int64_t ours_find(const struct dlpar_tree *t, const struct bench_text *path);

/* A tree as read; its nodes to edit are found. */
struct dlpar_tree *ours_renew(struct bench *b);

#endif /* DLPAR_BENCH_CORE_OURS_H */
