/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Statements without their values, whatever they are written like. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "capture/sql_text.h"

struct row {
	const char *text, *want;
};

static void expect_fingerprint(enum sql_dialect dialect, const struct row *row)
{
	char out[SQL_FINGERPRINT_MAX + 1];
	size_t n = sql_text_fingerprint(bytes_of(row->text), dialect, out);

	out[n] = '\0';
	assert_string_equal(out, row->want);
}

static void values_are_left_out(void **state)
{
	static const struct row mysql[] = {
		{"select 'it''s', \"a\\\"b\", `n``m`, t1.c2", "select ?, ?, `n``m`, t1.c2"},
		{"select 1e-5, 0xFF, .5, -1, -.5, 1.5e+3", "select ?, ?, ?, ?, ?, ?"},
		{"a-1, a - 1, a -1, (a)-1, `a`-1", "a-?, a - ?, a -?, (a)-?, `a`-?"},
		{"select -1 and -2 or a = -3", "select ? and ? or a = ?"},
		{"x'00', b'01', N'x', _utf8'abc', _utf8mb4 'x'", "?, ?, ?, ?, _utf8mb4 ?"},
		{"select 'a' 'b', concat('a' , 'b')", "select ?, concat(?+)"},
		{"a is null and b = true limit 1, 2", "a is null and b = true limit ?, ?"},
		{"date '2020-01-01' + interval -1 day", "date ? + interval ? day"},
		{"x = ? and y = :name and z = @v", "x = ? and y = :name and z = @v"},
		{"select \"not closed", "select ?"},
		{"", ""},
		{";", ""},
	};
	static const struct row postgres[] = {
		{"select E'\\'', 'a\\', \"it's\", $1, a::int", "select ?, ?, \"it's\", $1, a::int"},
		{"$tag$ x 'y' $$ $tagg$ $tag$, $$a$$", "?, ?"},
		{"b[1] = 2 and c[1:2] = '{}'", "b[?] = ? and c[?:?] = ?"},
		{"a->'b'->-1 and d ? 'x'", "a->?->? and d ? ?"},
	};

	for (unsigned i = 0; i < sizeof(mysql) / sizeof(mysql[0]); i++)
		expect_fingerprint(SQL_MYSQL, &mysql[i]);
	for (unsigned i = 0; i < sizeof(postgres) / sizeof(postgres[0]); i++)
		expect_fingerprint(SQL_POSTGRES, &postgres[i]);
}

