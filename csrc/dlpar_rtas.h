/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dlpar_rtas.h - RTAS event logs: decode and build.
 *
 * Part of the public header dlpar.h: include that one.
 */
#ifndef DLPAR_RTAS_H
#define DLPAR_RTAS_H

/* cffi: begin */
/* Which sections an event has, of those that its summary speaks of. */
enum dlpar_rtas_has {
	DLPAR_RTAS_HAS_PH = 1,
	DLPAR_RTAS_HAS_UH = 2,
	DLPAR_RTAS_HAS_HP = 4,
	DLPAR_RTAS_HAS_EP = 8
};

/* A hotplug section. Which of index, count and name count: see id_type. */
struct dlpar_rtas_hotplug {
	uint32_t drc_index;
	uint32_t count;
	uint32_t token;		/* with DLPAR_HP_TOKEN */
	uint32_t name_off;	/* from what the function says */
	uint32_t name_len;	/* without the NUL */
	uint8_t resource;
	uint8_t action;
	uint8_t id_type;
	uint8_t capabilities;
};

/* An EPOW section. */
struct dlpar_rtas_epow {
	uint8_t version;	/* from 2 on, extended_modifier is defined */
	uint8_t sensor_value;	/* high nibble of the first byte */
	uint8_t action;		/* low nibble of it */
	uint8_t modifier;	/* low nibble of the second byte */
	uint8_t extended_modifier;
	uint8_t reason[8];
};

/* What is known of an event without looking at its sections one by one. */
struct dlpar_rtas_event {
	uint32_t len;		/* bytes of the event */
	uint32_t ext_length;	/* the length word as it stands; PRRN: scope */
	uint32_t n_sections;	/* parts found, header included */
	uint32_t plid;		/* big-endian reading; with HAS_PH */
	uint32_t date;		/* BCD YYYYMMDD; with HAS_PH */
	uint32_t time;		/* BCD HHMMSShh; with HAS_PH */
	struct dlpar_rtas_hotplug hp;	/* first HP; name_off: of the event */
	struct dlpar_rtas_epow epow;	/* first EP */
	uint8_t version;
	uint8_t severity;
	uint8_t disposition;
	uint8_t extended;	/* the bit */
	uint8_t initiator;
	uint8_t target;
	uint8_t type;
	uint8_t has;		/* enum dlpar_rtas_has */
};

/* One part of an event. */
struct dlpar_rtas_section {
	uint32_t off;		/* from the start of the event */
	uint32_t len;
	uint32_t id;		/* enum dlpar_rtas_part, or unknown */
};

/**
 * dlpar_rtas_event_decode() - one event: its summary and its parts
 * @ev:       the summary; on error, of what stands before the damage
 * @sections: the parts in wire order, header first; may be NULL
 * @cap:      room in @sections; 0 with NULL: the parts are only counted
 * @err_off:  NULL, or set to the first byte not understood
 * @buf:      event bytes, any alignment; bytes after the event are ignored
 * @len:      bytes available in @buf
 *
 * From version 6 on, sections follow the extended header; before, one section
 * picked by the format number and a vendor part. An event whose extended bit
 * is clear, whose length is 0, or which is a PRRN (the length word is then a
 * scope) is its header only; a lone 4-byte summary word is an event too.
 * Sections of unknown id are listed like any other. PH and UH stand first and
 * second or, as in Linux' own minimum, both are missing.
 *
 * On error @ev and @sections hold all whole parts before the damage. An event
 * longer than @len is reported as such, and its whole parts within @len listed.
 *
 * Source: LoPAR 7.3.3 RTAS error and event return format; the acceptance of
 * Linux get_pseries_errorlog(), with its missing bounds.
 * Threads: pure.
 *
 * returns: number of parts (1 at least), or
 *	DLPAR_ERR_TRUNCATED  the event goes on beyond @len
 *	DLPAR_ERR_BADVERSION version 0
 *	DLPAR_ERR_FORMAT     not a platform event log, or unknown format number
 *	DLPAR_ERR_BADLENGTH  a section leaves the event, or bytes are left over
 *	DLPAR_ERR_SECTION    section length below its minimum
 *	DLPAR_ERR_SECTORDER  PH or UH out of place or missing
 *	DLPAR_ERR_BADVALUE   a DRC name without a NUL
 *	DLPAR_ERR_RECORD     a call-out or the like is wrong; its section is
 *			     listed
 *	DLPAR_ERR_TOOBIG     beyond 4 GiB
 *	DLPAR_ERR_NOSPACE    more than @cap parts; @ev is complete
 */
