/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Readers come, say something, take what they lack, and go. */
#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "capture/base/elapsed.h"
#include "sinks/listen_inside.h"

enum {
	EVENTS = 64, /* of one look at the descriptors */
	HANDSHAKE_MS = 10000,
	TICK_MS = 100,    /* while there is something that only time brings */
	REFRESH_MS = 500, /* between generations that newcomers ask for, however many come */
	ACCEPT_MS = 1000, /* after there was no descriptor for one */
	AT_LISTENER =
		LISTEN_READERS_MAX, /* in struct epoll_event: the first listening descriptor */
	AT_TIMER = 2 * LISTEN_READERS_MAX,
};

static int listen_watch(struct listen_sink *s, int op, int fd, uint32_t events, uint32_t at)
{
	struct epoll_event e = {.events = events, .data.u32 = at};

	return epoll_ctl(s->epoll, op, fd, &e) < 0 ? -errno : 0;
}

static int listen_watch_door(struct listen_sink *s, int op, uint32_t events)
{
	int r = 0;

	for (unsigned i = 0; i < s->listener.n && r == 0; i++)
		r = listen_watch(s, op, s->listener.fd[i], events, AT_LISTENER + i);
	return r;
}

int listen_open_door(struct listen_sink *s)
{
	int r = listen_watch(s, EPOLL_CTL_ADD, s->timer, EPOLLIN, AT_TIMER);

	return r == 0 ? listen_watch_door(s, EPOLL_CTL_ADD, EPOLLIN) : r;
}

/* ---- what there is to say ------------------------------------------------------------------ */

bool listen_is_even(const struct listen_sink *s, unsigned *ret_n)
{
	bool even = true;
	unsigned n = 0;

	for (unsigned i = 0; i < s->cfg->readers; i++) {
		n += s->readers[i].state != READER_NONE;
		even &= !listen_reader_lags(&s->readers[i], &s->backlog);
	}
	*ret_n = n;
	return even;
}

/* "2 readers, 1 cut off"; with the address, where the system has chosen the port. */
void listen_describe(struct listen_sink *s)
{
	char cut[32] = "", refused[32] = "", where[ADDRESS_TEXT] = "";
	unsigned n;

	listen_is_even(s, &n);
	if (s->cut)
		snprintf(cut, sizeof(cut), ", %llu cut off", (unsigned long long)s->cut);
	if (s->refused)
		snprintf(refused, sizeof(refused), ", %llu refused",
			 (unsigned long long)s->refused);
	if (s->any_port)
		listener_text(&s->listener, where);
	snprintf(s->state, sizeof(s->state), "%.40s%s%u reader%s%s%s", where, *where ? ": " : "", n,
		 n == 1 ? "" : "s", cut, refused);
}

/* ---- one reader ---------------------------------------------------------------------------- */

/* Tells epoll what to wait for. */
static int reader_watch(struct listen_sink *s, struct listen_reader *r, int op)
{
	short want = r->half ? 0 : POLLIN;
	uint32_t events;
	int failure;

	if (listen_reader_lags(r, &s->backlog))
		want |= POLLOUT;
	events = (uint32_t)conn_events(r->conn, want);
	if (op == EPOLL_CTL_MOD && events == r->events)
		return 0;
	failure = listen_watch(s, op, conn_fd(r->conn), events, (uint32_t)(r - s->readers));
	r->events = events;
	return failure;
}

/* Its handshake is over: lets it begin. */
static int reader_join(struct listen_sink *s, struct listen_reader *r)
{
	if (!s->env->context)
		return listen_reader_begin(r, s->opening, s->opening_n, s->backlog.end);
	listen_reader_await(r);
	return 0;
}

void listen_serve_one(struct listen_sink *s, struct listen_reader *r)
{
	int failure = listen_reader_push(r, &s->backlog);

	if (failure == 0)
		failure = reader_watch(s, r, EPOLL_CTL_MOD);
	if (failure)
		listen_reader_end(r, false);
}

