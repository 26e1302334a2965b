/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dlpar_tree.h - the device tree: a live index over a flattened blob.
 *
 * Part of the public header dlpar.h: include that one.
 */
#ifndef DLPAR_TREE_H
#define DLPAR_TREE_H

/* cffi: begin */
/* cffi: end */

#endif /* DLPAR_TREE_H */
