/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sinks/plain.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "capture/index.h"
#include "sinks/manifest.h"
#include "sinks/name.h"

enum {
	PLAIN_TRIES = 1000 /* numbers that are taken, one after the other */
};

/* ---- numbers ------------------------------------------------------------------------------- */

/* The highest number that a file beside this one has. */
static uint64_t plain_find_number(const struct plain *f)
{
	DIR *dir = place_entries(f->place);
	const struct dirent *e;
	uint64_t highest = 0;

	while (dir && (e = readdir(dir))) {
		uint64_t number = name_appended_number(f->name, e->d_name);

		if (number > highest)
			highest = number;
	}
	if (dir)
		closedir(dir);
	return highest;
}

/* Gives the file of that name a number, and with it what lies beside. */
static int plain_put_aside(struct plain *f)
{
	char aside[NAME_MAX + 1], beside[2][NAME_MAX + 8];
	int r = -EEXIST;

	if (!f->number)
		f->number = plain_find_number(f);
	for (int i = 0; i < PLAIN_TRIES && r == -EEXIST; i++) {
		r = name_append_number(f->name, ++f->number, aside);
		if (r == 0)
			r = place_move(f->place, f->name, aside);
	}
	if (r < 0)
		return r;
	snprintf(beside[0], sizeof(beside[0]), "%s" INDEX_ENDING, f->name);
	snprintf(beside[1], sizeof(beside[1]), "%s" INDEX_ENDING, aside);
	place_move(f->place, beside[0], beside[1]);
	return 0;
}

/* ---- opening ------------------------------------------------------------------------------- */

/* What lies there stays: it is made whole, and gets a number. */
static int plain_keep(struct plain *f, struct err *err)
{
	const struct sink_env *env = f->place->env;
	struct err ignored;
	int r = 0;

	if (env->recover)
		env->recover(f->place->folder, f->name, &ignored);
	place_file_close(&f->file);
	if (faccessat(f->place->folder, f->name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		r = plain_put_aside(f);
	if (r < 0)
		return errf(err, r, "cannot put '%s' aside: %s", env->target, strerror(-r));
	return place_take(f->place, f->name, &f->file, &f->made, err);
}

static void plain_tell_kept(const struct plain *f)
{
	const struct sink_env *env = f->place->env;
	DIR *dir = place_entries(f->place);
	const struct dirent *e;

	while (dir && (e = readdir(dir)))
		if (name_appended_number(f->name, e->d_name))
			env->kept(env->kept_arg, f->place->folder, e->d_name);
	if (dir)
		closedir(dir);
}

static int plain_take(struct plain *f, struct err *err)
{
	struct stat st;
	int r = place_take(f->place, f->name, &f->file, &f->made, err);

	if (r < 0 || !f->place->env->kept)
		return r;
	if (fstat(f->file.fd, &st) < 0)
		return errf(err, -errno, "'%s': %s", f->place->env->target, strerror(errno));
	if (st.st_size > 0)
		r = plain_keep(f, err);
	if (r == 0)
		plain_tell_kept(f);
	return r;
}

int plain_open(struct plain *f, struct place *place, const char *name, struct err *err)
{
	char manifest[NAME_MAX + 1];

	*f = (struct plain){.place = place, .file = {.fd = -1}};
	snprintf(f->name, sizeof(f->name), "%s", name);
	if (manifest_name(name, manifest) == 0 && place_is_locked(place, manifest))
		return errf(err, -EBUSY, "'%s' is being written by another penstock",
			    place->env->target);
	return plain_take(f, err);
}

void plain_close(struct plain *f)
{
	/* What keeps earlier files leaves no empty one, whoever made it. */
	bool unused = f->place->env->kept ? !f->file.end : f->made && !f->began;

	if (f->file.fd >= 0 && unused && place_file_is(f->place, &f->file, f->name))
		unlinkat(f->place->folder, f->name, 0);
	place_file_close(&f->file);
}

/* ---- media --------------------------------------------------------------------------------- */

/* From its beginning, whatever was in it. */
static int plain_empty(struct plain *f)
{
	char beside[NAME_MAX + 8];

	if (ftruncate(f->file.fd, 0) < 0 || lseek(f->file.fd, 0, SEEK_SET) < 0)
		return -errno;
	f->file.end = 0;
	snprintf(beside, sizeof(beside), "%s" INDEX_ENDING, f->name);
	place_remove(f->place, beside); /* it told of what was there before */
	return 0;
}

/* The file of the next medium, which is another one than that of the last. */
static int plain_follow(struct plain *f)
{
	struct stat st;
	int r;

	place_renew(f->place);
	r = place_take(f->place, f->name, &f->file, &f->made, NULL);
	if (r == 0 && fstat(f->file.fd, &st) == 0 && st.st_size > 0) {
		r = plain_put_aside(f); /* somebody has put it there since */
		place_file_close(&f->file);
		if (r == 0)
			r = place_take(f->place, f->name, &f->file, &f->made, NULL);
	}
	return r;
}

int plain_begin(struct plain *f)
{
	int r = 0;

	if (f->file.fd >= 0 && !place_file_is(f->place, &f->file, f->name)) {
		place_file_close(&f->file);
	} else if (f->file.fd >= 0 && f->file.end > 0 && place_file_look(&f->file) == 0) {
		r = plain_put_aside(f);
		if (r == 0)
			place_file_close(&f->file);
	}
	if (r == 0 && f->file.fd < 0)
		r = plain_follow(f);
	if (r == 0)
		r = plain_empty(f);
	if (r == 0)
		f->began = true;
	return r;
}

int plain_sync(const struct plain *f)
{
	return fdatasync(f->file.fd) < 0 ? -errno : 0;
}

int plain_beside(struct plain *f, const char *extension, const void *p, size_t n)
{
	char name[NAME_MAX + 1], link[64], now[PATH_MAX];
	const char *base = f->name;
	ssize_t len;

	if (!place_file_is(f->place, &f->file, base)) { /* it was moved: where to? */
		snprintf(link, sizeof(link), "/proc/self/fd/%d", f->file.fd);
		len = readlink(link, now, sizeof(now) - 1);
		now[len > 0 ? len : 0] = '\0';
		base = strrchr(now, '/') ? strrchr(now, '/') + 1 : "";
		if (!*base || !place_file_is(f->place, &f->file, base))
			return -ENOENT;
	}
	if (snprintf(name, sizeof(name), "%s.%s", base, extension) > NAME_MAX)
		return -ENAMETOOLONG;
	return place_put(f->place, name, p, n, NULL);
}

/* Some file systems say only now that they had no room after all. The lock stays until the next
 * medium is begun. */
int plain_end(struct plain *f)
{
	int r = f->file.fd >= 0 ? place_file_look(&f->file) : 0;

	return r < 0 || f->file.fd < 0 ? r : place_file_flush(&f->file);
}
