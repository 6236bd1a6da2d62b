/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Between the mechanism of assembly (assemble.c) and the rules of the kinds whose events come in
 * several records (assemble_<kind>.c). The mechanism keeps an open event, its texts and its place
 * among those of its process; a rule says what a record adds and what the event is in the end.
 */
#include "capture/assemble.h"
#include "capture/base/textbuf.h"
#include "kern/events.h"

struct item_key {
	uint64_t id;
	uint32_t pid;
	uint32_t kind; /* enum event_kind: what is no such event has another key */
};

/* An event that is not complete yet. */
struct item {
	struct item_key key;
	struct item *older, *newer; /* in the list of its process, by when they were last touched */
	struct rec_task task;
	struct event ev;  /* its texts lie in `side`, `text` and `more` */
	struct flow flow; /* of ev, when ev.flow is not NULL */
	struct textbuf side, text;
	struct textbuf more;        /* LINE: as expanded. QUERY: values */
	size_t line, expanded_line; /* LINE: where the line being typed starts in each text */
	size_t got;          /* bytes of this text (or this line, typed or expanded) that came */
	uint64_t begun_ns;   /* time of its first record */
	uint64_t touched_ns; /* of its last record but the end: when a command was complete */
	bool in_expanded;    /* LINE: parts that follow belong to the expanded text */
	bool escaped;        /* LINE: a byte that tells of the next one came last */
	bool awaits_end;
	bool text_open; /* more parts of the present text are to come */
	bool announced; /* emitted as unfinished */
};

struct assemble_rule {
	/* Its first record: what is kept beside the texts that kinds.c names. NULL = nothing. */
	void (*begin)(struct assemble *a, struct item *it, const struct part *part);
	/* A further line or another text begins with this part. NULL = never happens. */
	void (*turn)(struct assemble *a, struct item *it, const struct part *part);
	/* Bytes of the text that grows. NULL = they go to the end of `text`. */
	void (*add)(struct assemble *a, struct item *it, struct bytes text);
	/* What became known at the end; NULL = it has none, but ends with its text. */
	void (*end)(struct item *it, const struct part *part);
	/* Its process has left with that exit status: true when that completes the event. NULL = it
	 * never does. */
	bool (*left)(struct item *it, int status);
	/* It is emitted: ev, a copy of it->ev, gets its texts. */
	void (*emit)(struct assemble *a, struct item *it, struct event *ev, uint64_t time_ns);
	/* A part that opens no event, but is context of later ones. NULL = there are none. */
	int (*context)(struct assemble *a, const struct part *part);
};

extern const struct assemble_rule assemble_exec, assemble_line, assemble_query;

struct assemble_queries; /* what assemble_query.c knows of connections */
struct assemble_queries *assemble_query_new(void);
void assemble_query_free(struct assemble_queries *q);

/* For rules. */
struct textbuf_pool *assemble_texts(struct assemble *a);
struct assemble_queries *assemble_queries(struct assemble *a);

static inline struct bytes item_bytes(const struct textbuf *t)
{
	return (struct bytes){t->p, t->n};
}
