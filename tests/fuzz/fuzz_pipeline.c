/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as a raw recording, through the whole pipeline and every encoder: nothing crashes and
 * the ledgers balance. The last byte says what is out of order: RUN or CLOCK are missing, sinks
 * fail or take little at a time, chunks are held back.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "capture/ledger.h"
#include "capture/pipeline.h"
#include "tests/support/fakes.h"
#include "tests/support/records.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum {
	OUTPUTS = 8
};

enum disorder {
	WITHOUT_RUN = 1,
	WITHOUT_CLOCK = 2,
	SINKS_FAIL = 4, /* now and then, as the end would wait otherwise */
	SINKS_STALL = 8,
	HELD = 16,
	NO_ROOM = 32,
};

static void *zeroed(size_t n)
{
	void *p = calloc(1, n ? n : 1);

	if (!p)
		abort();
	return p;
}

static unsigned open_outputs(struct output **outputs, struct fake_sink *sinks, void **cfgs,
			     uint8_t disorder)
{
	unsigned n = 0;

	for (const struct encoder_ops *const *e = encoder_registry; *e && n < OUTPUTS; e++, n++) {
		struct output_config cfg = fake_output_config(&sinks[n]);
		struct err err;

		if (disorder & (SINKS_FAIL | NO_ROOM))
			sinks[n] = (struct fake_sink){.fail = disorder & NO_ROOM ? -ENOSPC : -EIO,
						      .fail_after = n,
						      .fail_for = 1};
		if (disorder & SINKS_STALL)
			sinks[n].at_once = 4096;
		cfg.hold_ns = disorder & HELD ? 2000000000 : 0;
		cfgs[n] = zeroed((*e)->cfg_size);
		if ((*e)->options && opt_defaults((*e)->options, cfgs[n], &err))
			abort();
		cfg.encoder = *e;
		cfg.encoder_cfg = cfgs[n];
		cfg.block = true;
		if (output_new(&cfg, n, &outputs[n], &err))
			abort();
		output_begin(outputs[n]);
	}
	return n;
}

static void feed(struct pipeline *p, const uint8_t *data, size_t n, uint8_t disorder)
{
	struct records r;

	records_init(&r, pipeline_record, p);
	if (!(disorder & WITHOUT_RUN))
		records_run(&r);
	if (!(disorder & WITHOUT_CLOCK))
		records_clock(&r);
	while (n >= sizeof(struct rec)) {
		_Alignas(8) struct rec head;
		struct rec *rec;
		size_t len;

		memcpy(&head, data, sizeof(head));
		len = sizeof(head) + head.len % 512;
		if (len > n)
			len = n;
		rec = zeroed(len);
		memcpy(rec, data, len);
		rec->len = (uint32_t)len;
		rec->time = r.now + rec->time % 10000000000;
		r.now = rec->time;
		if (rec->kind == REC_DATA && rec->len >= sizeof(struct rec_data))
			rec->probe = RECORDS_TLS;
		pipeline_record(rec, p);
		free(rec);
		data += len;
		n -= len;
	}
}

/* What the records say of the kernel's own counters is arbitrary here, the rest must add up. */
static void check(const struct pipeline_report *r, struct output **outputs, unsigned n)
{
	const uint64_t *s = r->stats;

	if (s[STAT_READ] != s[STAT_DECODED] + s[STAT_MERGED] + s[STAT_SHORT] + s[STAT_BAD] +
				    s[STAT_UNKNOWN] + s[STAT_ORPHAN])
		abort();
	for (unsigned i = 0; i < n; i++)
		if (!ledger_output_balanced(outputs[i], true))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct output *outputs[OUTPUTS];
	struct fake_sink sinks[OUTPUTS] = {{0}};
	void *cfgs[OUTPUTS] = {0};
	struct pipeline_config cfg = {.probe_by_number = fake_probe_by_number,
				      .outputs = outputs,
				      .stats_ns = 1000000000};
	struct pipeline_report report;
	struct pipeline *p;
	struct err err;
	uint8_t disorder = n ? data[n - 1] : 0;

	cfg.outputs_n = open_outputs(outputs, sinks, cfgs, disorder);
	if (pipeline_new(&cfg, &p, &err))
		abort();
	feed(p, data, n, disorder);
	pipeline_finish(p);
	pipeline_report(p, &report);
	check(&report, outputs, cfg.outputs_n);
	pipeline_free(p);
	for (unsigned i = 0; i < cfg.outputs_n; i++) {
		output_free(outputs[i]);
		fake_sink_done(&sinks[i]);
		free(cfgs[i]);
	}
	return 0;
}
