/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/source/context.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "capture/base/cleanup.h"
#include "capture/source/clock.h"
#include "kern/events.h"

enum {
	TEXT_MAX = 4096,
};

/* ---- RUN ---------------------------------------------------------------------------------- */

static uint64_t u64_rotate(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

static void speck_round(uint64_t *x, uint64_t *y, uint64_t key)
{
	*x = (u64_rotate(*x, 56) + *y) ^ key;
	*y = u64_rotate(*y, 3) ^ *x;
}

void context_host_id(const uint8_t machine_id[16], uint8_t ret[16])
{
	static const uint8_t none[16];
	uint64_t text[2], key[2];

	if (!memcmp(machine_id, none, sizeof(none))) {
		memset(ret, 0, 16);
		return;
	}
	memcpy(text, "penstock host id", sizeof(text));
	memcpy(key, machine_id, sizeof(key));
	for (uint64_t i = 0; i < 32; i++) {
		speck_round(&text[1], &text[0], key[0]);
		speck_round(&key[1], &key[0], i);
	}
	memcpy(ret, text, sizeof(text));
}

/* 32 hexadecimal digits, with or without dashes; zeroes when the file says something else. */
static void read_id(const char *path, uint8_t ret[16])
{
	CLEANUP_FCLOSE FILE *f = fopen(path, "re");
	uint8_t id[16] = {0};
	unsigned n = 0;
	int c;

	memset(ret, 0, 16);
	while (f && n < 32 && (c = getc(f)) != EOF) {
		if (c == '-')
			continue;
		if (!isxdigit(c))
			return;
		id[n / 2] =
			(uint8_t)(id[n / 2] << 4 | (isdigit(c) ? c - '0' : (c | 32) - 'a' + 10));
		n++;
	}
	if (n == 32)
		memcpy(ret, id, sizeof(id));
}

/* PRETTY_NAME of os-release, without its quotes. */
static void read_os(char *ret, size_t size)
{
	CLEANUP_FCLOSE FILE *f = fopen("/etc/os-release", "re");
	char line[256];

	snprintf(ret, size, "Linux");
	while (f && fgets(line, sizeof(line), f)) {
		char *value = line + strlen("PRETTY_NAME=");

		if (strncmp(line, "PRETTY_NAME=", strlen("PRETTY_NAME=")))
			continue;
		value += strspn(value, "\"'");
		value[strcspn(value, "\"'\n")] = '\0';
		snprintf(ret, size, "%s", value);
	}
}

static void text_append(char *text, size_t size, size_t *n, const char *more)
{
	size_t len = strnlen(more, size - 1 - *n);

	memcpy(text + *n, more, len);
	*n += len;
	text[*n] = '\0';
}

/* The command line as one would type it into a shell. */
static void join_args(char *const argv[], char *ret, size_t size)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "%+,-./:=@_";
	size_t n = 0;

	ret[0] = '\0';
	for (unsigned i = 0; argv && argv[i]; i++) {
		const char *arg = argv[i];
		bool quote = !*arg || arg[strspn(arg, plain)];

		text_append(ret, size, &n, i ? " " : "");
		text_append(ret, size, &n, quote ? "'" : "");
		for (; quote && *arg; arg++)
			text_append(ret, size, &n, *arg == '\'' ? "'\\''" : (char[]){*arg, 0});
		text_append(ret, size, &n, arg);
		text_append(ret, size, &n, quote ? "'" : "");
	}
}

int context_run(const uint64_t probes[4], char *const argv[], source_fn fn, void *arg)
{
	union {
		struct rec_run run;
		char bytes[sizeof(struct rec_run) + TEXT_MAX + 1024];
	} u = {0};
	char os[256], cmdline[TEXT_MAX];
	struct utsname uts;
	uint8_t machine_id[16];
	size_t n = 0;

	uname(&uts);
	read_os(os, sizeof(os));
	join_args(argv, cmdline, sizeof(cmdline));
	const char *texts[] = {uts.nodename,     os,     uts.release, uts.machine,
			       PENSTOCK_VERSION, cmdline};

	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++, n++)
		text_append(u.run.data, sizeof(u) - sizeof(u.run) - 8, &n, texts[i]);
	u.run.version = REC_VERSION;
	u.run.pid = (uint32_t)getpid();
	read_id("/proc/sys/kernel/random/boot_id", u.run.boot_id);
	read_id("/etc/machine-id", machine_id);
	context_host_id(machine_id, u.run.host_id);
	memcpy(u.run.probes, probes, sizeof(u.run.probes));
	if (getrandom(&u.run.run_id, sizeof(u.run.run_id), 0) != sizeof(u.run.run_id))
		return -errno;
	u.run.rec = (struct rec){
		.len = (uint32_t)(sizeof(u.run) + n), .kind = REC_RUN, .time = clock_boot_ns()};
	return fn(&u.run.rec, arg);
}

/* ---- ATTACH ------------------------------------------------------------------------------- */

static uint16_t put_text(char **at, struct bytes text)
{
	size_t n = text.n < TEXT_MAX ? text.n : TEXT_MAX;

	if (n)
		memcpy(*at, text.p, n);
	*at += n;
	return (uint16_t)n;
}

int context_attach(uint16_t probe, const struct event_attach *report, source_fn fn, void *arg)
{
	union {
		struct rec_attach attach;
		char bytes[sizeof(struct rec_attach) + 3 * TEXT_MAX];
	} u;
	char *at = u.attach.data;

	u.attach = (struct rec_attach){
		.rec = {.kind = REC_ATTACH, .probe = probe, .time = clock_boot_ns()},
		.offset = report->offset,
		.pid = report->pid,
		.status = report->status,
		.hook_len = put_text(&at, report->hook),
		.target_len = put_text(&at, report->target),
		.note_len = put_text(&at, report->note),
	};
	u.attach.rec.len = (uint32_t)(at - u.bytes);
	return fn(&u.attach.rec, arg);
}
