/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes a raw recording made of nothing but arithmetic: as many events as wanted, the same bytes
 * each time. Usage: make_raw EVENTS [exec|bash|tls|web|sql] >FILE
 *
 * exec: a process is forked, executes and exits, two events. bash: a typed line and its end, one
 * event. 500 processes take turns, so tables fill up early and stay as they are. tls: the workers
 * of a server, four generations below init, answer requests on 2000 connections. web: the same
 * server with what compresses as real traffic does: connections of some requests each from many
 * clients, tokens and cookies, bodies of JSON, HTML and pictures. sql: see make_raw_sql.c.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/raw.h"
#include "tests/replay/make_raw.h"

enum {
	PIDS = 500,
	FIRST_PID = 1000,
	EXEC_PROBE = 1, /* as in probes/probes.def */
	BASH_PROBE = 2,
	TLS_PROBE = 3,
	WORKERS = 16,
	ANCESTORS = 4,
	CONNECTIONS = 2000,
	RUN_OF_EVENTS = 4, /* of one connection before it is the next one's turn */
	STEP_NS = 50 * 1000,
	WEB_STEP_NS = 2 * 1000 * 1000, /* 500 events a second: ten minutes are 300,000 */
	WEB_EXCHANGES = 24,            /* on a connection, of requests and answers */
	WEB_OPEN = 64,                 /* connections at a time */
	WEB_BODY = 3000,
	TICK_NS = 100 * 1000 * 1000
};

static const uint64_t boot_ns = 1000000000000ull;
static const uint64_t unix_ns = 1700000000000000000ull;

void make_raw_put(struct rec *rec, size_t len)
{
	static const char zero[RAW_ALIGN];

	rec->len = (uint32_t)len;
	fwrite(rec, 1, len, stdout);
	fwrite(zero, 1, -len % RAW_ALIGN, stdout);
}

static void put_run(int sql)
{
	static const char texts[] = "host\0Debian\0"
				    "6.1.0\0x86_64\0"
				    "0.1.0\0make_raw";
	_Alignas(struct rec_run) char buf[sizeof(struct rec_run) + sizeof(texts)] = "";
	struct rec_run *run = (struct rec_run *)buf;

	run->rec = (struct rec){.kind = REC_RUN, .time = boot_ns};
	run->version = REC_VERSION;
	run->pid = 1;
	run->probes[0] = 1u << EXEC_PROBE | 1u << BASH_PROBE | 1u << TLS_PROBE;
	if (sql)
		run->probes[0] = 1u << MAKE_RAW_SQL;
	memcpy(run->data, texts, sizeof(texts));
	make_raw_put(&run->rec, sizeof(buf));
}

static void put_clock(uint64_t now)
{
	struct rec_clock clock = {.rec = {.kind = REC_CLOCK, .time = now}};

	clock.unix_ns = unix_ns + (now - boot_ns);
	make_raw_put(&clock.rec, sizeof(clock));
}

/* Every process id comes back as a new process, with a new start time. */
static struct rec_task task_of(uint64_t n)
{
	struct rec_task task = {
		.pid = FIRST_PID + (uint32_t)(n % PIDS),
		.ppid = 1,
		.uid = (uint32_t)(n % 3) * 1000,
		.loginuid = UINT32_MAX,
		.start = boot_ns + n * STEP_NS,
		.cgroup = 1,
		.comm = "worker",
	};

	task.tid = task.ns_pid = task.pid;
	return task;
}

