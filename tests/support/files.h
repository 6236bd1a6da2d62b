/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The file sink, driven by hand: one at a path in the folder of the test. */
#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/sink.h"

extern const struct sink_ops sink_file;

enum {
	FILES_CTX = 16384
};

/* 2026-03-04T05:06:07Z */
#define FILES_UNIX_NS 1772600767000000000ull

struct files {
	_Alignas(max_align_t) char ctx[FILES_CTX], cfg[256];
	char path[PATH_MAX];
	struct sink_env env;
	uint64_t number, done; /* of the last parcel, and of the last that is done */
	uint64_t unix_ns;      /* of the next medium */
	struct err err;
};

/* "sync=data,files=3", or "" for none; then open(). */
int files_open(struct files *s, const char *name, const char *options);
/* The same with whatever env says but `target` and `done`. */
int files_open_as(struct files *s, const char *name, const char *options,
		  const struct sink_env *env);
void files_refused(struct files *s, const char *name, const char *options, int code,
		   const char *text);
int files_begin(struct files *s);
/* What write() says: all of it, or nothing. */
int files_write(struct files *s, const char *text);
int files_end(struct files *s);
void files_close(struct files *s);
/* begin, write, end, which all go well. */
void files_medium(struct files *s, const char *text);

/* The names in the folder of the test that begin so, in order, with spaces between; valid until
 * the next call. */
const char *files_list(const char *beginning);
/* Removes them. */
void files_remove(const char *beginning);
