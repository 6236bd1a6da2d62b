/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/archive/recover.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/archive/files.h"
#include "capture/archive/pack.h"
#include "capture/archive/records.h"
#include "capture/archive/recover_tail.h"
#include "capture/archive/reindex.h"
#include "capture/archive/stream.h"
#include "capture/base/cleanup.h"
#include "capture/base/seek_table.h"
#include "capture/index.h"

enum {
	LEVEL = 3,
	INDEX_MOST = 1 << 30, /* bytes of contents: some seconds */
};

struct recovery {
	int folder, fd;
	const char *name;
	struct stat st;
	struct records records;
	struct recover_tail tail;
	bool zstd, one_frame;
	bool resumed;              /* what is torn comes again */
	bool whole;                /* nothing is to be done */
	uint64_t keep;             /* contents up to here are whole records */
	uint64_t keep_before;      /* the same without the last one */
	uint64_t torn;             /* bytes behind them */
	struct seek_table before;  /* frames before the one that is written again */
	struct inspect_frame last; /* the last whole one, not in `before` yet */
	uint64_t cut_at, cut_raw;  /* where what is written again begins: file, contents */
};

/* ---- what is there ------------------------------------------------------------------------- */

/* Is it the end that is damaged, as when power fails, or is there more behind the damage? */
static int damage_judge(struct recovery *r, const struct err *why, struct err *err)
{
	uint64_t at = r->zstd ? inspect_offset(r->records.in) : r->keep;
	uint64_t left = (uint64_t)r->st.st_size - at;
	CLEANUP_FREE char *rest = left > STREAM_WANT ? NULL : malloc(left + 1);
	ssize_t n;

	if (left > STREAM_WANT)
		return errf(err, -EBADMSG, "%s: %s", r->name, why->text);
	if (!rest)
		return errf(err, -ENOMEM, "out of memory");
	n = pread(r->fd, rest, left, (off_t)at);
	if (n < 0)
		return errf(err, -errno, "%s: %s", r->name, strerror(errno));
	if (r->zstd && n > 4 && memmem(rest + 4, (size_t)n - 4, "\x28\xb5\x2f\xfd", 4))
		return errf(err, -EBADMSG, "%s: %s", r->name, why->text);
	/* What was never written may begin within the record before, whose length is right. */
	r->torn = left;
	if (!r->zstd && recover_tail_drop(&r->tail)) {
		r->torn += r->keep - r->keep_before;
		r->keep = r->keep_before;
	}
	return 0;
}

static void frame_commit(struct recovery *r)
{
	const struct inspect_frame *f = &r->last;

	if (f->size)
		seek_table_add(&r->before, f->size, f->raw_size, f->checksum);
}

/* Which frame is written again: the torn one; the last whole one when nothing of a later one is
 * left, so that the report stands in a frame with its context. */
static void cut_choose(struct recovery *r)
{
	if (!r->zstd) {
		r->cut_at = r->cut_raw = r->keep;
	} else if (r->one_frame) {
		r->cut_at = r->cut_raw = 0;
	} else if (r->last.size && r->keep == r->last.raw_at + r->last.raw_size) {
		r->cut_at = r->last.offset;
		r->cut_raw = r->last.raw_at;
	} else {
		r->cut_at = r->last.offset + r->last.size;
		r->cut_raw = r->last.raw_at + r->last.raw_size;
		frame_commit(r);
	}
}

/* Takes an item; 1 = the last one. */
static int scan_item(struct recovery *r, const struct records_item *item, struct err *err)
{
	r->zstd = inspect_is_zstd(r->records.in);
	switch (item->what) {
	case RECORDS_RECORD:
		r->keep_before = item->raw_at;
		r->keep = item->raw_at + item->record.n;
		return recover_tail_record(&r->tail, item->record, err);
	case RECORDS_FRAME_END:
		frame_commit(r);
		r->last = item->frame;
		recover_tail_end(&r->tail);
		r->whole = r->one_frame;
		return 0;
	case RECORDS_SKIPPABLE:
		r->whole = true;
		return 0;
	case RECORDS_END:
		return 1;
	case RECORDS_TORN:
		r->torn = item->torn;
		r->whole = false;
		return 1;
	}
	return 1;
}

