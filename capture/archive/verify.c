/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/archive/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/archive/records.h"
#include "capture/archive/verify_inside.h"
#include "capture/base/cleanup.h"
#include "capture/base/seek_table.h"
#include "capture/base/utf8.h"
#include "capture/layout.h"
#include "capture/raw.h"

struct verify {
	struct verify_runs runs;
};

/* One file. */
struct check {
	struct verify *verify;
	struct verify_report *report;
	const char *path;
	struct records records;
	struct verify_seq seq;
	struct verify_pcapng *pcapng;
	bool sized;              /* the last frame says how large it is */
	struct seek_table table; /* of the frames as they are */
	struct bytes said;       /* what the seek table says; NULL = there is none yet */
	char *said_memory;
};

int verify_new(struct verify **ret, struct err *err)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : errf(err, -ENOMEM, "out of memory");
}

void verify_free(struct verify *v)
{
	if (v)
		verify_runs_done(&v->runs);
	free(v);
}

void verify_runs(const struct verify *v, verify_missing_fn fn, void *arg)
{
	for (unsigned i = 0; i < v->runs.n; i++) {
		const struct verify_run *run = &v->runs.v[i];
		struct verify_missing m = {.run_id = run->run_id,
					   .host = run->host,
					   .n = run->holes - run->told,
					   .after = run->after,
					   .path = run->path ? run->path : ""};

		if (run->holes > run->told)
			fn(&m, arg);
	}
}

/* ---- records ------------------------------------------------------------------------------- */

static int check_event(struct event *ev, void *arg)
{
	struct check *c = arg;
	struct err why;

	int r;

	if (ev->kind == EVENT_KINDS)
		return 0;
	r = verify_runs_event(&c->verify->runs, &c->seq, ev, c->path, &why);
	if (r < 0)
		return errf(&c->report->why, -EBADMSG, "%s", why.text);
	c->report->events += r == 0;
	c->report->losses += ev->kind == EVENT_LOSS;
	return 0;
}

/* Kinds that no decoder of ours knows are from a later version. */
static int check_raw(const struct bytes *b, struct err *err)
{
	const struct rec *rec = (const void *)b->p;
	struct event_attach attach;
	struct event_loss loss;
	uint64_t probes[4];
	struct part part;
	struct run run;
	int r;

	if (b->n == RAW_MAGIC_SIZE && !memcmp(b->p, RAW_MAGIC, RAW_MAGIC_SIZE))
		return 0;
	if (!layout_valid(rec, b->n))
		return errf(err, -EBADMSG, "a record of an impossible length");
	switch (rec->kind) {
	case REC_RUN:
		r = layout_run(rec, &run, probes);
		break;
	case REC_ATTACH:
		r = layout_attach(rec, &attach);
		break;
	case REC_LOSS:
		r = layout_loss(rec, &loss);
		break;
	case REC_FORK:
	case REC_EXEC:
	case REC_EXIT:
	case REC_LINE:
	case REC_LINE_END:
	case REC_DATA:
		r = layout_decode(rec, "core", &part);
		break;
	default:
		r = 0;
	}
	return r == -EMSGSIZE || r == -EBADMSG
		       ? errf(err, -EBADMSG, "a record of kind %u that contradicts itself",
			      rec->kind)
		       : 0;
}

static int check_text(struct bytes line, struct err *err)
{
	for (size_t i = 0; i < line.n;) {
		unsigned n = utf8_char(line.p + i, line.n - i);

		if (!n || !line.p[i])
			return errf(err, -EBADMSG, "no UTF-8");
		i += n;
	}
	return 0;
}

