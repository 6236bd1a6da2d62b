/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "capture/base/chunk.h"
#include "capture/base/utf8.h"
#include "proto/pb_map.h"
#include "tests/support/encoding.h"
#include "tests/support/events.h"
#include "tests/support/protobuf.h"

static uint8_t buffer[CHUNK_JUMBO];

static int setup(void **state)
{
	struct pb_map *m;

	if (pb_map_new(&m, NULL))
		return -1;
	*state = m;
	return 0;
}

static int teardown(void **state)
{
	pb_map_free(*state);
	return 0;
}

/* Exactly one message. */
static Penstock__V1__Event *unpack(const uint8_t *p, size_t n)
{
	struct bytes rest = {(const char *)p, n}, message = protobuf_take(&rest);

	assert_int_equal(rest.n, 0);
	return protobuf_unpack(message);
}

static Penstock__V1__Event *round_trip(struct pb_map *m, const struct event *ev)
{
	size_t n = 0;

	assert_int_equal(pb_map_event(m, ev, buffer, sizeof(buffer), &n), 0);
	return unpack(buffer, n);
}

#define FREE(event) PROTOBUF_FREE(event)

static void assert_bytes(ProtobufCBinaryData got, struct bytes want)
{
	assert_int_equal(got.len, want.n);
	if (want.n)
		assert_memory_equal(got.data, want.p, want.n);
}

static void line_comes_back(void **state)
{
	struct event ev = events_of(EVENT_LINE);
	Penstock__V1__Event *e;

	ev.flags = EVENT_F_TRUNCATED | EVENT_F_UNFINISHED;
	e = round_trip(*state, &ev);
	assert_int_equal(e->time_unix_nano, ev.time_unix_ns);
	assert_int_equal(e->time_boot_ns, ev.time_boot_ns);
	assert_int_equal(e->seq, 7);
	assert_int_equal(e->type, PENSTOCK__V1__EVENT_TYPE__SHELL);
	assert_int_equal(e->flags, PENSTOCK__V1__EVENT_FLAG__FLAG_TRUNCATED |
					   PENSTOCK__V1__EVENT_FLAG__FLAG_UNFINISHED);
	assert_int_equal(e->duration_ns, 20000000);
	assert_string_equal(e->probe, "bash");
	assert_int_equal(e->process->pid, 1234);
	assert_int_equal(e->process->start_boot_ns, ev.proc->start_boot_ns);
	assert_bytes(e->process->comm, BYTES("bash"));
	assert_int_equal(e->body_case, PENSTOCK__V1__EVENT__BODY_SHELL);
	assert_bytes(e->shell->command, ev.line.text);
	assert_bytes(e->shell->tty, ev.line.tty);
	assert_int_equal(e->shell->command_id, 5);
	assert_int_equal(e->shell->exit_code, 1);
	assert_int_equal(e->shell->exit_code_opt_case,
			 PENSTOCK__V1__SHELL_COMMAND__EXIT_CODE_OPT_EXIT_CODE);
	FREE(e);
	ev.line.has_status = false;
	e = round_trip(*state, &ev);
	assert_int_equal(e->shell->exit_code_opt_case,
			 PENSTOCK__V1__SHELL_COMMAND__EXIT_CODE_OPT__NOT_SET);
	FREE(e);
}

static void arguments_come_back(void **state)
{
	static const char *const want[] = {"a", "", "it's", ""};
	struct event ev = events_of(EVENT_EXEC);
	Penstock__V1__Event *e;

	ev.exec.argv = BYTES("a\0\0it's\0\0");
	e = round_trip(*state, &ev);
	assert_int_equal(e->exec->n_argv, 4);
	for (unsigned i = 0; i < 4; i++)
		assert_bytes(e->exec->argv[i], bytes_of(want[i]));
	assert_int_equal(e->exec->n_parents, 2);
	assert_int_equal(e->exec->parents[0]->pid, 812);
	assert_bytes(e->exec->parents[1]->comm, BYTES("systemd"));
	FREE(e);
	ev.exec.argv = BYTES("a\0cut");
	e = round_trip(*state, &ev);
	assert_int_equal(e->exec->n_argv, 2);
	assert_bytes(e->exec->argv[1], BYTES("cut"));
	FREE(e);
}

