/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* A recording of any format that can be read again, through to outputs. */
#include "capture/archive/recording.h"
#include "capture/pipeline.h"
#include "capture/playback.h"
#include "capture/run/outputs.h"

struct replay {
	struct recording recording;
	struct outputs *outputs;
	struct source source;      /* of records, where it is a raw one, with */
	struct pipeline *pipeline; /* what makes events of them; else */
	struct playback *playback; /* what takes events as they are */
};

/* path "-" is standard input. -EBADMSG with text: no recording that can be read. replay_close() is
 * due anyhow. */
int replay_open(struct replay *r, const char *path, struct err *err);
/* Can these outputs be made of it? -EINVAL with text. */
int replay_check(const struct replay *r, const struct outputs *outputs, struct err *err);
/* outputs: open, borrowed. stats_ns: as in struct pipeline_config; a recording of events has its
 * statistics. */
int replay_begin(struct replay *r, struct outputs *outputs, uint64_t stats_ns, struct err *err);
/* enum source_end, or negative with text. */
int replay_turn(struct replay *r, struct err *err);
/* After SOURCE_END: how the file is cut, in words; false when it is whole. */
bool replay_torn(const struct replay *r, struct err *ret);
/* The outputs are finished; it is said what was counted. */
void replay_finish(struct replay *r, struct pipeline_report *ret);
void replay_close(struct replay *r);
