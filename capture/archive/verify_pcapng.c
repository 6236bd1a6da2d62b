/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "capture/archive/verify_inside.h"

/* The block structure of pcapng (draft-ietf-opsawg-pcapng), as far as our files use it. Blocks of
 * other kinds are passed over. */

enum {
	FRAME = 12, /* type and both lengths */
	SECTION = 0x0a0d0d0a,
	INTERFACE = 1,
	STATISTICS = 5,
	PACKET = 6,
	JOURNAL = 9,
	CUSTOM = 0x0bad,
	ETHERNET = 1,
};

static uint32_t block_u32(const struct verify_pcapng *x, const char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return x->swapped ? __builtin_bswap32(v) : v;
}

static uint16_t block_u16(const struct verify_pcapng *x, const char *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return x->swapped ? __builtin_bswap16(v) : v;
}

static int block_wrong(struct err *err, const char *what, const char *why)
{
	return errf(err, -EBADMSG, "%s: %s", what, why);
}

/* Options are code, length, value padded to four bytes; an end mark, or the end of the block, ends
 * them. */
static int options_check(const struct verify_pcapng *x, struct bytes in, const char *what,
			 struct err *err)
{
	while (in.n) {
		uint32_t code, n;

		if (in.n < 4)
			return block_wrong(err, what, "its options end in the middle of one");
		code = block_u16(x, in.p);
		n = block_u16(x, in.p + 2);
		in = (struct bytes){in.p + 4, in.n - 4};
		if (code == 0)
			return n || in.n ? block_wrong(err, what, "something follows its options")
					 : 0;
		n = (n + 3) & ~3u;
		if (n > in.n)
			return block_wrong(err, what, "an option is longer than the block");
		in = (struct bytes){in.p + n, in.n - n};
	}
	return 0;
}

static struct bytes bytes_behind(struct bytes in, size_t n)
{
	return (struct bytes){in.p + n, in.n - n};
}

static int section_check(struct verify_pcapng *x, struct bytes body, struct err *err)
{
	uint32_t magic;

	if (body.n < 16)
		return block_wrong(err, "section header", "too short");
	memcpy(&magic, body.p, sizeof(magic));
	x->swapped = magic == __builtin_bswap32(0x1a2b3c4d);
	if (block_u32(x, body.p) != 0x1a2b3c4d)
		return block_wrong(err, "section header", "no mark of an order of bytes");
	if (block_u16(x, body.p + 4) != 1)
		return block_wrong(err, "section header", "not of version 1");
	x->section = true;
	x->interfaces = 0;
	return options_check(x, bytes_behind(body, 16), "section header", err);
}

static int interface_check(struct verify_pcapng *x, struct bytes body, struct err *err)
{
	if (body.n < 8)
		return block_wrong(err, "interface", "too short");
	if (x->interfaces == VERIFY_INTERFACES)
		return block_wrong(err, "interface", "more than there can be");
	x->snaplen[x->interfaces] = block_u32(x, body.p + 4);
	if (block_u16(x, body.p) != ETHERNET)
		return block_wrong(err, "interface", "not Ethernet, as all of ours are");
	if (x->interfaces && x->snaplen[x->interfaces] != x->snaplen[0])
		return block_wrong(err, "interface",
				   "packets of another size than on the first one");
	x->interfaces++;
	return options_check(x, bytes_behind(body, 8), "interface", err);
}

static int interface_known(const struct verify_pcapng *x, struct bytes body, const char *what,
			   struct err *err)
{
	uint32_t id = block_u32(x, body.p);

	if (id < x->interfaces)
		return 0;
	return errf(err, -EBADMSG, "%s: of interface %" PRIu32 ", and there are %" PRIu32, what, id,
		    x->interfaces);
}

static int packet_check(const struct verify_pcapng *x, struct bytes body, struct err *err)
{
	uint32_t n, limit;
	int r;

	if (body.n < 20)
		return block_wrong(err, "packet", "too short");
	r = interface_known(x, body, "packet", err);
	if (r < 0)
		return r;
	n = block_u32(x, body.p + 12);
	limit = x->snaplen[block_u32(x, body.p)];
	if (n > body.n - 20 || (limit && n > limit) || n > block_u32(x, body.p + 16))
		return block_wrong(err, "packet", "larger than it can be");
	return options_check(x, bytes_behind(body, 20 + ((n + 3) & ~3u)), "packet", err);
}

static int statistics_check(const struct verify_pcapng *x, struct bytes body, struct err *err)
{
	int r;

	if (body.n < 12)
		return block_wrong(err, "interface statistics", "too short");
	r = interface_known(x, body, "interface statistics", err);
	return r < 0 ? r : options_check(x, bytes_behind(body, 12), "interface statistics", err);
}

static bool is_name(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* One field: NAME=value\n, or NAME\n, a little-endian length of eight bytes, value\n. */
static int field_take(struct bytes *in, struct err *err)
{
	const char *end;
	uint64_t size = 0;
	size_t n = 0;

	while (n < in->n && is_name(in->p[n]))
		n++;
	if (!n || n == in->n || (in->p[n] != '=' && in->p[n] != '\n'))
		return block_wrong(err, "journal entry", "a field without a proper name");
	if (in->p[n] == '=') {
		end = memchr(in->p + n, '\n', in->n - n);
		if (!end)
			return block_wrong(err, "journal entry", "a field without end");
		*in = bytes_behind(*in, (size_t)(end + 1 - in->p));
		return 0;
	}
	*in = bytes_behind(*in, n + 1);
	for (unsigned i = 0; i < 8 && in->n >= 8; i++)
		size |= (uint64_t)(uint8_t)in->p[i] << 8 * i;
	if (in->n < 9 || size > in->n - 9 || in->p[8 + size] != '\n')
		return block_wrong(err, "journal entry", "a field longer than the block");
	*in = bytes_behind(*in, 9 + size);
	return 0;
}

static int journal_check(struct bytes body, struct err *err)
{
	int r = 0;

	for (unsigned i = 0; i < 3 && body.n && !body.p[body.n - 1]; i++)
		body.n--; /* padding */
	if (body.n < 21 || memcmp(body.p, "__REALTIME_TIMESTAMP=", 21) != 0)
		return block_wrong(err, "journal entry", "does not begin with its time");
	while (r == 0 && body.n)
		r = field_take(&body, err);
	return r;
}

static int custom_check(const struct verify_pcapng *x, struct bytes body, struct err *err)
{
	uint32_t n;

	if (body.n < 4)
		return block_wrong(err, "custom block", "too short");
	if (block_u32(x, body.p) != PENSTOCK_PEN)
		return 0;
	if (body.n < 8)
		return block_wrong(err, "custom block", "too short");
	memcpy(&n, body.p + 4, sizeof(n));
	n = le32toh(n);
	if (n > body.n - 8 || body.n - 8 - n > 3)
		return block_wrong(err, "custom block", "its contents are not as long as they say");
	return 0;
}

int verify_pcapng_block(struct verify_pcapng *x, struct bytes block, struct err *err)
{
	struct bytes body = {block.p + 8, block.n - FRAME};
	uint32_t type = block_u32(x, block.p);

	if (type == SECTION)
		return section_check(x, body, err);
	if (!x->section)
		return block_wrong(err, "block", "before the first section header");
	switch (type) {
	case INTERFACE:
		return interface_check(x, body, err);
	case PACKET:
		return packet_check(x, body, err);
	case STATISTICS:
		return statistics_check(x, body, err);
	case JOURNAL:
		return journal_check(body, err);
	case CUSTOM:
		return custom_check(x, body, err);
	default:
		return 0;
	}
}
