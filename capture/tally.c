/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/tally.h"

#include <errno.h>
#include <stdio.h>

#include "capture/base/elapsed.h"

void tally_init(struct tally *t)
{
	*t = (struct tally){.text = ""};
	pthread_mutex_init(&t->lock, NULL);
}

void tally_free(struct tally *t)
{
	pthread_mutex_destroy(&t->lock);
}

static struct loss loss_of_chunk(const struct chunk *c)
{
	return (struct loss){c->records, c->first_seq, c->last_seq, c->first_ns, c->last_ns};
}

void tally_done(struct tally *t, const struct chunk *c)
{
	struct loss held = loss_of_chunk(c), refused = held;

	refused.count = c->refused;
	held.count -= c->refused;
	pthread_mutex_lock(&t->lock);
	t->stats.done += held.count;
	t->stats.lost += refused.count;
	if (refused.count)
		loss_add(&t->news.lost[TALLY_REFUSED], &refused);
	t->stats.bytes += c->made;
	t->stats.raw += c->len;
	loss_add(&t->medium, &held);
	t->news.reports_done |= c->reports;
	pthread_mutex_unlock(&t->lock);
}

void tally_lost(struct tally *t, const struct chunk *c, enum tally_reason reason)
{
	struct loss loss = loss_of_chunk(c);

	pthread_mutex_lock(&t->lock);
	t->stats.lost += c->records;
	t->stats.raw_lost += c->len;
	loss_add(&t->news.lost[reason], &loss);
	t->news.reports_lost |= c->reports;
	pthread_mutex_unlock(&t->lock);
}

/* Locked. */
static void tally_undo(struct tally *t, const struct loss *loss, enum tally_reason reason)
{
	t->stats.done -= loss->count;
	t->stats.lost += loss->count;
	loss_add(&t->news.lost[reason], loss);
	t->news.reports_lost |= loss->reports;
}

void tally_reports(struct tally *t, uint32_t reports, bool written)
{
	pthread_mutex_lock(&t->lock);
	if (written)
		t->news.reports_done |= reports;
	else
		t->news.reports_lost |= reports;
	pthread_mutex_unlock(&t->lock);
}

void tally_undone(struct tally *t, const struct loss *loss, enum tally_reason reason)
{
	pthread_mutex_lock(&t->lock);
	tally_undo(t, loss, reason);
	pthread_mutex_unlock(&t->lock);
}

void tally_medium(struct tally *t)
{
	pthread_mutex_lock(&t->lock);
	t->stats.media++;
	t->medium = (struct loss){0};
	pthread_mutex_unlock(&t->lock);
}

void tally_medium_gone(struct tally *t)
{
	pthread_mutex_lock(&t->lock);
	tally_undo(t, &t->medium, TALLY_SINK);
	t->medium = (struct loss){0};
	pthread_mutex_unlock(&t->lock);
}

static const char *error_text(int error, const char *why)
{
	if (why)
		return why;
	return error == -ESTALE ? "somebody has removed it, or cut off what was written"
				: strerror(-error);
}

void tally_error(struct tally *t, const char *label, int error, const char *why)
{
	pthread_mutex_lock(&t->lock);
	if (!error != !t->stats.error)
		t->since_ms = elapsed_ms();
	t->stats.error = error;
	if (error || why)
		snprintf(t->text, sizeof(t->text), "%s: %s", label, error_text(error, why));
	pthread_mutex_unlock(&t->lock);
}

struct tally_stats tally_read(struct tally *t)
{
	struct tally_stats stats;

	pthread_mutex_lock(&t->lock);
	stats = t->stats;
	pthread_mutex_unlock(&t->lock);
	return stats;
}

struct tally_news tally_take_news(struct tally *t)
{
	struct tally_news news;

	pthread_mutex_lock(&t->lock);
	news = t->news;
	t->news = (struct tally_news){.reports_done = 0};
	pthread_mutex_unlock(&t->lock);
	return news;
}

int64_t tally_since_ms(struct tally *t)
{
	int64_t ms;

	pthread_mutex_lock(&t->lock);
	ms = t->since_ms;
	pthread_mutex_unlock(&t->lock);
	return ms;
}

int tally_text(struct tally *t, char *ret, size_t size)
{
	int r;

	pthread_mutex_lock(&t->lock);
	snprintf(ret, size, "%s", t->text);
	r = t->stats.error;
	pthread_mutex_unlock(&t->lock);
	return r;
}
