/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/support/ends.h"
#include "tests/support/temp.h"

#define AS_IS ((uid_t)-1), ((gid_t)-1)

static int open_text(const char *text, struct listener *l, struct err *err)
{
	struct address_list list;

	assert_int_equal(address_parse(text, NULL, &list, NULL), 0);
	*l = (struct listener){.n = 0};
	*err = (struct err){.text = ""};
	return listener_open(&list.v[0], AS_IS, l, err);
}

static int open_path_as(const char *path, uid_t uid, gid_t gid, struct listener *l, struct err *err)
{
	struct address_list list;

	assert_int_equal(address_parse_path(path, &list, NULL), 0);
	*l = (struct listener){.n = 0};
	*err = (struct err){.text = ""};
	return listener_open(&list.v[0], uid, gid, l, err);
}

static int open_path(const char *path, struct listener *l, struct err *err)
{
	return open_path_as(path, AS_IS, l, err);
}

static unsigned mode_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) < 0 ? 0 : st.st_mode;
}

/* Somebody can connect there, and one of the listener's descriptors takes it. */
static void expect_taken(struct listener *l, const char *where)
{
	struct pollfd p[LISTENER_FDS];
	int client = ends_dial_text(where), server;

	assert_true(client >= 0);
	for (unsigned i = 0; i < l->n; i++)
		p[i] = (struct pollfd){.fd = l->fd[i], .events = POLLIN};
	assert_int_equal(poll(p, l->n, ENDS_PATIENCE_MS), 1);
	for (unsigned i = 0; i < l->n; i++)
		if (p[i].revents) {
			server = listener_accept(l->fd[i]);
			assert_true(server >= 0);
			assert_int_equal(listener_accept(l->fd[i]), -EAGAIN);
			close(server);
		}
	close(client);
}

static void any_port_is_told(void **state)
{
	char text[ADDRESS_TEXT];
	struct listener l;
	struct err err;

	assert_int_equal(open_text("127.0.0.1:0", &l, &err), 0);
	assert_int_equal(l.n, 1);
	assert_ptr_equal(strstr(listener_text(&l, text), "127.0.0.1:"), text);
	assert_string_not_equal(text, "127.0.0.1:0");
	expect_taken(&l, text);
	listener_close(&l);
	assert_int_equal(l.n, 0);
	listener_close(&l);
	assert_int_equal(ends_dial_text(text), -ECONNREFUSED);
}

static void a_port_that_is_taken_is_said(void **state)
{
	char text[ADDRESS_TEXT], line[ADDRESS_TEXT + 32];
	struct listener l, other;
	struct err err;

	assert_int_equal(open_text("127.0.0.1:0", &l, &err), 0);
	listener_text(&l, text);
	assert_int_equal(open_text(text, &other, &err), -EADDRINUSE);
	snprintf(line, sizeof(line), "%s: Address already in use", text);
	assert_string_equal(err.text, line);
	assert_int_equal(other.n, 0);
	listener_close(&l);
}

static void a_port_can_be_had_again_at_once(void **state)
{
	char text[ADDRESS_TEXT];
	struct listener l;
	struct err err;

	assert_int_equal(open_text("127.0.0.1:0", &l, &err), 0);
	listener_text(&l, text);
	for (int i = 0; i < 3; i++) { /* connections of the one before linger */
		int client = ends_dial_text(text), server = listener_accept(l.fd[0]);

		assert_true(client >= 0 && server >= 0);
		close(server);
		close(client);
		listener_close(&l);
		assert_int_equal(open_text(text, &l, &err), 0);
	}
	listener_close(&l);
}

static void a_star_is_every_address_of_both_families(void **state)
{
	char text[ADDRESS_TEXT], where[ADDRESS_TEXT];
	struct listener l;
	struct err err;
	int fd;

	assert_int_equal(open_text("*:0", &l, &err), 0);
	snprintf(where, sizeof(where), "127.0.0.1:%s", strrchr(listener_text(&l, text), ':') + 1);
	expect_taken(&l, where);
	if (strstr(text, "[::]:")) {
		snprintf(where, sizeof(where), "[::1]:%s", strrchr(text, ':') + 1);
		expect_taken(&l, where);
	}
	/* A peer of IPv4 is shown as such. */
	snprintf(where, sizeof(where), "127.0.0.1:%s", strrchr(text, ':') + 1);
	fd = ends_dial_text(where);
	assert_true(fd >= 0);
	{
		struct ends e = {.client = NULL};
		struct pollfd p = {.fd = l.fd[0], .events = POLLIN};

		assert_int_equal(poll(&p, 1, ENDS_PATIENCE_MS), 1);
		assert_int_equal(conn_new(listener_accept(l.fd[0]), NULL, NULL, &e.server), 0);
		assert_ptr_equal(strstr(conn_peer(e.server), "127.0.0.1:"), conn_peer(e.server));
		ends_close(&e);
	}
	close(fd);
	listener_close(&l);
}

static void a_name_is_all_its_addresses_at_one_port(void **state)
{
	char text[ADDRESS_TEXT], where[ADDRESS_TEXT];
	struct listener l;
	struct err err;

	assert_int_equal(open_text("localhost:0", &l, &err), 0);
	snprintf(where, sizeof(where), "127.0.0.1:%s", strrchr(listener_text(&l, text), ':') + 1);
	expect_taken(&l, where);
	if (l.n > 1) {
		snprintf(where, sizeof(where), "[::1]:%s", strrchr(text, ':') + 1);
		expect_taken(&l, where);
	}
	listener_close(&l);
}