static void other_kinds_come_back(void **state)
{
	struct event ev = events_of(EVENT_EXIT);
	Penstock__V1__Event *e = round_trip(*state, &ev);

	assert_int_equal(e->exit->code, 3);
	assert_int_equal(e->exit->lifetime_ns, 12345678);
	FREE(e);
	ev = events_of(EVENT_LOSS);
	e = round_trip(*state, &ev);
	assert_int_equal(e->loss->count, 12);
	assert_int_equal(e->loss->unit, PENSTOCK__V1__LOSS_UNIT__RECORDS);
	assert_string_equal(e->loss->reason, "no_space");
	assert_null(e->process);
	FREE(e);
	ev = events_of(EVENT_STATS);
	e = round_trip(*state, &ev);
	assert_int_equal(e->stats->n_counters, 3);
	assert_string_equal(e->stats->counters[2]->group, "reader");
	assert_int_equal(e->stats->counters[2]->value, UINT64_MAX);
	FREE(e);
	ev = events_of(EVENT_META);
	e = round_trip(*state, &ev);
	assert_string_equal(e->stream_info->host_name, "testhost");
	assert_memory_equal(e->stream_info->boot_id.data, events_run.boot_id, 16);
	FREE(e);
	ev = events_of(EVENT_ATTACH);
	ev.attach.status = -ENOENT;
	e = round_trip(*state, &ev);
	assert_int_equal(e->attach->status, -ENOENT);
	assert_bytes(e->attach->hook, BYTES("readline"));
	FREE(e);
}

static void data_comes_back(void **state)
{
	struct event ev = events_of(EVENT_DATA);
	Penstock__V1__Event *e;

	ev.data.stream_offset = 1000;
	ev.data.missing = 10;
	ev.data.fin = true;
	e = round_trip(*state, &ev);
	assert_int_equal(e->type, PENSTOCK__V1__EVENT_TYPE__TLS_DATA);
	assert_int_equal(e->direction, PENSTOCK__V1__DIRECTION__DIRECTION_TRANSMIT);
	assert_int_equal(e->stream_offset, 1000);
	assert_int_equal(e->orig_len, 0);
	assert_bytes(e->tls_data->payload, ev.data.payload);
	assert_string_equal(e->tls_data->library, "openssl");
	assert_string_equal(e->tls_data->protocol, "http1");
	assert_int_equal(e->tls_data->missing, 10);
	assert_int_equal(e->tls_data->call_total, 44);
	assert_true(e->tls_data->fin);
	assert_int_equal(e->conn->id, ev.flow->id);
	assert_bytes(e->conn->local_addr, BYTES("\xc0\0\2\1"));
	assert_int_equal(e->conn->remote_port, 8443);
	assert_int_equal(e->conn->role, PENSTOCK__V1__ROLE__ROLE_CLIENT);
	assert_int_equal(e->conn->socket_cookie, 77);
	FREE(e);
	ev.flags = EVENT_F_TRUNCATED;
	e = round_trip(*state, &ev);
	assert_int_equal(e->orig_len, 44);
	FREE(e);
}

static void process_comes_back(void **state)
{
	struct event ev = events_of(EVENT_LINE);
	Penstock__V1__Event *e;
	size_t n;

	assert_int_equal(pb_map_process(*state, &ev, buffer, sizeof(buffer), &n), 0);
	e = unpack(buffer, n);
	assert_int_equal(e->type, PENSTOCK__V1__EVENT_TYPE__PROCESS_INFO);
	assert_int_equal(e->process_info->n_argv, 2);
	assert_bytes(e->process_info->argv[1], BYTES("--norc"));
	assert_bytes(e->process_info->process->cgroup, ev.proc->cgroup);
	assert_int_equal(e->process_info->n_parents, 2);
	FREE(e);
	ev = events_of(EVENT_EXEC);
	assert_int_equal(pb_map_process(*state, &ev, buffer, sizeof(buffer), &n), 0);
	e = unpack(buffer, n);
	assert_int_equal(e->process_info->n_argv, 0);
	assert_bytes(e->process_info->cwd, ev.proc->cwd);
	FREE(e);
}

