/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/archive/query.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "capture/archive/query_inside.h"
#include "capture/archive/when.h"
#include "capture/base/near.h"
#include "capture/base/parse.h"

enum {
	COMM_MOST = 15
};

/* ---- what a value fits ---------------------------------------------------------------------- */

static bool matches_pid(struct query *q, const struct query_value *v, const struct event *ev)
{
	return ev->proc && ev->proc->pid == v->number;
}

static bool matches_uid(struct query *q, const struct query_value *v, const struct event *ev)
{
	return ev->proc && ev->proc->uid == v->number;
}

/* Commands that ended so; what is no command has no status. */
static bool matches_status(struct query *q, const struct query_value *v, const struct event *ev)
{
	return ev->kind == EVENT_LINE && ev->line.has_status &&
	       ev->line.status == (int32_t)v->number;
}

static bool matches_kind(struct query *q, const struct query_value *v, const struct event *ev)
{
	return v->number >> ev->kind & 1;
}

static bool matches_port(struct query *q, const struct query_value *v, const struct event *ev)
{
	const struct flow *f = ev->flow;

	return f && f->family && (f->local_port == v->number || f->remote_port == v->number);
}

static bool matches_conn(struct query *q, const struct query_value *v, const struct event *ev)
{
	return ev->flow && ev->flow->id == v->number;
}

static bool fits_network(const struct query_value *v, struct bytes a)
{
	unsigned whole = v->bits / 8, rest = v->bits % 8;

	if (a.n != v->address_n || memcmp(a.p, v->address, whole) != 0)
		return false;
	return !rest || !(((uint8_t)a.p[whole] ^ v->address[whole]) >> (8 - rest));
}

static bool matches_addr(struct query *q, const struct query_value *v, const struct event *ev)
{
	const struct flow *f = ev->flow;

	return f && f->family &&
	       (fits_network(v, keys_address(f->family, f->local)) ||
		fits_network(v, keys_address(f->family, f->remote)));
}

static bool fits_text(const struct query_value *v, struct bytes text)
{
	char copy[PATH_MAX];

	if (!v->pattern)
		return bytes_eq(text, bytes_of(v->text));
	if (text.n >= sizeof(copy))
		text.n = sizeof(copy) - 1;
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	return fnmatch(v->text, copy, 0) == 0;
}

bool query_fits_comm(const struct query_value *v, struct bytes comm)
{
	struct bytes wanted = bytes_of(v->text);

	if (v->pattern || wanted.n <= COMM_MOST)
		return fits_text(v, comm);
	return bytes_eq(comm, (struct bytes){wanted.p, COMM_MOST}); /* as the kernel cuts it */
}

bool query_fits_exe(const struct query_value *v, struct bytes exe)
{
	const char *slash = exe.n ? memrchr(exe.p, '/', exe.n) : NULL;

	if (slash && !strchr(v->text, '/'))
		exe = (struct bytes){slash + 1, (size_t)(exe.p + exe.n - slash) - 1};
	return fits_text(v, exe);
}

bool query_fits_container(const struct query_value *v, struct bytes container)
{
	size_t n = strlen(v->text);

	return container.n >= n && !memcmp(container.p, v->text, n);
}

static bool matches_comm(struct query *q, const struct query_value *v, const struct event *ev)
{
	return ev->proc && query_fits_comm(v, ev->proc->comm);
}

static bool matches_exe(struct query *q, const struct query_value *v, const struct event *ev)
{
	return ev->proc && ev->proc->exe.n && query_fits_exe(v, ev->proc->exe);
}

static bool matches_container(struct query *q, const struct query_value *v, const struct event *ev)
{
	return ev->proc && query_fits_container(v, ev->proc->container);
}

/* ---- from texts ----------------------------------------------------------------------------- */

typedef int (*query_parse_fn)(struct query *q, struct query_value *v, struct err *err);

static int parse_number(const struct query_value *v, const char *name, uint64_t most, uint64_t *ret,
			struct err *err)
{
	if (parse_u64(v->text, ret) || *ret > most)
		return errf(err, -EINVAL, "--%s: '%s' is no number from 0 to %" PRIu64, name,
			    v->text, most);
	return 0;
}

static int parse_pid(struct query *q, struct query_value *v, struct err *err)
{
	return parse_number(v, "pid", UINT32_MAX, &v->number, err);
}

