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
#include "encoders/view/text_data.h"
#include "encoders/view/text_query.h"
#include "encoders/write/show.h"

enum tz {
	TZ_UTC,
	TZ_LOCAL
};

struct text_cfg {
	int tz; /* enum tz */
	uint64_t body;
};

struct text {
	bool colour, local;
	uint64_t body;    /* as in struct text_cfg */
	uint64_t second;  /* whose time of day is in `clock` */
	uint8_t clock[8]; /* 13:08:00 */
	struct text_data *data;
};

enum {
	COLUMN_PID = 7,
	COLUMN_COMM = 15,
	COLUMN_TEXT = 12 + 1 + COLUMN_PID + 1 + COLUMN_COMM + 1,
};

static void text_paint(struct put *w, const struct text *x, const char *colour)
{
	if (x->colour)
		show_mem(w, colour, strlen(colour));
}

/* The further lines of a text are aligned below its first one. */
static void row_lines(struct put *w, struct bytes text)
{
	for (size_t i = 0; i < text.n && !w->full;) {
		if (text.p[i] != '\n') {
			i += show_char(w, (struct bytes){text.p + i, text.n - i});
			continue;
		}
		SHOW(w, "\n");
		show_blanks(w, COLUMN_TEXT);
		SHOW(w, "> ");
		i++;
	}
}

enum quoting {
	QUOTE_NONE,
	QUOTE_SINGLE,
	QUOTE_ESCAPES
};

static enum quoting quoting_of(struct bytes arg)
{
	enum quoting q = arg.n ? QUOTE_NONE : QUOTE_SINGLE;

