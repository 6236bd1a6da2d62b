/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a spool costs, as ratios within one run: chunks of 128 KiB put, read and done, against bare
 * pwrite() and pread() of the same bytes in files of the same size. Never a timed assertion: the
 * figures are for people. In a folder below $TMPDIR, at most WAVE at a time.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "capture/spool.h"
#include "tests/support/temp.h"

enum {
	CHUNKS = 8192,     /* 1 GiB */
	FILE_CHUNKS = 512, /* as a segment */
	WAVE = 2048        /* chunks that wait, where the peer is away */
};

static double seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

struct spent {
	double wall, cpu;
};

static struct spent spent_now(void)
{
	return (struct spent){seconds(CLOCK_MONOTONIC), seconds(CLOCK_PROCESS_CPUTIME_ID)};
}

static void report(const char *what, struct spent start)
{
	struct spent now = spent_now();
	double gb = (double)CHUNKS * CHUNK_SIZE / 1e9;

	printf("%-44s %6.2f GB/s wall %6.2f GB per CPU-second\n", what,
	       gb / (now.wall - start.wall), gb / (now.cpu - start.cpu));
}

/* Each file is written, read and removed as a segment is, `wave` chunks after they were written. */
static int bench_bare(const char *what, unsigned wave, const struct chunk *in, struct chunk *out)
{
	struct spent start = spent_now();
	int fds[WAVE / FILE_CHUNKS + 2], fd;
	unsigned file;

	for (unsigned i = 0; i < CHUNKS + wave; i++) {
		if (i < CHUNKS) {
			file = i / FILE_CHUNKS % (sizeof(fds) / sizeof(*fds));
			if (i % FILE_CHUNKS == 0) {
				fds[file] = open(temp_name("bare"),
						 O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
				unlink(temp_name("bare"));
			}
			if (pwrite(fds[file], in->p, CHUNK_SIZE,
				   (off_t)(i % FILE_CHUNKS) * CHUNK_SIZE) != CHUNK_SIZE)
				return 1;
		}
		if (i < wave)
			continue;
		file = (i - wave) / FILE_CHUNKS % (sizeof(fds) / sizeof(*fds));
		fd = fds[file];
		if (pread(fd, out->p, CHUNK_SIZE, (off_t)((i - wave) % FILE_CHUNKS) * CHUNK_SIZE) !=
		    CHUNK_SIZE)
			return 1;
		if ((i - wave) % FILE_CHUNKS == FILE_CHUNKS - 1)
			close(fd);
	}
	report(what, start);
	return 0;
}

static void no_loss(void *arg, const struct loss *loss, bool earlier)
{
	abort();
}

/* One chunk is taken out for each that is put, `wave` chunks later. */
static int bench_spool(const char *what, enum spool_sync sync, unsigned wave, struct chunk *in,
		       struct chunk *out)
{
	const struct spool_env env = {.folder = temp_name("spool"),
				      .max_bytes = 1ull << 30,
				      .sync = sync,
				      .uid = (uid_t)-1,
				      .gid = (gid_t)-1,
				      .lost = no_loss};
	void *ctx = calloc(1, spool_disk.ctx_size);
	char note[64];
	struct spent start;

	if (!ctx || spool_disk.open(ctx, &env, note, sizeof(note), NULL))
		return 1;
	start = spent_now();
	for (unsigned i = 0; i < CHUNKS + wave; i++) {
		in->first_seq = in->last_seq = i;
		if (i < CHUNKS && spool_disk.put(ctx, in))
			return 1;
		if (i >= wave &&
		    (spool_disk.next_size(ctx) != CHUNK_SIZE || spool_disk.next(ctx, out)))
			return 1;
		if (i >= wave)
			spool_disk.done(ctx);
		spool_disk.tick(ctx);
	}
	spool_disk.close(ctx);
	report(what, start);
	free(ctx);
	return 0;
}

int main(void)
{
	struct chunk *in = chunk_map_new(1, CHUNK_SIZE), *out = chunk_map_new(1, CHUNK_SIZE);
	int failed;

	if (!in || !out)
		return 1;
	for (unsigned i = 0; i < CHUNK_SIZE; i++)
		in->p[i] = (uint8_t)(i * 0x9e3779b1u >> 16);
	in->len = CHUNK_SIZE;
	in->records = 1;
	failed = bench_bare("bare pwrite, pread", 0, in, out) ||
		 bench_spool("spool, sync none", SPOOL_SYNC_NONE, 0, in, out) ||
		 bench_spool("spool, sync interval", SPOOL_SYNC_INTERVAL, 0, in, out) ||
		 bench_bare("bare, read 256 MiB later", WAVE, in, out) ||
		 bench_spool("spool, 256 MiB wait, sync none", SPOOL_SYNC_NONE, WAVE, in, out) ||
		 bench_spool("spool, 256 MiB wait, sync interval", SPOOL_SYNC_INTERVAL, WAVE, in,
			     out);
	chunk_map_free(in, 1);
	chunk_map_free(out, 1);
	return failed;
}