static void put_exec(uint64_t n, uint64_t now)
{
	struct rec_fork fork = {.rec = {REC_NONE, REC_FORK, 0, EXEC_PROBE, now},
				.task = task_of(n)};
	struct rec_exit end = {.rec = {REC_NONE, REC_EXIT, 0, EXEC_PROBE, now + 3},
			       .task = fork.task};
	_Alignas(struct rec_exec) char buf[512] = "";
	struct rec_exec *exec = (struct rec_exec *)buf;
	static const char exe[] = "/usr/bin/worker", cwd[] = "/srv/data";
	int args;

	make_raw_put(&fork.rec, sizeof(fork));
	exec->rec = (struct rec){REC_NONE, REC_EXEC, 0, EXEC_PROBE, now + 1};
	exec->task = fork.task;
	exec->id = now + 1;
	exec->exe_len = sizeof(exe) - 1;
	exec->cwd_len = sizeof(cwd) - 1;
	args = snprintf(exec->data, sizeof(buf) - sizeof(*exec), "%s%sworker%c--job=%llu%c", exe,
			cwd, 0, (unsigned long long)n, 0) -
	       exec->exe_len - exec->cwd_len;
	exec->args_len = exec->args_total = (uint32_t)args;
	make_raw_put(&exec->rec, sizeof(*exec) + exec->exe_len + exec->cwd_len + exec->args_len);
	end.code = (uint32_t)(n % 4) << 8;
	make_raw_put(&end.rec, sizeof(end));
}

static void put_line(uint64_t n, uint64_t now)
{
	_Alignas(struct rec_line) char buf[512] = "";
	struct rec_line *line = (struct rec_line *)buf;
	struct rec_line_end end = {.rec = {REC_NONE, REC_LINE_END, 0, BASH_PROBE, now + 1}};

	line->rec = (struct rec){REC_NONE, REC_LINE, 0, BASH_PROBE, now};
	line->task = task_of(n % PIDS);
	line->id = now;
	line->shell = LINE_BASH;
	memcpy(line->tty, "pts/1", 6);
	line->cwd_len = 5;
	line->text_len = (uint32_t)snprintf(line->data, sizeof(buf) - sizeof(*line),
					    "/homeecho line %llu", (unsigned long long)n) -
			 line->cwd_len;
	make_raw_put(&line->rec, sizeof(*line) + line->cwd_len + line->text_len);
	end.task = line->task;
	end.id = line->id;
	end.status = (int32_t)(n % 2);
	make_raw_put(&end.rec, sizeof(end));
}

/* Below init, each process is the parent of the next one, and the last one that of all workers. */
struct rec_task make_raw_server(uint32_t worker)
{
	struct rec_task task = {.pid = 10 + worker,
				.ppid = worker < ANCESTORS ? 9 + worker : 10 + ANCESTORS - 1,
				.loginuid = UINT32_MAX,
				.start = boot_ns - 1000000000 + worker * STEP_NS,
				.cgroup = 1,
				.comm = "server"};

	task.tid = task.ns_pid = task.pid;
	return task;
}

static void put_servers(void)
{
	static const char exe[] = "/usr/sbin/server";
	_Alignas(struct rec_proc) char buf[512] = "";
	struct rec_proc *proc = (struct rec_proc *)buf;

	for (uint32_t i = 0; i < ANCESTORS + WORKERS; i++) {
		proc->rec = (struct rec){.kind = REC_PROC, .time = boot_ns};
		proc->task = make_raw_server(i);
		proc->exe_len = sizeof(exe) - 1;
		proc->cmdline_len = sizeof(exe);
		memcpy(proc->data, exe, proc->exe_len);
		memcpy(proc->data + proc->exe_len, exe, proc->cmdline_len);
		make_raw_put(&proc->rec, sizeof(*proc) + proc->exe_len + proc->cmdline_len);
	}
}

static void put_data(uint64_t n, uint64_t now)
{
	static const char request[] = "GET /index.html HTTP/1.1\r\nHost: localhost\r\n\r\n";
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
	static uint64_t offsets[CONNECTIONS][2];
	uint32_t connection = (uint32_t)(n / RUN_OF_EVENTS % CONNECTIONS), answers = n % 2;
	_Alignas(struct rec_data) char buf[512] = "";
	struct rec_data *data = (struct rec_data *)buf;

	data->rec = (struct rec){REC_NONE, REC_DATA, 0, TLS_PROBE, now};
	data->task = make_raw_server(ANCESTORS + connection % WORKERS);
	data->conn = 1000 + connection;
	data->n = data->call_total = (answers ? sizeof(answer) : sizeof(request)) - 1;
	data->stream_offset = offsets[connection][answers];
	offsets[connection][answers] += data->n;
	data->direction = answers ? DATA_TRANSMIT : DATA_RECEIVE;
	data->library = DATA_OPENSSL;
	data->flow = (struct rec_flow){.cookie = data->conn,
				       .netns = 1,
				       .family = 2, /* AF_INET */
				       .protocol = 6,
				       .role = REC_ROLE_SERVER,
				       .local_port = 443,
				       .remote_port = (uint16_t)(10000 + connection),
				       .local = {192, 0, 2, 1},
				       .remote = {198, 51, 100, 7}};
	memcpy(data->data, answers ? answer : request, data->n);
	make_raw_put(&data->rec, sizeof(*data) + data->n);
}

