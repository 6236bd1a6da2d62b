/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/net/dial.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "capture/base/cleanup.h"
#include "capture/base/elapsed.h"
#include "capture/net/socket.h"

enum {
	CONNECT_MS = 5000,
	ASK_MS = 15000, /* a resolver asks the next name server after five seconds */
	ASK_PAUSE_MS = 20,
};

/* A name that the C library looks up in a thread of its own. It cannot be stopped, so that this
 * outlives the dial that gave it up. */
struct question {
	struct gaicb gai;
	struct addrinfo hints;
	char host[sizeof(((struct address *)0)->host)];
	char port[sizeof(((struct address *)0)->port)];
	struct question *next; /* of those that nobody waits for */
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

static pthread_mutex_t abandoned_lock = PTHREAD_MUTEX_INITIALIZER;
static struct question *abandoned;

/* Not only has it an answer: the C library has let go of it as well. */
static bool question_is_over(struct question *q)
{
	return gai_error(&q->gai) != EAI_INPROGRESS && gai_cancel(&q->gai) == EAI_ALLDONE;
}

static void question_free(struct question *q)
{
	if (q->gai.ar_result)
		freeaddrinfo(q->gai.ar_result);
	free(q);
}

static void question_reap_abandoned(void)
{
	pthread_mutex_lock(&abandoned_lock);
	for (struct question **at = &abandoned, *q = abandoned; q; q = *at) {
		if (question_is_over(q)) {
			*at = q->next;
			question_free(q);
		} else {
			at = &q->next;
		}
	}
	pthread_mutex_unlock(&abandoned_lock);
}

/* Nobody waits for the answer any more. */
static void question_abandon(struct question *q)
{
	if (gai_cancel(&q->gai) != EAI_NOTCANCELED) {
		question_free(q);
		return;
	}
	pthread_mutex_lock(&abandoned_lock);
	q->next = abandoned;
	abandoned = q;
	pthread_mutex_unlock(&abandoned_lock);
}

static struct question *question_ask(const struct address *a)
{
	struct question *q = calloc(1, sizeof(*q));
	struct gaicb *list;

	if (!q)
		return NULL;
	list = &q->gai;
	q->hints = (struct addrinfo){.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	memcpy(q->host, a->host, sizeof(q->host));
	memcpy(q->port, a->port, sizeof(q->port));
	q->gai = (struct gaicb){.ar_name = q->host, .ar_service = q->port, .ar_request = &q->hints};
	if (getaddrinfo_a(GAI_NOWAIT, &list, 1, NULL) == 0)
		return q;
	free(q);
	return NULL;
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
		question_abandon(TAKE_PTR(d->question));
	if (d->found)
		freeaddrinfo(TAKE_PTR(d->found));
	d->next = NULL;
}

void dial_cancel(struct dial *d)
{
	dial_drop_endpoint(d);
	d->state = DIAL_IDLE;
	question_reap_abandoned();
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

const char *dial_why(const struct dial *d)
{
	return d->why;
}

void dial_wait(const struct dial *d, int *ret_fd, short *ret_events, int *ret_timeout_ms)
{
	int64_t left = d->until - elapsed_ms();

	*ret_fd = d->state == DIAL_CONNECTING ? d->fd : -1;
	*ret_events = POLLOUT;
	if (d->state == DIAL_CONNECTING)
		*ret_timeout_ms = left > 0 ? (int)left : 0;
	else
		*ret_timeout_ms = d->state == DIAL_ASKING ? ASK_PAUSE_MS : 0;
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

	d->error = 0;
	if (*a->path) {
		memcpy(sun.sun_path, a->path, sizeof(sun.sun_path));
		dial_begin_connect(d, (const struct sockaddr *)&sun, sizeof(sun));
	} else if (getaddrinfo(a->host, a->port, &hints, &d->found) == 0) {
		d->next = d->found;
		d->state = DIAL_ADDRESS;
	} else {
		d->found = NULL;
		d->question = question_ask(a);
		d->until = elapsed_ms() + ASK_MS;
		d->state = DIAL_ASKING;
		if (!d->question)
			dial_fail_endpoint(d, -ENOMEM, "its name cannot be looked up");
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
	int r;

	if (!question_is_over(q)) {
		if (elapsed_ms() < d->until)
			return -EAGAIN;
		dial_fail_endpoint(d, -ETIMEDOUT, "no name server answers");
		return 0;
	}
	r = gai_error(&q->gai);
	if (r) {
		dial_fail_endpoint(d, -EHOSTUNREACH,
				   r == EAI_SYSTEM ? "its name cannot be looked up"
						   : gai_strerror(r));
		return 0;
	}
	d->found = TAKE_PTR(q->gai.ar_result);
	question_free(TAKE_PTR(d->question));
	d->next = d->found;
	d->state = DIAL_ADDRESS;
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

	question_reap_abandoned();
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
