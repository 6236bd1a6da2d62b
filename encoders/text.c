/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For people: time, pid, program, what happened. What targets typed or passed is shown, never sent:
 * control characters, bad UTF-8 and what turns the direction of text are written as escapes, so no
 * recorded byte can move the cursor of whoever looks.
 */
#include <errno.h>
#include <stddef.h>
#include <time.h>

#include "capture/base/utf8.h"
#include "capture/encoder.h"
#include "capture/stats.h"
#include "encoders/put.h"

enum tz {
	TZ_UTC,
	TZ_LOCAL
};

struct text_cfg {
	int tz; /* enum tz */
};

struct text {
	bool colour, local;
	uint64_t second;  /* whose time of day is in `clock` */
	uint8_t clock[8]; /* 13:08:00 */
};

enum {
	COLUMN_PID = 7,
	COLUMN_COMM = 15,
	COLUMN_TEXT = 12 + 1 + COLUMN_PID + 1 + COLUMN_COMM + 1,
	ESCAPE_MAX = 4 * 4, /* a character, byte by byte */
};

#define SAY(w, text) say(w, text, sizeof(text) - 1)

static void say(struct put *w, const char *text, size_t n)
{
	if (put_room(w, n))
		w->p = put_mem(w->p, text, n);
}

static void number(struct put *w, uint64_t v)
{
	if (put_room(w, PUT_NUMBER))
		w->p = put_u64(w->p, v);
}

static void blanks(struct put *w, unsigned n)
{
	if (!put_room(w, n))
		return;
	memset(w->p, ' ', n);
	w->p += n;
}

static const char dim[] = "\033[2m", bold[] = "\033[1m", red[] = "\033[31m", plain[] = "\033[0m";

static void paint(struct put *w, const struct text *x, const char *colour)
{
	if (x->colour)
		say(w, colour, strlen(colour));
}

/* Does this character do nothing but show itself? */
static bool harmless(const char *text, unsigned len)
{
	const uint8_t *p = (const uint8_t *)text;

	if (len == 1)
		return p[0] >= 0x20 && p[0] != 0x7f;
	if (len == 2)
		return p[0] != 0xc2 || p[1] >= 0xa0;
	if (len != 3 || p[0] != 0xe2)
		return true;
	if (p[1] == 0x80) /* marks, separators and overrides of direction */
		return !((p[2] >= 0x8e && p[2] <= 0x8f) || (p[2] >= 0xa8 && p[2] <= 0xae));
	return p[1] != 0x81 || p[2] < 0xa6 || p[2] > 0xa9;
}

static uint8_t *escape(uint8_t *p, uint8_t c)
{
	static const char shorts[32] = {['\t'] = 't', ['\n'] = 'n', ['\r'] = 'r', [033] = 'e'};

	*p++ = '\\';
	if (c < 0x20 && shorts[c]) {
		*p++ = shorts[c];
		return p;
	}
	*p++ = 'x';
	return put_hex(p, &c, 1);
}

/* Writes the first character of text and returns its length. */
static unsigned character(struct put *w, struct bytes text)
{
	unsigned len = utf8_char(text.p, text.n), n = len ? len : 1;

	if (!put_room(w, ESCAPE_MAX))
		return n;
	if (len && harmless(text.p, len)) {
		w->p = put_mem(w->p, text.p, len);
		return n;
	}
	for (unsigned i = 0; i < n; i++)
		w->p = escape(w->p, text.p[i]);
	return n;
}

static void visible(struct put *w, struct bytes text)
{
	for (size_t i = 0; i < text.n && !w->full;)
		i += character(w, (struct bytes){text.p + i, text.n - i});
}

/* The further lines of a text are aligned below its first one. */
static void lines(struct put *w, struct bytes text)
{
	for (size_t i = 0; i < text.n && !w->full;) {
		if (text.p[i] != '\n') {
			i += character(w, (struct bytes){text.p + i, text.n - i});
			continue;
		}
		SAY(w, "\n");
		blanks(w, COLUMN_TEXT);
		SAY(w, "> ");
		i++;
	}
}

enum quoting {
	QUOTE_NONE,
	QUOTE_SINGLE,
	QUOTE_ESCAPES
};

static enum quoting quoting(struct bytes arg)
{
	enum quoting q = arg.n ? QUOTE_NONE : QUOTE_SINGLE;

