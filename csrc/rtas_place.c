// SPDX-License-Identifier: Apache-2.0
/*
 * rtas_place.c - where the events of a file are, for a batch of them.
 *
 * Records of logs (rtas_carrier.c) and what was found in a text (rtas_text.c)
 * become places of one kind. Must never look at an event: what it holds, and
 * whether it is sound, is for the batch to say.
 */
#include "dlpar.h"

int dlpar_rtas_log_places(struct dlpar_rtas_place *out, size_t cap,
			  const struct dlpar_rtas_place *like, uint32_t carrier,
			  size_t record_len, const uint8_t *buf, size_t len)
{
	struct dlpar_rtas_carried rec;
	struct dlpar_rtas_place *at;
	size_t n = 0, pos = 0;
	int rc;

	for (; pos < len; pos += rec.len, n++) {
		if (n == INT32_MAX)
			return DLPAR_ERR_TOOBIG;
		rc = dlpar_rtas_log_next(&rec, carrier, record_len, buf + pos,
					 len - pos);
		if (rc == DLPAR_ERR_BADARG)
			return rc;
		if (rc < 0) {
			rec.len = len - pos;
			rec.event_off = 0;
			rec.event_len = 0;
		}
		if (rec.event_len > UINT32_MAX)
			return DLPAR_ERR_TOOBIG;
		if (n >= cap)
			continue;
		at = &out[n];
		*at = *like;
		at->offset += pos + rec.event_off;
		at->place = pos + rec.event_off;
		at->length = (uint32_t)rec.event_len;
		at->headless = carrier == DLPAR_CARRIER_PEL ||
			       carrier == DLPAR_CARRIER_ESEL;
	}
	return (int)n;
}

void dlpar_text_places(struct dlpar_rtas_place *out,
		       const struct dlpar_rtas_place *like,
		       const struct dlpar_text_found *found, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		out[i] = *like;
		out[i].offset += found[i].data_off;
		out[i].length = found[i].data_len;
		out[i].place = found[i].start;
		out[i].line = found[i].first_line;
		out[i].fault = found[i].reason;
	}
}
