/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What is sought in recordings: conditions on events, compiled once. Those of one name are joined
 * by "or", names by "and"; a value that begins with '!' excludes, and an exclusion wins. --pid and
 * --tree are one condition (which process), as they are when recording. What no event says of
 * itself (which process, which connection) fits no condition, and no exclusion either.
 */
#include <stdbool.h>
#include <stdint.h>

#include "capture/base/bytes.h"
#include "capture/base/err.h"
#include "capture/base/opt.h"
#include "capture/event.h"
#include "capture/index.h"

/* A clock is set now and then, and the times in an index are those of whole chunks, so that some
 * events are a little outside of what it says. */
#define QUERY_SLACK_NS 5000000000ull

/* As typed. */
struct query_texts {
	const char *from, *to;
	struct opt_list pid, tree, comm, exe, uid, addr, port, conn, kind, container, status, text,
		regex;
	bool ignore_case; /* for text and regex */
};

static inline uint64_t query_slack_before(uint64_t ns)
{
	return ns > QUERY_SLACK_NS ? ns - QUERY_SLACK_NS : 0;
}

static inline uint64_t query_slack_after(uint64_t ns)
{
	return ns < UINT64_MAX - QUERY_SLACK_NS ? ns + QUERY_SLACK_NS : UINT64_MAX;
}

struct query;

/* now_ns: Unix time. -EINVAL with one line. texts are borrowed until query_free(). */
int query_new(const struct query_texts *texts, uint64_t now_ns, struct query **ret,
	      struct err *err);
void query_free(struct query *q);
/* Remembers what it must of the event's process (--tree): every event is shown once, in order,
 * whether it can match or not. */
bool query_matches(struct query *q, const struct event *ev);
/* Another recording begins, whose processes are others. */
void query_forget(struct query *q);

/* Must every event be seen, because what one says decides about others (--tree)? */
bool query_needs_all(const struct query *q);
/* May an event in a record of these bytes match? Looks for --text, as no event is known by less: a
 * record that has it in no form that our encoders give it cannot. Cheap. */
bool query_may_match(const struct query *q, struct bytes record);
bool query_looks_at_bytes(const struct query *q);
/* Clears those of the index's frames (one byte each) in which nothing can match. */
int query_prune(const struct query *q, struct index *x, uint8_t *frames);
