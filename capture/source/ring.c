/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/source/ring.h"

#include <assert.h>
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	RING_BATCH = 256, /* records passed before the kernel hears of it */
	RING_SHARE = 8,   /* or this part of the ring */
};

void ring_over(unsigned long *consumer, const unsigned long *producer, const void *data,
	       size_t size, struct ring *ret)
{
	unsigned long at = __atomic_load_n(consumer, __ATOMIC_RELAXED);

	*ret = (struct ring){
		.consumer = consumer,
		.producer = producer,
		.data = data,
		.size = size,
		.at = at,
		.end = at,
		.published = at,
	};
}

int ring_map(int fd, uint32_t size, struct ring *ret, struct err *err)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t rest = page + 2 * (size_t)size;
	uint8_t *consumer, *producer;
	int code;

	if (size < page || (size & (size - 1)))
		return errf(err, -EINVAL, "ring size %u is no power of two of whole pages", size);
	consumer = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (consumer == MAP_FAILED)
		return errf(err, -errno, "cannot map the ring: %s", strerror(errno));
	producer = mmap(NULL, rest, PROT_READ, MAP_SHARED, fd, (off_t)page);
	if (producer == MAP_FAILED) {
		code = -errno;
		munmap(consumer, page);
		return errf(err, code, "cannot map the ring: %s", strerror(-code));
	}
	ring_over((unsigned long *)consumer, (const unsigned long *)producer, producer + page, size,
		  ret);
	ret->mapping = producer;
	return 0;
}

void ring_unmap(struct ring *r)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (!r->mapping)
		return;
	munmap(r->mapping, page + 2 * r->size);
	munmap(r->consumer, page);
	r->mapping = NULL;
}

void ring_look(struct ring *r)
{
	r->end = __atomic_load_n(r->producer, __ATOMIC_ACQUIRE);
	if (r->end - r->at > r->high)
		r->high = r->end - r->at;
}

static const uint32_t *head_at(const struct ring *r)
{
	return (const uint32_t *)(r->data + (r->at & (r->size - 1)));
}

static unsigned long span_of(uint32_t head)
{
	uint32_t len = head & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);

	return (BPF_RINGBUF_HDR_SZ + (unsigned long)len + 7) & ~7ul;
}

static void ring_pass(struct ring *r, uint32_t head)
{
	r->at += span_of(head);
	if (++r->unpublished >= RING_BATCH || r->at - r->published >= r->size / RING_SHARE)
		ring_publish(r);
}

const void *ring_peek(struct ring *r, uint32_t *ret_len)
{
	while (r->at != r->end) {
		/* Acquire: the record was written before its busy bit was cleared. */
		uint32_t head = __atomic_load_n(head_at(r), __ATOMIC_ACQUIRE);

		if (head & BPF_RINGBUF_BUSY_BIT)
			return NULL;
		if (!(head & BPF_RINGBUF_DISCARD_BIT)) {
			*ret_len = head;
			return (const uint8_t *)head_at(r) + BPF_RINGBUF_HDR_SZ;
		}
		ring_pass(r, head);
	}
	return NULL;
}

void ring_advance(struct ring *r)
{
	assert(r->at != r->end); /* ring_peek() gave a record */
	ring_pass(r, *head_at(r));
}

void ring_publish(struct ring *r)
{
	/* Release: we are done reading what the kernel may now overwrite. */
	__atomic_store_n(r->consumer, r->at, __ATOMIC_RELEASE);
	r->published = r->at;
	r->unpublished = 0;
}
