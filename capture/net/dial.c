/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/net/dial.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "capture/base/cleanup.h"
#include "capture/base/elapsed.h"
#include "capture/net/socket.h"

enum {
	CONNECT_MS = 5000,
	ASK_MS = 15000, /* a resolver asks the next name server after five seconds */
};

/* A name that is looked up, which blocks, in a thread of its own. That cannot be stopped, so that
 * this may outlive the dial that asked: whoever lets go of it last frees it. */
struct question {
	char host[sizeof(((struct address *)0)->host)];
	char port[sizeof(((struct address *)0)->port)];
	int answered; /* an eventfd, readable when there is an answer */
	int r;        /* of getaddrinfo(3) */
	struct addrinfo *found;
	atomic_bool one_left;
};

/* What is under way. */
enum dial_state {
	DIAL_IDLE,
	DIAL_ENDPOINT, /* the next one is to be looked up */
	DIAL_ASKING,
	DIAL_ADDRESS, /* the next address of this one is to be tried */
	DIAL_CONNECTING,
};

struct dial {
	struct address_list list;
	enum dial_state state;
	unsigned at; /* endpoint */
	struct question *question;
	struct addrinfo *found; /* addresses of this endpoint */
	const struct addrinfo *next;
	int fd;        /* connecting, -1 = none */
	int64_t until; /* of elapsed_ms(): asking, connecting */
	int error;     /* of the last address, negative */
	char why[512];
};

static void question_let_go(struct question *q)
{
	if (!atomic_exchange(&q->one_left, true))
		return;
	if (q->found)
		freeaddrinfo(q->found);
	close(q->answered);
	free(q);
}

static void *question_thread(void *arg)
{
	struct question *q = arg;
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};

	q->r = getaddrinfo(q->host, q->port, &hints, &q->found);
	if (q->r)
		q->found = NULL;
	eventfd_write(q->answered, 1);
	question_let_go(q);
	return NULL;
}

static int question_start(struct question *q)
{
	sigset_t all, before;
	pthread_attr_t attr;
	pthread_t thread;
	int r = pthread_attr_init(&attr);

	if (r)
		return -r;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	sigfillset(&all); /* signals are for the threads that wait for them */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&thread, &attr, question_thread, q);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return -r;
}

static int question_ask(const struct address *a, struct question **ret)
{
	CLEANUP_FREE struct question *q = calloc(1, sizeof(*q));
	int r;

	if (!q)
		return -ENOMEM;
	memcpy(q->host, a->host, sizeof(q->host));
	memcpy(q->port, a->port, sizeof(q->port));
	q->answered = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (q->answered < 0)
		return -errno;
	r = question_start(q);
	if (r < 0) {
		close(q->answered);
		return r;
	}
	*ret = TAKE_PTR(q);
	return 0;
}

struct dial *dial_new(const struct address_list *list)
{
	struct dial *d = calloc(1, sizeof(*d));

	assert(list->n > 0 && list->n <= ADDRESS_MAX);
	if (!d)
		return NULL;
	d->list = *list;
	d->fd = -1;
	return d;
}

static void dial_drop_address(struct dial *d)
{
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
}

static void dial_drop_endpoint(struct dial *d)
{
	dial_drop_address(d);
	if (d->question)
		question_let_go(TAKE_PTR(d->question));
	if (d->found)
		freeaddrinfo(TAKE_PTR(d->found));
	d->next = NULL;
}

void dial_cancel(struct dial *d)
{
	dial_drop_endpoint(d);
	d->state = DIAL_IDLE;
}

void dial_free(struct dial *d)
{
	if (!d)
		return;
	dial_cancel(d);
	free(d);
}

const struct address *dial_endpoint(const struct dial *d)
{
	return &d->list.v[d->at];
}

void dial_pass_over(struct dial *d)
{
	struct address_list list = {.n = d->list.n};

	assert(d->state == DIAL_IDLE);
	for (unsigned i = 0; i < list.n; i++)
		list.v[i] = d->list.v[(d->at + 1 + i) % list.n];
	d->list = list;
	d->at = list.n - 1;
}

const char *dial_why(const struct dial *d)
{
	return d->why;
}

void dial_wait(const struct dial *d, int *ret_fd, short *ret_events, int *ret_timeout_ms)
{
	int64_t left = d->until - elapsed_ms();
	bool asking = d->state == DIAL_ASKING, waits = asking || d->state == DIAL_CONNECTING;

	*ret_fd = asking ? d->question->answered : waits ? d->fd : -1;
	*ret_events = asking ? POLLIN : POLLOUT;
	*ret_timeout_ms = waits && left > 0 ? (int)left : 0;
}

static void dial_say(struct dial *d, int error, const char *text)
{
	char where[ADDRESS_TEXT];

	d->error = error;
	snprintf(d->why, sizeof(d->why), "%s: %s", address_text(dial_endpoint(d), where), text);
}

/* This address did not take it. That there is no way to one address (of a family that this machine
 * does not have, mostly) does not hide what another one said. */
