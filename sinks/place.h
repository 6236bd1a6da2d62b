/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The folder in which an output's files lie, and one file in it. The folder is held by descriptor
 * from open() on, so that what others do to its name later leads nowhere else; no link is ever
 * followed. A file that is being written carries a lock, which goes with its descriptor.
 */
#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "capture/sink.h"

struct place {
	const struct sink_env *env;
	int folder;              /* O_PATH */
	char base[NAME_MAX + 1]; /* what the user wrote behind the last slash */
	char real[PATH_MAX];     /* where the folder was when it was opened; "" = nobody knows */
	uid_t folder_uid;        /* and whose it was */
};

/* A file that is being written. */
struct place_file {
	int fd; /* -1 = none */
	char name[NAME_MAX + 1];
	dev_t dev;
	ino_t ino;
	off_t end; /* behind the last parcel that is whole */
};

/* Opens the folder of env->target. place_close() is due in any case. */
int place_open(struct place *p, const struct sink_env *env, struct err *err);
void place_close(struct place *p);
/* When somebody has removed the folder: is there one again at its path, of the same owner and
 * behind no link? Then that one is used: true. */
bool place_renew(struct place *p);

/* Is it owned by us, or by whom our files are given to? */
bool place_is_ours(const struct place *p, const struct stat *st);
/* Refuses what is not a regular file of ours with a single name, with text. */
int place_judge(const struct place *p, const char *name, const struct stat *st, struct err *err);
/* Is a living process holding the lock of that regular file? */
bool place_is_locked(const struct place *p, const char *name);
/* Opens what an O_PATH descriptor stands for. Negative errno. */
int place_reopen(int path_fd, int flags);

/* A file that was not there, claimed: -EEXIST when it was. */
int place_create(const struct place *p, const char *name, struct place_file *ret, struct err *err);
/* One that was there, judged, claimed and as it was. */
int place_existing(const struct place *p, const char *name, struct place_file *ret,
		   struct err *err);
/* The one or the other. */
int place_take(const struct place *p, const char *name, struct place_file *ret, bool *ret_made,
	       struct err *err);
void place_file_close(struct place_file *f);
/* Does that name still stand for this file? */
bool place_file_is(const struct place *p, const struct place_file *f, const char *name);
/* -ESTALE when somebody has removed the file or cut off what was written. */
int place_file_look(const struct place_file *f);
/* As sink_ops.write(); -ESTALE as above. */
int place_file_write(struct place_file *f, const struct parcel *parcel, size_t *done);
/* What close() would say, while the lock stays. */
int place_file_flush(const struct place_file *f);

/* Gives a file another name, unless there is something of that name: -EEXIST. */
int place_move(const struct place *p, const char *from, const char *to);
/* Removes a regular file of ours; whatever else has that name stays: -EPERM. */
int place_remove(const struct place *p, const char *name);
/* So that names survive a failure of power. */
int place_sync(const struct place *p);
/* Writes a small file as a whole: whoever reads that name gets all of it, or what was there before.
 * *ret_fd, when it is not NULL, gets a descriptor of it that was locked before it got the name. */
int place_put(const struct place *p, const char *name, const void *bytes, size_t n, int *ret_fd);
/* What one that was killed in place_put() has left of it. */
void place_put_forget(const struct place *p, const char *name);
/* For reading its entries; NULL with errno. */
DIR *place_entries(const struct place *p);
