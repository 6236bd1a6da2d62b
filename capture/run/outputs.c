/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/run/outputs.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/archive/recover.h"
#include "capture/redact.h"

/* What was recorded may be passwords, whole requests … */
static int outputs_check_bare(const struct outputs *o, const struct output_spec *spec,
			      struct err *err)
{
	const char *name = spec->sink->name;
	int scheme = (int)strcspn(name, "-"); /* tcp-listen: tcps-listen */

	if (!spec->bare || o->insecure)
		return 0;
	return errf(err, -EINVAL,
		    "-w %s: would send what is recorded over the network for all to read: use "
		    "%.*ss%s://, or --insecure-plaintext",
		    spec->label, scheme, name, name + scheme);
}

static int outputs_add(struct outputs *o, const char *text, struct err *err)
{
	struct output_spec *spec = &o->specs[o->n];
	int r;

	if (o->n == OUTPUT_MAX)
		return errf(err, -EINVAL, "-w: more than %d outputs", OUTPUT_MAX);
	r = output_spec_parse(text, spec, err);
	if (r < 0)
		return r;
	o->n++;
	r = outputs_check_bare(o, spec, err);
	if (r < 0)
		return r;
	for (unsigned i = 0; i + 1 < o->n; i++)
		if (output_spec_same(&o->specs[i], spec))
			return errf(err, -EINVAL, "-w %s: given twice", spec->label);
	return 0;
}

int outputs_parse(const struct opt_list *texts, struct outputs *ret, struct err *err)
{
	int r = 0;

	for (unsigned i = 0; i < texts->n && r == 0; i++)
		r = outputs_add(ret, texts->v[i], err);
	return texts->n ? r : outputs_add(ret, NULL, err);
}

/* https://no-color.org */
static bool wants_colour(void)
{
	const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");

	return !(no_colour && *no_colour) && term && strcmp(term, "dumb") != 0;
}

static struct encoder_env encoder_env(const struct output_spec *spec)
{
	bool terminal = spec->sink == sink_by_name("stdout") && isatty(STDOUT_FILENO);

	return (struct encoder_env){.colour = terminal && wants_colour()};
}

static struct spool_env spool_env(const struct output_spec *spec, const struct sink_env *sink)
{
	bool newest = spec->keys.full == OUTPUT_SPEC_DROP_NEWEST;

	return (struct spool_env){.folder = spec->keys.spool,
				  .max_bytes = spec->keys.spool_size,
				  .full = newest ? SPOOL_DROP_NEWEST : SPOOL_DROP_OLDEST,
				  .sync = (enum spool_sync)spec->keys.durability,
				  .uid = sink->uid,
				  .gid = sink->gid};
}

/* Raw records are what they are. What a relay receives has been masked where it was recorded, or
 * was wanted as it is there. */
static int view_new(const struct output_spec *spec, bool relay, struct redact **ret,
		    struct err *err)
{
	bool tap = spec->encoder->flags & ENCODER_TAP;
	const struct redact_config cfg = {.secrets = spec->keys.redact,
					  .passwords = !spec->keys.passwords && !relay && !tap,
					  .payload_max = spec->payload_max};

	if (!cfg.secrets && !cfg.passwords && cfg.payload_max == REDACT_PAYLOAD_FULL)
		return 0;
	return redact_new(&cfg, ret, err);
}

/* What was received stays, is written as it came, and is waited for as long as it takes. */
static void outputs_set_relay(const struct outputs_relay *relay, struct output_config *cfg)
{
	cfg->relay = cfg->patient = true;
	cfg->marked = relay->marked;
	cfg->marked_arg = relay->arg;
	cfg->sink_env.recover = recover_resumed;
	cfg->sink_env.kept = relay->kept;
	cfg->sink_env.kept_arg = relay->arg;
}

int outputs_open(struct outputs *o, const struct user *user, bool block, struct err *err)
{
	int r = 0;

	for (unsigned i = 0; i < o->n && r == 0; i++) {
		const struct output_spec *spec = &o->specs[i];

		r = view_new(spec, o->relay, &o->views[i], err);
		if (r)
			break;
		struct output_config cfg = {
			.label = spec->label,
			.encoder = spec->encoder,
			.encoder_cfg = spec->encoder_cfg,
			.encoder_env = encoder_env(spec),
			.filter = spec->filter,
			.filter_cfg = spec->filter_cfg,
			.sink = spec->sink,
			.sink_cfg = spec->sink_cfg,
			.sink_env = {.target = spec->target,
				     .uid = user->set ? user->uid : (uid_t)-1,
				     .gid = user->set ? user->gid : (gid_t)-1,
				     .rotates = spec->keys.size || spec->keys.every_ns,
				     .recover = recover_file,
				     .format = spec->encoder->name,
				     .filtered = spec->filter},
			.rotate_bytes = spec->keys.size,
			.rotate_ns = spec->keys.every_ns,
			.kinds = spec->kinds,
			.flush_ns = spec->keys.flush_ns,
			.hold_ns = spec->keys.hold_ns,
			.view = o->views[i] ? redact_view : NULL,
			.view_arg = o->views[i],
			.block = block,
			.oldest = spec->keys.full == OUTPUT_SPEC_DROP_OLDEST,
			.drain_ns = o->drain_ns,
		};

		if (o->relay)
			outputs_set_relay(o->relay, &cfg);
		cfg.encoder_env.stream = output_spec_stream(spec);
		if (spec->keys.spool) {
			cfg.spool = &spool_disk;
			cfg.spool_env = spool_env(spec, &cfg.sink_env);
		}
		if (spec->filter && !(spec->encoder->flags & ENCODER_WHOLE))
			spec->filter->frame(spec->filter_cfg, &cfg.frame_bytes, &cfg.frame_ns);
		r = output_new(&cfg, i, &o->v[i], err);
	}
	return r;
}

void outputs_begin(struct outputs *o)
{
	for (unsigned i = 0; i < o->n; i++)
		output_begin(o->v[i]);
}

void outputs_done(struct outputs *o)
{
	for (unsigned i = 0; i < o->n; i++) {
		output_free(o->v[i]);
		redact_free(o->views[i]);
		output_spec_done(&o->specs[i]);
	}
	*o = (struct outputs){0};
}

bool outputs_want_medium(struct outputs *o)
{
	bool any = false;

	for (unsigned i = 0; i < o->n; i++) {
		if (!output_spec_has_files(&o->specs[i]))
			continue;
		output_want_medium(o->v[i]);
		any = true;
	}
	return any;
}

void outputs_want_flush(struct outputs *o)
{
	for (unsigned i = 0; i < o->n; i++)
		output_want_flush(o->v[i]);
}

bool outputs_on_stdout(const struct outputs *o)
{
	for (unsigned i = 0; i < o->n; i++)
		if (o->specs[i].sink == sink_by_name("stdout"))
			return true;
	return false;
}

bool outputs_abandoned(const struct outputs *o)
{
	struct pollfd p = {.fd = STDOUT_FILENO};

	return o->n == 1 && outputs_on_stdout(o) && poll(&p, 1, 0) == 1;
}
