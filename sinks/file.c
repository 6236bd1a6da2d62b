/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file: regular and written in place (sinks/plain.h), one that others follow (sinks/rotate.h), or
 * a FIFO, each of whose readers is a medium of its own. What lies at the path is looked at through
 * an O_PATH descriptor and opened through that same descriptor: nothing can be exchanged in
 * between, and no device is opened by mistake.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "capture/base/cleanup.h"
#include "capture/sink.h"
#include "sinks/fd.h"
#include "sinks/name.h"
#include "sinks/place.h"
#include "sinks/plain.h"
#include "sinks/rotate.h"

enum {
	FILE_READER_MS = 100 /* how often a FIFO without a reader is looked at */
};

enum file_sync {
	FILE_SYNC_NONE,
	FILE_SYNC_DATA
};

struct file_cfg {
	int sync;
	struct rotate_limits limits;
};

struct file_sink {
	const struct file_cfg *cfg;
	const struct sink_env *env;
	struct place place;
	int fifo;              /* O_PATH descriptor of the FIFO; -1 = a regular file */
	int reader;            /* the FIFO, open for writing; -1 = it has no reader */
	struct rotate *rotate; /* NULL = no other follows by itself */
	struct plain plain;
	uint64_t taken; /* number of the last parcel that has one */
	bool named;     /* the folder knows the file, on the disk, too */
};

static const char *const file_sync_names[] = {"none", "data", NULL};

static const struct opt file_options[] = {
	{.name = "sync",
	 .type = OPT_CHOICE,
	 .offset = offsetof(struct file_cfg, sync),
	 .arg = "HOW",
	 .def = "none",
	 .choices = file_sync_names,
	 .help = "what a flush does: none leaves it to the system, data waits for the disk"},
	{.name = "files",
	 .type = OPT_U32,
	 .offset = offsetof(struct file_cfg, limits.files),
	 .arg = "N",
	 .help = "keep at most N files of those that this output made, the newest",
	 .min = 1,
	 .max = MANIFEST_FILES},
	{.name = "total",
	 .type = OPT_SIZE,
	 .offset = offsetof(struct file_cfg, limits.total),
	 .arg = "BYTES",
	 .help = "delete the oldest file of this output while all have more bytes than that",
	 .min = 1},
	{.name = "age",
	 .type = OPT_DURATION,
	 .offset = offsetof(struct file_cfg, limits.age_ns),
	 .arg = "TIME",
	 .help = "delete a file of this output when it has been finished for that long",
	 .min = 1000000000},
	OPT_END,
};

/* In a folder where all may make files, a stranger's FIFO is a trap (fs.protected_fifos). */
static bool is_trap(const struct place *place, const struct stat *st)
{
	struct stat dir;

	if (place_is_ours(place, st) || fstat(place->folder, &dir) < 0)
		return false;
	return (dir.st_mode & S_ISVTX) && (dir.st_mode & S_IWOTH) && st->st_uid != dir.st_uid;
}