static void dial_fail_address(struct dial *d, int error)
{
	bool no_way = error == -ENETUNREACH || error == -EADDRNOTAVAIL || error == -EAFNOSUPPORT;

	dial_drop_address(d);
	d->state = DIAL_ADDRESS;
	if (no_way && d->error)
		return;
	if (error == -EAGAIN)
		dial_say(d, -EBUSY, "the queue of those who want to connect is full");
	else
		dial_say(d, error, strerror(-error));
}

static void dial_fail_endpoint(struct dial *d, int error, const char *text)
{
	dial_say(d, error, text);
	dial_drop_endpoint(d);
	d->at++;
	d->state = DIAL_ENDPOINT;
}

/* A port that nobody listens at can be the very one that the kernel has given to this end: then it
 * is connected with itself. */
static bool dial_met_itself(int fd)
{
	struct sockaddr_storage own = {0}, peer = {0};
	socklen_t own_n = sizeof(own), peer_n = sizeof(peer);

	if (getsockname(fd, (struct sockaddr *)&own, &own_n) < 0 ||
	    getpeername(fd, (struct sockaddr *)&peer, &peer_n) < 0)
		return false;
	return own.ss_family != AF_UNIX && own_n == peer_n && !memcmp(&own, &peer, own_n);
}

static void dial_begin_connect(struct dial *d, const struct sockaddr *sa, socklen_t n)
{
	d->fd = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (d->fd < 0) {
		dial_fail_address(d, -errno);
		return;
	}
	socket_tune(d->fd);
	d->until = elapsed_ms() + CONNECT_MS;
	d->state = DIAL_CONNECTING;
	if (connect(d->fd, sa, n) < 0 && errno != EINPROGRESS && errno != EINTR)
		dial_fail_address(d, -errno);
}

/* A path, a number, or a name to ask for. */
static void dial_begin_endpoint(struct dial *d)
{
	const struct address *a = dial_endpoint(d);
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				 .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int r;

	d->error = 0;
	if (*a->path) {
		memcpy(sun.sun_path, a->path, sizeof(sun.sun_path));
		dial_begin_connect(d, (const struct sockaddr *)&sun, sizeof(sun));
	} else if (getaddrinfo(a->host, a->port, &hints, &d->found) == 0) {
		d->next = d->found;
		d->state = DIAL_ADDRESS;
	} else {
		d->found = NULL;
		d->until = elapsed_ms() + ASK_MS;
		d->state = DIAL_ASKING;
		r = question_ask(a, &d->question);
		if (r < 0)
			dial_fail_endpoint(d, r, strerror(-r));
	}
}

static void dial_begin_address(struct dial *d)
{
	const struct addrinfo *next = d->next;

	if (!next) {
		dial_drop_endpoint(d);
		d->at++;
		d->state = DIAL_ENDPOINT;
		return;
	}
	d->next = next->ai_next;
	dial_begin_connect(d, next->ai_addr, next->ai_addrlen);
}

/* Has the name been found? -EAGAIN: not yet. */
static int dial_check_answer(struct dial *d)
{
	struct question *q = d->question;
	eventfd_t any;

	if (eventfd_read(q->answered, &any) < 0) {
		if (elapsed_ms() < d->until)
			return -EAGAIN;
		dial_fail_endpoint(d, -ETIMEDOUT, "no name server answers");
	} else if (q->r) {
		dial_fail_endpoint(d, -EHOSTUNREACH, gai_strerror(q->r));
	} else {
		d->found = TAKE_PTR(q->found);
		d->next = d->found;
		d->state = DIAL_ADDRESS;
		question_let_go(TAKE_PTR(d->question));
	}
	return 0;
}

/* Is it connected? 1; -EAGAIN: not yet; 0: no, and something else is to be tried. */
static int dial_check_connect(struct dial *d, int *ret_fd)
{
	struct pollfd p = {.fd = d->fd, .events = POLLOUT};
	int error = 0;
	socklen_t n = sizeof(error);

	if (poll(&p, 1, 0) <= 0) {
		if (elapsed_ms() < d->until)
			return -EAGAIN;
		dial_fail_address(d, -ETIMEDOUT);
		return 0;
	}
	if (getsockopt(d->fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0)
		error = errno;
	if (!error && !dial_met_itself(d->fd)) {
		*ret_fd = TAKE_FD(d->fd);
		return 1;
	}
	dial_fail_address(d, error ? -error : -ECONNREFUSED);
	return 0;
}

int dial_step(struct dial *d)
{
	int r = 0, fd = -1;

	if (d->state == DIAL_IDLE) {
		d->at = 0;
		d->state = DIAL_ENDPOINT;
	}
	while (r == 0) {
		switch (d->state) {
		case DIAL_IDLE:
		case DIAL_ENDPOINT:
			if (d->at < d->list.n) {
				dial_begin_endpoint(d);
				break;
			}
			d->at = d->list.n - 1;
			d->state = DIAL_IDLE;
			return d->error;
		case DIAL_ASKING:
			r = dial_check_answer(d);
			break;
		case DIAL_ADDRESS:
			dial_begin_address(d);
			break;
		case DIAL_CONNECTING:
			r = dial_check_connect(d, &fd);
			break;
		}
	}
	if (r < 0)
		return r;
	dial_cancel(d);
	return fd;
}
