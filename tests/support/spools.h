/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * A spool, driven by hand. Chunks are made of a number: everything in them follows from it and from
 * the stream, so that what comes out can be compared with what was put.
 */
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "capture/spool.h"

enum {
	SPOOLS_RECORDS = 3, /* events in each chunk: seq, seq + 1, seq + 2 */
};

struct spools {
	char folder[PATH_MAX];
	struct spool_env env;
	void *ctx;
	struct chunk *in, *out;
	char note[256];
	struct err err;
	char stream;               /* whose chunks are put and expected; '\0' = without opening */
	bool opened;               /* that stream was put once */
	struct loss lost, earlier; /* what the spool has told */
	unsigned lost_calls;
	bool rewound; /* what comes again need not be of an earlier run */
};

/* In that folder below the temporary one; env with its defaults (1 GiB, oldest, none) where it is
 * zeroed. */
void spools_init(struct spools *s, const char *folder);
int spools_open(struct spools *s);
void spools_close(struct spools *s);
void spools_free(struct spools *s);

/* A chunk of n bytes, of which the first event has that number; the first one behind the opening
 * bytes of the stream. */
int spools_put(struct spools *s, uint64_t seq, size_t n);
/* The opening bytes of the stream, alone, come next. */
void spools_expect_opening(struct spools *s);
/* That chunk comes next, of that size. */
void spools_expect(struct spools *s, uint64_t seq, size_t n, bool again);
/* Takes the next one, whatever it is: 1 with its number and size (0 events: opening bytes), 0 =
 * there is none, negative = it was unreadable. What is in it is checked. */
int spools_take(struct spools *s, uint64_t *ret_seq, size_t *ret_n);
void spools_done(struct spools *s);
void spools_rewind(struct spools *s);
void spools_expect_nothing(struct spools *s);
struct spool_stats spools_stats(const struct spools *s);
/* Files in the folder that end so; the last one's path in ret. */
unsigned spools_files(const struct spools *s, const char *ending, char ret[PATH_MAX]);
/* The first of them in order. */
unsigned spools_first_file(const struct spools *s, const char *ending, char ret[PATH_MAX]);
/* Removes the folder with everything in it. */
void spools_wipe(const struct spools *s);
