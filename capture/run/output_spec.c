/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/run/output_spec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/base/cleanup.h"
#include "capture/base/near.h"
#include "capture/run/output_spec_inside.h"

#define MS 1000000ull

static const char *const full_names[] = {"auto", "drop-newest", "drop-oldest", NULL};
static const char *const durability_names[] = {"interval", "none", "batch", NULL};

const struct opt output_spec_options[] = {
	{.name = "format",
	 .type = OPT_STRING,
	 .offset = offsetof(struct output_spec_keys, format),
	 .arg = "NAME",
	 .help = "the format, whatever the ending of the name says"},
	{.name = "kinds",
	 .type = OPT_STRING,
	 .offset = offsetof(struct output_spec_keys, kinds),
	 .arg = "KIND[+KIND]",
	 .help = "only events of these kinds; losses are always written"},
	{.name = "redact",
	 .type = OPT_FLAG,
	 .offset = offsetof(struct output_spec_keys, redact),
	 .help = "mask passwords, tokens and cookies in command lines, HTTP and SQL"},
	{.name = "passwords",
	 .type = OPT_FLAG,
	 .offset = offsetof(struct output_spec_keys, passwords),
	 .help = "show those that statements of databases set, too (redact=on masks them anyhow)"},
	{.name = "payload",
	 .type = OPT_STRING,
	 .offset = offsetof(struct output_spec_keys, payload),
	 .arg = "full|none|BYTES",
	 .def = "full",
	 .help = "of what was sent and received, keep that much of each call"},
	{.name = "flush",
	 .type = OPT_DURATION,
	 .offset = offsetof(struct output_spec_keys, flush_ns),
	 .arg = "TIME",
	 .help = "write what is pending after that time; 1s, and 100ms on stdout, when not given",
	 .min = MS,
	 .max = 3600000 * MS},
	{.name = "hold",
	 .type = OPT_DURATION,
	 .offset = offsetof(struct output_spec_keys, hold_ns),
	 .arg = "TIME",
	 .help = "keep events back that long, to put what belongs before them there",
	 .max = 60000 * MS},
	{.name = "size",
	 .type = OPT_SIZE,
	 .offset = offsetof(struct output_spec_keys, size),
	 .arg = "BYTES",
	 .help = "begin another file at that size",
	 .min = 4096},
	{.name = "every",
	 .type = OPT_DURATION,
	 .offset = offsetof(struct output_spec_keys, every_ns),
	 .arg = "TIME",
	 .help = "begin another file at each multiple of that time on the clock (UTC)",
	 .min = 1000 * MS},
	{.name = "spool",
	 .type = OPT_STRING,
	 .offset = offsetof(struct output_spec_keys, spool),
	 .arg = "FOLDER",
	 .help = "keep there what the receiver does not have yet, also until the next run"},
	{.name = "spool-size",
	 .type = OPT_SIZE,
	 .offset = offsetof(struct output_spec_keys, spool_size),
	 .arg = "BYTES",
	 .def = "1G",
	 .help = "the spool is at most that large",
	 .min = 1048576},
	{.name = "durability",
	 .type = OPT_CHOICE,
	 .offset = offsetof(struct output_spec_keys, durability),
	 .arg = "WHEN",
	 .def = "interval",
	 .choices = durability_names,
	 .help = "when the spool waits for the disk: each second or MiB, never, with each chunk"},
	{.name = "on-full",
	 .type = OPT_CHOICE,
	 .offset = offsetof(struct output_spec_keys, full),
	 .arg = "WHAT",
	 .def = "auto",
	 .choices = full_names,
	 .help = "what is lost when queue or spool are full; auto: a spool drops the oldest, a "
		 "queue the newest"},
	OPT_END,
};

/* ---- kinds --------------------------------------------------------------------------------- */

static int unknown_kind(const char *name, const char *label, struct err *err)
{
	struct near near = NEAR(name);
	char known[256] = "", hint[NEAR_HINT];
	size_t n = 0;

	for (unsigned k = 0; k < EVENT_KINDS && n < sizeof(known); k++) {
		near_try(&near, event_kind_name(k));
		n += (size_t)snprintf(known + n, sizeof(known) - n, "%s%s", k ? ", " : "",
				      event_kind_name(k));
	}
	near_hint(&near, "", hint);
	return errf(err, -EINVAL, "%s: kinds: there is no kind '%s'%s%s", label, name,
		    *hint ? hint : "; there are ", *hint ? "" : known);
}

static int kind_bit(const char *name, const char *label, uint32_t *kinds, struct err *err)
{
	for (unsigned k = 0; k < EVENT_KINDS; k++) {
		if (!strcmp(event_kind_name(k), name)) {
			*kinds |= 1u << k;
			return 0;
		}
	}
	return unknown_kind(name, label, err);
}