	for (size_t i = 0; i < arg.n;) {
		unsigned len = utf8_char(arg.p + i, arg.n - i);
		char c = arg.p[i];

		if (!len || !harmless(arg.p + i, len))
			return QUOTE_ESCAPES;
		if (len == 1 && !(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') &&
		    !(c >= 'A' && c <= 'Z') && !strchr("_@%+=:,./-", c))
			q = QUOTE_SINGLE;
		i += len;
	}
	return q;
}

/* As one would have to type it: 'it'\''s', $'\e[31m'. */
static void quoted(struct put *w, struct bytes arg)
{
	enum quoting q = quoting(arg);

	if (q == QUOTE_NONE) {
		visible(w, arg);
		return;
	}
	if (q == QUOTE_SINGLE)
		SAY(w, "'");
	else
		SAY(w, "$'");
	for (size_t i = 0; i < arg.n && !w->full;) {
		char c = arg.p[i];

		if (q == QUOTE_SINGLE && c == '\'')
			SAY(w, "'\\'");
		if (q == QUOTE_ESCAPES && (c == '\'' || c == '\\'))
			SAY(w, "\\");
		i += character(w, (struct bytes){arg.p + i, arg.n - i});
	}
	SAY(w, "'");
}

static uint8_t *put_tenths(uint8_t *p, uint64_t tenths)
{
	p = put_u64(p, tenths / 10);
	*p++ = '.';
	return put_digits(p, tenths % 10, 1);
}

/* 842 us, 12.3 ms, 1.2 s, 1:02:03 */
static void duration(struct put *w, uint64_t ns)
{
	uint64_t s = ns / 1000000000;
	uint8_t *p = w->p;

	if (!put_room(w, 2 * PUT_NUMBER))
		return;
	if (ns < 1000000) {
		p = PUT_LITERAL(put_u64(p, ns / 1000), " us");
	} else if (s == 0) {
		p = PUT_LITERAL(put_tenths(p, ns / 100000), " ms");
	} else if (s < 60) {
		p = PUT_LITERAL(put_tenths(p, ns / 100000000), " s");
	} else {
		p = put_u64(p, s / 3600);
		*p++ = ':';
		p = put_digits(p, s / 60 % 60, 2);
		*p++ = ':';
		p = put_digits(p, s % 60, 2);
	}
	w->p = p;
}

static void time_of_day(struct put *w, struct text *x, uint64_t unix_ns)
{
	uint64_t second = unix_ns / 1000000000;

	if (second != x->second) {
		uint64_t day = second % 86400;
		time_t t = second;
		struct tm tm;
		uint8_t *p = x->clock;

		if (x->local && localtime_r(&t, &tm))
			day = tm.tm_hour * 3600 + tm.tm_min * 60 + tm.tm_sec;
		p = put_digits(p, day / 3600, 2);
		*p++ = ':';
		p = put_digits(p, day / 60 % 60, 2);
		*p++ = ':';
		put_digits(p, day % 60, 2);
		x->second = second;
	}
	if (!put_room(w, sizeof(x->clock) + PUT_NUMBER))
		return;
	w->p = put_mem(w->p, x->clock, sizeof(x->clock));
	*w->p++ = '.';
	w->p = put_digits(w->p, unix_ns / 1000000 % 1000, 3);
}

/* Time, pid, name: as columns. */
static void head(struct put *w, struct text *x, const struct event *ev)
{
	const uint8_t *start;
	size_t n;

	paint(w, x, dim);
	time_of_day(w, x, ev->time_unix_ns);
	paint(w, x, plain);
	if (!ev->proc) {
		blanks(w, COLUMN_TEXT - 12);
		return;
	}
	n = put_width(ev->proc->pid);
	blanks(w, 1 + (n < COLUMN_PID ? COLUMN_PID - n : 0));
	number(w, ev->proc->pid);
	SAY(w, " ");
	paint(w, x, bold);
	start = w->p;
	visible(w, ev->proc->comm);
	n = w->p - start;
	paint(w, x, plain);
	blanks(w, 1 + (n < COLUMN_COMM ? COLUMN_COMM - n : 0));
}

static void flags(struct put *w, const struct text *x, uint32_t mask)
{
	if (!mask)
		return;
	paint(w, x, red);
	SAY(w, "  [");
	if (put_room(w, PUT_FLAGS))
		w->p = put_flags(w->p, mask, false);
	SAY(w, "]");
	paint(w, x, plain);
}

static void line(struct put *w, const struct text *x, const struct event *ev)
{
	const struct event_line *cmd = &ev->line;

	if (ev->proc && ev->proc->uid == 0)
		SAY(w, "# ");
	else
		SAY(w, "$ ");
	lines(w, cmd->text);
	if (cmd->expanded.n) {
		SAY(w, "\n");
		blanks(w, COLUMN_TEXT);
		SAY(w, "= ");
		lines(w, cmd->expanded);
	}
	if (cmd->has_status) {
		paint(w, x, cmd->status ? red : dim);
		SAY(w, "  [");
		if (put_room(w, PUT_NUMBER))
			w->p = put_i64(w->p, cmd->status);
		SAY(w, ", ");
		duration(w, cmd->duration_ns);
		SAY(w, "]");
		paint(w, x, plain);
	}
}

static void exec(struct put *w, const struct event *ev)
{
	struct bytes args = ev->exec.argv, arg;
	bool named = false;

	SAY(w, "exec");
	while (!w->full && bytes_next_arg(&args, &arg)) {
		named |= bytes_eq(arg, ev->exec.path);
		SAY(w, " ");
		quoted(w, arg);
	}
	if (named || !ev->exec.path.n)
		return;
	SAY(w, "  [");
	quoted(w, ev->exec.path);
	SAY(w, "]");
}

static void end(struct put *w, const struct text *x, const struct event *ev)
{
	if (ev->exit.signal) {
		paint(w, x, red);
		SAY(w, "killed by ");
		if (put_room(w, PUT_SIGNAL))
			w->p = put_signal(w->p, ev->exit.signal);
	} else {
		paint(w, x, ev->exit.code ? red : "");
		SAY(w, "exit ");
		number(w, ev->exit.code);
	}
	if (ev->exit.core)
		SAY(w, ", core dumped,");
	paint(w, x, plain);
	SAY(w, " after ");
	duration(w, ev->exit.lifetime_ns);
}

static void loss(struct put *w, const struct text *x, const struct event *ev)
{
	const char *help = stats_help(ev->loss.reason);

	paint(w, x, red);
	SAY(w, "lost ");
	number(w, ev->loss.count);
	SAY(w, " (");
	visible(w, bytes_of(ev->loss.probe));
	SAY(w, " ");
	visible(w, bytes_of(ev->loss.reason));
	SAY(w, ")");
	if (help) {
		SAY(w, ": ");
		visible(w, bytes_of(help));
	}
	paint(w, x, plain);
}

static int content(struct put *w, const struct text *x, const struct event *ev)
{
	switch (ev->kind) {
	case EVENT_DATA:
		return -EOPNOTSUPP;
	case EVENT_LINE:
		line(w, x, ev);
		return 0;
	case EVENT_EXEC:
		exec(w, ev);
		return 0;
	case EVENT_EXIT:
		end(w, x, ev);
		return 0;
	case EVENT_LOSS:
		loss(w, x, ev);
		return 0;
	case EVENT_META:
	case EVENT_ATTACH:
	case EVENT_STATS:
	case EVENT_KINDS:
		break;
	}
	return -EOPNOTSUPP;
}

static int text_encode(void *ctx, const struct event *ev, struct out *out)
{
	struct text *x = ctx;
	struct put w = put_begin(out->tail);
	int r;

	head(&w, x, ev);
	r = content(&w, x, ev);
	if (r)
		return r;
	flags(&w, x, ev->flags);
	SAY(&w, "\n");
	return put_end(&w, ev, out->tail);
}

static int text_open(void *ctx, const void *cfg, const struct encoder_env *env, struct err *err)
{
	const struct text_cfg *c = cfg;
	struct text *x = ctx;

	x->colour = env->colour;
	x->local = c->tz == TZ_LOCAL;
	x->second = UINT64_MAX;
	if (x->local)
		tzset(); /* reads its file now: encode() makes no system call */
	return 0;
}

static void text_close(void *ctx)
{
}

static const char *const tz_choices[] = {"utc", "local", NULL};

static const struct opt text_options[] = {{.name = "tz",
					   .type = OPT_CHOICE,
					   .offset = offsetof(struct text_cfg, tz),
					   .arg = "ZONE",
					   .def = "utc",
					   .choices = tz_choices,
					   .help = "times in UTC or in the local time zone"},
					  OPT_END};

const struct encoder_ops encoder_text = {
	.name = "text",
	.extension = "txt",
	.content_type = "text/plain; charset=utf-8",
	.summary = "readable lines",
	.options = text_options,
	.cfg_size = sizeof(struct text_cfg),
	.ctx_size = sizeof(struct text),
	.open = text_open,
	.encode = text_encode,
	.close = text_close,
};
