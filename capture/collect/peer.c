/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/collect/peer.h"

#include <errno.h>

enum {
	PLAIN_HEAD = 4, /* a length, big endian */
	PLAIN_MAX = FSTRM_FRAME_MAX,
};

static uint32_t plain_length(struct bytes in)
{
	const uint8_t *p = (const uint8_t *)in.p;

	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int plain_next(struct bytes in, struct peer_item *ret, size_t *ret_n, struct err *err)
{
	uint32_t n;

	*ret_n = PLAIN_HEAD;
	if (in.n < PLAIN_HEAD)
		return -EAGAIN;
	n = plain_length(in);
	if (n > PLAIN_MAX)
		return errf(err, -EMSGSIZE, "a message of %u bytes", n);
	if (!n)
		return errf(err, -EBADMSG, "a message of no bytes");
	*ret_n += n;
	if (in.n < *ret_n)
		return -EAGAIN;
	ret->what = PEER_FRAME;
	ret->data = (struct bytes){in.p + PLAIN_HEAD, n};
	return 0;
}

/* ---- Frame Streams ------------------------------------------------------------------------- */

static bool frame_offers(const struct fstrm_frame *f, const char *type)
{
	for (unsigned i = 0; i < f->types_n && i < FSTRM_TYPES; i++)
		if (bytes_eq(f->types[i], bytes_of(type)))
			return true;
	return false;
}

/* The better of the types that it offers. */
static const char *frame_choose(const struct fstrm_frame *f)
{
	return frame_offers(f, FSTRM_BATCH)   ? FSTRM_BATCH
	       : frame_offers(f, FSTRM_EVENT) ? FSTRM_EVENT
					      : NULL;
}

static int no_such_type(struct err *err)
{
	return errf(err, -EPROTO, "it offers neither of the content types %s and %s", FSTRM_BATCH,
		    FSTRM_EVENT);
}

static int peer_ready(struct peer *p, const struct fstrm_frame *f, struct peer_item *ret,
		      struct err *err)
{
	const char *type = frame_choose(f);

	if (!type)
		return no_such_type(err);
	p->state = PEER_HELLO;
	ret->what = PEER_REPLY;
	ret->reply_n = fstrm_control(FSTRM_ACCEPT, &type, 1, ret->reply);
	return 0;
}

static int peer_start(struct peer *p, const struct fstrm_frame *f, struct err *err)
{
	const char *type = frame_choose(f);

	if (!type)
		return no_such_type(err);
	p->one_way = p->state == PEER_NEW;
	p->batches = !strcmp(type, FSTRM_BATCH);
	if (p->one_way && p->batches)
		return errf(err, -EPROTO, "acknowledged batches without a handshake");
	p->state = PEER_DATA;
	return 0;
}

static int peer_out_of_turn(const struct fstrm_frame *f, struct err *err)
{
	static const char *const names[] = {"data", "ACCEPT", "START", "STOP", "READY", "FINISH"};

	return errf(err, -EPROTO, "%s out of turn", names[f->type]);
}

static int peer_take(struct peer *p, const struct fstrm_frame *f, struct peer_item *ret,
		     struct err *err)
{
	switch (f->type) {
	case FSTRM_READY:
		if (p->state == PEER_NEW)
			return peer_ready(p, f, ret, err);
		break;
	case FSTRM_START:
		if (p->state == PEER_NEW || p->state == PEER_HELLO)
			return peer_start(p, f, err);
		break;
	case FSTRM_DATA:
		if (p->state != PEER_DATA)
			break;
		ret->what = PEER_FRAME;
		ret->data = f->data;
		return 0;
	case FSTRM_STOP:
		if (p->state != PEER_DATA)
			break;
		p->state = PEER_OVER;
		ret->what = PEER_STOP;
		return 0;
	case FSTRM_ACCEPT:
	case FSTRM_FINISH:
		break;
	}
	return peer_out_of_turn(f, err);
}

/* ---- both ---------------------------------------------------------------------------------- */

int peer_next(struct peer *p, struct bytes in, struct peer_item *ret, size_t *ret_n,
	      struct err *err)
{
	struct fstrm_frame frame;
	int r;

	ret->what = PEER_NOTHING;
	ret->reply_n = 0;
	*ret_n = PLAIN_HEAD;
	if (in.n < PLAIN_HEAD)
		return -EAGAIN;
	if (p->state == PEER_NEW) {
		p->framed = !plain_length(in); /* no message is empty */
		if (!p->framed)
			p->state = PEER_DATA;
	}
	if (!p->framed)
		return plain_next(in, ret, ret_n, err);
	if (p->state == PEER_OVER)
		return errf(err, -EPROTO, "data behind STOP");
	r = fstrm_parse(in, &frame, ret_n);
	if (r == -EAGAIN)
		return r;
	if (r == -EMSGSIZE)
		return errf(err, r, "a frame that is too large");
	if (r == -EPROTO)
		return errf(err, r, "a control frame of an unknown type");
	if (r < 0)
		return errf(err, r, "what it sends are no Frame Streams");
	return peer_take(p, &frame, ret, err);
}

size_t peer_finish(const struct peer *p, uint8_t ret[FSTRM_CONTROL_MAX])
{
	return p->framed && !p->one_way ? fstrm_control(FSTRM_FINISH, NULL, 0, ret) : 0;
}

bool peer_shakes_hands(const struct peer *p)
{
	return p->state == PEER_NEW || p->state == PEER_HELLO;
}
