// SPDX-License-Identifier: Apache-2.0
/*
 * rtas_carrier.c - find events in what carries them.
 *
 * RTAS events as firmware gives them; platform event logs of OPAL and BMC,
 * bare or in an extended SEL record of IPMI; Linux' error_log records. Must
 * never decode an event: whether it is sound is for the walk to say.
 */
#include "rtas_layout.h"
#include "wire.h"

enum {
	ESEL_LEN = 16,
	SEQUENCE_LEN = 4,
	RECORD_MIN = SEQUENCE_LEN + HDR_SUMMARY_LEN,
	VERSION_MAX = 15	/* six are known; text begins higher */
};

/* How sure it is that an event begins there. */
enum likeness { NO_EVENT, HEADER_ONLY, EXTENDED };

size_t rtas_event_len(const uint8_t *p, size_t len)
{
	uint32_t ext_length;

	if (len <= HDR_LEN)
		return len;
	if (!(p[HDR_FLAGS] & 0x04) || p[HDR_TYPE] == DLPAR_EVENT_PRRN)
		return HDR_LEN;
	ext_length = wire_get32(p + HDR_LENGTH);
	if (ext_length > len - HDR_LEN)
		return len;
	return HDR_LEN + ext_length;
}

static enum likeness extended_likeness(const uint8_t *p, size_t len)
{
	const uint8_t *ext = p + EVENT_EXTHDR;
	unsigned int format;

	if (len < EVENT_V5_BODY)
		return NO_EVENT;
	format = ext[EXT_FORMAT] & 0x0f;
	if (p[HDR_VERSION] < 6)
		return rtas_layout_v5_part(format) ? EXTENDED : NO_EVENT;
	if (len < EVENT_SECTIONS || format != EXT_FORMAT_PLATFORM ||
	    wire_get32(ext + EXT_COMPANY) != EXT_COMPANY_IBM)
		return NO_EVENT;
	return EXTENDED;
}

static enum likeness event_likeness(const uint8_t *p, size_t len)
{
	if (len < HDR_SUMMARY_LEN || p[HDR_VERSION] == 0 ||
	    p[HDR_VERSION] > VERSION_MAX || p[HDR_FLAGS] & 0x03)
		return NO_EVENT;
	if (!(p[HDR_FLAGS] & 0x04) || p[HDR_TYPE] == DLPAR_EVENT_PRRN)
		return HEADER_ONLY;
	if (len < HDR_LEN)
		return NO_EVENT;
	if (!wire_get32(p + HDR_LENGTH))
		return HEADER_ONLY;
	return extended_likeness(p, len);
}

static int is_ph(const uint8_t *p, size_t len)
{
	return len >= SEC_DATA && wire_get16(p + SEC_ID) == DLPAR_RTAS_PH &&
	       wire_get16(p + SEC_LENGTH) >= PH_LEN;
}

static int all_zero(const uint8_t *p, size_t len)
{
	while (len && !*p) {
		p++;
		len--;
	}
	return !len;
}

/* Whether records of @size bytes fill the buffer. */
static int records_fit(size_t size, const uint8_t *buf, size_t len)
{
	size_t event;

	for (; len; buf += size, len -= size) {
		if (event_likeness(buf + SEQUENCE_LEN, size - SEQUENCE_LEN) ==
		    NO_EVENT)
			return 0;
		event = SEQUENCE_LEN + rtas_event_len(buf + SEQUENCE_LEN,
						      size - SEQUENCE_LEN);
		if (!all_zero(buf + event, size - event))
			return 0;
	}
	return 1;
}

/* Size of the records of an error_log whose first one holds an event. */
static size_t record_size(const uint8_t *buf, size_t len)
{
	size_t first = SEQUENCE_LEN + rtas_event_len(buf + SEQUENCE_LEN,
						     len - SEQUENCE_LEN);
	size_t n;

	for (n = len / first; n; n--)
		if (len % n == 0 && records_fit(len / n, buf, len))
			return len / n;
	return len < DLPAR_RTAS_LOG_RECORD ? len : DLPAR_RTAS_LOG_RECORD;
}

static uint32_t get32_little(const uint8_t *p)
{
	return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 |
	       (uint32_t)p[1] << 8 | (uint32_t)p[0];
}

