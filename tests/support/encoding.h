/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Plays the output around an encoder: lends chunks, ships them into memory, retries in a larger
 * one. Programs that we did not write then judge the file.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/encoder.h"

struct encoding {
	const struct encoder_ops *ops;
	void *ctx, *cfg;
	struct chunk *small, *jumbo; /* the chunks it lends; out.tail is one of them */
	struct out out;
	uint8_t *p; /* what was shipped */
	size_t n;
};

/* Opens ops with "k=v,…" options (NULL = defaults); fails the test when it cannot. */
void encoding_open(struct encoding *e, const struct encoder_ops *ops, const char *options,
		   const struct encoder_env *env);
/* The preamble. */
void encoding_begin(struct encoding *e);
/* What encode() returned at last: 0, -EMSGSIZE, -EOPNOTSUPP. */
int encoding_add(struct encoding *e, const struct event *ev);
void encoding_ship(struct encoding *e);
/* Epilogue; everything is in p. */
void encoding_end(struct encoding *e);
void encoding_close(struct encoding *e);
/* Writes n bytes into the temporary file of this program and returns its path; the next call
 * overwrites it. */
const char *encoding_file(const void *p, size_t n);

/* Is there such a program? When not, the test is skipped with that reason. */
bool encoding_has(const char *program);
/* Runs a shell command and returns what it wrote (malloc'd, NUL-terminated); *ret_status its exit
 * status (may be NULL). */
char *encoding_run(int *ret_status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
