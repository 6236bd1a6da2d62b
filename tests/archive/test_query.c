/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "capture/archive/query.h"
#include "capture/index.h"

#define TEXT(s)                                                                                    \
	{                                                                                          \
		s, sizeof(s) - 1                                                                   \
	}

/* What the tests ask about: a shell's line, a program, two connections, and what has no process. */
static struct proc shell = {.pid = 100,
			    .ppid = 1,
			    .uid = 1000,
			    .start_boot_ns = 10,
			    .comm = TEXT("bash"),
			    .exe = TEXT("/usr/bin/bash"),
			    .container = TEXT("0123456789abcdef")};
static struct proc child = {.pid = 101,
			    .ppid = 100,
			    .start_boot_ns = 20,
			    .comm = TEXT("very-long-name-"),
			    .exe = TEXT("/opt/very-long-name-of-it")};
static struct proc grandchild = {
	.pid = 102, .ppid = 101, .start_boot_ns = 30, .comm = TEXT("curl"), .exe = TEXT("curl")};
static struct flow v4 = {.id = 0xabc,
			 .family = AF_INET,
			 .local_port = 40000,
			 .remote_port = 443,
			 .local = {10, 1, 2, 3},
			 .remote = {192, 0, 2, 7}};
static struct flow v6 = {
	.id = 0xffffffffffffffff,
	.family = AF_INET6,
	.local_port = 443,
	.remote_port = 1,
	.local = {0x20, 0x01, 0x0d, 0xb8, [15] = 1},
	.remote = {[10] = 0xff, [11] = 0xff, [12] = 192, [13] = 0, [14] = 2, [15] = 9}};
static struct flow nameless = {.id = 5};

enum {
	LINE,
	EXEC,
	EXIT,
	DATA4,
	DATA6,
	BARE,
	ATTACH,
	LOSS,
	EVENTS
};

static struct event events[EVENTS] = {
	[LINE] = {.kind = EVENT_LINE,
		  .time_unix_ns = 1000,
		  .proc = &shell,
		  .line = {.text = TEXT("echo !Hello"),
			   .cwd = TEXT("/home/me"),
			   .tty = TEXT("pts/9")}},
	[EXEC] = {.kind = EVENT_EXEC,
		  .time_unix_ns = 2000,
		  .proc = &child,
		  .exec = {.path = TEXT("/opt/very-long-name-of-it"),
			   .argv = TEXT("it\0-x\0two words\0"),
			   .cwd = TEXT("/srv")}},
	[EXIT] = {.kind = EVENT_EXIT, .time_unix_ns = 3000, .proc = &child},
	[DATA4] = {.kind = EVENT_DATA,
		   .time_unix_ns = 4000,
		   .proc = &grandchild,
		   .flow = &v4,
		   .data = {.payload =
				    TEXT("GET /x?a=\"b\" HTTP/1.1\r\nHost: Here\r\n\r\n\0\xff")}},
	[DATA6] = {.kind = EVENT_DATA, .time_unix_ns = 5000, .proc = &shell, .flow = &v6},
	[BARE] = {.kind = EVENT_DATA, .time_unix_ns = 6000, .proc = &grandchild, .flow = &nameless},
	[ATTACH] = {.kind = EVENT_ATTACH,
		    .time_unix_ns = 7000,
		    .attach = {.hook = TEXT("uprobe readline"), .target = TEXT("/bin/bash")}},
	[LOSS] = {.kind = EVENT_LOSS,
		  .time_unix_ns = 8000,
		  .loss = {.probe = "tls", .reason = "ring"}},
};

#define E(x)  (1u << (x))
#define ALL   (E(EVENTS) - 1)
#define FLOWS (E(DATA4) | E(DATA6) | E(BARE))

/* Up to three conditions, as on the command line: "name value". */
struct row {
	const char *words[3];
	unsigned want; /* bits: of events */
	bool ignore_case;
};

