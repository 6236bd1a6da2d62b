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
	bool stuck;          /* writes wait while this is set */
	unsigned writes, closes;
};

extern const struct sink_ops
	fake_sink_ops; /* cfg: a struct fake_sink, which must outlive the output */
void fake_sink_done(struct fake_sink *s);

/* "kind seq comm text\n"; preamble "epoch N\n", epilogue "end\n". An EXIT event is refused
 * (-EOPNOTSUPP); an event whose probe is "huge" is larger than anything. */
extern const struct encoder_ops fake_encoder;
/* The same, but an event flagged REDACTED becomes a line in `early` when there is a place for it.
 */
extern const struct encoder_ops fake_early_encoder;
/* The same with an epilogue of three chunks, "one\n", "two\n" and "end\n"; for one epoch. */
extern const struct encoder_ops fake_long_encoder;

struct output_config fake_output_config(struct fake_sink *sink);

/* probes/probes.def without its probes: exec and bash that only decode. */
const struct probe_ops *fake_probe_by_number(uint16_t number);
