/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "encoders/redact/words.h"
#include "tests/support/events.h"

static struct redact_arena arena;

static int setup(void **state)
{
	return redact_arena_init(&arena);
}

static int teardown(void **state)
{
	redact_arena_done(&arena);
	return 0;
}

/* What comes of it, in memory of its own; NULs as '|'. */
static char *masked(const char *text, size_t n, void (*words)(struct redact_copy *c))
{
	char *copy = malloc(n + 1);
	struct redact_copy c;
	struct bytes out;

	assert_non_null(copy);
	redact_arena_reset(&arena);
	memcpy(copy, text, n);
	c = redact_copy_of(&arena, (struct bytes){copy, n});
	words(&c);
	out = redact_copy_result(&c);
	assert_int_equal(out.n, n);
	assert_memory_equal(copy, text, n);
	memcpy(copy, out.p, n);
	copy[n] = '\0';
	for (size_t i = 0; i < n; i++)
		if (!copy[i])
			copy[i] = '|';
	return copy;
}

struct row {
	const char *text, *want; /* NULL = the same */
};

static void expect(const struct row *row, bool argv)
{
	char *text = strdup(row->text), *out;
	size_t n = strlen(text);

	for (size_t i = 0; argv && i < n; i++)
		if (text[i] == '|')
			text[i] = '\0';
	out = masked(text, n, argv ? redact_words_argv : redact_words_shell);
	assert_string_equal(out, row->want ? row->want : row->text);
	free(out);
	free(text);
}

/* As they are typed. */
static const struct row typed[] = {
	{"curl -H 'Authorization: Bearer abc' https://h/",
	 "curl -H 'Authorization:***********' https://h/"},
	{"curl -H \"Cookie: a='1'; b=2\" h", "curl -H \"Cookie:***'*'*****\" h"},
	{"curl -H\"authorization:x\" h | grep y", "curl -H\"authorization:*\" h | grep y"},
	{"curl --header='Set-Cookie: x' h", "curl --header='Set-Cookie:**' h"},
	{"curl -H Authorization: Bearer abc -o f", "curl -H Authorization: ****** *** -o f"},
	{"curl -u 'user:pa ss' h", "curl -u 'user:*****' h"},
	{"curl -u\"user\":\"pass\" h", "curl -u\"user\":\"****\" h"},
	{"curl '-uuser:pass' h", "curl '-uuser:****' h"},
	{"curl '-u' 'user:pass' h", "curl '-u' 'user:****' h"},
	{"FOO=1 PGPASSWORD='a b' psql -U bob db", "FOO=1 PGPASSWORD='***' psql -U bob db"},
	{"export DB_TOKEN=abc; ls", "export DB_TOKEN=***; ls"},
	{"mysql -uroot -p'se cret' db && ssh -p22 h", "mysql -uroot -p'*******' db && ssh -p22 h"},
	{"mysql -e \"alter user u identified by 'x y'; select 'z'\"",
	 "mysql -e \"alter user u identified by '***'; select 'z'\""},
	{"psql -c 'alter role r password $$pw$$ login'",
	 "psql -c 'alter role r password $$**$$ login'"},
	{"mysql -psecret<dump.sql", "mysql -p******<dump.sql"},
	{"echo $(curl -u a:b h) `curl -u c:d h`", "echo $(curl -u a:* h) `curl -u c:* h`"},
	{"echo \"$(curl -u a:b h)\"", "echo \"$(curl -u a:* h)\""},
	{"sh -c 'mysql -psecret x'", "sh -c 'mysql -p****** x'"},
	{"sh -c \"sh -c 'curl -u a:b x'\"", "sh -c \"sh -c 'curl -u a:* x'\""},
	{"echo don't; curl -u a:b h", "echo don't; curl -u a:* h"},
	{"# it's a comment\ncurl -u a:b h", "# it's a comment\ncurl -u a:* h"},
	{"printf 'GET / HTTP/1.1\\r\\nCookie: a=1; b=2\\r\\n\\r\\n' | nc h 80",
	 "printf 'GET / HTTP/1.1\\r\\nCookie: ***; ***********' | nc h 80"},
	{"curl -d '{\"user\": \"a\", \"password\": \"b c\"}' h",
	 "curl -d '{\"user\": \"a\", \"password\": \"***\"*' h"},
	{"curl -d \"{\\\"token\\\":\\\"abc\\\"}\" h", "curl -d \"{\\\"token\\\":\\\"****\"*\" h"},
	{"curl 'https://h/?a=1&token=abc' -o x", "curl 'https://h/?a=1&token=***' -o x"},
	{"wget --http-password=abc --password=def h", "wget --http-password=*** --password=*** h"},
	{"git clone https://u:p@h/x.git", "git clone https://u:*@h/x.git"},
	{"sshpass -p 'a b' ssh -p 22 h", "sshpass -p '***' ssh -p 22 h"},
	{"x --password --verbose", NULL},
	{"cd /tmp; ls -l | grep -u x > y", NULL},
	{"", NULL},
	{"'", NULL},
	{"\\", NULL},
	{"curl -u 'a:b", "curl -u 'a:*"},
	{"curl -u", NULL},
	{"x --password", NULL},
};

