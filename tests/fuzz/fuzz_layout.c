/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as one record: every text that decoding yields must lie inside it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "capture/layout.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void inside(const struct rec *rec, struct bytes b)
{
	const char *p = (const char *)rec;

	if (b.n && (b.p < p || b.p + b.n > p + rec->len))
		abort();
}

static void event_inside(const struct rec *rec, const struct part *part)
{
	inside(rec, part->text);
	if (part->ev.kind == EVENT_EXEC) {
		inside(rec, part->ev.exec.path);
		inside(rec, part->ev.exec.argv);
		inside(rec, part->ev.exec.cwd);
	} else if (part->ev.kind == EVENT_LINE) {
		inside(rec, part->ev.line.text);
		inside(rec, part->ev.line.tty);
		inside(rec, part->ev.line.cwd);
	}
}

static void try_all(const struct rec *rec)
{
	struct part part;
	struct run run;
	uint64_t probes[4];
	struct event_attach attach;
	struct layout_proc proc;

	if (layout_decode(rec, "fuzz", &part) == 0)
		event_inside(rec, &part);
	if (layout_run(rec, &run, probes) == 0) {
		inside(rec, run.host);
		inside(rec, run.cmdline);
	}
	if (layout_attach(rec, &attach) == 0) {
		inside(rec, attach.hook);
		inside(rec, attach.note);
	}
	if (layout_proc(rec, &proc) == 0) {
		inside(rec, proc.exe);
		inside(rec, proc.cwd);
		inside(rec, proc.cmdline);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct rec *rec;

	if (n < sizeof(*rec))
		return 0;
	rec = malloc(n); /* exactly as large, so that a sanitizer sees each byte too many */
	memcpy(rec, data, n);
	rec->len = (uint32_t)n;
	if (layout_valid(rec, n))
		try_all(rec);
	free(rec);
	return 0;
}
