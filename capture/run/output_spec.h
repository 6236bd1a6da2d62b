/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What `-w TARGET[,key=value...]` says. The sink follows from the target (`-` is standard output,
 * `scheme://...` names it, everything else is a file), the encoder from its ending or from format=.
 * Keys are those of output_spec_options, of the encoder and of the sink.
 */
#include <stdbool.h>
#include <stdint.h>

#include "capture/base/err.h"
#include "capture/encoder.h"
#include "capture/filter.h"
#include "capture/sink.h"

struct output_spec_keys {
	const char *format, *kinds, *payload;
	bool redact, passwords;
	uint64_t flush_ns, hold_ns; /* flush 0 = fit for the sink */
	uint64_t size, every_ns;    /* 0 = the medium never ends by itself */
	const char *spool;          /* a folder; NULL = there is no spool */
	uint64_t spool_size;
	int durability; /* enum spool_sync */
	int full;       /* enum output_spec_full */
};

enum output_spec_full {
	OUTPUT_SPEC_DROP_AUTO,
	OUTPUT_SPEC_DROP_NEWEST,
	OUTPUT_SPEC_DROP_OLDEST,
};

extern const struct opt output_spec_options[];

struct output_spec {
	const char *label;  /* the target as written */
	const char *target; /* what the sink gets */
	const struct encoder_ops *encoder;
	const struct filter_ops *filter; /* NULL = none */
	const struct sink_ops *sink;
	void *encoder_cfg, *filter_cfg, *sink_cfg;
	struct output_spec_keys keys;
	uint32_t kinds;       /* 1 << EVENT_... */
	uint64_t payload_max; /* bytes of each call that are kept, or REDACT_PAYLOAD_FULL */
	bool bare;            /* others could read it on its way */
	char *text;           /* all texts above point into it, or into constants */
};

/* text NULL: readable text on standard output. -EINVAL with one line. Opens nothing. */
int output_spec_parse(const char *text, struct output_spec *ret, struct err *err);
/* Accepts a spec whose parse failed, and a zeroed one. */
void output_spec_done(struct output_spec *spec);
/* What tells it from other outputs of the same run and format, the same for the same keys (and, if
 * it is a stream, target); 0 = it has all that there is, as it is. */
uint64_t output_spec_stream(const struct output_spec *spec);
/* Do both write to the same place? */
bool output_spec_same(const struct output_spec *a, const struct output_spec *b);
/* Does it write to files that can follow each other? A FIFO is none. */
bool output_spec_has_files(const struct output_spec *spec);
/* Is what it writes to the file at path? */
bool output_spec_overwrites(const struct output_spec *spec, const char *path);
/* "exec+exit" (or with `:`): 1 << EVENT_... of each. Losses are always among them. */
int output_spec_kinds(const char *text, const char *label, uint32_t *ret, struct err *err);
