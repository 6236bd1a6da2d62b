/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* An index that is being written, and a set of values whose frames are known. */
#include <stdbool.h>

#include "capture/index.h"

enum {
	FRAMES = 40,
	VALUES = 50
};

extern struct chunk *chunk;
extern struct index_writer *writer;
extern bool truth[KEY_TYPES][VALUES][FRAMES]; /* of write_random() */

uint32_t random_below(uint32_t n);
int index_setup(void **state);
int index_teardown(void **state);
void chunk_begin(uint32_t generation);
void put_event(enum event_kind kind, uint64_t seq, uint64_t time_ns);
void put_u32(enum key_type type, uint32_t v);
void put_conn(uint64_t v);
void end_frame(uint64_t *offset, uint64_t size);
struct index *read_back(uint64_t archive_size, size_t *ret_n);
unsigned marked(const uint8_t *frames, size_t n);
struct bytes value_of(enum key_type type, unsigned v);
uint64_t write_random(void);
bool ends_in_7(struct bytes text, void *arg);
