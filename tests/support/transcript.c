/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/transcript.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "capture/base/utf8.h"
#include "encoders/view/text_data.h"
#include "tests/support/encoding.h"

#define TIME_UNIX 1732453680123456789ull
#define TIME_BOOT 5000123456789ull

static const struct proc curl = {.pid = 1234, .comm = BYTES("curl"), .exe = BYTES("/usr/bin/curl")};

void transcript_begin(struct transcript *t, enum protocol protocol, struct bytes file)
{
	*t = (struct transcript){.protocol = protocol, .rest = file};
	t->flows[0] = (struct flow){.id = 1,
				    .family = AF_INET,
				    .ip_proto = IPPROTO_TCP,
				    .role = FLOW_ROLE_CLIENT,
				    .local_port = 43210,
				    .remote_port = 443,
				    .local = {127, 0, 0, 1},
				    .remote = {127, 0, 0, 1}};
	t->flows[1] = (struct flow){.id = 2,
				    .family = AF_INET6,
				    .ip_proto = IPPROTO_TCP,
				    .role = FLOW_ROLE_SERVER,
				    .local_port = 8443,
				    .remote_port = 50000,
				    .local = {[15] = 1},
				    .remote = {0x20, 1, 0xd, 0xb8, [15] = 7}};
}

static unsigned le16(const char *p)
{
	return (uint8_t)p[0] | (unsigned)(uint8_t)p[1] << 8;
}

bool transcript_next(struct transcript *t, struct event *ret)
{
	struct bytes head = t->rest;
	unsigned flags, n, missing, other, receives;
	uint64_t *next, *call;

	if (head.n < TRANSCRIPT_HEAD)
		return false;
	flags = (uint8_t)head.p[0];
	n = le16(head.p + 1);
	missing = le16(head.p + 3);
	if (n > head.n - TRANSCRIPT_HEAD)
		n = head.n - TRANSCRIPT_HEAD;
	t->rest = (struct bytes){head.p + TRANSCRIPT_HEAD + n, head.n - TRANSCRIPT_HEAD - n};
	other = !!(flags & TRANSCRIPT_OTHER);
	receives = flags & TRANSCRIPT_RECEIVE;
	next = &t->next[other][receives];
	call = &t->call[other][receives];
	*call = flags & TRANSCRIPT_CONTINUES ? *call + missing : 0;
	*next += missing;
	t->flows[other].protocol = t->protocol;
	t->flows[other].family = flags & TRANSCRIPT_UNKNOWN ? 0 : other ? AF_INET6 : AF_INET;
	t->time_ns += 1000000;
	*ret = (struct event){
		.kind = EVENT_DATA,
		.flags = (flags & TRANSCRIPT_TRUNCATED ? EVENT_F_TRUNCATED : 0) |
			 (flags & TRANSCRIPT_LATE ? EVENT_F_IN_PROGRESS : 0),
		.probe = "tls",
		.time_boot_ns = TIME_BOOT + t->time_ns,
		.time_unix_ns = TIME_UNIX + t->time_ns,
		.seq = ++t->seq,
		.tid = 1234,
		.proc = &curl,
		.flow = &t->flows[other],
		.data = {.payload = {head.p + TRANSCRIPT_HEAD, flags & TRANSCRIPT_FIN ? 0 : n},
			 .stream_offset = *next,
			 .call_offset = *call,
			 .call_total = *call + n + (flags & TRANSCRIPT_TRUNCATED ? 100 : 0),
			 .direction = receives ? DIRECTION_RECEIVE : DIRECTION_TRANSMIT,
			 .library = "openssl",
			 .fin = flags & TRANSCRIPT_FIN,
			 .late = flags & TRANSCRIPT_LATE}};
	flows_place(t->streams[other], ret);
	*next += ret->data.payload.n;
	*call += ret->data.payload.n;
	return true;
}

void transcript_say(struct transcript_file *f, unsigned flags, unsigned missing,
		    struct bytes payload)
{
	size_t at = 0;

	do {
		size_t n = payload.n - at < UINT16_MAX ? payload.n - at : UINT16_MAX;
		char *p;

		f->p = realloc(f->p, f->n + TRANSCRIPT_HEAD + n);
		assert_non_null(f->p);
		p = f->p + f->n;
		p[0] = (char)(flags | (at ? TRANSCRIPT_CONTINUES : 0));
		p[1] = (char)n;
		p[2] = (char)(n >> 8);
		p[3] = (char)missing;
		p[4] = (char)(missing >> 8);
		if (n)
			memcpy(p + TRANSCRIPT_HEAD, payload.p + at, n);
		f->n += TRANSCRIPT_HEAD + n;
		at += n;
		missing = 0;
	} while (at < payload.n);
}

struct transcript_file transcript_load(const char *path)
{
	struct transcript_file f = {malloc(1 << 20), 0};
	FILE *from = fopen(path, "rb");

