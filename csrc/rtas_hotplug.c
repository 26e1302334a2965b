// SPDX-License-Identifier: Apache-2.0
/*
 * rtas_hotplug.c - hotplug sections, as they are decoded most.
 *
 * LoPAR, hotplug event section; Linux struct pseries_hp_errorlog; identifier
 * lengths as QEMU sends them. Must never judge resource or action: that is
 * the dispatcher's part, and firmware may know more of them than we do.
 */
#include "rtas_layout.h"
#include "wire.h"

/* Bytes of the identifier without its name; an unknown kind has none. */
static size_t identifier_len(uint8_t id_type)
{
	switch (id_type) {
	case DLPAR_ID_DRC_INDEX:
	case DLPAR_ID_DRC_COUNT:
		return 4;
	case DLPAR_ID_INDEXED_COUNT:
		return 8;
	default:
		return 0;
	}
}

static void read_identifier(struct dlpar_rtas_hotplug *hp, const uint8_t *sec)
{
	switch (hp->id_type) {
	case DLPAR_ID_DRC_INDEX:
		hp->drc_index = wire_get32(sec + HP_IDENTIFIER);
		break;
	case DLPAR_ID_DRC_COUNT:
		hp->count = wire_get32(sec + HP_IDENTIFIER);
		break;
	case DLPAR_ID_INDEXED_COUNT:
		hp->count = wire_get32(sec + HP_IC_COUNT);
		hp->drc_index = wire_get32(sec + HP_IC_INDEX);
		break;
	default:
		break;
	}
}

/* @end is where the name may not go beyond: a token, or the section's end. */
static int read_name(struct dlpar_rtas_hotplug *hp, const uint8_t *sec,
		     size_t end)
{
	const uint8_t *name = sec + HP_IDENTIFIER;
	const uint8_t *nul = memchr(name, 0, end - HP_IDENTIFIER);

	if (!nul)
		return DLPAR_ERR_BADVALUE;
	hp->name_off = HP_IDENTIFIER;
	hp->name_len = (uint32_t)(nul - name);
	return 0;
}

static int section_decode(struct dlpar_rtas_hotplug *hp, size_t *err_off,
			  const uint8_t *sec, size_t len)
{
	struct dlpar_rtas_hotplug h = {
		.resource = sec[HP_RESOURCE],
		.action = sec[HP_ACTION],
		.id_type = sec[HP_ID_TYPE],
		.capabilities = sec[HP_CAPABILITIES],
	};
	size_t token = h.capabilities & DLPAR_HP_TOKEN ? HP_TOKEN_LEN : 0;

	*err_off = SEC_ID;
	if (len - HP_IDENTIFIER < identifier_len(h.id_type) + token)
		return DLPAR_ERR_SECTION;
	read_identifier(&h, sec);
	if (token)
		h.token = wire_get32(sec + len - token);
	*err_off = HP_IDENTIFIER;
	if (h.id_type == DLPAR_ID_DRC_NAME && read_name(&h, sec, len - token))
		return DLPAR_ERR_BADVALUE;
	*hp = h;
	return (int)len;
}

int dlpar_rtas_hotplug_decode(struct dlpar_rtas_hotplug *hp, size_t *err_off,
			      const uint8_t *buf, size_t len)
{
	size_t unused, sec_len;

	if (!err_off)
		err_off = &unused;
	*err_off = SEC_ID;
	if (len < SEC_DATA)
		return DLPAR_ERR_TRUNCATED;
	if (wire_get16(buf + SEC_ID) != DLPAR_RTAS_HP)
		return DLPAR_ERR_FORMAT;
	sec_len = wire_get16(buf + SEC_LENGTH);
	if (sec_len < HP_MIN_LEN)
		return DLPAR_ERR_SECTION;
	if (sec_len > len)
		return DLPAR_ERR_TRUNCATED;
	return section_decode(hp, err_off, buf, sec_len);
}
