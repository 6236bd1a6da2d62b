/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What a filter is: it stands between the chunks of an output and its sink and makes other bytes of
 * them (zstd). It belongs to the output's delivery thread. What it returns for one chunk can be
 * read as far as that chunk: it is flushed.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/base/bytes.h"
#include "capture/base/chunk.h"
#include "capture/base/err.h"
#include "capture/base/opt.h"

struct filter_env {
	bool frames; /* a chunk that opens a generation begins a frame of its own; else a medium is
		      * exactly one frame */
};

struct filter_ops {
	const char *name;      /* "zst" */
	const char *extension; /* without dot; comes behind that of the format */
	const char *summary;
	const struct opt *options;
	size_t cfg_size, ctx_size;

	/* ctx is zeroed, cfg parsed; both live until after close(). Everything that it needs is
	 * allocated here. */
	int (*open)(void *ctx, const void *cfg, const struct filter_env *env, struct err *err);
	/* How large in bytes, before it is compressed, and how long in nanoseconds a frame is to be
	 * at most. */
	void (*frame)(const void *cfg, uint64_t *ret_bytes, uint64_t *ret_ns);
	/* A medium begins: what was before is forgotten. */
	void (*begin)(void *ctx);
	/* Takes the n bytes at p, which are the chunk's from some byte on, or opening bytes (c
	 * NULL). pressure: how full the queue is, 0 to 100. *ret is valid until the next call. */
	int (*put)(void *ctx, const struct chunk *c, const void *p, size_t n, unsigned pressure,
		   struct bytes *ret);
	/* What a medium ends with. */
	int (*end)(void *ctx, struct bytes *ret);
	/* After end(): what belongs beside the medium (its index), under the extension; n = 0 when
	 * there is nothing. */
	void (*beside)(void *ctx, const char **ret_extension, struct bytes *ret);
	void (*close)(void *ctx);
};

/* The registry (sinks/filters.def): NULL-terminated. */
extern const struct filter_ops *const filter_registry[];
/* By the last ending of a file name ("x.jsonl.zst"); NULL = none. */
const struct filter_ops *filter_by_file(const char *path);
