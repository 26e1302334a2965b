/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dlpar_drmem.h - LMB tables: ibm,dynamic-memory, -v2 and lookup arrays.
 *
 * Part of the public header dlpar.h: include that one.
 */
#ifndef DLPAR_DRMEM_H
#define DLPAR_DRMEM_H

/* cffi: begin */
/* cffi: end */

#endif /* DLPAR_DRMEM_H */