	assert_non_null(f.p);
	if (!from)
		fail_msg("%s: cannot be read", path);
	f.n = fread(f.p, 1, 1 << 20, from);
	fclose(from);
	assert_true(f.n > 0 && f.n < 1 << 20);
	return f;
}

struct transcript_file transcript_split(const struct transcript_file *f, size_t n)
{
	struct transcript_file split = {0};
	struct bytes rest = {f->p, f->n};

	while (rest.n >= TRANSCRIPT_HEAD) {
		size_t size = le16(rest.p + 1), at = 0;
		unsigned flags = (uint8_t)rest.p[0], missing = le16(rest.p + 3);

		do {
			size_t part = size - at < n ? size - at : n;

			transcript_say(&split, flags | (at ? TRANSCRIPT_CONTINUES : 0),
				       at ? 0 : missing,
				       (struct bytes){rest.p + TRANSCRIPT_HEAD + at, part});
			at += part;
		} while (at < size);
		rest = (struct bytes){rest.p + TRANSCRIPT_HEAD + size,
				      rest.n - TRANSCRIPT_HEAD - size};
	}
	return split;
}

void transcript_done(struct transcript_file *f)
{
	free(f->p);
	*f = (struct transcript_file){0};
}

extern const struct encoder_ops encoder_text;

char *transcript_shown(const struct transcript_file *f, enum protocol protocol, const char *options)
{
	struct encoding e;
	struct event ev;
	struct transcript t;
	char *text;

	encoding_open(&e, &encoder_text, options, NULL);
	transcript_begin(&t, protocol, (struct bytes){f->p, f->n});
	while (transcript_next(&t, &ev))
		assert_int_equal(encoding_add(&e, &ev), 0);
	encoding_end(&e);
	text = strdup((char *)e.p);
	assert_non_null(text);
	encoding_close(&e);
	return text;
}

static void assert_has(const char *text, const char *const *want)
{
	for (; *want; want++) {
		const char *at = strstr(text, *want);

		if (!at)
			fail_msg("not shown: %s\n%s", *want, text);
		text = at + strlen(*want);
	}
}

void talk_assert_recorded(const char *path, enum protocol protocol, const char *const *want)
{
	static const size_t cuts[] = {65535, 1000, 7, 1};
	struct transcript_file f = transcript_load(path);

	for (unsigned i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		struct transcript_file cut = transcript_split(&f, cuts[i]);
		char *text = transcript_shown(&cut, protocol, NULL);

		assert_has(text, want);
		assert_null(strstr(text, " missing here"));
		assert_null(strstr(text, "not known"));
		free(text);
		transcript_done(&cut);
	}
	transcript_done(&f);
}

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void must_be_printable(struct bytes text)
{
	while (text.n) {
		const char *end = memchr(text.p, '\n', text.n);
		size_t n;

		must(end);
		n = end - text.p;
		must(utf8_printable((struct bytes){text.p, n}) && (!n || !memchr(text.p, '\t', n)));
		text = (struct bytes){end + 1, text.n - n - 1};
	}
}

static void must_show(struct text_data *view, const struct event *ev, struct chunk *c)
{
	struct chunk none = {0};
	int r = text_data_encode(view, ev, BYTES("head "), &none);

	must(r == 0 || r == -ENOBUFS);
	chunk_reset(c);
	if (r)
		must(text_data_encode(view, ev, BYTES("head "), c) == 0 && c->len);
	must_be_printable((struct bytes){(char *)c->p, c->len});
}

/* A file ends here: all that waits is shown, in chunks of whatever size. */
static void must_show_rest(struct text_data *view, size_t room, struct chunk *c)
{
	int r;

	do {
		chunk_reset(c);
		c->len = c->cap - room;
		r = text_data_rest(view, c);
		must(r == 0 || (r == -ENOBUFS && c->len > c->cap - room));
	} while (r);
}

void transcript_fuzz(enum protocol protocol, const uint8_t *data, size_t n)
{
	static const uint64_t limits[] = {4096, 0, 100, TEXT_DATA_LIMIT_MAX};
	static struct text_data *views[4]; /* made once: much slower to make than to use */
	static struct chunk *c;
	struct text_data **view = &views[n % 4];
	struct event ev;
	struct transcript t;

	if (!*view)
		*view = text_data_new(limits[n % 4], false, NULL);
	if (!c)
		c = chunk_map_new(1, CHUNK_JUMBO);
	must(*view && c);
	transcript_begin(&t, protocol, (struct bytes){(const char *)data, n});
	while (transcript_next(&t, &ev))
		must_show(*view, &ev, c);
	must_show_rest(*view, n % 1000 + 1, c);
	must_show_rest(*view, CHUNK_SIZE, c);
	for (unsigned i = 0; i < 2; i++) { /* the next input finds nothing of this one */
		ev = (struct event){.kind = EVENT_DATA,
				    .seq = ++t.seq,
				    .flow = &t.flows[i],
				    .data = {.fin = true}};
		must_show(*view, &ev, c);
	}
}
