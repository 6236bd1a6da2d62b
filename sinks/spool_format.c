/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sinks/spool_format.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "capture/base/bytes.h"
#include "capture/base/crc32c.h"

enum {
	MAGIC = 8,
	/* of a segment */
	HEAD_CRC = MAGIC,
	HEAD_CHECKED = HEAD_CRC + 4,
	/* of a record */
	RECORD_CRC = 4,
	RECORD_HEAD_CRC = 8,
	RECORD_CHECKED = 12,
	/* of the cursor */
	CURSOR_CRC = MAGIC,
	CURSOR_CHECKED = CURSOR_CRC + 4,
	/* flags of a record */
	OPENS = 1,
	ROTATES = 2,
	OPENS_RUN = 4,
	FLAGS = OPENS | ROTATES | OPENS_RUN,
};

static const uint8_t head_magic[MAGIC] = {'P', 'N', 'S', 'P', 'O', 'O', 'L', 1};
static const uint8_t cursor_magic[MAGIC] = {'P', 'N', 'C', 'U', 'R', 'S', 'R', 1};

static uint64_t get_le64(const uint8_t *p)
{
	return bytes_get_le32(p) | (uint64_t)bytes_get_le32(p + 4) << 32;
}

/* Writes one number after the other. */
static void put_le(uint8_t **at, uint64_t value, size_t size)
{
	bytes_put_le(*at, value, size);
	*at += size;
}

static uint32_t take_le32(const uint8_t **at)
{
	*at += 4;
	return bytes_get_le32(*at - 4);
}

static uint64_t take_le64(const uint8_t **at)
{
	*at += 8;
	return get_le64(*at - 8);
}

uint64_t spool_stream_of(const void *opening, size_t n)
{
	const uint8_t *p = opening;
	uint64_t hash = 0xcbf29ce484222325;

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ p[i]) * 0x100000001b3;
	return n ? hash : 0;
}

/* ---- a segment ----------------------------------------------------------------------------- */

void spool_head_write(const struct spool_head *h, uint8_t ret[SPOOL_HEAD])
{
	uint8_t *at = ret + HEAD_CHECKED;

	memset(ret, 0, SPOOL_HEAD);
	memcpy(ret, head_magic, MAGIC);
	put_le(&at, h->opening_n, 4);
	put_le(&at, h->opening_crc, 4);
	put_le(&at, 0, 4);
	put_le(&at, h->number, 8);
	put_le(&at, h->stream, 8);
	put_le(&at, h->first_seq, 8);
	bytes_put_le(ret + HEAD_CRC, crc32c(0, ret + HEAD_CHECKED, SPOOL_HEAD - HEAD_CHECKED), 4);
}

bool spool_head_read(const uint8_t in[SPOOL_HEAD], struct spool_head *ret)
{
	const uint8_t *at = in + HEAD_CHECKED;
	struct spool_head h;

	if (memcmp(in, head_magic, MAGIC) != 0 ||
	    bytes_get_le32(in + HEAD_CRC) != crc32c(0, at, SPOOL_HEAD - HEAD_CHECKED))
		return false;
	h.opening_n = take_le32(&at);
	h.opening_crc = take_le32(&at);
	take_le32(&at);
	h.number = take_le64(&at);
	h.stream = take_le64(&at);
	h.first_seq = take_le64(&at);
	if (h.opening_n > SPOOL_OPENING || h.number >= SPOOL_NUMBERS)
		return false;
	*ret = h;
	return true;
}

void spool_head_name(const struct spool_head *h, char ret[SPOOL_NAME])
{
	snprintf(ret, SPOOL_NAME, "spool-%012" PRIu64 "-%016" PRIx64 "-%" PRIu64 ".seg", h->number,
		 h->stream, h->first_seq);
}

/* ---- a record ------------------------------------------------------------------------------ */

static uint32_t record_head_crc(const uint8_t *record)
{
	return crc32c(crc32c(0, record, RECORD_CRC), record + RECORD_CHECKED,
		      SPOOL_RECORD - RECORD_CHECKED);
}

static uint32_t record_crc(const uint8_t *record, const void *payload, size_t n)
{
	return crc32c(crc32c(0, record + RECORD_HEAD_CRC, SPOOL_RECORD - RECORD_HEAD_CRC), payload,
		      n);
}

