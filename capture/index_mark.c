/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looks something up in a sidecar that index_read() has checked. */
#include "capture/index_inside.h"

/* The frames of an entry have what is sought. */
static void turns_add(struct index *x, const struct index_entry *e)
{
	struct bytes rest = e->list;
	struct index_run run = {0};
	uint64_t n;

	if (!index_take_varint(&rest, &n))
		return;
	for (; n && index_run_take(&rest, &run); n--) {
		x->turns[run.begin]++;
		x->turns[run.end]--;
	}
}

/* Those of all entries with a value in first..last. */
static void turns_add_range(struct index *x, enum index_list list, uint64_t first, uint64_t last)
{
	const struct index_entries *l = &x->lists[list];
	struct bytes rest = l->entries;
	struct index_entry e = {0};

	if (l->all) {
		x->turns[0]++;
		x->turns[x->frames_n]--;
		return;
	}
	first >>= l->shift;
	last >>= l->shift;
	while (rest.n && index_entry_take(&rest, x->frames_n, &e) && e.first <= last)
		if (e.last >= first)
			turns_add(x, &e);
}

/* Gives the bit to the frames that were added, and to those that may hold anything; forgets what
 * was added. */
static void turns_set(struct index *x, uint8_t bit, uint8_t *frames)
{
	int32_t n = 0;

	for (size_t i = 0; i <= x->frames_n; i++) {
		n += x->turns[i];
		x->turns[i] = 0;
		if (i < x->frames_n && (n > 0 || x->frames[i].any))
			frames[i] |= bit;
	}
}

enum {
	MARK_FOUND = 1,
	MARK_NET = 2, /* while both halves of an address are looked up */
	MARK_HOST = 4,
};

static void marks_join(struct index *x, uint8_t *frames)
{
	for (size_t i = 0; i < x->frames_n; i++) {
		if ((frames[i] & (MARK_NET | MARK_HOST)) == (MARK_NET | MARK_HOST))
			frames[i] |= MARK_FOUND;
		frames[i] &= MARK_FOUND;
	}
}

static uint32_t text_number(const struct index *x, enum key_type type, struct bytes value)
{
	for (uint32_t i = 0; i < x->texts_n; i++)
		if (x->texts[i].type == type &&
		    bytes_eq(value, (struct bytes){x->texts[i].p, x->texts[i].n}))
			return i;
	return UINT32_MAX;
}

static void mark_text(struct index *x, enum key_type type, struct bytes value, uint8_t *frames)
{
	uint32_t number;

	if (value.n > KEY_VALUE)
		value.n = KEY_VALUE;
	number = text_number(x, type, value);
	turns_add_range(x, index_text_list(type), number, number);
	turns_set(x, MARK_FOUND, frames);
}

void index_mark(struct index *x, enum key_type type, struct bytes value, uint8_t *frames)
{
	struct index_place places[2];
	unsigned n;

	if (index_is_text(type)) {
		mark_text(x, type, value, frames);
		return;
	}
	n = index_places(type, value, places);
	for (unsigned i = 0; i < n; i++) {
		turns_add_range(x, places[i].list, places[i].value, places[i].value);
		turns_set(x, n == 1 ? MARK_FOUND : i ? MARK_HOST : MARK_NET, frames);
	}
	if (n == 2)
		marks_join(x, frames);
}

/* The last `free_bits` bits of a number may be any. */
static void mark_bits(struct index *x, enum index_list list, uint64_t value, unsigned free_bits,
		      uint8_t bit, uint8_t *frames)
{
	uint64_t any = free_bits >= 64 ? UINT64_MAX : (1ull << free_bits) - 1;

	turns_add_range(x, list, value & ~any, value | any);
	turns_set(x, bit, frames);
}

void index_mark_network(struct index *x, struct bytes address, unsigned bits, uint8_t *frames)
{
	struct index_place places[2];
	unsigned n = index_places(KEY_ADDRESS, address, places);

	if (n == 1) {
		mark_bits(x, LIST_V4, places[0].value, bits < 32 ? 32 - bits : 0, MARK_FOUND,
			  frames);
	} else if (n == 2) {
		mark_bits(x, LIST_NET, places[0].value, bits < 64 ? 64 - bits : 0, MARK_NET,
			  frames);
		mark_bits(x, LIST_HOST, places[1].value, bits < 128 ? 128 - bits : 0, MARK_HOST,
			  frames);
		marks_join(x, frames);
	}
}

void index_mark_texts(struct index *x, enum key_type type, index_text_fn fn, void *arg,
		      uint8_t *frames)
{
	for (uint32_t i = 0; i < x->texts_n; i++) {
		const struct index_text *t = &x->texts[i];

		if (t->type == type && fn((struct bytes){t->p, t->n}, arg))
			turns_add_range(x, index_text_list(type), i, i);
	}
	/* Where the list is not complete, also a text that is not in it. */
	turns_add_range(x, index_text_list(type), UINT32_MAX, UINT32_MAX);
	turns_set(x, MARK_FOUND, frames);
}
