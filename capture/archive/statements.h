/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Statements of databases that differ only in their values (that have one fingerprint), taken
 * together: how often, how long, how many failed. Bounded: beyond STATEMENTS_MOST kinds of them,
 * those that were not seen for the longest time are only a sum.
 */
#include <stdint.h>

#include "capture/event.h"
#include "capture/sql_text.h"

enum {
	STATEMENTS_MOST = 8192,
	STATEMENTS_TIMES = 132 /* four for each power of two of nanoseconds: from 256 to 2^40 */
};

struct statement {
	char text[SQL_FINGERPRINT_MAX + 1]; /* UTF-8 without control characters */
	uint64_t calls, failed, rows;
	uint64_t total_ns, longest_ns;
	uint32_t by_time[STATEMENTS_TIMES]; /* calls by how long they took */
};

struct statements;

struct statements *statements_new(void); /* NULL = no memory */
void statements_free(struct statements *s);
/* Each statement that was run counts once, when it has ended; one that was only prepared counts if
 * it failed. */
void statements_add(struct statements *s, const struct event *ev);
/* Adds all but the text. */
void statements_sum(struct statement *to, const struct statement *s);
/* The time that 95 of 100 calls did not exceed; it may be told up to a quarter too long. */
uint64_t statements_p95(const struct statement *s);
/* Those with the longest time in all first; *ret_rest is the sum of the others. Until the next call
 * with s; NULL, when there is no memory. */
const struct statement *statements_sorted(struct statements *s, unsigned *ret_n,
					  struct statement *ret_rest);
