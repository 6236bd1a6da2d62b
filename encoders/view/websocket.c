/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/view/websocket.h"

enum {
	FINAL = 0x80,  /* first byte: this is the last frame of its message */
	RSV1 = 0x40,   /* first byte of a message's first frame: the message is compressed */
	MASKED = 0x80, /* second byte: the payload is masked */
};

enum opcode {
	OP_CONTINUATION,
	OP_TEXT,
	OP_BINARY,
	OP_CLOSE = 8,
	OP_PING,
	OP_PONG
};

static enum opcode opcode_of(const struct websocket *s)
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

static bool is_control(const struct websocket *s)
{
	return s->head[0] & 8;
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

/* ---- messages ------------------------------------------------------------------------------ */

static void close_message(struct websocket *s, struct view *v)
{
	body_done(&s->message, v->pool);
	s->open = false;
}

/* A message that begins within another one takes its place. */
static void open_message(struct websocket *s, struct view *v)
{
	websocket_rest(s, v);
	close_message(s, v);
	s->open = true;
	s->message.what = "websocket ";
	s->message.label = opcode_name(opcode_of(s));
	s->packed = s->head[0] & RSV1;
	if (s->packed)
		unpack_begin(&s->unpack, v->budget);
}

static void message_unpack(struct websocket *s, struct view *v, struct bytes data)
{
	char piece[4096];
	size_t n;

	s->message.packed += data.n;
	do {
		n = unpack_data(&s->unpack, &data, piece, sizeof(piece));
		body_add(&s->message, v, (struct bytes){piece, n});
	} while (n == sizeof(piece));
	s->message.trouble = s->unpack.trouble;
}

static void message_gap(struct websocket *s, uint64_t n)
{
	s->message.missing += n;
	if (!s->packed)
		return;
	unpack_gap(&s->unpack);
	s->message.trouble = s->unpack.trouble;
}

static void end_message(struct websocket *s, struct view *v)
{
	if (s->packed) {
		unpack_end(&s->unpack);
		s->message.trouble = s->unpack.trouble;
	}
	if (s->message.total || s->message.missing || s->message.trouble) {
		body_show(&s->message, v, BODY_COMPLETE);
	} else {
		view_row(v, NULL);
		show_bytes(&v->w, bytes_of(s->message.what));
		show_bytes(&v->w, bytes_of(s->message.label));
		SHOW(&v->w, ", empty");
		view_end(v);
	}
	close_message(s, v);
}

/* ---- control frames ------------------------------------------------------------------------ */

/* A status code and a reason. */
static void show_close(struct websocket *s, struct view *v)
{
	const uint8_t *raw = (const uint8_t *)s->control;

	view_row(v, NULL);
	SHOW(&v->w, "websocket close");
	if (s->control_n >= 2) {
		SHOW(&v->w, " ");
		show_number(&v->w, raw[0] << 8 | raw[1]);
		SHOW(&v->w, " ");
		show_bytes(&v->w, (struct bytes){s->control + 2, s->control_n - 2});
	}
	view_end(v);
}

static void control_add(struct websocket *s, struct bytes data)
{
	size_t room = WEBSOCKET_CONTROL - s->control_n, n = data.n < room ? data.n : room;

	memcpy(s->control + s->control_n, data.p, n);
	s->control_n += n;
}

/* ---- frames -------------------------------------------------------------------------------- */

static void frame_begin(struct websocket *s, struct view *v)
{
	unsigned length = s->head[1] & 0x7f, n = length == 126 ? 2 : length == 127 ? 8 : 0;

	s->left = n ? 0 : length;
	for (unsigned i = 0; i < n; i++)
		s->left = s->left << 8 | s->head[2 + i];
	s->at = 0;
	if (is_control(s))
		s->control_n = 0;
	else if (!s->open || opcode_of(s) != OP_CONTINUATION)
		open_message(s, v);
}

static void frame_finish(struct websocket *s, struct view *v)
{
	if (opcode_of(s) == OP_CLOSE)
		show_close(s, v);
	else if (!is_control(s) && s->head[0] & FINAL)
		end_message(s, v);
	s->n = s->need = 0;
}

static void frame_payload(struct websocket *s, struct view *v, struct bytes data)
{
	if (is_control(s))
		control_add(s, data);
	else if (s->packed)
		message_unpack(s, v, data);
	else
		body_add(&s->message, v, data);
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
		frame_payload(s, v, (struct bytes){data.p, n});
	} else {
		n = n < sizeof(piece) ? n : sizeof(piece);
		for (size_t i = 0; i < n; i++)
			piece[i] = data.p[i] ^ mask[(s->at + i) % 4];
		s->at += n;
		frame_payload(s, v, (struct bytes){piece, n});
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
			frame_begin(s, v);
		if (is_complete(s) && !s->left)
			frame_finish(s, v);
	}
}

bool websocket_skip(struct websocket *s, struct view *v, uint64_t n)
{
	if (!is_complete(s) || n > s->left)
		return false;
	if (!is_control(s))
		message_gap(s, n);
	s->left -= n;
	s->at += n;
	if (!s->left)
		frame_finish(s, v);
	return true;
}

void websocket_rest(struct websocket *s, struct view *v)
{
	body_show(&s->message, v, BODY_UNFINISHED);
}

void websocket_done(struct websocket *s, struct textbuf_pool *pool)
{
	body_done(&s->message, pool);
	unpack_done(&s->unpack);
	*s = (struct websocket){0};
}
