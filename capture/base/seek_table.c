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
	bytes_put_le(p, size, 4);
	bytes_put_le(p + 4, raw_size, 4);
	bytes_put_le(p + 8, checksum, 4);
	t->frames++;
}

struct bytes seek_table_bytes(struct seek_table *t)
{
	size_t end = table_end(t);

	if (t->unfit || !t->frames)
		return (struct bytes){NULL, 0};
	bytes_put_le(t->p, SEEK_TABLE_SKIPPABLE, 4);
	bytes_put_le(t->p + 4, end - SEEK_TABLE_HEAD + SEEK_TABLE_FOOTER, 4);
	bytes_put_le(t->p + end, t->frames, 4);
	t->p[end + 4] = SEEK_TABLE_CHECKSUMS;
	bytes_put_le(t->p + end + 5, SEEK_TABLE_MAGIC, 4);
	return (struct bytes){(const char *)t->p, end + SEEK_TABLE_FOOTER};
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
	n = bytes_get_le32(footer);
	if (bytes_get_le32(table.p) != SEEK_TABLE_SKIPPABLE ||
	    bytes_get_le32(table.p + 4) != table.n - SEEK_TABLE_HEAD ||
	    bytes_get_le32(footer + 5) != SEEK_TABLE_MAGIC || footer[4] & SEEK_TABLE_RESERVED)
		return -1;
	return SEEK_TABLE_HEAD + n * table_entry_size(table) + SEEK_TABLE_FOOTER == table.n
		       ? (int64_t)n
		       : -1;
}

struct seek_table_entry seek_table_get(struct bytes table, uint32_t i)
{
	const char *p = table.p + SEEK_TABLE_HEAD + i * table_entry_size(table);

	assert(i < seek_table_count(table));
	return (struct seek_table_entry){bytes_get_le32(p), bytes_get_le32(p + 4),
					 seek_table_has_checksums(table) ? bytes_get_le32(p + 8)
									 : 0};
}
