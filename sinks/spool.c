/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "capture/base/cleanup.h"
#include "capture/base/elapsed.h"
#include "sinks/spool_inside.h"

enum {
	MIB = 1024 * 1024,
	SEGMENT_MOST = 64 * MIB, /* of one file, */
	SEGMENTS_LEAST = 4,      /* and at least so many: what is dropped at once is a part */
	SYNC_BYTES = MIB,
	SYNC_MS = 1000,
	MEASURE_BYTES = MIB,    /* so much is written between two looks at the free space */
	FREE_SHARE = 20,        /* of the file system, one in so many, */
	FREE_MOST = 1024 * MIB, /* or so much, is left to others */
};

#define LOCK "lock"

/* ---- the folder ---------------------------------------------------------------------------- */

/* Makes it, unless it is there. */
static int spool_make_folder(const char *folder, bool *ret_made, struct err *err)
{
	*ret_made = mkdir(folder, 0700) == 0;
	if (!*ret_made && errno != EEXIST)
		return errf(err, -errno, "spool '%s': %s", folder, strerror(errno));
	return 0;
}

/* The new one belongs to whom the files will, also after a failure of power. */
static int spool_own_folder(struct spool *s, struct err *err)
{
	int folder = s->place.folder;
	CLEANUP_CLOSE int parent = openat(folder, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (s->env.uid != (uid_t)-1 &&
	    fchownat(folder, "", s->env.uid, s->env.gid, AT_EMPTY_PATH) < 0)
		return errf(err, -errno, "spool '%s': %s", s->env.folder, strerror(errno));
	if (parent >= 0)
		(void)fsync(parent);
	return 0;
}

/* Nobody else may put files of his into it, or take ours away. */
static int spool_judge_folder(const struct spool *s, const char *folder, struct err *err)
{
	struct stat st, named;

	if (fstat(s->place.folder, &st) < 0 || lstat(folder, &named) < 0)
		return errf(err, -errno, "spool '%s': %s", folder, strerror(errno));
	if (S_ISLNK(named.st_mode) || st.st_ino != named.st_ino || st.st_dev != named.st_dev)
		return errf(err, -ELOOP, "spool '%s' is a symbolic link: refused", folder);
	if (!place_is_ours(&s->place, &st) && st.st_uid != 0)
		return errf(err, -EPERM, "spool '%s' belongs to somebody else: refused", folder);
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) && !(st.st_mode & S_ISVTX))
		return errf(err, -EPERM, "spool '%s': others may write there: refused", folder);
	return 0;
}

static int spool_lock(struct spool *s, struct err *err)
{
	struct err why;
	bool made;
	int r = place_take(&s->place, LOCK, &s->lock, &made, &why);

	if (r == -EBUSY)
		return errf(err, r, "spool '%s' is used by another penstock", s->env.folder);
	return r < 0 ? errf(err, r, "spool '%s': %s", s->env.folder, why.text) : 0;
}

static int spool_open_folder(struct spool *s, char *folder, struct err *err)
{
	size_t n = strlen(folder);
	bool made;
	int r;

	while (n > 1 && folder[n - 1] == '/') /* it would lead behind a link */
		folder[--n] = '\0';
	r = spool_make_folder(folder, &made, err);
	if (r == 0 && asprintf(&s->target, "%s/" LOCK, folder) < 0) {
		s->target = NULL;
		r = errf(err, -ENOMEM, "spool '%s': out of memory", folder);
	}
	if (r < 0)
		return r;
	s->place_env = (struct sink_env){.target = s->target, .uid = s->env.uid, .gid = s->env.gid};
	r = place_open(&s->place, &s->place_env, err);
	if (r == 0 && made)
		r = spool_own_folder(s, err);
	if (r == 0)
		r = spool_judge_folder(s, folder, err);
	return r < 0 ? r : spool_lock(s, err);
}

static int spool_open(void *ctx, const struct spool_env *env, char *ret_note, size_t note_size,
		      struct err *err)
{
	struct spool *s = ctx;
	CLEANUP_FREE char *folder = strdup(env->folder);
	int r;

	s->env = *env;
	s->place.folder = s->lock.fd = -1;
	s->segment_size = env->max_bytes / SEGMENTS_LEAST;
	if (s->segment_size > SEGMENT_MOST)
		s->segment_size = SEGMENT_MOST;
	s->unmeasured = MEASURE_BYTES;
	s->cursor_ms = s->sync_ms = elapsed_ms();
	s->opening = malloc(SPOOL_OPENING);
	if (!folder || !s->opening)
		return errf(err, -ENOMEM, "spool '%s': out of memory", env->folder);
	r = spool_open_folder(s, folder, err);
	if (r == 0)
		r = spool_recover(s, ret_note, note_size, err);
	s->ready = r == 0;
	return r;
}

/* ---- what comes in ------------------------------------------------------------------------- */

/* What a writer that died had not quite put: told when whoever is told is there to hear it. */
static void spool_tell_torn(struct spool *s)
{
	struct loss torn = s->torn;

	s->torn.count = 0;
	if (torn.count)
		s->env.lost(s->env.arg, &torn, true);
}

static void spool_learn_stream(struct spool *s, const struct chunk *c)
{
	uint64_t stream = spool_stream_of(c->p, c->opening_n);

	assert(c->opening_n <= SPOOL_OPENING);
	if (stream == s->stream)
		return;
	memcpy(s->opening, c->p, c->opening_n);
	s->opening_n = c->opening_n;
	s->stream = stream;
}

/* What has to be written for it. */
static uint64_t spool_needs(const struct spool *s, const struct chunk *c)
{
	return SPOOL_RECORD + c->len + (s->writing ? 0 : SPOOL_HEAD + (uint64_t)s->opening_n);
}

