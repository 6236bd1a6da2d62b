/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/collect/collect.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zstd.h>

#include "capture/base/cleanup.h"
#include "capture/base/elapsed.h"
#include "capture/base/log.h"
#include "proto/pb_read.h"

enum {
	EVENTS = 64,
	ACCEPTS = 64, /* in a turn */
	TURN_MS = 100,
	IDLE_MS = 1000,
	LINES = 10, /* about clients, in LINES_MS */
	LINES_MS = 10000,
};

static const char *text_on_stdout[] = {"-,format=text"};

/* What a descriptor is, as epoll tells it. */
static char what_signals, what_wake;

/* ---- begin --------------------------------------------------------------------------------- */

static int collect_watch(const struct collect *c, int fd, uint32_t events, void *what,
			 struct err *err)
{
	struct epoll_event e = {.events = events, .data = {.ptr = what}};

	if (epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, fd, &e) < 0)
		return errf(err, -errno, "epoll: %s", strerror(errno));
	return 0;
}

static int collect_parse(struct collect *c, struct err *err)
{
	const struct opt_list *listen = &c->cfg->listen;
	int r = 0;

	c->write = c->cfg->write;
	if (!c->write.n)
		c->write = (struct opt_list){.v = text_on_stdout, .n = 1};
	if (!listen->n)
		return errf(err, -EINVAL, "where are senders to be waited for? (--listen URL)");
	if (listen->n > COLLECT_GATES)
		return errf(err, -EINVAL, "--listen: more than %d", COLLECT_GATES);
	for (unsigned i = 0; i < listen->n && r == 0; i++)
		r = gate_parse(listen->v[i], c->cfg->insecure, &c->gates[c->gates_n++], err);
	if (r == 0)
		r = depot_check(&c->write, c->cfg->insecure, err);
	return r == 0 ? user_find(NULL, &c->user, err) : r;
}

/* Each sender has a descriptor, each host some. */
static void collect_more_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int collect_tools(struct collect *c, struct err *err)
{
	int r = signals_catch(&c->signals, err);

	collect_more_files();
	if (r < 0)
		return r;
	c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	c->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->epoll_fd < 0 || c->wake_fd < 0)
		return errf(err, -errno, "epoll: %s", strerror(errno));
	c->env = (struct client_env){
		.feeds = &c->feeds, .zstd = ZSTD_createDCtx(), .memory_max = COLLECT_MEMORY};
	if (!c->env.zstd)
		return errf(err, -ENOMEM, "out of memory");
	r = pb_read_new(&c->env.read, err);
	if (r == 0)
		r = collect_watch(c, c->signals.fd, EPOLLIN, &what_signals, err);
	if (r == 0)
		r = collect_watch(c, c->wake_fd, EPOLLIN, &what_wake, err);
	return r;
}

static int collect_listen(struct collect *c, struct err *err)
{
	int r = 0;

	for (unsigned i = 0; i < c->gates_n && r == 0; i++) {
		struct gate *g = &c->gates[i];
		char where[ADDRESS_TEXT];

		r = gate_open(g, &c->user, err);
		for (unsigned k = 0; k < g->listener.n && r == 0; k++)
			r = collect_watch(c, g->listener.fd[k], EPOLLIN, g, err);
		if (r == 0)
			c->cfg->listening(listener_text(&g->listener, where), g, c->cfg->arg);
	}
	return r;
}

int collect_open(struct collect *c, const struct collect_config *cfg, struct err *err)
{
	struct feeds_config feeds = {.write = &c->write,
				     .insecure = cfg->insecure,
				     .drain_ns = cfg->drain_ns,
				     .hosts = cfg->hosts};
	int r;

	c->cfg = cfg;
	c->signals.fd = c->epoll_fd = c->wake_fd = -1;
	r = collect_parse(c, err);
	if (r == 0)
		r = collect_tools(c, err);
	if (r < 0)
		return r;
	feeds.user = &c->user;
	feeds.wake_fd = c->wake_fd;
	r = feeds_open(&c->feeds, &feeds, err);
	if (r == 0)
		r = collect_listen(c, err);
	return r < 0 ? -EIO : 0; /* no wrong use */
}

