/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which connections the kernel half takes for penstock's own (kern/self.bpf.h): here they are those
 * of this program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probes/core/core.h"

enum {
	RING = 64 * 1024,
};

/* struct self_conn of the kernel half: the connection as the other end sees it. */
struct conn {
	uint32_t netns;
	uint16_t local_port, remote_port;
	uint8_t local[16], remote[16];
};

static struct core *core_or_skip(void)
{
	static const struct core_filters filters;
	const struct core_config cfg = {RING, 0, &filters};
	struct err err = {""};
	struct core *core = NULL;
	int ret = core_new(&cfg, &core, &err);

	if (ret == -EPERM || ret == -EOPNOTSUPP) {
		print_message("SKIP: %s\n", err.text);
		skip();
	}
	if (ret)
		fail_msg("%s", err.text);
	return core;
}

/* How many connections it knows; *ret is the last one of them. */
static unsigned own_conns(struct core *core, struct conn *ret)
{
	int fd = bpf_object__find_map_fd_by_name(core_object(core), "self_conns");
	struct conn key, *at = NULL;
	unsigned n = 0;

	assert_true(fd >= 0);
	for (; !bpf_map_get_next_key(fd, at, &key); n++) {
		*ret = key;
		at = ret;
	}
	return n;
}

struct place {
	struct sockaddr_storage address;
	socklen_t n;
};

static uint16_t place_port(const struct place *p)
{
	return ntohs(p->address.ss_family == AF_INET
			     ? ((const struct sockaddr_in *)&p->address)->sin_port
			     : ((const struct sockaddr_in6 *)&p->address)->sin6_port);
}

static int sock_listen(int family, struct place *ret)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*ret = (struct place){.n = family == AF_INET ? sizeof(struct sockaddr_in)
						     : sizeof(struct sockaddr_in6)};
	ret->address.ss_family = (sa_family_t)family;
	if (family == AF_INET)
		((struct sockaddr_in *)&ret->address)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		((struct sockaddr_in6 *)&ret->address)->sin6_addr = in6addr_loopback;
	if (fd < 0 || bind(fd, (void *)&ret->address, ret->n)) {
		print_message("SKIP: no address of family %d here: %s\n", family, strerror(errno));
		skip();
	}
	assert_int_equal(listen(fd, 5), 0);
	assert_int_equal(getsockname(fd, (void *)&ret->address, &ret->n), 0);
	return fd;
}

static int sock_connect(const struct place *to)
{
	int fd = socket(to->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (void *)&to->address, to->n))
		return -1;
	return fd;
}

static uint16_t sock_port(int fd)
{
	struct place p = {.n = sizeof(p.address)};

	assert_int_equal(getsockname(fd, (void *)&p.address, &p.n), 0);
	return place_port(&p);
}

/* A process that does what is told by a byte each, and answers with one when it is done. */
struct other {
	pid_t pid;
	int talk;
};

static void other_start(struct other *o, void (*run)(int talk, const void *arg), const void *arg)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	o->pid = fork();
	assert_true(o->pid >= 0);
	if (!o->pid) {
		close(ends[0]);
		run(ends[1], arg);
		_exit(0);
	}
	close(ends[1]);
	o->talk = ends[0];
}

static void other_end(struct other *o)
{
	close(o->talk);
	assert_int_equal(waitpid(o->pid, NULL, 0), o->pid);
}

/* Serves until its parent hangs up. */
static void serve_one(int talk, const void *arg)
{
	struct place place;
	int fd = sock_listen(*(const int *)arg, &place), client;
	char c;

	if (write(talk, &place, sizeof(place)) != sizeof(place))
		return;
	client = accept(fd, NULL, NULL);
	while (read(talk, &c, 1) == 1)
		;
	close(client);
	close(fd);
}

/* Connects, and stays so until its parent hangs up. */
static void visit(int talk, const void *to)
{
	int fd = sock_connect(to);
	uint16_t port = fd < 0 ? 0 : sock_port(fd);
	char c;

	if (write(talk, &port, sizeof(port)) != sizeof(port))
		return;
	while (read(talk, &c, 1) == 1)
		;
	close(fd);
}

static void assert_conn(const struct conn *c, int family, uint16_t local, uint16_t remote)
{
	const struct in_addr here = {htonl(INADDR_LOOPBACK)};
	const void *address = family == AF_INET ? (const void *)&here : &in6addr_loopback;
	const size_t n = family == AF_INET ? sizeof(here) : sizeof(in6addr_loopback);

	assert_int_equal(c->local_port, local);
	assert_int_equal(c->remote_port, remote);
	assert_memory_equal(c->local, address, n);
	assert_memory_equal(c->remote, address, n);
	assert_int_not_equal(c->netns, 0);
}

static void connected_to(int family)
{
	struct core *core = core_or_skip();
	struct place place;
	struct other other;
	struct conn conn;
	int fd;

	other_start(&other, serve_one, &family);
	if (read(other.talk, &place, sizeof(place)) != sizeof(place)) {
		other_end(&other);
		core_free(core);
		skip();
	}
	fd = sock_connect(&place);
	assert_true(fd >= 0);
	assert_int_equal(own_conns(core, &conn), 1);
	assert_conn(&conn, family, place_port(&place), sock_port(fd));
	close(fd);
	other_end(&other);
	assert_int_equal(own_conns(core, &conn), 0);
	core_free(core);
}

static void what_we_connect_to(void **state)
{
	connected_to(AF_INET);
}

static void what_we_connect_to_by_ipv6(void **state)
{
	connected_to(AF_INET6);
}

static void what_connects_to_us(void **state)
{
	struct other others[2];
	uint16_t ports[2];
	struct place place;
	struct conn conn;
	struct core *core = core_or_skip();
	int fd = sock_listen(AF_INET, &place);

	for (int i = 0; i < 2; i++) {
		other_start(&others[i], visit, &place);
		assert_int_equal(read(others[i].talk, &ports[i], sizeof(ports[i])),
				 sizeof(ports[i]));
		assert_int_equal(own_conns(core, &conn), i + 1);
	}
	other_end(&others[1]);
	close(fd); /* and with it our ends of both, which were not accepted */
	other_end(&others[0]);
	assert_int_equal(own_conns(core, &conn), 0);
	core_free(core);
}

static void what_others_connect_to(void **state)
{
	const int family = AF_INET;
	struct other server, client;
	struct place place;
	struct conn conn;
	struct core *core = core_or_skip();
	uint16_t port;

	other_start(&server, serve_one, &family);
	assert_int_equal(read(server.talk, &place, sizeof(place)), sizeof(place));
	other_start(&client, visit, &place);
	assert_int_equal(read(client.talk, &port, sizeof(port)), sizeof(port));
	assert_int_not_equal(port, 0);
	assert_int_equal(own_conns(core, &conn), 0);
	other_end(&client);
	other_end(&server);
	core_free(core);
}

static void what_refuses_us(void **state)
{
	struct place place;
	struct conn conn;
	struct core *core = core_or_skip();
	int fd = sock_listen(AF_INET, &place);

	close(fd);
	assert_int_equal(sock_connect(&place), -1);
	assert_int_equal(own_conns(core, &conn), 0);
	core_free(core);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_we_connect_to),  cmocka_unit_test(what_we_connect_to_by_ipv6),
		cmocka_unit_test(what_connects_to_us), cmocka_unit_test(what_others_connect_to),
		cmocka_unit_test(what_refuses_us),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
