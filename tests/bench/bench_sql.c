/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the text of a statement costs: its fingerprint, and the look for passwords in it. The best
 * of several rounds, in nanoseconds. Never a timed assertion: the figures are for people.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "capture/sql_text.h"

enum {
	ROUNDS = 20,
	CALLS = 50000
};

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void fingerprint_call(struct bytes text, enum sql_dialect dialect)
{
	char out[SQL_FINGERPRINT_MAX];
	size_t n = sql_text_fingerprint(text, dialect, out);

	__asm__ volatile("" : : "r"(n), "r"(out) : "memory");
}

static void password_found(size_t from, size_t to, void *arg)
{
	(void)from;
	*(size_t *)arg = to;
}

static void passwords_call(struct bytes text, enum sql_dialect dialect)
{
	size_t last = 0;

	sql_text_passwords(text, dialect, password_found, &last);
	__asm__ volatile("" : : "r"(last) : "memory");
}

static double best(void (*call)(struct bytes text, enum sql_dialect dialect), struct bytes text,
		   enum sql_dialect dialect)
{
	double least = 1e9;

	for (unsigned i = 0; i < ROUNDS; i++) {
		double start = seconds(), spent;

		for (unsigned k = 0; k < CALLS; k++)
			call(text, dialect);
		spent = seconds() - start;
		if (spent < least)
			least = spent;
	}
	return least / CALLS * 1e9;
}

int main(void)
{
	static const struct {
		enum sql_dialect dialect;
		const char *text;
	} rows[] = {
		{SQL_POSTGRES, "select 1"},
		{SQL_POSTGRES, "SELECT abalance FROM pgbench_accounts WHERE aid = 48213;"},
		{SQL_POSTGRES, "SELECT abalance FROM pgbench_accounts WHERE aid = $1;"},
		{SQL_MYSQL, "SELECT o.id, o.total FROM orders o WHERE o.customer_id = 48213 AND "
			    "o.state IN ('open','paid') LIMIT 20"},
		{SQL_MYSQL, "INSERT INTO t (a, b, c) VALUES (1,'x',NULL),(2,'y',3),(3,'z',4)"},
		{SQL_POSTGRES, "alter role app with login encrypted password 'secret' valid until "
			       "'2030-01-01'"},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bytes text = bytes_of(rows[i].text);

		printf("%4zu bytes: fingerprint %5.0f ns, passwords %5.0f ns  %.60s\n", text.n,
		       best(fingerprint_call, text, rows[i].dialect),
		       best(passwords_call, text, rows[i].dialect), text.p);
	}
	return 0;
}
