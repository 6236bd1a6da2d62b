/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/base/seek_table.h"

#include <stdlib.h>
#include <string.h>

enum {
	SEEK_TABLE_CHECKSUMS = 0x80 /* flag in the footer: entries have checksums */
};

static size_t table_end(const struct seek_table *t)
{
	return SEEK_TABLE_HEAD + (size_t)t->frames * SEEK_TABLE_ENTRY;
}

/* Room for n bytes behind the entries. */
static bool table_reserve(struct seek_table *t, size_t n)
{
	size_t want = table_end(t) + n;
	uint8_t *p;

	if (want <= t->cap)
		return true;
	p = realloc(t->p, want * 2);
	if (!p)
		return false;
	t->p = p;
	t->cap = want * 2;
	return true;
}

static void table_put32(uint8_t *p, uint64_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

void seek_table_clear(struct seek_table *t)
{
	t->frames = 0;
	t->unfit = false;
}

void seek_table_free(struct seek_table *t)
{
	free(t->p);
	*t = (struct seek_table){0};
}

void seek_table_add(struct seek_table *t, uint64_t size, uint64_t raw_size, uint32_t checksum)
{
	uint8_t *p;

	if (size > UINT32_MAX || raw_size > UINT32_MAX || t->frames == SEEK_TABLE_MAX ||
	    !table_reserve(t, SEEK_TABLE_ENTRY + SEEK_TABLE_FOOTER))
		t->unfit = true;
	if (t->unfit)
		return;
	p = t->p + table_end(t);
	table_put32(p, size);
	table_put32(p + 4, raw_size);
	table_put32(p + 8, checksum);
	t->frames++;
}

struct bytes seek_table_bytes(struct seek_table *t)
{
	size_t end = table_end(t);

	if (t->unfit || !t->frames)
		return (struct bytes){NULL, 0};
	table_put32(t->p, SEEK_TABLE_SKIPPABLE);
	table_put32(t->p + 4, end - SEEK_TABLE_HEAD + SEEK_TABLE_FOOTER);
	table_put32(t->p + end, t->frames);
	t->p[end + 4] = SEEK_TABLE_CHECKSUMS;
	table_put32(t->p + end + 5, SEEK_TABLE_MAGIC);
	return (struct bytes){(const char *)t->p, end + SEEK_TABLE_FOOTER};
}
