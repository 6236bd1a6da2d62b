/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * An encoder that writes one line of text per event, a sink that does as it is told, and probes
 * that only decode. For tests of what lies between them.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/encoder.h"
#include "capture/output.h"
#include "capture/probe.h"
#include "capture/sink.h"

/* A place for what the sink got, and its script. */
struct fake_sink {
	char *p; /* everything written, NUL-terminated; freed by fake_sink_done() */
	size_t n, cap;
	int fail;            /* what each write returns, 0 = it works */
	unsigned fail_after; /* writes that work before `fail` begins */
	unsigned fail_for;   /* writes that fail before it works again, 0 = forever */
	size_t at_once;      /* bytes taken by one call, then -EAGAIN; 0 = all */
	bool stuck;          /* -EAGAIN while this is set */
	unsigned delay_ms;   /* each write takes so long */
	bool acks;           /* a write is done only with sync(), which fails with fail_sync */
	int fail_sync, fail_end;
	uint32_t refuse; /* so many events of each parcel that counts are refused for good */
	bool marks;      /* each medium that is begun is marked: "<medium>" */
	unsigned writes, closes, begins, ends, syncs;
};

extern const struct sink_ops
	fake_sink_ops; /* cfg: a struct fake_sink, which must outlive the output, also where a test
			* fails and leaves it running: a static one */
/* The same, which streams to somebody (SINK_STREAM). */
extern const struct sink_ops fake_stream_ops;
void fake_sink_done(struct fake_sink *s);

/* "kind seq comm text\n"; preamble "generation N\n", epilogue "end\n"; keeps context. An EXIT event
 * is refused (-EOPNOTSUPP); an event whose probe is "huge" is larger than anything. */
extern const struct encoder_ops fake_encoder;
/* The same without context: preamble "head\n", no epilogue. */
extern const struct encoder_ops fake_plain_encoder;
/* The same as the first, but an event flagged REDACTED becomes a line "early TEXT\n" in the early
 * lane. */
extern const struct encoder_ops fake_early_encoder;
/* The same with an epilogue of three chunks, "one\n", "two\n" and "end\n"; for one generation. */
extern const struct encoder_ops fake_long_encoder;

struct output_config fake_output_config(struct fake_sink *sink);

/* probes/probes.def without its probes: exec, bash and openssl that only decode. */
const struct probe_ops *fake_probe_by_number(uint16_t number);
