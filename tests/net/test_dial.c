/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "capture/base/elapsed.h"
#include "tests/support/ends.h"
#include "tests/support/temp.h"

/* A listening one at a port that the kernel chooses; `queue` connections wait at most. */
static int listen_raw(const char *host, int queue, char ret[ADDRESS_TEXT])
{
	struct address a = {.port = "0"};
	struct listener l = {.n = 0};

	snprintf(a.host, sizeof(a.host), "%s", host);
	if (listener_open(&a, (uid_t)-1, (gid_t)-1, &l, NULL) < 0)
		return -1;
	listener_text(&l, ret);
	assert_int_equal(listen(l.fd[0], queue), 0);
	return l.fd[0];
}

/* A port that nobody listens at. */
static const char *closed_port(char ret[ADDRESS_TEXT])
{
	close(listen_raw("127.0.0.1", 1, ret));
	return ret;
}

static struct dial *dial_of(const char *text)
{
	struct address_list list;
	struct dial *d;

	assert_int_equal(address_parse(text, NULL, &list, NULL), 0);
	d = dial_new(&list);
	assert_non_null(d);
	return d;
}

static struct dial *dial_of_path(const char *path)
{
	struct address_list list;
	struct dial *d;

	assert_int_equal(address_parse_path(path, &list, NULL), 0);
	d = dial_new(&list);
	assert_non_null(d);
	return d;
}

static int option(int fd, int level, int name)
{
	int value = -1;
	socklen_t n = sizeof(value);

	assert_int_equal(getsockopt(fd, level, name, &value, &n), 0);
	return value;
}

