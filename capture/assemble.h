/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Between records and events. A probe's decode() turns a record into a part; assembly joins parts
 * that belong together (a command typed in several lines, an argument block in several records, the
 * end of a command and its beginning) in a bounded table, allocated at start, and emits an event
 * when it is complete. One that is still open after ASSEMBLE_PATIENCE_NS of record time, when its
 * process ends, when the run stops or when the table is full is emitted at once, flagged
 * `unfinished`, and (the table permitting) once more under the same id when it ends.
 */
#include <stdbool.h>
#include <stdint.h>

#include "capture/event.h"

struct rec_task;

#define ASSEMBLE_PATIENCE_NS 1000000000ull

enum part_role {
	PART_WHOLE,   /* an event of its own */
	PART_BEGIN,   /* opens (kind, pid, id): `ev` holds what is known, text begins with `text` */
	PART_TEXT,    /* more text for it; dropped with a gap when nothing is open */
	PART_END,     /* completes it (LINE, QUERY): `ev` holds what became known */
	PART_CONTEXT, /* opens nothing: something that later ones need (values of a statement) */
};

/* One decoded record. Texts point into the record. */
struct part {
	enum part_role role;
	bool last;       /* BEGIN or TEXT: the text is complete, and the event with it unless
			  * it awaits an end */
	bool awaits_end; /* BEGIN: an END will come (LINE, QUERY) */
	bool continues;  /* TEXT: starts a further line: joined with \n */
	bool expanded;   /* TEXT: replaces the last line in `expanded` */
	bool whole;      /* TEXT: replaces all of `expanded` */
	uint32_t offset; /* TEXT: where it belongs in its line (argument block, statement) */
	uint32_t pid;    /* with id: what it belongs to */
	uint64_t id;
	const struct rec_task *task; /* NULL in bare parts */
	struct bytes text;
	struct flow flow; /* of ev, when ev.flow points here */
	struct event ev;  /* kind (in every role), flags, probe and body; times, seq and proc are
			   * filled later */
};

struct assemble;

/* Takes a completed (or unfinished) event: kind, flags, probe, tid, cpu and body are set (times in
 * the body still on the boot clock); its texts are valid for the call. time_ns is the boot time of
 * the record that completed it. */
typedef void (*assemble_fn)(struct event *ev, const struct rec_task *task, uint64_t time_ns,
			    void *arg);

/* NULL when there is no memory. */
struct assemble *assemble_new(assemble_fn fn, void *arg);
void assemble_free(struct assemble *a);
/* Takes a part, whose event may be changed on its way. 0: it became an event, or opened one; 1:
 * merged into one; -ENOENT: its beginning is not known. */
int assemble_part(struct assemble *a, struct part *part, uint64_t time_ns);
/* Record time is now_ns: announces what has been open for too long. */
void assemble_tick(struct assemble *a, uint64_t now_ns);
/* The process has gone. One that left by itself gives its exit status to the command that was open
 * in it (`exit 3`, or what it was replaced by); killed (status < 0), the command stays unfinished.
 */
void assemble_exit(struct assemble *a, uint32_t pid, int status, uint64_t time_ns);
/* The run ends: emits everything that is open. */
void assemble_finish(struct assemble *a, uint64_t now_ns);
/* Events that were emitted early because the table was full. */
uint64_t assemble_evicted(const struct assemble *a);
