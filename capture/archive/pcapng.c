/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <endian.h>
#include <errno.h>

#include "capture/archive/message.h"
#include "capture/archive/stream.h"

/*
 * pcapng: events lie in the custom blocks of ours, all of them with events=custom. Without that
 * most are only rows of the packet list, or packets, which tell less than the event: a file that
 * has rows and packets but not their events is refused.
 */

enum {
	BLOCK_SECTION = 0x0a0d0d0a, /* reads the same in either order of bytes */
	BLOCK_STATISTICS = 5,
	BLOCK_PACKET = 6,
	BLOCK_JOURNAL = 9,
	BLOCK_CUSTOM = 0x0bad,
	BLOCK_FRAME = 12,  /* type, and the length at both ends */
	BLOCK_BODY = 8,    /* where it begins */
	ORDER_AT = 8,      /* in a section header */
	CUSTOM_HEAD = 8,   /* in the body: whose block it is, and how much follows */
	ROW_HEAD = 1024,   /* the type of a row stands within that */
	ROWS_AHEAD = 4096, /* more than the rows of a chunk, at whose end their events come */
};
#define ORDER_MAGIC 0x1a2b3c4du

struct pcapng_decoder {
	struct pb_read *read;
	bool swapped; /* the section is that of a machine with the other order of bytes */
	/* Of this section: what must have come in full, and what has. */
	uint64_t rows, row_events;
	uint64_t packets, packet_events;
	decoder_fn fn; /* of the present call */
	void *arg;
};

static uint32_t get_u32(const struct pcapng_decoder *d, const char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return d->swapped ? __builtin_bswap32(v) : v;
}

static bool block_is_section(struct bytes in)
{
	uint32_t type;

	memcpy(&type, in.p, sizeof(type));
	return type == BLOCK_SECTION;
}

/* Each section says which order it has. */
static int section_order(struct pcapng_decoder *d, struct bytes in)
{
	uint32_t magic;

	memcpy(&magic, in.p + ORDER_AT, sizeof(magic));
	if (magic != ORDER_MAGIC && magic != __builtin_bswap32(ORDER_MAGIC))
		return -EBADMSG;
	d->swapped = magic != ORDER_MAGIC;
	return 0;
}

static ssize_t pcapng_extent(void *ctx, struct bytes in, size_t *ret_want)
{
	struct pcapng_decoder *d = ctx;
	uint32_t n;

	*ret_want = BLOCK_FRAME;
	if (in.n < BLOCK_FRAME)
		return 0;
	if (block_is_section(in) && section_order(d, in))
		return -EBADMSG;
	n = get_u32(d, in.p + 4);
	if (n < BLOCK_FRAME || n % 4 || n > STREAM_WANT)
		return -EBADMSG;
	*ret_want = n;
	if (n > in.n)
		return 0;
	return get_u32(d, in.p + n - 4) == n ? (ssize_t)n : -EBADMSG;
}

bool decoder_pcapng_begins(struct bytes head)
{
	struct pcapng_decoder d;

	return head.n >= BLOCK_FRAME && block_is_section(head) && section_order(&d, head) == 0;
}

/* ---- what rows say ------------------------------------------------------------------------- */

/* Kinds whose rows mean an event that is nowhere else without events=custom. */
static bool kind_has_row(enum event_kind kind)
{
	return kind == EVENT_EXEC || kind == EVENT_EXIT || kind == EVENT_LINE ||
	       kind == EVENT_QUERY || kind == EVENT_STATS;
}

/* Is it the row of an event of such a kind? */
static bool row_is_event(struct bytes row)
{
	struct bytes name = BYTES("\nPENSTOCK_TYPE=");
	const char *at, *end;

	if (row.n > ROW_HEAD)
		row.n = ROW_HEAD;
	at = memmem(row.p, row.n, name.p, name.n);
	if (!at)
		return false;
	at += name.n;
	end = memchr(at, '\n', (size_t)(row.p + row.n - at));
	for (unsigned k = 0; end && k < EVENT_KINDS; k++)
		if (kind_has_row((enum event_kind)k) &&
		    bytes_eq((struct bytes){at, (size_t)(end - at)},
			     bytes_of(event_kind_name((enum event_kind)k))))
			return true;
	return false;
}

