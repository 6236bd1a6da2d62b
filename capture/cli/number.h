/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Numbers for people. Each returns ret. */
#include <stdint.h>

/* "12,345". */
const char *number_count(uint64_t n, char ret[32]);
/* Rounded: "24.1K". */
const char *number_size(uint64_t bytes, char ret[16]);
/* "12 s", "3 min", "5 h". */
const char *number_time(int64_t ms, char ret[24]);