static void a_name_that_is_none_is_said(void **state)
{
	struct listener l;
	struct err err;

	assert_int_equal(open_text("nosuch.invalid:1", &l, &err), -EADDRNOTAVAIL);
	assert_ptr_equal(strstr(err.text, "nosuch.invalid:1: "), err.text);
	/* 192.0.2.0/24 is nobody's. */
	assert_int_equal(open_text("192.0.2.1:1", &l, &err), -EADDRNOTAVAIL);
	assert_string_equal(err.text, "192.0.2.1:1: Cannot assign requested address");
}

static void a_path_is_ours_alone(void **state)
{
	const char *path = temp_name("own");
	mode_t before = umask(0), masks[] = {0, 022, 077};
	struct listener l;
	struct err err;

	for (int i = 0; i < 3; i++) {
		umask(masks[i]);
		assert_int_equal(open_path(path, &l, &err), 0);
		assert_int_equal(mode_of(path), S_IFSOCK | 0600);
		listener_close(&l);
		assert_int_equal(mode_of(path), 0);
	}
	umask(before);
}

static void a_path_is_told_and_taken(void **state)
{
	const char *path = temp_name("told");
	char text[ADDRESS_TEXT];
	struct address_list list;
	struct listener l;
	struct dial *d;
	struct err err;
	int client, server;

	assert_int_equal(open_path(path, &l, &err), 0);
	assert_string_equal(listener_text(&l, text), path);
	assert_int_equal(address_parse_path(path, &list, NULL), 0);
	d = dial_new(&list);
	assert_non_null(d);
	client = ends_dial(d);
	server = listener_accept(l.fd[0]);
	assert_true(client >= 0 && server >= 0);
	close(client);
	close(server);
	dial_free(d);
	listener_close(&l);
}

static void a_path_goes_to_its_owner(void **state)
{
	const char *path = temp_name("given");
	struct listener l;
	struct stat st;
	struct err err;

	if (geteuid() != 0)
		skip(); /* only root gives files away */
	assert_int_equal(open_path_as(path, 65534, 65533, &l, &err), 0);
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_uid, 65534);
	assert_int_equal(st.st_gid, 65533);
	listener_close(&l);
}

/* A socket whose process did not remove it. */
static void leave_socket(const char *path, bool alive, int *ret_fd)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	assert_int_equal(bind(fd, (const struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(listen(fd, 1), 0);
	if (!alive)
		close(fd);
	*ret_fd = fd;
}

static void a_dead_one_is_replaced(void **state)
{
	const char *path = temp_name("dead");
	struct listener l;
	struct err err;
	int fd;

	leave_socket(path, false, &fd);
	assert_int_equal(mode_of(path) & S_IFMT, S_IFSOCK);
	assert_int_equal(open_path(path, &l, &err), 0);
	assert_int_equal(mode_of(path), S_IFSOCK | 0600);
	listener_close(&l);
}

static void a_living_one_is_left_alone(void **state)
{
	const char *path = temp_name("alive");
	char line[PATH_MAX];
	struct listener l;
	struct err err;
	int fd;

	leave_socket(path, true, &fd);
	for (int i = 0; i < 4; i++) { /* also when its queue is full */
		assert_int_equal(open_path(path, &l, &err), -EADDRINUSE);
		snprintf(line, sizeof(line), "%s: Address already in use", path);
		assert_string_equal(err.text, line);
		assert_int_equal(mode_of(path) & S_IFMT, S_IFSOCK);
	}
	close(fd);
}

static void what_is_no_socket_is_left_alone(void **state)
{
	const char *path = temp_name("file"), *link = temp_name("link");
	char line[PATH_MAX];
	struct listener l;
	struct err err;

	temp_write(path, "precious");
	assert_int_equal(open_path(path, &l, &err), -EEXIST);
	snprintf(line, sizeof(line), "%s: is there, and is no socket", path);
	assert_string_equal(err.text, line);
	temp_expect(path, "precious");
	assert_int_equal(symlink(path, link), 0);
	assert_int_equal(open_path(link, &l, &err), -EEXIST);
	temp_expect(path, "precious");
	assert_int_equal(open_path("/nonexistent/socket", &l, &err), -ENOENT);
	assert_string_equal(err.text, "/nonexistent/socket: No such file or directory");
}

static void no_descriptors_is_a_failure_that_passes(void **state)
{
	struct rlimit was, none;
	char text[ADDRESS_TEXT];
	struct listener l;
	struct err err;
	int client, r;

	assert_int_equal(open_text("127.0.0.1:0", &l, &err), 0);
	client = ends_dial_text(listener_text(&l, text));
	assert_true(client >= 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	none = (struct rlimit){.rlim_cur = 0, .rlim_max = was.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	r = listener_accept(l.fd[0]);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_int_equal(r, -EMFILE);
	r = listener_accept(l.fd[0]);
	assert_true(r >= 0);
	close(r);
	close(client);
	listener_close(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_port_is_told),
		cmocka_unit_test(a_port_that_is_taken_is_said),
		cmocka_unit_test(a_port_can_be_had_again_at_once),
		cmocka_unit_test(a_star_is_every_address_of_both_families),
		cmocka_unit_test(a_name_is_all_its_addresses_at_one_port),
		cmocka_unit_test(a_name_that_is_none_is_said),
		cmocka_unit_test(a_path_is_ours_alone),
		cmocka_unit_test(a_path_is_told_and_taken),
		cmocka_unit_test(a_path_goes_to_its_owner),
		cmocka_unit_test(a_dead_one_is_replaced),
		cmocka_unit_test(a_living_one_is_left_alone),
		cmocka_unit_test(what_is_no_socket_is_left_alone),
		cmocka_unit_test(no_descriptors_is_a_failure_that_passes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
