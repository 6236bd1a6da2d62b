/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The unit of everything after the encoder: whole records, appended by one encoder, then handed
 * as a whole to one delivery thread. A chunk is cut at CHUNK_SIZE; a larger record travels alone in
 * a jumbo chunk of CHUNK_JUMBO bytes.
 */
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
	CHUNK_SIZE = 128 * 1024,
	CHUNK_JUMBO = 20 * 1024 * 1024,
	CHUNK_KEYS = 16 * 1024,
	CHUNK_KINDS = 16, /* room for all of enum event_kind */
};

struct chunk {
	uint8_t *p; /* cap bytes, owned by the pool that made the chunk */
	size_t len, cap;
	size_t made;     /* bytes that its filter made of it; delivery sets it */
	uint64_t number; /* 1, 2, … in the order of delivery, which sets it */
	uint32_t generation;
	bool opens;         /* begins with its generation's opening bytes: a medium may begin here,
			     * and a frame of an archive does */
	bool rotates;       /* a medium has to begin here; never without `opens` */
	uint32_t opening_n; /* how many bytes are opening bytes; 0 unless it opens */
	bool opens_run;     /* its opening bytes tell the run that it and what follows belong to: a
			     * medium that begins later begins with a copy of them */
	bool bare;          /* delivery: nothing of it was written but opening bytes */
	bool again;         /* it may have been sent before */
	uint32_t refused;   /* delivery: events in it that the receiver refused for good */
	uint64_t mark;      /* who wants to know when it is done; 0 = nobody */
	uint32_t reports;   /* 1 << enum output_stat: reports of losses that are in it */
	uint32_t records;   /* events in it; opening bytes and other context are not counted */
	uint64_t first_seq, last_seq;  /* of its events; they need not be all in between */
	uint64_t first_ns, last_ns;    /* true times of its earliest and its latest event (boot) */
	uint64_t opened_ns;            /* record time when it was begun */
	uint64_t touched_ns;           /* and when something was last appended */
	uint64_t unix_ns;              /* opened_ns as Unix time: what a file is named after */
	uint32_t by_kind[CHUNK_KINDS]; /* events in it by their kind */
	uint8_t *keys;                 /* CHUNK_KEYS bytes: what an index may find it by, see
					* capture/keys.h; NULL = nobody wants to know */
	uint32_t keys_n;               /* bytes of it that are used */
	bool keys_full;                /* there was more: whatever is sought may be in this chunk */
	struct chunk *next;            /* for the list that holds it */
};

static inline size_t chunk_room(const struct chunk *c)
{
	return c->cap - c->len;
}

/* The caller has checked the room. */
static inline void chunk_put(struct chunk *c, const void *p, size_t n)
{
	assert(n <= chunk_room(c));
	if (n)
		memcpy(c->p + c->len, p, n);
	c->len += n;
}

/* One event of that number and time lies in it. */
static inline void chunk_count(struct chunk *c, uint64_t seq, uint64_t time_ns)
{
	if (!c->records || seq < c->first_seq)
		c->first_seq = seq;
	if (!c->records || time_ns < c->first_ns)
		c->first_ns = time_ns;
	if (seq > c->last_seq)
		c->last_seq = seq;
	if (time_ns > c->last_ns)
		c->last_ns = time_ns;
	c->records++;
}

/* A list in order; zeroed, it is empty. */
struct chunk_list {
	struct chunk *first, *last;
	unsigned n;
};

static inline void chunk_list_add(struct chunk_list *l, struct chunk *c)
{
	c->next = NULL;
	if (l->last)
		l->last->next = c;
	else
		l->first = c;
	l->last = c;
	l->n++;
}

/* The oldest, NULL when there is none. */
static inline struct chunk *chunk_list_take(struct chunk_list *l)
{
	struct chunk *c = l->first;

	if (!c)
		return NULL;
	l->first = c->next;
	if (!l->first)
		l->last = NULL;
	l->n--;
	c->next = NULL;
	return c;
}

/* The one behind it; NULL when there is none. */
static inline struct chunk *chunk_list_take_second(struct chunk_list *l)
{
	struct chunk *c = l->first ? l->first->next : NULL;

	if (!c)
		return NULL;
	l->first->next = c->next;
	if (!c->next)
		l->last = l->first;
	l->n--;
	c->next = NULL;
	return c;
}

/*
 * One mapping with room for n chunks of cap bytes, their heads chained by `next`; NULL when there
 * is no memory. Pages cost nothing until they are written. chunk_map_free() takes the first head.
 */
struct chunk *chunk_map_new(size_t n, size_t cap);
/* Gives these n chunks, none of which is in use, room for keys. False when there is no memory. */
bool chunk_map_keys(struct chunk *first, size_t n);
void chunk_map_free(struct chunk *first, size_t n);
/* Empties a chunk for its next use; memory and capacity stay. */
void chunk_reset(struct chunk *c);