int output_spec_kinds(const char *text, const char *label, uint32_t *ret, struct err *err)
{
	CLEANUP_FREE char *copy = strdup(text);
	uint32_t kinds = 1u << EVENT_LOSS;
	char *rest = copy, *name;
	int r = copy ? 0 : errf(err, -ENOMEM, "out of memory");

	while (r == 0 && (name = strsep(&rest, "+:")))
		r = kind_bit(name, label, &kinds, err);
	if (r == 0)
		*ret = kinds;
	return r;
}

/* ---- the whole ----------------------------------------------------------------------------- */

enum {
	PAIRS_MAX = 32
};

struct pair {
	char *key, *value;
};

/* "b:9092/topic" behind "kafka://a:9092,": another endpoint, no key. */
static bool piece_is_endpoint(const char *piece)
{
	size_t n = strcspn(piece, ",");

	return n && !memchr(piece, '=', n) && strcspn(piece, ":/.[") < n;
}

/* A target that is a URL goes on behind a comma. */
static void target_take_endpoints(const char *target, char **rest)
{
	while (*rest && strstr(target, "://") && piece_is_endpoint(*rest)) {
		char *comma = strchr(*rest, ',');

		(*rest)[-1] = ',';
		if (comma)
			*comma++ = '\0';
		*rest = comma;
	}
}

/* The first piece of text is the target: it may hold `=`. */
static int spec_split(struct output_spec *spec, struct pair pairs[PAIRS_MAX], unsigned *ret_n,
		      struct err *err)
{
	char *rest = spec->text, *key, *value;
	unsigned n = 0;

	opt_pair(&rest, &key, &value);
	if (value)
		value[-1] = '=';
	if (!*key)
		return errf(err, -EINVAL, "-w needs the name of an output");
	spec->label = key;
	target_take_endpoints(key, &rest);
	while (rest) {
		if (n == PAIRS_MAX)
			return errf(err, -EINVAL, "-w %s: too many keys", spec->label);
		opt_pair(&rest, &pairs[n].key, &pairs[n].value);
		n++;
	}
	*ret_n = n;
	return 0;
}

/* A module's options: one more group of keys, and the cfg that they fill. */
static int add_group(struct opt_group *groups, unsigned *used, const struct opt *rows, size_t size,
		     void **ret_cfg)
{
	*ret_cfg = calloc(1, size + 1);
	if (!*ret_cfg)
		return -ENOMEM;
	if (rows)
		groups[(*used)++] = (struct opt_group){rows, *ret_cfg};
	return 0;
}

static int set_keys(struct output_spec *spec, const struct pair *pairs, unsigned n, struct err *err)
{
	const struct encoder_ops *e = spec->encoder;
	const struct filter_ops *f = spec->filter;
	const struct sink_ops *s = spec->sink;
	struct opt_group groups[5] = {{output_spec_options, &spec->keys}};
	unsigned used = 1;
	char label[256];
	int r = add_group(groups, &used, e->options, e->cfg_size, &spec->encoder_cfg);

	if (r == 0 && f)
		r = add_group(groups, &used, f->options, f->cfg_size, &spec->filter_cfg);
	if (r == 0)
		r = add_group(groups, &used, s->options, s->cfg_size, &spec->sink_cfg);
	if (r < 0)
		return errf(err, r, "out of memory");
	for (const struct opt_group *g = groups; g->rows && r == 0; g++)
		r = opt_defaults(g->rows, g->cfg, err);
	snprintf(label, sizeof(label), "-w %s", spec->label);
	for (unsigned i = 0; i < n && r == 0; i++)
		r = opt_group_set(groups, pairs[i].key, pairs[i].value, label, err);
	return r;
}

int output_spec_parse(const char *text, struct output_spec *ret, struct err *err)
{
	struct output_spec spec = {.text = strdup(text ? text : "-,format=text")};
	struct pair pairs[PAIRS_MAX];
	const char *format = NULL;
	unsigned n = 0;
	int r;

	r = spec.text ? spec_split(&spec, pairs, &n, err) : errf(err, -ENOMEM, "out of memory");
	for (unsigned i = 0; r == 0 && i < n; i++)
		if (!strcmp(pairs[i].key, "format"))
			format = pairs[i].value;
	if (r == 0)
		r = output_spec_find_sink(&spec, err);
	if (r == 0)
		r = output_spec_find_encoder(&spec, format, err);
	if (r == 0)
		r = set_keys(&spec, pairs, n, err);
	if (r == 0)
		r = output_spec_check(&spec, err);
	if (r < 0)
		output_spec_done(&spec);
	else
		*ret = spec;
	return r;
}

void output_spec_done(struct output_spec *spec)
{
	if (spec->encoder && spec->encoder_cfg)
		opt_done(spec->encoder->options, spec->encoder_cfg);
	if (spec->filter && spec->filter_cfg)
		opt_done(spec->filter->options, spec->filter_cfg);
	if (spec->sink && spec->sink_cfg)
		opt_done(spec->sink->options, spec->sink_cfg);
	free(spec->encoder_cfg);
	free(spec->filter_cfg);
	free(spec->sink_cfg);
	free(spec->text);
	*spec = (struct output_spec){0};
}