static int parse_tree(struct query *q, struct query_value *v, struct err *err)
{
	int r = parse_number(v, "tree", UINT32_MAX, &v->number, err);

	return r ? r : query_tree_new(q, err);
}

static int parse_status(struct query *q, struct query_value *v, struct err *err)
{
	return parse_number(v, "status", UINT8_MAX, &v->number, err);
}

static int parse_port(struct query *q, struct query_value *v, struct err *err)
{
	return parse_number(v, "port", UINT16_MAX, &v->number, err);
}

static int parse_uid(struct query *q, struct query_value *v, struct err *err)
{
	const struct passwd *user;

	if (!parse_u64(v->text, &v->number) && v->number <= UINT32_MAX)
		return 0;
	user = getpwnam(v->text);
	if (!user)
		return errf(err, -EINVAL, "--uid: there is no user '%s' here", v->text);
	v->number = user->pw_uid;
	return 0;
}

static int parse_conn(struct query *q, struct query_value *v, struct err *err)
{
	const char *digits = strncmp(v->text, "0x", 2) ? v->text : v->text + 2;
	size_t n = strspn(digits, "0123456789abcdefABCDEF");

	if (n < 1 || n > 16 || digits[n])
		return errf(err, -EINVAL, "--conn: '%s' is no id of a connection (hex digits)",
			    v->text);
	v->number = strtoull(digits, NULL, 16);
	return 0;
}

static int parse_addr(struct query *q, struct query_value *v, struct err *err)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	const char *slash = strchr(v->text, '/');
	char text[INET6_ADDRSTRLEN];
	uint32_t bits = 128;

	if (strlen(v->text) - (slash ? strlen(slash) : 0) >= sizeof(text))
		return errf(err, -EINVAL, "--addr: '%s' is no address", v->text);
	snprintf(text, sizeof(text), "%.*s", (int)(slash ? slash - v->text : 64), v->text);
	v->address_n = inet_pton(AF_INET, text, v->address) == 1 ? 4 : 16;
	if (v->address_n == 16 && inet_pton(AF_INET6, text, v->address) != 1)
		return errf(err, -EINVAL, "--addr: '%s' is no address", v->text);
	if (slash && (parse_u32(slash + 1, &bits) || bits > v->address_n * 8))
		return errf(err, -EINVAL, "--addr: '%s' is no network", v->text);
	v->bits = slash ? bits : v->address_n * 8;
	if (v->address_n == 16 && v->bits >= 96 && !memcmp(v->address, mapped, sizeof(mapped))) {
		memmove(v->address, v->address + 12, 4);
		v->address_n = 4;
		v->bits -= 96;
	}
	return 0;
}

static int parse_kind(struct query *q, struct query_value *v, struct err *err)
{
	struct near near = NEAR(v->text);
	char hint[NEAR_HINT];
	const char *rest = v->text;

	v->number = 0;
	while (*rest) {
		size_t n = strcspn(rest, "+:");
		unsigned k = 0;

		while (k < EVENT_KINDS && (strlen(event_kind_name(k)) != n ||
					   strncmp(event_kind_name(k), rest, n) != 0))
			near_try(&near, event_kind_name(k++));
		if (k == EVENT_KINDS)
			return errf(err, -EINVAL, "--kind: there is no kind '%.*s'%s", (int)n, rest,
				    near_hint(&near, "", hint));
		v->number |= 1ull << k;
		rest += n;
		rest += *rest && rest[1]; /* nothing may follow a last '+' */
	}
	return v->number ? 0 : errf(err, -EINVAL, "--kind: which?");
}

static int parse_word(struct query *q, struct query_value *v, struct err *err)
{
	v->pattern = strpbrk(v->text, "*?[") != NULL;
	return *v->text ? 0 : errf(err, -EINVAL, "an empty name fits nothing");
}

