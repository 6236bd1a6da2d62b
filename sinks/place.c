/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sinks/place.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "capture/base/cleanup.h"
#include "sinks/fd.h"

/* ---- the folder ---------------------------------------------------------------------------- */

static void place_learn(struct place *p)
{
	char link[64];
	struct stat st;
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", p->folder);
	n = readlink(link, p->real, sizeof(p->real) - 1);
	p->real[n > 0 ? n : 0] = '\0';
	p->folder_uid = fstat(p->folder, &st) == 0 ? st.st_uid : (uid_t)-1;
}

int place_open(struct place *p, const struct sink_env *env, struct err *err)
{
	const char *path = env->target, *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;
	char folder[PATH_MAX] = ".";

	*p = (struct place){.env = env, .folder = -1};
	if (strlen(path) >= sizeof(folder) || strlen(base) > NAME_MAX)
		return errf(err, -ENAMETOOLONG, "the name of an output is too long");
	if (slash)
		snprintf(folder, sizeof(folder), "%.*s", (int)(base - path), path);
	p->folder = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (p->folder < 0 && errno == ENOENT)
		return errf(err, -ENOENT, "cannot write '%s': no folder '%s'", path, folder);
	if (p->folder < 0)
		return errf(err, -errno, "cannot write '%s': folder '%s': %s", path, folder,
			    strerror(errno));
	snprintf(p->base, sizeof(p->base), "%s", base);
	place_learn(p);
	return 0;
}

void place_close(struct place *p)
{
	cleanup_closep(&p->folder);
	p->folder = -1;
}

bool place_renew(struct place *p)
{
	struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
			       .resolve = RESOLVE_NO_SYMLINKS};
	CLEANUP_CLOSE int fd = -1;
	struct stat st;

	if (!p->real[0] || fstat(p->folder, &st) < 0 || st.st_nlink > 0)
		return false;
	fd = (int)syscall(SYS_openat2, AT_FDCWD, p->real, &how, sizeof(how));
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_uid != p->folder_uid)
		return false;
	close(p->folder);
	p->folder = TAKE_FD(fd);
	return true;
}

