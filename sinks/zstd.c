/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * zstd: an archive of frames that each can be read alone, flushed at every chunk, with a seek table
 * at the end and an index beside it; or, for readers that know no more than one frame (Wireshark
 * 4.0), exactly one. When the queue fills, frames are compressed faster and less well: a frame's
 * level cannot change once it has begun (RFC 8878 has no such limit, the library has).
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "capture/base/seek_table.h"
#include "capture/filter.h"
#include "capture/index.h"

enum {
	ZSTD_ENDS = 64 * 1024, /* what the end of a frame and the beginning of the next take */
	ZSTD_WINDOW_LONG = 27, /* the largest that `zstd -d` takes without being asked */
	ZSTD_CHECKSUM = 4,
};

struct zstd_cfg {
	uint32_t level;
	bool longer; /* long= */
};

struct zstd_filter {
	const struct zstd_cfg *cfg;
	bool frames;
	ZSTD_CCtx *cctx;
	uint8_t *out; /* as much as one put can make */
	size_t cap;
	uint64_t at;        /* bytes made of this medium */
	bool open, entered; /* a frame is open; a chunk has gone into it */
	struct index_frame frame;
	struct seek_table table;
	struct index_writer *index; /* with frames */
};

static const struct opt zstd_options[] = {
	{.name = "level",
	 .type = OPT_U32,
	 .offset = offsetof(struct zstd_cfg, level),
	 .arg = "N",
	 .def = "3",
	 .help = "how hard zstd tries, 1 to 19; less when the queue fills",
	 .min = 1,
	 .max = 19},
	{.name = "long",
	 .type = OPT_FLAG,
	 .offset = offsetof(struct zstd_cfg, longer),
	 .help = "frames of 64M and a window of 128M: smaller files, more memory"},
	OPT_END,
};

static int zstd_fail(struct err *err, const char *what)
{
	return errf(err, -ENOMEM, "zstd: %s", what);
}

static void zstd_set(struct zstd_filter *z, ZSTD_cParameter parameter, int value)
{
	size_t r = ZSTD_CCtx_setParameter(z->cctx, parameter, value);

	(void)r; /* parameters and values are all known to it */
}

static int zstd_open(void *ctx, const void *cfg, const struct filter_env *env, struct err *err)
{
	struct zstd_filter *z = ctx;

	z->cfg = cfg;
	z->frames = env->frames;
	z->cctx = ZSTD_createCCtx();
	z->cap = ZSTD_compressBound(CHUNK_JUMBO) + ZSTD_ENDS;
	z->out = malloc(z->cap);
	if (!z->cctx || !z->out)
		return zstd_fail(err, "out of memory");
	zstd_set(z, ZSTD_c_checksumFlag, 1);
	if (z->cfg->longer) {
		zstd_set(z, ZSTD_c_enableLongDistanceMatching, 1);
		zstd_set(z, ZSTD_c_windowLog, ZSTD_WINDOW_LONG);
	}
	return z->frames ? index_writer_new(&z->index, err) : 0;
}

/* Frames are independent, so small ones compress less well, and large ones take longer to search.
 * What is lost when we are killed does not depend on it, as each chunk is flushed. */
static void zstd_frame(const void *cfg, uint64_t *ret_bytes, uint64_t *ret_ns)
{
	const struct zstd_cfg *z = cfg;

	*ret_bytes = z->longer ? 64 << 20 : 4 << 20;
	*ret_ns = (z->longer ? 600 : 10) * 1000000000ull;
}

static void zstd_begin(void *ctx)
{
	struct zstd_filter *z = ctx;

	ZSTD_CCtx_reset(z->cctx, ZSTD_reset_session_only);
	z->at = 0;
	z->open = z->entered = false;
	seek_table_clear(&z->table);
	if (z->index)
		index_writer_begin(z->index);
}

_Static_assert(SEEK_TABLE_MAX *SEEK_TABLE_ENTRY + ZSTD_ENDS < CHUNK_JUMBO,
	       "a seek table fits where the last bytes of a medium are made");

/* At most 2, then 1, as the queue fills: no event is lost for the sake of a smaller file. */
static uint32_t ladder_level(uint32_t level, unsigned pressure)
{
	uint32_t most = pressure >= 50 ? 1 : pressure >= 25 ? 2 : level;

	return level < most ? level : most;
}

