/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as what an earlier run has left of a spool: a cursor and two segments. Checksums are
 * made right where the first byte says so, or hardly anything would ever be looked at. Whatever is
 * said to be in it comes out or is lost, and what is put comes out behind it.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/base/bytes.h"
#include "capture/base/crc32c.h"
#include "sinks/spool_format.h"
#include "tests/support/spools.h"
#include "tests/support/temp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum {
	FIX_HEADS = 1,
	FIX_RECORDS = 2,
	FIX_PAYLOADS = 4,
	FIX_CURSOR = 8,
	DONE = 16,   /* what is taken is done at once */
	SMALL = 32,  /* there is no room for more */
	REWIND = 64, /* what was taken first is given back */
};

static struct spool_env env;
static uint64_t lost;

static void note_lost(void *arg, const struct loss *loss, bool earlier)
{
	if (!loss->count || !earlier)
		abort();
	lost += loss->count;
}

static void fix_crc(uint8_t *at, const uint8_t *p, size_t n)
{
	bytes_put_le(at, crc32c(0, p, n), 4);
}

/* As spool_format.h has them. */
static void fix_records(uint8_t *p, size_t n, unsigned flags)
{
	while (n >= SPOOL_RECORD) {
		uint8_t copy[SPOOL_RECORD - 8];
		size_t len = bytes_get_le32(p);

		memcpy(copy, p, 4);
		memcpy(copy + 4, p + 12, SPOOL_RECORD - 12);
		if (flags & FIX_RECORDS)
			fix_crc(p + 8, copy, sizeof(copy));
		if (len > n - SPOOL_RECORD)
			return;
		if (flags & FIX_PAYLOADS)
			fix_crc(p + 4, p + 8, SPOOL_RECORD - 8 + len);
		p += SPOOL_RECORD + len;
		n -= SPOOL_RECORD + len;
	}
}

static void write_file(const char *name, const uint8_t *p, size_t n)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%.3000s/%s", env.folder, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, p, n) != (ssize_t)n)
		abort();
	close(fd);
}

static void write_segment(const uint8_t *data, size_t n, unsigned flags, const char *other_name)
{
	uint8_t *p = malloc(n + 1);
	char name[SPOOL_NAME];
	struct spool_head head;
	size_t opening_n;

	memcpy(p, data, n);
	snprintf(name, sizeof(name), "%s", other_name);
	if (n >= SPOOL_HEAD) {
		opening_n = bytes_get_le32(p + 12);
		if (flags & FIX_HEADS && opening_n <= n - SPOOL_HEAD)
			fix_crc(p + 16, p + SPOOL_HEAD, opening_n);
		if (flags & FIX_HEADS)
			fix_crc(p + 8, p + 12, SPOOL_HEAD - 12);
		if (opening_n <= n - SPOOL_HEAD)
			fix_records(p + SPOOL_HEAD + opening_n, n - SPOOL_HEAD - opening_n, flags);
		if (spool_head_read(p, &head))
			spool_head_name(&head, name);
	}
	write_file(name, p, n);
	free(p);
}

static void write_files(const uint8_t *data, size_t n, unsigned flags)
{
	uint8_t cursor[SPOOL_CURSOR];
	size_t first;

	memcpy(cursor, data, SPOOL_CURSOR);
	first = data[SPOOL_CURSOR] | (size_t)data[SPOOL_CURSOR + 1] << 8;
	data += SPOOL_CURSOR + 2;
	n -= SPOOL_CURSOR + 2;
	if (flags & FIX_CURSOR)
		fix_crc(cursor + 8, cursor + 12, SPOOL_CURSOR - 12);
	if (first > n)
		first = n;
	write_file("cursor", cursor, sizeof(cursor));
	write_segment(data, first, flags, "spool-1.seg");
	write_segment(data + first, n - first, flags, "spool-2.seg");
}

/* Events that came; all of them are of the earlier run, but for one with a number of its own. */
static uint64_t take_all(void *ctx, struct chunk *out, unsigned flags)
{
	uint64_t events = 0, given = 0;
	size_t n;

	while ((n = spool_disk.next_size(ctx)) != 0) {
		if (n > out->cap)
			abort();
		if (spool_disk.next(ctx, out) < 0)
			continue;
		if (out->len != n || out->opening_n > n ||
		    (out->reports && out->again && !(flags & REWIND)))
			abort();
		events += out->records;
		if (flags & DONE)
			spool_disk.done(ctx);
		else
			given++;
	}
	for (; given; given--)
		spool_disk.done(ctx);
	return events;
}

/* Takes half of what is there, or so, and gives it back. */
static void take_some(void *ctx, struct chunk *out)
{
	struct spool_stats all, now;

	spool_disk.stats(ctx, &all);
	for (unsigned i = 0; i < 3 && spool_disk.next_size(ctx); i++)
		spool_disk.next(ctx, out);
	spool_disk.stats(ctx, &now);
	if (now.events + lost != all.events)
		abort();
	spool_disk.rewind(ctx);
}

static void run_spool(unsigned flags, struct chunk *in, struct chunk *out)
{
	void *ctx = calloc(1, spool_disk.ctx_size);
	struct spool_stats stats;
	uint64_t offered, events = 0;
	char note[256];
	int r;

	lost = 0;
	if (spool_disk.open(ctx, &env, note, sizeof(note), NULL) < 0)
		abort();
	spool_disk.tick(ctx);
	lost = 0; /* of what was torn, and is not in it */
	spool_disk.stats(ctx, &stats);
	offered = stats.events;
	r = spool_disk.put(ctx, in);
	if (r && !(flags & SMALL))
		abort();
	offered += r ? 0 : in->records;
	if (flags & REWIND && !(flags & SMALL))
		take_some(ctx, out);
	do
		events += take_all(ctx, out, flags);
	while (spool_disk.next_size(ctx));
	spool_disk.stats(ctx, &stats);
	if (events + lost != offered || stats.events || stats.bytes)
		abort();
	spool_disk.close(ctx);
	free(ctx);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct chunk *in, *out;
	static struct spools files;

	if (n < 1 + SPOOL_CURSOR + 2)
		return 0;
	if (!in) {
		in = chunk_map_new(1, CHUNK_SIZE);
		out = chunk_map_new(1, CHUNK_JUMBO);
		temp_path(files.folder, "spool");
	}
	env = (struct spool_env){.folder = files.folder,
				 .max_bytes = data[0] & SMALL ? 1000 : 1 << 30,
				 .sync = SPOOL_SYNC_NONE,
				 .uid = (uid_t)-1,
				 .gid = (gid_t)-1,
				 .lost = note_lost};
	in->opens = in->opens_run = true;
	in->len = 100;
	in->opening_n = 10;
	in->records = 1;
	if (mkdir(env.folder, 0700) < 0)
		abort();
	write_files(data + 1, n - 1, data[0]);
	run_spool(data[0], in, out);
	spools_wipe(&files);
	return 0;
}
