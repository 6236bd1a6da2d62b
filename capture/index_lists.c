/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lists of an index while it is written: see capture/index_inside.h. */
#include <assert.h>
#include <stdlib.h>

#include "capture/index_inside.h"

enum {
	OPEN_MAX = 1 << 17,  /* values of one generation */
	PAIRS_MAX = 1 << 19, /* values by frames of an archive; more make it coarser */
};

/* ---- bytes ---------------------------------------------------------------------------------- */

void index_put(struct index_buffer *b, const void *p, size_t n)
{
	size_t cap = b->cap ? b->cap : 4096;
	uint8_t *grown;

	while (cap < b->n + n)
		cap *= 2;
	if (cap != b->cap) {
		grown = b->failed ? NULL : realloc(b->p, cap);
		if (!grown) {
			b->failed = true;
			return;
		}
		b->p = grown;
		b->cap = cap;
	}
	if (n)
		memcpy(b->p + b->n, p, n);
	b->n += n;
}

void index_put_varint(struct index_buffer *b, uint64_t value)
{
	uint8_t leb[10];
	size_t n = 0;

	do {
		leb[n] = (uint8_t)(value & 0x7f);
		value >>= 7;
		if (value)
			leb[n] |= 0x80;
		n++;
	} while (value);
	index_put(b, leb, n);
}

void index_put_signed(struct index_buffer *b, int64_t value)
{
	index_put_varint(b, (uint64_t)value << 1 ^ (uint64_t)(value >> 63));
}

/* ---- where keys stand ----------------------------------------------------------------------- */

static uint64_t number_little(struct bytes b)
{
	uint64_t value = 0;

	for (size_t i = b.n; i--;)
		value = value << 8 | (uint8_t)b.p[i];
	return value;
}

static uint64_t number_big(const char *p, size_t n)
{
	uint64_t value = 0;

	for (size_t i = 0; i < n; i++)
		value = value << 8 | (uint8_t)p[i];
	return value;
}

static unsigned address_places(struct bytes value, struct index_place ret[2])
{
	if (value.n == 4) {
		ret[0] = (struct index_place){LIST_V4, number_big(value.p, 4)};
		return 1;
	}
	if (value.n != 16)
		return 0;
	ret[0] = (struct index_place){LIST_NET, number_big(value.p, 8)};
	ret[1] = (struct index_place){LIST_HOST, number_big(value.p + 8, 8)};
	return 2;
}

unsigned index_places(enum key_type type, struct bytes value, struct index_place ret[2])
{
	if (type == KEY_ADDRESS)
		return address_places(value, ret);
	if (value.n > 8 || index_is_text(type))
		return 0;
	*ret = (struct index_place){type == KEY_PID    ? LIST_PID
				    : type == KEY_UID  ? LIST_UID
				    : type == KEY_PORT ? LIST_PORT
						       : LIST_CONN,
				    number_little(value)};
	return 1;
}

bool index_is_text(enum key_type type)
{
	return type == KEY_COMM || type == KEY_EXE || type == KEY_CONTAINER;
}

enum index_list index_text_list(enum key_type type)
{
	assert(index_is_text(type));
	return type == KEY_COMM ? LIST_COMM : type == KEY_EXE ? LIST_EXE : LIST_CONTAINER;
}

/* ---- values --------------------------------------------------------------------------------- */

void index_values_give_up(struct index_values *s)
{
	s->all = true;
	s->open_n = s->n = 0;
}

/* Room for one more of size bytes in an array that may grow to max. */
static bool values_grow(void **array, size_t *cap, size_t size, size_t max)
{
	size_t more = *cap ? *cap * 2 : 256;
	void *grown;

	if (*cap >= max)
		return false;
	grown = realloc(*array, more * size);
	if (!grown)
		return false;
	*array = grown;
	*cap = more;
	return true;
}

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static int compare_pairs(const void *a, const void *b)
{
	const struct index_pair *x = a, *y = b;

	if (x->value != y->value)
		return x->value < y->value ? -1 : 1;
	return x->frame < y->frame ? -1 : x->frame > y->frame;
}

/* Each open value once, ascending. */
static void open_sort(struct index_values *s)
{
	size_t n = 0;

	if (!s->open_n)
		return;
	qsort(s->open, s->open_n, sizeof(*s->open), compare_u64);
	for (size_t i = 1; i < s->open_n; i++)
		if (s->open[i] != s->open[n])
			s->open[++n] = s->open[i];
	s->open_n = n + 1;
}

void index_values_add(struct index_values *s, uint64_t value)
{
	if (s->all || (s->open_n && s->open[s->open_n - 1] == value))
		return;
	if (s->open_n == s->open_cap &&
	    !values_grow((void **)&s->open, &s->open_cap, sizeof(*s->open), OPEN_MAX)) {
		open_sort(s);
		if (!s->open_cap || s->open_n > s->open_cap / 2) {
			index_values_give_up(s);
			return;
		}
	}
	s->open[s->open_n++] = value;
}

/* Each pair once, ascending. */
static void pairs_sort(struct index_values *s)
{
	size_t n = 0;

	if (!s->n)
		return;
	qsort(s->v, s->n, sizeof(*s->v), compare_pairs);
	for (size_t i = 1; i < s->n; i++)
		if (compare_pairs(&s->v[i], &s->v[n]))
			s->v[++n] = s->v[i];
	s->n = n + 1;
}

void index_values_shift(struct index_values *s, uint8_t by)
{
	s->shift += by;
	for (size_t i = 0; i < s->n; i++)
		s->v[i].value >>= by;
	pairs_sort(s);
}

static void pairs_add(struct index_values *s, uint64_t value, uint32_t frame)
{
	if (s->n && s->v[s->n - 1].value == value && s->v[s->n - 1].frame == frame)
		return;
	if (s->n == s->cap && !values_grow((void **)&s->v, &s->cap, sizeof(*s->v), PAIRS_MAX)) {
		while (s->n > s->cap / 2 && s->shift < INDEX_SHIFT_MAX)
			index_values_shift(s, 2);
		if (!s->cap || s->n > s->cap / 2) {
			index_values_give_up(s);
			return;
		}
		value >>= s->shift;
	}
	s->v[s->n++] = (struct index_pair){value, frame};
}

void index_values_frame(struct index_values *s, uint32_t frame)
{
	open_sort(s);
	for (size_t i = 0; i < s->open_n && !s->all; i++)
		pairs_add(s, s->open[i] >> s->shift, frame);
}

void index_values_reset(struct index_values *s, enum index_list list)
{
	bool wide = list == LIST_NET || list == LIST_HOST || list == LIST_CONN;

	s->open_n = s->n = 0;
	s->all = s->merges = false;
	s->shift = wide ? 2 : 0; /* an entry has 62 bits for its first value */
	s->bytes.n = 0;
	s->bytes.failed = false;
}

void index_values_done(struct index_values *s)
{
	free(s->open);
	free(s->v);
	free(s->bytes.p);
}
