// SPDX-License-Identifier: Apache-2.0
/*
 * events_librtas.c - what librtasevent does with an event.
 *
 * Apart, as its header and ours know the same words. It looks at no bounds:
 * only events known to be right.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <librtasevent.h>

bool librtas_walk(uint8_t *event, size_t len);

bool librtas_walk(uint8_t *event, size_t len)
{
	struct rtas_event *found = parse_rtas_event((char *)event, (int)len);

	return found && !cleanup_rtas_event(found);
}