static const struct query_row {
	size_t offset; /* in struct query_texts */
	enum query_name name;
	query_match_fn match;
	query_parse_fn parse;
} query_rows[] = {
	{offsetof(struct query_texts, kind), QUERY_KIND, matches_kind, parse_kind},
	{offsetof(struct query_texts, pid), QUERY_PROCESS, matches_pid, parse_pid},
	{offsetof(struct query_texts, tree), QUERY_PROCESS, query_matches_tree, parse_tree},
	{offsetof(struct query_texts, uid), QUERY_UID, matches_uid, parse_uid},
	{offsetof(struct query_texts, port), QUERY_PORT, matches_port, parse_port},
	{offsetof(struct query_texts, conn), QUERY_CONN, matches_conn, parse_conn},
	{offsetof(struct query_texts, addr), QUERY_ADDR, matches_addr, parse_addr},
	{offsetof(struct query_texts, comm), QUERY_COMM, matches_comm, parse_word},
	{offsetof(struct query_texts, exe), QUERY_EXE, matches_exe, parse_word},
	{offsetof(struct query_texts, container), QUERY_CONTAINER, matches_container, parse_word},
	{offsetof(struct query_texts, status), QUERY_STATUS, matches_status, parse_status},
	{offsetof(struct query_texts, text), QUERY_TEXT, query_matches_text, query_text_new},
	{offsetof(struct query_texts, regex), QUERY_REGEX, query_matches_regex, query_regex_new},
};

static int query_add(struct query *q, const struct query_row *row, const char *text,
		     struct err *err)
{
	struct query_list *l = &q->lists[row->name];
	struct query_value *grown = realloc(l->v, (l->n + 1) * sizeof(*grown)), *v;

	if (!grown)
		return errf(err, -ENOMEM, "out of memory");
	l->v = grown;
	v = &l->v[l->n++];
	*v = (struct query_value){.match = row->match, .excludes = *text == '!'};
	v->text = text + (*text == '!' || !strncmp(text, "\\!", 2));
	l->includes |= !v->excludes;
	return row->parse(q, v, err);
}

static int query_add_all(struct query *q, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < sizeof(query_rows) / sizeof(query_rows[0]); i++) {
		const struct query_row *row = &query_rows[i];
		const struct opt_list *list = (const void *)((const char *)q->texts + row->offset);

		for (unsigned k = 0; k < list->n && !r; k++)
			r = query_add(q, row, list->v[k], err);
	}
	return r;
}

int query_new(const struct query_texts *texts, uint64_t now_ns, struct query **ret, struct err *err)
{
	struct query *q = calloc(1, sizeof(*q));
	int r;

	if (!q)
		return errf(err, -ENOMEM, "out of memory");
	q->texts = texts;
	q->to_ns = UINT64_MAX;
	r = query_add_all(q, err);
	if (!r && texts->from)
		r = when_parse(texts->from, false, now_ns, "--from", &q->from_ns, err);
	if (!r && texts->to)
		r = when_parse(texts->to, true, now_ns, "--to", &q->to_ns, err);
	if (!r && q->to_ns <= q->from_ns)
		r = errf(err, -EINVAL, "--to is not after --from");
	if (r) {
		query_free(q);
		return r;
	}
	*ret = q;
	return 0;
}

void query_free(struct query *q)
{
	if (!q)
		return;
	for (unsigned i = 0; i < QUERY_NAMES; i++) {
		for (unsigned k = 0; k < q->lists[i].n; k++) {
			regex_t *regex = q->lists[i].v[k].regex;

			if (regex)
				regfree(regex);
			free(regex);
		}
		free(q->lists[i].v);
	}
	lru_free(q->tree);
	free(q->room.p);
	free(q);
}

/* ---- events --------------------------------------------------------------------------------- */

static bool list_matches(struct query *q, const struct query_list *l, const struct event *ev)
{
	bool fits = !l->includes;

	for (unsigned i = 0; i < l->n; i++) {
		const struct query_value *v = &l->v[i];

		if ((v->excludes || !fits) && v->match(q, v, ev)) {
			if (v->excludes)
				return false;
			fits = true;
		}
	}
	return fits;
}

bool query_matches(struct query *q, const struct event *ev)
{
	if (q->tree && ev->proc)
		query_tree_see(q, ev->proc);
	if (ev->time_unix_ns < q->from_ns || ev->time_unix_ns >= q->to_ns)
		return false;
	for (unsigned i = 0; i < QUERY_NAMES; i++)
		if (q->lists[i].n && !list_matches(q, &q->lists[i], ev))
			return false;
	return true;
}

bool query_needs_all(const struct query *q)
{
	return q->tree != NULL;
}
