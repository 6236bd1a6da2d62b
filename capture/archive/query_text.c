/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --text and --regex: the texts of an event, and of the bytes of its record. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/archive/query_inside.h"

typedef bool (*query_text_fn)(struct bytes text, void *arg);

/* ---- the texts of an event ------------------------------------------------------------------ */

/* Arguments with blanks between them. Without memory, as they are. */
static struct bytes args_joined(struct bytes argv, struct query_room *room)
{
	char *grown;

	if (argv.n && !argv.p[argv.n - 1])
		argv.n--;
	if (!argv.n || !memchr(argv.p, 0, argv.n))
		return argv;
	if (room->n < argv.n) {
		grown = realloc(room->p, argv.n);
		if (!grown)
			return argv;
		room->p = grown;
		room->n = argv.n;
	}
	for (size_t i = 0; i < argv.n; i++)
		room->p[i] = argv.p[i] ? argv.p[i] : ' ';
	return (struct bytes){room->p, argv.n};
}

static bool any_of(const struct bytes *texts, unsigned n, query_text_fn fn, void *arg)
{
	for (unsigned i = 0; i < n; i++)
		if (texts[i].n && fn(texts[i], arg))
			return true;
	return false;
}

#define ANY_OF(...)                                                                                \
	any_of((const struct bytes[]){__VA_ARGS__},                                                \
	       sizeof((const struct bytes[]){__VA_ARGS__}) / sizeof(struct bytes), fn, arg)

/* Values in their text form lie in the event as they are. */
static bool query_any_text(const struct event_query *q, query_text_fn fn, void *arg)
{
	return ANY_OF(q->text, q->fingerprint, q->message, q->user, q->database, q->client,
		      q->application, q->statement_name, q->sqlstate, q->params.raw);
}

/* Does fn like one of the texts of the event? Its arguments are one text, with blanks between them.
 */
static bool event_any_text(const struct event *ev, struct query_room *room, query_text_fn fn,
			   void *arg)
{
	if (ev->proc && ANY_OF(ev->proc->comm, ev->proc->exe))
		return true;
	switch (ev->kind) {
	case EVENT_META:
		return ANY_OF(ev->run->host, ev->run->os, ev->run->kernel, ev->run->cmdline);
	case EVENT_EXEC:
		return ANY_OF(ev->exec.path, args_joined(ev->exec.argv, room), ev->exec.cwd);
	case EVENT_LINE:
		return ANY_OF(ev->line.text, ev->line.expanded, ev->line.tty, ev->line.cwd);
	case EVENT_DATA:
		return ANY_OF(ev->data.payload);
	case EVENT_ATTACH:
		return ANY_OF(ev->attach.hook, ev->attach.target, ev->attach.note);
	case EVENT_LOSS:
		return ANY_OF(bytes_of(ev->loss.probe), bytes_of(ev->loss.reason));
	case EVENT_QUERY:
		return query_any_text(&ev->query, fn, arg);
	case EVENT_EXIT:
	case EVENT_STATS:
	case EVENT_KINDS:
		break;
	}
	return false;
}

/* ---- bytes ---------------------------------------------------------------------------------- */

static bool holds_ignoring_case(struct bytes text, struct bytes wanted)
{
	int first = (tolower)((unsigned char)wanted.p[0]); /* the function, no macro */

	for (size_t i = 0; i + wanted.n <= text.n; i++)
		if ((tolower)((unsigned char)text.p[i]) == first &&
		    !strncasecmp(text.p + i, wanted.p, wanted.n))
			return true;
	return false;
}

struct sought {
	struct bytes text;
	bool ignore_case;
};

static bool text_holds(struct bytes text, void *arg)
{
	const struct sought *s = arg;

	if (s->ignore_case)
		return holds_ignoring_case(text, s->text);
	return memmem(text.p, text.n, s->text.p, s->text.n) != NULL;
}

bool query_matches_text(struct query *q, const struct query_value *v, const struct event *ev)
{
	struct sought s = {bytes_of(v->text), q->texts->ignore_case};

	return event_any_text(ev, &q->room, text_holds, &s);
}

/* What JSON writes as it is, and what stands within one argument. */
static bool is_plain(char c)
{
	return c > ' ' && c < 0x7f && c != '"' && c != '\\';
}

int query_text_new(struct query *q, struct query_value *v, struct err *err)
{
	const char *p = v->text;

	if (!*p)
		return errf(err, -EINVAL, "--text: an empty text is everywhere");
	for (size_t n; *p; p += n ? n : 1) {
		for (n = 0; is_plain(p[n]); n++)
			;
		if (n > v->plain.n)
			v->plain = (struct bytes){p, n};
	}
	return 0;
}

bool query_looks_at_bytes(const struct query *q)
{
	const struct query_list *l = &q->lists[QUERY_TEXT];

	if (!l->includes || q->texts->ignore_case || q->tree)
		return false;
	for (unsigned i = 0; i < l->n; i++)
		if (!l->v[i].excludes && !l->v[i].plain.n)
			return false;
	return true;
}

bool query_may_match(const struct query *q, struct bytes record)
{
	const struct query_list *l = &q->lists[QUERY_TEXT];

	for (unsigned i = 0; i < l->n; i++)
		if (!l->v[i].excludes &&
		    memmem(record.p, record.n, l->v[i].plain.p, l->v[i].plain.n))
			return true;
	return memmem(record.p, record.n, "_base64\"", 8) != NULL;
}

/* ---- regular expressions -------------------------------------------------------------------- */

/* What makes matching take more than a time in proportion to the text. */
static bool refers_back(const char *expression)
{
	for (const char *p = expression; *p; p++) {
		if (*p != '\\' || !p[1])
			continue;
		p++;
		if (isdigit((unsigned char)*p))
			return true;
	}
	return false;
}

int query_regex_new(struct query *q, struct query_value *v, struct err *err)
{
	int flags =
		REG_EXTENDED | REG_NOSUB | REG_NEWLINE | (q->texts->ignore_case ? REG_ICASE : 0);
	regex_t *regex;
	char why[128];
	int r;

	if (refers_back(v->text))
		return errf(err, -EINVAL, "--regex: '%s' refers back, which is not supported",
			    v->text);
	regex = malloc(sizeof(*regex));
	if (!regex)
		return errf(err, -ENOMEM, "out of memory");
	r = regcomp(regex, v->text, flags);
	if (r) {
		regerror(r, regex, why, sizeof(why));
		free(regex);
		return errf(err, -EINVAL, "--regex: '%s': %s", v->text, why);
	}
	v->regex = regex;
	return 0;
}

/* The GNU function, for texts that no NUL ends and that may hold some. */
static bool text_fits_regex(struct bytes text, void *arg)
{
	regoff_t n = (regoff_t)text.n;

	return re_search(arg, text.p, n, 0, n, NULL) >= 0;
}

bool query_matches_regex(struct query *q, const struct query_value *v, const struct event *ev)
{
	return event_any_text(ev, &q->room, text_fits_regex, v->regex);
}
