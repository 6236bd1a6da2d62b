/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <brotli/decode.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "encoders/view/body.h"

enum {
	ZLIB_ANY = 15 + 32, /* a zlib or a gzip header, the largest window */
	ZLIB_GZIP = 15 + 16,
	ZLIB_RAW = -15,
	ZSTD_WINDOW_LOG = 23,   /* the largest that RFC 9659 lets a browser meet: 8 MiB */
	ZSTD_KEPT = 132 * 1024, /* a whole block: nothing of it can be decoded before its end */
};

static bool starts_gzip(const z_stream *z)
{
	return z->avail_in >= 2 && z->next_in[0] == 0x1f && z->next_in[1] == 0x8b;
}

static enum body_state zlib_decode(int window, struct bytes in, void *out, size_t room,
				   size_t *ret_n)
{
	z_stream z = {.next_in = (Bytef *)in.p,
		      .avail_in = (uInt)in.n,
		      .next_out = out,
		      .avail_out = (uInt)room};
	int r = inflateInit2(&z, window);

	if (r != Z_OK)
		return BODY_DAMAGED;
	do { /* gzip: one member after the other, while there is one */
		r = inflate(&z, Z_SYNC_FLUSH);
	} while (r == Z_STREAM_END && window == ZLIB_ANY && starts_gzip(&z) &&
		 inflateReset2(&z, ZLIB_GZIP) == Z_OK);
	*ret_n = (Bytef *)z.next_out - (Bytef *)out;
	inflateEnd(&z);
	if (r == Z_STREAM_END)
		return BODY_WHOLE;
	return r == Z_OK || r == Z_BUF_ERROR ? BODY_MORE : BODY_DAMAGED;
}

/* "deflate" means a zlib stream (RFC 9110), and is a bare one often enough. */
static enum body_state deflate_decode(struct bytes in, void *out, size_t room, size_t *ret_n)
{
	enum body_state state = zlib_decode(ZLIB_ANY, in, out, room, ret_n);

	if (state == BODY_DAMAGED && !*ret_n)
		state = zlib_decode(ZLIB_RAW, in, out, room, ret_n);
	return state;
}

static enum body_state br_decode(struct bytes in, void *out, size_t room, size_t *ret_n)
{
	BrotliDecoderState *d = BrotliDecoderCreateInstance(NULL, NULL, NULL);
	const uint8_t *p = (const uint8_t *)in.p;
	uint8_t *to = out;
	size_t left = room;
	BrotliDecoderResult r;

	if (!d)
		return BODY_DAMAGED;
	r = BrotliDecoderDecompressStream(d, &in.n, &p, &left, &to, NULL);
	BrotliDecoderDestroyInstance(d);
	*ret_n = room - left;
	if (r == BROTLI_DECODER_RESULT_SUCCESS)
		return BODY_WHOLE;
	return r == BROTLI_DECODER_RESULT_ERROR ? BODY_DAMAGED : BODY_MORE;
}

static enum body_state zstd_decode(struct bytes in, void *out, size_t room, size_t *ret_n)
{
	ZSTD_DCtx *d = ZSTD_createDCtx();
	ZSTD_inBuffer from = {in.p, in.n, 0};
	ZSTD_outBuffer to = {out, room, 0};
	size_t r = 0, before;

	if (!d)
		return BODY_DAMAGED;
	ZSTD_DCtx_setParameter(d, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG);
	do { /* one frame after the other, while that leads anywhere */
		before = from.pos + to.pos;
		r = ZSTD_decompressStream(d, &to, &from);
	} while (!ZSTD_isError(r) && from.pos + to.pos > before && (r || from.pos < in.n) &&
		 to.pos < room);
	ZSTD_freeDCtx(d);
	*ret_n = to.pos;
	if (ZSTD_isError(r))
		return BODY_DAMAGED;
	return r == 0 && from.pos == in.n ? BODY_WHOLE : BODY_MORE;
}

static enum body_state identity_decode(struct bytes in, void *out, size_t room, size_t *ret_n)
{
	*ret_n = in.n < room ? in.n : room;
	memcpy(out, in.p, *ret_n);
	return in.n <= room ? BODY_WHOLE : BODY_MORE;
}

static enum body_state coding_decode(enum body_coding coding, struct bytes in, void *out,
				     size_t room, size_t *ret_n)
{
	*ret_n = 0;
	if (!in.n)
		return BODY_MORE;
	switch (coding) {
	case BODY_GZIP:
	case BODY_DEFLATE:
		return deflate_decode(in, out, room, ret_n);
	case BODY_BR:
		return br_decode(in, out, room, ret_n);
	case BODY_ZSTD:
		return zstd_decode(in, out, room, ret_n);
	case BODY_UNKNOWN: /* as it is */
		break;
	}
	return identity_decode(in, out, room, ret_n);
}

size_t body_kept(struct body_codings codings, size_t room)
{
	for (unsigned i = 0; i < codings.n; i++)
		if (codings.v[i] == BODY_ZSTD && room < ZSTD_KEPT)
			return ZSTD_KEPT;
	return room;
}

/* Takes the codings off, the last one first. Between two of them only as much is kept as of a body.
 */
enum body_state body_decode(struct body_codings codings, struct bytes in, void *out, size_t room,
			    size_t *ret_n)
{
	size_t kept = body_kept(codings, room), n;
	bool damaged = false;
	enum body_state state;
	char *had = NULL;

	while (codings.n > 1) {
		char *piece = malloc(kept + 1);

		n = 0;
		damaged |= !piece || coding_decode(codings.v[--codings.n], in, piece, kept, &n) ==
					     BODY_DAMAGED;
		free(had);
		had = piece;
		in = (struct bytes){piece, n};
	}
	state = coding_decode(codings.n ? codings.v[0] : BODY_UNKNOWN, in, out, room, ret_n);
	free(had);
	return damaged && state == BODY_MORE ? BODY_DAMAGED : state;
}
