/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "capture/base/crc32c.h"

/* The check value of the Castagnoli polynomial, and one from RFC 3720 (B.4). */
static void known_values(void **state)
{
	static const uint8_t zeroes[32];

	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c(0, zeroes, sizeof(zeroes)), 0x8a9136aa);
	assert_int_equal(crc32c(0, "", 0), 0);
}

static void in_pieces(void **state)
{
	assert_int_equal(crc32c(crc32c(0, "1234", 4), "56789", 5), 0xe3069283);
}

/* Bit by bit, as the polynomial is defined: whatever makes it faster comes to the same, at any
 * length and address. */
static uint32_t crc_by_bits(const uint8_t *p, size_t n)
{
	uint32_t crc = ~0u;

	for (size_t i = 0; i < n; i++) {
		crc ^= p[i];
		for (unsigned bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

static void any_length_and_address(void **state)
{
	static uint8_t bytes[3 * 3072 + 100];

	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 37 + 11);
	for (unsigned from = 0; from < 9; from++)
		for (unsigned n = 0; n + from <= sizeof(bytes); n += n < 80 ? 1 : 241)
			assert_int_equal(crc32c(0, bytes + from, n), crc_by_bits(bytes + from, n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_values),
		cmocka_unit_test(in_pieces),
		cmocka_unit_test(any_length_and_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
