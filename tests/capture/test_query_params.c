/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values of prepared statements: the binary ones are what the *_send functions of PostgreSQL 15 and
 * MariaDB's client library made, and the texts what the servers said that they are. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "capture/query_params.h"
#include "kern/events.h"

/* One value, or the beginning of it; "NULL" is none. */
static void expect_next(struct query_params_reader *r, const char *want, bool cut)
{
	struct query_value v;

	assert_int_equal(query_params_next(r, &v), 1);
	assert_int_equal(v.null, !strcmp(want, "NULL"));
	assert_int_equal(v.text_cut, cut);
	if (v.null)
		return;
	assert_int_equal(v.text.n, strlen(want));
	assert_memory_equal(v.text.p, want, v.text.n);
}

static void expect_end(struct query_params_reader *r)
{
	struct query_value v;

	assert_int_equal(query_params_next(r, &v), 0);
	assert_int_equal(query_params_next(r, &v), 0);
}

static const struct {
	uint32_t oid;
	struct bytes raw;
	const char *want;
} postgres_rows[] = {
	{23, BYTES("\000\000\000\000"), "0"},
	{23, BYTES("\377\377\377\377"), "-1"},
	{21, BYTES("\000\000"), "0"},
	{21, BYTES("\377\377"), "-1"},
	{20, BYTES("\000\000\000\000\000\000\000\000"), "0"},
	{20, BYTES("\377\377\377\377\377\377\377\377"), "-1"},
	{16, BYTES("\001"), "t"},
	{16, BYTES("\000"), "f"},
	{26, BYTES("\000\000\000\000"), "0"},
	{26, BYTES("\377\377\377\377"), "4294967295"},
	{701, BYTES("\000\000\000\000\000\000\000\000"), "0"},
	{701, BYTES("\200\000\000\000\000\000\000\000"), "-0"},
	{701, BYTES("\077\360\000\000\000\000\000\000"), "1"},
	{701, BYTES("\077\271\231\231\231\231\231\232"), "0.1"},
	{701, BYTES("\100\370\152\000\000\000\000\000"), "100000"},
	{701, BYTES("\102\334\022\041\203\167\336\100"), "123456789012345"},
	{701, BYTES("\103\021\213\124\362\052\353\000"), "1.234567890123456e+15"},
	{701, BYTES("\103\014\153\365\046\064\000\000"), "1e+15"},
	{701, BYTES("\102\326\274\304\036\220\000\000"), "100000000000000"},
	{700, BYTES("\000\000\000\000"), "0"},
	{700, BYTES("\077\200\000\000"), "1"},
	{700, BYTES("\075\314\314\315"), "0.1"},
	{700, BYTES("\107\303\120\000"), "100000"},
	{700, BYTES("\111\226\264\070"), "1.234567e+06"},
	{1700, BYTES("\000\000\000\000\000\000\000\000"), "0"},
	{1700, BYTES("\000\001\000\000\000\000\000\000\000\001"), "1"},
	{1700, BYTES("\000\001\000\000\100\000\000\000\000\001"), "-1"},
	{1700, BYTES("\000\001\000\001\000\000\000\000\000\001"), "10000"},
	{1700, BYTES("\000\001\377\377\000\000\000\004\000\001"), "0.0001"},
	{1700,
	 BYTES("\000\006\000\002\000\000\000\011\000\001\011\051\032\205\046\224\025\070"
	       "\003\350"),
	 "123456789.987654321"},
	{1700, BYTES("\000\001\377\377\100\000\000\001\023\210"), "-0.5"},
	{1700, BYTES("\000\001\000\005\000\000\000\000\000\001"), "100000000000000000000"},
	{1700, BYTES("\000\001\377\373\000\000\000\024\000\001"), "0.00000000000000000001"},
	{1082, BYTES("\000\000\000\000"), "2000-01-01"},
	{1082, BYTES("\377\377\325\063"), "1970-01-01"},
	{1082, BYTES("\000\000\042\171"), "2024-02-29"},
	{1082, BYTES("\377\364\333\371"), "0001-01-01"},
	{1082, BYTES("\377\364\333\370"), "0001-12-31 BC"},
	{1082, BYTES("\377\332\227\315"), "4713-01-01 BC"},
	{1083, BYTES("\000\000\000\000\000\000\000\000"), "00:00:00"},
	{1083, BYTES("\000\000\000\024\035\327\137\377"), "23:59:59.999999"},
	{1114, BYTES("\000\000\000\000\000\000\000\000"), "2000-01-01 00:00:00"},
	{1114, BYTES("\377\377\377\377\377\377\377\377"), "1999-12-31 23:59:59.999999"},
	{1114, BYTES("\000\002\265\202\304\177\261\040"), "2024-02-29 12:00:00.5"},
	{1114, BYTES("\177\377\377\377\377\377\377\377"), "infinity"},
	{1184, BYTES("\000\000\000\000\000\000\000\000"), "2000-01-01 00:00:00+00"},
	{1184, BYTES("\377\377\377\376\122\330\267\377"), "1999-12-31 21:59:59.999999+00"},
	{1184, BYTES("\000\002\265\202\304\177\261\040"), "2024-02-29 12:00:00.5+00"},
	{1266, BYTES("\000\000\000\012\016\353\260\000\377\377\343\340"), "12:00:00+02"},
	{1266, BYTES("\000\000\000\012\016\353\260\000\000\000\115\130"), "12:00:00-05:30"},
	{1266, BYTES("\000\000\000\000\335\356\223\100\000\000\000\000"), "01:02:03.4+00"},
	{1186, BYTES("\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000"),
	 "00:00:00"},
	{1186, BYTES("\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\014"), "1 year"},
	{1186, BYTES("\000\000\000\000\000\000\000\000\000\000\000\000\377\377\377\364"),
	 "-1 years"},
	{1186, BYTES("\000\000\000\003\154\227\312\210\000\000\000\003\000\000\000\016"),
	 "1 year 2 mons 3 days 04:05:06.789"},
	{1186, BYTES("\000\000\000\000\000\000\000\000\000\000\000\002\377\377\377\377"),
	 "-1 mons +2 days"},
	{1186, BYTES("\377\377\377\374\245\261\160\000\000\000\000\001\000\000\000\000"),
	 "1 day -04:00:00"},
	{1186, BYTES("\000\000\000\000\326\223\244\000\377\377\377\377\000\000\000\000"),
	 "-1 days +01:00:00"},
	{1186, BYTES("\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\001"), "1 mon"},
	{1186, BYTES("\377\377\377\377\377\360\275\300\000\000\000\000\000\000\000\000"),
	 "-00:00:01"},
	{2950, BYTES("\240\356\274\231\234\013\116\370\273\155\153\271\275\070\012\021"),
	 "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
	{869, BYTES("\002\040\000\004\300\000\002\001"), "192.0.2.1"},
	{869, BYTES("\002\030\000\004\300\000\002\000"), "192.0.2.0/24"},
	{650, BYTES("\002\030\001\004\300\000\002\000"), "192.0.2.0/24"},
	{650, BYTES("\002\010\001\004\012\000\000\000"), "10.0.0.0/8"},
	{17, BYTES(""), "\\x"},
	{17, BYTES("\000\377"), "\\x00ff"},
	{25, BYTES("\141"), "a"},
	{25, BYTES(""), ""},
	{3802, BYTES("\001\173\042\141\042\072\040\061\175"), "{\"a\": 1}"},
	{3802, BYTES("\001\133\135"), "[]"},
	{0, BYTES("\1\2"), "\\x0102"},  /* not known */
	{23, BYTES("\1\2"), "\\x0102"}, /* not of its size */
	{1700, BYTES("\0\1\0\0\0\0\0\0"), "\\x0001000000000000"},
	{1083, BYTES("\377\0\0\0\0\0\0\0"), "\\xff00000000000000"},
	{869, BYTES("\2\40\0\20\1\2\3\4"), "\\x0220001001020304"},
	{3802, BYTES("\2{}"), "\\x027b7d"},
};

static void binary_of_postgres(void **state)
{
	for (unsigned i = 0; i < sizeof(postgres_rows) / sizeof(postgres_rows[0]); i++) {
		char body[128] = "\0\0\0\1\0\1\0\1";
		struct query_params params = {.types = {(const char *)&postgres_rows[i].oid,
							sizeof(postgres_rows[i].oid)},
					      .format = QUERY_PARAMS_POSTGRES,
					      .raw = {body, 12 + postgres_rows[i].raw.n}};
		struct query_params_reader r;

		body[11] = (char)postgres_rows[i].raw.n;
		memcpy(body + 12, postgres_rows[i].raw.p, postgres_rows[i].raw.n);
		assert_int_equal(query_params_begin(&r, &params, 0), 0);
		expect_next(&r, postgres_rows[i].want, false);
		expect_end(&r);
	}
}

/* Formats for each value; types for the binary ones alone. */
static void bind_of_postgres(void **state)
{
	static const uint32_t oids[] = {23, 25};
	static const char body[] = "portal\0stmt\0\0\5\0\1\0\0\0\1\0\0\0\1\0\5"
				   "\0\0\0\4\0\0\0\7" /* int4 */
				   "\0\0\0\2ab"       /* text */
				   "\377\377\377\377" /* NULL, binary: it has a type, too */
				   "\0\0\0\0"
				   "\0\0\0\2hi" /* its type is not known any more */
				   "\0\0";
	struct query_params params = {.raw = BYTES(body),
				      .types = {(const char *)oids, sizeof(oids)},
				      .format = QUERY_PARAMS_POSTGRES};
	struct query_params_reader r;

	assert_int_equal(query_params_begin(&r, &params, 0), 0);
	expect_next(&r, "7", false);
	expect_next(&r, "ab", false);
	expect_next(&r, "NULL", false);
	expect_next(&r, "", false);
	expect_next(&r, "\\x6869", false);
	expect_end(&r);
	for (size_t n = 0; n < 26; n++) {
		params.raw.n = n;
		assert_int_equal(query_params_begin(&r, &params, 0), -EBADMSG);
	}
	params.raw.n = 26 + 8 + 4 + 1;
	assert_int_equal(query_params_begin(&r, &params, 0), 0);
	expect_next(&r, "7", false);
	expect_next(&r, "a", true);
	expect_end(&r);
}

static void binary_of_mysql(void **state)
{
	static const struct {
		struct bytes type, raw;
		const char *want;
	} rows[] = {
		{BYTES("\1\0"), BYTES("\200"), "-128"},
		{BYTES("\1\200"), BYTES("\377"), "255"},
		{BYTES("\2\0"), BYTES("\0\200"), "-32768"},
		{BYTES("\2\200"), BYTES("\377\377"), "65535"},
		{BYTES("\3\0"), BYTES("\0\0\0\200"), "-2147483648"},
		{BYTES("\3\200"), BYTES("\377\377\377\377"), "4294967295"},
		{BYTES("\10\0"), BYTES("\0\0\0\0\0\0\0\200"), "-9223372036854775808"},
		{BYTES("\10\200"), BYTES("\377\377\377\377\377\377\377\377"),
		 "18446744073709551615"},
		{BYTES("\11\0"), BYTES("\0\0\200\377"), "-8388608"},
		{BYTES("\15\0"), BYTES("\350\7"), "2024"},
		{BYTES("\4\0"), BYTES("\315\314\314\75"), "0.1"},
		{BYTES("\5\0"), BYTES("\232\231\231\231\231\231\271\77"), "0.1"},
		{BYTES("\5\0"), BYTES("\0\0\0\0\0\152\370\100"), "100000"},
		{BYTES("\5\0"), BYTES("\0\0\64\46\365\153\14\103"), "1e15"},
		{BYTES("\5\0"), BYTES("\64\63\63\63\63\63\323\77"), "0.30000000000000004"},
		{BYTES("\12\0"), BYTES("\4\350\7\2\35"), "2024-02-29"},
		{BYTES("\12\0"), BYTES("\0"), "0000-00-00"},
		{BYTES("\14\0"), BYTES("\7\350\7\2\35\1\2\3"), "2024-02-29 01:02:03"},
		{BYTES("\14\0"), BYTES("\4\350\7\2\35"), "2024-02-29 00:00:00"},
		{BYTES("\14\0"), BYTES("\13\350\7\2\35\27\73\73\300\324\1\0"),
		 "2024-02-29 23:59:59.120000"},
		{BYTES("\7\0"), BYTES("\13\317\7\14\37\27\73\73\77\102\17\0"),
		 "1999-12-31 23:59:59.999999"},
		{BYTES("\13\0"), BYTES("\10\0\0\0\0\0\14\42\70"), "12:34:56"},
		{BYTES("\13\0"), BYTES("\14\1\2\0\0\0\3\4\5\6\0\0\0"), "-51:04:05.000006"},
		{BYTES("\13\0"), BYTES("\0"), "00:00:00"},
		{BYTES("\13\0"), BYTES("\3abc"), "\\x616263"},
		{BYTES("\376\0"), BYTES("\3abc"), "abc"},
		{BYTES("\375\0"), BYTES("\0"), ""},
		{BYTES("\366\0"), BYTES("\00512.50"), "12.50"},
		{BYTES("\374\0"), BYTES("\4blob"), "blob"},
		{BYTES("\374\0"), BYTES("\3\377\0\376"), "\\xff00fe"},
		{BYTES("\376\0"), BYTES("\374\3\0abc"), "abc"},
		{BYTES("\376\0"), BYTES("\376\3\0\0\0\0\0\0\0abc"), "abc"},
		{BYTES("\6\0"), BYTES(""), "NULL"},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char body[64] = "\0\1";
		struct query_params params = {.format = QUERY_PARAMS_MYSQL,
					      .raw = {body, 4 + rows[i].raw.n}};
		struct query_params_reader r;

		memcpy(body + 2, rows[i].type.p, 2);
		memcpy(body + 4, rows[i].raw.p, rows[i].raw.n);
		assert_int_equal(query_params_begin(&r, &params, 1), 0);
		expect_next(&r, rows[i].want, false);
		expect_end(&r);
	}
}

/* Types come with the first execution alone. */
static void types_of_mysql(void **state)
{
	static const char first[] = "\2\1\1\0\376\0\10\0\5\2hi\1\0\0\0\0\0\0\0",
			  later[] = "\4\0\6\1x";
	struct query_params begins = {.raw = BYTES(first), .format = QUERY_PARAMS_MYSQL};
	struct query_params params = {.raw = BYTES(later), .format = QUERY_PARAMS_MYSQL};
	struct bytes types = query_params_mysql_types(&begins, 3);
	struct query_params_reader r;

	assert_int_equal(types.n, 6);
	assert_int_equal(query_params_mysql_types(&params, 3).n, 0);
	assert_int_equal(query_params_mysql_types(&begins, 0).n, 0);
	begins.raw.n = 7;
	assert_int_equal(query_params_mysql_types(&begins, 3).n, 0);
	assert_int_equal(query_params_begin(&r, &params, 3), -EBADMSG);
	params.types = types;
	assert_int_equal(query_params_begin(&r, &params, 3), 0);
	expect_next(&r, "6", false);
	expect_next(&r, "x", false);
	expect_next(&r, "NULL", false);
	expect_end(&r);
	params.types.n = 2; /* not all of them were kept */
	assert_int_equal(query_params_begin(&r, &params, 3), 0);
	expect_next(&r, "6", false);
	expect_end(&r);
	assert_int_equal(query_params_begin(&r, &params, 0), 0);
	expect_end(&r);
}

/* Each value may have a name, and behind those of the statement there may be others, which have. */
static void names_of_mysql(void **state)
{
	static const char first[] = "\3\4\1\1\0\0\376\0\2ab\3\0\1c\7\2hi\1\0\0\0",
			  later[] = "\3\5\0\1x";
	struct query_params params = {.raw = BYTES(first), .format = QUERY_PARAMS_MYSQL_NAMED};
	struct query_params_reader r;

	assert_int_equal(query_params_begin(&r, &params, 2), 0);
	expect_next(&r, "7", false);
	expect_next(&r, "hi", false);
	expect_end(&r);
	params.types = query_params_mysql_types(&params, 2);
	assert_int_equal(params.types.n, 12);
	params.raw = BYTES(later);
	assert_int_equal(query_params_begin(&r, &params, 2), 0);
	expect_next(&r, "NULL", false);
	expect_next(&r, "x", false);
	expect_end(&r);
	params.types.n = 5; /* a name is cut */
	assert_int_equal(query_params_begin(&r, &params, 2), 0);
	expect_next(&r, "NULL", false);
	expect_end(&r);
	/* fewer than the statement has place for, cut in front of each part */
	assert_int_equal(query_params_begin(&r, &params, 4), -EBADMSG);
	params.raw = BYTES(first);
	for (params.raw.n = 0; params.raw.n < 15; params.raw.n++)
		assert_int_equal(query_params_begin(&r, &params, 2), -EBADMSG);
}

static void a_list(void **state)
{
	static const char raw[] = "\2\0\0\0hi\377\377\377\377\0\0\0\0\3\0\0\0ab";
	struct query_params params = query_params_list(BYTES(raw), true);
	struct query_params_reader r;

	assert_int_equal(query_params_begin(&r, &params, 0), 0);
	expect_next(&r, "hi", false);
	expect_next(&r, "NULL", false);
	expect_next(&r, "", false);
	expect_next(&r, "ab", true);
	expect_end(&r);
}

static void what_is_long_is_cut(void **state)
{
	static const uint32_t numeric = 1700, bytea = 17;
	char body[2000] = "\0\0\0\1\0\1\0\1\0\0\0\12\0\1\177\377\0\0\0\0\0\1"; /* 1e131068 */
	struct query_params params = {.types = {(const char *)&numeric, 4},
				      .format = QUERY_PARAMS_POSTGRES,
				      .raw = {body, 22}};
	struct query_params_reader r;
	struct query_value v;

	assert_int_equal(query_params_begin(&r, &params, 0), 0);
	assert_int_equal(query_params_next(&r, &v), 1);
	assert_true(v.text_cut && v.text.n > 500 && v.text.n < QUERY_PARAMS_SCRATCH);
	assert_memory_equal(v.text.p, "10000000", 8);
	body[10] = 4;
	body[11] = 0;
	params.types.p = (const char *)&bytea;
	params.raw.n = 12 + 1024;
	assert_int_equal(query_params_begin(&r, &params, 0), 0);
	assert_int_equal(query_params_next(&r, &v), 1);
	assert_true(v.text_cut && v.text.n > 500 && v.text.n < QUERY_PARAMS_SCRATCH);
	expect_end(&r);
}

static void the_statement_of_a_bind(void **state)
{
	static const char body[] = "portal\0named\0\0";

	for (size_t n = 0; n < sizeof(body); n++) {
		struct bytes name = query_params_postgres_statement((struct bytes){body, n});

		assert_int_equal(name.n, n < 13 ? 0 : 5);
		if (name.n)
			assert_ptr_equal(name.p, body + 7);
	}
	assert_int_equal(query_params_postgres_statement(BYTES("\0\0\0\0")).n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(binary_of_postgres),  cmocka_unit_test(bind_of_postgres),
		cmocka_unit_test(binary_of_mysql),     cmocka_unit_test(types_of_mysql),
		cmocka_unit_test(names_of_mysql),      cmocka_unit_test(a_list),
		cmocka_unit_test(what_is_long_is_cut), cmocka_unit_test(the_statement_of_a_bind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
