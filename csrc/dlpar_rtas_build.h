/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dlpar_rtas_build.h - build any section of an RTAS event log.
 *
 * Part of the public header dlpar.h: include that one.
 */
#ifndef DLPAR_RTAS_BUILD_H
#define DLPAR_RTAS_BUILD_H

/* cffi: begin */
/* Room that building a section needs at least, however short it will be. */
#define DLPAR_RTAS_BUILD_MIN 256

/* A field to be built. */
struct dlpar_rtas_input {
	uint64_t number;	/* UINT, DATE and TIME */
	uint32_t row;		/* any of its rows in the table */
	uint32_t off;		/* the others: their bytes */
	uint32_t len;
};

/**
 * dlpar_rtas_section_build() - fields to a section, or to a record of one
 * @out:       the section; on error its contents are undefined
 * @cap:       room in @out, DLPAR_RTAS_BUILD_MIN at least
 * @err_input: NULL, or set to the input in error
 * @id:        enum dlpar_rtas_part or dlpar_rtas_record_id, or unknown
 * @in:        what to build, one per field name, in any order
 * @n:         how many
 * @bytes:     where off of the inputs points to; may be NULL
 * @bytes_len: bytes in @bytes
 *
 * What is not given is zero, but for what follows from the others: the two
 * characters of the id, the length, the counts of what stands behind them, and
 * the flags that say that a field is there. A text whose length is counted
 * takes a multiple of 4 bytes, as does one at the end. RECORDS take the bytes
 * of the records, built before and put together; a run that has an end mark
 * gets it.
 *
 * The result is read back: each field has the value given for it, or the call
 * fails. So fields that contradict each other are an error.
 *
 * Threads: pure.
 * returns: bytes written, DLPAR_ERR_NOSPACE, or
 *	DLPAR_ERR_BADARG     the value of @err_input does not fit its field,
 *			     contradicts another, or the field cannot be there
 */
int dlpar_rtas_section_build(uint8_t *out, size_t cap, size_t *err_input,
			     uint32_t id, const struct dlpar_rtas_input *in,
			     size_t n, const uint8_t *bytes, size_t bytes_len);
/* cffi: end */

#endif /* DLPAR_RTAS_BUILD_H */
