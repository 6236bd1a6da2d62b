/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/archive/recover_tail.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/base/opt.h"
#include "capture/raw.h"
#include "capture/stats.h"
#include "kern/events.h"

enum {
	DESCRIPTION = 64, /* a file describes its run in one of its first records */
	BLOCK_STATISTICS = 5,
	BLOCK_PACKET = 6,
	BLOCK_JOURNAL = 9,
	BLOCK_CUSTOM = 0x0bad,
	PACKET_STAMP = 12, /* where a packet block has its time */
};

static bool tail_is(const struct recover_tail *t, const char *format)
{
	return !strcmp(t->ops->format, format);
}

static struct bytes tail_kept(const struct recover_tail *t, unsigned i)
{
	return (struct bytes){t->kept[i].p, t->kept[i].n};
}

int recover_tail_open(struct recover_tail *t, const struct decoder_ops *ops, void *ctx,
		      uint64_t unix_ns, struct err *err)
{
	/* What it says of the run stands there as it stood before. */
	static const struct encoder_env env = {.relay = true};
	int r = 0;

	t->ops = ops;
	t->ctx = ctx;
	t->unix_ns = unix_ns;
	t->chunk = chunk_map_new(1, CHUNK_SIZE);
	if (!t->chunk)
		return errf(err, -ENOMEM, "out of memory");
	if (tail_is(t, "raw"))
		return 0;
	t->encoder = encoder_by_name(ops->format);
	if (!t->encoder)
		return errf(err, -EBADMSG, "no recording of penstock");
	t->encoder_cfg = calloc(1, t->encoder->cfg_size + 1);
	t->encoder_ctx = calloc(1, t->encoder->ctx_size + 1);
	if (!t->encoder_cfg || !t->encoder_ctx)
		return errf(err, -ENOMEM, "out of memory");
	if (t->encoder->options)
		r = opt_defaults(t->encoder->options, t->encoder_cfg, err);
	return r < 0 || !t->encoder->open
		       ? r
		       : t->encoder->open(t->encoder_ctx, t->encoder_cfg, &env, err);
}

void recover_tail_close(struct recover_tail *t)
{
	if (t->encoder_ctx && t->encoder->close)
		t->encoder->close(t->encoder_ctx);
	if (t->encoder_cfg && t->encoder->options)
		opt_done(t->encoder->options, t->encoder_cfg);
	free(t->encoder_ctx);
	free(t->encoder_cfg);
	chunk_map_free(t->chunk, 1);
	for (unsigned i = 0; i < RECOVER_TAIL_KEPT; i++)
		free(t->kept[i].p);
	*t = (struct recover_tail){0};
}

/* ---- the run ------------------------------------------------------------------------------- */

/* The encoder learns of which run it writes. What it would open a file with is there already. */
static int tail_describe(struct recover_tail *t, const struct run *run)
{
	struct out out = {.tail = t->chunk};
	int r = 0;

	if (t->encoder->preamble)
		r = t->encoder->preamble(t->encoder_ctx, run, &out);
	chunk_reset(t->chunk);
	t->described = r == 0;
	return 0;
}

static int event_describe(struct event *ev, void *arg)
{
	struct recover_tail *t = arg;

	return ev->kind == EVENT_META && ev->run ? tail_describe(t, ev->run) : 0;
}

/* ---- the last records ---------------------------------------------------------------------- */

static uint32_t block_type(struct bytes block)
{
	uint32_t type;

	memcpy(&type, block.p, sizeof(type));
	return type;
}

/* Rows of pcapng and packets tell their times themselves. */
static void note_row(struct recover_tail *t, struct bytes block)
{
	static const char stamp[] = "\nPENSTOCK_TIME=", seq[] = "\nPENSTOCK_SEQ=";
	uint32_t type = block_type(block), time[2];
	const char *at;

	if (type == BLOCK_PACKET && block.n >= PACKET_STAMP + sizeof(time)) {
		memcpy(time, block.p + PACKET_STAMP, sizeof(time));
		t->unix_ns = (uint64_t)time[0] << 32 | time[1];
	}
	if (type != BLOCK_JOURNAL)
		return;
	/* A number is followed by at least the length at the end of its block, which is none. */
	at = memmem(block.p, block.n, stamp, sizeof(stamp) - 1);
	if (at)
		t->unix_ns = strtoull(at + sizeof(stamp) - 1, NULL, 10);
	at = memmem(block.p, block.n, seq, sizeof(seq) - 1);
	if (at)
		t->seq = strtoull(at + sizeof(seq) - 1, NULL, 10);
}

static int tail_keep(struct recover_tail *t, struct bytes record, struct err *err)
{
	struct recover_tail_record oldest = t->kept[RECOVER_TAIL_KEPT - 1];

	if (oldest.cap < record.n) {
		char *p = realloc(oldest.p, record.n);

		if (!p)
			return errf(err, -ENOMEM, "out of memory");
		oldest.p = p;
		oldest.cap = record.n;
	}
	memcpy(oldest.p, record.p, record.n);
	oldest.n = record.n;
	memmove(t->kept + 1, t->kept, (RECOVER_TAIL_KEPT - 1) * sizeof(t->kept[0]));
	t->kept[0] = oldest;
	return 0;
}

