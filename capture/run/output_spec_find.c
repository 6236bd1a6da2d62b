/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sink, filter and encoder by what a text of -w says; and the places that outputs write to. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "capture/base/near.h"
#include "capture/run/output_spec_inside.h"

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

int output_spec_find_sink(struct output_spec *spec, struct err *err)
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

bool output_spec_on_stdout(const struct output_spec *spec)
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

int output_spec_find_encoder(struct output_spec *spec, const char *format, struct err *err)
{
	char plain[PATH_MAX], known[256];

	if (!spec->sink->format) /* else the target is no name of a file */
		find_filter(spec, spec->target, plain, sizeof(plain));
	if (format) {
		find_filter(spec, format, plain, sizeof(plain));
		spec->encoder = encoder_by_name(plain);
		if (!spec->encoder)
			return unknown_format(spec, format, err);
		return 0;
	}
	spec->encoder = spec->sink->format            ? encoder_by_name(spec->sink->format)
			: output_spec_on_stdout(spec) ? encoder_by_name("pcapng")
						      : encoder_by_file(plain);
	if (spec->encoder)
		return 0;
	list_encoders(true, known, sizeof(known));
	return errf(
		err, -EINVAL,
		"-w %s: the name tells no format; known endings are %s, each also with .zst (or "
		"format=)",
		spec->label, known);
}

/* ---- places -------------------------------------------------------------------------------- */

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
	if (output_spec_on_stdout(a))
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
