/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/base/crc32c.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#include <string.h>

/* The processor's own instruction, which knows this very polynomial: some 20 times as fast as the
 * table, so that whatever is spooled and sent can be checked. */
__attribute__((target("sse4.2"))) static uint32_t crc_by_machine(uint32_t crc, const uint8_t *p,
								 size_t n)
{
	uint64_t wide = (uint32_t)~crc, word;

	for (; n >= sizeof(word); p += sizeof(word), n -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		wide = _mm_crc32_u64(wide, word);
	}
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
	if (__builtin_cpu_supports("sse4.2"))
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
