/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/base/seektable.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	ENTRY = 12,       /* with a checksum */
	ENTRY_SHORT = 8,  /* without */
	CHECKSUMS = 0x80, /* in the descriptor */
	RESERVED = 0x7c,
};

#define SEEKTABLE_MAGIC 0x8f92eab1u

static void put_le(uint8_t *p, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static uint32_t get_le(const void *from)
{
	const uint8_t *p = from;

	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static int table_reserve(struct seektable *t, size_t n)
{
	size_t cap = t->cap ? 2 * t->cap : 4096;
	uint8_t *p;

	if (t->n + n <= t->cap)
		return 0;
	p = realloc(t->p, cap);
	if (!p)
		return -ENOMEM;
	t->p = p;
	t->cap = cap;
	return 0;
}

int seektable_add(struct seektable *t, uint64_t size, uint64_t raw_size, uint32_t checksum)
{
	int r;

	if (size > UINT32_MAX || raw_size > UINT32_MAX || t->frames == SEEKTABLE_MAX)
		t->broken = true;
	if (t->broken)
		return 0;
	if (!t->n)
		t->n = SEEKTABLE_HEAD;
	r = table_reserve(t, ENTRY);
	if (r < 0)
		return r;
	put_le(t->p + t->n, (uint32_t)size);
	put_le(t->p + t->n + 4, (uint32_t)raw_size);
	put_le(t->p + t->n + 8, checksum);
	t->n += ENTRY;
	t->frames++;
	return 0;
}

int seektable_finish(struct seektable *t, struct bytes *ret)
{
	int r;

	*ret = (struct bytes){0};
	if (t->broken)
		return 0;
	if (!t->n)
		t->n = SEEKTABLE_HEAD;
	r = table_reserve(t, SEEKTABLE_FOOT);
	if (r < 0)
		return r;
	put_le(t->p, SEEKTABLE_SKIPPABLE);
	put_le(t->p + 4, (uint32_t)(t->n - SEEKTABLE_HEAD + SEEKTABLE_FOOT));
	put_le(t->p + t->n, t->frames);
	t->p[t->n + 4] = CHECKSUMS;
	put_le(t->p + t->n + 5, SEEKTABLE_MAGIC);
	*ret = (struct bytes){(const char *)t->p, t->n + SEEKTABLE_FOOT};
	return 0;
}

void seektable_reset(struct seektable *t)
{
	t->n = 0;
	t->frames = 0;
	t->broken = false;
}

void seektable_free(struct seektable *t)
{
	free(t->p);
	*t = (struct seektable){0};
}

uint64_t seektable_size(const uint8_t foot[SEEKTABLE_FOOT])
{
	uint64_t entry = foot[4] & CHECKSUMS ? ENTRY : ENTRY_SHORT;
	uint32_t n = get_le(foot);

	if (get_le(foot + 5) != SEEKTABLE_MAGIC || foot[4] & RESERVED || n > SEEKTABLE_MAX)
		return 0;
	return SEEKTABLE_HEAD + n * entry + SEEKTABLE_FOOT;
}

static const uint8_t *table_foot(struct bytes table)
{
	return (const uint8_t *)table.p + table.n - SEEKTABLE_FOOT;
}

int64_t seektable_count(struct bytes table)
{
	if (table.n < SEEKTABLE_HEAD + SEEKTABLE_FOOT || get_le(table.p) != SEEKTABLE_SKIPPABLE)
		return -1;
	if (get_le(table.p + 4) != table.n - SEEKTABLE_HEAD ||
	    seektable_size(table_foot(table)) != table.n)
		return -1;
	return get_le(table_foot(table));
}

bool seektable_has_checksums(struct bytes table)
{
	return table_foot(table)[4] & CHECKSUMS;
}

struct seektable_frame seektable_get(struct bytes table, uint32_t i)
{
	bool checksums = seektable_has_checksums(table);
	const char *p = table.p + SEEKTABLE_HEAD + (size_t)i * (checksums ? ENTRY : ENTRY_SHORT);

	assert((int64_t)i < seektable_count(table));
	return (struct seektable_frame){get_le(p), get_le(p + 4), checksums ? get_le(p + 8) : 0};
}
