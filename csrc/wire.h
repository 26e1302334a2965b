/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire.h - big-endian loads and stores, and a bounds-checked cursor.
 *
 * Everything that reads or writes bytes of the wire goes through here; a byte
 * pointer is never cast to a struct. The cursor's first error sticks, so a
 * decoder is a straight line with one check at its end. What there is of
 * compiler extensions stands here too: the 128-bit product, the place of the
 * highest bit and prefetch.
 */
#ifndef DLPAR_WIRE_H
#define DLPAR_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "dlpar.h"

static inline uint16_t wire_get16(const uint8_t *p)
{
	return (uint16_t)((unsigned int)p[0] << 8 | p[1]);
}

static inline uint32_t wire_get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | (uint32_t)p[3];
}

static inline uint64_t wire_get64(const uint8_t *p)
{
	return (uint64_t)wire_get32(p) << 32 | wire_get32(p + 4);
}

static inline void wire_put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void wire_put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static inline void wire_put64(uint8_t *p, uint64_t v)
{
	wire_put32(p, (uint32_t)(v >> 32));
	wire_put32(p + 4, (uint32_t)v);
}

/* Both halves of a 128-bit product folded: the mixing step of a hash. */
__extension__ typedef unsigned __int128 wire_u128;

static inline uint64_t wire_mix(uint64_t a, uint64_t b)
{
	wire_u128 m = (wire_u128)a * b;

	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

/* The place of the highest bit of @v, which is not 0. */
static inline unsigned int wire_log2(uint32_t v)
{
	return 31u - (unsigned int)__builtin_clz(v);
}

/* The line at @p will soon be read. */
static inline void wire_prefetch(const void *p)
{
	__builtin_prefetch(p);
}

/*
 * The same where the page may be one that was not used for long: a prefetch is
 * dropped if its address is not in the TLB.
 */
static inline void wire_touch(const uint8_t *p)
{
	(void)*(const volatile uint8_t *)p;
}

static inline int wire_same8(const uint8_t *a, const uint8_t *b)
{
	uint64_t x, y;

	memcpy(&x, a, 8);
	memcpy(&y, b, 8);
	return x == y;
}

static inline int wire_same4(const uint8_t *a, const uint8_t *b)
{
	uint32_t x, y;

	memcpy(&x, a, 4);
	memcpy(&y, b, 4);
	return x == y;
}

/* Whether two names are equal: they are short, and a call costs as much. */
static inline int wire_same(const uint8_t *a, const uint8_t *b, size_t len)
{
	size_t i;

	if (len >= 8) {
		for (i = 0; i < len - 8; i += 8)
			if (!wire_same8(a + i, b + i))
				return 0;
		return wire_same8(a + len - 8, b + len - 8);
	}
	if (len >= 4)
		return wire_same4(a, b) && wire_same4(a + len - 4, b + len - 4);
	for (i = 0; i < len && a[i] == b[i]; )
		i++;
	return i == len;
}

/* A copy of what is mostly a cell or two, and costs less than a call. */
static inline void wire_copy(uint8_t *to, const uint8_t *from, size_t len)
{
	uint64_t a, b;
	uint32_t c, d;

	if (len > 16) {
		memcpy(to, from, len);
	} else if (len >= 8) {
		memcpy(&a, from, 8);
		memcpy(&b, from + len - 8, 8);
		memcpy(to, &a, 8);
		memcpy(to + len - 8, &b, 8);
	} else if (len >= 4) {
		memcpy(&c, from, 4);
		memcpy(&d, from + len - 4, 4);
		memcpy(to, &c, 4);
		memcpy(to + len - 4, &d, 4);
	} else {
		while (len--)
			to[len] = from[len];
	}
}

/* A reading position within [base, base + len); @err is the first error. */
struct wire_cursor {
	const uint8_t *base;
	size_t len;
	size_t off;
	int err;
};

static inline struct wire_cursor wire_cursor(const uint8_t *base, size_t len)
{
	struct wire_cursor c = { base, len, 0, 0 };

	return c;
}

static inline size_t wire_left(const struct wire_cursor *c)
{
	return c->len - c->off;
}

/* @n bytes at the cursor, which moves past them; NULL once an error stuck. */
static inline const uint8_t *wire_take(struct wire_cursor *c, size_t n)
{
	const uint8_t *p = c->base + c->off;

	if (c->err)
		return NULL;
	if (n > wire_left(c)) {
		c->err = DLPAR_ERR_TRUNCATED;
		return NULL;
	}
	c->off += n;
	return p;
}

static inline uint32_t wire_take32(struct wire_cursor *c)
{
	const uint8_t *p = wire_take(c, 4);

	return p ? wire_get32(p) : 0;
}

static inline uint64_t wire_take64(struct wire_cursor *c)
{
	const uint8_t *p = wire_take(c, 8);

	return p ? wire_get64(p) : 0;
}

#endif /* DLPAR_WIRE_H */
