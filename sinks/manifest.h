/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What files an output that rotates has made, oldest first: `.<template>.manifest` beside them.
 * Only what is listed there is ever deleted. Its lock says that somebody writes by this template.
 *
 *   penstock manifest 1 NUMBER           the first line; the number of the next file
 *   a INODE NAME                         NAME.part, of that inode, is being written or made whole
 *   + BYTES TIME NAME                    a file was finished (Unix time in seconds)
 *   - NAME                               the oldest, of that name, was deleted
 *
 * Lines are appended; from time to time, and when one could not be, the whole is written anew
 * under another name, locked, and put in its place: whoever waits for a lock must look whether what
 * he has locked is still there. What it says is believed of regular files of ours that lie beside
 * it and are called as the template says.
 */
#include "sinks/name.h"
#include "sinks/place.h"

enum {
	MANIFEST_FILES = 1 << 18, /* more are forgotten, the oldest first, and never deleted */
	MANIFEST_BYTES = 64 << 20,
};

struct manifest_file {
	char *name;
	uint64_t size;
	int64_t time; /* of its last write, Unix seconds */
};

struct manifest {
	const struct place *place;
	const struct name *template;
	char name[NAME_MAX + 1];
	int fd;                      /* locked; -1 = not open */
	struct manifest_file *files; /* cap of them; [first, first + n) are listed */
	size_t first, n, cap;
	uint64_t total;            /* bytes of all */
	uint64_t next;             /* number of the next file */
	char active[NAME_MAX + 1]; /* "" = none */
	uint64_t active_ino;
	size_t lines;
	bool stale; /* a line could not be appended */
	bool made;  /* it was not there before */
};

/* -EBUSY when somebody is writing by that template. *m is zeroed; manifest_close() is due in any
 * case. `base` is the template as the user wrote it. */
int manifest_open(struct manifest *m, const struct place *place, const char *base,
		  const struct name *template, struct err *err);
void manifest_close(struct manifest *m);
/* It was made in vain: nothing has been listed since. */
void manifest_discard(struct manifest *m);
/* How the manifest of that template is called. */
int manifest_name(const char *base, char ret[NAME_MAX + 1]);

/* NAME.part is about to become NAME. */
void manifest_begin(struct manifest *m, const char *name, uint64_t ino);
/* The file of that name, ours, has been finished. */
void manifest_add(struct manifest *m, const char *name);
/* The oldest; NULL = none. */
const struct manifest_file *manifest_oldest(const struct manifest *m);
/* The oldest is no more, or no longer ours. */
void manifest_forget_oldest(struct manifest *m);
