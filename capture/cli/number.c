/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/cli/number.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *number_count(uint64_t n, char ret[32])
{
	char digits[24];
	size_t len = (size_t)snprintf(digits, sizeof(digits), "%" PRIu64, n), at = 0;

	for (size_t i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			ret[at++] = ',';
		ret[at++] = digits[i];
	}
	ret[at] = '\0';
	return ret;
}

const char *number_size(uint64_t bytes, char ret[16])
{
	static const char units[] = "BKMGT";
	double value = (double)bytes;
	unsigned unit = 0;

	for (; value >= 1024 && unit + 2 < sizeof(units); unit++)
		value /= 1024;
	snprintf(ret, 16, unit ? "%.1f%c" : "%.0f%c", value, units[unit]);
	return ret;
}

const char *number_time(int64_t ms, char ret[24])
{
	int64_t s = ms / 1000;

	if (s < 120)
		snprintf(ret, 24, "%" PRId64 " s", s);
	else if (s < 7200)
		snprintf(ret, 24, "%" PRId64 " min", s / 60);
	else
		snprintf(ret, 24, "%" PRId64 " h", s / 3600);
	return ret;
}
