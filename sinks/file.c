/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A regular file, written in place, or a FIFO, each of whose readers is a medium of its own. What
 * lies at the path is looked at through an O_PATH descriptor and opened through that same
 * descriptor: nothing can be exchanged in between, and no device is opened by mistake.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/base/cleanup.h"
#include "capture/sink.h"
#include "sinks/fd.h"

enum {
	FILE_READER_MS = 100 /* how often a FIFO without a reader is looked at */
};

enum file_sync {
	FILE_SYNC_NONE,
	FILE_SYNC_DATA
};

struct file_cfg {
	int sync;
};

struct file_sink {
	const struct file_cfg *cfg;
	const struct sink_env *env;
	int fd;         /* -1: a FIFO without a reader */
	int fifo;       /* O_PATH descriptor of the FIFO; -1: a regular file */
	bool replaces;  /* what an earlier run left is still there: a run that never really
			 * begins destroys nothing */
	uint64_t taken; /* number of the last parcel */
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
	OPT_END,
};

/* Opens the folder of path; *ret_base points at the last component. */
static int open_folder(const char *path, const char **ret_base, struct err *err)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;
	char folder[PATH_MAX] = ".";
	int fd;

	if (strlen(path) >= sizeof(folder))
		return errf(err, -ENAMETOOLONG, "the name of an output is too long");
	if (slash)
		snprintf(folder, sizeof(folder), "%.*s", (int)(base - path), path);
	fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return errf(err, -ENOENT, "cannot write '%s': no folder '%s'", path, folder);
	if (fd < 0)
		return errf(err, -errno, "cannot write '%s': folder '%s': %s", path, folder,
			    strerror(errno));
	*ret_base = base;
	return fd;
}

static bool is_ours(const struct stat *st, const struct sink_env *env)
{
	return st->st_uid == geteuid() || (env->uid != (uid_t)-1 && st->st_uid == env->uid);
}

/* In a folder where all may make files, a stranger's FIFO is a trap (fs.protected_fifos). */
static bool is_trap(const struct stat *st, const struct sink_env *env, int folder)
{
	struct stat dir;

	if (is_ours(st, env) || fstat(folder, &dir) < 0)
		return false;
	return (dir.st_mode & S_ISVTX) && (dir.st_mode & S_IWOTH) && st->st_uid != dir.st_uid;
}

/* What is there already: may it be written? */
static int file_judge(const struct stat *st, const struct sink_env *env, int folder,
		      struct err *err)
{
	const char *path = env->target;

	if (S_ISLNK(st->st_mode))
		return errf(err, -ELOOP, "'%s' is a symbolic link: refused", path);
	if (S_ISDIR(st->st_mode))
		return errf(err, -EISDIR, "'%s' is a folder", path);
	if (S_ISFIFO(st->st_mode) && is_trap(st, env, folder))
		return errf(err, -EEXIST,
			    "'%s' is somebody else's FIFO in a public folder: refused", path);
	if (S_ISFIFO(st->st_mode))
		return 0;
	if (!S_ISREG(st->st_mode))
		return errf(err, -ENODEV, "'%s' is neither a regular file nor a FIFO: refused",
			    path);
	if (st->st_nlink != 1)
		return errf(err, -EMLINK, "'%s' has further names (hard links): refused", path);
	if (!is_ours(st, env))
		return errf(err, -EEXIST, "'%s' belongs to somebody else: not replaced", path);
	return 0;
}

static int file_reopen(int path_fd, int flags)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", path_fd);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Makes the file ours alone: against other writers by a lock that lives as long as the descriptor,
 * against readers by mode and owner. */
static int file_claim(int fd, const struct sink_env *env, struct err *err)
{
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		return errf(err, -EBUSY, "'%s' is being written by another penstock", env->target);
	if (fchmod(fd, 0600) < 0)
		return errf(err, -errno, "mode of '%s': %s", env->target, strerror(errno));
	if (env->uid != (uid_t)-1 && fchown(fd, env->uid, env->gid) < 0)
		return errf(err, -errno, "owner of '%s': %s", env->target, strerror(errno));
	return 0;
}

