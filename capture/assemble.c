/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/assemble.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "capture/base/lru.h"
#include "capture/base/textbuf.h"
#include "kern/events.h"

enum {
	ITEMS_MAX = 1024, /* commands and argument lists that are open at the same time */
	LARGE_TEXTS = 32, /* of them, those with a text of more than TEXTBUF_SMALL bytes */
	LISTS = 1024      /* of items, by process number: a power of two */
};

struct item_key {
	uint64_t id;
	uint32_t pid;
	uint32_t kind; /* enum event_kind: what is no such event has another key */
};

/* An event that is not complete yet. */
struct item {
	struct item_key key;
	struct item *older, *newer; /* in the list of its process, by when they were last touched */
	struct rec_task task;
	struct event ev; /* its texts lie in `side`, `text` and `expanded` */
	struct textbuf side, text, expanded;
	size_t line, expanded_line; /* where the line being typed starts in each text */
	size_t got;                 /* bytes of this line (typed or expanded) that have come */
	uint64_t touched_ns; /* time of its last record but the end: when a command was complete */
	bool in_expanded;    /* parts that follow belong to `expanded` */
	bool awaits_end;
	bool text_open; /* more parts of the present line are to come */
	bool announced; /* emitted as unfinished */
};

/* The items of those processes whose numbers lead here. */
struct item_list {
	struct item *oldest, *newest;
};

struct assemble {
	struct lru *items;
	struct item_list lists[LISTS];
	struct textbuf_pool *texts;
	assemble_fn fn;
	void *arg;
	uint64_t evicted, now_ns;
};

/* ---- items and the list of a process ------------------------------------------------------ */

static struct item_list *list_of(struct assemble *a, uint32_t pid)
{
	return &a->lists[pid & (LISTS - 1)];
}

static void item_link(struct assemble *a, struct item *it)
{
	struct item_list *list = list_of(a, it->key.pid);

	it->older = list->newest;
	it->newer = NULL;
	*(it->older ? &it->older->newer : &list->oldest) = it;
	list->newest = it;
}

static void item_unlink(struct assemble *a, struct item *it)
{
	struct item_list *list = list_of(a, it->key.pid);

	assert(it->older ? it->older->newer == it : list->oldest == it);
	assert(it->newer ? it->newer->older == it : list->newest == it);
	*(it->older ? &it->older->newer : &list->oldest) = it->newer;
	*(it->newer ? &it->newer->older : &list->newest) = it->older;
}

/* It is in no list any more, and owns nothing; its place in the table is still taken. */
static void item_done(struct assemble *a, struct item *it)
{
	item_unlink(a, it);
	textbuf_done(a->texts, &it->side);
	textbuf_done(a->texts, &it->text);
	textbuf_done(a->texts, &it->expanded);
}

static void item_delete(struct assemble *a, struct item *it)
{
	item_done(a, it);
	lru_delete(a->items, it);
}

static struct bytes text_bytes(const struct textbuf *t)
{
	return (struct bytes){t->p, t->n};
}

/* Fills the body from the collected texts and hands it on. */
static void item_emit(struct assemble *a, struct item *it, uint64_t time_ns, uint32_t flags)
{
	struct event ev = it->ev;

	ev.flags |= flags;
	if (it->text.cut || it->expanded.cut)
		ev.flags |= EVENT_F_TRUNCATED;
	if (it->text_open)
		ev.flags |= EVENT_F_GAP;
	if (ev.kind == EVENT_EXEC)
		ev.exec.argv = text_bytes(&it->text);
	if (ev.kind == EVENT_LINE) {
		ev.line.text = text_bytes(&it->text);
		if (!bytes_eq(text_bytes(&it->expanded), ev.line.text))
			ev.line.expanded = text_bytes(&it->expanded);
		ev.line.start_unix_ns = it->touched_ns;
		if (!(ev.flags & EVENT_F_UNFINISHED) && time_ns > it->touched_ns)
			ev.line.duration_ns = time_ns - it->touched_ns;
	}
	a->fn(&ev, &it->task, time_ns, a->arg);
}

static void item_evicted(void *entry, void *arg)
{
	struct assemble *a = arg;
	struct item *it = entry;

	if (!it->announced) {
		a->evicted++;
		item_emit(a, it, a->now_ns, EVENT_F_UNFINISHED);
	}
	item_done(a, it);
}

/* It is complete. */
static void item_close(struct assemble *a, struct item *it, uint64_t time_ns)
{
	item_emit(a, it, time_ns, 0);
	item_delete(a, it);
}

/* It will not end: said once, and not again when that was announced already. */
static void item_abandon(struct assemble *a, struct item *it, uint64_t time_ns)
{
	if (!it->announced)
		item_emit(a, it, time_ns, EVENT_F_UNFINISHED);
	item_delete(a, it);
}

/* ---- life --------------------------------------------------------------------------------- */

struct assemble *assemble_new(assemble_fn fn, void *arg)
{
	struct assemble *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->fn = fn;
	a->arg = arg;
	a->items = lru_new(ITEMS_MAX, sizeof(struct item), sizeof(struct item_key));
	a->texts = textbuf_pool_new(3 * ITEMS_MAX, LARGE_TEXTS, REC_TEXT_MAX);
	if (!a->items || !a->texts) {
		assemble_free(a);
		return NULL;
	}
	lru_on_evict(a->items, item_evicted, a);
	return a;
}

void assemble_free(struct assemble *a)
{
	if (!a)
		return;
	lru_free(a->items);
	textbuf_pool_free(a->texts);
	free(a);
}

uint64_t assemble_evicted(const struct assemble *a)
{
	return a->evicted;
}

/* ---- records ------------------------------------------------------------------------------ */

