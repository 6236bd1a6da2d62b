/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/source/inbox.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/raw.h"
#include "kern/events.h"

enum {
	INBOX_SIZE = 2 * REC_MAX
};

int inbox_init(struct inbox *box)
{
	*box = (struct inbox){.fill = malloc(INBOX_SIZE), .drain = malloc(INBOX_SIZE)};
	pthread_mutex_init(&box->lock, NULL);
	pthread_cond_init(&box->room, NULL);
	return box->fill && box->drain ? 0 : -ENOMEM;
}

void inbox_done(struct inbox *box)
{
	free(box->fill);
	free(box->drain);
	pthread_mutex_destroy(&box->lock);
	pthread_cond_destroy(&box->room);
}

int inbox_put(struct inbox *box, const struct rec *rec)
{
	int ret = -ESHUTDOWN;

	assert(rec->len >= sizeof(*rec) && rec->len <= REC_MAX);
	pthread_mutex_lock(&box->lock);
	while (!box->closed && box->fill_len + raw_padded(rec->len) > INBOX_SIZE)
		pthread_cond_wait(&box->room, &box->lock);
	if (!box->closed) {
		memcpy(box->fill + box->fill_len, rec, rec->len);
		box->fill_len += raw_padded(rec->len);
		ret = 0;
	}
	pthread_mutex_unlock(&box->lock);
	return ret;
}

/* Takes what came since the last swap; closes the box when that is nothing and the caller asks. */
static bool inbox_swap(struct inbox *box, bool close)
{
	uint8_t *drain = box->drain;

	assert(box->drain_at == box->drain_len); /* all of it was handed out */
	pthread_mutex_lock(&box->lock);
	box->drain = box->fill;
	box->drain_len = box->fill_len;
	box->drain_at = 0;
	box->fill = drain;
	box->fill_len = 0;
	if (close && !box->drain_len)
		box->closed = true;
	pthread_cond_broadcast(&box->room);
	pthread_mutex_unlock(&box->lock);
	return box->drain_len > 0;
}

const struct rec *inbox_next(struct inbox *box)
{
	const struct rec *rec;

	if (box->drain_at == box->drain_len && !inbox_swap(box, false))
		return NULL;
	rec = (const struct rec *)(box->drain + box->drain_at);
	box->drain_at += raw_padded(rec->len);
	return rec;
}

void inbox_close(struct inbox *box)
{
	pthread_mutex_lock(&box->lock);
	box->closed = true;
	pthread_cond_broadcast(&box->room);
	pthread_mutex_unlock(&box->lock);
}

bool inbox_close_if_empty(struct inbox *box)
{
	return box->drain_at == box->drain_len && !inbox_swap(box, true);
}
