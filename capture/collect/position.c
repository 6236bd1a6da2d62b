/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/collect/position.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/archive/recording.h"
#include "capture/base/cleanup.h"

#define MARGIN_NS 10000000000ll /* of the times of files */

enum {
	LINE_MAX_BYTES = 160,
	SCAN_BUDGET = 4096,
};

static const char head[] = "penstock streams 1\n";
static const uint8_t no_id[16];

int positions_open(struct positions *p)
{
	*p = (struct positions){.v = calloc(POSITION_MAX, sizeof(*p->v))};
	return p->v ? 0 : -ENOMEM;
}

void positions_close(struct positions *p)
{
	free(p->v);
	*p = (struct positions){0};
}

static bool same_id(const uint8_t a[16], const uint8_t b[16])
{
	return !memcmp(a, b, 16);
}

static bool same_run(const struct position *at, const struct run *run)
{
	return at->run_id == run->run_id && same_id(at->boot_id, run->boot_id);
}

/* The one that may be forgotten. */
static struct position *positions_oldest(struct positions *p)
{
	struct position *oldest = p->v;

	for (unsigned i = 1; i < p->n; i++)
		if (p->v[i].seconds < oldest->seconds)
			oldest = &p->v[i];
	return oldest;
}

struct position *positions_take(struct positions *p, const struct run *run)
{
	struct position *at;

	for (unsigned i = 0; i < p->n; i++)
		if (same_id(p->v[i].stream_id, run->stream_id) && same_run(&p->v[i], run))
			return &p->v[i];
	at = p->n < POSITION_MAX ? &p->v[p->n++] : positions_oldest(p);
	*at = (struct position){.run_id = run->run_id};
	memcpy(at->stream_id, run->stream_id, sizeof(at->stream_id));
	memcpy(at->boot_id, run->boot_id, sizeof(at->boot_id));
	return at;
}

uint64_t positions_find(const struct positions *p, const struct run *run)
{
	uint64_t seq = 0;

	for (unsigned i = 0; i < p->n; i++) {
		const struct position *at = &p->v[i];
		bool nameless = same_id(at->stream_id, no_id);

		if (same_run(at, run) && (nameless || same_id(at->stream_id, run->stream_id)) &&
		    at->seq > seq)
			seq = at->seq;
	}
	return seq;
}

void positions_note(struct positions *p, const struct run *run, uint64_t seq, int64_t seconds)
{
	struct position *at = positions_take(p, run);

	if (seq > at->seq)
		at->seq = seq;
	if (seconds > at->seconds)
		at->seconds = seconds;
}

/* ---- the file ------------------------------------------------------------------------------ */

static bool hex_read(const char *text, uint8_t ret[16])
{
	for (unsigned i = 0; i < 16; i++) {
		unsigned byte;

		if (sscanf(text + 2 * i, "%2x", &byte) != 1)
			return false;
		ret[i] = (uint8_t)byte;
	}
	return true;
}

static void hex_write(const uint8_t id[16], char ret[33])
{
	for (unsigned i = 0; i < 16; i++)
		snprintf(ret + 2 * i, 3, "%02x", id[i]);
}

static bool line_read(const char *line, struct positions *p)
{
	struct position at = {0};
	char stream[33], boot[33];

	if (p->n == POSITION_MAX ||
	    sscanf(line, "%32[0-9a-f] %32[0-9a-f] %" SCNx64 " %" SCNu64 " %" SCNd64, stream, boot,
		   &at.run_id, &at.seq, &at.seconds) != 5)
		return false;
	if (strlen(stream) != 32 || strlen(boot) != 32 || !hex_read(stream, at.stream_id) ||
	    !hex_read(boot, at.boot_id))
		return false;
	p->v[p->n++] = at;
	return true;
}

static int lines_read(FILE *f, struct positions *p)
{
	char line[LINE_MAX_BYTES];
	unsigned n;

	if (!fgets(line, sizeof(line), f) || strcmp(line, head) != 0)
		return -EBADMSG;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "end %u", &n) == 1)
			return n == p->n ? 0 : -EBADMSG;
		if (!line_read(line, p))
			return -EBADMSG;
	}
	return -EBADMSG;
}

