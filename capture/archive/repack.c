/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/archive/repack.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/archive/files.h"
#include "capture/archive/pack.h"
#include "capture/archive/records.h"
#include "capture/archive/reindex.h"
#include "capture/base/cleanup.h"
#include "capture/index.h"
#include "capture/raw.h"

enum {
	FRAME = 4 * 1024 * 1024,
	FRAME_WIDE = 64 * 1024 * 1024,
	NEARLY = 16,  /* a frame is full when less than this part of it is free */
	TIMED = 4096, /* one of so many records has a time, or none has */
};

struct repack_input {
	const char *path;
	int fd;
	struct stat st;
	uint64_t unix_ns; /* of its first event; 0 = not known */
};

struct repack {
	const struct repack_config *cfg;
	struct repack_input *inputs;
	const struct decoder_ops *ops; /* the format of all */
	int folder, fd;                /* of what is written */
	char name[NAME_MAX + 1];       /* its name in the folder, in the end */
	char temp[NAME_MAX + 1];       /* and until then */
	struct pack *pack;
	bool context; /* the next record opens a frame of its input */
};

/* ---- what goes in -------------------------------------------------------------------------- */

static int event_first(struct event *ev, void *arg)
{
	uint64_t *unix_ns = arg;

	*unix_ns = ev->time_unix_ns;
	return *unix_ns ? -ECANCELED : 0;
}

static int input_look(struct repack *p, struct repack_input *in, struct err *err)
{
	struct records records = {0};
	struct records_item item;
	int r = records_open(&records, in->fd, records_format(in->path), err);

	if (r == 0 && !records.ops)
		r = errf(err, -ENODATA, "empty");
	if (r == 0 && p->ops && p->ops != records.ops)
		r = errf(err, -EINVAL, "is %s, and the others are %s", records.ops->format,
			 p->ops->format);
	if (r == 0)
		p->ops = records.ops;
	for (unsigned i = 0; r == 0 && p->ops->decode && i < TIMED && !in->unix_ns; i++) {
		r = records_next(&records, &item, err);
		if (r < 0 || item.what == RECORDS_END || item.what == RECORDS_TORN)
			break;
		if (item.what == RECORDS_RECORD)
			p->ops->decode(records.ctx, item.record, event_first, &in->unix_ns, NULL);
	}
	records_close(&records);
	return r;
}

static int input_open(struct repack *p, struct repack_input *in, const char *path, struct err *err)
{
	struct err why;
	int r;

	in->path = path;
	in->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (in->fd < 0 || fstat(in->fd, &in->st) < 0)
		return errf(err, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(in->st.st_mode))
		return errf(err, -EINVAL, "%s: no regular file", path);
	if (flock(in->fd, LOCK_SH | LOCK_NB) < 0)
		return errf(err, -EBUSY, "%s: is being written", path);
	for (const struct repack_input *other = p->inputs; other < in; other++)
		if (other->st.st_dev == in->st.st_dev && other->st.st_ino == in->st.st_ino)
			return errf(err, -EINVAL, "%s: given twice", path);
	r = input_look(p, in, &why);
	return r < 0 ? errf(err, r, "%s: %s", path, why.text) : 0;
}

/* Insertion keeps the order of those that are alike. */
static void inputs_sort(struct repack *p)
{
	for (unsigned i = 0; i < p->cfg->n; i++)
		if (!p->inputs[i].unix_ns)
			return;
	for (unsigned i = 1; i < p->cfg->n; i++) {
		struct repack_input in = p->inputs[i];
		unsigned at = i;

		for (; at && p->inputs[at - 1].unix_ns > in.unix_ns; at--)
			p->inputs[at] = p->inputs[at - 1];
		p->inputs[at] = in;
	}
}

static int inputs_open(struct repack *p, struct err *err)
{
	int r = 0;

	p->inputs = calloc(p->cfg->n + 1, sizeof(*p->inputs));
	if (!p->inputs)
		return errf(err, -ENOMEM, "out of memory");
	for (unsigned i = 0; i < p->cfg->n; i++)
		p->inputs[i].fd = -1;
	for (unsigned i = 0; r == 0 && i < p->cfg->n; i++)
		r = input_open(p, &p->inputs[i], p->cfg->in[i], err);
	if (r == 0)
		inputs_sort(p);
	return r;
}

/* ---- what comes out ------------------------------------------------------------------------ */

