/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Makes records of kern/events.h and hands them to a source_fn, as a source would. */
#include <stdint.h>

#include "capture/base/bytes.h"
#include "capture/source.h"
#include "kern/events.h"

enum {
	RECORDS_EXEC = 1,
	RECORDS_BASH = 2,
	RECORDS_TLS = 3,
}; /* numbers in probes/probes.def */

#define RECORDS_BOOT 1000000000000ull
#define RECORDS_UNIX 1700000000000000000ull /* at RECORDS_BOOT */

struct records {
	source_fn fn;
	void *arg;
	uint64_t now; /* time of the next record; each advances it by 1 µs */
	int result;   /* the first negative answer of fn */
};

void records_init(struct records *r, source_fn fn, void *arg);
void records_run(struct records *r);
void records_clock(struct records *r);
void records_start(struct records *r, source_fn fn, void *arg); /* all three */
void records_loss(struct records *r, const char *reason, uint64_t count);
void records_raw(struct records *r, void *rec, size_t len);
void records_bare(struct records *r, enum rec_kind kind); /* TICK, STOP */
struct rec_task records_task(uint32_t pid, uint32_t ppid, uint64_t start, const char *comm);
void records_proc(struct records *r, struct rec_task task, const char *exe, struct bytes cmdline);
void records_fork(struct records *r, struct rec_task task);
/* args: the part of the argument block in this record, of `total` bytes in all. */
void records_exec(struct records *r, struct rec_task task, const char *exe, struct bytes args,
		  uint32_t total);
void records_exit(struct records *r, struct rec_task task, uint32_t code);
void records_line(struct records *r, struct rec_task task, uint64_t id, uint32_t line_flags,
		  struct bytes text, uint8_t flags);
void records_line_end(struct records *r, struct rec_task task, uint64_t id, int status);
void records_part(struct records *r, enum rec_kind kind, uint32_t pid, uint64_t id, uint32_t offset,
		  struct bytes text, uint8_t flags);
void records_counter(struct records *r, uint16_t probe, enum kcounter counter, uint64_t value);
