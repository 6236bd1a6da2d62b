/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/run/output_spec.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/base/cleanup.h"
#include "capture/base/near.h"
#include "capture/base/parse.h"
#include "capture/redact.h"

#define MS 1000000ull

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

/* ---- names --------------------------------------------------------------------------------- */

/* All names of the registry, "pcapng, jsonl" or ".pcapng, .jsonl". */
static void list_encoders(bool endings, char *ret, size_t size)
{
	size_t n = 0;

	ret[0] = '\0';
	for (const struct encoder_ops *const *e = encoder_registry; *e && n < size; e++) {
		const char *name = endings ? (*e)->extension : (*e)->name;

		if (name)
			n += (size_t)snprintf(ret + n, size - n, "%s%s%s", n ? ", " : "",
					      endings ? "." : "", name);
	}
}

static int unknown_scheme(const struct output_spec *spec, int n, struct err *err)
{
	char known[256] = "";
	size_t len = 0;

	for (const struct sink_ops *const *s = sink_registry; *s && len < sizeof(known); s++)
		len += (size_t)snprintf(known + len, sizeof(known) - len, "%s%s://",
					len ? ", " : "", (*s)->name);
	return errf(err, -EINVAL, "-w %s: unknown scheme '%.*s://'; there are %s", spec->label, n,
		    spec->label, known);
}

static int find_sink(struct output_spec *spec, struct err *err)
{
	const char *colon = strstr(spec->label, "://");
	char scheme[32];

	spec->target = spec->label;
	if (!strcmp(spec->label, "-")) {
		spec->sink = sink_by_name("stdout");
	} else if (colon && !memchr(spec->label, '/', (size_t)(colon - spec->label))) {
		snprintf(scheme, sizeof(scheme), "%.*s", (int)(colon - spec->label), spec->label);
		spec->sink = sink_by_name(scheme);
		spec->target = colon + 3;
		if (!spec->sink)
			return unknown_scheme(spec, (int)(colon - spec->label), err);
	} else {
		spec->sink = sink_by_name("file");
	}
	return 0;
}

static bool on_stdout(const struct output_spec *spec)
{
	return spec->sink == sink_by_name("stdout");
}

static int unknown_format(const struct output_spec *spec, const char *format, struct err *err)
{
	struct near near = NEAR(format);
	char known[256], hint[NEAR_HINT];

	for (const struct encoder_ops *const *e = encoder_registry; *e; e++)
		near_try(&near, (*e)->name);
	list_encoders(false, known, sizeof(known));
	near_hint(&near, "", hint);
	return errf(err, -EINVAL, "-w %s: unknown format '%s'%s%s", spec->label, format,
		    *hint ? hint : "; there are ", *hint ? "" : known);
}

/* "jsonl.zst" is format and filter; a name without the filter's ending goes to ret. */
static void find_filter(struct output_spec *spec, const char *text, char *ret, size_t size)
{
	const struct filter_ops *filter = filter_by_file(text);
	size_t n = strlen(text) - (filter ? strlen(filter->extension) + 1 : 0);

	if (filter)
		spec->filter = filter;
	snprintf(ret, size, "%.*s", (int)n, text);
}

static int find_encoder(struct output_spec *spec, const char *format, struct err *err)
{
	char plain[PATH_MAX], known[256];

	find_filter(spec, spec->target, plain, sizeof(plain));
	if (format) {
		find_filter(spec, format, plain, sizeof(plain));
		spec->encoder = encoder_by_name(plain);
		if (!spec->encoder)
			return unknown_format(spec, format, err);
		return 0;
	}
	spec->encoder = on_stdout(spec) ? encoder_by_name("pcapng") : encoder_by_file(plain);
	if (spec->encoder)
		return 0;
	list_encoders(true, known, sizeof(known));
	return errf(
		err, -EINVAL,
		"-w %s: the name tells no format; known endings are %s, each also with .zst (or "
		"format=)",
		spec->label, known);
}

/* ---- the whole ----------------------------------------------------------------------------- */

enum {
	PAIRS_MAX = 32
};

struct pair {
	char *key, *value;
};

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

/* Refuses keys that make no sense together, and fills in what depends on the sink. */
static int check_keys(struct output_spec *spec, struct err *err)
{
	const char *kinds = spec->keys.kinds;
	char label[256];
	int r;

	if ((spec->encoder->flags & ENCODER_BINARY || spec->filter) && on_stdout(spec) &&
	    isatty(STDOUT_FILENO))
		return errf(err, -EINVAL,
			    "-w %s: %s is not for a terminal: redirect stdout, or use "
			    "format=text",
			    spec->label, spec->filter ? spec->filter->name : spec->encoder->name);
	if ((spec->keys.size || spec->keys.every_ns) && !(spec->sink->flags & SINK_ROTATES))
		return errf(err, -EINVAL, "-w %s: %s: only files follow each other", spec->label,
			    spec->keys.size ? "size" : "every");
	if (!spec->keys.flush_ns)
		spec->keys.flush_ns = on_stdout(spec) ? 100 * MS : 1000 * MS;
	spec->kinds = (1u << EVENT_KINDS) - 1;
	r = check_payload(spec, err);
	if (!r)
		r = check_tap(spec, err);
	if (r || !kinds)
		return r;
	snprintf(label, sizeof(label), "-w %s", spec->label);
	return output_spec_kinds(kinds, label, &spec->kinds, err);
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
		r = find_sink(&spec, err);
	if (r == 0)
		r = find_encoder(&spec, format, err);
	if (r == 0)
		r = set_keys(&spec, pairs, n, err);
	if (r == 0)
		r = check_keys(&spec, err);
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

/* The folder's real path and the name in it; the text itself when there is no such folder. */
static void path_resolve(const char *path, char ret[2 * PATH_MAX])
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	char folder[PATH_MAX], real[PATH_MAX];

	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(base - path) : 1,
		 slash ? path : ".");
	snprintf(ret, 2 * PATH_MAX, "%s/%s", realpath(folder, real) ? real : folder, base);
}

bool output_spec_same(const struct output_spec *a, const struct output_spec *b)
{
	char place_a[2 * PATH_MAX], place_b[2 * PATH_MAX];

	if (a->sink != b->sink)
		return false;
	if (on_stdout(a))
		return true;
	if (a->sink != sink_by_name("file"))
		return !strcmp(a->target, b->target);
	path_resolve(a->target, place_a);
	path_resolve(b->target, place_b);
	return !strcmp(place_a, place_b);
}

bool output_spec_has_files(const struct output_spec *spec)
{
	struct stat st;

	return spec->sink->flags & SINK_ROTATES &&
	       !(lstat(spec->target, &st) == 0 && S_ISFIFO(st.st_mode));
}

bool output_spec_overwrites(const struct output_spec *spec, const char *path)
{
	struct stat in, out;

	return spec->sink == sink_by_name("file") && stat(path, &in) == 0 &&
	       stat(spec->target, &out) == 0 && in.st_dev == out.st_dev && in.st_ino == out.st_ino;
}