static void item_keep_text(struct assemble *a, struct item *it, struct bytes *b)
{
	size_t at = it->side.n;

	textbuf_append(a->texts, &it->side, *b);
	*b = it->side.n > at ? (struct bytes){it->side.p + at, it->side.n - at} : (struct bytes){0};
}

/* Copies the texts of the body that are not the growing one. The longest of them fit one small
 * piece, so that `side` never moves and the pointers stay right. */
static void item_keep_texts(struct assemble *a, struct item *it)
{
	_Static_assert(TEXTBUF_SMALL >= 2 * 4096 + sizeof(((struct rec_line *)0)->tty),
		       "paths fit");

	if (it->ev.kind == EVENT_EXEC) {
		item_keep_text(a, it, &it->ev.exec.path);
		item_keep_text(a, it, &it->ev.exec.cwd);
	}
	if (it->ev.kind == EVENT_LINE) {
		item_keep_text(a, it, &it->ev.line.tty);
		item_keep_text(a, it, &it->ev.line.cwd);
	}
}

static void item_add_text(struct assemble *a, struct item *it, struct bytes b)
{
	it->got += b.n;
	if (it->in_expanded) {
		textbuf_append(a->texts, &it->expanded, b);
		return;
	}
	textbuf_append(a->texts, &it->text, b);
	if (it->expanded.n)
		textbuf_append(a->texts, &it->expanded, b);
}

/* A further line, or the expansion of the present one: where its bytes go. */
static void item_start_line(struct assemble *a, struct item *it, const struct part *part)
{
	it->got = 0;
	it->in_expanded = part->expanded;
	if (part->continues) {
		item_add_text(a, it, BYTES("\n"));
		it->got = 0;
		it->line = it->text.n;
		it->expanded_line = it->expanded.n;
	} else if (!it->expanded.n) {
		textbuf_append(a->texts, &it->expanded, (struct bytes){it->text.p, it->line});
		it->expanded_line = it->expanded.n;
	} else {
		it->expanded.n = it->expanded_line;
	}
}

static void assemble_whole(struct assemble *a, struct part *part, uint64_t time_ns)
{
	a->fn(&part->ev, part->task, time_ns, a->arg);
}

static void assemble_begin(struct assemble *a, const struct part *part, const struct item_key *key,
			   uint64_t time_ns)
{
	bool is_new;
	struct item *it = lru_put(a->items, key, &is_new);

	if (!is_new)
		item_done(a, it);
	*it = (struct item){.key = *key,
			    .task = *part->task,
			    .ev = part->ev,
			    .touched_ns = time_ns,
			    .awaits_end = part->awaits_end,
			    .text_open = !part->last};
	item_link(a, it);
	item_keep_texts(a, it);
	item_add_text(a, it, part->text);
}

static void assemble_text(struct assemble *a, struct item *it, const struct part *part,
			  uint64_t time_ns)
{
	if (part->continues || part->expanded)
		item_start_line(a, it, part);
	else if (part->offset != it->got)
		it->ev.flags |= EVENT_F_GAP;
	it->ev.flags |= part->ev.flags;
	it->touched_ns = time_ns;
	it->text_open = !part->last;
	item_add_text(a, it, part->text);
	if (part->last && !it->awaits_end) {
		item_close(a, it, time_ns);
		return;
	}
	item_unlink(a, it);
	item_link(a, it);
}

int assemble_part(struct assemble *a, struct part *part, uint64_t time_ns)
{
	struct item_key key = {.id = part->id, .pid = part->pid, .kind = part->ev.kind};
	struct item *it;

	a->now_ns = time_ns;
	if (part->role == PART_WHOLE ||
	    (part->role == PART_BEGIN && part->last && !part->awaits_end)) {
		assemble_whole(a, part, time_ns);
		return 0;
	}
	if (part->role == PART_BEGIN) {
		assemble_begin(a, part, &key, time_ns);
		return 0;
	}
	it = lru_get(a->items, &key);
	if (!it)
		return -ENOENT;
	if (part->role == PART_TEXT) {
		assemble_text(a, it, part, time_ns);
		return 1;
	}
	assert(part->role == PART_END && it->ev.kind == EVENT_LINE);
	it->ev.line.status = part->ev.line.status;
	it->ev.line.has_status = part->ev.line.has_status;
	item_close(a, it, time_ns);
	return 1;
}

/* ---- what no record says ------------------------------------------------------------------ */

void assemble_tick(struct assemble *a, uint64_t now_ns)
{
	struct item *it, *next;

	a->now_ns = now_ns;
	for (it = lru_oldest(a->items); it; it = next) {
		next = lru_newer(a->items, it);
		if (it->touched_ns + ASSEMBLE_PATIENCE_NS > now_ns)
			break;
		if (it->announced)
			continue;
		if (!it->awaits_end) {
			item_abandon(a, it, now_ns);
			continue;
		}
		it->announced = true;
		item_emit(a, it, now_ns, EVENT_F_UNFINISHED);
	}
}

void assemble_exit(struct assemble *a, uint32_t pid, int status, uint64_t time_ns)
{
	struct item *it, *next;

	a->now_ns = time_ns;
	for (it = list_of(a, pid)->oldest; it; it = next) {
		next = it->newer;
		if (it->key.pid != pid)
			continue;
		if (it->ev.kind == EVENT_LINE && status >= 0) {
			it->ev.line.status = status;
			it->ev.line.has_status = true;
			item_close(a, it, time_ns);
		} else {
			item_abandon(a, it, time_ns);
		}
	}
}

void assemble_finish(struct assemble *a, uint64_t now_ns)
{
	struct item *it;

	a->now_ns = now_ns;
	while ((it = lru_oldest(a->items)))
		item_abandon(a, it, now_ns);
}
