/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/archive/pack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "capture/base/seek_table.h"

enum {
	OUTPUT = 256 * 1024,
	WINDOW_LOG = 27,
};

struct pack {
	struct pack_config cfg;
	int fd;
	ZSTD_CCtx *zstd;
	struct seek_table table;
	uint64_t file_at; /* offset of what comes next in the file */
	uint64_t frame_at, frame_raw;
	uint32_t frames;
	size_t n; /* of output, not written yet */
	uint8_t output[OUTPUT];
};

static int zstd_configure(struct pack *p)
{
	ZSTD_CCtx *z = p->zstd;
	size_t r = ZSTD_CCtx_setParameter(z, ZSTD_c_compressionLevel, p->cfg.level);

	if (!ZSTD_isError(r))
		r = ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1);
	if (!ZSTD_isError(r) && p->cfg.wide)
		r = ZSTD_CCtx_setParameter(z, ZSTD_c_enableLongDistanceMatching, 1);
	if (!ZSTD_isError(r) && p->cfg.wide)
		r = ZSTD_CCtx_setParameter(z, ZSTD_c_windowLog, WINDOW_LOG);
	return ZSTD_isError(r) ? -EINVAL : 0;
}

int pack_new(const struct pack_config *cfg, int fd, uint64_t at, struct pack **ret, struct err *err)
{
	struct pack *p = calloc(1, sizeof(*p));

	if (!p)
		return errf(err, -ENOMEM, "out of memory");
	p->cfg = *cfg;
	p->fd = fd;
	p->file_at = p->frame_at = at;
	if (cfg->zstd) {
		p->zstd = ZSTD_createCCtx();
		if (!p->zstd || zstd_configure(p) < 0) {
			pack_free(p);
			return errf(err, -ENOMEM, "out of memory");
		}
	}
	*ret = p;
	return 0;
}

void pack_free(struct pack *p)
{
	if (!p)
		return;
	ZSTD_freeCCtx(p->zstd);
	seek_table_free(&p->table);
	free(p);
}

void pack_known(struct pack *p, uint64_t size, uint64_t raw_size, uint32_t checksum)
{
	p->frames++;
	seek_table_add(&p->table, size, raw_size, checksum);
}

static int pack_write(struct pack *p, const void *from, size_t n, struct err *err)
{
	const char *at = from;

	while (n) {
		ssize_t r = write(p->fd, at, n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return errf(err, -errno, "%s", strerror(errno));
		at += r;
		n -= (size_t)r;
		p->file_at += (uint64_t)r;
	}
	return 0;
}

static int output_flush(struct pack *p, struct err *err)
{
	int r = pack_write(p, p->output, p->n, err);

	if (r == 0)
		p->n = 0;
	return r;
}

/* Compresses b, and with ZSTD_e_end everything that is still inside. */
static int pack_compress(struct pack *p, struct bytes b, ZSTD_EndDirective how, struct err *err)
{
	ZSTD_inBuffer in = {b.p, b.n, 0};
	size_t left;

	do {
		ZSTD_outBuffer out = {p->output, OUTPUT, p->n};
		int r = 0;

		left = ZSTD_compressStream2(p->zstd, &out, &in, how);
		if (ZSTD_isError(left))
			return errf(err, -ENOMEM, "zstd: %s", ZSTD_getErrorName(left));
		p->n = out.pos;
		if (p->n == OUTPUT)
			r = output_flush(p, err);
		if (r < 0)
			return r;
	} while (in.pos < in.size || (how == ZSTD_e_end && left));
	return 0;
}

static int pack_copy(struct pack *p, struct bytes b, struct err *err)
{
	int r = 0;

	if (b.n > OUTPUT - p->n)
		r = output_flush(p, err);
	if (r == 0 && b.n > OUTPUT)
		return pack_write(p, b.p, b.n, err);
	if (r == 0 && b.n) {
		memcpy(p->output + p->n, b.p, b.n);
		p->n += b.n;
	}
	return r;
}

int pack_put(struct pack *p, struct bytes b, struct err *err)
{
	p->frame_raw += b.n;
	return p->zstd ? pack_compress(p, b, ZSTD_e_continue, err) : pack_copy(p, b, err);
}

uint64_t pack_frame_raw(const struct pack *p)
{
	return p->frame_raw;
}

int pack_cut(struct pack *p, struct err *err)
{
	uint32_t sum;
	int r;

	if (!p->zstd || !p->frame_raw)
		return 0;
	/* The last bytes, which are the checksum, have to be in the buffer as a whole. */
	r = output_flush(p, err);
	if (r == 0)
		r = pack_compress(p, (struct bytes){0}, ZSTD_e_flush, err);
	if (r == 0)
		r = output_flush(p, err);
	if (r == 0)
		r = pack_compress(p, (struct bytes){0}, ZSTD_e_end, err);
	if (r < 0)
		return r;
	sum = bytes_get_le32(p->output + p->n - 4);
	r = output_flush(p, err);
	pack_known(p, p->file_at - p->frame_at, p->frame_raw, sum);
	p->frame_at = p->file_at;
	p->frame_raw = 0;
	return r;
}

int pack_finish(struct pack *p, struct err *err)
{
	struct bytes table = {0};
	int r = pack_cut(p, err);

	if (p->zstd && !p->cfg.one_frame)
		table = seek_table_bytes(&p->table);
	if (r == 0)
		r = output_flush(p, err);
	return r == 0 ? pack_write(p, table.p, table.n, err) : r;
}

uint32_t pack_frames(const struct pack *p)
{
	return p->frames;
}