DIR *place_entries(const struct place *p)
{
	int fd = openat(p->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (fd >= 0 && !dir)
		close(fd);
	return dir;
}

int place_sync(const struct place *p)
{
	CLEANUP_CLOSE int fd = openat(p->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* ---- whose it is --------------------------------------------------------------------------- */

/* The file as the user knows it. */
static const char *place_shown(const struct place *p, const char *name)
{
	return strcmp(name, p->base) ? name : p->env->target;
}

bool place_is_ours(const struct place *p, const struct stat *st)
{
	return st->st_uid == geteuid() || (p->env->uid != (uid_t)-1 && st->st_uid == p->env->uid);
}

int place_judge(const struct place *p, const char *name, const struct stat *st, struct err *err)
{
	name = place_shown(p, name);
	if (S_ISLNK(st->st_mode))
		return errf(err, -ELOOP, "'%s' is a symbolic link: refused", name);
	if (S_ISDIR(st->st_mode))
		return errf(err, -EISDIR, "'%s' is a folder", name);
	if (!S_ISREG(st->st_mode))
		return errf(err, -ENODEV, "'%s' is neither a regular file nor a FIFO: refused",
			    name);
	if (st->st_nlink != 1)
		return errf(err, -EMLINK, "'%s' has further names (hard links): refused", name);
	if (!place_is_ours(p, st))
		return errf(err, -EEXIST, "'%s' belongs to somebody else: not replaced", name);
	return 0;
}

/* Makes the file ours alone: against other writers by a lock, against readers by mode and owner. */
static int place_claim(const struct place *p, const char *name, int fd, struct err *err)
{
	const struct sink_env *env = p->env;

	name = place_shown(p, name);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		return errf(err, -EBUSY, "'%s' is being written by another penstock", name);
	if (fchmod(fd, 0600) < 0)
		return errf(err, -errno, "mode of '%s': %s", name, strerror(errno));
	if (env->uid != (uid_t)-1 && fchown(fd, env->uid, env->gid) < 0)
		return errf(err, -errno, "owner of '%s': %s", name, strerror(errno));
	return 0;
}

int place_reopen(int path_fd, int flags)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", path_fd);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

bool place_is_locked(const struct place *p, const char *name)
{
	CLEANUP_CLOSE int there = openat(p->folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	CLEANUP_CLOSE int fd = -1;
	struct stat st;

	if (there < 0 || fstat(there, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	fd = place_reopen(there, O_RDONLY);
	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

/* ---- one file ------------------------------------------------------------------------------ */

static int place_file_set(struct place_file *f, const char *name, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	*f = (struct place_file){.fd = fd, .dev = st.st_dev, .ino = st.st_ino};
	snprintf(f->name, sizeof(f->name), "%s", name);
	return 0;
}

int place_create(const struct place *p, const char *name, struct place_file *ret, struct err *err)
{
	CLEANUP_CLOSE int fd =
		openat(p->folder, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return errf(err, -errno, "cannot write '%s': %s", place_shown(p, name),
			    strerror(errno));
	r = place_claim(p, name, fd, err);
	if (r == 0)
		r = place_file_set(ret, name, fd);
	if (r < 0) {
		if (r != -EBUSY) /* else somebody has found it, and holds it */
			unlinkat(p->folder, name, 0);
		return r;
	}
	(void)TAKE_FD(fd);
	return 0;
}

int place_existing(const struct place *p, const char *name, struct place_file *ret, struct err *err)
{
	CLEANUP_CLOSE int there = openat(p->folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	CLEANUP_CLOSE int fd = -1;
	struct stat st;
	int r;

	if (there < 0 || fstat(there, &st) < 0)
		return errf(err, -errno, "cannot write '%s': %s", place_shown(p, name),
			    strerror(errno));
	r = place_judge(p, name, &st, err);
	if (r < 0)
		return r;
	fd = place_reopen(there, O_RDWR);
	if (fd < 0)
		return errf(err, fd, "cannot write '%s': %s", place_shown(p, name), strerror(-fd));
	r = place_claim(p, name, fd, err);
	if (r == 0)
		r = place_file_set(ret, name, fd);
	if (r < 0)
		return r;
	(void)TAKE_FD(fd);
	return 0;
}

int place_take(const struct place *p, const char *name, struct place_file *ret, bool *ret_made,
	       struct err *err)
{
	struct err why;
	int r = place_create(p, name, ret, &why);

	*ret_made = r == 0;
	if (r == -EEXIST || r == -EISDIR)
		return place_existing(p, name, ret, err);
	return r < 0 ? errf(err, r, "%s", why.text) : 0;
}

void place_file_close(struct place_file *f)
{
	cleanup_closep(&f->fd);
	f->fd = -1;
}

bool place_file_is(const struct place *p, const struct place_file *f, const char *name)
{
	struct stat st;

	return fstatat(p->folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_dev == f->dev &&
	       st.st_ino == f->ino;
}

int place_file_look(const struct place_file *f)
{
	struct stat st;

	if (fstat(f->fd, &st) < 0)
		return -errno;
	return st.st_nlink == 0 || st.st_size < f->end ? -ESTALE : 0;
}

int place_file_write(struct place_file *f, const struct parcel *parcel, size_t *done)
{
	int r = place_file_look(f);

	if (r == 0)
		r = fd_write(f->fd, false, parcel, done);
	if (r == 0)
		f->end += (off_t)parcel->n;
	return r;
}

int place_file_flush(const struct place_file *f)
{
	int fd = fcntl(f->fd, F_DUPFD_CLOEXEC, 0);

	return fd < 0 || close(fd) < 0 ? -errno : 0;
}

/* ---- names --------------------------------------------------------------------------------- */

/* For a file system that cannot rename without replacing. */
static int place_move_by_link(const struct place *p, const char *from, const char *to)
{
	struct stat st;

	if (linkat(p->folder, from, p->folder, to, 0) == 0)
		return unlinkat(p->folder, from, 0) < 0 ? -errno : 0;
	if (errno == EEXIST)
		return -EEXIST;
	if (fstatat(p->folder, to, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return -EEXIST;
	return renameat(p->folder, from, p->folder, to) < 0 ? -errno : 0;
}

int place_move(const struct place *p, const char *from, const char *to)
{
	if (renameat2(p->folder, from, p->folder, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno == EINVAL || errno == ENOSYS)
		return place_move_by_link(p, from, to);
	return -errno;
}

int place_remove(const struct place *p, const char *name)
{
	struct stat st;

	if (fstatat(p->folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || !place_is_ours(p, &st))
		return -EPERM;
	return unlinkat(p->folder, name, 0) < 0 ? -errno : 0;
}

/* May something be put under that name? Nothing is there, or a regular file of ours. */
static int place_may_replace(const struct place *p, const char *name)
{
	struct stat st;

	if (fstatat(p->folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	return S_ISREG(st.st_mode) && place_is_ours(p, &st) ? 0 : -EEXIST;
}

/* What is put under a name is under this one until it is whole. */
static int place_put_temp(const char *name, char ret[NAME_MAX + 8])
{
	snprintf(ret, NAME_MAX + 8, "%s%s.tmp", *name == '.' ? "" : ".", name);
	return strlen(ret) > NAME_MAX ? -ENAMETOOLONG : 0;
}

void place_put_forget(const struct place *p, const char *name)
{
	char temp[NAME_MAX + 8];

	if (place_put_temp(name, temp) == 0)
		place_remove(p, temp);
}

int place_put(const struct place *p, const char *name, const void *bytes, size_t n, int *ret_fd)
{
	const struct parcel parcel = {.p = bytes, .n = n};
	struct place_file f = {.fd = -1};
	char temp[NAME_MAX + 8];
	size_t done = 0;
	int r = place_put_temp(name, temp);

	if (r == 0)
		r = place_may_replace(p, name);
	if (r < 0)
		return r;
	place_remove(p, temp); /* of one that was killed here */
	r = place_create(p, temp, &f, NULL);
	if (r < 0)
		return r;
	r = place_file_write(&f, &parcel, &done);
	if (r == 0 && fdatasync(f.fd) < 0)
		r = -errno;
	if (r == 0 && renameat(p->folder, temp, p->folder, name) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(p->folder, temp, 0);
	if (r == 0 && ret_fd)
		*ret_fd = TAKE_FD(f.fd);
	place_file_close(&f);
	return r;
}
