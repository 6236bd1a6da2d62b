/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What the files of a query share: see capture/archive/query.h. */
#include <regex.h>

#include "capture/archive/query.h"
#include "capture/base/lru.h"

struct query_value;
typedef bool (*query_match_fn)(struct query *q, const struct query_value *v,
			       const struct event *ev);

struct query_value {
	query_match_fn match;
	bool excludes;
	bool pattern;    /* text has *, ? or [ */
	uint64_t number; /* pid, uid, port, connection, 1 << kind */
	uint8_t address[16];
	unsigned address_n, bits;
	const char *text;   /* NUL-terminated, borrowed */
	struct bytes plain; /* of a --text: the longest part that no format writes otherwise */
	regex_t *regex;
};

/* Which question about an event: its values are joined by "or". In the order in which they are
 * asked: cheap ones first. */
enum query_name {
	QUERY_KIND,
	QUERY_PROCESS,
	QUERY_UID,
	QUERY_PORT,
	QUERY_CONN,
	QUERY_ADDR,
	QUERY_COMM,
	QUERY_EXE,
	QUERY_CONTAINER,
	QUERY_STATUS,
	QUERY_TEXT,
	QUERY_REGEX,
	QUERY_NAMES
};

/* Where an event's arguments become one text: as large as needed, to be freed. */
struct query_room {
	char *p;
	size_t n;
};

struct query_list {
	struct query_value *v;
	unsigned n;
	bool includes; /* one that does not exclude: events without fit do not match */
};

struct query {
	const struct query_texts *texts;
	uint64_t from_ns, to_ns;
	struct query_list lists[QUERY_NAMES];
	struct lru *tree; /* NULL = no --tree: who belongs to it */
	struct query_room room;
};

/* Whether the event's process belongs to a --tree is known once it was shown here. */
int query_tree_new(struct query *q, struct err *err);
void query_tree_see(struct query *q, const struct proc *proc);
bool query_matches_tree(struct query *q, const struct query_value *v, const struct event *ev);

int query_text_new(struct query *q, struct query_value *v, struct err *err);
int query_regex_new(struct query *q, struct query_value *v, struct err *err);
bool query_matches_text(struct query *q, const struct query_value *v, const struct event *ev);
bool query_matches_regex(struct query *q, const struct query_value *v, const struct event *ev);

/* Is text what --comm, --exe or --container want? Of a path without '/' in the wish, the name. */
bool query_fits_comm(const struct query_value *v, struct bytes comm);
bool query_fits_exe(const struct query_value *v, struct bytes exe);
bool query_fits_container(const struct query_value *v, struct bytes container);