/* Goes on with it as far as that is possible. */
static void reader_step(struct listen_sink *s, struct listen_reader *r, uint32_t events)
{
	int failure = events & (EPOLLERR | EPOLLHUP) ? -EPIPE : 0;

	if (failure == 0 && r->state == READER_GREETS) {
		failure = conn_handshake(r->conn);
		if (failure == 0)
			failure = reader_join(s, r);
	}
	if (failure == 0)
		failure = listen_reader_hear(r);
	if (failure == 0 || failure == -EAGAIN)
		listen_serve_one(s, r);
	else
		listen_reader_end(r, false);
}

/* ---- the door ------------------------------------------------------------------------------ */

/* A free place, or that of one that has ended what it sends, and may have gone altogether; NULL =
 * all are taken. */
static struct listen_reader *listen_find_place(struct listen_sink *s)
{
	struct listen_reader *half = NULL;

	for (unsigned i = 0; i < s->cfg->readers; i++) {
		struct listen_reader *r = &s->readers[i];

		if (!r->state)
			return r;
		if (r->half && (!half || r->moved_ms < half->moved_ms))
			half = r;
	}
	if (half)
		listen_reader_end(half, false);
	return half;
}

static void listen_let_in(struct listen_sink *s, int fd)
{
	struct listen_reader *r = listen_find_place(s);
	int failure;

	if (!r) {
		s->refused++;
		close(fd);
		return;
	}
	if (conn_new(fd, s->tls, NULL, &r->conn) < 0)
		return;
	r->state = READER_GREETS;
	r->moved_ms = elapsed_ms();
	failure = reader_watch(s, r, EPOLL_CTL_ADD);
	if (failure)
		listen_reader_end(r, false);
	else
		reader_step(s, r, 0);
}

/* Where no descriptor is left for them, they wait at the door for a while. */
static void listen_accept(struct listen_sink *s, int door)
{
	for (unsigned i = 0; i < EVENTS; i++) {
		int fd = listener_accept(door);

		if (fd == -EAGAIN)
			return;
		if (fd < 0) {
			s->paused_ms = elapsed_ms() + ACCEPT_MS;
			listen_watch_door(s, EPOLL_CTL_MOD, 0);
			return;
		}
		listen_let_in(s, fd);
	}
}

/* ---- time ---------------------------------------------------------------------------------- */

/* Only descriptors wake who waits for a sink that is idle. */
static void listen_set_timer(struct listen_sink *s, bool due)
{
	const struct itimerspec once = {.it_value = {.tv_nsec = due ? TICK_MS * 1000000l : 0}};

	timerfd_settime(s->timer, 0, &once, NULL);
}

/* What only time brings: true = there is something of that kind. */
static bool listen_tick(struct listen_sink *s)
{
	int64_t now_ms = elapsed_ms();
	bool due = false, awaits = false;

	for (unsigned i = 0; i < s->cfg->readers; i++) {
		struct listen_reader *r = &s->readers[i];

		if (r->state == READER_GREETS && now_ms - r->moved_ms > HANDSHAKE_MS)
			listen_reader_end(r, false);
		due |= r->state == READER_GREETS;
		awaits |= r->state == READER_AWAITS;
	}
	if (awaits && now_ms >= s->refresh_ms) {
		s->refresh_ms = now_ms + REFRESH_MS;
		s->env->refresh(s->env->done_arg);
	}
	if (s->paused_ms && now_ms >= s->paused_ms) {
		s->paused_ms = 0;
		listen_watch_door(s, EPOLL_CTL_MOD, EPOLLIN);
	}
	return due || awaits || s->paused_ms;
}

void listen_turn(struct listen_sink *s)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(s->epoll, events, EVENTS, 0);
	uint32_t at;
	uint64_t expired;

	for (int i = 0; i < n; i++) {
		at = events[i].data.u32;
		if (at == AT_TIMER)
			(void)!read(s->timer, &expired, sizeof(expired));
		else if (at >= AT_LISTENER)
			listen_accept(s, s->listener.fd[at - AT_LISTENER]);
		else if (s->readers[at].state) /* it may have given its place to another */
			reader_step(s, &s->readers[at], events[i].events);
	}
	if (n <= 0)
		return;
	listen_set_timer(s, listen_tick(s));
	listen_describe(s);
}