static void lists_are_one(void **state)
{
	static const struct row rows[] = {
		{"a in (1,2, 3) or b in ( 'x' ) or c in(?,?)",
		 "a in (?+) or b in (?+) or c in(?+)"},
		{"a in (select 1)", "a in (select ?)"},
		{"(a,b) in ((1,2),(3,4)) and c", "(a, b) in ((?+)) and c"},
		{"insert into t(a,b) values (1,'a'),(2,'b') on duplicate key update a=values(a), "
		 "b=2",
		 "insert into t(a, b) values (?+) on duplicate key update a = values(a), b = ?"},
		{"VALUES (1, now(), ?), (2, f(')('), ?);", "VALUES (?, now(), ?)"},
		{"values (null)", "values (?+)"},
		{"values (default,null),(1,2)", "values (?+)"},
		{"f(1), f(1,2), f(x,1,2), f(1,2,x)", "f(?), f(?+), f(x, ?, ?), f(?, ?, x)"},
		{"f(null), f(null,1), f(null,1,x), f($1)", "f(null), f(?+), f(?, ?, x), f($1)"},
		{"any(array[1,2]) and a in (:x, :y) and b in (1 + 2)",
		 "any(array[?+]) and a in (?+) and b in (? + ?)"},
		{"((((1))))", "((((?))))"},
		{")))(1,2)", ")))(?+)"},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect_fingerprint(SQL_MYSQL, &rows[i]);
}

static void comments_and_blanks_are_left_out(void **state)
{
	static const struct row mysql[] = {
		{"  select\t1 ,\n 2 ; ; ", "select ?, ?"},
		{"select 1; select 2", "select ?; select ?"},
		{"select a -- b 'c\n, d # 'e\n /* ' */ , f", "select a, d, f"},
		{"select 1--2", "select ?-?"},
		{"select a/* x */b", "select a b"},
		{"a=1 and b<='x' and c <> 2 and d>-1 or f(a)=b and x:=3",
		 "a = ? and b <= ? and c <> ? and d > ? or f(a) = b and x:=?"},
		{"select /*! 5, */ 1 /*!40101 + 2 */ /*M!100 + a*/",
		 "select /*! ?, */ ? /*!40101 + ? */ /*M!100 + a*/"},
		{"select a->'b', c->>'d', @x=(1), !e", "select a->?, c->>?, @x = (?), ! e"},
	};
	static const struct row postgres[] = {
		{"select 1--2\n, a", "select ?, a"},
		{"select /* a /* ' */ b */ c", "select c"},
		{"select a # 2", "select a # ?"},
		{"/* only", ""},
	};

	for (unsigned i = 0; i < sizeof(mysql) / sizeof(mysql[0]); i++)
		expect_fingerprint(SQL_MYSQL, &mysql[i]);
	for (unsigned i = 0; i < sizeof(postgres) / sizeof(postgres[0]); i++)
		expect_fingerprint(SQL_POSTGRES, &postgres[i]);
}

static void what_is_long_ends_at_a_character(void **state)
{
	char text[3 * SQL_FINGERPRINT_MAX], out[SQL_FINGERPRINT_MAX];

	for (unsigned at = 0; at < 3; at++) {
		memset(text, 'x', at);
		for (size_t i = at; i < sizeof(text) - 1; i += 2)
			memcpy(text + i, "\xc3\xa4", 2);
		assert_int_equal(sql_text_fingerprint((struct bytes){text, sizeof(text) - 2},
						      SQL_MYSQL, out),
				 SQL_FINGERPRINT_MAX - (at & 1));
		assert_memory_equal(out, text, SQL_FINGERPRINT_MAX - (at & 1));
	}
}

/* Of rows without end, what comes behind the first MiB is not told. */
static void no_more_is_read_than_that(void **state)
{
	size_t n = 4 * SQL_FINGERPRINT_READ;
	char *text = malloc(n), out[SQL_FINGERPRINT_MAX];

	assert_non_null(text);
	memset(text, ' ', n);
	memcpy(text, "values (1, '", 12);
	memcpy(text + SQL_FINGERPRINT_READ - 20, "'),(2,'')", 9);
	memcpy(text + SQL_FINGERPRINT_READ - 7, "returns", 7);
	memcpy(text + SQL_FINGERPRINT_READ, "more", 4);
	assert_int_equal(sql_text_fingerprint((struct bytes){text, n}, SQL_MYSQL, out), 19);
	assert_memory_equal(out, "values (?+) returns", 19);
	free(text);
}

static void places_are_counted(void **state)
{
	static const struct {
		const char *text;
		unsigned n;
	} rows[] = {
		{"select ?, '?', `?`, \"?\" -- ?\n, ? /* ? */ # ?", 2},
		{"insert into t values (?,?,?),(?, '\\'?', 1e-5?)", 5},
		{"", 0},
		{"?", 1},
		{"/*! ? */ a$b? - ? / ?", 4},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(sql_text_places(bytes_of(rows[i].text)), rows[i].n);
}

/* ---- passwords ----------------------------------------------------------------------------- */

/* The fast look sees what the slow one would: at each place of a text of any length. */
static void clues_are_found_anywhere(void **state)
{
	static const char *const clues[] = {"PassWord", "passwd", "IDENTIFIED", "Secret", "://"};
	char text[80];

	for (unsigned i = 0; i < sizeof(clues) / sizeof(clues[0]); i++) {
		size_t n = strlen(clues[i]);

		for (size_t at = 0; at + n <= sizeof(text); at++) {
			memset(text, 'p', sizeof(text));
			memcpy(text + at, clues[i], n);
			assert_true(sql_text_hints_at_password((struct bytes){text, sizeof(text)}));
			assert_true(sql_text_hints_at_password((struct bytes){text, at + n}));
			if (strcmp(clues[i], "PassWord") != 0 || at)
				assert_false(sql_text_hints_at_password(
					(struct bytes){text, at + (n < 5 ? n - 1 : 2)}));
		}
	}
}

/* ---- runs ---------------------------------------------------------------------------------- */

/* What each byte is does not depend on where the text is cut. */
static void runs_are_the_same_wherever_cut(void **state)
{
	static const char text[] = "E'a\\'b''c' $x$ $y $x $x$ 1e-5-2 /*! a */ /* /* */ */ -- b\n"
				   "--c\n `d` \"e\" $1 x$2 # f\n .5 'g\\";
	size_t n = sizeof(text) - 1;
	uint8_t whole[sizeof(text)], pieces[sizeof(text)];

	for (unsigned dialect = 0; dialect < 2; dialect++) {
		for (size_t cut = n; cut > 0; cut--) {
			uint8_t *kinds = cut == n ? whole : pieces;
			struct sql_lex s;
			size_t at = 0;

			sql_lex_begin(&s, (enum sql_dialect)dialect);
			while (at < n) {
				enum sql_run run;
				size_t end = sql_lex_run(&s, text, at, at < cut ? cut : n, &run);

				assert_true(end > at);
				/* the beginning of $x$ is a word until the second dollar */
				if (run == SQL_RUN_QUOTE)
					run = SQL_RUN_WORD;
				memset(kinds + at, (int)run, end - at);
				at = end;
			}
			assert_memory_equal(kinds, whole, n);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_left_out),
		cmocka_unit_test(lists_are_one),
		cmocka_unit_test(comments_and_blanks_are_left_out),
		cmocka_unit_test(what_is_long_ends_at_a_character),
		cmocka_unit_test(no_more_is_read_than_that),
		cmocka_unit_test(places_are_counted),
		cmocka_unit_test(clues_are_found_anywhere),
		cmocka_unit_test(runs_are_the_same_wherever_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
