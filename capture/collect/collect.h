/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * A collector: waits for senders, writes what they send as if it had been recorded here, and tells
 * them what is safe. One thread, besides those of the outputs.
 *
 * Whoever kills it at any time loses nothing and gets nothing twice: an event is acknowledged when
 * it is on the disk, the store itself tells at the next start what it has, and senders keep the
 * rest.
 *
 * Memory: at most COLLECT_MEMORY of what was received and not yet taken, 24 MiB in front of each
 * output, and what is known of the processes and connections of each host (some MiB, at most 150).
 */
#include "capture/collect/client.h"
#include "capture/collect/gate.h"
#include "capture/run/signals.h"

enum {
	COLLECT_GATES = 16,
	COLLECT_MEMORY = 256 << 20,
};

struct collect;

struct collect_config {
	struct opt_list listen, write;
	uint32_t clients, hosts;
	uint64_t drain_ns;
	bool insecure;
	/* Something is waited for there. */
	void (*listening)(const char *address, const struct gate *g, void *arg);
	void (*ready)(void *arg);
	void (*report)(const struct collect *c, void *arg); /* SIGUSR1 */
	void *arg;
};

struct collect {
	const struct collect_config *cfg;
	struct opt_list write; /* of cfg, or text on standard output */
	struct gate gates[COLLECT_GATES];
	unsigned gates_n;
	struct user user;
	struct signals signals;
	int epoll_fd, wake_fd;
	struct feeds feeds;
	struct client_env env;
	struct client *clients;
	unsigned clients_n;
	uint64_t connections, turned_away;
	int64_t said_ms; /* when lines about clients were last begun to be counted */
	unsigned said, unsaid;
	int64_t rest_ms; /* when all clients were last looked at */
	bool full;       /* no further client is taken now */
	bool ending;     /* what was received is brought to its end */
	int64_t end_ms;
};

/* *c is zeroed. -EINVAL is wrong use. collect_close() is due in any case. */
int collect_open(struct collect *c, const struct collect_config *cfg, struct err *err);
/* Until a signal ends it, or a store has lost something: false. */
bool collect_run(struct collect *c);
void collect_close(struct collect *c);
