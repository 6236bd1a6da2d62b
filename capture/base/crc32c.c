/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/base/crc32c.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

enum {
	LANE = 1024
};

#define MACHINE __attribute__((target("sse4.2,pclmul")))

MACHINE static uint64_t crc_word(uint64_t crc, const uint8_t *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return _mm_crc32_u64(crc, word);
}

/* The checksum as if zeroes followed: as many as the factor, x^(8n - 33), stands for. */
MACHINE static uint64_t crc_shift(uint64_t crc, uint32_t factor)
{
	__m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128((int64_t)crc),
					       _mm_cvtsi32_si128((int32_t)factor), 0);

	return _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(product));
}

/* The processor's own instruction, which knows this very polynomial. It takes three cycles, but
 * another one can begin in each: so three lanes at once, which are put together then. Some 50 times
 * as fast as the table: whatever is spooled and sent can be checked. */
MACHINE static uint32_t crc_by_machine(uint32_t crc, const uint8_t *p, size_t n)
{
	uint64_t wide = (uint32_t)~crc;

	for (; n >= 3 * LANE; p += 3 * LANE, n -= 3 * LANE) {
		uint64_t second = 0, third = 0;

		for (size_t i = 0; i < LANE; i += 8) {
			wide = crc_word(wide, p + i);
			second = crc_word(second, p + LANE + i);
			third = crc_word(third, p + 2 * LANE + i);
		}
		wide = crc_shift(wide, 0xa51b6135) ^ crc_shift(second, 0x170076fa) ^ third;
	}
	for (; n >= 8; p += 8, n -= 8)
		wide = crc_word(wide, p);
	for (; n; p++, n--)
		wide = _mm_crc32_u8((uint32_t)wide, *p);
	return ~(uint32_t)wide;
}
#endif

/* Of half a byte each: small, and fast enough for what is checked once; for processors without an
 * instruction for it. */
static const uint32_t crc_of_nibble[16] = {
	0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
	0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
	0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

uint32_t crc32c(uint32_t crc, const void *p, size_t n)
{
	const uint8_t *byte = p;

#if defined(__x86_64__)
	if (__builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul"))
		return crc_by_machine(crc, p, n);
#endif
	crc = ~crc;
	for (size_t i = 0; i < n; i++) {
		crc ^= byte[i];
		crc = crc >> 4 ^ crc_of_nibble[crc & 15];
		crc = crc >> 4 ^ crc_of_nibble[crc & 15];
	}
	return ~crc;
}