static int open_existing(struct file_sink *s, int folder, const char *base,
			 const struct sink_env *env, struct err *err)
{
	CLEANUP_CLOSE int there = openat(folder, base, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	CLEANUP_CLOSE int fd = -1;
	struct stat st;
	int r;

	if (there < 0 || fstat(there, &st) < 0)
		return errf(err, -errno, "cannot write '%s': %s", env->target, strerror(errno));
	r = file_judge(&st, env, folder, err);
	if (r < 0)
		return r;
	if (S_ISFIFO(st.st_mode)) {
		s->fifo = TAKE_FD(there);
		return 0;
	}
	fd = file_reopen(there, O_WRONLY);
	if (fd < 0)
		return errf(err, fd, "cannot write '%s': %s", env->target, strerror(-fd));
	r = file_claim(fd, env, err);
	if (r < 0)
		return r;
	s->replaces = true;
	s->fd = TAKE_FD(fd);
	return 0;
}

static int file_open(void *ctx, const void *cfg, const struct sink_env *env, struct err *err)
{
	struct file_sink *s = ctx;
	const char *base = NULL;
	CLEANUP_CLOSE int folder = -1;

	*s = (struct file_sink){.cfg = cfg, .env = env, .fd = -1, .fifo = -1};
	folder = open_folder(env->target, &base, err);
	if (folder < 0)
		return folder;
	s->fd = openat(folder, base, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (s->fd >= 0)
		return file_claim(s->fd, env, err);
	if (errno == EEXIST || errno == EISDIR)
		return open_existing(s, folder, base, env, err);
	return errf(err, -errno, "cannot write '%s': %s", env->target, strerror(errno));
}

static int file_begin(void *ctx, const struct sink_medium *medium)
{
	struct file_sink *s = ctx;
	int fd;

	if (s->fifo < 0) {
		if (s->replaces && ftruncate(s->fd, 0) < 0)
			return -errno;
		s->replaces = false;
		return 0;
	}
	/* A FIFO can be opened for writing only while somebody reads it. */
	fd = file_reopen(s->fifo, O_WRONLY | O_NONBLOCK);
	if (fd < 0)
		return fd == -ENXIO ? -EAGAIN : fd;
	s->fd = fd;
	return 0;
}

static void file_lose_reader(struct file_sink *s)
{
	close(s->fd);
	s->fd = -1;
}

static int file_write(void *ctx, const struct parcel *parcel, size_t *done)
{
	struct file_sink *s = ctx;
	int r = fd_write(s->fd, s->fifo >= 0, parcel, done);

	if (r < 0 && r != -EAGAIN && s->fifo >= 0)
		file_lose_reader(s);
	if (r < 0)
		return r;
	s->taken = parcel->number;
	if (s->cfg->sync == FILE_SYNC_NONE || s->fifo >= 0)
		s->env->done(s->env->done_arg, s->taken);
	return 0;
}

/* A regular file is always ready. */
static void file_wait(void *ctx, bool blocked, struct sink_wait *ret)
{
	const struct file_sink *s = ctx;

	if (s->fifo < 0)
		return;
	ret->fd = s->fd;
	ret->events = blocked ? POLLOUT : 0;
	ret->timeout_ms = s->fd < 0 ? FILE_READER_MS : -1;
}

/* Has the reader of the FIFO left? poll() says so without a write. */
static int file_service(void *ctx)
{
	struct file_sink *s = ctx;
	struct pollfd p = {.fd = s->fd};

	if (s->fifo < 0 || s->fd < 0 || poll(&p, 1, 0) <= 0 || !(p.revents & POLLERR))
		return 0;
	file_lose_reader(s);
	return -EPIPE;
}

static int file_sync(void *ctx)
{
	const struct file_sink *s = ctx;

	if (s->cfg->sync == FILE_SYNC_DATA && s->fifo < 0 && fdatasync(s->fd) < 0)
		return -errno;
	s->env->done(s->env->done_arg, s->taken);
	return 0;
}

/* Some file systems say only now that they had no room after all. */
static int file_end(void *ctx)
{
	struct file_sink *s = ctx;
	int fd = s->fd;

	s->fd = -1;
	return fd >= 0 && close(fd) < 0 ? -errno : 0;
}

static void file_close(void *ctx)
{
	struct file_sink *s = ctx;

	cleanup_closep(&s->fd);
	cleanup_closep(&s->fifo);
}

const struct sink_ops sink_file = {
	.flags = SINK_ROTATES,
	.name = "file",
	.summary = "a file that is replaced, or a FIFO",
	.options = file_options,
	.cfg_size = sizeof(struct file_cfg),
	.ctx_size = sizeof(struct file_sink),
	.open = file_open,
	.begin = file_begin,
	.write = file_write,
	.wait = file_wait,
	.service = file_service,
	.sync = file_sync,
	.end = file_end,
	.close = file_close,
};
