/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the probe takes for a target, and its records. The target is this program: its symbols are
 * those of a TLS library. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/layout.h"
#include "capture/probe.h"
#include "kern/events.h"
#include "kern/openssl.h"
#include "probes/discovery/discovery.h"

/* ---- targets ------------------------------------------------------------------------------ */

#if defined(__x86_64__)
#define FUNCTION(name, code)                                                                       \
	".p2align 4\n.globl " name "\n.type " name ", @function\n" name ":\n"                      \
	".byte 0xf3, 0x0f, 0x1e, 0xfa\n" code "\n.size " name ", .-" name "\n.skip 16, 0xcc\n"

/* A library of version 3.3 or later whose SSL_read was inlined, so that only writing has one
 * function for all. */
__asm__(".text\n" FUNCTION("inner_write", "push %r13\nud2") FUNCTION(
	"inner_check",
	"push %r13\nud2") FUNCTION("SSL_read",
				   "push %rbp\nmov %rsp,%rbp\npush %r14\ncall inner_check\nud2")
		FUNCTION("SSL_read_ex",
			 "push %rbp\nmov %rsp,%rbp\npush %r15\ncall "
			 "inner_check\nud2") FUNCTION("SSL_peek", "push %rbp\nmov %rsp,%rbp\npush "
								  "%r15\ncall inner_check\nud2")
			FUNCTION("SSL_write", "sub $0x18,%rsp\nmov %rsp,%r8\ncall inner_write\nud2")
				FUNCTION("SSL_write_ex",
					 "mov %rcx,%r8\nxor %ecx,%ecx\njmp "
					 "SSL_write_ex2") FUNCTION("SSL_write_ex2",
								   "sub $8,%rsp\ncall "
								   "inner_write\nadd $8,%rsp\nret")
					FUNCTION("SSL_free", "test %rdi,%rdi\nje 1f\n1: ud2")
						FUNCTION(
							"SSL_set_connect_state",
							"push %rbx\nud2") FUNCTION("SSL_set_accept_"
										   "state",
										   "push %rbx\nud2")
							FUNCTION("SSL_connect", "push %rbx\nud2")
								FUNCTION("SSL_get_client_random",
									 "test %rdx,%rdx\nlea "
									 "0x188(%rdi),%rcx\nret"));

static const struct probe_ops *ops(void)
{
	const struct probe_ops *found = probe_by_name("tls");

	assert_non_null(found);
	assert_string_equal(found->name, "openssl");
	return found;
}

static void *config(void)
{
	void *cfg = calloc(1, ops()->cfg_size);

	assert_non_null(cfg);
	return cfg;
}

static void test_inspect(void **state)
{
	static const char *const wanted[] = {
		"SSL_read ret",
		"SSL_read openssl_read",
		"SSL_read_ex ret",
		"SSL_read_ex openssl_read_ex",
		"ssl_write_internal2 ret",
		"ssl_write_internal2 openssl_write_ex2",
		"SSL_free openssl_free",
		"SSL_set_connect_state openssl_connect",
		"SSL_set_accept_state openssl_accept",
		"SSL_connect openssl_handshake_out",
	};
	struct openssl_params params;
	struct probe_plan plan;
	struct err err = {""};
	void *cfg = config();

	assert_int_equal(discovery_inspect(ops(), cfg, "/proc/self/exe", &plan, &err), 0);
	assert_int_equal(plan.n, sizeof(wanted) / sizeof(wanted[0]));
	for (unsigned i = 0; i < plan.n; i++) {
		const struct probe_hook *hook = &ops()->hooks[plan.v[i].hook];
		char text[96];

		snprintf(text, sizeof(text), "%s %s", hook->symbol,
			 hook->ret ? "ret" : hook->program);
		assert_string_equal(text, wanted[i]);
		assert_non_null(strstr(plan.v[i].note, ", cheap"));
	}
	assert_int_equal(plan.v[0].offset, plan.v[1].offset);
	assert_int_equal(plan.params_len, sizeof(params));
	memcpy(&params, plan.params, sizeof(params));
	assert_int_equal(params.random_in, -1);
	assert_int_equal(params.random_at, 0x188);
	assert_non_null(strstr(plan.v[0].note, "+0x188"));
	free(cfg);
}

static void test_no_target(void **state)
{
	struct probe_plan plan = {.n = 7};
	struct err err = {""};
	void *cfg = config();

	assert_int_equal(discovery_inspect(ops(), cfg, "/bin/sh", &plan, &err), 0);
	assert_int_equal(plan.n, 0);
	assert_int_equal(discovery_inspect(ops(), cfg, "/etc/passwd", &plan, &err), -ENOEXEC);
	free(cfg);
}
#endif

/* ---- records ------------------------------------------------------------------------------ */

struct sample {
	struct rec_data data;
	char payload[16];
};

static struct sample sample(void)
{
	struct sample s = {
		.data = {
			.rec = {.len = sizeof(struct rec_data) + 5, .kind = REC_DATA, .probe = 3},
			.task = {.pid = 10, .tid = 11},
			.conn = 77,
			.stream_offset = 1000,
			.call_offset = 16384,
			.call_total = 16389,
			.n = 5,
			.direction = DATA_RECEIVE,
			.library = DATA_OPENSSL,
			.flow = {.family = AF_INET6,
				 .protocol = IPPROTO_TCP,
				 .local_port = 443,
				 .remote_port = 5000,
				 .role = REC_ROLE_SERVER},
		}};

	memcpy(s.payload, "hello", 5);
	return s;
}

static int decode(struct sample *s, struct part *ret)
{
	return probe_by_number(3)->decode(&s->data.rec, ret);
}

static void test_decode(void **state)
{
	struct sample s = sample();
	struct part part;

	assert_int_equal(decode(&s, &part), 0);
	assert_int_equal(part.ev.kind, EVENT_DATA);
	assert_string_equal(part.ev.probe, "openssl");
	assert_int_equal(part.ev.data.payload.n, 5);
	assert_memory_equal(part.ev.data.payload.p, "hello", 5);
	assert_int_equal(part.ev.data.stream_offset, 1000);
	assert_int_equal(part.ev.data.call_total, 16389);
	assert_int_equal(part.ev.data.direction, DIRECTION_RECEIVE);
	assert_int_equal(part.flow.id, 77);
	assert_int_equal(part.flow.role, FLOW_ROLE_SERVER);
	assert_int_equal(part.flow.local_port, 443);
}

static void test_decode_bad(void **state)
{
	struct sample s = sample();
	struct part part;

	s.data.n = 6; /* more than the record has */
	assert_int_equal(decode(&s, &part), -EBADMSG);
	s = sample();
	s.data.direction = 3;
	assert_int_equal(decode(&s, &part), -EBADMSG);
	s = sample();
	s.data.library = 99;
	assert_int_equal(decode(&s, &part), -EBADMSG);
	s = sample();
	s.data.flow.family = 99;
	assert_int_equal(decode(&s, &part), -EBADMSG);
	s = sample();
	s.data.rec.len = sizeof(struct rec_data) - 1;
	assert_int_equal(decode(&s, &part), -EMSGSIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#if defined(__x86_64__)
		cmocka_unit_test(test_inspect),
		cmocka_unit_test(test_no_target),
#endif
		cmocka_unit_test(test_decode),
		cmocka_unit_test(test_decode_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