static int check_contents(struct check *c, struct bytes record, struct err *err)
{
	const struct decoder_ops *ops = c->records.ops;
	int r = 0;

	if (c->pcapng)
		r = verify_pcapng_block(c->pcapng, record, err);
	else if (!strcmp(ops->format, "raw"))
		r = check_raw(&record, err);
	else if (!strcmp(ops->format, "text"))
		r = check_text(record, err);
	if (r == 0 && ops->decode)
		r = ops->decode(c->records.ctx, record, check_event, c, err);
	/* A pcapng for Wireshark alone has not all events in full, and is right. */
	return c->pcapng && r == -ENODATA ? 0 : r;
}

/* Says where it is: a record's place is known in the contents; where these are compressed, the file
 * has it somewhere in a frame. */
static int check_record(struct check *c, const struct records_item *item)
{
	struct err why = {""};
	int r;

	c->report->why.text[0] = '\0';
	r = check_contents(c, item->record, &why);
	if (r >= 0)
		return 0;
	if (!why.text[0])
		why = c->report->why;
	if (c->report->zstd)
		return errf(&c->report->why, r,
			    "at byte %" PRIu64 " of the contents (in the frame at byte %" PRIu64
			    "): %s",
			    item->raw_at, item->offset, why.text);
	return errf(&c->report->why, r, "at byte %" PRIu64 ": %s", item->raw_at, why.text);
}

/* ---- frames -------------------------------------------------------------------------------- */

static int check_frame(struct check *c, const struct inspect_frame *f)
{
	struct err *why = &c->report->why;

	c->report->frames++;
	c->sized = f->sized;
	if (!f->checked)
		return errf(why, -EBADMSG, "the frame at byte %" PRIu64 " has no checksum",
			    f->offset);
	if (c->said.p)
		return errf(why, -EBADMSG, "at byte %" PRIu64 ": a frame behind the seek table",
			    f->offset);
	if (c->pcapng && c->report->frames > 1)
		return errf(why, -EBADMSG,
			    "at byte %" PRIu64 ": a second frame, which no Wireshark before 4.4 "
			    "reads",
			    f->offset);
	seek_table_add(&c->table, f->size, f->raw_size, f->checksum);
	return 0;
}

/* The only skippable frame is the seek table, and it is the last thing in a file. */
static int check_skippable(struct check *c, const struct records_item *item)
{
	struct err *why = &c->report->why;

	if (c->said.p || seek_table_count(item->record) < 0)
		return errf(why, -EBADMSG,
			    "at byte %" PRIu64 ": a skippable frame that is no seek table",
			    item->offset);
	if (c->pcapng)
		return errf(why, -EBADMSG,
			    "at byte %" PRIu64 ": a seek table, which Wireshark does not read",
			    item->offset);
	c->said_memory = malloc(item->record.n);
	if (!c->said_memory)
		return errf(why, -ENOMEM, "out of memory");
	memcpy(c->said_memory, item->record.p, item->record.n);
	c->said = (struct bytes){c->said_memory, item->record.n};
	c->report->seektable = true;
	return 0;
}

/* An archive of ours ends with its seek table. One that somebody compressed has none, and says how
 * large it is. */
static int report_no_table(struct check *c)
{
	c->report->state = VERIFY_UNFINISHED;
	errf(&c->report->why, -ENODATA,
	     "ends behind a frame, without a seek table: %" PRIu64 " bytes of contents are whole",
	     c->report->raw_size);
	return 0;
}

/* The seek table, and the index, name the frames that there are. */
static int check_table(struct check *c)
{
	struct err *why = &c->report->why;
	uint64_t offset = 0;
	struct bytes real;
	int r;

	real = seek_table_bytes(&c->table);
	if (!real.n)
		return 0;
	if (!c->said.p && !c->pcapng && !c->sized)
		return report_no_table(c);
	r = verify_index(c->path, real, c->report->size, why);
	c->report->index = r == 0;
	if (r < 0 || !c->said.p)
		return r < 0 ? r : 0;
	if (seek_table_count(c->said) != seek_table_count(real))
		return errf(why, -EBADMSG,
			    "the seek table names %" PRId64 " frames, and there are %" PRId64,
			    seek_table_count(c->said), seek_table_count(real));
	for (uint32_t i = 0; i < seek_table_count(real); i++) {
		struct seek_table_entry a = seek_table_get(c->said, i), b = seek_table_get(real, i);

		if (a.size != b.size || a.raw_size != b.raw_size ||
		    (seek_table_has_checksums(c->said) && a.checksum != b.checksum))
			return errf(why, -EBADMSG,
				    "the seek table is wrong about the frame at byte %" PRIu64,
				    offset);
		offset += b.size;
	}
	return 0;
}

