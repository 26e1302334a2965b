/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dlpar_rtas_log.h - what carries RTAS events: files and streams of them.
 *
 * Part of the public header dlpar.h: include that one.
 */
#ifndef DLPAR_RTAS_LOG_H
#define DLPAR_RTAS_LOG_H

/* cffi: begin */
/* Bytes of a record of /proc/powerpc/rtas/error_log, as Linux gives them. */
#define DLPAR_RTAS_LOG_RECORD 2052

enum dlpar_rtas_carrier {
	DLPAR_CARRIER_RTAS = 1,		/* events, back to back */
	DLPAR_CARRIER_PEL = 2,		/* begins at PH: OPAL, BMC */
	DLPAR_CARRIER_ESEL = 3,		/* 16 bytes of IPMI, then as PEL */
	DLPAR_CARRIER_ERROR_LOG_BIG = 4,	/* Linux error_log records, */
	DLPAR_CARRIER_ERROR_LOG_LITTLE = 5	/* by their byte order */
};

/* One record of a carrier. */
struct dlpar_rtas_carried {
	size_t len;		/* bytes it takes, fill included */
	size_t event_off;	/* the event in it */
	size_t event_len;	/* by what the event says, within the record */
	uint32_t sequence;	/* error_log: its number */
};

/**
 * dlpar_rtas_detect() - what carries the events in a buffer
 * @record_len: NULL, or set to the bytes of an error_log record; 0 for others
 * @buf:        the first record, or all of them
 * @len:        bytes in @buf
 *
 * Looks at headers, not at sections: damaged events are recognised, too. Of an
 * error_log, all records are looked at for their size (the smallest that has
 * an event at the start of each and zeros behind it) and their byte order (the
 * one in which the numbers grow least).
 *
 * Threads: pure.
 * returns: enum dlpar_rtas_carrier, or
 *	DLPAR_ERR_TRUNCATED  fewer than 4 bytes
 *	DLPAR_ERR_FORMAT     none of them
 */
int dlpar_rtas_detect(size_t *record_len, const uint8_t *buf, size_t len);

/**
 * dlpar_rtas_log_next() - the first record of a buffer
 * @rec:        result, untouched on error
 * @carrier:    enum dlpar_rtas_carrier
 * @record_len: bytes of an error_log record; 0: all of @buf is one
 * @buf:        the records
 * @len:        bytes in @buf, 1 at least
 *
 * Finds the event, and does not judge it. Behind the last event, zeros up to
 * the end of the buffer are part of its record, and of a PEL or eSEL anything
 * that begins no other; the last record of an error_log may lack its zeros.
 *
 * Threads: pure.
 * returns: DLPAR_OK, or
 *	DLPAR_ERR_TRUNCATED  ends within what precedes the event
 *	DLPAR_ERR_BADARG     no such carrier, or a record length below 8
 */
int dlpar_rtas_log_next(struct dlpar_rtas_carried *rec, uint32_t carrier,
			size_t record_len, const uint8_t *buf, size_t len);

/**
 * dlpar_rtas_pel_decode() - an event without RTAS headers, from its PH on
 * @ev:       the summary; its header fields are 0
 * @sections: the parts in wire order, PH first; may be NULL
 * @cap:      room in @sections; 0 with NULL: the parts are only counted
 * @err_off:  NULL, or set to the first byte not understood
 * @buf:      event bytes, any alignment; bytes after the event are ignored
 * @len:      bytes available in @buf
 *
 * As many sections as PH says. Else as dlpar_rtas_event_decode().
 *
 * Source: LoPAR 7.3.3; OPAL and BMC platform event logs, observed.
 * Threads: pure.
 *
 * returns: number of parts (2 at least), or the errors given there;
 *	DLPAR_ERR_TRUNCATED  ends before the last section
 *	DLPAR_ERR_FORMAT     does not begin with PH
 */
int dlpar_rtas_pel_decode(struct dlpar_rtas_event *ev,
			  struct dlpar_rtas_section *sections, size_t cap,
			  size_t *err_off, const uint8_t *buf, size_t len);
/* cffi: end */

#endif /* DLPAR_RTAS_LOG_H */
