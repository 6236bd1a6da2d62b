/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Links on a function of this program, one way and the other. What needs eBPF is skipped without.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "probes/attach.h"
#include "probes/elf/file.h"
#include "probes/load.h"
#include "tests/probes/discovery_test.h"
#include "tests/probes/discovery_test.skel.h"

enum {
	PROBE = 5,
	COOKIE = 2,
	MANY = 70 /* more than a table of links has at first, and than threads that detach */
};

/* What is probed. */
int test_attach_marker(int x);

__attribute__((noinline)) int test_attach_marker(int x)
{
	__asm__ volatile("" : "+r"(x));
	return x + 1;
}

static const struct probe_hook hooks[] = {{"marker", "test_readline", .ret = true}, {NULL}};

struct bench {
	struct discovery_test *bpf;
	struct attacher *attacher;
	struct attach_request request;
};

/* prepared: for links of many hooks, where the kernel has them; else for perf events. */
static void bench_open(struct bench *b, bool prepared)
{
	struct err err = {""};
	struct elf_symbol marker;
	struct elf_file *elf;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	*b = (struct bench){.bpf = discovery_test__open()};
	assert_non_null(b->bpf);
	if (prepared)
		attach_prepare(b->bpf->obj);
	if (discovery_test__load(b->bpf)) {
		print_message("SKIP: %s\n", strerror(errno));
		discovery_test__destroy(b->bpf);
		close(fd);
		skip();
	}
	assert_int_equal(attach_new(&(struct attach_probe){PROBE, hooks, b->bpf->obj}, 1,
				    &b->attacher, &err),
			 0);
	assert_int_equal(elf_file_open(fd, "this program", &elf, &err), 0);
	assert_int_equal(elf_file_symbol(elf, "test_attach_marker", &marker), 0);
	elf_file_close(elf);
	b->request = (struct attach_request){.id = 77,
					     .probe = PROBE,
					     .fd = fd,
					     .offset = marker.offset,
					     .cookie = COOKIE,
					     .ret = true};
}

static void bench_close(struct bench *b)
{
	attach_free(b->attacher);
	discovery_test__destroy(b->bpf);
	close(b->request.fd);
}

static struct attach_reply bench_attach(struct bench *b)
{
	struct attach_reply reply;

	attacher_call(b->attacher, &b->request, &reply);
	assert_int_equal(reply.id, 77);
	return reply;
}

/* Calls of the marker that were seen since the last time, all under our cookie. */
static uint64_t bench_calls(const struct bench *b)
{
	static const struct discovery_test_hits none;
	int map = bpf_map__fd(b->bpf->maps.hits);
	uint64_t calls = 0;

	for (uint32_t i = 0; i < DISCOVERY_TEST_TARGETS; i++) {
		struct discovery_test_hits hit;

		assert_int_equal(bpf_map_lookup_elem(map, &i, &hit), 0);
		assert_int_equal(bpf_map_update_elem(map, &i, &none, BPF_ANY), 0);
		assert_true(i == COOKIE || !hit.calls);
		calls += hit.calls;
	}
	return calls;
}

/* ---- without the kernel ------------------------------------------------------------------- */

static void programs_must_be_there(void **state)
{
	static const struct probe_hook wrong[] = {{"marker", "no_such_program"}, {NULL}};
	struct discovery_test *bpf = discovery_test__open();
	struct attacher *attacher = NULL;
	struct err err = {""};

	assert_non_null(bpf);
	assert_int_equal(
		attach_new(&(struct attach_probe){PROBE, wrong, bpf->obj}, 1, &attacher, &err),
		-ENOENT);
	assert_string_equal(err.text, "no kernel program 'no_such_program' for marker");
	assert_null(attacher);
	discovery_test__destroy(bpf);
}

static void nothing_to_attach_is_fine(void **state)
{
	struct attach_request request = {.id = 1, .probe = PROBE};
	struct attacher *attacher;
	struct attach_reply reply;
	struct err err = {""};

	attach_free(NULL);
	assert_int_equal(attach_new(NULL, 0, &attacher, &err), 0);
	attacher_call(attacher, &request, &reply);
	assert_int_equal(reply.status, -ENOENT);
	assert_int_equal(reply.link, -1);
	attacher_detach(attacher, -1);
	attacher_detach(attacher, 0);
	attacher_detach(attacher, 1000);
	attach_free(attacher);
}

/* ---- with it ------------------------------------------------------------------------------ */

static void attach_and_detach(bool prepared)
{
	struct attach_reply reply;
	struct bench b;

	bench_open(&b, prepared);
	test_attach_marker(1);
	assert_int_equal(bench_calls(&b), 0);
	reply = bench_attach(&b);
	assert_int_equal(reply.status, 0);
	test_attach_marker(1);
	test_attach_marker(2);
	assert_int_equal(bench_calls(&b), 2);
	attacher_detach(b.attacher, reply.link);
	test_attach_marker(1);
	assert_int_equal(bench_calls(&b), 0);
	assert_int_equal(bench_attach(&b).link, reply.link); /* its place was free again */
	bench_close(&b);
}

static void by_a_link(void **state)
{
	attach_and_detach(true);
}

static void by_a_perf_event(void **state)
{
	attach_and_detach(false);
}

static void only_in_one_process(void **state)
{
	struct bench b;

	bench_open(&b, true);
	b.request.pid = 1;
	assert_int_equal(bench_attach(&b).status, 0);
	test_attach_marker(1);
	assert_int_equal(bench_calls(&b), 0);
	b.request.pid = getpid();
	assert_int_equal(bench_attach(&b).status, 0);
	test_attach_marker(1);
	assert_int_equal(bench_calls(&b), 1);
	bench_close(&b);
}

/* No reply leaves a link behind that nobody can detach. */
static void refusals_have_no_link(void **state)
{
	struct attach_reply reply;
	struct bench b;

	bench_open(&b, true);
	b.request.offset = 1ull << 40; /* beyond the file */
	reply = bench_attach(&b);
	assert_true(reply.status < 0);
	assert_int_equal(reply.link, -1);
	b.request.program = 1; /* there is one hook */
	assert_int_equal(bench_attach(&b).status, -ENOENT);
	b.request.program = 0;
	b.request.probe = PROBE + 1;
	assert_int_equal(bench_attach(&b).status, -ENOENT);
	b.request.probe = PROBE;
	close(b.request.fd);
	assert_true(bench_attach(&b).status < 0);
	b.request.fd = -1;
	bench_close(&b);
}

static void many_go_at_once(void **state)
{
	struct bench b;

	bench_open(&b, true);
	for (int32_t i = 0; i < MANY; i++) {
		struct attach_reply reply = bench_attach(&b);

		assert_int_equal(reply.status, 0);
		assert_int_equal(reply.link, i);
	}
	test_attach_marker(1);
	assert_int_equal(bench_calls(&b), MANY);
	attacher_detach_all(b.attacher);
	test_attach_marker(1);
	assert_int_equal(bench_calls(&b), 0);
	bench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(programs_must_be_there),
		cmocka_unit_test(nothing_to_attach_is_fine),
		cmocka_unit_test(by_a_link),
		cmocka_unit_test(by_a_perf_event),
		cmocka_unit_test(only_in_one_process),
		cmocka_unit_test(refusals_have_no_link),
		cmocka_unit_test(many_go_at_once),
	};

	load_quiet_libbpf();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
