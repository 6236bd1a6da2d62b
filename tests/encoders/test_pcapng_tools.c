/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pcapng judged by programs that we did not write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/encoding.h"
#include "tests/support/events.h"

extern const struct encoder_ops encoder_pcapng;

static void sample_file(struct encoding *e)
{
	struct proc proc;
	struct event ev;
	char all[256];

	for (unsigned i = 0; i < 256; i++)
		all[i] = i;
	encoding_open(e, &encoder_pcapng, NULL, NULL);
	encoding_begin(e);
	for (unsigned i = 0; i < EVENT_KINDS; i++) {
		ev = events_of(i);
		assert_int_equal(encoding_add(e, &ev), 0);
	}
	for (unsigned i = 0; i < EVENT_KINDS; i++) {
		ev = events_hostile(i, (struct bytes){all, 256}, &proc);
		ev.proc_first = true;
		assert_int_equal(encoding_add(e, &ev), 0);
	}
	encoding_end(e);
}

static void tshark_shows_rows(void **state)
{
	struct encoding e;
	const char *path;
	char *text;
	int status;

	if (!encoding_has("tshark"))
		skip();
	sample_file(&e);
	path = encoding_file(e.p, e.n);
	text = encoding_run(
		&status,
		"tshark -r %s -Y 'frame contains \"echo nonce\"' -T fields -e frame.time_epoch "
		"-e systemd_journal.pid -e systemd_journal.uid -e systemd_journal.comm "
		"-e systemd_journal.message 2>/dev/null",
		path);
	assert_int_equal(status, 0);
	assert_string_equal(text,
			    "1732453680.123456000\t1234\t1000\tbash\techo nonce \"x\" | wc -l\n");
	free(text);
	text = encoding_run(&status, "tshark -r %s 2>/dev/null | grep -c Journal", path);
	assert_string_equal(text, "14\n"); /* all but attach, twice */
	free(text);
	text = encoding_run(&status, "tshark -r %s -V 2>&1 | grep -ci malformed", path);
	assert_string_equal(text, "0\n");
	free(text);
	encoding_close(&e);
}

static void plugin_names_rows(void **state)
{
	struct encoding e;
	char *text;
	int status;

	if (!encoding_has("tshark"))
		skip();
	sample_file(&e);
	/* As root, tshark 4.4 loads no scripts; and nobody else need be able to reach the files. */
	text = encoding_run(
		&status,
		"[ $(id -u) != 0 ] || n='setpriv --reuid=65534 --regid=65534 --clear-groups'\n"
		"HOME=/ $n tshark -X lua_script:/dev/fd/3 -r - -Y 'penstock.pid == 1234' "
		"-o 'gui.column.format:\"P\",\"%%p\",\"T\",\"%%Cus:penstock.type\"' "
		"<%s 3<samples/wireshark/penstock.lua 2>&1 | tr -s ' ' | LC_ALL=C sort | uniq -c",
		encoding_file(e.p, e.n));
	assert_string_equal(text,
			    "      2 penstock exec exec\n"
			    "      2 penstock exit exit\n"
			    "      1 penstock meta,attach,loss,meta,process_info,process_info,"
			    "process_info,process_info,process_info,attach,loss\n"
			    "      2 penstock shell shell\n"
			    "      2 penstock sql sql\n");
	free(text);
	encoding_close(&e);
}

static void others_read_it(void **state)
{
	static const struct {
		const char *program, *before, *after;
	} rows[] = {
		{"capinfos", "capinfos", "2>&1 | grep -q 'Capture application: penstock 0.1.0'"},
		{"tcpdump", "tcpdump -nr", ">/dev/null 2>&1"},
		{"editcap", "editcap", "- 2>/dev/null | tail -c 4 | grep -q ."},
		{"mergecap", "mergecap -w /dev/null", ">/dev/null 2>&1"},
	};
	struct encoding e;
	const char *path;
	unsigned ran = 0;

	sample_file(&e);
	path = encoding_file(e.p, e.n);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int status;

		if (!encoding_has(rows[i].program))
			continue;
		free(encoding_run(&status, "%s %s %s", rows[i].before, path, rows[i].after));
		if (status)
			fail_msg("%s: exit %d", rows[i].program, status);
		ran++;
	}
	encoding_close(&e);
	if (!ran)
		skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tshark_shows_rows),
		cmocka_unit_test(plugin_names_rows),
		cmocka_unit_test(others_read_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
