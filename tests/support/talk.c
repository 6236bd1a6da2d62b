/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/talk.h"

#include <netinet/in.h>
#include <sys/socket.h>

#define TIME_UNIX 1732453680123456789ull
#define TIME_BOOT 5000123456789ull

static const struct proc curl = {.pid = 1234, .comm = BYTES("curl"), .exe = BYTES("/usr/bin/curl")};

void talk_begin(struct talk *t, enum protocol protocol, struct bytes file)
{
	*t = (struct talk){.protocol = protocol, .rest = file};
	t->flows[0] = (struct flow){.id = 1,
				    .family = AF_INET,
				    .ip_proto = IPPROTO_TCP,
				    .role = FLOW_ROLE_CLIENT,
				    .local_port = 43210,
				    .remote_port = 443,
				    .local = {127, 0, 0, 1},
				    .remote = {127, 0, 0, 1}};
	t->flows[1] = (struct flow){.id = 2,
				    .family = AF_INET6,
				    .ip_proto = IPPROTO_TCP,
				    .role = FLOW_ROLE_SERVER,
				    .local_port = 8443,
				    .remote_port = 50000,
				    .local = {[15] = 1},
				    .remote = {0x20, 1, 0xd, 0xb8, [15] = 7}};
}

static unsigned le16(const char *p)
{
	return (uint8_t)p[0] | (unsigned)(uint8_t)p[1] << 8;
}

bool talk_next(struct talk *t, struct event *ret)
{
	struct bytes head = t->rest;
	unsigned flags, n, missing, other, receives;
	uint64_t *next, *call;

	if (head.n < TALK_HEAD)
		return false;
	flags = (uint8_t)head.p[0];
	n = le16(head.p + 1);
	missing = le16(head.p + 3);
	if (n > head.n - TALK_HEAD)
		n = head.n - TALK_HEAD;
	t->rest = (struct bytes){head.p + TALK_HEAD + n, head.n - TALK_HEAD - n};
	other = !!(flags & TALK_OTHER);
	receives = flags & TALK_RECEIVE;
	next = &t->next[other][receives];
	call = &t->call[other][receives];
	*call = flags & TALK_CONTINUES ? *call + missing : 0;
	*next += missing;
	t->flows[other].protocol = t->protocol;
	t->flows[other].family = flags & TALK_UNKNOWN ? 0 : other ? AF_INET6 : AF_INET;
	t->time_ns += 1000000;
	*ret = (struct event){
		.kind = EVENT_DATA,
		.flags = (flags & TALK_TRUNCATED ? EVENT_F_TRUNCATED : 0) |
			 (missing ? EVENT_F_GAP : 0) |
			 (flags & TALK_LATE ? EVENT_F_IN_PROGRESS : 0),
		.probe = "tls",
		.time_boot_ns = TIME_BOOT + t->time_ns,
		.time_unix_ns = TIME_UNIX + t->time_ns,
		.seq = ++t->seq,
		.tid = 1234,
		.proc = &curl,
		.flow = &t->flows[other],
		.data = {.payload = {head.p + TALK_HEAD, flags & TALK_FIN ? 0 : n},
			 .stream_offset = *next,
			 .missing = missing,
			 .call_offset = *call,
			 .call_total = *call + n + (flags & TALK_TRUNCATED ? 100 : 0),
			 .direction = receives ? DIRECTION_RECEIVE : DIRECTION_TRANSMIT,
			 .library = "openssl",
			 .fin = flags & TALK_FIN,
			 .late = flags & TALK_LATE}};
	*next += ret->data.payload.n;
	*call += ret->data.payload.n;
	return true;
}