int dlpar_rtas_event_decode(struct dlpar_rtas_event *ev,
			    struct dlpar_rtas_section *sections, size_t cap,
			    size_t *err_off, const uint8_t *buf, size_t len);

/* More parts than any log has had. */
#define DLPAR_RTAS_PARTS_USUAL 32

/* An event, with room for its parts. */
struct dlpar_rtas_decoded {
	struct dlpar_rtas_event ev;
	struct dlpar_rtas_section sections[DLPAR_RTAS_PARTS_USUAL];
};

/**
 * dlpar_rtas_decode() - one event, to a struct of fixed size
 * @out: as @ev and @sections of dlpar_rtas_event_decode()
 * @buf: event bytes, any alignment; bytes after the event are ignored
 * @len: bytes available in @buf
 *
 * Otherwise the same; for callers to whom each argument is dear.
 *
 * Threads: pure.
 * returns: bytes of @out that are of this event, or the errors given there
 */
int dlpar_rtas_decode(struct dlpar_rtas_decoded *out, const uint8_t *buf,
		      size_t len);

/**
 * dlpar_rtas_hotplug_decode() - an HP section to a plain struct
 * @hp:      result, untouched on error; name_off is from the start of @buf
 * @err_off: NULL, or set to the first byte not understood
 * @buf:     the section, its 8-byte header included
 * @len:     bytes available in @buf; those after the section are ignored
 *
 * The identifier kind, not the length, says what stands in the section; an
 * unknown kind leaves index and count 0. Numbers are not judged.
 *
 * Source: LoPAR, hotplug event section; Linux struct pseries_hp_errorlog.
 * Threads: pure.
 *
 * returns: bytes of the section, or
 *	DLPAR_ERR_TRUNCATED, DLPAR_ERR_FORMAT (not an HP section),
 *	DLPAR_ERR_SECTION    too short for its identifier and token
 *	DLPAR_ERR_BADVALUE   a DRC name without a NUL
 */
int dlpar_rtas_hotplug_decode(struct dlpar_rtas_hotplug *hp, size_t *err_off,
			      const uint8_t *buf, size_t len);

/**
 * dlpar_rtas_hotplug_size() - bytes of the HP section of @hp
 * @hp: what is to be encoded
 *
 * 20 bytes, as QEMU sends for every kind but names. A name is followed by a
 * NUL and padded to 4 bytes (LoPAR is silent; never below 20 bytes); a token
 * adds 4 bytes at the end.
 *
 * Threads: pure.
 * returns: size, or DLPAR_ERR_BADARG for an unknown identifier kind, an empty
 *	name or one above DLPAR_RTAS_NAME_MAX
 */
int dlpar_rtas_hotplug_size(const struct dlpar_rtas_hotplug *hp);

/**
 * dlpar_rtas_hotplug_encode() - a plain struct to an HP section
 * @out:       the section
 * @cap:       room in @out
 * @hp:        what to encode; name_off is from the start of @names
 * @names:     DRC names; may be NULL where no name is used
 * @names_len: bytes in @names
 *
 * Threads: pure.
 * returns: bytes written, or DLPAR_ERR_BADARG (see dlpar_rtas_hotplug_size();
 *	also a name outside of @names or with a NUL inside),
 *	DLPAR_ERR_NOSPACE
 */
int dlpar_rtas_hotplug_encode(uint8_t *out, size_t cap,
			      const struct dlpar_rtas_hotplug *hp,
			      const uint8_t *names, size_t names_len);

/* What the headers of a built event carry; all zero is allowed. */
struct dlpar_rtas_stamp {
	uint32_t plid;		/* platform log id */
	uint32_t date;		/* decimal YYYYMMDD, or 0 */
	uint32_t time;		/* decimal HHMMSShh, or 0 */
	uint32_t plid_little;	/* store it as QEMU does on such hosts */
};

/**
 * dlpar_rtas_hotplug_event() - build one complete hotplug event
 * @out:       the event
 * @cap:       room in @out
 * @hp:        what to encode
 * @names:     DRC names, where name_off points to; may be NULL
 * @names_len: bytes in @names
 * @stamp:     for the headers
 *
 * The bytes are those that QEMU's pseries machine raises: PH, UH and HP, 116
 * in all except with a name or token.
 *
 * Source: QEMU spapr_events.c, observed; LoPAR for names and tokens.
 * Threads: pure.
 * returns: bytes written, DLPAR_ERR_NOSPACE, or DLPAR_ERR_BADARG (see
 *	dlpar_rtas_hotplug_encode(); also a date or time beyond 8 digits)
 */