static void frame_begin(struct zstd_filter *z, unsigned pressure)
{
	uint32_t level = ladder_level(z->cfg->level, pressure);

	zstd_set(z, ZSTD_c_compressionLevel, (int)level);
	z->frame = (struct index_frame){.offset = z->at, .level = (uint8_t)level};
	z->open = true;
	z->entered = false;
}

/* Appends what becomes of n bytes at p to the *made bytes in z->out. */
static int zstd_compress(struct zstd_filter *z, const void *p, size_t n, ZSTD_EndDirective how,
			 size_t *made)
{
	ZSTD_inBuffer in = {p, n, 0};
	ZSTD_outBuffer out = {z->out, z->cap, *made};
	size_t left;

	do {
		left = ZSTD_compressStream2(z->cctx, &out, &in, how);
		if (ZSTD_isError(left) || (left && out.pos == out.size))
			return -EIO;
	} while (left || in.pos < in.size);
	z->frame.raw_size += n;
	z->at += out.pos - *made;
	*made = out.pos;
	return 0;
}

static int frame_end(struct zstd_filter *z, size_t *made)
{
	int r = zstd_compress(z, NULL, 0, ZSTD_e_end, made);

	if (r < 0)
		return r;
	z->open = false;
	z->frame.size = z->at - z->frame.offset;
	z->frame.checksum = bytes_get_le32(z->out + *made - ZSTD_CHECKSUM);
	seek_table_add(&z->table, z->frame.size, z->frame.raw_size, z->frame.checksum);
	if (z->index)
		index_writer_frame(z->index, &z->frame);
	return 0;
}

static int zstd_put(void *ctx, const struct chunk *c, const void *p, size_t n, unsigned pressure,
		    struct bytes *ret)
{
	struct zstd_filter *z = ctx;
	size_t made = 0;
	int r = 0;

	if (z->frames && c && c->opens && z->open && z->entered)
		r = frame_end(z, &made);
	if (!r && !z->open)
		frame_begin(z, pressure);
	if (!r)
		r = zstd_compress(z, p, n, ZSTD_e_flush, &made);
	if (r < 0)
		return r;
	z->entered |= c != NULL;
	if (c && z->index)
		index_writer_chunk(z->index, c);
	*ret = (struct bytes){(const char *)z->out, made};
	return 0;
}

/* A medium that nothing was written on ends as one frame of nothing: other readers take no empty
 * file. */
static int zstd_end(void *ctx, struct bytes *ret)
{
	struct zstd_filter *z = ctx;
	struct bytes table = {NULL, 0};
	size_t made = 0;
	int r;

	if (!z->open && !z->table.frames)
		frame_begin(z, 0);
	r = z->open ? frame_end(z, &made) : 0;
	if (r < 0)
		return r;
	if (z->frames)
		table = seek_table_bytes(&z->table);
	assert(made + table.n <= z->cap);
	if (table.n)
		memcpy(z->out + made, table.p, table.n);
	z->at += table.n;
	*ret = (struct bytes){(const char *)z->out, made + table.n};
	return 0;
}

static void zstd_beside(void *ctx, const char **ret_extension, struct bytes *ret)
{
	struct zstd_filter *z = ctx;

	*ret_extension = INDEX_ENDING + 1;
	*ret = (struct bytes){NULL, 0};
	if (z->index && index_writer_blob(z->index, z->at, ret) < 0)
		*ret = (struct bytes){NULL, 0};
}

static void zstd_close(void *ctx)
{
	struct zstd_filter *z = ctx;

	ZSTD_freeCCtx(z->cctx);
	free(z->out);
	seek_table_free(&z->table);
	index_writer_free(z->index);
}

const struct filter_ops filter_zstd = {
	.name = "zstd",
	.extension = "zst",
	.summary = "compressed by zstd: frames that can be read alone, an index beside the file",
	.options = zstd_options,
	.cfg_size = sizeof(struct zstd_cfg),
	.ctx_size = sizeof(struct zstd_filter),
	.open = zstd_open,
	.frame = zstd_frame,
	.begin = zstd_begin,
	.put = zstd_put,
	.end = zstd_end,
	.beside = zstd_beside,
	.close = zstd_close,
};