/* The room must be exact: one byte less is refused and nothing is written. */
static void respects_the_room(void **state)
{
	for (unsigned kind = 0; kind < EVENT_KINDS; kind++) {
		struct event ev = events_of(kind);
		size_t n, again = 12345;

		assert_int_equal(pb_map_event(*state, &ev, buffer, sizeof(buffer), &n), 0);
		memset(buffer, 0xaa, n + 1);
		assert_int_equal(pb_map_event(*state, &ev, buffer, n - 1, &again), -ENOBUFS);
		assert_int_equal(again, 12345);
		for (size_t i = 0; i <= n; i++)
			assert_int_equal(buffer[i], 0xaa);
		assert_int_equal(pb_map_event(*state, &ev, buffer, n, &again), 0);
		assert_int_equal(buffer[n], 0xaa);
	}
}

static void refuses_what_fits_no_chunk(void **state)
{
	size_t big = CHUNK_JUMBO + 1, n;
	char *text = calloc(1, big);
	struct event ev = events_of(EVENT_LINE);

	ev.line.text = (struct bytes){text, big};
	assert_int_equal(pb_map_event(*state, &ev, buffer, sizeof(buffer), &n), -EMSGSIZE);
	ev = events_of(EVENT_EXEC); /* eight million empty arguments */
	ev.exec.argv = (struct bytes){text, big};
	assert_int_equal(pb_map_event(*state, &ev, buffer, sizeof(buffer), &n), -EMSGSIZE);
	free(text);
}

/* A string that is no UTF-8 makes other parsers refuse the whole message. */
static void strings_are_utf8(void **state)
{
	uint64_t seed = 2;
	char text[300];
	struct proc proc;

	for (unsigned round = 0; round < 3000; round++) {
		size_t n = events_random(&seed) % sizeof(text);
		struct event ev;
		Penstock__V1__Event *e;

		for (size_t i = 0; i < n; i++)
			text[i] = events_random(&seed);
		ev = events_hostile(round % EVENT_KINDS, (struct bytes){text, n}, &proc);
		e = round_trip(*state, &ev);
		if (e->process) {
			assert_bytes(e->process->comm, proc.comm);
			assert_true(utf8_valid(bytes_of(e->process->container_id)));
		}
		if (e->body_case == PENSTOCK__V1__EVENT__BODY_SHELL)
			assert_bytes(e->shell->command, ev.line.text);
		FREE(e);
	}
}

/* A length takes another byte from 128 on: of a text, and of each message around it. */
static void short_lengths_grow(void **state)
{
	char text[300];
	struct proc proc;
	size_t got;

	memset(text, 'x', sizeof(text));
	for (size_t n = 0; n < sizeof(text); n++) {
		for (unsigned kind = 0; kind < EVENT_KINDS; kind++) {
			struct event ev = events_hostile(kind, (struct bytes){text, n}, &proc);

			FREE(round_trip(*state, &ev));
			if (!ev.proc)
				continue;
			assert_int_equal(pb_map_process(*state, &ev, buffer, sizeof(buffer), &got),
					 0);
			FREE(unpack(buffer, got));
		}
	}
}

/* And from 16 KiB and 2 MiB on. */
static void long_lengths_grow(void **state)
{
	static const size_t limits[] = {1 << 14, 1 << 21};
	char *text = malloc(limits[1]);

	assert_non_null(text);
	memset(text, 'x', limits[1]);
	for (unsigned i = 0; i < 2; i++) {
		for (size_t less = 0; less < 400; less += i ? 9 : 1) {
			struct event data = events_of(EVENT_DATA), exec = events_of(EVENT_EXEC);

			data.data.payload = (struct bytes){text, limits[i] - less};
			FREE(round_trip(*state, &data));
			exec.exec.argv = data.data.payload;
			FREE(round_trip(*state, &exec));
		}
	}
	free(text);
}

