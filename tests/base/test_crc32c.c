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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_values),
		cmocka_unit_test(in_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