/* ---- web ----------------------------------------------------------------------------------- */

static uint64_t web_state = 88172645463325252ull;

static uint32_t web_random(uint32_t below)
{
	web_state ^= web_state << 13;
	web_state ^= web_state >> 7;
	web_state ^= web_state << 17;
	return (uint32_t)((web_state >> 16) % below);
}

struct web_text {
	char p[WEB_BODY + 2048];
	size_t n;
};

static void web_add(struct web_text *t, const char *text)
{
	size_t n = strlen(text);

	if (t->n + n <= sizeof(t->p))
		memcpy(t->p + t->n, text, n);
	t->n += t->n + n <= sizeof(t->p) ? n : 0;
}

/* Digits and letters that no compressor can guess. */
static void web_add_token(struct web_text *t, unsigned n)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

	while (n-- && t->n < sizeof(t->p))
		t->p[t->n++] = letters[web_random(64)];
}

/* The same for one client whenever it comes: a session's. */
static void web_add_session(struct web_text *t, uint32_t client, unsigned n)
{
	uint64_t state = web_state;

	web_state = 0x9e3779b97f4a7c15ull * (client + 1);
	web_random(2);
	web_add_token(t, n);
	web_state = state;
}

/* Few words are frequent, and most are rare. */
static void web_add_word(struct web_text *t)
{
	static const char *const parts[] = {"or",    "der", "cus",  "tom",  "er",    "ship",
					    "ping",  "to",  "tal",  "name", "state", "ad",
					    "dress", "re",  "view", "item"};
	uint32_t word = web_random(web_random(web_random(4096) + 1) + 1);

	for (unsigned i = 0; i < 3; i++, word >>= 4)
		web_add(t, parts[word & 15]);
}

static void web_add_body(struct web_text *t, unsigned kind, unsigned n)
{
	size_t end = t->n + n;

	while (t->n < end && t->n + 64 < sizeof(t->p)) {
		if (kind == 0) { /* a picture */
			t->p[t->n++] = (char)web_random(256);
		} else if (kind < 9) {
			char number[32];

			web_add(t, "{\"");
			web_add_word(t);
			snprintf(number, sizeof(number), "\":%u,\"", web_random(100000));
			web_add(t, number);
			web_add_word(t);
			web_add(t, "\":\"");
			web_add_word(t);
			web_add(t, "\"},");
		} else {
			web_add(t, web_random(8) ? " " : "</p>\n<p class=\"text\">");
			web_add_word(t);
		}
	}
}

static void web_request(struct web_text *t, uint32_t client)
{
	char line[256];

	snprintf(line, sizeof(line), "%s /api/v2/", web_random(5) ? "GET" : "POST");
	web_add(t, line);
	web_add_word(t);
	snprintf(line, sizeof(line),
		 "/%u HTTP/1.1\r\nHost: shop%u.example.net\r\nUser-Agent: Mozilla/5.0 (X11; Linux "
		 "x86_64) AppleWebKit/%u\r\nAccept: */*\r\nAuthorization: Bearer eyJhbGciOi.",
		 web_random(100000), client % 7, 500 + client % 40);
	web_add(t, line);
	web_add_session(t, client, 120);
	web_add(t, "\r\nCookie: sid=");
	web_add_session(t, client, 32);
	web_add(t, "\r\nX-Request-Id: ");
	web_add_token(t, 22);
	web_add(t, "\r\n\r\n");
}

