/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* What the files of the listening sinks share: listen.c has what comes from the output,
 * listen_turn.c what comes from readers. */
#include "capture/net/listener.h"
#include "capture/sink.h"
#include "sinks/frames.h"
#include "sinks/listen_reader.h"

enum {
	LISTEN_READERS_MAX = 1024
};

struct listen_cfg {
	struct tls_cfg tls;
	uint64_t backlog;
	uint32_t readers;
};

struct listen_sink {
	const struct listen_cfg *cfg;
	const struct sink_env *env;
	bool framed, any_port;
	struct listener listener;
	struct tls *tls;
	int epoll, timer;
	struct listen_reader *readers; /* cfg->readers of them */
	struct backlog backlog;
	uint8_t *opening; /* what a newcomer gets first, as it is sent */
	size_t opening_n;
	int64_t paused_ms;  /* nobody is let in until then; 0 = at any time */
	int64_t refresh_ms; /* a generation may be asked for again */
	uint64_t cut, refused;
	char state[128];
	struct frames frames;
};

/* From now on epoll knows of the door. */
int listen_open_door(struct listen_sink *s);
/* Does what readers and time have brought. */
void listen_turn(struct listen_sink *s);
/* Sends a reader what it lacks. */
void listen_serve_one(struct listen_sink *s, struct listen_reader *r);
/* Have all of them everything? *ret_n: how many there are. */
bool listen_is_even(const struct listen_sink *s, unsigned *ret_n);
/* Writes down how many there are, for the report. */
void listen_describe(struct listen_sink *s);
