/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/archive/reindex.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/archive/files.h"
#include "capture/archive/records.h"
#include "capture/base/cleanup.h"
#include "capture/index.h"

enum {
	KEYS_ROOM = 6 * 1024, /* more than the keys of one event take */
};
_Static_assert((int)KEYS_ROOM > (int)KEY_TYPES * 2 * ((int)KEY_VALUE + 2),
	       "the keys of an event have room");

struct reindex {
	struct index_writer *writer;
	struct chunk chunk; /* stands for those that the frame was made of */
	uint64_t seq;       /* of the last event */
	uint64_t frames;
	uint8_t keys[CHUNK_KEYS];
};

/* Every frame is a generation of its own: what its events have is told in it. */
static void chunk_begin(struct reindex *x, bool keys)
{
	x->chunk = (struct chunk){.generation = (uint32_t)x->frames + 1,
				  .opens = true,
				  .keys = keys ? x->keys : NULL};
}

/* A decoder_fn. */
static int event_enter(struct event *ev, void *arg)
{
	struct reindex *x = arg;
	struct chunk *c = &x->chunk;

	if (ev->kind >= EVENT_KINDS)
		return 0;
	/* What opens a frame tells the run again, and is no event of its own. */
	if (ev->kind == EVENT_META && (!ev->seq || ev->seq <= x->seq))
		return 0;
	if (c->keys_n > (uint32_t)CHUNK_KEYS - KEYS_ROOM) {
		index_writer_chunk(x->writer, c);
		chunk_begin(x, true);
	}
	x->seq = ev->seq;
	chunk_count(c, ev->seq, ev->time_unix_ns);
	c->by_kind[ev->kind]++;
	keys_of_event(c, ev, true, true);
	return 0;
}

static void frame_enter(struct reindex *x, const struct inspect_frame *f, bool keys)
{
	const struct index_frame frame = {.offset = f->offset,
					  .size = f->size,
					  .raw_size = f->raw_size,
					  .checksum = f->checksum};

	index_writer_chunk(x->writer, &x->chunk);
	index_writer_frame(x->writer, &frame);
	x->frames++;
	chunk_begin(x, keys);
}

/* 1: there is nothing to index. */
static int reindex_read(struct reindex *x, struct records *records, struct err *err)
{
	bool keys = records->ops && records->ops->decode;
	struct records_item item = {.what = RECORDS_END};
	int r = 0;

	if (!records->ops || !strcmp(records->ops->format, "pcapng"))
		return 1;
	index_writer_begin(x->writer);
	chunk_begin(x, keys);
	do {
		r = records_next(records, &item, err);
		if (r == 0 && !inspect_is_zstd(records->in))
			return 1;
		if (r == 0 && item.what == RECORDS_RECORD && keys)
			r = records->ops->decode(records->ctx, item.record, event_enter, x, err);
		if (r == 0 && item.what == RECORDS_FRAME_END)
			frame_enter(x, &item.frame, keys);
		if (r == 0 && item.what == RECORDS_TORN)
			r = errf(err, -EBADMSG, "its end is missing: see penstock verify");
	} while (r == 0 && item.what != RECORDS_END);
	return r;
}

static int index_save(int folder, const char *name, struct bytes blob, const struct stat *st,
		      struct err *err)
{
	CLEANUP_CLOSE int fd = -1;
	char temp[NAME_MAX + 1];
	int r = 0;

	if (snprintf(temp, sizeof(temp), ".%s.new", name) >= (int)sizeof(temp))
		return errf(err, -ENAMETOOLONG, "its name is too long for an index");
	unlinkat(folder, temp, 0);
	fd = openat(folder, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return errf(err, -errno, "%s", strerror(errno));
	if (write(fd, blob.p, blob.n) != (ssize_t)blob.n)
		r = errf(err, -EIO, "no room for its index");
	if (r == 0)
		r = files_settle(fd, st, err);
	if (r == 0 && renameat(folder, temp, folder, name) < 0)
		r = errf(err, -errno, "%s", strerror(errno));
	if (r < 0)
		unlinkat(folder, temp, 0);
	return r;
}

static int reindex_all(struct reindex *x, int folder, const char *name, const char *index,
		       struct err *err)
{
	CLEANUP_CLOSE int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct records records = {0};
	struct bytes blob;
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return errf(err, -errno, "%s", strerror(errno));
	r = records_open(&records, fd, records_format(name), err);
	if (r == 0)
		r = reindex_read(x, &records, err);
	if (r == 0 && index_writer_blob(x->writer, (uint64_t)st.st_size, &blob) < 0)
		r = errf(err, -ENOMEM, "out of memory");
	records_close(&records);
	return r == 0 ? index_save(folder, index, blob, &st, err) : r;
}

int reindex_file(int folder, const char *name, const char *index, struct err *err)
{
	CLEANUP_FREE struct reindex *x = calloc(1, sizeof(*x));
	struct err why;
	int r;

	if (!x)
		return errf(err, -ENOMEM, "out of memory");
	r = index_writer_new(&x->writer, err);
	if (r < 0)
		return r;
	r = reindex_all(x, folder, name, index, &why);
	index_writer_free(x->writer);
	return r < 0 ? errf(err, r, "%s: %s", name, why.text) : r;
}
