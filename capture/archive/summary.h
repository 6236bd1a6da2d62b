/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What is in recordings: from when to when, how many events of which kind, of which programs, to
 * which peers, which statements of databases, and what was lost. Bounded: of programs, peers,
 * statements, runs and reasons beyond the limits only the sum is known.
 */
#include <stdbool.h>
#include <stdint.h>

#include "capture/archive/statements.h"
#include "capture/base/err.h"
#include "capture/event.h"

enum {
	SUMMARY_NAME = 256,     /* longest name; a longer one is cut */
	SUMMARY_ENTRIES = 8192, /* of one table */
};

/* Text of any bytes as a name of at most room - 1 bytes, padded with NULs: what no terminal should
 * see is replaced. */
void summary_name(char *name, size_t room, struct bytes text);

/* One program, peer, run or reason. */
struct summary_entry {
	char name[SUMMARY_NAME];
	uint64_t events, bytes; /* bytes: of payload */
	uint64_t count;         /* lost, for a reason */
};

enum summary_table {
	SUMMARY_PROGRAMS, /* path of the executable, or what the process called itself */
	SUMMARY_PEERS,    /* addresses of the other ends of connections */
	SUMMARY_RUNS,     /* "host 0123456789abcdef" */
	SUMMARY_LOSSES,   /* "probe reason" */
	SUMMARY_TABLES
};

struct summary;

int summary_new(struct summary **ret, struct err *err);
void summary_free(struct summary *s);
/* Adds a file, or all files of ours in a folder and below it. Negative with text: it could not be
 * read to its end; what was whole counts. */
int summary_add(struct summary *s, const char *path, struct err *err);

struct summary_totals {
	uint64_t files, unfinished; /* the latter are part of the former */
	uint64_t size, raw_size;
	uint64_t events, records; /* records: of formats that are not read back as events, too */
	uint64_t by_kind[EVENT_KINDS];
	uint64_t first_unix_ns, last_unix_ns; /* 0 = no event has a time */
};
const struct summary_totals *summary_totals(const struct summary *s);
/* The entries of a table, those with most bytes first, then events; *ret_rest is the sum of those
 * that found no place. Valid until the next call with s. */
const struct summary_entry *summary_table(struct summary *s, enum summary_table table,
					  unsigned *ret_n, struct summary_entry *ret_rest);
/* For statements_sorted(). */
struct statements *summary_statements(struct summary *s);
