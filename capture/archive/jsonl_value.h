/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Values of our JSON as they stand in a line, back into what they were. False: it is no such value.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/event.h"

/* An unsigned number that fits into size bytes, to which `to` points. */
bool jsonl_value_number(struct bytes digits, void *to, size_t size);
bool jsonl_value_status(struct bytes digits, int32_t *ret);
/* 16 digits; 32 digits. */
bool jsonl_value_hex(struct bytes text, uint64_t *ret);
bool jsonl_value_id(struct bytes text, uint8_t ret[16]);
/* Writes at most text.n bytes. */
bool jsonl_value_base64(struct bytes text, char *to, size_t *ret_n);
bool jsonl_value_address(struct bytes text, uint8_t ret[16], uint8_t *ret_family);
bool jsonl_value_kind(struct bytes text, enum event_kind *ret);
/* A name that is not known, which a newer version may write, is as good as none. */
uint32_t jsonl_value_flag(struct bytes text);
enum direction jsonl_value_direction(struct bytes text);
enum flow_role jsonl_value_role(struct bytes text);
enum protocol jsonl_value_protocol(struct bytes text);