int positions_load(struct positions *p, int folder, const char *name)
{
	int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	CLEANUP_FCLOSE FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	struct stat st;
	int r;

	if (fd < 0)
		return -errno;
	if (!f) {
		close(fd);
		return -ENOMEM;
	}
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return -EBADMSG;
	r = lines_read(f, p);
	if (r < 0)
		p->n = 0;
	else
		p->written_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
	return r;
}

static int lines_write(const struct positions *p, FILE *f)
{
	char stream[33], boot[33];

	fputs(head, f);
	for (unsigned i = 0; i < p->n; i++) {
		const struct position *at = &p->v[i];

		hex_write(at->stream_id, stream);
		hex_write(at->boot_id, boot);
		fprintf(f, "%s %s %016" PRIx64 " %" PRIu64 " %" PRId64 "\n", stream, boot,
			at->run_id, at->seq, at->seconds);
	}
	fprintf(f, "end %u\n", p->n);
	return fflush(f) != 0 || fdatasync(fileno(f)) < 0 ? -errno : 0;
}

int positions_save(const struct positions *p, int folder, const char *name, uid_t uid, gid_t gid)
{
	char temp[NAME_MAX + 8];
	FILE *f;
	int fd, r;

	snprintf(temp, sizeof(temp), "%s.tmp", name);
	unlinkat(folder, temp, 0); /* of one that was killed here */
	fd = openat(folder, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	f = fdopen(fd, "w");
	if (!f)
		close(fd);
	r = f ? lines_write(p, f) : -ENOMEM;
	if (r == 0 && uid != (uid_t)-1 && fchown(fd, uid, gid) < 0)
		r = -errno;
	if (f && fclose(f) != 0 && r == 0)
		r = -errno;
	if (r == 0 && renameat(folder, temp, folder, name) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(folder, temp, 0);
	return r;
}

/* ---- what was written since ---------------------------------------------------------------- */

struct scan {
	struct positions *to;
	struct run run; /* that the events belong to; its texts are not kept */
	bool known;
	uint64_t seq;
	int64_t seconds;
};

static void scan_settle(struct scan *s)
{
	if (s->known && s->seq)
		positions_note(s->to, &s->run, s->seq, s->seconds);
	s->seq = 0;
}

static bool is_same_stream(const struct run *a, const struct run *b)
{
	return a->run_id == b->run_id && same_id(a->boot_id, b->boot_id) &&
	       same_id(a->stream_id, b->stream_id);
}

static void scan_run(struct scan *s, const struct run *run)
{
	if (s->known && is_same_stream(&s->run, run))
		return;
	scan_settle(s);
	s->known = true;
	s->run = (struct run){.run_id = run->run_id};
	memcpy(s->run.stream_id, run->stream_id, sizeof(run->stream_id));
	memcpy(s->run.boot_id, run->boot_id, sizeof(run->boot_id));
}

/* What recovery adds at a torn end is no event of the stream. */
static bool is_ours(const struct event *ev)
{
	return ev->kind == EVENT_LOSS && ev->loss.reason && !strcmp(ev->loss.reason, "tail_torn");
}

static int scan_event(struct event *ev, void *arg)
{
	struct scan *s = arg;

	if (ev->kind == EVENT_META && ev->run)
		scan_run(s, ev->run);
	if (ev->kind == EVENT_KINDS || is_ours(ev) || ev->seq <= s->seq)
		return 0;
	s->seq = ev->seq;
	s->seconds = (int64_t)(ev->time_unix_ns / 1000000000);
	return 0;
}

void positions_scan(struct positions *p, int folder, const char *name)
{
	int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	struct scan scan = {.to = p};
	struct recording recording;
	struct stream *stream;
	struct stat st;
	struct err err;
	int r;

	if (fd < 0)
		return;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec + MARGIN_NS <
		    p->written_ns) {
		close(fd);
		return;
	}
	if (stream_open_fd(fd, name, &stream, &err) < 0 ||
	    recording_open_stream(&recording, stream, &err) < 0)
		return;
	r = recording.decoder->decode ? SOURCE_MORE : SOURCE_END;
	while (r == SOURCE_MORE)
		r = recording_read(&recording, SCAN_BUDGET, scan_event, &scan, &err);
	scan_settle(&scan);
	recording_close(&recording);
}
