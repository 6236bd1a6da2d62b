/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/archives.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "tests/support/replayed.h"

struct bytes archives_replay(const char *path, const char *format)
{
	struct fake_sink sink = {0};

	replayed_into(path, encoder_by_name(format), &sink);
	return (struct bytes){sink.p, sink.n};
}

struct bytes archives_load(const char *path)
{
	FILE *f = fopen(path, "rb");
	size_t n = 0, cap = 1 << 20, r;
	char *p = malloc(cap);

	assert_non_null(f);
	assert_non_null(p);
	while ((r = fread(p + n, 1, cap - n, f)) > 0) {
		n += r;
		if (n == cap) {
			cap *= 2;
			p = realloc(p, cap);
			assert_non_null(p);
		}
	}
	fclose(f);
	return (struct bytes){p, n};
}

static size_t varint_record(struct bytes in)
{
	uint64_t v = 0;

	for (size_t i = 0; i < in.n && i < 10; i++) {
		v |= (uint64_t)(in.p[i] & 127) << 7 * i;
		if (!(in.p[i] & 128))
			return v + i + 1;
	}
	return SIZE_MAX;
}

size_t archives_record(const char *format, struct bytes in)
{
	size_t n = SIZE_MAX;
	uint32_t v;

	if (!strcmp(format, "pb")) {
		n = varint_record(in);
	} else if (!strcmp(format, "raw")) {
		memcpy(&v, in.p, in.n < 4 ? 0 : 4);
		if (in.n >= 16)
			n = !memcmp(in.p, "PENSTOCK-RAW-1\r\n", 16) ? 16 : (v + 7) / 8 * 8;
	} else if (!strcmp(format, "pcapng")) {
		if (in.n >= 8) {
			memcpy(&v, in.p + 4, 4);
			n = v;
		}
	} else {
		const char *end = memchr(in.p, '\n', in.n);

		if (end)
			n = (size_t)(end + 1 - in.p);
	}
	return n <= in.n ? n : 0;
}

size_t archives_whole(const char *format, struct bytes in)
{
	size_t at = 0, n;

	while (at < in.n) {
		n = archives_record(format, (struct bytes){in.p + at, in.n - at});
		if (!n)
			break;
		at += n;
	}
	return at;
}

struct builder {
	char *p;
	size_t n, cap;
	ZSTD_CCtx *zstd;
	char table[8 + 12 * 4096 + 9];
	size_t table_n;
	size_t frame_at, frame_raw;
};

static void build_put(struct builder *b, const void *p, size_t n, ZSTD_EndDirective how)
{
	ZSTD_inBuffer in = {p, n, 0};
	ZSTD_outBuffer out = {b->p, b->cap, b->n};

	assert_int_equal(ZSTD_compressStream2(b->zstd, &out, &in, how), 0);
	assert_int_equal(in.pos, n);
	b->n = out.pos;
	b->frame_raw += n;
}

static void build_u32(char *p, size_t v)
{
	uint32_t le = (uint32_t)v;

	memcpy(p, &le, sizeof(le));
}

static void build_frame_end(struct builder *b)
{
	char *entry = b->table + 8 + b->table_n;

	build_put(b, NULL, 0, ZSTD_e_end);
	build_u32(entry, b->n - b->frame_at);
	build_u32(entry + 4, b->frame_raw);
	memcpy(entry + 8, b->p + b->n - 4, 4);
	b->table_n += 12;
	b->frame_at = b->n;
	b->frame_raw = 0;
}

static void build_table(struct builder *b)
{
	build_u32(b->table, 0x184d2a5e);
	build_u32(b->table + 4, b->table_n + 9);
	build_u32(b->table + 8 + b->table_n, b->table_n / 12);
	b->table[8 + b->table_n + 4] = (char)0x80;
	build_u32(b->table + 8 + b->table_n + 5, 0x8f92eab1);
	memcpy(b->p + b->n, b->table, b->table_n + 17);
	b->n += b->table_n + 17;
}

struct bytes archives_compress(const char *format, struct bytes contents, unsigned records)
{
	struct builder *b = calloc(1, sizeof(*b));
	struct bytes ret;
	unsigned n = 0;

	assert_non_null(b);
	b->cap = 2 * contents.n + (1 << 18);
	b->p = malloc(b->cap);
	b->zstd = ZSTD_createCCtx();
	assert_true(b->p && b->zstd);
	ZSTD_CCtx_setParameter(b->zstd, ZSTD_c_checksumFlag, 1);
	while (contents.n) {
		size_t size = archives_record(format, contents);

		assert_true(size);
		build_put(b, contents.p, size, ZSTD_e_flush);
		contents = (struct bytes){contents.p + size, contents.n - size};
		if (++n % records == 0 && contents.n && strcmp(format, "pcapng") != 0)
			build_frame_end(b);
	}
	build_frame_end(b);
	if (strcmp(format, "pcapng") != 0)
		build_table(b);
	ZSTD_freeCCtx(b->zstd);
	ret = (struct bytes){b->p, b->n};
	free(b);
	return ret;
}

struct bytes archives_decompress(struct bytes file, bool *ret_whole)
{
	ZSTD_DCtx *zstd = ZSTD_createDCtx();
	ZSTD_inBuffer in = {file.p, file.n, 0};
	size_t cap = 1 << 20, left = 0;
	ZSTD_outBuffer out = {malloc(cap), cap, 0};
	char *p;

	assert_true(zstd && out.dst);
	while (in.pos < in.size && !ZSTD_isError(left))
		left = ZSTD_decompressStream(zstd, &out, &in);
	assert_true(out.pos < cap);
	*ret_whole = left == 0;
	ZSTD_freeDCtx(zstd);
	p = realloc(out.dst, out.pos + 1);
	assert_non_null(p);
	return (struct bytes){p, out.pos};
}

struct bytes archives_contents(struct bytes file)
{
	bool whole;
	char *p;

	if (file.n >= 4 && !memcmp(file.p, "\x28\xb5\x2f\xfd", 4))
		return archives_decompress(file, &whole);
	p = malloc(file.n + 1);
	assert_non_null(p);
	if (file.n)
		memcpy(p, file.p, file.n);
	return (struct bytes){p, file.n};
}