int recover_tail_record(struct recover_tail *t, struct bytes record, struct err *err)
{
	bool pcapng = tail_is(t, "pcapng");

	if (t->ops->decode && !t->described && t->records < DESCRIPTION &&
	    (!pcapng || block_type(record) == BLOCK_CUSTOM)) {
		t->ops->decode(t->ctx, record, event_describe, t, NULL);
		t->records++;
	}
	if (pcapng)
		note_row(t, record);
	return tail_keep(t, record, err);
}

void recover_tail_rewind(struct recover_tail *t)
{
	for (unsigned i = 0; i < RECOVER_TAIL_KEPT; i++)
		t->kept[i].n = 0;
}

static int event_ignore(struct event *ev, void *arg)
{
	return 0;
}

bool recover_tail_drop(struct recover_tail *t)
{
	struct recover_tail_record last = t->kept[0];

	if (!last.n || !t->ops->decode ||
	    t->ops->decode(t->ctx, tail_kept(t, 0), event_ignore, NULL, NULL) != -EBADMSG)
		return false;
	memmove(t->kept, t->kept + 1, (RECOVER_TAIL_KEPT - 1) * sizeof(t->kept[0]));
	last.n = 0;
	t->kept[RECOVER_TAIL_KEPT - 1] = last;
	return true;
}

static int event_note(struct event *ev, void *arg)
{
	struct recover_tail *t = arg;

	if (ev->kind == EVENT_KINDS)
		return 0;
	t->unix_ns = ev->time_unix_ns;
	t->boot_ns = ev->time_boot_ns;
	if (ev->seq > t->seq)
		t->seq = ev->seq;
	t->told = ev->kind == EVENT_LOSS && ev->loss.reason &&
		  !strcmp(ev->loss.reason, stats_reason_rows[REASON_TAIL_TORN].name);
	t->ended = ev->kind == EVENT_STATS && ev->stats.final;
	return 0;
}

static void note_raw(struct recover_tail *t, struct bytes last)
{
	const char *reason = stats_reason_rows[REASON_TAIL_TORN].name;
	struct rec_loss loss;
	struct rec rec;

	if (last.n < sizeof(rec) || !memcmp(last.p, RAW_MAGIC, sizeof(rec)))
		return;
	memcpy(&rec, last.p, sizeof(rec));
	t->boot_ns = rec.time;
	t->ended = rec.kind == REC_STOP;
	if (rec.kind != REC_LOSS || last.n < sizeof(loss))
		return;
	memcpy(&loss, last.p, sizeof(loss));
	t->told = loss.reason_len == strlen(reason) && last.n >= sizeof(loss) + loss.reason_len &&
		  !memcmp(last.p + sizeof(loss), reason, loss.reason_len);
}

static void note_text(struct recover_tail *t, struct bytes last)
{
	static const char told[] = " (output tail_torn)";

	t->told = last.n && memmem(last.p, last.n, told, sizeof(told) - 1);
}

void recover_tail_end(struct recover_tail *t)
{
	struct bytes last = tail_kept(t, 0);

	t->told = t->ended = false;
	if (tail_is(t, "raw"))
		note_raw(t, last);
	if (tail_is(t, "text"))
		note_text(t, last);
	for (unsigned i = RECOVER_TAIL_KEPT; t->ops->decode && i--;)
		if (t->kept[i].n)
			t->ops->decode(t->ctx, tail_kept(t, i), event_note, t, NULL);
	if (tail_is(t, "pcapng") && last.n) {
		t->ended = block_type(last) == BLOCK_STATISTICS; /* what is written last */
		t->told &= !t->ended;
	}
}

/* ---- the report ---------------------------------------------------------------------------- */

static void report_raw(struct recover_tail *t, uint64_t torn)
{
	static const char zeroes[RAW_ALIGN];
	const char *reason = stats_reason_rows[REASON_TAIL_TORN].name;
	struct rec_loss loss = {.count = torn,
				.first_ns = t->boot_ns,
				.last_ns = t->boot_ns,
				.reason_len = (uint32_t)strlen(reason)};

	loss.rec = (struct rec){.len = (uint32_t)sizeof(loss) + loss.reason_len,
				.kind = REC_LOSS,
				.time = t->boot_ns};
	chunk_put(t->chunk, &loss, sizeof(loss));
	chunk_put(t->chunk, reason, loss.reason_len);
	chunk_put(t->chunk, zeroes, raw_padded(loss.rec.len) - loss.rec.len);
}

int recover_tail_report(struct recover_tail *t, uint64_t torn, struct bytes *ret, struct err *err)
{
	static const struct run unknown = {.probes = ""};
	struct out out = {.tail = t->chunk};
	struct event ev = {
		.kind = EVENT_LOSS,
		.probe = "core",
		.time_boot_ns = t->boot_ns,
		.time_unix_ns = t->unix_ns,
		.seq = t->seq + 1,
		.loss = {.probe = "output",
			 .reason = stats_reason_rows[REASON_TAIL_TORN].name,
			 .count = torn,
			 .first_boot_ns = t->boot_ns,
			 .last_boot_ns = t->boot_ns},
	};
	int r = 0;

	if (t->encoder && !t->described)
		tail_describe(t, &unknown);
	chunk_reset(t->chunk);
	if (t->encoder)
		r = t->encoder->encode(t->encoder_ctx, &ev, &out);
	else
		report_raw(t, torn);
	if (r < 0)
		return errf(err, r, "%s cannot tell of a loss", t->ops->format);
	if (t->encoder && t->encoder->seal)
		t->encoder->seal(t->encoder_ctx, &out);
	*ret = (struct bytes){(const char *)t->chunk->p, t->chunk->len};
	return 0;
}
