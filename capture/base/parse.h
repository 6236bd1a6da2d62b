/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Strict parsing of untrusted text: the whole text must match, and nothing is written on failure.
 * All return 0, -EINVAL (no such thing) or -ERANGE. */
#include <stddef.h>
#include <stdint.h>

int parse_u64(const char *text, uint64_t *ret);
int parse_u32(const char *text, uint32_t *ret);
int parse_size(const char *text, uint64_t *ret_bytes);
int parse_duration(const char *text, uint64_t *ret_ns);

/* The shortest exact text that the parser of the same name takes: "16M", "1500ms". Returns ret. */
enum {
	PARSE_SHOW = 24
};
const char *parse_show_size(uint64_t bytes, char ret[PARSE_SHOW]);
const char *parse_show_duration(uint64_t ns, char ret[PARSE_SHOW]);