static int decoder_refuse(struct err *err)
{
	return errf(err, -ENODATA,
		    "its events are rows and packets only: pcapng can be read back where it was "
		    "recorded with events=custom");
}

/* At the end of a chunk the events of all its rows have come. */
static int pcapng_check(const struct pcapng_decoder *d, struct err *err)
{
	if (d->rows > d->row_events || (d->packets && !d->packet_events))
		return decoder_refuse(err);
	return 0;
}

/* ---- events -------------------------------------------------------------------------------- */

/* A decoder_fn. */
static int pcapng_event(struct event *ev, void *ctx)
{
	struct pcapng_decoder *d = ctx;

	d->row_events += kind_has_row(ev->kind);
	d->packet_events += ev->kind == EVENT_DATA || ev->kind == EVENT_QUERY; /* of streams=on */
	return d->fn(ev, d->arg);
}

/* The body is its owner's number, how many bytes follow, in little-endian order, and messages. */
static int decode_custom(struct pcapng_decoder *d, struct bytes body, struct err *err)
{
	struct bytes rest;
	uint32_t n;
	int r = 0;

	if (body.n < CUSTOM_HEAD || get_u32(d, body.p) != PENSTOCK_PEN)
		return 0; /* somebody else's */
	memcpy(&n, body.p + 4, sizeof(n));
	n = le32toh(n);
	if (n > body.n - CUSTOM_HEAD)
		return errf(err, -EBADMSG, "a custom block that is shorter than its contents");
	rest = (struct bytes){body.p + CUSTOM_HEAD, n};
	while (rest.n && r >= 0) {
		size_t want;
		ssize_t extent = message_extent(rest, &want);

		if (extent <= 0)
			return errf(err, -EBADMSG, "a custom block whose messages do not fill it");
		r = message_decode(d->read, (struct bytes){rest.p, (size_t)extent}, pcapng_event, d,
				   err);
		rest = (struct bytes){rest.p + extent, rest.n - (size_t)extent};
	}
	return r < 0 ? r : pcapng_check(d, err);
}

static int decode_block(struct pcapng_decoder *d, struct bytes block, struct err *err)
{
	struct bytes body = {block.p + BLOCK_BODY, block.n - BLOCK_FRAME};
	int r;

	switch (get_u32(d, block.p)) {
	case BLOCK_SECTION:
		r = pcapng_check(d, err);
		d->rows = d->row_events = d->packets = d->packet_events = 0;
		return r;
	case BLOCK_JOURNAL:
		d->rows += row_is_event(body);
		return d->rows > d->row_events + ROWS_AHEAD ? decoder_refuse(err) : 0;
	case BLOCK_PACKET:
		d->packets++;
		return 0;
	case BLOCK_STATISTICS:
		return pcapng_check(d, err);
	case BLOCK_CUSTOM:
		return decode_custom(d, body, err);
	default:
		return 0;
	}
}

static int pcapng_decode(void *ctx, struct bytes rec, decoder_fn fn, void *arg, struct err *err)
{
	struct pcapng_decoder *d = ctx;
	size_t want;

	if (pcapng_extent(d, rec, &want) != (ssize_t)rec.n)
		return errf(err, -EBADMSG, "no block of pcapng");
	d->fn = fn;
	d->arg = arg;
	return decode_block(d, rec, err);
}

static int pcapng_open(void *ctx, struct err *err)
{
	struct pcapng_decoder *d = ctx;

	return pb_read_new(&d->read, err);
}

static void pcapng_close(void *ctx)
{
	struct pcapng_decoder *d = ctx;

	pb_read_free(d->read);
}

const struct decoder_ops decoder_pcapng = {.format = "pcapng",
					   .ctx_size = sizeof(struct pcapng_decoder),
					   .open = pcapng_open,
					   .extent = pcapng_extent,
					   .decode = pcapng_decode,
					   .close = pcapng_close};
