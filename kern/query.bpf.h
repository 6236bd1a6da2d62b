/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
#pragma once
/*
 * The records of a statement, whichever database it is for and whichever end sees it.
 */
#include "kern/sockfd.bpf.h"
#include "kern/uprobe.bpf.h"

enum {
	QUERY_HEAD = 1024,                  /* text in the first record, at most */
	QUERY_VALUES = 256,                 /* values in a record of the usual size */
	QUERY_MESSAGE = 512,                /* of an error: what is kept of it */
	QUERY_UNTIL_NUL = 0xffffffffffffull /* text_n: the text ends with a NUL */
};

/* What is to be said when a statement begins. Addresses are those of the process; session and name
 * are ours, so that this is no argument for a function that the verifier looks at alone. */
struct query {
	__u64 id; /* 0: the record gives it one, without a second look at the clock */
	__u64 outer;
	__u64 text, text_n;     /* or QUERY_UNTIL_NUL */
	__u64 params, params_n; /* values; 0 = none */
	__u32 statement, params_format;
	__u8 system, side, command, flags; /* enums of kern/events.h */
	const struct rec_session *session;
	const char *name;            /* 64 bytes, zeroes behind the text; NULL = none */
	const struct rec_task *task; /* the current one's description, if it is at hand */
	/* these are addresses of ours, too: a text of at most QUERY_HEAD bytes, values */
	bool text_ours, params_ours;
};

/* What a new entry of a map of sessions is made of: too large for the stack. */
const struct rec_session query_no_session = {};

/* How much is kept of a statement. */
static __always_inline __u64 query_limit(void)
{
	__u64 most = loop_native() ? REC_QUERY_MAX : REC_TEXT_MAX;

	return max_payload && max_payload < most ? max_payload : most;
}

/* Zeroes what follows the NUL of a text in a fixed field. */
static __always_inline void query_name(char *dst, const __u32 size, __u64 address)
{
	__builtin_memset(dst, 0, size);
	if (address)
		bpf_probe_read_user_str(dst, size, (void *)address);
}

/* The description of the current task: `known`, but for the CPU, if that is there. */
static __always_inline void query_task(struct rec_task *ret, const struct rec_task *known)
{
	if (known) {
		*ret = *known;
		ret->cpu = bpf_get_smp_processor_id();
	} else {
		task_fill(ret, current_task());
	}
}

/* Fills and submits a record with room for `values` bytes of values. Returns the bytes of the text
 * that are in it. */
static __noinline __u64 query_fill(struct query *q, struct rec_query *rec, const __u64 values,
				   bool *ret_more)
{
	__u64 pn = q->params_n < values ? q->params_n : values, limit = query_limit();
	bool until_nul = q->text_n == QUERY_UNTIL_NUL;
	__u64 want = q->text_n < limit ? q->text_n : limit;
	__u32 flags = 0;
	long n = 0;

	query_task(&rec->task, q->task);
	if (!q->id)
		q->id = unique_at(rec->rec.time);
	rec->id = q->id;
	rec->outer = q->outer;
	rec->text_total = until_nul ? 0 : q->text_n;
	rec->statement = q->statement;
	rec->system = q->system;
	rec->side = q->side;
	rec->command = q->command;
	rec->query_flags = q->flags | (pn < q->params_n ? QUERY_F_PARAMS_CUT : 0);
	rec->params_format = q->params_format;
	rec->reserved = 0;
	if (q->name && q->name[0])
		bpf_probe_read_kernel(rec->name, sizeof(rec->name), q->name);
	else
		__builtin_memset(rec->name, 0, sizeof(rec->name));
	bpf_probe_read_kernel(&rec->session, sizeof(rec->session), q->session);
	BARRIER(pn);
	if (pn > values)
		pn = values;
	if (pn && (q->params_ours ? bpf_probe_read_kernel(rec->data, pn, (void *)q->params)
				  : bpf_probe_read_user(rec->data, pn, (void *)q->params))) {
		flags |= REC_F_FAULT;
		pn = 0;
	}
	rec->params_len = pn;
	*ret_more = false;
	if (until_nul) {
		n = bpf_probe_read_user_str(rec->data + pn, QUERY_HEAD, (void *)q->text);
		if (n <= 0)
			flags |= REC_F_FAULT;
		n = n > 0 ? n - 1 : 0;
		*ret_more = n == QUERY_HEAD - 1 && user_byte((void *)(q->text + n));
		if ((__u64)n > limit || ((__u64)n == limit && *ret_more)) {
			n = limit;
			*ret_more = false;
			flags |= REC_F_TRUNCATED;
		}
	} else {
		n = want < QUERY_HEAD ? want : QUERY_HEAD;
		BARRIER(n);
		if (n < 0 || n > QUERY_HEAD)
			n = QUERY_HEAD;
		if (n && (q->text_ours ? bpf_probe_read_kernel(rec->data + pn, n, (void *)q->text)
				       : bpf_probe_read_user(rec->data + pn, n, (void *)q->text))) {
			flags |= REC_F_FAULT;
			n = 0;
		} else {
			*ret_more = (__u64)n < want;
		}
		if (want < q->text_n && !*ret_more)
			flags |= REC_F_TRUNCATED;
	}
	rec->text_len = n;
	rec->rec.flags |= flags | (*ret_more ? REC_F_MORE : 0);
	rec_submit(&rec->rec, sizeof(*rec) + pn + n);
	return n;
}

