/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * A regular file that is written in place, under the name that the user gave. When another medium
 * follows, and the file still has that name, it gets a number (run.jsonl -> run-000001.jsonl); when
 * somebody has moved it away (logrotate), the name is free. Nothing is destroyed but what an
 * earlier run left there.
 */
#include "sinks/place.h"

struct plain {
	struct place *place;    /* the caller's */
	struct place_file file; /* fd -1 = none */
	char name[NAME_MAX + 1];
	uint64_t number; /* of the last file that was given one; 0 = nobody has looked */
	bool made;       /* by us */
	bool began;      /* a medium: what open() found or made is ours to change */
};

/* Finds or makes the file; changes nothing of what is in it. plain_close() is due in any case. */
int plain_open(struct plain *f, struct place *place, const char *name, struct err *err);
void plain_close(struct plain *f);
/* As the functions of struct sink_ops. */
int plain_begin(struct plain *f);
int plain_sync(const struct plain *f);
int plain_beside(struct plain *f, const char *extension, const void *p, size_t n);
int plain_end(struct plain *f);
