/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/archive/summary.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/archive/records.h"
#include "capture/archive/summary_raw.h"
#include "capture/base/cleanup.h"
#include "capture/base/lru.h"
#include "capture/base/utf8.h"

struct summary {
	struct summary_totals totals;
	struct lru *tables[SUMMARY_TABLES];
	struct summary_entry rest[SUMMARY_TABLES];
	struct statements *statements;
	struct summary_entry *sorted; /* of the table that was asked for last */
};

/* One file. */
struct reading {
	struct summary *summary;
	struct summary_raw *raw; /* NULL unless it is a raw recording */
	uint64_t seq;            /* of its last event */
};

static void entry_evict(void *entry, void *arg)
{
	const struct summary_entry *e = entry;
	struct summary_entry *rest = arg;

	rest->events += e->events;
	rest->bytes += e->bytes;
	rest->count += e->count;
}

static bool summary_allocate(struct summary *s)
{
	for (unsigned i = 0; i < SUMMARY_TABLES; i++) {
		s->tables[i] = lru_new(SUMMARY_ENTRIES, sizeof(struct summary_entry), SUMMARY_NAME);
		if (!s->tables[i])
			return false;
		lru_on_evict(s->tables[i], entry_evict, &s->rest[i]);
	}
	s->statements = statements_new();
	return s->statements;
}

int summary_new(struct summary **ret, struct err *err)
{
	struct summary *s = calloc(1, sizeof(*s));

	if (s && !summary_allocate(s)) {
		summary_free(s);
		s = NULL;
	}
	*ret = s;
	return s ? 0 : errf(err, -ENOMEM, "out of memory");
}

void summary_free(struct summary *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < SUMMARY_TABLES; i++)
		lru_free(s->tables[i]);
	statements_free(s->statements);
	free(s->sorted);
	free(s);
}

const struct summary_totals *summary_totals(const struct summary *s)
{
	return &s->totals;
}

/* ---- events -------------------------------------------------------------------------------- */

void summary_name(char *name, size_t room, struct bytes text)
{
	size_t n = utf8_copy(name, room, text);

	for (size_t i = 0; i < n;) {
		unsigned len = utf8_char(name + i, n - i);

		if (!utf8_printable((struct bytes){name + i, len}) || name[i] == '\t')
			memset(name + i, '?', len);
		i += len;
	}
	memset(name + n, 0, room - n);
}

/* The entry of that name, which may be any bytes. */
static struct summary_entry *entry_of(struct summary *s, enum summary_table table,
				      struct bytes name)
{
	char key[SUMMARY_NAME];

	summary_name(key, sizeof(key), name);
	return lru_put(s->tables[table], key, NULL);
}

static void count_process(struct summary *s, const struct event *ev, uint64_t bytes)
{
	const struct proc *proc = ev->proc;
	struct summary_entry *e;

	if (!proc || (!proc->exe.n && !proc->comm.n))
		return;
	e = entry_of(s, SUMMARY_PROGRAMS, proc->exe.n ? proc->exe : proc->comm);
	e->events++;
	e->bytes += bytes;
}

static void count_peer(struct summary *s, const struct flow *flow, uint64_t bytes)
{
	char text[INET6_ADDRSTRLEN];
	struct summary_entry *e;

	if (!flow || !flow->family || !inet_ntop(flow->family, flow->remote, text, sizeof(text)))
		return;
	e = entry_of(s, SUMMARY_PEERS, bytes_of(text));
	e->events++;
	e->bytes += bytes;
}

static void count_loss(struct summary *s, const struct event_loss *loss)
{
	char text[SUMMARY_NAME];
	struct summary_entry *e;

	snprintf(text, sizeof(text), "%s %s", loss->probe ? loss->probe : "?",
		 loss->reason ? loss->reason : "?");
	e = entry_of(s, SUMMARY_LOSSES, bytes_of(text));
	e->events++;
	e->count += loss->count;
}

static void count_run(struct summary *s, const struct run *run)
{
	char text[SUMMARY_NAME];

	snprintf(text, sizeof(text), "%.*s %016" PRIx64, run->host.n < 200 ? (int)run->host.n : 200,
		 run->host.p ? run->host.p : "", run->run_id);
	entry_of(s, SUMMARY_RUNS, bytes_of(text))->events++;
}

static void count_time(struct summary *s, uint64_t unix_ns)
{
	struct summary_totals *t = &s->totals;

	if (!unix_ns)
		return;
	if (!t->first_unix_ns || unix_ns < t->first_unix_ns)
		t->first_unix_ns = unix_ns;
	if (unix_ns > t->last_unix_ns)
		t->last_unix_ns = unix_ns;
}

