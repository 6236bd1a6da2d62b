/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* CRC-32C (Castagnoli) of what `crc` is the checksum of, and n bytes more; 0 to begin with. */
uint32_t crc32c(uint32_t crc, const void *p, size_t n);
