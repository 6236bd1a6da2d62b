/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/view/unpack.h"

#include <zlib.h>

#include "encoders/view/field.h"

enum {
	WINDOW_MIN = 9, /* zlib takes 9 where 8 was agreed on */
	WINDOW_MAX = 15,
	AT_BLOCK =
		128, /* z_stream.data_type: between two blocks, with no bit of the last byte left */
};

struct unpacker {
	z_stream z;
	struct budget *budget;
	bool within; /* bytes came since the last end of a stream: the message's own end is to come
		      */
};

/* ---- what was agreed on -------------------------------------------------------------------- */

static struct bytes value_unquote(struct bytes text)
{
	if (text.n >= 2 && text.p[0] == '"' && text.p[text.n - 1] == '"')
		return (struct bytes){text.p + 1, text.n - 2};
	return text;
}

/* Too large a window does no harm, so anything odd is the largest. */
static uint8_t window_bits(struct bytes value)
{
	if (value.n == 1 && value.p[0] >= '8' && value.p[0] <= '9')
		return WINDOW_MIN;
	if (value.n == 2 && value.p[0] == '1' && value.p[1] >= '0' && value.p[1] < '5')
		return 10 + (value.p[1] - '0');
	return WINDOW_MAX;
}

static void unpack_parameter(struct unpack *u, bool client, struct bytes text)
{
	struct bytes name = field_take(&text, '=');

	if (field_is(name, client ? "client_no_context_takeover" : "server_no_context_takeover"))
		u->forgets = true;
	else if (field_is(name, client ? "client_max_window_bits" : "server_max_window_bits"))
		u->bits = window_bits(value_unquote(field_trim(text)));
}

void unpack_agree(struct unpack *u, bool client, struct bytes extensions)
{
	while (extensions.n) {
		struct bytes extension = field_take(&extensions, ',');

		if (!field_is(field_take(&extension, ';'), "permessage-deflate"))
			continue;
		u->bits = WINDOW_MAX;
		while (extension.n)
			unpack_parameter(u, client, field_take(&extension, ';'));
		return;
	}
}

/* ---- messages ------------------------------------------------------------------------------ */

static void *hook_alloc(void *budget, unsigned items, unsigned size)
{
	return budget_alloc(budget, (size_t)items * size);
}

static void hook_free(void *budget, void *p)
{
	budget_free(budget, p);
}

static struct unpacker *state_new(struct budget *budget, int bits)
{
	struct unpacker *s = budget_alloc(budget, sizeof(*s));

	if (!s)
		return NULL;
	s->budget = budget;
	s->z = (z_stream){.zalloc = hook_alloc, .zfree = hook_free, .opaque = budget};
	if (inflateInit2(&s->z, -bits) == Z_OK)
		return s;
	budget_free(budget, s);
	return NULL;
}

static void state_free(struct unpack *u)
{
	if (!u->state)
		return;
	inflateEnd(&u->state->z);
	budget_free(u->state->budget, u->state);
	u->state = NULL;
}

static void give_up(struct unpack *u, const char *why)
{
	if (!u->trouble)
		u->trouble = why;
	u->lost = !u->forgets;
	state_free(u);
}

void unpack_begin(struct unpack *u, struct budget *budget)
{
	u->left = UNPACK_MAX;
	u->trouble = NULL;
	if (!u->bits) {
		u->trouble = "no compression was agreed on";
	} else if (u->lost) {
		u->trouble = "one before it could not be";
	} else {
		if (!u->state)
			u->state = state_new(budget, u->bits);
		if (!u->state)
			give_up(u, "out of memory");
	}
}

/* Whoever ends a stream within a message goes on with another one, and may refer to the first. */
static int next_stream(z_stream *z)
{
	unsigned char window[1 << WINDOW_MAX];
	unsigned n = 0;
	int r = inflateGetDictionary(z, window, &n);

	if (r == Z_OK)
		r = inflateReset(z);
	return r == Z_OK && n ? inflateSetDictionary(z, window, n) : r;
}

size_t unpack_data(struct unpack *u, struct bytes *in, char *out, size_t room)
{
	struct unpacker *s = u->state;
	int r = Z_OK;
	size_t n;

	if (u->trouble)
		return 0;
	s->z.next_in = (Bytef *)in->p;
	s->z.avail_in = in->n;
	s->z.next_out = (Bytef *)out;
	s->z.avail_out = room;
	s->within |= in->n > 0;
	do {
		r = inflate(&s->z, Z_SYNC_FLUSH);
		if (r == Z_STREAM_END) {
			s->within = s->z.avail_in;
			r = next_stream(&s->z);
		}
	} while (r == Z_OK && s->z.avail_in && s->z.avail_out);
	n = room - s->z.avail_out;
	*in = (struct bytes){(const char *)s->z.next_in, s->z.avail_in};
	if (r == Z_MEM_ERROR)
		give_up(u, "out of memory");
	else if (r != Z_OK && r != Z_BUF_ERROR)
		give_up(u, "damaged");
	else if (n > u->left)
		give_up(u, "larger than 16 MiB");
	u->left -= n < u->left ? n : u->left;
	return n;
}

/* The last four bytes of every message are the same and were left out (RFC 7692, 7.2.1). */
void unpack_end(struct unpack *u)
{
	struct bytes tail = BYTES("\0\0\xff\xff");
	char none;

	if (u->trouble)
		return;
	if (u->state->within && (unpack_data(u, &tail, &none, sizeof(none)) || tail.n ||
				 (u->state && u->state->z.data_type != AT_BLOCK)))
		give_up(u, "damaged");
	if (u->state)
		u->state->within = false;
	if (u->forgets)
		state_free(u);
}

void unpack_gap(struct unpack *u)
{
	give_up(u, "it has a gap");
}

void unpack_done(struct unpack *u)
{
	state_free(u);
	*u = (struct unpack){0};
}
