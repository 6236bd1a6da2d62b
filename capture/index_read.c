/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads a sidecar; its layout is in capture/index_inside.h. Everything is checked once, in
 * index_read(): who looks something up walks over entries that are known to be whole. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "capture/base/crc32c.h"
#include "capture/index_inside.h"

/* ---- numbers -------------------------------------------------------------------------------- */

static bool take_bytes(struct bytes *rest, void *ret, size_t n)
{
	if (rest->n < n)
		return false;
	if (n)
		memcpy(ret, rest->p, n);
	*rest = (struct bytes){rest->p + n, rest->n - n};
	return true;
}

bool index_take_varint(struct bytes *rest, uint64_t *ret)
{
	uint64_t value = 0;

	for (size_t i = 0; i < rest->n && i < 10; i++) {
		uint8_t byte = (uint8_t)rest->p[i];

		if (i == 9 && byte > 1)
			return false;
		value |= (uint64_t)(byte & 0x7f) << 7 * i;
		if (byte & 0x80)
			continue;
		*rest = (struct bytes){rest->p + i + 1, rest->n - i - 1};
		*ret = value;
		return true;
	}
	return false;
}

static bool take_signed(struct bytes *rest, uint64_t *ret)
{
	uint64_t value;

	if (!index_take_varint(rest, &value))
		return false;
	*ret = value >> 1 ^ (0 - (value & 1));
	return true;
}

/* a + b where that is a number. */
static bool numbers_add(uint64_t a, uint64_t b, uint64_t *ret)
{
	return !__builtin_add_overflow(a, b, ret);
}

/* ---- entries -------------------------------------------------------------------------------- */

bool index_run_take(struct bytes *list, struct index_run *run)
{
	uint64_t head, more = 0;

	if (!index_take_varint(list, &head) || ((head & 1) && !index_take_varint(list, &more)))
		return false;
	more += head & 1;
	return numbers_add(run->end, head >> 1, &run->begin) &&
	       numbers_add(run->begin, 1, &run->end) && numbers_add(run->end, more, &run->end);
}

/* Where the list at rest ends. */
static bool list_skip(struct bytes *rest, uint64_t frames)
{
	struct index_run run = {0};
	uint64_t n;

	if (!index_take_varint(rest, &n))
		return false;
	for (; n; n--)
		if (!index_run_take(rest, &run) || run.end > frames)
			return false;
	return true;
}

bool index_entry_take(struct bytes *rest, uint64_t frames, struct index_entry *e)
{
	const char *begin;
	uint64_t head, more = 0;

	if (!index_take_varint(rest, &head) || !numbers_add(e->last, head >> 2, &e->first))
		return false;
	if ((head & ENTRY_MORE) && !index_take_varint(rest, &more))
		return false;
	if (!numbers_add(e->first, more, &e->last))
		return false;
	if (head & ENTRY_SAME)
		return e->list.n != 0;
	begin = rest->p;
	if (!list_skip(rest, frames))
		return false;
	e->list = (struct bytes){begin, (size_t)(rest->p - begin)};
	return true;
}

/* ---- reading -------------------------------------------------------------------------------- */

static bool take_counts(struct bytes *rest, uint64_t kinds, struct index_frame *f)
{
	uint64_t n, sum_of = 0;

	for (unsigned k = 0; k < 32; k++) {
		if (!(kinds >> k & 1))
			continue;
		if (!index_take_varint(rest, &n) || !n || n > UINT32_MAX)
			return false;
		if (k < EVENT_KINDS)
			f->by_kind[k] = (uint32_t)n;
		sum_of += n;
	}
	return kinds <= UINT32_MAX && sum_of <= f->events; /* records of a tap have no kind */
}

static bool take_frame(struct bytes *rest, const struct index *x, const struct index_frame *before,
		       struct index_frame *f)
{
	uint64_t gap, end, ns, seq, kinds;
	uint8_t checksum[4], level;

	if (!index_take_varint(rest, &gap) || !index_take_varint(rest, &f->size) ||
	    !index_take_varint(rest, &f->raw_size) || !take_bytes(rest, checksum, 4) ||
	    !take_bytes(rest, &level, 1) || !take_signed(rest, &f->first_ns) ||
	    !index_take_varint(rest, &ns) || !take_signed(rest, &f->first_seq) ||
	    !index_take_varint(rest, &seq) || !index_take_varint(rest, &f->events) ||
	    !index_take_varint(rest, &f->lost) || !index_take_varint(rest, &kinds))
		return false;
	if (!numbers_add(before->offset + before->size, gap, &f->offset) ||
	    !numbers_add(f->offset, f->size, &end) || end > x->archive_size)
		return false;
	f->checksum = bytes_get_le32(checksum);
	f->level = level & ~INDEX_ANY;
	f->any = level & INDEX_ANY;
	f->first_ns += before->last_ns;
	f->first_seq += before->last_seq;
	f->kinds = (uint32_t)kinds;
	return numbers_add(f->first_ns, ns, &f->last_ns) &&
	       numbers_add(f->first_seq, seq, &f->last_seq) && take_counts(rest, kinds, f);
}