/* ---- clients ------------------------------------------------------------------------------- */

static void collect_say(struct collect *c, const char *peer, const char *why)
{
	char text[CLIENT_ERROR];
	size_t n = 0;
	int64_t now_ms = elapsed_ms();

	if (now_ms - c->said_ms >= LINES_MS) {
		if (c->unsaid)
			log_line(LOG_LEVEL_WARNING, "%u more lines about senders were left out",
				 c->unsaid);
		c->said_ms = now_ms;
		c->said = c->unsaid = 0;
	}
	if (c->said++ >= LINES) {
		c->unsaid++;
		return;
	}
	for (; why[n] && n + 1 < sizeof(text); n++)
		text[n] = why[n] >= ' ' && why[n] < 0x7f ? why[n] : '?';
	text[n] = '\0';
	log_line(LOG_LEVEL_WARNING, "%s: closed: %s", peer, text);
}

static void collect_drop(struct collect *c, struct client *client)
{
	struct client **at = &c->clients;

	while (*at != client)
		at = &(*at)->next;
	*at = client->next;
	c->clients_n--;
	client_free(client);
}

/* One of which nothing is wanted is not waited for at all: else its end would be told without an
 * end. */
static void collect_interest(const struct collect *c, struct client *client)
{
	uint32_t want = (uint32_t)client_events(client); /* EPOLLIN is POLLIN, and so on */
	struct epoll_event e = {.events = want, .data = {.ptr = client}};
	int how = !want ? EPOLL_CTL_DEL : client->interest ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (want == client->interest)
		return;
	epoll_ctl(c->epoll_fd, how, conn_fd(client->conn), &e);
	client->interest = want;
}

static void client_go(struct collect *c, struct client *client, int64_t now_ms)
{
	struct err err = {""};
	const char *peer = conn_peer(client->conn);
	int r = client_turn(client, now_ms, &err);

	if (r == 0) {
		collect_interest(c, client);
		return;
	}
	if (r != -EPIPE) {
		/* what the connection itself says has its peer in front */
		const char *why = err.text;
		size_t n = strlen(peer);

		if (!strncmp(why, peer, n) && !strncmp(why + n, ": ", 2))
			why += n + 2;
		c->env.refused++;
		collect_say(c, peer, why);
	}
	collect_drop(c, client);
}

static void collect_add(struct collect *c, const struct gate *g, int fd, int64_t now_ms)
{
	struct client *client;
	struct conn *conn;

	if (conn_new(fd, g->tls, NULL, &conn) < 0)
		return;
	client = client_new(&c->env, conn, now_ms);
	if (!client) {
		conn_close(conn);
		return;
	}
	client->next = c->clients;
	c->clients = client;
	c->clients_n++;
	c->connections++;
	client->interest = EPOLLIN;
	if (collect_watch(c, conn_fd(conn), EPOLLIN, client, NULL) < 0)
		collect_drop(c, client);
	else
		client_go(c, client, now_ms);
}

/* While there are no descriptors left, nobody is asked in. */
static void collect_open_gates(struct collect *c, bool open)
{
	for (unsigned i = 0; i < c->gates_n; i++) {
		for (unsigned k = 0; k < c->gates[i].listener.n; k++) {
			struct epoll_event e = {.events = open ? EPOLLIN : 0,
						.data = {.ptr = &c->gates[i]}};

			epoll_ctl(c->epoll_fd, EPOLL_CTL_MOD, c->gates[i].listener.fd[k], &e);
		}
	}
	c->full = !open;
}

/* Those that are too many are told so by the end of their connection: a sender comes again. */
static void collect_accept(struct collect *c, const struct gate *g, int64_t now_ms)
{
	for (unsigned k = 0; k < g->listener.n; k++) {
		for (unsigned i = 0; i < ACCEPTS; i++) {
			int fd = listener_accept(g->listener.fd[k]);

			if (fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM || fd == -ENOBUFS)
				collect_open_gates(c, false);
			if (fd == -EAGAIN || c->full)
				break;
			if (fd < 0)
				continue;
			if (c->clients_n < c->cfg->clients) {
				collect_add(c, g, fd, now_ms);
				continue;
			}
			close(fd);
			c->turned_away++;
			collect_say(c, g->label, "there are as many senders as --clients allows");
		}
	}
}

