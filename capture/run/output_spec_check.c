/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keys of an output that make no sense together. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "capture/base/parse.h"
#include "capture/redact.h"
#include "capture/run/output_spec_inside.h"

#define MS 1000000ull

static int check_payload(struct output_spec *spec, struct err *err)
{
	const char *payload = spec->keys.payload;
	bool full = !strcmp(payload, "full");

	spec->payload_max = full ? REDACT_PAYLOAD_FULL : 0;
	if (!full && strcmp(payload, "none") != 0 && parse_size(payload, &spec->payload_max) < 0)
		return errf(err, -EINVAL, "-w %s: payload: '%s' is neither full, none nor a size",
			    spec->label, payload);
	return 0;
}

/* What takes everything as it comes cannot leave anything out. */
static int check_tap(const struct output_spec *spec, struct err *err)
{
	const char *key = spec->keys.kinds                           ? "kinds"
			  : spec->keys.redact                        ? "redact"
			  : spec->payload_max != REDACT_PAYLOAD_FULL ? "payload"
								     : NULL;

	if (!key || !(spec->encoder->flags & ENCODER_TAP))
		return 0;
	return errf(err, -EINVAL, "-w %s: %s: %s takes everything", spec->label, key,
		    spec->encoder->name);
}

/* Can the sink carry that format, and does its target make sense? */
static int check_sink(struct output_spec *spec, struct err *err)
{
	const char *const *format = spec->sink->formats;
	struct err why;
	int r;

	while (format && *format && strcmp(*format, spec->encoder->name) != 0)
		format++;
	if (format && !*format)
		return errf(err, -EINVAL, "-w %s: %s:// does not carry %s", spec->label,
			    spec->sink->name, spec->encoder->name);
	if (spec->filter && spec->sink->flags & SINK_AS_IS)
		return errf(err, -EINVAL, "-w %s: %s:// carries events as they are: no .%s",
			    spec->label, spec->sink->name, spec->filter->extension);
	if (!spec->encoder->extension && !spec->sink->format)
		return errf(err, -EINVAL, "-w %s: %s is a format of streams, not of files",
			    spec->label, spec->encoder->name);
	if (!spec->sink->check)
		return 0;
	r = spec->sink->check(spec->sink_cfg, spec->target, &spec->bare, &why);
	return r ? errf(err, -EINVAL, "-w %s: %s", spec->label, why.text) : 0;
}

static int check_spool(const struct output_spec *spec, struct err *err)
{
	bool streams = spec->sink->flags & SINK_STREAM;
	bool context = spec->encoder->flags & (ENCODER_CONTEXT | ENCODER_TAP);
	const char *key = spec->keys.spool ? "spool" : "on-full";

	if (!spec->keys.spool && spec->keys.full != OUTPUT_SPEC_DROP_OLDEST)
		return 0;
	if (spec->keys.spool && !*spec->keys.spool)
		return errf(err, -EINVAL, "-w %s: spool: which folder?", spec->label);
	if (!streams && spec->keys.spool)
		return errf(err, -EINVAL, "-w %s: spool: only streams to a receiver have one",
			    spec->label);
	if (context)
		return errf(err, -EINVAL,
			    "-w %s: %s: in %s what comes later refers to what came before: "
			    "nothing of it can be left out, or sent on its own",
			    spec->label, key, spec->encoder->name);
	return 0;
}

/* How long something may wait. Where a write costs nothing else, as long as a burst lasts, or to
 * the next tick: somebody may look at what comes. What is compressed gets worse by it, and pcapng
 * has a row for each chunk. */
static uint64_t flush_by_itself(const struct output_spec *spec)
{
	if (output_spec_on_stdout(spec) || spec->sink->flags & SINK_STREAM)
		return 100 * MS;
	return spec->filter || spec->encoder->flags & ENCODER_CONTEXT ? 1000 * MS : 1;
}

int output_spec_check(struct output_spec *spec, struct err *err)
{
	const char *kinds = spec->keys.kinds;
	char label[256];
	int r;

	if ((spec->encoder->flags & ENCODER_BINARY || spec->filter) &&
	    output_spec_on_stdout(spec) && isatty(STDOUT_FILENO))
		return errf(err, -EINVAL,
			    "-w %s: %s is not for a terminal: redirect stdout, or use "
			    "format=text",
			    spec->label, spec->filter ? spec->filter->name : spec->encoder->name);
	if ((spec->keys.size || spec->keys.every_ns) && !(spec->sink->flags & SINK_ROTATES))
		return errf(err, -EINVAL, "-w %s: %s: only files follow each other", spec->label,
			    spec->keys.size ? "size" : "every");
	if (!spec->keys.flush_ns)
		spec->keys.flush_ns = flush_by_itself(spec);
	spec->kinds = (1u << EVENT_KINDS) - 1;
	r = check_payload(spec, err);
	if (!r)
		r = check_tap(spec, err);
	if (!r)
		r = check_sink(spec, err);
	if (!r)
		r = check_spool(spec, err);
	if (r || !kinds)
		return r;
	snprintf(label, sizeof(label), "-w %s", spec->label);
	return output_spec_kinds(kinds, label, &spec->kinds, err);
}

/* FNV-1a. */
static uint64_t hash_add(uint64_t h, const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		h = (h ^ ((const uint8_t *)p)[i]) * 0x100000001b3ull;
	return h;
}

uint64_t output_spec_stream(const struct output_spec *spec)
{
	const uint64_t all = (1u << EVENT_KINDS) - 1;
	uint64_t h = 0xcbf29ce484222325ull, v[3] = {spec->kinds, spec->payload_max};

	v[2] = spec->keys.redact ? 1 : spec->keys.passwords ? 2 : 0;
	if (spec->sink->flags & SINK_STREAM)
		h = hash_add(h, spec->label, strlen(spec->label));
	else if (v[0] == all && v[1] == REDACT_PAYLOAD_FULL && !v[2])
		return 0;
	return hash_add(h, v, sizeof(v));
}