static const struct row rows[] = {
	{{NULL}, ALL},
	{{"kind shell"}, E(LINE)},
	{{"kind exec+exit"}, E(EXEC) | E(EXIT)},
	{{"kind exec:exit"}, E(EXEC) | E(EXIT)},
	{{"kind exec", "kind loss"}, E(EXEC) | E(LOSS)},
	{{"kind !tls_data"}, ALL & ~FLOWS},
	{{"kind exec+exit", "kind !exit"}, E(EXEC)},
	{{"pid 100"}, E(LINE) | E(DATA6)},
	{{"pid 100", "pid 101"}, E(LINE) | E(DATA6) | E(EXEC) | E(EXIT)},
	{{"pid !100"}, ALL & ~(E(LINE) | E(DATA6))},
	{{"pid 4294967295"}, 0},
	{{"tree 100"}, ALL & ~(E(ATTACH) | E(LOSS))},
	{{"tree 101"}, E(EXEC) | E(EXIT) | E(DATA4) | E(BARE)},
	{{"tree 101", "pid 100"}, ALL & ~(E(ATTACH) | E(LOSS))},
	{{"tree 100", "tree !101"}, E(LINE) | E(DATA6)},
	{{"tree 100", "pid !101"}, E(LINE) | E(DATA4) | E(DATA6) | E(BARE)},
	{{"tree 102", "kind tls_data"}, E(DATA4) | E(BARE)},
	{{"uid 1000"}, E(LINE) | E(DATA6)},
	{{"uid root"}, E(EXEC) | E(EXIT) | E(DATA4) | E(BARE)},
	{{"uid !0"}, E(LINE) | E(DATA6) | E(ATTACH) | E(LOSS)},
	{{"comm bash"}, E(LINE) | E(DATA6)},
	{{"comm very-long-name-of-it"}, E(EXEC) | E(EXIT)},
	{{"comm very-long-name-"}, E(EXEC) | E(EXIT)},
	{{"comm very-long-name"}, 0},
	{{"comm *a*"}, E(LINE) | E(DATA6) | E(EXEC) | E(EXIT)},
	{{"comm c?rl"}, E(DATA4) | E(BARE)},
	{{"comm [!b]*"}, E(EXEC) | E(EXIT) | E(DATA4) | E(BARE)},
	{{"comm \\!bash"}, 0},
	{{"exe bash"}, E(LINE) | E(DATA6)},
	{{"exe /usr/bin/bash"}, E(LINE) | E(DATA6)},
	{{"exe /usr/*"}, E(LINE) | E(DATA6)},
	{{"exe bin/bash"}, 0},
	{{"exe curl"}, E(DATA4) | E(BARE)},
	{{"exe *-of-it"}, E(EXEC) | E(EXIT)},
	{{"container 01234567"}, E(LINE) | E(DATA6)},
	{{"container 0123456789abcdef0"}, 0},
	{{"port 443"}, E(DATA4) | E(DATA6)},
	{{"port 0"}, 0},
	{{"port !40000"}, ALL & ~E(DATA4)},
	{{"conn abc"}, E(DATA4)},
	{{"conn 0xABC"}, E(DATA4)},
	{{"conn ffffffffffffffff"}, E(DATA6)},
	{{"conn 5"}, E(BARE)},
	{{"addr 10.1.2.3"}, E(DATA4)},
	{{"addr 10.1.2.2/31"}, E(DATA4)},
	{{"addr 10.1.2.2"}, 0},
	{{"addr 10.1.128.0/16"}, E(DATA4)},
	{{"addr 192.0.2.0/24"}, E(DATA4) | E(DATA6)},
	{{"addr ::ffff:192.0.2.9"}, E(DATA6)},
	{{"addr ::ffff:192.0.2.0/120"}, E(DATA4) | E(DATA6)},
	{{"addr ::ffff:0.0.0.0/96"}, E(DATA4) | E(DATA6)},
	{{"addr 2001:db8::/32"}, E(DATA6)},
	{{"addr 2001:db8::2/126"}, E(DATA6)},
	{{"addr 2001:db8::2/127"}, 0},
	{{"addr 0.0.0.0/0"}, E(DATA4) | E(DATA6)},
	{{"addr ::/0"}, E(DATA6)},
	{{"addr !10.0.0.0/8", "kind tls_data"}, E(DATA6) | E(BARE)},
	{{"text echo"}, E(LINE)},
	{{"text \\!Hello"}, E(LINE)},
	{{"text hello"}, 0},
	{{"text hello"}, E(LINE), true},
	{{"text /home"}, E(LINE)},
	{{"text pts/"}, E(LINE)},
	{{"text it -x two words"}, E(EXEC)},
	{{"text a=\"b\""}, E(DATA4)},
	{{"text HOST: here"}, E(DATA4), true},
	{{"text curl"}, E(DATA4) | E(BARE)},
	{{"text readline"}, E(ATTACH)},
	{{"text ring"}, E(LOSS)},
	{{"text !bash"}, ALL & ~(E(LINE) | E(DATA6) | E(ATTACH))},
	{{"text GET", "text echo"}, E(DATA4) | E(LINE)},
	{{"regex ^GET .* HTTP"}, E(DATA4)},
	{{"regex ^Host"}, E(DATA4)},
	{{"regex ^host"}, E(DATA4), true},
	{{"regex words$"}, E(EXEC)},
	{{"regex !e"}, E(DATA6) | E(BARE) | E(LOSS)},
	{{"regex !^(echo|GET)"}, ALL & ~(E(LINE) | E(DATA4))},
	{{"from @0.000003", "to @0.000005"}, E(EXIT) | E(DATA4)},
	{{"from @0.0000085"}, 0},
	{{"pid 100", "port 443", "kind tls_data"}, E(DATA6)},
};

