/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What a sink is: a place for bytes. It never sees an event. One instance serves one output; open()
 * is called before threads start, everything else by that output's sink thread alone.
 */
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "capture/base/err.h"
#include "capture/base/opt.h"

struct sink_env {
	const char
		*target; /* what the user wrote: a path, "-", "host:port"; borrowed for the run */
	uid_t uid;       /* who owns files made, (uid_t)-1 = leave as it is */
	gid_t gid;
	bool one_run; /* the output is complete when the run ends: an existing file is replaced */
};

struct sink_ops {
	const char *name; /* scheme: "file", "stdout", "tcp" */
	const char *summary;
	const struct opt *options;
	size_t cfg_size, ctx_size;

	/* ctx is zeroed. Refuses what is not a place for output (a link, a directory, a file that
	 * another penstock is writing) with a negative errno and text. */
	int (*open)(void *ctx, const void *cfg, const struct sink_env *env, struct err *err);
	/* Writes everything: 0; -EAGAIN = nothing more now, *ret_done bytes of this call were
	 * taken, try the rest later; any other error: the sink has restored the end of the last
	 * whole write where its medium allows it, and is tried again after a pause. iov is not
	 * changed. */
	int (*write)(void *ctx, const struct iovec *iov, int n, size_t *ret_done);
	/* What was written is made visible to readers (and durable where the options say so). NULL
	 * = nothing. */
	int (*sync)(void *ctx);
	/* Accepts a ctx whose open() failed. */
	void (*close)(void *ctx);
};

extern const struct sink_ops *const sink_registry[];
/* "tcp" of tcp://…; NULL = none. */
const struct sink_ops *sink_by_name(const char *name);