static void web_answer(struct web_text *t)
{
	static const char *const types[] = {"image/webp", "application/json", "text/html"};
	unsigned kind = web_random(16), n = 200 + web_random(WEB_BODY - 200);
	char line[256];

	snprintf(line, sizeof(line),
		 "HTTP/1.1 %u OK\r\nServer: nginx/1.22.1\r\nContent-Type: %s\r\nContent-Length: "
		 "%u\r\nX-Trace: ",
		 web_random(20) ? 200 : 404,
		 types[kind == 0  ? 0
		       : kind < 6 ? 1
				  : 2],
		 n);
	web_add(t, line);
	web_add_token(t, 32);
	web_add(t, "\r\n\r\n");
	web_add_body(t, kind, n);
}

static void put_web(uint64_t n, uint64_t now)
{
	static struct web_connection {
		uint64_t id, offsets[2];
		uint32_t client, left;
		uint16_t port;
	} open[WEB_OPEN];
	static uint64_t ids;
	struct web_connection *c = &open[n / 2 % WEB_OPEN];
	_Alignas(struct rec_data) char buf[sizeof(struct rec_data) + sizeof(struct web_text)] = "";
	struct rec_data *data = (struct rec_data *)buf;
	uint32_t answers = n % 2;
	struct web_text t = {.n = 0};

	if (!c->left)
		*c = (struct web_connection){.id = 1000 + 2 * ids++,
					     .client = web_random(web_random(5000) + 1),
					     .left = WEB_EXCHANGES,
					     .port = (uint16_t)(20000 + web_random(40000))};
	c->left--;
	if (answers)
		web_answer(&t);
	else
		web_request(&t, c->client);
	data->rec = (struct rec){REC_NONE, REC_DATA, 0, TLS_PROBE, now};
	data->task = make_raw_server(ANCESTORS + (uint32_t)(c->id % WORKERS));
	data->conn = c->id;
	data->n = data->call_total = (uint32_t)t.n;
	data->stream_offset = c->offsets[answers];
	c->offsets[answers] += t.n;
	data->direction = answers ? DATA_TRANSMIT : DATA_RECEIVE;
	data->library = DATA_OPENSSL;
	data->flow = (struct rec_flow){.cookie = c->id,
				       .netns = 1,
				       .family = 2, /* AF_INET */
				       .protocol = 6,
				       .role = REC_ROLE_SERVER,
				       .local_port = 443,
				       .remote_port = c->port,
				       .local = {192, 0, 2, 1},
				       .remote = {10, (uint8_t)(c->client >> 16),
						  (uint8_t)(c->client >> 8), (uint8_t)c->client}};
	memcpy(data->data, t.p, t.n);
	make_raw_put(&data->rec, sizeof(*data) + t.n);
}

int main(int argc, char **argv)
{
	int web = argc > 2 && !strcmp(argv[2], "web");
	uint64_t events = argc > 1 ? strtoull(argv[1], NULL, 10) : 0, now = boot_ns, tick = boot_ns;
	int bash = argc > 2 && !strcmp(argv[2], "bash"), tls = argc > 2 && !strcmp(argv[2], "tls");
	int sql = argc > 2 && !strcmp(argv[2], "sql");
	struct rec stop = {.kind = REC_STOP};

	if (events == 0) {
		fprintf(stderr, "usage: make_raw EVENTS [exec|bash|tls|web|sql] >FILE\n");
		return 2;
	}
	fwrite(RAW_MAGIC, 1, RAW_MAGIC_SIZE, stdout);
	put_run(sql);
	put_clock(now);
	if (tls || web || sql)
		put_servers();
	for (uint64_t n = 0; n < events / (bash || tls || web || sql ? 1 : 2); n++) {
		now += web ? WEB_STEP_NS : STEP_NS;
		if (web)
			put_web(n, now);
		else if (tls)
			put_data(n, now);
		else if (sql)
			make_raw_sql(n, now);
		else if (bash)
			put_line(n, now);
		else
			put_exec(n, now);
		if (now - tick >= TICK_NS) {
			struct rec at = {.kind = REC_TICK, .time = now + 4};

			make_raw_put(&at, sizeof(at));
			tick = now;
		}
	}
	stop.time = now + TICK_NS;
	make_raw_put(&stop, sizeof(stop));
	return fflush(stdout) == 0 ? 0 : 1;
}
