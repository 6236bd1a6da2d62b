/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Four connections of one thread, each on a stack of its own. Libraries of coroutines replace
 * poll(), so that libpq leaves its stack in the middle of a call: so does this one.
 * libpq_stacks CONNINFO MARK
 */
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

enum {
	STACKS = 4,
	ROUNDS = 25,
	STACK_SIZE = 256 * 1024
};

static ucontext_t scheduler, contexts[STACKS];
static PGconn *db[STACKS];
static int current = -1, running = STACKS, switched;
static const char *mark;

/* In place of libc's. */
int poll(struct pollfd *fds, nfds_t n, int timeout)
{
	struct timespec wait = {.tv_nsec = 1000000};
	int me = current, ready;

	if (me < 0)
		return (int)syscall(SYS_ppoll, fds, n, NULL, NULL, 0);
	while (!(ready = (int)syscall(SYS_ppoll, fds, n, &wait, NULL, 0))) {
		switched = 1;
		swapcontext(&contexts[me], &scheduler);
	}
	return ready;
}

static void stack_run(void)
{
	int me = current;

	for (int i = 0; i < ROUNDS; i++) {
		int rows = me * ROUNDS + i + 1;
		PGresult *result;
		char text[256];

		snprintf(text, sizeof(text),
			 "select generate_series(1, %d), pg_sleep(0.0%d / %d) /* %s */", rows,
			 4 - me, rows, mark);
		result = PQexec(db[me], text);
		if (PQntuples(result) != rows) {
			fprintf(stderr, "%s\n", PQerrorMessage(db[me]));
			exit(1);
		}
		PQclear(result);
	}
	running--;
}

int main(int argc, char **argv)
{
	mark = argv[2];
	for (int i = 0; i < STACKS; i++) {
		db[i] = PQconnectdb(argv[1]);
		if (PQstatus(db[i]) != CONNECTION_OK)
			return 2;
		getcontext(&contexts[i]);
		contexts[i].uc_stack.ss_sp = malloc(STACK_SIZE);
		contexts[i].uc_stack.ss_size = STACK_SIZE;
		contexts[i].uc_link = &scheduler;
		makecontext(&contexts[i], stack_run, 0);
	}
	for (int done[STACKS] = {0}; running;) {
		for (int i = 0; i < STACKS; i++) {
			int before = running;

			if (done[i])
				continue;
			current = i;
			swapcontext(&scheduler, &contexts[i]);
			done[i] = running < before;
		}
	}
	current = -1;
	for (int i = 0; i < STACKS; i++)
		PQfinish(db[i]);
	printf("switched %d\n", switched);
	return 0;
}