	for (size_t i = 0; i < arg.n;) {
		unsigned len = utf8_char(arg.p + i, arg.n - i);
		char c = arg.p[i];

		if (!len || !show_harmless(arg.p + i, len))
			return QUOTE_ESCAPES;
		if (len == 1 && !(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') &&
		    !(c >= 'A' && c <= 'Z') && !strchr("_@%+=:,./-", c))
			q = QUOTE_SINGLE;
		i += len;
	}
	return q;
}

/* As one would have to type it: 'it'\''s', $'\e[31m'. */
static void row_quoted(struct put *w, struct bytes arg)
{
	enum quoting q = quoting_of(arg);

	if (q == QUOTE_NONE) {
		show_bytes(w, arg);
		return;
	}
	if (q == QUOTE_SINGLE)
		SHOW(w, "'");
	else
		SHOW(w, "$'");
	for (size_t i = 0; i < arg.n && !w->full;) {
		char c = arg.p[i];

		if (q == QUOTE_SINGLE && c == '\'')
			SHOW(w, "'\\'");
		if (q == QUOTE_ESCAPES && (c == '\'' || c == '\\'))
			SHOW(w, "\\");
		i += show_char(w, (struct bytes){arg.p + i, arg.n - i});
	}
	SHOW(w, "'");
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
static void row_head(struct put *w, struct text *x, const struct event *ev)
{
	const uint8_t *start;
	size_t n;

	text_paint(w, x, SHOW_DIM);
	time_of_day(w, x, ev->time_unix_ns);
	text_paint(w, x, SHOW_PLAIN);
	if (!ev->proc) {
		show_blanks(w, COLUMN_TEXT - 12);
		return;
	}
	n = put_width(ev->proc->pid);
	show_blanks(w, 1 + (n < COLUMN_PID ? COLUMN_PID - n : 0));
	show_number(w, ev->proc->pid);
	SHOW(w, " ");
	text_paint(w, x, SHOW_BOLD);
	start = w->p;
	show_bytes(w, ev->proc->comm);
	n = w->p - start;
	text_paint(w, x, SHOW_PLAIN);
	show_blanks(w, 1 + (n < COLUMN_COMM ? COLUMN_COMM - n : 0));
}

static void row_flags(struct put *w, const struct text *x, uint32_t mask)
{
	if (!mask)
		return;
	text_paint(w, x, SHOW_RED);
	SHOW(w, "  [");
	if (put_room(w, PUT_FLAGS))
		w->p = put_flags(w->p, mask, false);
	SHOW(w, "]");
	text_paint(w, x, SHOW_PLAIN);
}

static void row_line(struct put *w, const struct text *x, const struct event *ev)
{
	const struct event_line *cmd = &ev->line;

	if (ev->proc && ev->proc->uid == 0)
		SHOW(w, "# ");
	else
		SHOW(w, "$ ");
	row_lines(w, cmd->text);
	if (cmd->expanded.n) {
		SHOW(w, "\n");
		show_blanks(w, COLUMN_TEXT);
		SHOW(w, "= ");
		row_lines(w, cmd->expanded);
	}
	if (cmd->has_status) {
		text_paint(w, x, cmd->status ? SHOW_RED : SHOW_DIM);
		SHOW(w, "  [");
		if (put_room(w, PUT_NUMBER))
			w->p = put_i64(w->p, cmd->status);
		SHOW(w, ", ");
		show_duration(w, cmd->duration_ns);
		SHOW(w, "]");
		text_paint(w, x, SHOW_PLAIN);
	}
}

static void row_exec(struct put *w, const struct event *ev)
{
	struct bytes args = ev->exec.argv, arg;
	bool named = false;

	SHOW(w, "exec");
	while (!w->full && bytes_next_arg(&args, &arg)) {
		named |= bytes_eq(arg, ev->exec.path);
		SHOW(w, " ");
		row_quoted(w, arg);
	}
	if (named || !ev->exec.path.n)
		return;
	SHOW(w, "  [");
	row_quoted(w, ev->exec.path);
	SHOW(w, "]");
}

static void row_exit(struct put *w, const struct text *x, const struct event *ev)
{
	if (ev->exit.signal) {
		text_paint(w, x, SHOW_RED);
		SHOW(w, "killed by ");
		if (put_room(w, PUT_SIGNAL))
			w->p = put_signal(w->p, ev->exit.signal);
	} else {
		text_paint(w, x, ev->exit.code ? SHOW_RED : "");
		SHOW(w, "exit ");
		show_number(w, ev->exit.code);
	}
	if (ev->exit.core)
		SHOW(w, ", core dumped,");
	text_paint(w, x, SHOW_PLAIN);
	SHOW(w, " after ");
	show_duration(w, ev->exit.lifetime_ns);
}

static void row_loss(struct put *w, const struct text *x, const struct event *ev)
{
	const char *help = stats_help(ev->loss.reason);

	text_paint(w, x, SHOW_RED);
	SHOW(w, "lost ");
	show_number(w, ev->loss.count);
	SHOW(w, " (");
	show_bytes(w, bytes_of(ev->loss.probe));
	SHOW(w, " ");
	show_bytes(w, bytes_of(ev->loss.reason));
	SHOW(w, ")");
	if (help) {
		SHOW(w, ": ");
		show_bytes(w, bytes_of(help));
	}
	text_paint(w, x, SHOW_PLAIN);
}

static int row_content(struct put *w, const struct text *x, const struct event *ev)
{
	switch (ev->kind) {
	case EVENT_LINE:
		row_line(w, x, ev);
		return 0;
	case EVENT_EXEC:
		row_exec(w, ev);
		return 0;
	case EVENT_EXIT:
		row_exit(w, x, ev);
		return 0;
	case EVENT_LOSS:
		row_loss(w, x, ev);
		return 0;
	case EVENT_QUERY:
		text_query_put(w, &ev->query, COLUMN_TEXT, x->body, x->colour);
		return 0;
	case EVENT_DATA: /* in text_encode() */
	case EVENT_META:
	case EVENT_ATTACH:
	case EVENT_STATS:
	case EVENT_KINDS:
		break;
	}
	return -EOPNOTSUPP;
}

/* One event may be several rows, or none: each begins with the same head. */
static int text_encode_data(struct text *x, const struct event *ev, struct chunk *c)
{
	uint8_t buf[TEXT_DATA_HEAD]; /* has room for colours and a name of nothing but escapes */
	struct put w = {buf, buf + sizeof(buf), false};

	row_head(&w, x, ev);
	return text_data_encode(x->data, ev, (struct bytes){(char *)buf, w.p - buf}, c);
}

static int text_encode(void *ctx, const struct event *ev, struct out *out)
{
	struct text *x = ctx;
	struct put w = put_begin(out->tail);
	int r;

	if (ev->kind == EVENT_DATA)
		return text_encode_data(x, ev, out->tail);
	row_head(&w, x, ev);
	r = row_content(&w, x, ev);
	if (r)
		return r;
	row_flags(&w, x, ev->flags);
	SHOW(&w, "\n");
	return put_end(&w, ev, out->tail);
}

static int text_epilogue(void *ctx, struct out *out)
{
	struct text *x = ctx;

	return text_data_rest(x->data, out->tail);
}

static int text_open(void *ctx, const void *cfg, const struct encoder_env *env, struct err *err)
{
	const struct text_cfg *c = cfg;
	struct text *x = ctx;

	x->colour = env->colour;
	x->local = c->tz == TZ_LOCAL;
	x->body = c->body;
	x->second = UINT64_MAX;
	if (x->local)
		tzset(); /* reads its file now: encode() makes no system call */
	x->data = text_data_new(c->body, env->colour, err);
	return x->data ? 0 : -ENOMEM;
}

static void text_close(void *ctx)
{
	struct text *x = ctx;

	text_data_free(x->data);
}

static const char *const tz_choices[] = {"utc", "local", NULL};

static const struct opt text_options[] = {
	{.name = "tz",
	 .type = OPT_CHOICE,
	 .offset = offsetof(struct text_cfg, tz),
	 .arg = "ZONE",
	 .def = "utc",
	 .choices = tz_choices,
	 .help = "times in UTC or in the local time zone"},
	{.name = "body",
	 .type = OPT_SIZE,
	 .offset = offsetof(struct text_cfg, body),
	 .arg = "BYTES",
	 .def = "4K",
	 .max = TEXT_DATA_LIMIT_MAX,
	 .help = "how much of a message's body, or of a statement, is shown"},
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
	.epilogue = text_epilogue,
	.close = text_close,
};