#define QUERY_FILL(q, values, ret_n, ret_more)                                                     \
	({                                                                                         \
		struct rec_query *rec_ = rec_reserve(probe_number, REC_QUERY,                      \
						     sizeof(*rec_) + (values) + QUERY_HEAD);       \
		if (rec_)                                                                          \
			ret_n = query_fill(q, rec_, values, ret_more);                             \
		rec_ != NULL;                                                                      \
	})

/* The part of a text that ends somewhere: its last one says that a limit cut it. */
static __always_inline void query_rest(const struct query *q, __u64 sent)
{
	__u64 limit = query_limit();
	struct part_block rest = {.address = q->text, .sent = sent, .id = q->id, .limit = limit};

	rest.pid = bpf_get_current_pid_tgid() >> 32;
	rest.probe = probe_number;
	rest.kind = REC_QUERY;
	if (q->text_n == QUERY_UNTIL_NUL) {
		loop_run(REC_QUERY_MAX / (REC_PART - 1) + 1, part_text_step, &rest);
		return;
	}
	if (q->text_n < limit)
		rest.limit = q->text_n;
	loop_run(REC_QUERY_MAX / REC_PART + 1, part_block_step, &rest);
}

/* Writes the record of a statement that begins, and its parts. False when there was no room for the
 * first: then nothing is written, and its end is not to be said. */
static __always_inline bool query_begin(struct query *q)
{
	bool more = false, sent;
	__u64 n = 0;

	if (!q->params_n)
		sent = QUERY_FILL(q, 0, n, &more);
	else if (q->params_n <= QUERY_VALUES)
		sent = QUERY_FILL(q, QUERY_VALUES, n, &more);
	else
		sent = QUERY_FILL(q, QUERY_PARAMS_MAX, n, &more);
	if (sent && more)
		query_rest(q, n);
	return sent;
}

/* How a statement ended. */
struct query_result {
	__u64 id, rows, rows_sent;
	__u64 message, message_n; /* address; length or QUERY_UNTIL_NUL */
	__u32 error, flags;       /* enum query_end_flags */
	__u32 results, warnings;
	char sqlstate[8];
	const struct rec_task *task; /* as in struct query */
};

static __always_inline void query_end_fill(const struct query_result *r, struct rec_query_end *rec,
					   const __u64 room)
{
	long n = 0;

	query_task(&rec->task, r->task);
	rec->id = r->id;
	rec->rows = r->rows;
	rec->rows_sent = r->rows_sent;
	rec->error = r->error;
	rec->end_flags = r->flags;
	rec->results = r->results;
	rec->warnings = r->warnings;
	__builtin_memcpy(rec->sqlstate, r->sqlstate, sizeof(rec->sqlstate));
	rec->reserved = 0;
	if (room && r->message_n == QUERY_UNTIL_NUL) {
		n = bpf_probe_read_user_str(rec->data, room, (void *)r->message);
		n = n > 0 ? n - 1 : 0;
	} else if (room) {
		n = r->message_n < room ? r->message_n : room;
		BARRIER(n);
		if (n < 0 || n > (long)room ||
		    bpf_probe_read_user(rec->data, n, (void *)r->message))
			n = 0;
	}
	rec->message_len = n;
	rec_submit(&rec->rec, sizeof(*rec) + n);
}

/* Most statements do not fail: room for a message is reserved only for those that do. */
static __always_inline void query_end(const struct query_result *r)
{
	struct rec_query_end *rec;

	if (r->message) {
		rec = rec_reserve(probe_number, REC_QUERY_END, sizeof(*rec) + QUERY_MESSAGE);
		if (rec)
			query_end_fill(r, rec, QUERY_MESSAGE);
	} else {
		rec = rec_reserve(probe_number, REC_QUERY_END, sizeof(*rec));
		if (rec)
			query_end_fill(r, rec, 0);
	}
}