int dlpar_rtas_hotplug_event(uint8_t *out, size_t cap,
			     const struct dlpar_rtas_hotplug *hp,
			     const uint8_t *names, size_t names_len,
			     const struct dlpar_rtas_stamp *stamp);

/* What to encode, and the event that it gives. */
struct dlpar_rtas_built {
	struct dlpar_rtas_hotplug hp;
	struct dlpar_rtas_stamp stamp;
	uint8_t event[DLPAR_RTAS_EVENT_MAX];
};

/**
 * dlpar_rtas_hotplug_build() - dlpar_rtas_hotplug_event() within one struct
 * @built:     hp and stamp are read, event is written
 * @names:     DRC names, where name_off points to; may be NULL
 * @names_len: bytes in @names
 *
 * Threads: pure.
 * returns: bytes of the event, or DLPAR_ERR_BADARG as there
 */
int dlpar_rtas_hotplug_build(struct dlpar_rtas_built *built,
			     const uint8_t *names, size_t names_len);

/**
 * dlpar_rtas_hotplug_events() - build complete hotplug events, back to back
 * @out:       the events
 * @cap:       room in @out
 * @out_len:   bytes written; with DLPAR_ERR_NOSPACE the bytes needed
 * @err_row:   NULL, or set to the row that cannot be encoded
 * @hps:       what to encode
 * @n:         how many
 * @names:     DRC names, where name_off points to; may be NULL
 * @names_len: bytes in @names
 * @stamp:     for the headers; the PLID grows by one with each event
 *
 * Each as by dlpar_rtas_hotplug_event(). Everything is checked before the
 * first byte is written.
 *
 * Threads: pure.
 * returns: DLPAR_OK, DLPAR_ERR_NOSPACE, or DLPAR_ERR_BADARG as there
 */
int dlpar_rtas_hotplug_events(uint8_t *out, size_t cap, size_t *out_len,
			      size_t *err_row,
			      const struct dlpar_rtas_hotplug *hps, size_t n,
			      const uint8_t *names, size_t names_len,
			      const struct dlpar_rtas_stamp *stamp);

/* Bytes of an event without a token, and with a name of 7 bytes at most. */
#define DLPAR_RTAS_HOTPLUG_LEN 116

/*
 * What struct dlpar_rtas_hotplug holds, as columns of equally many rows. All
 * rows of a column that is NULL are 0.
 */
struct dlpar_rtas_requests {
	const uint32_t *drc_index;
	const uint32_t *count;
	const uint32_t *token;
	const uint32_t *name_off;
	const uint32_t *name_len;
	const uint8_t *resource;
	const uint8_t *action;
	const uint8_t *id_type;
	const uint8_t *capabilities;
};

/**
 * dlpar_rtas_hotplug_columns() - build complete hotplug events of columns
 * @out:       the events, back to back
 * @cap:       room in @out
 * @out_len:   bytes written; with DLPAR_ERR_NOSPACE the bytes needed
 * @err_row:   NULL, or set to the row that cannot be encoded
 * @cols:      what to encode
 * @n:         rows of each column
 * @names:     DRC names, where name_off points to; may be NULL
 * @names_len: bytes in @names
 * @stamp:     for the headers; the PLID grows by one with each event
 *
 * As dlpar_rtas_hotplug_events() for the same rows.
 *
 * Threads: pure.
 * returns: as dlpar_rtas_hotplug_events()
 */
int dlpar_rtas_hotplug_columns(uint8_t *out, size_t cap, size_t *out_len,
			       size_t *err_row,
			       const struct dlpar_rtas_requests *cols, size_t n,
			       const uint8_t *names, size_t names_len,
			       const struct dlpar_rtas_stamp *stamp);

/**
 * dlpar_rtas_epow_event() - build a complete EPOW event of 116 bytes
 * @out:   the event
 * @cap:   room in @out
 * @epow:  sensor_value, action and modifier are nibbles
 * @stamp: for the headers
 *
 * Source: QEMU spapr_events.c, observed.
 * Threads: pure.
 * returns: bytes written, DLPAR_ERR_NOSPACE, or DLPAR_ERR_BADARG
 */
int dlpar_rtas_epow_event(uint8_t *out, size_t cap,
			  const struct dlpar_rtas_epow *epow,
			  const struct dlpar_rtas_stamp *stamp);
/* cffi: end */

#endif /* DLPAR_RTAS_H */
