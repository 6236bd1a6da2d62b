/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Our own consumer of a BPF ring buffer. libbpf's cannot stop before a record, which merging by
 *time needs. One reader thread; records are looked at where the kernel wrote them, never copied:
 *
 *	ring_look(&r);
 *	while ((p = ring_peek(&r, &len))) {
 *		if (not this one yet)
 *			break;
 *		use(p, len);
 *		ring_advance(&r);
 *	}
 *	ring_publish(&r);
 *
 * Positions are byte counts since the ring was made: they only grow.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/base/err.h"

struct ring {
	unsigned long *consumer;       /* how far we have read, for the kernel: published */
	const unsigned long *producer; /* how far the kernel has reserved */
	const uint8_t *data;           /* size bytes, visible twice in a row: no record wraps */
	size_t size;                   /* power of two */
	unsigned long at;              /* the next record */
	unsigned long end;             /* the producer's position at the last look */
	unsigned long published;
	uint32_t unpublished; /* records passed since */
	uint64_t high;        /* most bytes that were unread at a look */
	void *mapping;        /* NULL when made by ring_over() */
};

/* Maps the ring buffer map fd with max_entries size; fd may be closed afterwards. */
int ring_map(int fd, uint32_t size, struct ring *ret, struct err *err);
void ring_unmap(struct ring *r);
/* The same over memory of the caller: what ring_map() does after mapping, and what tests use. */
void ring_over(unsigned long *consumer, const unsigned long *producer, const void *data,
	       size_t size, struct ring *ret);

/* Notes how far the kernel has come: ring_peek() goes that far and not further. */
void ring_look(struct ring *r);
/* The next committed record and the length reserved for it; NULL when the last look is used up or
 * the record there is still being written. Discarded records are passed over. */
const void *ring_peek(struct ring *r, uint32_t *ret_len);
/* Done with the record that ring_peek() gave: its memory may be overwritten from now on. */
void ring_advance(struct ring *r);
/* Gives the space of everything passed back to the kernel. ring_advance() does so by itself now and
 * then, so that a long batch does not starve the kernel. */
void ring_publish(struct ring *r);

/* Is everything of the last look used up? False with ring_peek() == NULL: a record is being
 * written. */
static inline bool ring_done(const struct ring *r)
{
	return r->at == r->end;
}