static struct query_texts texts;
static const char *values[12][3];

static struct opt_list *list_of(const char *name, size_t n)
{
	static const struct {
		const char *name;
		struct opt_list *list;
	} lists[] = {
		{"pid", &texts.pid},   {"tree", &texts.tree},
		{"comm", &texts.comm}, {"exe", &texts.exe},
		{"uid", &texts.uid},   {"addr", &texts.addr},
		{"port", &texts.port}, {"conn", &texts.conn},
		{"kind", &texts.kind}, {"container", &texts.container},
		{"text", &texts.text}, {"regex", &texts.regex},
	};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		if (strlen(lists[i].name) == n && !strncmp(lists[i].name, name, n)) {
			lists[i].list->v = values[i];
			return lists[i].list;
		}
	fail_msg("no option %s", name);
	return NULL;
}

static int make_query(const char *const words[3], bool ignore_case, struct query **ret,
		      struct err *err)
{
	texts = (struct query_texts){.ignore_case = ignore_case};
	for (unsigned i = 0; i < 3 && words[i]; i++) {
		const char *value = strchr(words[i], ' ') + 1;
		size_t n = (size_t)(value - words[i]) - 1;
		struct opt_list *list;

		if (!strncmp(words[i], "from ", 5)) {
			texts.from = value;
		} else if (!strncmp(words[i], "to ", 3)) {
			texts.to = value;
		} else {
			list = list_of(words[i], n);
			list->v[list->n++] = value;
		}
	}
	return query_new(&texts, 1795532753000000000ull, ret, err);
}

static void test_matches(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err err = {""};
		struct query *q;
		unsigned got = 0;

		if (make_query(rows[i].words, rows[i].ignore_case, &q, &err) < 0)
			fail_msg("%s", err.text);
		for (unsigned k = 0; k < EVENTS; k++)
			got |= query_matches(q, &events[k]) ? E(k) : 0;
		if (got != rows[i].want)
			fail_msg("%s %s: %x, not %x", rows[i].words[0],
				 rows[i].words[1] ? rows[i].words[1] : "", got, rows[i].want);
		query_free(q);
	}
}