static void expect_tuned(int fd)
{
	assert_int_equal(option(fd, IPPROTO_TCP, TCP_NODELAY), 1);
	assert_int_equal(option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
	assert_int_equal(option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 10);
	assert_int_equal(option(fd, IPPROTO_TCP, TCP_KEEPINTVL), 5);
	assert_int_equal(option(fd, IPPROTO_TCP, TCP_KEEPCNT), 4);
	assert_int_equal(option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 30000);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

static void both_ends_are_set_up(void **state)
{
	int client, server;

	ends_sockets(&client, &server);
	expect_tuned(client);
	expect_tuned(server);
	close(client);
	close(server);
}

static void a_refusal_names_the_endpoint(void **state)
{
	char where[ADDRESS_TEXT], line[ADDRESS_TEXT + 32];
	struct dial *d = dial_of(closed_port(where));

	assert_int_equal(ends_dial(d), -ECONNREFUSED);
	snprintf(line, sizeof(line), "%s: Connection refused", where);
	assert_string_equal(dial_why(d), line);
	dial_free(d);
}

static void a_name_that_does_not_resolve_is_said(void **state)
{
	struct dial *d = dial_of("nosuch.invalid:4000");
	int64_t start = elapsed_ms();
	int r;

	r = dial_step(d); /* asked for in the background */
	assert_true(elapsed_ms() - start < 4000);
	if (r == -EAGAIN)
		r = ends_dial(d);
	assert_true(r == -EHOSTUNREACH || r == -ETIMEDOUT); /* where no name server answers */
	assert_ptr_equal(strstr(dial_why(d), "nosuch.invalid:4000: "), dial_why(d));
	assert_non_null(strcasestr(dial_why(d), "name"));
	dial_free(d);
}

static void the_last_of_several_takes_it(void **state)
{
	char where[ADDRESS_TEXT], closed[ADDRESS_TEXT], text[3 * ADDRESS_TEXT], shown[ADDRESS_TEXT];
	int l = listen_raw("127.0.0.1", 8, where), fd;
	struct dial *d;

	snprintf(text, sizeof(text), "%s,nosuch.invalid:1,%s", closed_port(closed), where);
	d = dial_of(text);
	fd = ends_dial(d);
	assert_true(fd >= 0);
	assert_string_equal(address_text(dial_endpoint(d), shown), where);
	close(fd);
	/* And from the first one on again. */
	fd = ends_dial(d);
	assert_true(fd >= 0);
	close(fd);
	dial_free(d);
	close(l);
}

static void all_refuse_and_the_next_call_begins_anew(void **state)
{
	char first[ADDRESS_TEXT], second[ADDRESS_TEXT], text[2 * ADDRESS_TEXT];
	struct address_list list;
	struct listener l = {.n = 0};
	struct dial *d;
	int fd;

	closed_port(first);
	snprintf(text, sizeof(text), "%s,%s", first, closed_port(second));
	d = dial_of(text);
	assert_int_equal(ends_dial(d), -ECONNREFUSED);
	assert_ptr_equal(strstr(dial_why(d), second), dial_why(d));
	assert_int_equal(address_parse(first, NULL, &list, NULL), 0);
	assert_int_equal(listener_open(&list.v[0], (uid_t)-1, (gid_t)-1, &l, NULL), 0);
	fd = ends_dial(d);
	assert_true(fd >= 0);
	close(fd);
	listener_close(&l);
	dial_free(d);
}

static void a_name_has_all_its_addresses_tried(void **state)
{
	char where[ADDRESS_TEXT], text[ADDRESS_TEXT];
	int l = listen_raw("127.0.0.1", 8, where), fd;

	/* localhost is ::1 first where that is there, and nobody listens at that. */
	snprintf(text, sizeof(text), "localhost:%s", strrchr(where, ':') + 1);
	fd = ends_dial_text(text);
	assert_true(fd >= 0);
	close(fd);
	close(l);
}

static void ipv6_is_dialled(void **state)
{
	char where[ADDRESS_TEXT];
	int l = listen_raw("::1", 8, where), fd;

	if (l < 0)
		skip(); /* this machine has none */
	assert_ptr_equal(strstr(where, "[::1]:"), where);
	fd = ends_dial_text(where);
	assert_true(fd >= 0);
	expect_tuned(fd);
	close(fd);
	close(l);
}

static void a_path_is_dialled(void **state)
{
	struct address_list list;
	struct listener l = {.n = 0};
	struct dial *d;
	char line[PATH_MAX];
	int fd;

	assert_int_equal(address_parse_path(temp_name("socket"), &list, NULL), 0);
	d = dial_of_path(list.v[0].path);
	assert_int_equal(ends_dial(d), -ENOENT);
	snprintf(line, sizeof(line), "%s: No such file or directory", list.v[0].path);
	assert_string_equal(dial_why(d), line);
	assert_int_equal(listener_open(&list.v[0], (uid_t)-1, (gid_t)-1, &l, NULL), 0);
	fd = ends_dial(d);
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	close(fd);
	listener_close(&l);
	dial_free(d);
}

static void a_full_queue_of_a_path_is_said(void **state)
{
	struct address_list list;
	struct listener l = {.n = 0};
	struct dial *d;
	int fd[8], n = 0, r;

	assert_int_equal(address_parse_path(temp_name("full"), &list, NULL), 0);
	assert_int_equal(listener_open(&list.v[0], (uid_t)-1, (gid_t)-1, &l, NULL), 0);
	assert_int_equal(listen(l.fd[0], 1), 0);
	d = dial_of_path(list.v[0].path);
	while ((r = ends_dial(d)) >= 0) {
		assert_in_range(n, 0, 7);
		fd[n++] = r;
	}
	assert_int_equal(r, -EBUSY);
	assert_non_null(
		strstr(dial_why(d), "full: the queue of those who want to connect is full"));
	r = listener_accept(l.fd[0]);
	assert_true(r >= 0);
	close(r);
	r = ends_dial(d);
	assert_true(r >= 0);
	close(r);
	while (n)
		close(fd[--n]);
	listener_close(&l);
	dial_free(d);
}

static void an_address_that_says_nothing_has_five_seconds(void **state)
{
	char silent[ADDRESS_TEXT], where[ADDRESS_TEXT], text[2 * ADDRESS_TEXT];
	int l = listen_raw("127.0.0.1", 8, where), full = listen_raw("127.0.0.1", 0, silent);
	int waiting = ends_dial_text(silent), timeout, fd;
	int64_t start = elapsed_ms(), took;
	struct dial *d;
	short events;

	/* One connection waits in its queue: the kernel does not answer others. */
	assert_true(waiting >= 0);
	snprintf(text, sizeof(text), "%s,%s", silent, where);
	d = dial_of(text);
	assert_int_equal(dial_step(d), -EAGAIN);
	dial_wait(d, &fd, &events, &timeout);
	assert_true(fd >= 0);
	assert_int_equal(events, POLLOUT);
	assert_in_range(timeout, 1, 5000);
	fd = ends_dial(d);
	took = elapsed_ms() - start;
	assert_true(fd >= 0);
	assert_in_range(took, 4900, 30000);
	assert_non_null(strstr(dial_why(d), ": Connection timed out"));
	close(fd);
	close(waiting);
	close(full);
	close(l);
	dial_free(d);
}

static void what_is_given_up_leaves_nothing(void **state)
{
	unsigned before = ends_descriptors();
	char silent[ADDRESS_TEXT];
	int full = listen_raw("127.0.0.1", 0, silent), waiting = ends_dial_text(silent);
	int64_t until = elapsed_ms() + 60000;
	struct dial *d;
	int r;

	for (int i = 0; i < 20; i++) { /* each at another point of its way */
		d = dial_of(i % 2 ? "nosuch.invalid:1" : silent);
		r = dial_step(d);
		assert_true(r == -EAGAIN || r == -EHOSTUNREACH); /* which may be known at once */
		if (i % 4 == 1)
			dial_cancel(d);
		dial_free(d);
	}
	close(waiting);
	close(full);
	/* The threads that ask end when they have their answer. */
	while (ends_descriptors() > before && elapsed_ms() < until)
		poll(NULL, 0, 10);
	assert_int_equal(ends_descriptors(), before);
	dial_free(NULL);
}

static void a_thousand_connections_leave_nothing(void **state)
{
	unsigned before = ends_descriptors();

	for (int i = 0; i < 1000; i++) {
		struct ends e;
		char got[4];

		ends_open(&e, NULL, NULL, "localhost");
		ends_write(e.client, "ping", 4);
		assert_int_equal(ends_read(e.server, got, 4), 4);
		ends_close(&e);
	}
	assert_int_equal(ends_descriptors(), before);
}

/* The kernel gives us ports of the range that the target's is in, most of them even: sooner or
 * later the same. */
static void it_never_connects_with_itself(void **state)
{
	char closed[ADDRESS_TEXT];
	int64_t until = elapsed_ms() + 1500;
	struct dial *d;

	do {
		closed_port(closed);
		closed[strlen(closed) - 1] = (char)(closed[strlen(closed) - 1] & ~1);
	} while (ends_dial_text(closed) != -ECONNREFUSED);
	d = dial_of(closed);
	while (elapsed_ms() < until)
		assert_int_equal(ends_dial(d), -ECONNREFUSED);
	dial_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ends_are_set_up),
		cmocka_unit_test(a_refusal_names_the_endpoint),
		cmocka_unit_test(a_name_that_does_not_resolve_is_said),
		cmocka_unit_test(the_last_of_several_takes_it),
		cmocka_unit_test(all_refuse_and_the_next_call_begins_anew),
		cmocka_unit_test(a_name_has_all_its_addresses_tried),
		cmocka_unit_test(ipv6_is_dialled),
		cmocka_unit_test(a_path_is_dialled),
		cmocka_unit_test(a_full_queue_of_a_path_is_said),
		cmocka_unit_test(an_address_that_says_nothing_has_five_seconds),
		cmocka_unit_test(what_is_given_up_leaves_nothing),
		cmocka_unit_test(a_thousand_connections_leave_nothing),
		cmocka_unit_test(it_never_connects_with_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