/* Every field of its kind at its largest. */
static void largest_numbers_come_back(void **state)
{
	struct event ev = events_of(EVENT_DATA);
	struct flow flow = *ev.flow;
	struct proc proc = *ev.proc;
	Penstock__V1__Event *e;

	ev.flow = &flow;
	ev.proc = &proc;
	flow.id = flow.cookie = UINT64_MAX;
	flow.netns = UINT32_MAX;
	flow.local_port = flow.remote_port = UINT16_MAX;
	flow.family = AF_INET6;
	flow.ip_proto = UINT8_MAX;
	flow.role = FLOW_ROLE_SERVER;
	memset(flow.local, 0xff, sizeof(flow.local));
	proc.pid = proc.ppid = proc.uid = proc.gid = proc.loginuid = proc.ns_pid = UINT32_MAX;
	proc.start_boot_ns = proc.start_unix_ns = proc.cgroup_id = UINT64_MAX;
	ev.time_boot_ns = ev.time_unix_ns = ev.seq = UINT64_MAX;
	ev.flags = ev.tid = ev.cpu = UINT32_MAX;
	ev.data.stream_offset = ev.data.call_offset = ev.data.call_total = UINT64_MAX;
	ev.data.missing = UINT64_MAX;
	ev.data.fin = true;
	ev.data.direction = DIRECTION_RECEIVE;
	e = round_trip(*state, &ev);
	assert_true(e->seq == UINT64_MAX && e->flags == UINT32_MAX && e->cpu == UINT32_MAX);
	assert_true(e->orig_len == UINT64_MAX && e->stream_offset == UINT64_MAX);
	assert_true(e->time_unix_nano == UINT64_MAX && e->time_boot_ns == UINT64_MAX);
	assert_true(e->process->cgroup_id == UINT64_MAX && e->process->tid == UINT32_MAX);
	assert_true(e->process->loginuid == UINT32_MAX && e->process->ns_pid == UINT32_MAX);
	assert_true(e->conn->socket_cookie == UINT64_MAX && e->conn->netns_inum == UINT32_MAX);
	assert_int_equal(e->conn->local_addr.len, 16);
	assert_true(e->tls_data->missing == UINT64_MAX && e->tls_data->call_total == UINT64_MAX);
	FREE(e);
	ev = events_of(EVENT_LINE);
	ev.line.status = INT32_MIN;
	e = round_trip(*state, &ev);
	assert_int_equal(e->shell->exit_code, INT32_MIN);
	FREE(e);
}

/* protoc is a parser that we did not write: it refuses what is not UTF-8 in a string. */
static void protoc_decodes(void **state)
{
	char all[256], *text;
	struct proc proc;
	struct event ev;
	size_t n, head = 0;
	int status;

	if (!encoding_has("protoc"))
		skip();
	for (unsigned i = 0; i < sizeof(all); i++)
		all[i] = i;
	ev = events_hostile(EVENT_LINE, (struct bytes){all, sizeof(all)}, &proc);
	assert_int_equal(pb_map_event(*state, &ev, buffer, sizeof(buffer), &n), 0);
	while (buffer[head++] & 0x80)
		;
	text = encoding_run(&status,
			    "protoc -I. --decode=penstock.v1.Event proto/event.proto <%s 2>&1",
			    encoding_file(buffer + head, n - head));
	assert_int_equal(status, 0);
	assert_non_null(strstr(text, "type: SHELL"));
	assert_non_null(strstr(text, "pid: 1234"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_comes_back),
		cmocka_unit_test(arguments_come_back),
		cmocka_unit_test(other_kinds_come_back),
		cmocka_unit_test(data_comes_back),
		cmocka_unit_test(process_comes_back),
		cmocka_unit_test(respects_the_room),
		cmocka_unit_test(refuses_what_fits_no_chunk),
		cmocka_unit_test(strings_are_utf8),
		cmocka_unit_test(short_lengths_grow),
		cmocka_unit_test(long_lengths_grow),
		cmocka_unit_test(largest_numbers_come_back),
		cmocka_unit_test(protoc_decodes),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