/* Something of the file system is left to others. */
static bool spool_is_low(struct spool *s, const struct chunk *c)
{
	struct statvfs fs;
	uint64_t keep;

	if (!s->low && s->unmeasured < MEASURE_BYTES)
		return false;
	s->unmeasured = 0;
	s->low = false;
	if (fstatvfs(s->place.folder, &fs) < 0)
		return false;
	keep = fs.f_blocks * fs.f_frsize / FREE_SHARE;
	if (keep > FREE_MOST)
		keep = FREE_MOST;
	s->low = fs.f_bavail * fs.f_frsize < keep + spool_needs(s, c);
	return s->low;
}

/* Is everything in the segment that is written done? Retired, it goes, and nothing is lost. */
static bool spool_is_spent(const struct spool *s)
{
	return s->writing && s->writing->done == s->writing->end;
}

static bool spool_may_drop(const struct spool *s)
{
	return s->env.full == SPOOL_DROP_OLDEST && s->oldest;
}

/* Below its own limit. */
static int spool_make_room(struct spool *s, const struct chunk *c)
{
	if (SPOOL_HEAD + s->opening_n + SPOOL_RECORD + c->len > s->env.max_bytes)
		return -ENOSPC;
	while (s->size + spool_needs(s, c) > s->env.max_bytes) {
		if (spool_is_spent(s))
			spool_segment_retire(s);
		else if (spool_may_drop(s))
			spool_drop_oldest(s);
		else
			return -ENOSPC;
	}
	return 0;
}

/* And below that of the file system. Where others fill it, what we give up would be theirs: one
 * segment is given up, not the only one, and no more until there was room again. */
static int spool_make_space(struct spool *s, const struct chunk *c)
{
	if (!spool_is_low(s, c))
		return 0;
	if (spool_is_spent(s))
		spool_segment_retire(s);
	else if (spool_may_drop(s) && s->oldest->next && !s->low_dropped)
		spool_drop_oldest(s);
	else
		return -ENOSPC;
	s->low_dropped = true;
	return spool_is_low(s, c) ? -ENOSPC : 0;
}

/* What the peer has already need not be on the disk as well. */
static uint64_t spool_unsynced(const struct spool *s)
{
	const struct spool_segment *g = s->writing;

	if (!g)
		return 0;
	return g->end - (g->synced < g->done ? g->done : g->synced);
}

static void spool_sync_due(struct spool *s)
{
	uint64_t unsynced = spool_unsynced(s);
	int64_t now_ms;

	if (s->env.sync == SPOOL_SYNC_NONE)
		return;
	now_ms = elapsed_ms();
	if (unsynced && s->env.sync == SPOOL_SYNC_INTERVAL && unsynced < SYNC_BYTES &&
	    now_ms - s->sync_ms < SYNC_MS)
		return;
	s->sync_ms = now_ms;
	if (unsynced)
		spool_segment_sync(s, s->writing);
}

static int spool_write(struct spool *s, const struct chunk *c)
{
	int r = s->writing ? spool_segment_append(s, c) : spool_segment_begin(s, c);

	if ((r == -ENOSPC || r == -EDQUOT) && spool_is_spent(s)) {
		spool_segment_retire(s);
		r = spool_segment_begin(s, c);
	}
	return r;
}

static int spool_put(void *ctx, const struct chunk *c)
{
	struct spool *s = ctx;
	int r;

	assert(c->len > 0 && c->len <= CHUNK_JUMBO);
	spool_tell_torn(s);
	if (c->opens_run)
		spool_learn_stream(s, c);
	if (s->writing && (s->writing->head.stream != s->stream ||
			   s->writing->end + SPOOL_RECORD + c->len > s->segment_size))
		spool_segment_retire(s);
	r = spool_make_room(s, c);
	if (r == 0)
		r = spool_make_space(s, c);
	if (r == 0)
		r = spool_write(s, c);
	if (r == 0)
		spool_sync_due(s);
	return r == -EDQUOT || r == -EFBIG ? -ENOSPC : r;
}

/* ---- now and then -------------------------------------------------------------------------- */

static void spool_tick(void *ctx)
{
	struct spool *s = ctx;

	spool_tell_torn(s);
	spool_sync_due(s);
	spool_cursor_tick(s, false);
}

static void spool_stats(const void *ctx, struct spool_stats *ret)
{
	*ret = ((const struct spool *)ctx)->stats;
}

/* Somebody has deleted it: what is in it is gone with our descriptor. */
static bool spool_lacks(const struct spool *s, const struct spool_segment *g)
{
	struct stat st;

	return fstatat(s->place.folder, g->name, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
}

static void spool_leave(struct spool *s)
{
	spool_tell_torn(s);
	while (s->oldest && spool_lacks(s, s->oldest))
		spool_drop_oldest(s);
	spool_lose_given(s);
	if (s->writing)
		spool_segment_retire(s);
	for (struct spool_segment *g = s->oldest; g; g = g->next)
		spool_segment_sync(s, g);
	if (s->oldest)
		spool_cursor_tick(s, true);
	else
		spool_cursor_remove(s);
}

static void spool_close(void *ctx)
{
	struct spool *s = ctx;

	if (s->ready)
		spool_leave(s);
	spool_segment_free_all(s);
	place_file_close(&s->lock);
	place_close(&s->place);
	free(s->opening);
	free(s->target);
}

const struct spool_ops spool_disk = {
	.ctx_size = sizeof(struct spool),
	.open = spool_open,
	.put = spool_put,
	.next_size = spool_next_size,
	.next = spool_next,
	.done = spool_done,
	.rewind = spool_rewind,
	.tick = spool_tick,
	.stats = spool_stats,
	.close = spool_close,
};