static int event_ignore(struct event *ev, void *arg)
{
	return 0;
}

/* Of a torn frame nothing is proved by its checksum: where its end was never written, what comes
 * before the tear may be anything, too. */
static int torn_frame_check(struct recovery *r, struct err *err)
{
	uint64_t at = r->one_frame ? 0 : r->last.raw_at + r->last.raw_size, keep = r->keep;
	off_t from = r->one_frame ? 0 : (off_t)(r->last.offset + r->last.size);
	const struct decoder_ops *ops = r->records.ops;
	struct records_item item;
	int ret = 0;

	if (!ops->decode || at >= keep)
		return 0;
	recover_tail_rewind(&r->tail);
	if (lseek(r->fd, from, SEEK_SET) < 0)
		return errf(err, -errno, "%s: %s", r->name, strerror(errno));
	ret = records_restart(&r->records, r->fd, err);
	r->tail.ctx = r->records.ctx;
	while (ret == 0 && at < keep) {
		ret = records_next(&r->records, &item, err);
		if (ret < 0 || item.what != RECORDS_RECORD)
			break;
		if (ops->decode(r->records.ctx, item.record, event_ignore, NULL, NULL) == -EBADMSG)
			break;
		ret = recover_tail_record(&r->tail, item.record, err);
		at += item.record.n;
	}
	r->keep = at;
	r->torn += keep - at;
	return ret;
}

static int recovery_scan(struct recovery *r, struct err *err)
{
	struct records_item item;
	struct err why;
	int ret = 0;

	while (ret == 0) {
		ret = records_next(&r->records, &item, &why);
		if (ret == 0) {
			ret = scan_item(r, &item, err);
		} else if (ret == -EBADMSG) {
			r->whole = false;
			ret = damage_judge(r, &why, err);
			ret = ret < 0 ? ret : 1;
		} else {
			errf(err, ret, "%s: %s", r->name, why.text);
		}
	}
	if (ret > 0)
		ret = r->zstd && !r->whole ? torn_frame_check(r, err) : 0;
	if (ret < 0)
		return ret;
	recover_tail_end(&r->tail);
	if (!r->zstd && !r->torn && (r->resumed || r->tail.told || r->tail.ended))
		r->whole = true;
	cut_choose(r);
	return 0;
}

/* ---- what is written ----------------------------------------------------------------------- */

static void pack_frames_before(struct recovery *r, struct pack *pack)
{
	struct bytes table = seek_table_bytes(&r->before);

	if (r->before.unfit)
		pack_known(pack, UINT64_MAX, 0, 0); /* nor will there be a table now */
	for (uint32_t i = 0; table.n && i < r->before.frames; i++) {
		struct seek_table_entry f = seek_table_get(table, i);

		pack_known(pack, f.size, f.raw_size, f.checksum);
	}
}

/* The whole records of the frame that is written again. */
static int mend_records(struct recovery *r, struct pack *pack, struct err *err)
{
	uint64_t at = r->cut_raw;
	struct records_item item;
	int ret;

	if (at == r->keep)
		return 0;
	if (lseek(r->fd, (off_t)r->cut_at, SEEK_SET) < 0)
		return errf(err, -errno, "%s: %s", r->name, strerror(errno));
	ret = records_restart(&r->records, r->fd, err);
	while (ret == 0 && at < r->keep) {
		ret = records_next(&r->records, &item, err);
		if (ret == 0 && item.what == RECORDS_RECORD) {
			ret = pack_put(pack, item.record, err);
			at += item.record.n;
		} else if (ret == 0 && item.what != RECORDS_FRAME_END) {
			ret = errf(err, -ESTALE, "%s: changed meanwhile", r->name);
		}
	}
	return ret;
}

static int mend_all(struct recovery *r, struct pack *pack, struct err *err)
{
	struct bytes report = {0};
	int ret = 0;

	pack_frames_before(r, pack);
	if (!r->resumed && (r->torn || !(r->tail.told || r->tail.ended)))
		ret = recover_tail_report(&r->tail, r->torn, &report, err);
	if (ret == 0)
		ret = mend_records(r, pack, err);
	if (ret == 0)
		ret = pack_put(pack, report, err);
	return ret == 0 ? pack_finish(pack, err) : ret;
}

