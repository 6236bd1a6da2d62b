/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Files that follow each other, each a medium: NAME.part while it is written, NAME when it is
 * finished. Names come from a template (sinks/name.h), what was made is listed in a manifest
 * (sinks/manifest.h), and what the limits allow no more is deleted, the oldest first.
 */
#include "sinks/manifest.h"
#include "sinks/place.h"

struct rotate_limits {
	uint32_t files;  /* 0 = no limit */
	uint64_t total;  /* bytes */
	uint64_t age_ns; /* of a finished file, by its last write */
};

struct rotate;

/* Locks the template and makes whole what a writer that died has left. `place` is borrowed until
 * rotate_close(), which is due in any case; *ret is NULL when there is no memory. */
int rotate_open(struct place *place, const struct name *name, const struct rotate_limits *limits,
		struct rotate **ret, struct err *err);
void rotate_close(struct rotate *r);
/* As the functions of struct sink_ops. */
int rotate_begin(struct rotate *r, const struct sink_medium *medium);
int rotate_write(struct rotate *r, const struct parcel *parcel, size_t *done);
int rotate_sync(struct rotate *r);
int rotate_beside(struct rotate *r, const char *extension, const void *p, size_t n);
int rotate_end(struct rotate *r);
/* Has a medium begun? */
bool rotate_is_writing(const struct rotate *r);
