/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sinks/rotate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "capture/base/cleanup.h"
#include "capture/index.h"

enum {
	ROTATE_TRIES = 10000, /* names that are taken, one after the other */
};

static const char part_ending[] = ".part";

struct rotate {
	struct place *place; /* the caller's */
	struct rotate_limits limits;
	struct name name;
	struct manifest manifest;
	struct place_file file;   /* NAME.part */
	char final[NAME_MAX + 1]; /* NAME */
	char last[NAME_MAX + 1];  /* what the template gave for it */
	char host[NAME_HOST];
	bool used; /* something was begun, or made whole */
};

static void part_of(const char *final, char ret[NAME_MAX + 1])
{
	snprintf(ret, NAME_MAX + 1, "%.*s%s", NAME_MAX - (int)strlen(part_ending), final,
		 part_ending);
}

static bool is_there(const struct rotate *r, const char *name)
{
	struct stat st;

	return fstatat(r->place->folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

/* ---- what may be kept ---------------------------------------------------------------------- */

/* False: it cannot be deleted now. */
static bool rotate_delete_oldest(struct rotate *r)
{
	const struct manifest_file *f = manifest_oldest(&r->manifest);
	char beside[NAME_MAX + 8];
	int result;

	snprintf(beside, sizeof(beside), "%s" INDEX_ENDING, f->name);
	place_remove(r->place, beside);
	result = place_remove(r->place, f->name);
	if (result < 0 && result != -ENOENT && result != -EPERM)
		return false;
	manifest_forget_oldest(&r->manifest);
	return true;
}

static bool oldest_is_too_much(const struct rotate *r, uint64_t active_bytes)
{
	const struct rotate_limits *l = &r->limits;
	const struct manifest *m = &r->manifest;
	struct timespec now;

	if (l->files && m->n + 1 > l->files)
		return true;
	if (l->total && m->total + active_bytes > l->total)
		return true;
	clock_gettime(CLOCK_REALTIME, &now);
	return l->age_ns &&
	       now.tv_sec - manifest_oldest(m)->time > (int64_t)(l->age_ns / 1000000000);
}

static void rotate_retain(struct rotate *r, uint64_t active_bytes)
{
	while (manifest_oldest(&r->manifest) && oldest_is_too_much(r, active_bytes))
		if (!rotate_delete_oldest(r))
			return;
}

/* ---- finishing ----------------------------------------------------------------------------- */

/* Gives `part`, of that inode, its name; another one with a number when that is taken. */
static int rotate_name_part(struct rotate *r, const char *part, const char *final, uint64_t ino)
{
	char name[NAME_MAX + 1];
	int result;

	snprintf(name, sizeof(name), "%s", final);
	for (int i = 0; i < ROTATE_TRIES; i++) {
		manifest_begin(&r->manifest, name, ino);
		result = place_move(r->place, part, name);
		if (result == 0) {
			place_sync(r->place);
			manifest_add(&r->manifest, name);
		}
		if (result != -EEXIST)
			return result;
		result = name_append_number(final, r->manifest.next++, name);
		if (result < 0)
			return result;
	}
	return -EEXIST;
}

/* What a writer left that did not come to its end. It stays as it is when nobody can make it whole,
 * or somebody is writing it. */
static void rotate_recover(struct rotate *r, const char *part)
{
	CLEANUP_CLOSE int there = openat(r->place->folder, part, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	CLEANUP_CLOSE int fd = -1;
	struct place_file whole = {.fd = -1};
	char final[NAME_MAX + 1], beside[NAME_MAX + 8];
	struct err err;
	struct stat st;

	if (there < 0 || fstat(there, &st) < 0 || place_judge(r->place, part, &st, NULL) < 0)
		return;
	fd = place_reopen(there, O_RDONLY);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return;
	r->used = true;
	snprintf(final, sizeof(final), "%.*s", (int)(strlen(part) - strlen(part_ending)), part);
	snprintf(beside, sizeof(beside), "%s" INDEX_ENDING, final);
	place_put_forget(r->place, beside);
	if (st.st_size == 0) {
		place_remove(r->place, part);
		return;
	}
	if (!r->place->env->recover || r->place->env->recover(r->place->folder, part, &err) < 0)
		return;
	/* It may be another file by now, with the lock, mode and owner of none of ours. */
	cleanup_closep(&fd);
	fd = -1;
	if (place_existing(r->place, part, &whole, NULL) == 0)
		rotate_name_part(r, part, final, whole.ino);
	place_file_close(&whole);
}

/* A medium that ended without rotate_end(). */
static void rotate_abandon(struct rotate *r)
{
	bool ours = place_file_is(r->place, &r->file, r->file.name);

	place_file_close(&r->file);
	if (ours)
		rotate_recover(r, r->file.name);
}

/* ---- opening ------------------------------------------------------------------------------- */

/* NAME of a NAME.part that the template may have made. */
static bool is_part(const struct rotate *r, const char *entry, uint64_t *ret_number)
{
	char final[NAME_MAX + 1];
	size_t n = strlen(entry), ending = strlen(part_ending);

	if (n <= ending || strcmp(entry + n - ending, part_ending) != 0)
		return false;
	snprintf(final, sizeof(final), "%.*s", (int)(n - ending), entry);
	return name_match(&r->name, final, ret_number);
}

/* Numbers go on behind those that are there. */
static void rotate_note_number(struct rotate *r, uint64_t number)
{
	if (number >= r->manifest.next)
		r->manifest.next = number + 1;
}

/* Looks at what is there: finds out where numbers go on, then makes whole what was left. */
static void rotate_look_around(struct rotate *r)
{
	DIR *dir = place_entries(r->place);
	const struct dirent *e;
	uint64_t number;

	if (!dir)
		return;
	while ((e = readdir(dir)))
		if (name_match(&r->name, e->d_name, &number) || is_part(r, e->d_name, &number))
			rotate_note_number(r, number);
	rewinddir(dir);
	while ((e = readdir(dir)))
		if (is_part(r, e->d_name, &number))
			rotate_recover(r, e->d_name);
	rewinddir(dir);
	while (r->place->env->kept && (e = readdir(dir)))
		if (name_match(&r->name, e->d_name, &number))
			r->place->env->kept(r->place->env->kept_arg, r->place->folder, e->d_name);
	closedir(dir);
}

int rotate_open(struct place *place, const struct name *name, const struct rotate_limits *limits,
		struct rotate **ret, struct err *err)
{
	struct rotate *r = calloc(1, sizeof(*r));
	struct stat st;
	int result;

	*ret = r;
	if (!r)
		return errf(err, -ENOMEM, "out of memory");
	r->place = place;
	r->limits = *limits;
	r->name = *name;
	r->manifest.fd = r->file.fd = -1;
	if (gethostname(r->host, sizeof(r->host) - 1) < 0)
		r->host[0] = '\0';
	if (fstatat(place->folder, place->base, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    !S_ISREG(st.st_mode))
		return errf(err, -EINVAL, "'%s' is no regular file: no other can follow it",
			    place->env->target);
	if (place_is_locked(place, place->base))
		return errf(err, -EBUSY, "'%s' is being written by another penstock",
			    place->env->target);
	result = name->counts || name->varies ? 0 : name_number(&r->name, place->env->target, err);
	if (result == 0)
		result = manifest_open(&r->manifest, place, place->base, &r->name, err);
	if (result == 0)
		rotate_look_around(r);
	return result;
}

void rotate_close(struct rotate *r)
{
	if (!r)
		return;
	place_file_close(&r->file);
	if (r->manifest.fd >= 0 && !r->used)
		manifest_discard(&r->manifest);
	manifest_close(&r->manifest);
	free(r);
}

/* ---- media --------------------------------------------------------------------------------- */

bool rotate_is_writing(const struct rotate *r)
{
	return r->file.fd >= 0;
}

/* The name of the next file, which nothing has yet. */
static int rotate_next_name(struct rotate *r, uint64_t unix_ns)
{
	struct name_values v = {.unix_ns = unix_ns, .host = r->host, .pid = (unsigned)getpid()};
	char plain[NAME_MAX + 1], part[NAME_MAX + 1];
	bool numbered;
	int result;

	for (int i = 0; i < ROTATE_TRIES; i++) {
		v.seq = r->manifest.next;
		result = name_expand(&r->name, &v, plain);
		if (result < 0)
			return result;
		snprintf(r->final, sizeof(r->final), "%s", plain);
		numbered = !r->name.counts && (i || !strcmp(plain, r->last));
		if (numbered)
			result = name_append_number(plain, v.seq, r->final);
		if (result < 0)
			return result;
		part_of(r->final, part);
		if (!is_there(r, r->final) && !is_there(r, part)) {
			snprintf(r->last, sizeof(r->last), "%s", plain);
			return 0;
		}
		if (numbered || r->name.counts)
			r->manifest.next++;
	}
	return -EEXIST;
}

/* In another folder there is another manifest; numbers go on. */
static int rotate_renew(struct rotate *r)
{
	uint64_t next = r->manifest.next;
	int result;

	if (place_renew(r->place))
		manifest_close(&r->manifest);
	if (r->manifest.fd >= 0)
		return 0;
	result = manifest_open(&r->manifest, r->place, r->place->base, &r->name, NULL);
	if (next > r->manifest.next)
		r->manifest.next = next;
	return result;
}

int rotate_begin(struct rotate *r, const struct sink_medium *medium)
{
	char part[NAME_MAX + 1];
	int result;

	if (r->file.fd >= 0)
		rotate_abandon(r);
	if (!medium->unix_ns)
		return -EAGAIN;
	result = rotate_renew(r);
	if (result < 0)
		return result;
	rotate_retain(r, 0);
	result = rotate_next_name(r, medium->unix_ns);
	if (result < 0)
		return result;
	part_of(r->final, part);
	result = place_create(r->place, part, &r->file, NULL);
	if (result < 0)
		return result;
	r->used = true;
	r->manifest.next++;
	manifest_begin(&r->manifest, r->final, r->file.ino);
	return 0;
}

int rotate_write(struct rotate *r, const struct parcel *parcel, size_t *done)
{
	int result = place_file_write(&r->file, parcel, done);

	if (result == 0 && r->limits.total)
		rotate_retain(r, (uint64_t)r->file.end);
	return result;
}

int rotate_sync(struct rotate *r)
{
	return fdatasync(r->file.fd) < 0 ? -errno : 0;
}

int rotate_beside(struct rotate *r, const char *extension, const void *p, size_t n)
{
	char name[NAME_MAX + 1];

	if (is_there(r, r->final)) { /* somebody has taken the name since */
		int result = name_append_number(r->final, r->manifest.next++, name);

		if (result < 0)
			return result;
		snprintf(r->final, sizeof(r->final), "%s", name);
	}
	if (snprintf(name, sizeof(name), "%s.%s", r->final, extension) > NAME_MAX)
		return -ENAMETOOLONG;
	return place_put(r->place, name, p, n, NULL);
}

/* Everything is on the disk before the name says that it is whole. */
static int rotate_finish(struct rotate *r)
{
	int result = place_file_look(&r->file);

	if (result == 0 && r->file.end == 0)
		return place_file_is(r->place, &r->file, r->file.name)
			       ? place_remove(r->place, r->file.name)
			       : 0;
	if (result == 0 && fdatasync(r->file.fd) < 0)
		result = -errno;
	if (result == 0)
		result = place_file_flush(&r->file);
	if (result == 0 && !place_file_is(r->place, &r->file, r->file.name))
		result = -ENOENT;
	if (result == 0)
		result = rotate_name_part(r, r->file.name, r->final, r->file.ino);
	return result;
}

int rotate_end(struct rotate *r)
{
	int result = r->file.fd >= 0 ? rotate_finish(r) : 0;

	place_file_close(&r->file);
	return result;
}