static int read_frames(struct bytes *rest, struct index *x)
{
	static const struct index_frame none;
	uint64_t n;

	if (!index_take_varint(rest, &x->archive_size) || !index_take_varint(rest, &n) ||
	    n > rest->n / INDEX_FRAME_MIN || n > INDEX_FRAMES_MAX)
		return -EBADMSG;
	x->frames = calloc(n + 1, sizeof(*x->frames));
	x->turns = calloc(n + 1, sizeof(*x->turns));
	if (!x->frames || !x->turns)
		return -ENOMEM;
	for (; x->frames_n < n; x->frames_n++) {
		struct index_frame *f = &x->frames[x->frames_n];

		if (!take_frame(rest, x, x->frames_n ? f - 1 : &none, f))
			return -EBADMSG;
	}
	return 0;
}

static bool take_text(struct bytes *rest, const struct index_text *before, struct index_text *t)
{
	uint64_t shared, more;

	if (!take_bytes(rest, &t->type, 1) || !index_take_varint(rest, &shared) ||
	    !index_take_varint(rest, &more) || shared > before->n || more > KEY_VALUE - shared)
		return false;
	memcpy(t->p, before->p, shared);
	t->n = (uint8_t)(shared + more);
	return take_bytes(rest, t->p + shared, more);
}

static int read_texts(struct bytes *rest, struct index *x)
{
	static const struct index_text none;
	uint64_t n;

	/* A text of no bytes of its own is three bytes here and 257 in memory. */
	if (!index_take_varint(rest, &n) || n > rest->n / 3 || n > UINT16_MAX)
		return -EBADMSG;
	x->texts = calloc(n + 1, sizeof(*x->texts));
	if (!x->texts)
		return -ENOMEM;
	for (; x->texts_n < n; x->texts_n++) {
		struct index_text *t = &x->texts[x->texts_n];

		if (!take_text(rest, x->texts_n ? t - 1 : &none, t))
			return -EBADMSG;
	}
	return 0;
}

static bool list_sound(struct bytes entries, uint64_t frames)
{
	struct index_entry e = {0};

	while (entries.n)
		if (!index_entry_take(&entries, frames, &e))
			return false;
	return true;
}

static int read_lists(struct bytes *rest, struct index *x)
{
	uint64_t n, size;
	uint8_t head[3];

	for (unsigned i = 0; i < LISTS; i++)
		x->lists[i].all = true; /* what is not there tells nothing */
	if (!index_take_varint(rest, &n))
		return -EBADMSG;
	for (; n; n--) {
		struct index_entries l;

		if (!take_bytes(rest, head, sizeof(head)) || !index_take_varint(rest, &size) ||
		    size > rest->n)
			return -EBADMSG;
		l = (struct index_entries){{rest->p, size}, head[2], head[1] & INDEX_ALL};
		*rest = (struct bytes){rest->p + size, rest->n - size};
		if (head[0] >= LISTS)
			continue; /* of a later penstock */
		if (l.shift > 63 || !list_sound(l.entries, x->frames_n))
			return -EBADMSG;
		x->lists[head[0]] = l;
	}
	return rest->n ? -EBADMSG : 0;
}

static int check_envelope(struct bytes blob, struct err *err)
{
	if (blob.n < INDEX_MAGIC_N + INDEX_CRC ||
	    memcmp(blob.p, INDEX_MAGIC, INDEX_MAGIC_N - 1) != 0)
		return errf(err, -EBADMSG, "this is no index");
	if (blob.p[INDEX_MAGIC_N - 1] != INDEX_MAGIC[INDEX_MAGIC_N - 1])
		return errf(err, -EBADMSG, "this is an index of another version of penstock");
	if (bytes_get_le32(blob.p + blob.n - INDEX_CRC) != crc32c(0, blob.p, blob.n - INDEX_CRC))
		return errf(err, -EBADMSG, "it is damaged: its checksum is wrong");
	return 0;
}

int index_read(struct bytes blob, struct index **ret, struct err *err)
{
	struct bytes rest;
	struct index *x;
	int r = check_envelope(blob, err);

	if (r)
		return r;
	x = calloc(1, sizeof(*x));
	if (x)
		x->blob = malloc(blob.n);
	if (!x || !x->blob) {
		index_free(x);
		return errf(err, -ENOMEM, "out of memory");
	}
	memcpy(x->blob, blob.p, blob.n);
	rest = (struct bytes){x->blob + INDEX_MAGIC_N, blob.n - INDEX_MAGIC_N - INDEX_CRC};
	r = read_frames(&rest, x);
	if (!r)
		r = read_texts(&rest, x);
	if (!r)
		r = read_lists(&rest, x);
	if (r) {
		index_free(x);
		return errf(err, r, r == -ENOMEM ? "out of memory" : "its contents make no sense");
	}
	*ret = x;
	return 0;
}

void index_free(struct index *x)
{
	if (!x)
		return;
	free(x->blob);
	free(x->frames);
	free(x->texts);
	free(x->turns);
	free(x);
}

uint64_t index_archive_size(const struct index *x)
{
	return x->archive_size;
}

size_t index_frames(const struct index *x, const struct index_frame **ret)
{
	*ret = x->frames;
	return x->frames_n;
}
