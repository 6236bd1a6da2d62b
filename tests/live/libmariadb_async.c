/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Four connections of one thread without blocking, each on a stack of its own:
 * libmariadb_async PORT MARK */
#include <mysql.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
static int wait_for(MYSQL *m, int status)
{
	struct pollfd p = {.fd = mysql_get_socket(m)};
	p.events =
		(status & MYSQL_WAIT_READ ? POLLIN : 0) | (status & MYSQL_WAIT_WRITE ? POLLOUT : 0);
	poll(&p, 1, 1000);
	return (p.revents & POLLIN ? MYSQL_WAIT_READ : 0) |
	       (p.revents & POLLOUT ? MYSQL_WAIT_WRITE : 0);
}
int main(int argc, char **argv)
{
	MYSQL *m[4];
	int status[4], err[4], waits = 0;
	char q[4][256];
	for (int i = 0; i < 4; i++) {
		m[i] = mysql_init(NULL);
		mysql_options(m[i], MYSQL_OPT_NONBLOCK, 0);
		if (!mysql_real_connect(m[i], "127.0.0.1", "u", "pw", "shop",
					(unsigned)strtoul(argv[1], NULL, 10), NULL, 0))
			return fprintf(stderr, "%s\n", mysql_error(m[i])), 1;
	}
	for (int round = 0; round < 25; round++) {
		for (int i = 0; i < 4; i++) {
			int n = snprintf(q[i], sizeof(q[i]), "select '%s-co-%d-%d', sleep(0.00%d)",
					 argv[2], round, i, 4 - i);
			status[i] = mysql_real_query_start(&err[i], m[i], q[i], n);
		}
		for (int i = 0; i < 4; i++) {
			while (status[i]) {
				waits++;
				status[i] = mysql_real_query_cont(&err[i], m[i],
								  wait_for(m[i], status[i]));
			}
		}
		for (int i = 0; i < 4; i++) {
			MYSQL_RES *r;
			MYSQL_ROW row;
			int s;
			if (err[i])
				return fprintf(stderr, "%s\n", mysql_error(m[i])), 1;
			s = mysql_store_result_start(&r, m[i]);
			while (s)
				s = mysql_store_result_cont(&r, m[i], wait_for(m[i], s));
			if (mysql_num_fields(r) != 2 || !(row = mysql_fetch_row(r)))
				return 2;
			mysql_free_result(r);
		}
	}
	for (int i = 0; i < 4; i++)
		mysql_close(m[i]);
	printf("waits %d\n", waits > 0);
	return 0;
}