/* 0 with s->fifo when a FIFO lies at the path. */
static int file_find_fifo(struct file_sink *s, const char *name, struct err *err)
{
	CLEANUP_CLOSE int there = openat(s->place.folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (there < 0 || fstat(there, &st) < 0 || !S_ISFIFO(st.st_mode))
		return 0;
	if (is_trap(&s->place, &st))
		return errf(err, -EEXIST,
			    "'%s' is somebody else's FIFO in a public folder: refused",
			    s->env->target);
	s->fifo = TAKE_FD(there);
	return 0;
}

/* The name without placeholders: what `%%` stands for. */
static int file_open_plain(struct file_sink *s, const struct name *name, struct err *err)
{
	const struct name_values none = {.host = ""};
	char plain[NAME_MAX + 1];
	int r = name_expand(name, &none, plain);

	if (r < 0)
		return errf(err, r, "cannot write '%s'", s->env->target);
	r = file_find_fifo(s, plain, err);
	if (r < 0 || s->fifo >= 0)
		return r;
	return plain_open(&s->plain, &s->place, plain, err);
}

static int file_open(void *ctx, const void *cfg, const struct sink_env *env, struct err *err)
{
	struct file_sink *s = ctx;
	const struct rotate_limits *limits;
	struct name name;
	int r;

	*s = (struct file_sink){.cfg = cfg, .env = env, .fifo = -1, .reader = -1};
	s->plain.file.fd = -1;
	limits = &s->cfg->limits;
	r = place_open(&s->place, env, err);
	if (r < 0)
		return r;
	if (name_has_placeholder(env->target, strlen(env->target) - strlen(s->place.base)))
		return errf(err, -EINVAL, "'%s': placeholders are for the last part of a path",
			    env->target);
	r = name_parse(s->place.base, env->target, &name, err);
	if (r < 0)
		return r;
	if (name.varies || env->rotates || limits->files || limits->total || limits->age_ns)
		return rotate_open(&s->place, &name, limits, &s->rotate, err);
	return file_open_plain(s, &name, err);
}

/* A FIFO can be opened for writing only while somebody reads it. */
static int file_begin_fifo(struct file_sink *s)
{
	int fd;

	if (s->reader >= 0)
		return 0;
	fd = place_reopen(s->fifo, O_WRONLY | O_NONBLOCK);
	if (fd < 0)
		return fd == -ENXIO ? -EAGAIN : fd;
	s->reader = fd;
	return 0;
}

static int file_begin(void *ctx, const struct sink_medium *medium)
{
	struct file_sink *s = ctx;

	if (s->fifo >= 0)
		return file_begin_fifo(s);
	s->named = false;
	return s->rotate ? rotate_begin(s->rotate, medium) : plain_begin(&s->plain);
}

static void file_lose_reader(struct file_sink *s)
{
	cleanup_closep(&s->reader);
	s->reader = -1;
}

static int file_write(void *ctx, const struct parcel *parcel, size_t *done)
{
	struct file_sink *s = ctx;
	int r;

	if (s->fifo >= 0)
		r = fd_write(s->reader, true, parcel, done);
	else if (s->rotate)
		r = rotate_write(s->rotate, parcel, done);
	else
		r = place_file_write(&s->plain.file, parcel, done);
	if (r < 0 && r != -EAGAIN && s->fifo >= 0)
		file_lose_reader(s);
	if (r < 0)
		return r;
	if (parcel->number)
		s->taken = parcel->number;
	if (s->cfg->sync == FILE_SYNC_NONE || s->fifo >= 0)
		s->env->done(s->env->done_arg, s->taken);
	return 0;
}

/* A regular file is always ready. */
static void file_wait(void *ctx, bool blocked, struct sink_wait *ret)
{
	const struct file_sink *s = ctx;

	if (s->fifo < 0) {
		if (s->rotate && !rotate_is_writing(s->rotate))
			ret->timeout_ms = -1; /* what comes next tells its time */
		return;
	}
	ret->fd = s->reader;
	ret->events = blocked ? POLLOUT : 0;
	ret->timeout_ms = s->reader < 0 ? FILE_READER_MS : -1;
}

/* Has the reader of the FIFO left? poll() says so without a write. */
static int file_service(void *ctx)
{
	struct file_sink *s = ctx;
	struct pollfd p = {.fd = s->reader};

	if (s->fifo < 0 || s->reader < 0 || poll(&p, 1, 0) <= 0 || !(p.revents & POLLERR))
		return 0;
	file_lose_reader(s);
	return -EPIPE;
}

/* What was written is on the disk; and the name under which it is found, which may be new. */
static int file_sync_data(struct file_sink *s)
{
	int r = s->rotate ? rotate_sync(s->rotate) : plain_sync(&s->plain);

	if (r == 0 && !s->named) {
		r = place_sync(&s->place);
		s->named = r == 0;
	}
	return r;
}

static int file_sync(void *ctx)
{
	struct file_sink *s = ctx;
	int r = 0;

	if (s->cfg->sync == FILE_SYNC_DATA && s->fifo < 0)
		r = file_sync_data(s);
	if (r == 0)
		s->env->done(s->env->done_arg, s->taken);
	return r;
}

static int file_beside(void *ctx, const char *extension, const void *p, size_t n)
{
	struct file_sink *s = ctx;

	if (s->fifo >= 0)
		return 0;
	return s->rotate ? rotate_beside(s->rotate, extension, p, n)
			 : plain_beside(&s->plain, extension, p, n);
}

/* The reader of a FIFO stays what it is: another medium goes to the same. */
static int file_end(void *ctx)
{
	struct file_sink *s = ctx;

	if (s->fifo >= 0)
		return 0;
	return s->rotate ? rotate_end(s->rotate) : plain_end(&s->plain);
}

static void file_close(void *ctx)
{
	struct file_sink *s = ctx;

	rotate_close(s->rotate);
	if (s->place.env && s->plain.place)
		plain_close(&s->plain);
	cleanup_closep(&s->reader);
	cleanup_closep(&s->fifo);
	place_close(&s->place);
}

const struct sink_ops sink_file = {
	.flags = SINK_ROTATES,
	.name = "file",
	.summary = "a file, files that follow each other, or a FIFO",
	.options = file_options,
	.cfg_size = sizeof(struct file_cfg),
	.ctx_size = sizeof(struct file_sink),
	.open = file_open,
	.begin = file_begin,
	.write = file_write,
	.wait = file_wait,
	.service = file_service,
	.sync = file_sync,
	.beside = file_beside,
	.end = file_end,
	.close = file_close,
};