/* Numbers grow by one; in the wrong order they seem to leap. */
static int error_log_order(size_t size, const uint8_t *buf, size_t len)
{
	const uint8_t *last = buf + (len - 1) / size * size;
	uint32_t big = wire_get32(buf);
	uint32_t little = get32_little(buf);

	if (len >= SEQUENCE_LEN + size) {
		if (last + SEQUENCE_LEN > buf + len)
			last -= size;
		if (last != buf) {
			big = wire_get32(last) - big;
			little = get32_little(last) - little;
		}
	}
	return big <= little ? DLPAR_CARRIER_ERROR_LOG_BIG :
			       DLPAR_CARRIER_ERROR_LOG_LITTLE;
}

int dlpar_rtas_detect(size_t *record_len, const uint8_t *buf, size_t len)
{
	enum likeness here, behind = NO_EVENT;
	size_t size;

	if (record_len)
		*record_len = 0;
	if (len < HDR_SUMMARY_LEN)
		return DLPAR_ERR_TRUNCATED;
	here = event_likeness(buf, len);
	if (here == EXTENDED)
		return DLPAR_CARRIER_RTAS;
	if (is_ph(buf, len))
		return DLPAR_CARRIER_PEL;
	if (len > ESEL_LEN && is_ph(buf + ESEL_LEN, len - ESEL_LEN))
		return DLPAR_CARRIER_ESEL;
	if (len >= RECORD_MIN)
		behind = event_likeness(buf + SEQUENCE_LEN, len - SEQUENCE_LEN);
	if (behind == NO_EVENT)
		return here ? DLPAR_CARRIER_RTAS : DLPAR_ERR_FORMAT;
	size = record_size(buf, len);
	if (record_len)
		*record_len = size;
	return error_log_order(size, buf, len);
}

/* Bytes of the sections that PH announces, as far as they follow. */
static size_t pel_len(const uint8_t *p, size_t len)
{
	size_t pos = 0;
	size_t section;
	unsigned int n;

	if (!is_ph(p, len) || len < PH_LEN)
		return len;
	for (n = p[PH_SECTIONS] ? p[PH_SECTIONS] : 1; n; n--) {
		if (len - pos < SEC_DATA)
			return len;
		section = wire_get16(p + pos + SEC_LENGTH);
		if (section < SEC_DATA || section > len - pos)
			return len;
		pos += section;
	}
	return pos;
}

/* A record of @end bytes, or all of @len where no other follows. */
static int carried(struct dlpar_rtas_carried *rec, size_t off, size_t end,
		   size_t len, int more)
{
	rec->event_off = off;
	rec->event_len = end - off;
	rec->len = more ? end : len;
	rec->sequence = 0;
	return DLPAR_OK;
}

static int rtas_next(struct dlpar_rtas_carried *rec, const uint8_t *buf,
		     size_t len)
{
	size_t end = rtas_event_len(buf, len);

	return carried(rec, 0, end, len, !all_zero(buf + end, len - end));
}

/* Platform logs stand in files larger than they are: only PH goes on. */
static int pel_next(struct dlpar_rtas_carried *rec, size_t head,
		    const uint8_t *buf, size_t len)
{
	size_t end;
	int more;

	if (len <= head)
		return DLPAR_ERR_TRUNCATED;
	end = head + pel_len(buf + head, len - head);
	more = len - end > head && is_ph(buf + end + head, len - end - head);
	return carried(rec, head, end, len, more);
}

static int error_log_next(struct dlpar_rtas_carried *rec, int little,
			  size_t size, const uint8_t *buf, size_t len)
{
	if (!size || size > len)
		size = len;
	if (size < RECORD_MIN)
		return len < RECORD_MIN ? DLPAR_ERR_TRUNCATED :
					  DLPAR_ERR_BADARG;
	rec->len = size;
	rec->event_off = SEQUENCE_LEN;
	rec->event_len = rtas_event_len(buf + SEQUENCE_LEN,
					size - SEQUENCE_LEN);
	rec->sequence = little ? get32_little(buf) : wire_get32(buf);
	return DLPAR_OK;
}

int dlpar_rtas_log_next(struct dlpar_rtas_carried *rec, uint32_t carrier,
			size_t record_len, const uint8_t *buf, size_t len)
{
	switch (carrier) {
	case DLPAR_CARRIER_RTAS:
		return rtas_next(rec, buf, len);
	case DLPAR_CARRIER_PEL:
		return pel_next(rec, 0, buf, len);
	case DLPAR_CARRIER_ESEL:
		return pel_next(rec, ESEL_LEN, buf, len);
	case DLPAR_CARRIER_ERROR_LOG_BIG:
	case DLPAR_CARRIER_ERROR_LOG_LITTLE:
		return error_log_next(rec,
				      carrier == DLPAR_CARRIER_ERROR_LOG_LITTLE,
				      record_len, buf, len);
	default:
		return DLPAR_ERR_BADARG;
	}
}