static int mend_into(struct recovery *r, int to, struct err *err)
{
	struct pack_config cfg = {.zstd = r->zstd, .one_frame = r->one_frame, .level = LEVEL};
	struct pack *pack = NULL;
	int ret = files_copy(r->fd, to, r->cut_at, err);

	if (ret == 0)
		ret = pack_new(&cfg, to, r->cut_at, &pack, err);
	if (ret == 0)
		ret = mend_all(r, pack, err);
	pack_free(pack);
	return ret == 0 ? files_settle(to, &r->st, err) : ret;
}

/* Beside the name that the file will have. It is not needed: what goes wrong is no fault, and a new
 * recording does not wait for that of a very large one. */
static void recovery_index(const struct recovery *r)
{
	static const char part[] = ".part";
	char index[NAME_MAX + 1];
	size_t n = strlen(r->name), end = n >= sizeof(part) ? n - (sizeof(part) - 1) : n;

	if (r->keep > INDEX_MOST)
		return;
	if (strcmp(r->name + end, part) != 0)
		end = n;
	if (snprintf(index, sizeof(index), "%.*s" INDEX_ENDING, (int)end, r->name) <
	    (int)sizeof(index))
		reindex_file(r->folder, r->name, index, NULL);
}

/* Whoever was killed while mending left a file that nobody else knows of. */
static int recovery_mend(struct recovery *r, struct err *err)
{
	CLEANUP_CLOSE int to = -1;
	char name[NAME_MAX + 1];
	int ret;

	if (snprintf(name, sizeof(name), "%s%s.mend", r->name[0] == '.' ? "" : ".", r->name) >=
	    (int)sizeof(name))
		return errf(err, -ENAMETOOLONG, "%s: the name is too long", r->name);
	unlinkat(r->folder, name, 0);
	to = openat(r->folder, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0)
		return errf(err, -errno, "%s: %s", name, strerror(errno));
	ret = mend_into(r, to, err);
	if (ret == 0 && renameat(r->folder, name, r->folder, r->name) < 0)
		ret = errf(err, -errno, "%s: %s", r->name, strerror(errno));
	if (ret < 0)
		unlinkat(r->folder, name, 0);
	if (ret == 0)
		recovery_index(r);
	return ret == 0 ? files_settle_folder(r->folder, err) : ret;
}

/* ---- all of it ----------------------------------------------------------------------------- */

static int recovery_run(struct recovery *r, struct err *err)
{
	int ret = records_open(&r->records, r->fd, records_format(r->name), err);

	if (ret == 0 && r->records.ops) {
		r->one_frame = !strcmp(r->records.ops->format, "pcapng");
		ret = recover_tail_open(&r->tail, r->records.ops, r->records.ctx,
					(uint64_t)r->st.st_mtim.tv_sec * 1000000000 +
						(uint64_t)r->st.st_mtim.tv_nsec,
					err);
		if (ret == 0)
			ret = recovery_scan(r, err);
	}
	if (ret == 0 && r->whole && r->zstd)
		recovery_index(r);
	if (ret < 0 || r->whole)
		return ret;
	if (!r->keep) {
		if (unlinkat(r->folder, r->name, 0) < 0)
			return errf(err, -errno, "%s: %s", r->name, strerror(errno));
		return files_settle_folder(r->folder, err);
	}
	return recovery_mend(r, err);
}

static int recovery_file(int folder, const char *name, bool resumed, struct err *err)
{
	CLEANUP_CLOSE int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	struct recovery r = {.folder = folder, .fd = fd, .name = name, .resumed = resumed};
	int ret;

	if (fd < 0 || fstat(fd, &r.st) < 0)
		return errf(err, -errno, "%s: %s", name, strerror(errno));
	if (!S_ISREG(r.st.st_mode))
		return errf(err, -EINVAL, "%s: no regular file", name);
	ret = recovery_run(&r, err);
	recover_tail_close(&r.tail);
	records_close(&r.records);
	seek_table_free(&r.before);
	return ret;
}

int recover_file(int folder, const char *name, struct err *err)
{
	return recovery_file(folder, name, false, err);
}

int recover_resumed(int folder, const char *name, struct err *err)
{
	return recovery_file(folder, name, true, err);
}
