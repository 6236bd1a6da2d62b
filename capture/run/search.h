/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * A query put to recordings, one after the other, and what fits it handed to outputs as if nothing
 * else had happened. Of an archive with an index only the frames concerned are read; the answer is
 * the same without it.
 */
#include <stdbool.h>
#include <stdint.h>

#include "capture/archive/query.h"
#include "capture/run/outputs.h"

struct search_config {
	struct query *query;
	struct outputs *outputs; /* open and begun, no raw one; NULL = events are only counted */
	uint64_t limit;          /* the search ends with that many, 0 = never */
	uint64_t around_ns;      /* what happened within that time of a fitting event fits, too */
	/* Lines that do not concern the answer: a file that cannot be read, an index that is not
	 * there. */
	void (*say)(const char *line, void *arg);
	/* Now and then: bytes of all files, and how many of them are done. False: enough. */
	bool (*going)(uint64_t done, uint64_t total, uint64_t found, void *arg);
	void *arg;
};

struct search_result {
	uint64_t found;  /* events that fit, without those around them */
	unsigned failed; /* files that could not be read, or not to their end */
};

/* paths: files, and folders, in which and below which files are taken by the endings of their
 * names;
 * "-" is standard input. Negative with text: nothing could be sought at all. */
int search_run(const struct search_config *cfg, char **paths, unsigned n, struct search_result *ret,
	       struct err *err);
