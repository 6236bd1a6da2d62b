/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
#pragma once
/*
 * Messages of PostgreSQL's clients: where the one lies that a backend works on, and which it is.
 */
#include "kern/postgres_backend.bpf.h"

/* StringInfoData, the same in all versions. */
struct message {
	__u64 data;
	__u32 len, maxlen, cursor, pad;
};

enum {
	MESSAGE_BUFFER = 1024, /* smallest buffer of a message; larger ones are powers of two */
	MESSAGE_BUFFER_MAX = 0x3fffffff,
	SCAN_ROOM = 1024 /* how far from the other variable it may lie */
};

static __always_inline bool message_read(struct message *ret, __u64 address)
{
	__builtin_memset(ret, 0, sizeof(*ret));
	bpf_probe_read_user(ret, sizeof(*ret) - sizeof(ret->pad), (void *)address);
	return ret->data && !(ret->data & 7) && ret->maxlen >= MESSAGE_BUFFER &&
	       (!(ret->maxlen & (ret->maxlen - 1)) || ret->maxlen == MESSAGE_BUFFER_MAX) &&
	       ret->len < ret->maxlen && ret->cursor <= ret->len;
}

struct scan {
	__u64 at, end, found;
};

/* Looks at one more place for a message that is being read. Returns whether to go on. */
__noinline int scan_place(struct scan *s)
{
	struct message m;

	if (!s || s->at >= s->end)
		return 0;
	if (message_read(&m, s->at) && m.cursor && !user_byte((void *)(m.data + m.len))) {
		s->found = s->at;
		return 0;
	}
	s->at += sizeof(__u64);
	return 1;
}

static long scan_step(__u32 i, void *arg)
{
	return !scan_place(arg);
}

/* Finds the variable that holds the message: above the stack pointer, for what lies below is left
 * from other functions. */
static __noinline void message_find(struct backend *b, __u64 exception_stack, __u64 sp)
{
	__u64 near = USER_VALUE(__u64, exception_stack);
	struct scan s = {.at = near - SCAN_ROOM, .end = near + SCAN_ROOM};

	if (!near)
		return;
	if (s.at < sp)
		s.at = (sp + 7) & ~7ull;
	loop_run(2 * SCAN_ROOM / sizeof(__u64) + 1, scan_step, &s);
	b->message = s.found;
}

/* Reads a name from the beginning of a message into b->name; `head` are its first eight bytes.
 * Returns its length with the NUL; more than sizeof(b->name) when it is longer than it may be. */
static __always_inline __u32 message_name(struct backend *b, const struct message *m, __u64 head)
{
	long n;

	if (!(head & 0xff) && !b->name[0]) /* as nearly always */
		return 1;
	__builtin_memset(b->name, 0, sizeof(b->name));
	n = bpf_probe_read_user_str(b->name, sizeof(b->name), (void *)m->data);
	if (n == sizeof(b->name) && user_byte((void *)(m->data + n - 1)))
		n++;
	return n > 0 ? n : 0;
}

static __always_inline __u32 message_int32(const struct message *m, __u32 at)
{
	return bpf_ntohl(USER_VALUE(__u32, m->data + at));
}

/*
 * Which message it is that a statement is begun for: Query (text), Parse (name, query, int16 n, n
 * times int32), Execute (name, int32), each read to its end by now; or Bind, of which two names
 * are read. name_n: length of the text that it begins with; fetch: what follows it.
 */
static __always_inline __u8 message_command(const struct message *m, __u32 name_n, __u32 fetch,
					    __u64 text)
{
	if (m->cursor < m->len)
		return QUERY_BIND;
	if (text == m->data || name_n == m->len)
		return QUERY_TEXT;
	if (name_n > sizeof(((struct backend *)0)->name)) {
		/* as a text of another encoding is converted elsewhere; a Parse ends otherwise */
		if (text - m->data >= m->len && !user_byte((void *)(m->data + m->len - 1)) &&
		    user_byte((void *)(m->data + m->len - 2)))
			return QUERY_TEXT;
		return QUERY_PREPARE;
	}
	/* a Parse of one byte, which will fail, looks like a fetch of so many million rows */
	if (name_n + sizeof(__u32) == m->len && (!fetch || fetch & 0xffffff))
		return QUERY_EXECUTE;
	return QUERY_PREPARE;
}
