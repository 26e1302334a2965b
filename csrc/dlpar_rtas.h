/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dlpar_rtas.h - RTAS event logs.
 *
 * Part of the public header dlpar.h: include that one.
 */
#ifndef DLPAR_RTAS_H
#define DLPAR_RTAS_H

/* cffi: begin */
/* cffi: end */

#endif /* DLPAR_RTAS_H */