void spool_record_write(const struct chunk *c, uint8_t ret[SPOOL_RECORD])
{
	unsigned flags = (c->opens ? OPENS : 0) | (c->rotates ? ROTATES : 0) |
			 (c->opens_run ? OPENS_RUN : 0);
	uint8_t *at = ret + RECORD_CHECKED;

	memset(ret, 0, SPOOL_RECORD);
	bytes_put_le(ret, c->len, 4);
	put_le(&at, flags, 4);
	put_le(&at, c->first_seq, 8);
	put_le(&at, c->last_seq, 8);
	put_le(&at, c->first_ns, 8);
	put_le(&at, c->last_ns, 8);
	put_le(&at, c->opened_ns, 8);
	put_le(&at, c->touched_ns, 8);
	put_le(&at, c->unix_ns, 8);
	put_le(&at, c->records, 4);
	put_le(&at, c->reports, 4);
	put_le(&at, c->generation, 4);
	put_le(&at, c->opening_n, 4);
	for (unsigned i = 0; i < CHUNK_KINDS; i++)
		put_le(&at, c->by_kind[i], 4);
	bytes_put_le(ret + RECORD_HEAD_CRC, record_head_crc(ret), 4);
	bytes_put_le(ret + RECORD_CRC, record_crc(ret, c->p, c->len), 4);
}

/* Could this chunk have been put? */
static bool record_is_possible(const struct chunk *c, uint32_t flags)
{
	return c->len > 0 && c->len <= CHUNK_JUMBO && !(flags & ~(uint32_t)FLAGS) &&
	       (c->opens || (!c->rotates && !c->opens_run && !c->opening_n)) &&
	       c->opening_n <= c->len && c->first_seq <= c->last_seq && c->first_ns <= c->last_ns;
}

bool spool_record_read(const uint8_t in[SPOOL_RECORD], struct chunk *ret)
{
	const uint8_t *at = in + RECORD_CHECKED;
	struct chunk c = {.len = bytes_get_le32(in)};
	uint32_t flags;

	if (bytes_get_le32(in + RECORD_HEAD_CRC) != record_head_crc(in))
		return false;
	flags = take_le32(&at);
	c.opens = flags & OPENS;
	c.rotates = flags & ROTATES;
	c.opens_run = flags & OPENS_RUN;
	c.first_seq = take_le64(&at);
	c.last_seq = take_le64(&at);
	c.first_ns = take_le64(&at);
	c.last_ns = take_le64(&at);
	c.opened_ns = take_le64(&at);
	c.touched_ns = take_le64(&at);
	c.unix_ns = take_le64(&at);
	c.records = take_le32(&at);
	c.reports = take_le32(&at);
	c.generation = take_le32(&at);
	c.opening_n = take_le32(&at);
	for (unsigned i = 0; i < CHUNK_KINDS; i++)
		c.by_kind[i] = take_le32(&at);
	if (!record_is_possible(&c, flags))
		return false;
	*ret = c;
	return true;
}

bool spool_record_fits(const uint8_t record[SPOOL_RECORD], const void *payload, size_t n)
{
	return bytes_get_le32(record + RECORD_CRC) == record_crc(record, payload, n);
}

struct loss spool_record_loss(const struct chunk *c)
{
	return (struct loss){c->records,  c->first_seq, c->last_seq,
			     c->first_ns, c->last_ns,   c->reports};
}

/* ---- the cursor ---------------------------------------------------------------------------- */

void spool_cursor_write(const struct spool_cursor *c, uint8_t ret[SPOOL_CURSOR])
{
	uint8_t *at = ret + CURSOR_CHECKED;

	memset(ret, 0, SPOOL_CURSOR);
	memcpy(ret, cursor_magic, MAGIC);
	put_le(&at, 0, 4);
	put_le(&at, c->number, 8);
	put_le(&at, c->stream, 8);
	put_le(&at, c->offset, 8);
	bytes_put_le(ret + CURSOR_CRC,
		     crc32c(0, ret + CURSOR_CHECKED, SPOOL_CURSOR - CURSOR_CHECKED), 4);
}

bool spool_cursor_read(const uint8_t in[SPOOL_CURSOR], struct spool_cursor *ret)
{
	const uint8_t *at = in + CURSOR_CHECKED;

	if (memcmp(in, cursor_magic, MAGIC) != 0 ||
	    bytes_get_le32(in + CURSOR_CRC) != crc32c(0, at, SPOOL_CURSOR - CURSOR_CHECKED))
		return false;
	take_le32(&at);
	ret->number = take_le64(&at);
	ret->stream = take_le64(&at);
	ret->offset = take_le64(&at);
	return ret->number < SPOOL_NUMBERS;
}