/* A pid that comes back is another process, and so are those of another recording. */
static void test_tree_forgets(void **state)
{
	static const char *const words[3] = {"tree 100"};
	struct proc again = child;
	struct event ev = {.kind = EVENT_EXIT, .proc = &again};
	struct err err;
	struct query *q;

	assert_int_equal(make_query(words, false, &q, &err), 0);
	assert_true(query_needs_all(q));
	assert_true(query_matches(q, &events[EXEC]));
	again.ppid = 1; /* its parent has ended */
	assert_true(query_matches(q, &ev));
	again.start_boot_ns = 99;
	assert_false(query_matches(q, &ev));
	again = child;
	assert_true(query_matches(q, &ev));
	query_forget(q);
	again.ppid = 1;
	assert_false(query_matches(q, &ev));
	query_free(q);
}

static void test_nonsense(void **state)
{
	static const struct {
		const char *word, *says;
	} bad[] = {
		{"pid ", "--pid"},
		{"pid x", "'x'"},
		{"pid -1", "no such number"},
		{"pid 4294967296", "--pid"},
		{"tree 1x", "--tree"},
		{"port 65536", "--port"},
		{"uid nobody-here", "no user"},
		{"uid 4294967296", "--uid"},
		{"conn ", "hex digits"},
		{"conn 0x", "--conn"},
		{"conn 11112222333344445", "--conn"},
		{"conn g", "'g'"},
		{"addr 1.2.3", "no address"},
		{"addr 1.2.3.4/33", "no network"},
		{"addr ::/129", "--addr"},
		{"addr 1.2.3.4/", "--addr"},
		{"addr /8", "--addr"},
		{"addr 1.2.3.4/x", "--addr"},
		{"addr 1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb/8", "no address"},
		{"kind ", "which?"},
		{"kind exce", "exec"},
		{"kind exec+", "no kind"},
		{"kind +exec", "no kind"},
		{"kind !", "which?"},
		{"comm ", "empty"},
		{"exe !", "empty"},
		{"container ", "empty"},
		{"text ", "--text"},
		{"text !", "--text"},
		{"regex (", "--regex: '('"},
		{"regex (a)\\1", "refers back"},
		{"from never", "--from"},
		{"to 25:00", "--to"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *const words[3] = {bad[i].word};
		struct err err = {""};
		struct query *q;

		if (make_query(words, false, &q, &err) != -EINVAL || strchr(err.text, '\n') ||
		    !strstr(err.text, bad[i].says))
			fail_msg("%s: '%s'", bad[i].word, err.text);
	}
}

/* A record is passed over only where none of the forms that a format has can hold the text. */
static void test_bytes(void **state)
{
	static const char *const some[3] = {"text Host: Here"}, *const odd[3] = {"text \" \""},
				 *const not [3] = {"text !Host"};
	static const char json[] = "\"payload\":\"a\\r\\nHost: Here\"",
			  other[] = "\"payload\":\"a\"", coded[] = "\"payload_base64\":\"YQ==\"";
	struct err err;
	struct query *q;

	assert_int_equal(make_query(some, false, &q, &err), 0);
	assert_true(query_looks_at_bytes(q));
	assert_true(query_may_match(q, bytes_of(json)));
	assert_true(query_may_match(q, bytes_of(coded)));
	assert_false(query_may_match(q, bytes_of(other)));
	query_free(q);
	assert_int_equal(make_query(some, true, &q, &err), 0);
	assert_false(query_looks_at_bytes(q));
	query_free(q);
	assert_int_equal(make_query(odd, false, &q, &err), 0);
	assert_false(query_looks_at_bytes(q));
	query_free(q);
	assert_int_equal(make_query(not, false, &q, &err), 0);
	assert_false(query_looks_at_bytes(q));
	query_free(q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_matches),
		cmocka_unit_test(test_tree_forgets),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