/* A decoder_fn. */
static int reading_event(struct event *ev, void *arg)
{
	struct reading *reading = arg;
	struct summary *s = reading->summary;
	uint64_t bytes = ev->kind == EVENT_DATA ? ev->data.payload.n : 0;

	if (ev->kind >= EVENT_KINDS)
		return 0;
	/* What opens a frame tells the run again, and is no event of its own. */
	if (ev->kind == EVENT_META && reading->seq && ev->seq <= reading->seq)
		return 0;
	reading->seq = ev->seq;
	s->totals.events++;
	s->totals.by_kind[ev->kind]++;
	count_time(s, ev->time_unix_ns);
	count_process(s, ev, bytes);
	if (ev->kind == EVENT_DATA)
		count_peer(s, ev->flow, bytes);
	if (ev->kind == EVENT_QUERY)
		statements_add(s->statements, ev);
	if (ev->kind == EVENT_LOSS)
		count_loss(s, &ev->loss);
	if (ev->kind == EVENT_META && ev->run)
		count_run(s, ev->run);
	return 0;
}

/* ---- files --------------------------------------------------------------------------------- */

static int reading_record(struct reading *reading, struct records *records, struct bytes record)
{
	reading->summary->totals.records++;
	if (reading->raw)
		summary_raw_record(reading->raw, record, reading_event, reading);
	else if (records->ops->decode)
		return records->ops->decode(records->ctx, record, reading_event, reading, NULL);
	return 0;
}

static int reading_all(struct reading *reading, struct records *records, struct err *err)
{
	struct summary_totals *t = &reading->summary->totals;
	struct records_item item;
	int r;

	for (;;) {
		r = records_next(records, &item, err);
		if (r < 0)
			return r;
		switch (item.what) {
		case RECORDS_RECORD:
			r = reading_record(reading, records, item.record);
			if (r < 0 && r != -ENODATA)
				return errf(err, r,
					    "a damaged record at byte %" PRIu64 " of the contents",
					    item.raw_at);
			t->raw_size += item.record.n;
			break;
		case RECORDS_TORN:
			t->unfinished++;
			return 0;
		case RECORDS_END:
			return 0;
		case RECORDS_FRAME_END:
		case RECORDS_SKIPPABLE:
			break;
		}
	}
}

static int summary_read(struct summary *s, int fd, const char *path, struct err *err)
{
	struct reading reading = {.summary = s};
	struct summary_raw raw = {0};
	struct records records = {0};
	int r = records_open(&records, fd, records_format(path), err);

	if (r == 0 && records.ops && !strcmp(records.ops->format, "raw"))
		reading.raw = &raw;
	if (r == 0 && records.ops)
		r = reading_all(&reading, &records, err);
	else if (r == 0)
		s->totals.unfinished++;
	records_close(&records);
	return r;
}

static int summary_add_file(struct summary *s, const char *path, struct err *err)
{
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct err why;
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return errf(err, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return errf(err, -EINVAL, "%s: no regular file", path);
	s->totals.files++;
	s->totals.size += (uint64_t)st.st_size;
	r = summary_read(s, fd, path, &why);
	return r < 0 ? errf(err, r, "%s: %s", path, why.text) : 0;
}

/* All files whose names say a format of ours; the first one that fails is told. */
static int summary_add_folder(struct summary *s, const char *path, struct err *err)
{
	char *const paths[] = {(char *)path, NULL};
	FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR | FTS_NOSTAT, NULL);
	const FTSENT *e;
	int r = 0;

	if (!fts)
		return errf(err, -errno, "%s: %s", path, strerror(errno));
	while ((e = fts_read(fts))) {
		struct err why;

		if ((e->fts_info != FTS_F && e->fts_info != FTS_NSOK) ||
		    !records_format(e->fts_path))
			continue;
		if (summary_add_file(s, e->fts_path, &why) < 0 && r == 0)
			r = errf(err, -EBADMSG, "%s", why.text);
	}
	fts_close(fts);
	return r;
}

int summary_add(struct summary *s, const char *path, struct err *err)
{
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return summary_add_folder(s, path, err);
	return summary_add_file(s, path, err);
}

/* ---- tables -------------------------------------------------------------------------------- */

static int entry_compare(const void *a, const void *b)
{
	const struct summary_entry *x = a, *y = b;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	if (x->events != y->events)
		return x->events < y->events ? 1 : -1;
	return strcmp(x->name, y->name);
}

const struct summary_entry *summary_table(struct summary *s, enum summary_table table,
					  unsigned *ret_n, struct summary_entry *ret_rest)
{
	const struct lru *t = s->tables[table];
	uint32_t n = lru_count(t), i = 0;

	*ret_n = 0;
	*ret_rest = s->rest[table];
	free(s->sorted);
	s->sorted = calloc((size_t)n + 1, sizeof(*s->sorted));
	if (!s->sorted)
		return NULL;
	for (const void *e = lru_oldest(t); e; e = lru_newer(t, e))
		s->sorted[i++] = *(const struct summary_entry *)e;
	qsort(s->sorted, n, sizeof(*s->sorted), entry_compare);
	*ret_n = n;
	return s->sorted;
}

struct statements *summary_statements(struct summary *s)
{
	return s->statements;
}