/* ---- turns --------------------------------------------------------------------------------- */

static void collect_end(struct collect *c)
{
	if (c->ending)
		return;
	c->ending = c->env.ending = true;
	c->end_ms = elapsed_ms() + (int64_t)(c->cfg->drain_ns / 1000000);
	for (unsigned i = 0; i < c->gates_n; i++)
		listener_close(&c->gates[i].listener);
	signals_end_at_once();
}

static void collect_signals(struct collect *c)
{
	struct signalfd_siginfo info;

	while (signals_next(&c->signals, &info)) {
		if (info.ssi_signo == SIGHUP && !signals_hung_up(&c->signals))
			feeds_want_medium(&c->feeds);
		else if (info.ssi_signo == SIGUSR1)
			c->cfg->report(c, c->cfg->arg);
		else if (info.ssi_signo != SIGCHLD)
			collect_end(c);
	}
}

static const struct gate *collect_gate(const struct collect *c, const void *what)
{
	for (unsigned i = 0; i < c->gates_n; i++)
		if (what == &c->gates[i])
			return &c->gates[i];
	return NULL;
}

/* How long nothing needs to be done. */
static int collect_wait_ms(const struct collect *c)
{
	int ms = feeds_wait_ms(&c->feeds);

	if (c->ending || c->full)
		return TURN_MS;
	for (const struct client *k = c->clients; k; k = k->next) {
		if (k->shaken && !k->blocked && !k->stopping && conn_pending(k->conn))
			return 0;
		if (k->blocked)
			ms = TURN_MS;
		if (ms < 0)
			ms = IDLE_MS; /* their patience */
	}
	return ms;
}

/* Those that epoll names are done with; this is for the others. */
static void collect_rest(struct collect *c, bool safe, int64_t now_ms)
{
	struct client *client, *next;
	bool second = now_ms - c->rest_ms >= IDLE_MS;

	if (second)
		c->rest_ms = now_ms;
	if (second && c->full && !c->ending)
		collect_open_gates(c, true);
	for (client = c->clients; client; client = next) {
		next = client->next;
		if (safe || second || client->blocked || conn_pending(client->conn))
			client_go(c, client, now_ms);
	}
}

static void collect_turn(struct collect *c, const struct epoll_event *events, int n)
{
	int64_t now_ms = elapsed_ms();
	uint64_t count;
	bool safe;

	for (int i = 0; i < n; i++) {
		void *what = events[i].data.ptr;
		const struct gate *g = collect_gate(c, what);

		if (what == &what_signals)
			collect_signals(c);
		else if (what == &what_wake)
			(void)!read(c->wake_fd, &count, sizeof(count));
		else if (!g)
			client_go(c, what, now_ms);
		else if (!c->ending)
			collect_accept(c, g, now_ms);
	}
	safe = feeds_turn(&c->feeds, now_ms, c->ending);
	collect_rest(c, safe, now_ms);
}

bool collect_run(struct collect *c)
{
	struct epoll_event events[EVENTS];

	c->cfg->ready(c->cfg->arg);
	while (!c->feeds.broken) {
		int n = epoll_wait(c->epoll_fd, events, EVENTS, collect_wait_ms(c));

		if (n < 0 && errno != EINTR)
			break;
		collect_turn(c, events, n < 0 ? 0 : n);
		if (c->ending && (feeds_are_safe(&c->feeds) || elapsed_ms() >= c->end_ms))
			break;
	}
	collect_end(c);
	collect_rest(c, true, elapsed_ms()); /* the last word to each */
	while (c->clients)
		collect_drop(c, c->clients);
	return feeds_finish(&c->feeds);
}

void collect_close(struct collect *c)
{
	while (c->clients)
		collect_drop(c, c->clients);
	feeds_close(&c->feeds);
	for (unsigned i = 0; i < c->gates_n; i++)
		gate_close(&c->gates[i]);
	pb_read_free(c->env.read);
	ZSTD_freeDCtx(c->env.zstd);
	cleanup_closep(&c->epoll_fd);
	cleanup_closep(&c->wake_fd);
	cleanup_closep(&c->signals.fd);
}
