/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kernel programs on their way into the kernel; what needs it is skipped where nothing may be
 * loaded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kern/events.h"
#include "probes/load.h"

/* ---- without the kernel ------------------------------------------------------------------- */

/* One of our own objects, built as for a kernel without bpf_loop (tests/extra_discovery.cmake). */
static struct bpf_object *open_plain(const char *name)
{
	struct bpf_object *obj = NULL;
	struct err err = {""};
	char path[512], *elf;
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), PLAIN_OBJECTS "/%s.bpf.o", name);
	f = fopen(path, "re");
	assert_non_null(f);
	elf = malloc(1 << 20);
	assert_non_null(elf);
	n = fread(elf, 1, 1 << 20, f);
	assert_true(feof(f));
	fclose(f);
	if (load_open(name, elf, n, &obj, &err))
		fail_msg("%s", err.text);
	free(elf);
	return obj;
}

static void nonsense_is_no_object(void **state)
{
	struct bpf_object *obj = NULL;
	struct err err = {""};

	load_quiet_libbpf();
	assert_true(load_open("nonsense", "no ELF file", 11, &obj, &err) < 0);
	assert_null(obj);
	assert_non_null(strstr(err.text, "nonsense: cannot open the kernel half"));
}

static void constants_must_fit(void **state)
{
	struct bpf_object *obj = open_plain("bash");
	struct err err = {""};

	assert_int_equal(load_rodata(obj, "probe_number", UINT16_MAX, &err), 0);
	assert_int_equal(load_rodata(obj, "probe_number", UINT16_MAX + 1, &err), -EINVAL);
	assert_string_equal(err.text, "bash: 65536 does not fit into 'probe_number'");
	assert_int_equal(load_rodata(obj, "ring_size", UINT64_MAX, &err), 0);
	assert_int_equal(load_rodata(obj, "no_such_constant", 1, &err), 0);
	bpf_object__close(obj);
}

/* ---- with it ------------------------------------------------------------------------------ */

static void load_or_skip(struct bpf_object *obj, const struct probe_env *env)
{
	struct err err = {""};
	int r = load_object(obj, env, &err);

	if (r == -EPERM) {
		print_message("SKIP: %s\n", err.text);
		bpf_object__close(obj);
		skip();
	}
	if (r)
		fail_msg("%s", err.text);
}

static uint32_t map_id(const struct bpf_object *obj, const char *name)
{
	struct bpf_map_info info = {0};
	uint32_t size = sizeof(info);

	assert_int_equal(
		bpf_obj_get_info_by_fd(bpf_object__find_map_fd_by_name(obj, name), &info, &size),
		0);
	return info.id;
}

/* The verifier of any kernel takes our programs without bpf_loop, with loops as long as the
 * largest text is; and there is one ring, whatever objects there are. */
static void objects_share_the_cores_maps(void **state)
{
	static const char *const shared[] = {"ring", "counters", "ctl", "tree"};
	static const char *const probes[] = {"bash", "openssl", "mysqld"};
	struct bpf_object *core = open_plain("core"), *probe;
	struct probe_env env = {.number = 1};

	load_or_skip(core, &env);
	env.core = core;
	for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++) {
		probe = open_plain(probes[i]);
		load_or_skip(probe, &env);
		for (size_t k = 0; k < sizeof(shared) / sizeof(shared[0]); k++)
			assert_int_equal(map_id(probe, shared[k]), map_id(core, shared[k]));
		assert_int_not_equal(map_id(probe, "targets"), 0);
		bpf_object__close(probe);
	}
	bpf_object__close(core);
}

/* The verifier's last word, and not all that libbpf says, is what people read. Packets may not look
 * at tasks. */
static void a_refusal_is_one_line(void **state)
{
	struct bpf_object *core = open_plain("core"), *probe = open_plain("bash");
	struct probe_env env = {.number = 1};
	struct bpf_program *program;
	struct err err = {""};

	load_or_skip(core, &env);
	env.core = core;
	program = bpf_object__find_program_by_name(probe, "bash_readline");
	assert_int_equal(bpf_program__set_type(program, BPF_PROG_TYPE_SOCKET_FILTER), 0);
	assert_int_equal(load_object(probe, &env, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.text, "bash: the kernel refuses our programs: "));
	/* "unknown func bpf_…", or in newer kernels "… cannot use helper bpf_…" */
	assert_non_null(strstr(err.text, "bpf_"));
	assert_null(strchr(err.text, '\n'));
	bpf_object__close(probe);
	bpf_object__close(core);
}

/* Its links are the caller's even when there are more programs than places. */
static void links_have_their_number(void **state)
{
	struct bpf_object *core = open_plain("core");
	struct probe_env env = {.number = 1};
	struct bpf_link *links[2];
	struct err err = {""};
	unsigned n = 7;

	load_or_skip(core, &env);
	assert_int_equal(load_attach(core, links, 2, &n, &err), -E2BIG);
	assert_int_equal(n, 2);
	while (n)
		assert_int_equal(bpf_link__destroy(links[--n]), 0);
	bpf_object__close(core);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nonsense_is_no_object),
		cmocka_unit_test(constants_must_fit),
		cmocka_unit_test(objects_share_the_cores_maps),
		cmocka_unit_test(a_refusal_is_one_line),
		cmocka_unit_test(links_have_their_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
