/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/websocket.h"

enum {
	RSV1 = 0x40, /* permessage-deflate (RFC 7692): this message is compressed */
	MASKED = 0x80,
};

enum opcode {
	OP_CONTINUATION,
	OP_TEXT,
	OP_BINARY,
	OP_CLOSE = 8,
	OP_PING,
	OP_PONG
};

static enum opcode opcode(const struct websocket *s)
{
	return s->head[0] & 15;
}

static const char *opcode_name(enum opcode op)
{
	static const char *const names[16] = {[OP_CONTINUATION] = "continuation",
					      [OP_TEXT] = "text",
					      [OP_BINARY] = "binary",
					      [OP_CLOSE] = "close",
					      [OP_PING] = "ping",
					      [OP_PONG] = "pong"};

	return names[op] ? names[op] : "frame of an unknown kind";
}

static bool is_complete(const struct websocket *s)
{
	return s->need && s->n == s->need;
}

/* How long the head is shows in its second byte. */
static void learn_need(struct websocket *s)
{
	unsigned length = s->head[1] & 0x7f;

	s->need = 2 + (length == 126 ? 2 : length == 127 ? 8 : 0) + (s->head[1] & MASKED ? 4 : 0);
}

static void begin(struct websocket *s)
{
	unsigned length = s->head[1] & 0x7f, n = length == 126 ? 2 : length == 127 ? 8 : 0;

	s->left = n ? 0 : length;
	for (unsigned i = 0; i < n; i++)
		s->left = s->left << 8 | s->head[2 + i];
	s->at = 0;
	s->body.what = "websocket ";
	s->body.label = opcode_name(opcode(s));
	if (s->head[0] & RSV1)
		s->body.coding = BODY_COMPRESSED;
}

/* A status code and a reason. */
static void show_close(struct websocket *s, struct view *v)
{
	struct bytes raw = {s->body.raw.p, s->body.raw.n};

	view_row(v, NULL);
	SHOW(&v->w, "websocket close");
	if (raw.n >= 2) {
		SHOW(&v->w, " ");
		show_number(&v->w, (uint8_t)raw.p[0] << 8 | (uint8_t)raw.p[1]);
		SHOW(&v->w, " ");
		show_bytes(&v->w, (struct bytes){raw.p + 2, raw.n - 2});
	}
	view_end(v);
}

static void finish(struct websocket *s, struct view *v, enum body_end end)
{
	if (opcode(s) == OP_CLOSE)
		show_close(s, v);
	else if (opcode(s) != OP_PING && opcode(s) != OP_PONG)
		body_show(&s->body, v, end);
	body_done(&s->body, v->pool);
	s->n = s->need = 0;
}

static size_t take_head(struct websocket *s, struct bytes data)
{
	size_t i = 0;

	while (i < data.n && !is_complete(s)) {
		s->head[s->n++] = data.p[i++];
		if (s->n == 2)
			learn_need(s);
	}
	return i;
}

static size_t take_payload(struct websocket *s, struct view *v, struct bytes data)
{
	const uint8_t *mask = s->head + s->need - 4;
	char piece[1024];
	size_t n = data.n < s->left ? data.n : s->left;

	if (!(s->head[1] & MASKED)) {
		body_add(&s->body, v, (struct bytes){data.p, n});
	} else {
		n = n < sizeof(piece) ? n : sizeof(piece);
		for (size_t i = 0; i < n; i++)
			piece[i] = data.p[i] ^ mask[(s->at + i) % 4];
		s->at += n;
		body_add(&s->body, v, (struct bytes){piece, n});
	}
	s->left -= n;
	return n;
}

void websocket_feed(struct websocket *s, struct view *v, struct bytes data)
{
	while (data.n) {
		bool had_head = is_complete(s);
		size_t n = had_head ? take_payload(s, v, data) : take_head(s, data);

		data = (struct bytes){data.p + n, data.n - n};
		if (!had_head && is_complete(s))
			begin(s);
		if (is_complete(s) && !s->left)
			finish(s, v, BODY_COMPLETE);
	}
}

bool websocket_skip(struct websocket *s, struct view *v, uint64_t n)
{
	if (!is_complete(s) || n > s->left)
		return false;
	s->body.missing += n;
	s->left -= n;
	s->at += n;
	if (!s->left)
		finish(s, v, BODY_COMPLETE);
	return true;
}

void websocket_end(struct websocket *s, struct view *v)
{
	if (is_complete(s))
		finish(s, v, BODY_UNFINISHED);
}
