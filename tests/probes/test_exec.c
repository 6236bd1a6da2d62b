/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "capture/probe.h"
#include "kern/events.h"

extern const struct probe_ops probe_exec;

/* A record and room for what follows it. */
union record {
	struct rec rec;
	struct rec_exec exec;
	struct rec_part part;
	struct rec_exit exit;
	char room[512];
};

static const char exe[] = "/usr/bin/printf", cwd[] = "/tmp", args[] = "printf\0%s\0\0";

static void make_exec(union record *r)
{
	char *p = r->exec.data;

	memset(r, 0, sizeof(*r));
	r->exec.rec.kind = REC_EXEC;
	r->exec.rec.probe = probe_number(&probe_exec);
	r->exec.task.pid = 77;
	r->exec.id = 99;
	r->exec.exe_len = sizeof(exe) - 1;
	r->exec.cwd_len = sizeof(cwd) - 1;
	r->exec.args_len = r->exec.args_total = sizeof(args) - 1;
	p = mempcpy(p, exe, r->exec.exe_len);
	p = mempcpy(p, cwd, r->exec.cwd_len);
	p = mempcpy(p, args, r->exec.args_len);
	r->exec.rec.len = (uint32_t)(p - r->room);
}

static void exec_is_whole(void **state)
{
	struct part part;
	union record r;

	make_exec(&r);
	assert_int_equal(probe_exec.decode(&r.rec, &part), 0);
	assert_int_equal(part.role, PART_BEGIN);
	assert_true(part.last && !part.awaits_end);
	assert_int_equal(part.pid, 77);
	assert_int_equal(part.id, 99);
	assert_int_equal(part.ev.kind, EVENT_EXEC);
	assert_true(bytes_eq(part.ev.exec.path, BYTES("/usr/bin/printf")));
	assert_true(bytes_eq(part.ev.exec.cwd, BYTES("/tmp")));
	assert_true(bytes_eq(part.ev.exec.argv, BYTES("printf\0%s\0\0")));
}

static void parts_follow(void **state)
{
	struct part part;
	union record r;

	make_exec(&r);
	r.exec.rec.flags = REC_F_MORE;
	r.exec.args_total = 40000;
	assert_int_equal(probe_exec.decode(&r.rec, &part), 0);
	assert_false(part.last);
	assert_int_equal(part.ev.exec.argv_total, 40000);

	memset(&r, 0, sizeof(r));
	r.part.rec = (struct rec){.len = sizeof(r.part) + 4, .kind = REC_EXEC, .flags = REC_F_PART};
	r.part.id = 99;
	r.part.pid = 77;
	r.part.offset = 10;
	r.part.n = 4;
	memcpy(r.part.data, "rest", 4);
	assert_int_equal(probe_exec.decode(&r.rec, &part), 0);
	assert_int_equal(part.role, PART_TEXT);
	assert_true(part.last);
	assert_int_equal(part.offset, 10);
	assert_true(bytes_eq(part.text, BYTES("rest")));
}

static void exit_as_in_wait(void **state)
{
	static const struct {
		uint32_t raw, code, signal;
		bool core;
	} cases[] = {{0, 0, 0, false},
		     {3 << 8, 3, 0, false},
		     {9, 0, 9, false},
		     {11 | 0x80, 0, 11, true}};
	struct part part;
	union record r;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(&r, 0, sizeof(r));
		r.exit.rec = (struct rec){.len = sizeof(r.exit), .kind = REC_EXIT, .time = 500};
		r.exit.task.start = 200;
		r.exit.code = cases[i].raw;
		assert_int_equal(probe_exec.decode(&r.rec, &part), 0);
		assert_int_equal(part.role, PART_WHOLE);
		assert_int_equal(part.ev.exit.code, cases[i].code);
		assert_int_equal(part.ev.exit.signal, cases[i].signal);
		assert_int_equal(part.ev.exit.core, cases[i].core);
		assert_int_equal(part.ev.exit.lifetime_ns, 300);
	}
}

static void refuses_nonsense(void **state)
{
	struct part part;
	union record r;

	make_exec(&r);
	r.rec.len = sizeof(struct rec_exec) - 1;
	assert_int_equal(probe_exec.decode(&r.rec, &part), -EMSGSIZE);
	make_exec(&r);
	r.rec.len--; /* the last byte of the arguments is not in the record */
	assert_int_equal(probe_exec.decode(&r.rec, &part), -EBADMSG);
	make_exec(&r);
	r.exec.exe_len = UINT16_MAX;
	assert_int_equal(probe_exec.decode(&r.rec, &part), -EBADMSG);
	make_exec(&r);
	r.exec.args_total = r.exec.args_len - 1;
	assert_int_equal(probe_exec.decode(&r.rec, &part), -EBADMSG);
	make_exec(&r);
	r.rec.kind = REC_CGROUP;
	assert_true(probe_exec.decode(&r.rec, &part) < 0);
}

static void has_its_names(void **state)
{
	assert_ptr_equal(probe_by_name("exec"), &probe_exec);
	assert_ptr_equal(probe_by_name("process"), &probe_exec);
	assert_null(probe_exec.hooks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exec_is_whole),   cmocka_unit_test(parts_follow),
		cmocka_unit_test(exit_as_in_wait), cmocka_unit_test(refuses_nonsense),
		cmocka_unit_test(has_its_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
