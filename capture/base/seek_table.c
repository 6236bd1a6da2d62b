/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/base/seek_table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
	SEEK_TABLE_CHECKSUMS = 0x80, /* flag in the footer: entries have checksums */
	SEEK_TABLE_RESERVED = 0x7c,
	SEEK_TABLE_SHORT = 8, /* an entry without */
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

static uint32_t table_get32(const char *from)
{
	const uint8_t *p = (const uint8_t *)from;

	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static const char *table_footer(struct bytes table)
{
	return table.p + table.n - SEEK_TABLE_FOOTER;
}

bool seek_table_has_checksums(struct bytes table)
{
	return table_footer(table)[4] & SEEK_TABLE_CHECKSUMS;
}

static size_t table_entry_size(struct bytes table)
{
	return seek_table_has_checksums(table) ? SEEK_TABLE_ENTRY : SEEK_TABLE_SHORT;
}

int64_t seek_table_count(struct bytes table)
{
	const char *footer;
	uint64_t n;

	if (table.n < SEEK_TABLE_HEAD + SEEK_TABLE_FOOTER)
		return -1;
	footer = table_footer(table);
	n = table_get32(footer);
	if (table_get32(table.p) != SEEK_TABLE_SKIPPABLE ||
	    table_get32(table.p + 4) != table.n - SEEK_TABLE_HEAD ||
	    table_get32(footer + 5) != SEEK_TABLE_MAGIC || footer[4] & SEEK_TABLE_RESERVED)
		return -1;
	return SEEK_TABLE_HEAD + n * table_entry_size(table) + SEEK_TABLE_FOOTER == table.n
		       ? (int64_t)n
		       : -1;
}

struct seek_table_entry seek_table_get(struct bytes table, uint32_t i)
{
	const char *p = table.p + SEEK_TABLE_HEAD + i * table_entry_size(table);

	assert(i < seek_table_count(table));
	return (struct seek_table_entry){table_get32(p), table_get32(p + 4),
					 seek_table_has_checksums(table) ? table_get32(p + 8) : 0};
}
