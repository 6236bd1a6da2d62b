/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/redact.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/base/lru.h"
#include "encoders/redact/payload.h"
#include "encoders/redact/query.h"
#include "encoders/redact/stream.h"
#include "encoders/redact/words.h"

enum {
	FLOWS_MAX = 65536, /* as many as capture/flows.c follows */
	PROCESSES_MAX = 4096,
	CMDLINE_MAX = 2048, /* of a process, as capture/procs.c keeps it; a longer one is masked
			     * anew for each event */
};

struct redact_flow {
	uint64_t id;
	struct flows_stream places[2]; /* by whether we receive, as this output tells them */
	struct redact_stream streams[2];
};

/* Every event of a process comes with its command line: it is masked once. */
struct redact_process {
	struct {
		uint64_t start_boot_ns;
		uint64_t pid;
	} key;
	size_t n;
	bool masked;
	char in[CMDLINE_MAX], out[CMDLINE_MAX];
};

struct redact {
	struct redact_config cfg;
	struct redact_arena arena;
	struct lru *flows, *processes; /* NULL = they need not be known */
	struct proc proc;              /* of the present event */
	struct run run;
};

static int redact_init(struct redact *r, const struct redact_config *cfg)
{
	r->cfg = *cfg;
	if (cfg->secrets || cfg->payload_max != REDACT_PAYLOAD_FULL) {
		r->flows = lru_new(FLOWS_MAX, sizeof(struct redact_flow), sizeof(uint64_t));
		if (!r->flows)
			return -ENOMEM;
	}
	if (cfg->secrets) {
		r->processes = lru_new(PROCESSES_MAX, sizeof(struct redact_process),
				       sizeof(((struct redact_process *)0)->key));
		if (!r->processes)
			return -ENOMEM;
	}
	return redact_arena_init(&r->arena);
}

int redact_new(const struct redact_config *cfg, struct redact **ret, struct err *err)
{
	struct redact *r = calloc(1, sizeof(*r));

	if (!r || redact_init(r, cfg)) {
		redact_free(r);
		return errf(err, -ENOMEM, "out of memory");
	}
	*ret = r;
	return 0;
}

void redact_free(struct redact *r)
{
	if (!r)
		return;
	lru_free(r->flows);
	lru_free(r->processes);
	redact_arena_done(&r->arena);
	free(r);
}

/* ---- texts --------------------------------------------------------------------------------- */

typedef void (*words_fn)(struct redact_copy *c);

/* True when something in it was masked. */
static bool text_mask(struct redact *r, struct bytes *text, words_fn words)
{
	struct redact_copy c = redact_copy_of(&r->arena, *text);

	if (c.in.n)
		words(&c);
	*text = redact_copy_result(&c);
	return c.out;
}

static bool process_cmdline(struct redact *r, const struct proc *proc, struct bytes *cmdline)
{
	struct redact_process *e, key = {.key = {proc->start_boot_ns, proc->pid}};

	if (!cmdline->n || cmdline->n > CMDLINE_MAX)
		return text_mask(r, cmdline, redact_words_argv);
	e = lru_put(r->processes, &key.key, NULL);
	if (e->n != cmdline->n || memcmp(e->in, cmdline->p, e->n) != 0) {
		struct bytes text = *cmdline;

		e->n = text.n;
		memcpy(e->in, text.p, text.n);
		e->masked = text_mask(r, &text, redact_words_argv);
		if (e->masked)
			memcpy(e->out, text.p, text.n);
	}
	if (e->masked)
		cmdline->p = e->out;
	return e->masked;
}

static bool process_mask(struct redact *r, struct event *ev)
{
	struct bytes cmdline = ev->proc->cmdline;

	if (!process_cmdline(r, ev->proc, &cmdline))
		return false;
	r->proc = *ev->proc;
	r->proc.cmdline = cmdline;
	ev->proc = &r->proc;
	return true;
}

static bool run_mask(struct redact *r, struct event *ev)
{
	struct bytes cmdline = ev->run->cmdline;

	if (!text_mask(r, &cmdline, redact_words_shell))
		return false;
	r->run = *ev->run;
	r->run.cmdline = cmdline;
	ev->run = &r->run;
	return true;
}

/* ---- events -------------------------------------------------------------------------------- */

static bool data_mask(struct redact *r, struct redact_flow *f, struct event *ev)
{
	struct redact_copy c = redact_copy_of(&r->arena, ev->data.payload);

	redact_stream_feed(&f->streams[ev->data.direction == DIRECTION_RECEIVE], ev, &c);
	ev->data.payload = redact_copy_result(&c);
	return c.out;
}

static bool event_mask(struct redact *r, struct event *ev)
{
	bool masked = false;

	switch (ev->kind) {
	case EVENT_META:
		masked = run_mask(r, ev);
		break;
	case EVENT_EXEC:
		masked = text_mask(r, &ev->exec.argv, redact_words_argv);
		break;
	case EVENT_LINE:
		masked = text_mask(r, &ev->line.text, redact_words_shell);
		masked |= text_mask(r, &ev->line.expanded, redact_words_shell);
		break;
	case EVENT_QUERY:
		masked = redact_query_constants(&r->arena, &ev->query);
		break;
	case EVENT_EXIT:
	case EVENT_DATA:
	case EVENT_ATTACH:
	case EVENT_LOSS:
	case EVENT_STATS:
	case EVENT_KINDS:
		break;
	}
	if (ev->proc)
		/* With DATA it is told of the process alone, which has no flags. */
		masked |= process_mask(r, ev) && ev->kind != EVENT_DATA;
	return masked;
}

bool redact_view(struct event *ev, void *redact)
{
	struct redact *r = redact;
	struct redact_flow *f =
		ev->kind == EVENT_DATA && r->flows ? lru_put(r->flows, &ev->flow->id, NULL) : NULL;
	bool masked = false;

	redact_arena_reset(&r->arena);
	if (r->cfg.secrets)
		masked = event_mask(r, ev);
	else if (r->cfg.passwords && ev->kind == EVENT_QUERY)
		masked = redact_query_passwords(&r->arena, &ev->query);
	if (f && r->cfg.secrets && r->cfg.payload_max)
		masked |= data_mask(r, f, ev);
	if (masked)
		ev->flags |= EVENT_F_REDACTED;
	return !f || r->cfg.payload_max == REDACT_PAYLOAD_FULL ||
	       redact_payload_cut(ev, r->cfg.payload_max, f->places);
}
