/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/run/replay.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "capture/archive/raw.h"
#include "capture/ledger.h"
#include "capture/run/reader.h"

enum {
	REPLAY_BUDGET = 4096 /* records of one turn */
};

static bool replay_is_raw(const struct replay *r)
{
	return r->recording.decoder == &decoder_raw;
}

int replay_open(struct replay *r, const char *path, struct err *err)
{
	*r = (struct replay){0};
	return recording_open(&r->recording, path, err);
}

int replay_check(const struct replay *r, const struct outputs *outputs, struct err *err)
{
	for (unsigned i = 0; i < outputs->n && !replay_is_raw(r); i++)
		if (outputs->specs[i].encoder->flags & ENCODER_TAP)
			return errf(err, -EINVAL,
				    "-w %s: a raw recording can be made of a raw one only, and "
				    "%s holds events (%s)",
				    outputs->specs[i].label, stream_name(r->recording.stream),
				    r->recording.decoder->format);
	return 0;
}

int replay_begin(struct replay *r, struct outputs *outputs, uint64_t stats_ns, struct err *err)
{
	struct pipeline_config cfg = {.probe_by_number = probe_by_number,
				      .outputs = outputs->v,
				      .outputs_n = outputs->n,
				      .stats_ns = stats_ns};
	int ret;

	r->outputs = outputs;
	if (!replay_is_raw(r)) {
		r->playback = playback_new(outputs->v, outputs->n);
		return r->playback ? 0 : errf(err, -ENOMEM, "out of memory");
	}
	ret = raw_source_open(r->recording.stream, &r->source, err);
	if (ret)
		return ret;
	r->recording.stream = NULL; /* the source has it now */
	return pipeline_new(&cfg, &r->pipeline, err);
}

/* ---- events -------------------------------------------------------------------------------- */

static int playback_failed(const struct replay *r, int code, struct err *err)
{
	const char *name = stream_name(r->recording.stream);

	switch (code) {
	case -EPROTO:
		return errf(err, code, "%s: does not begin with the description of a run (meta)",
			    name);
	case -EXDEV:
		return errf(err, code,
			    "%s: another run begins at byte %" PRIu64
			    " of its contents: each needs a replay of its own",
			    name, stream_at(r->recording.stream));
	default:
		return errf(err, code,
			    "%s: damaged: the event at byte %" PRIu64
			    " of its contents contradicts itself",
			    name, stream_at(r->recording.stream));
	}
}

static int playback_turn(struct replay *r, struct err *err)
{
	int ret = recording_read(&r->recording, REPLAY_BUDGET, playback_event, r->playback, err);

	if (ret < 0 && !err->text[0])
		return playback_failed(r, ret, err);
	if (ret == SOURCE_END && !playback_counts(r->playback)[EVENT_META])
		return errf(err, -EPROTO, "%s: holds no events of penstock",
			    stream_name(r->recording.stream));
	return ret;
}

int replay_turn(struct replay *r, struct err *err)
{
	err->text[0] = '\0';
	return r->playback ? playback_turn(r, err) : reader_turn(&r->source, r->pipeline, err);
}

static void playback_report(const struct replay *r, struct pipeline_report *ret)
{
	*ret = (struct pipeline_report){.stopped = true, .balanced = true};
	memcpy(ret->events, playback_counts(r->playback), sizeof(ret->events));
	for (unsigned i = 0; i < r->outputs->n; i++)
		ret->balanced = ret->balanced && ledger_output_balanced(r->outputs->v[i], true);
}

/* ---- ends ---------------------------------------------------------------------------------- */

bool replay_torn(const struct replay *r, struct err *ret)
{
	uint64_t n = r->recording.torn;
	bool torn = r->playback ? n || stream_torn(r->recording.stream)
				: raw_source_torn(&r->source, &n);

	if (torn && n)
		errf(ret, -ENODATA,
		     "the recording ends in the middle of a record: %" PRIu64 " bytes ignored", n);
	else if (torn)
		errf(ret, -ENODATA, "the recording ends in the middle of a compressed frame");
	return torn;
}

void replay_finish(struct replay *r, struct pipeline_report *ret)
{
	if (r->playback) {
		playback_finish(r->playback);
		playback_report(r, ret);
	} else {
		pipeline_finish(r->pipeline);
		pipeline_report(r->pipeline, ret);
	}
}

void replay_close(struct replay *r)
{
	pipeline_free(r->pipeline);
	playback_free(r->playback);
	if (r->source.ops)
		r->source.ops->close(r->source.ctx);
	recording_close(&r->recording);
	*r = (struct replay){0};
}
