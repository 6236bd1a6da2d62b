/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/tally.h"

#include <errno.h>
#include <stdio.h>

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
	struct loss held = loss_of_chunk(c);

	pthread_mutex_lock(&t->lock);
	t->stats.done += c->records;
	t->stats.bytes += c->made;
	t->stats.raw += c->len;
	loss_add(&t->medium, &held);
	t->news.reports_done |= c->reports;
	pthread_mutex_unlock(&t->lock);
}

void tally_lost(struct tally *t, const struct chunk *c)
{
	struct loss loss = loss_of_chunk(c);

	pthread_mutex_lock(&t->lock);
	t->stats.lost += c->records;
	t->stats.raw_lost += c->len;
	loss_add(&t->news.lost, &loss);
	t->news.reports_lost |= c->reports;
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
	t->stats.done -= t->medium.count;
	t->stats.lost += t->medium.count;
	loss_add(&t->news.lost, &t->medium);
	t->medium = (struct loss){0};
	pthread_mutex_unlock(&t->lock);
}

static const char *error_text(int error)
{
	return error == -ESTALE ? "somebody has removed it, or cut off what was written"
				: strerror(-error);
}

void tally_error(struct tally *t, const char *label, int error)
{
	pthread_mutex_lock(&t->lock);
	t->stats.error = error;
	if (error)
		snprintf(t->text, sizeof(t->text), "%s: %s", label, error_text(error));
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

int tally_text(struct tally *t, char *ret, size_t size)
{
	int r;

	pthread_mutex_lock(&t->lock);
	snprintf(ret, size, "%s", t->text);
	r = t->stats.error;
	pthread_mutex_unlock(&t->lock);
	return r;
}
