/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dlpar_connector.h - ibm,configure-connector: serve and collect a fragment.
 *
 * Part of the public header dlpar.h: include that one.
 */
#ifndef DLPAR_CONNECTOR_H
#define DLPAR_CONNECTOR_H

/* cffi: begin */
/* cffi: end */

#endif /* DLPAR_CONNECTOR_H */