/* ---- a file -------------------------------------------------------------------------------- */

static void report_unfinished(struct check *c, const struct records_item *item)
{
	struct verify_report *report = c->report;

	report->state = VERIFY_UNFINISHED;
	if (!report->zstd)
		errf(&report->why, -ENODATA,
		     "ends in the middle of a record: whole up to byte %" PRIu64, report->raw_size);
	else
		errf(&report->why, -ENODATA,
		     "ends in the middle of %s at byte %" PRIu64 ": %" PRIu64
		     " bytes of contents are whole",
		     item->torn && report->frames && item->offset == report->size ? "a record"
										  : "the frame",
		     item->offset, report->raw_size);
}

/* Takes an item; 1 = the last one. */
static int check_item(struct check *c, const struct records_item *item)
{
	struct verify_report *report = c->report;
	int r;

	report->zstd = inspect_is_zstd(c->records.in);
	switch (item->what) {
	case RECORDS_RECORD:
		if (c->said.p)
			return errf(&report->why, -EBADMSG,
				    "at byte %" PRIu64 ": a frame behind the seek table",
				    item->offset);
		r = check_record(c, item);
		if (r == 0) {
			report->records++;
			report->raw_size = item->raw_at + item->record.n;
		}
		return r;
	case RECORDS_FRAME_END:
		return check_frame(c, &item->frame);
	case RECORDS_SKIPPABLE:
		return check_skippable(c, item);
	case RECORDS_END:
		r = check_table(c);
		return r < 0 ? r : 1;
	case RECORDS_TORN:
		report_unfinished(c, item);
		return 1;
	}
	return 1;
}

static int check_all(struct check *c)
{
	struct records_item item;
	int r = 0;

	while (r == 0) {
		r = records_next(&c->records, &item, &c->report->why);
		if (r == 0)
			r = check_item(c, &item);
	}
	return r < 0 ? r : 0;
}

static int check_open(struct check *c, int fd)
{
	struct verify_report *report = c->report;
	int r = records_open(&c->records, fd, records_format(c->path), &report->why);

	if (r < 0)
		return r;
	if (!c->records.ops) {
		report->state = VERIFY_UNFINISHED;
		errf(&report->why, -ENODATA, "empty");
		return 1;
	}
	report->format = c->records.ops->format;
	if (strcmp(report->format, "pcapng") != 0)
		return 0;
	c->seq.sparse = true;
	c->pcapng = calloc(1, sizeof(*c->pcapng));
	return c->pcapng ? 0 : errf(&report->why, -ENOMEM, "out of memory");
}

void verify_file(struct verify *v, const char *path, struct verify_report *ret)
{
	struct check c = {.verify = v, .report = ret, .path = path};
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	int r;

	*ret = (struct verify_report){.state = VERIFY_OK};
	if (fd < 0 || fstat(fd, &st) < 0)
		r = errf(&ret->why, -errno, "%s", strerror(errno));
	else if (!S_ISREG(st.st_mode))
		r = errf(&ret->why, -EINVAL, "no regular file");
	else
		r = check_open(&c, fd);
	if (fd >= 0)
		ret->size = (uint64_t)st.st_size;
	if (r == 0)
		r = check_all(&c);
	if (r < 0)
		ret->state = VERIFY_WRONG;
	records_close(&c.records);
	seek_table_free(&c.table);
	free(c.said_memory);
	free(c.pcapng);
}
