/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Records that other threads insert into the live source. They fill one buffer while the reader
 * hands out the other; memory is bounded, and a writer waits while its buffer is full.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rec;

struct inbox {
	pthread_mutex_t lock;
	pthread_cond_t room;
	uint8_t *fill, *drain;
	size_t fill_len;            /* under lock, as is closed */
	size_t drain_len, drain_at; /* the reader's */
	bool closed;
};

/* 0 or -ENOMEM; inbox_done() is due in either case. */
int inbox_init(struct inbox *box);
void inbox_done(struct inbox *box);
/* Copies rec (its length is the caller's word), waits for room. Any thread but the reader's.
 * -ESHUTDOWN once the box is closed. */
int inbox_put(struct inbox *box, const struct rec *rec);
/* The next record in the order they came, NULL = none now. Valid until the next call. */
const struct rec *inbox_next(struct inbox *box);
/* From now on nothing can be put. */
void inbox_close(struct inbox *box);
/* Closes it if all was handed out; false = there is more. */
bool inbox_close_if_empty(struct inbox *box);