/* As programs are called. '|' ends an argument. */
static const struct row called[] = {
	{"curl|-H|Authorization: Bearer abc|https://h/x|",
	 "curl|-H|Authorization:***********|https://h/x|"},
	{"curl|-HCookie: a=b; c=d|h|", "curl|-HCookie:*********|h|"},
	{"curl|--header=proxy-authorization:x y|", "curl|--header=proxy-authorization:***|"},
	{"curl|-H|X-Set-Cookie: ab|", "curl|-H|X-Set-Cookie:***|"},
	{"curl|-H|Accept: text/html|https://h|", NULL},
	{"curl|-u|user:pass|https://h/|", "curl|-u|user:****|https://h/|"},
	{"curl|-uuser:pass|", "curl|-uuser:****|"},
	{"curl|--user=user:pa:ss|", "curl|--user=user:*****|"},
	{"curl|--proxy-user|u:p|x|", "curl|--proxy-user|u:*|x|"},
	{"curl|-sku|user:pass|x|", "curl|-sku|user:****|x|"},
	{"curl|-skuuser:pass|x|", "curl|-skuuser:****|x|"},
	{"curl|-U|u:p|-o|a:b|", "curl|-U|u:*|-o|a:b|"},
	{"curl|-b|sid=abc|x|", "curl|-b|*******|x|"},
	{"curl|-sbsid=abc|x|", "curl|-sb*******|x|"},
	{"curl|--cookie|sid=abc|x|", "curl|--cookie|*******|x|"},
	{"curl|--cookie=sid=abc|x|", "curl|--cookie=*******|x|"},
	{"tar|-b|20|x|", NULL},
	{"git|checkout|-b|topic|", NULL},
	{"curl|--oauth2-bearer|tok|x|", "curl|--oauth2-bearer|***|x|"},
	{"curl|u:p@host/path|", "curl|u:*@host/path|"},
	{"curl|-x|u:p@proxy:3128|", "curl|-x|u:*@proxy:3128|"},
	{"curl|https://u:pw@h:8443/a@b|", "curl|https://u:**@h:8443/a@b|"},
	{"curl|https://h:8443/a@b|", NULL},
	{"git|clone|https://ghp_0123456789abcdef@github.com/x|",
	 "git|clone|https://********************@github.com/x|"},
	{"git|clone|git@github.com:x/y|", NULL},
	{"ssh|alice@host|-p22|", NULL},
	{"mkdir|-p|a/b|", NULL},
	{"mysql|-uroot|-psecret|db|", "mysql|-uroot|-p******|db|"},
	{"/usr/bin/mysqldump|-u|root|-ppw|db|", "/usr/bin/mysqldump|-u|root|-p**|db|"},
	{"mariadb|-ABpsecret|db|", "mariadb|-ABp******|db|"},
	{"psql|-c|alter role r encrypted password 'pw' login|",
	 "psql|-c|alter role r encrypted password '**' login|"},
	{"mysql|-p|db|", NULL},
	{"mysql|-P3306|-hhost|db|", NULL},
	{"mysql|--password|-u|root|", NULL},
	{"mysql|--password=a&b=c|", "mysql|--password=*****|"},
	{"sudo|-u|root|mysql|-psecret|", "sudo|-u|root|mysql|-p******|"},
	{"sshpass|-p|pw|ssh|h|", "sshpass|-p|**|ssh|h|"},
	{"sshpass|-ppw|ssh|-p|22|h|", "sshpass|-p**|ssh|-p|22|h|"},
	{"redis-cli|-a|pw|GET|x|", "redis-cli|-a|**|GET|x|"},
	{"ldapsearch|-x|-w|pw|-b|dc=x|", "ldapsearch|-x|-w|**|-b|dc=x|"},
	{"docker|login|-u|me|-p|pw|h|", "docker|login|-u|me|-p|**|h|"},
	{"docker|run|-p|8080:80|img|", NULL},
	{"openssl|x|-passin|pass:abc|", "openssl|x|-passin|pass:***|"},
	{"x|--password=abc|--user|bob|", "x|--password=***|--user|bob|"},
	{"x|--db-password|abc|y|", "x|--db-password|***|y|"},
	{"x|--passwd|abc|", "x|--passwd|***|"},
	{"x|--token|abc|", "x|--token|***|"},
	{"x|-token=abc|", "x|-token=***|"},
	{"x|--secret|a b|", "x|--secret|***|"},
	{"x|--api-key|abc|", "x|--api-key|***|"},
	{"x|--access-token=abc|", "x|--access-token=***|"},
	{"x|--password-file=/a|--password-stdin|y|", NULL},
	{"psql|--no-password|db|", NULL},
	{"env|PGPASSWORD=abc|MYSQL_PWD=x|psql|", "env|PGPASSWORD=***|MYSQL_PWD=*|psql|"},
	{"env|PWD=/home/a|OLDPWD=/|AWS_SECRET_ACCESS_KEY=x|",
	 "env|PWD=/home/a|OLDPWD=/|AWS_SECRET_ACCESS_KEY=*|"},
	{"java|-Dspring.datasource.password=abc|X|", "java|-Dspring.datasource.password=***|X|"},
	{"curl|-d|user=a&password=b&x=y|", "curl|-d|user=a&password=*&x=y|"},
	{"curl|-d|client_secret=a&b&x=y|", "curl|-d|client_secret=***&x=y|"},
	{"curl|https://h/?access_token=abc&x=1|", "curl|https://h/?access_token=***&x=1|"},
	{"curl|-d|{\"user\":\"a\",\"password\":\"b\",\"c\":1}|",
	 "curl|-d|{\"user\":\"a\",\"password\":\"*\",\"c\":1}|"},
	{"curl|-d|{\"password\": \"b c\", \"d\": 1}|",
	 "curl|-d|{\"password\": \"***\"* \"d\": 1}|"},
	{"max_tokens=5|--tokenizer=x|author:me|", NULL},
	{"docker|-v|/run/secret:/run/secret|", NULL},
	{"sh|-c|:|x|--password=abc|", "sh|-c|:|x|--password=***|"},
	{"sh|-c|curl -u a:b https://h && rm x|", "sh|-c|curl -u a:* https://h && rm x|"},
	{"bash|-c|mysql -psecret \"$1\"; ssh -p22 h|",
	 "bash|-c|mysql -p****** \"$1\"; ssh -p22 h|"},
	{"ssh|h|sh -c \"curl -H 'Cookie: a=1; b=2' x\"|",
	 "ssh|h|sh -c \"curl -H 'Cookie:*********' x\"|"},
	{"date|-u|+%H:%M|", NULL},
	{"ls|", NULL},
	{"|", NULL},
	{"|||-|--|-u|", NULL},
};

static void shell_lines(void **state)
{
	for (size_t i = 0; i < sizeof(typed) / sizeof(typed[0]); i++)
		expect(&typed[i], false);
}

static void arguments(void **state)
{
	for (size_t i = 0; i < sizeof(called) / sizeof(called[0]); i++)
		expect(&called[i], true);
}

/* Whatever it is, no byte of it is read, or written, that is not its own: sanitizers see that. */
static void any_text(void **state)
{
	static const char some[] = "-u:=&\"'\\ \n;|$(@/pCcookie:tokencurl mysql --password://{},";
	uint64_t seed = 7;
	char text[64];

	for (unsigned i = 0; i < 20000; i++) {
		size_t n = events_random(&seed) % sizeof(text);
		char *once, *twice;

		for (size_t k = 0; k < n; k++)
			text[k] = some[events_random(&seed) % sizeof(some)];
		once = masked(text, n, i & 1 ? redact_words_argv : redact_words_shell);
		twice = masked(once, n, redact_words_argv);
		free(once);
		free(twice);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shell_lines),
		cmocka_unit_test(arguments),
		cmocka_unit_test(any_text),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