static int output_open(struct repack *p, struct err *err)
{
	const char *slash = strrchr(p->cfg->out, '/'), *base = slash ? slash + 1 : p->cfg->out;
	char folder[PATH_MAX] = ".";

	if (slash && snprintf(folder, sizeof(folder), "%.*s", (int)(base - p->cfg->out),
			      p->cfg->out) >= (int)sizeof(folder))
		return errf(err, -ENAMETOOLONG, "the name of OUT is too long");
	if (snprintf(p->temp, sizeof(p->temp), ".%s.repack", base) >= (int)sizeof(p->temp))
		return errf(err, -ENAMETOOLONG, "the name of OUT is too long");
	snprintf(p->name, sizeof(p->name), "%s", base);
	p->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->folder < 0)
		return errf(err, -errno, "folder '%s': %s", folder, strerror(errno));
	if (faccessat(p->folder, p->name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return errf(err, -EEXIST, "%s: is there already", p->cfg->out);
	p->fd = openat(p->folder, p->temp, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (p->fd < 0)
		return errf(err, -errno, "%s: %s", p->cfg->out, strerror(errno));
	if (flock(p->fd, LOCK_EX | LOCK_NB) < 0) {
		close(TAKE_FD(p->fd)); /* it is not ours to remove */
		return errf(err, -EBUSY, "%s: another penstock is packing it", p->cfg->out);
	}
	return ftruncate(p->fd, 0) < 0 ? errf(err, -errno, "%s: %s", p->cfg->out, strerror(errno))
				       : 0;
}

static int event_is_meta(struct event *ev, void *arg)
{
	bool *meta = arg;

	*meta |= ev->kind == EVENT_META;
	return 0;
}

/* Can a frame begin with this record, so that it can be read alone? Only where its own file had
 * something begin, or the run is described. */
static bool record_opens(struct repack *p, struct records *records, struct bytes record)
{
	bool opens = p->context;

	p->context = false;
	if (opens || !strcmp(p->ops->format, "text"))
		return true;
	if (!strcmp(p->ops->format, "raw"))
		return !memcmp(record.p, RAW_MAGIC, RAW_MAGIC_SIZE);
	if (p->ops->decode)
		p->ops->decode(records->ctx, record, event_is_meta, &opens, NULL);
	return opens;
}

static int pack_record(struct repack *p, struct records *records, struct bytes record,
		       struct err *err)
{
	uint64_t most = p->cfg->wide ? FRAME_WIDE : FRAME;
	bool one_frame = !strcmp(p->ops->format, "pcapng");
	/* Small frames of the input are joined. */
	bool full = pack_frame_raw(p->pack) >= most - most / NEARLY;
	int r = 0;

	if (!one_frame && full && record_opens(p, records, record))
		r = pack_cut(p->pack, err);
	p->context = false;
	return r < 0 ? r : pack_put(p->pack, record, err);
}

static int pack_input(struct repack *p, struct repack_input *in, struct err *err)
{
	struct records records = {0};
	struct records_item item = {.what = RECORDS_RECORD};
	struct err why;
	int r = lseek(in->fd, 0, SEEK_SET) < 0 ? errf(&why, -errno, "%s", strerror(errno)) : 0;

	p->context = true;
	if (r == 0)
		r = records_open(&records, in->fd, records_format(in->path), &why);
	while (r == 0 && item.what != RECORDS_END) {
		r = records_next(&records, &item, &why);
		if (r < 0)
			break;
		if (item.what == RECORDS_TORN)
			r = errf(&why, -EBADMSG, "its end is missing: see penstock verify");
		else if (item.what == RECORDS_FRAME_END)
			p->context = true;
		else if (item.what == RECORDS_RECORD)
			r = pack_record(p, &records, item.record, &why);
	}
	records_close(&records);
	return r < 0 ? errf(err, r, "%s: %s", in->path, why.text) : 0;
}

static int pack_all(struct repack *p, struct err *err)
{
	const struct pack_config cfg = {.zstd = true,
					.one_frame = !strcmp(p->ops->format, "pcapng"),
					.wide = p->cfg->wide,
					.level = p->cfg->level};
	struct err why;
	int r = pack_new(&cfg, p->fd, 0, &p->pack, err);

	for (unsigned i = 0; r == 0 && i < p->cfg->n; i++)
		r = pack_input(p, &p->inputs[i], err);
	if (r < 0)
		return r;
	r = pack_finish(p->pack, &why);
	if (r == 0)
		r = files_settle(p->fd, &p->inputs[0].st, &why);
	return r < 0 ? errf(err, r, "%s: %s", p->cfg->out, why.text) : 0;
}

/* ---- is it the same? ----------------------------------------------------------------------- */

/* Contents of several files, one after the other. */
struct contents {
	const struct repack_input *inputs;
	unsigned n, next;
	struct inspect *in;
	struct bytes left;
};

/* Sees to it that something is left, unless all has been given. */
static int contents_more(struct contents *c, struct err *err)
{
	struct inspect_item item;
	int r = 0;

	while (r == 0 && !c->left.n) {
		if (!c->in && c->next == c->n)
			return 0;
		if (!c->in) {
			int fd = c->inputs[c->next++].fd;

			if (lseek(fd, 0, SEEK_SET) < 0)
				return errf(err, -errno, "%s", strerror(errno));
			r = inspect_new(fd, &c->in, err);
			continue;
		}
		r = inspect_next(c->in, &item, err);
		if (r == 0 && item.what == INSPECT_DATA)
			c->left = item.data;
		if (r == 0 && (item.what == INSPECT_FILE_END || item.what == INSPECT_TORN)) {
			inspect_free(c->in);
			c->in = NULL;
		}
	}
	return r;
}

static int contents_compare(struct contents *a, struct contents *b, uint64_t *ret_n,
			    struct err *err)
{
	for (*ret_n = 0;;) {
		int r = contents_more(a, err);
		size_t n;

		if (r == 0)
			r = contents_more(b, err);
		if (r < 0)
			return r;
		n = a->left.n < b->left.n ? a->left.n : b->left.n;
		if ((!n && (a->left.n || b->left.n)) || (n && memcmp(a->left.p, b->left.p, n) != 0))
			return errf(err, -EIO, "what was written is not what was read");
		if (!n)
			return 0;
		a->left = (struct bytes){a->left.p + n, a->left.n - n};
		b->left = (struct bytes){b->left.p + n, b->left.n - n};
		*ret_n += n;
	}
}

/* From the disk, not from memory. */
static int repack_prove(struct repack *p, uint64_t *ret_n, struct err *err)
{
	struct repack_input out = {.path = p->cfg->out, .fd = p->fd};
	struct contents a = {.inputs = p->inputs, .n = p->cfg->n}, b = {.inputs = &out, .n = 1};
	struct err why;
	int r;

	posix_fadvise(p->fd, 0, 0, POSIX_FADV_DONTNEED);
	r = contents_compare(&a, &b, ret_n, &why);
	inspect_free(a.in);
	inspect_free(b.in);
	return r < 0 ? errf(err, r, "%s: %s", p->cfg->out, why.text) : 0;
}

/* ---- all of it ----------------------------------------------------------------------------- */

static int output_publish(struct repack *p, struct err *err)
{
	char index[NAME_MAX + 1];

	if (renameat2(p->folder, p->temp, p->folder, p->name, RENAME_NOREPLACE) < 0)
		return errf(err, -errno, "%s: %s", p->cfg->out, strerror(errno));
	p->temp[0] = '\0';
	/* Without an index a search reads everything: that is no reason to keep what was packed. */
	if (snprintf(index, sizeof(index), "%s" INDEX_ENDING, p->name) < (int)sizeof(index))
		reindex_file(p->folder, p->name, index, NULL);
	return files_settle_folder(p->folder, err);
}

static int inputs_remove(const struct repack *p, struct err *err)
{
	for (unsigned i = 0; i < p->cfg->n; i++) {
		char index[PATH_MAX];
		struct stat st;

		if (lstat(p->inputs[i].path, &st) < 0 || st.st_ino != p->inputs[i].st.st_ino)
			return errf(err, -ESTALE, "%s: packed, but not removed: has changed",
				    p->inputs[i].path);
		if (unlink(p->inputs[i].path) < 0)
			return errf(err, -errno, "%s: packed, but not removed: %s",
				    p->inputs[i].path, strerror(errno));
		if (snprintf(index, sizeof(index), "%s" INDEX_ENDING, p->inputs[i].path) <
		    (int)sizeof(index))
			unlink(index);
	}
	return 0;
}

static void repack_done(struct repack *p)
{
	pack_free(p->pack);
	for (unsigned i = 0; p->inputs && i < p->cfg->n; i++)
		if (p->inputs[i].fd >= 0)
			close(p->inputs[i].fd);
	free(p->inputs);
	if (p->fd >= 0 && p->temp[0])
		unlinkat(p->folder, p->temp, 0);
	if (p->fd >= 0)
		close(p->fd);
	if (p->folder >= 0)
		close(p->folder);
}

static void report_fill(const struct repack *p, uint64_t raw_size, struct repack_report *ret)
{
	*ret = (struct repack_report){.raw_size = raw_size, .frames = pack_frames(p->pack)};
	ret->size = (uint64_t)lseek(p->fd, 0, SEEK_END);
	for (unsigned i = 0; i < p->cfg->n; i++)
		ret->in_size += (uint64_t)p->inputs[i].st.st_size;
}

int repack_files(const struct repack_config *cfg, struct repack_report *ret, struct err *err)
{
	struct repack p = {.cfg = cfg, .folder = -1, .fd = -1};
	size_t n = strlen(cfg->out);
	uint64_t raw_size = 0;
	int r = 0;

	if (n < 5 || strcmp(cfg->out + n - 4, ".zst") != 0)
		return errf(err, -EINVAL, "OUT has to end in .zst: '%s'", cfg->out);
	r = inputs_open(&p, err);
	if (r == 0)
		r = output_open(&p, err);
	if (r == 0)
		r = pack_all(&p, err);
	if (r == 0)
		r = repack_prove(&p, &raw_size, err);
	if (r == 0)
		r = output_publish(&p, err);
	if (r == 0)
		report_fill(&p, raw_size, ret);
	if (r == 0 && cfg->remove)
		r = inputs_remove(&p, err);
	repack_done(&p);
	return r;
}
