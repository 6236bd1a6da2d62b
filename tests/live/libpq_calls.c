/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Statements by every way that libpq has: libpq_calls CONNINFO MARK */
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static PGconn *db;
static const char *mark;
static char text[256];

static const char *marked(const char *format)
{
	snprintf(text, sizeof(text), "%s /* %s */", format, mark);
	return text;
}

static void result_need(PGresult *result, ExecStatusType status)
{
	if (PQresultStatus(result) != status) {
		fprintf(stderr, "%s: %s\n", PQresStatus(PQresultStatus(result)),
			PQerrorMessage(db));
		exit(1);
	}
	PQclear(result);
}

/* As event loops do it: results are taken when they are there. */
static void query_async(void)
{
	struct pollfd fd = {.fd = PQsocket(db), .events = POLLIN};
	PGresult *result;

	if (!PQsendQuery(db, marked("select pg_sleep(0.05), 'async'")))
		exit(1);
	while (PQisBusy(db)) {
		poll(&fd, 1, 1000);
		PQconsumeInput(db);
	}
	while ((result = PQgetResult(db)))
		result_need(result, PGRES_TUPLES_OK);
}

static void query_rows(void)
{
	PGresult *result;
	int n = 0;

	if (!PQsendQueryParams(db, marked("select generate_series(1, 5), 'single'"), 0, NULL, NULL,
			       NULL, NULL, 0) ||
	    !PQsetSingleRowMode(db))
		exit(1);
	while ((result = PQgetResult(db))) {
		n += PQresultStatus(result) == PGRES_SINGLE_TUPLE;
		PQclear(result);
	}
	if (n != 5)
		exit(1);
}

static void query_pipeline(void)
{
	const char *bad = "select 1 / 0 as piped";
	PGresult *result;

	if (!PQenterPipelineMode(db))
		exit(1);
	for (int i = 0; i < 3; i++)
		PQsendQueryParams(db, marked("select generate_series(1, 4) as piped"), 0, NULL,
				  NULL, NULL, NULL, 0);
	PQsendQueryParams(db, marked(bad), 0, NULL, NULL, NULL, NULL, 0);
	PQpipelineSync(db);
	for (int i = 0; i < 4; i++) {
		result_need(PQgetResult(db), i < 3 ? PGRES_TUPLES_OK : PGRES_FATAL_ERROR);
		if (PQgetResult(db))
			exit(1);
	}
	result = PQgetResult(db);
	result_need(result, PGRES_PIPELINE_SYNC);
	if (!PQexitPipelineMode(db))
		exit(1);
}

static void query_values(void)
{
	static char large[3000];
	const char *values[] = {"a b", NULL, "\1\2", large};
	const int lengths[] = {0, 0, 2, 0}, formats[] = {0, 0, 1, 0};

	memset(large, 'l', sizeof(large) - 1);
	result_need(PQexecParams(db,
				 marked("select $1::text, $2::int, $3::bytea, $4::text, 'values'"),
				 4, NULL, values, lengths, formats, 0),
		    PGRES_TUPLES_OK);
}

static void query_deep(void)
{
	PGresult *result;

	if (!PQenterPipelineMode(db))
		exit(1);
	for (int i = 0; i < 500; i++)
		PQsendQueryParams(db, marked("select 1 as deep"), 0, NULL, NULL, NULL, NULL, 0);
	PQpipelineSync(db);
	for (int i = 0; i < 500; i++) {
		result_need(PQgetResult(db), PGRES_TUPLES_OK);
		if (PQgetResult(db))
			exit(1);
	}
	result = PQgetResult(db);
	result_need(result, PGRES_PIPELINE_SYNC);
	if (!PQexitPipelineMode(db))
		exit(1);
}

int main(int argc, char **argv)
{
	const char *values[] = {"7"};

	mark = argv[2];
	db = PQconnectdb(argv[1]);
	if (PQstatus(db) != CONNECTION_OK)
		return 1;
	result_need(PQexec(db, marked("select 'exec'")), PGRES_TUPLES_OK);
	result_need(PQexecParams(db, marked("select $1::int, 'params'"), 1, NULL, values, NULL,
				 NULL, 0),
		    PGRES_TUPLES_OK);
	result_need(PQprepare(db, "named", marked("select generate_series(1, $1::int)"), 1, NULL),
		    PGRES_COMMAND_OK);
	result_need(PQexecPrepared(db, "named", 1, values, NULL, NULL, 0), PGRES_TUPLES_OK);
	result_need(PQexec(db, "select 1; select 2 from nosuch"), PGRES_FATAL_ERROR);
	query_async();
	query_values();
	query_deep();
	PQexec(db, marked("select 'ignored'"));
	poll(NULL, 0, 200);
	query_pipeline();
	query_rows();
	/* refused: the one before is under way */
	PQsendQuery(db, marked("select 'first'"));
	if (PQsendQuery(db, marked("select 'refused'")))
		return 1;
	result_need(PQgetResult(db), PGRES_TUPLES_OK);
	PQfinish(db);
	return 0;
}
