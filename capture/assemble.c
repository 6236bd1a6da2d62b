/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/assemble.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "capture/assemble_inside.h"
#include "capture/base/lru.h"
#include "capture/kinds.h"

enum {
	ITEMS_MAX = 1024, /* commands, statements, argument lists that are open at the same time */
	LARGE_TEXTS = 32, /* of them, those with a text of more than TEXTBUF_SMALL bytes */
	LISTS = 1024      /* of items, by process number: a power of two */
};

/* The items of those processes whose numbers lead here. */
struct item_list {
	struct item *oldest, *newest;
};

struct assemble {
	struct lru *items;
	struct item_list lists[LISTS];
	struct textbuf_pool *texts;
	struct assemble_queries *queries;
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
	textbuf_done(a->texts, &it->more);
}

static void item_delete(struct assemble *a, struct item *it)
{
	item_done(a, it);
	lru_delete(a->items, it);
}

/* Fills the body from the collected texts and hands it on. */
static void item_emit(struct assemble *a, struct item *it, uint64_t time_ns, uint32_t flags)
{
	struct event ev = it->ev;

	ev.flags |= flags;
	if (it->text.cut || it->more.cut)
		ev.flags |= EVENT_F_TRUNCATED;
	if (it->text_open)
		ev.flags |= EVENT_F_GAP;
	kinds[ev.kind].rule->emit(a, it, &ev, time_ns);
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
	a->texts = textbuf_pool_new(3 * ITEMS_MAX, LARGE_TEXTS, REC_QUERY_MAX);
	a->queries = assemble_query_new();
	if (!a->items || !a->texts || !a->queries) {
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
	assemble_query_free(a->queries);
	free(a);
}

struct textbuf_pool *assemble_texts(struct assemble *a)
{
	return a->texts;
}

struct assemble_queries *assemble_queries(struct assemble *a)
{
	return a->queries;
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

/* Copies the texts of the body that do not grow. The longest of them fit one small piece, so that
 * `side` never moves and the pointers stay right. */
static void item_keep_texts(struct assemble *a, struct item *it)
{
	const struct kind *kind = &kinds[it->ev.kind];

	_Static_assert(TEXTBUF_SMALL >= 2 * 4096 + sizeof(((struct rec_line *)0)->tty) &&
			       TEXTBUF_SMALL >= sizeof(struct rec_query) + 4 * QUERY_TYPES_MAX,
		       "paths and names fit");

	for (unsigned i = 0; i < KIND_TEXTS && kind->texts[i]; i++)
		item_keep_text(a, it, kind_text(&it->ev, kind->texts[i]));
}

static void item_add_text(struct assemble *a, struct item *it, struct bytes text)
{
	const struct assemble_rule *rule = kinds[it->ev.kind].rule;

	it->got += text.n;
	if (rule->add)
		rule->add(a, it, text);
	else
		textbuf_append(a->texts, &it->text, text);
}

static void assemble_whole(struct assemble *a, struct part *part, uint64_t time_ns)
{
	a->fn(&part->ev, part->task, time_ns, a->arg);
}

static void assemble_begin(struct assemble *a, const struct part *part, const struct item_key *key,
			   uint64_t time_ns)
{
	const struct assemble_rule *rule = kinds[part->ev.kind].rule;
	bool is_new;
	struct item *it = lru_put(a->items, key, &is_new);

	if (!is_new)
		item_done(a, it);
	*it = (struct item){.key = *key,
			    .task = *part->task,
			    .ev = part->ev,
			    .flow = part->flow,
			    .begun_ns = time_ns,
			    .touched_ns = time_ns,
			    .awaits_end = part->awaits_end,
			    .text_open = !part->last};
	if (part->ev.flow)
		it->ev.flow = &it->flow;
	item_link(a, it);
	if (rule->begin)
		rule->begin(a, it, part);
	item_keep_texts(a, it);
	item_add_text(a, it, part->text);
}

static void assemble_text(struct assemble *a, struct item *it, const struct part *part,
			  uint64_t time_ns)
{
	const struct assemble_rule *rule = kinds[it->ev.kind].rule;

	if (rule->turn && (part->continues || part->expanded || part->whole)) {
		rule->turn(a, it, part);
		it->got = 0;
	} else if (part->offset != it->got) {
		it->ev.flags |= EVENT_F_GAP;
	}
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
	const struct assemble_rule *rule = kinds[part->ev.kind].rule;
	struct item *it;

	a->now_ns = time_ns;
	assert(rule || part->role == PART_WHOLE);
	if (part->role == PART_CONTEXT)
		return rule->context(a, part);
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
	assert(part->role == PART_END && rule->end);
	it->ev.flags |= part->ev.flags;
	rule->end(it, part);
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
	const struct assemble_rule *rule;
	struct item *it, *next;

	a->now_ns = time_ns;
	for (it = list_of(a, pid)->oldest; it; it = next) {
		next = it->newer;
		if (it->key.pid != pid)
			continue;
		rule = kinds[it->ev.kind].rule;
		if (status >= 0 && rule->left && rule->left(it, status))
			item_close(a, it, time_ns);
		else
			item_abandon(a, it, time_ns);
	}
}

void assemble_finish(struct assemble *a, uint64_t now_ns)
{
	struct item *it;

	a->now_ns = now_ns;
	while ((it = lru_oldest(a->items)))
		item_abandon(a, it, now_ns);
}
