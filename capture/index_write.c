/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes the sidecar; its layout is in capture/index_inside.h. */
#include <errno.h>
#include <stdlib.h>

#include "capture/base/crc32c.h"
#include "capture/base/lru.h"
#include "capture/index_inside.h"

enum {
	TEXTS_MAX = 4096,
	SHARE = 400,      /* the lists are at most that part of the archive, */
	LISTS_MIN = 2048, /* but they may always have so much */
	COARSE_MIN = 64,  /* bytes of a list that is not worth being made coarser */
};

struct text {
	struct text_key {
		uint8_t type, n;
		char p[KEY_VALUE];
	} key;
	uint32_t number; /* its place in the table */
};

struct index_writer {
	struct index_frame *frames;
	size_t frames_n, frames_cap;
	bool too_many; /* frames: there will be no index */
	/* The frame that is open. */
	struct index_frame frame;
	uint32_t generation;
	bool begun; /* a generation has been seen from its beginning */
	bool any;   /* not all its keys are known */
	struct index_values lists[LISTS];
	struct lru *texts;
	struct index_buffer texts_bytes; /* the table as in the file */
	struct text_key text_before;
	struct index_buffer blob;
};

int index_writer_new(struct index_writer **ret, struct err *err)
{
	struct index_writer *w = calloc(1, sizeof(*w));

	if (w)
		w->texts = lru_new(TEXTS_MAX, sizeof(struct text), sizeof(struct text_key));
	if (!w || !w->texts) {
		free(w);
		return errf(err, -ENOMEM, "out of memory");
	}
	index_writer_begin(w);
	*ret = w;
	return 0;
}

void index_writer_free(struct index_writer *w)
{
	if (!w)
		return;
	for (unsigned i = 0; i < LISTS; i++)
		index_values_done(&w->lists[i]);
	lru_free(w->texts);
	free(w->texts_bytes.p);
	free(w->blob.p);
	free(w->frames);
	free(w);
}

static void frame_reset(struct index_frame *f)
{
	*f = (struct index_frame){.first_ns = UINT64_MAX, .first_seq = UINT64_MAX};
}

void index_writer_begin(struct index_writer *w)
{
	w->frames_n = 0;
	w->too_many = w->begun = w->any = false;
	frame_reset(&w->frame);
	for (unsigned i = 0; i < LISTS; i++)
		index_values_reset(&w->lists[i], i);
	lru_clear(w->texts);
	w->texts_bytes.n = 0;
	w->texts_bytes.failed = false;
	w->text_before = (struct text_key){0};
}

/* ---- keys ----------------------------------------------------------------------------------- */

static void text_append(struct index_writer *w, const struct text_key *key)
{
	struct text_key *before = &w->text_before;
	size_t shared = 0;

	while (shared < key->n && shared < before->n && key->p[shared] == before->p[shared])
		shared++;
	index_put(&w->texts_bytes, &key->type, 1);
	index_put_varint(&w->texts_bytes, shared);
	index_put_varint(&w->texts_bytes, key->n - shared);
	index_put(&w->texts_bytes, key->p + shared, key->n - shared);
	*before = *key;
}

static void writer_add_text(struct index_writer *w, enum key_type type, struct bytes value)
{
	struct index_values *list = &w->lists[index_text_list(type)];
	struct text_key key = {.type = (uint8_t)type, .n = (uint8_t)value.n};
	struct text *text;

	memcpy(key.p, value.p, value.n);
	text = lru_peek(w->texts, &key);
	if (!text && lru_count(w->texts) == TEXTS_MAX) {
		index_values_give_up(list);
		return;
	}
	if (!text) {
		text = lru_put(w->texts, &key, NULL);
		text->number = lru_count(w->texts) - 1;
		text_append(w, &key);
	}
	index_values_add(list, text->number);
}

static void writer_add(struct index_writer *w, enum key_type type, struct bytes value)
{
	struct index_place places[2];
	unsigned n;

	if (index_is_text(type)) {
		writer_add_text(w, type, value);
		return;
	}
	n = index_places(type, value, places);
	for (unsigned i = 0; i < n; i++)
		index_values_add(&w->lists[places[i].list], places[i].value);
}

/* Keys are told at the first event that has them. Whoever has not seen the generation from its
 * beginning does not know them. */
static void writer_generation(struct index_writer *w, const struct chunk *c)
{
	if (w->begun && c->generation == w->generation)
		return;
	for (unsigned i = 0; i < LISTS; i++)
		w->lists[i].open_n = 0;
	w->begun = true;
	w->generation = c->generation;
	w->any = !c->opens;
}

void index_writer_chunk(struct index_writer *w, const struct chunk *c)
{
	struct bytes keys = {(const char *)c->keys, c->keys_n}, value;
	struct index_frame *f = &w->frame;
	uint64_t offset = c->unix_ns - c->opened_ns;
	enum key_type type;

	writer_generation(w, c);
	w->any |= !c->keys || c->keys_full;
	while (keys_take(&keys, &type, &value))
		writer_add(w, type, value);
	for (unsigned k = 0; k < EVENT_KINDS; k++) {
		f->by_kind[k] += c->by_kind[k];
		f->kinds |= c->by_kind[k] ? 1u << k : 0;
	}
	if (!c->records)
		return;
	f->events += c->records;
	if (c->first_ns + offset < f->first_ns)
		f->first_ns = c->first_ns + offset;
	if (c->last_ns + offset > f->last_ns)
		f->last_ns = c->last_ns + offset;
	if (c->first_seq < f->first_seq)
		f->first_seq = c->first_seq;
	if (c->last_seq > f->last_seq)
		f->last_seq = c->last_seq;
}

/* ---- frames --------------------------------------------------------------------------------- */

static bool frames_grow(struct index_writer *w)
{
	size_t more = w->frames_cap ? 2 * w->frames_cap : 64;
	struct index_frame *grown;

	if (w->frames_n < w->frames_cap)
		return true;
	grown = more > INDEX_FRAMES_MAX ? NULL : realloc(w->frames, more * sizeof(*grown));
	if (!grown)
		return false;
	w->frames = grown;
	w->frames_cap = more;
	return true;
}

void index_writer_frame(struct index_writer *w, const struct index_frame *frame)
{
	struct index_frame *f = &w->frame;

	w->too_many |= !frames_grow(w);
	if (w->too_many)
		return;
	f->offset = frame->offset;
	f->size = frame->size;
	f->raw_size = frame->raw_size;
	f->checksum = frame->checksum;
	f->level = frame->level;
	f->any = w->any;
	if (!f->events)
		f->first_ns = f->first_seq = 0;
	else if (f->last_seq - f->first_seq + 1 > f->events)
		f->lost = f->last_seq - f->first_seq + 1 - f->events;
	for (unsigned i = 0; i < LISTS; i++)
		index_values_frame(&w->lists[i], (uint32_t)w->frames_n);
	w->frames[w->frames_n++] = *f;
	frame_reset(f);
}

static void frame_put(struct index_buffer *b, const struct index_frame *f,
		      const struct index_frame *before)
{
	uint8_t checksum[4], level = (uint8_t)((f->level & ~INDEX_ANY) | (f->any ? INDEX_ANY : 0));

	bytes_put_le(checksum, f->checksum, 4);
	index_put_varint(b, f->offset - (before->offset + before->size));
	index_put_varint(b, f->size);
	index_put_varint(b, f->raw_size);
	index_put(b, checksum, 4);
	index_put(b, &level, 1);
	index_put_signed(b, (int64_t)(f->first_ns - before->last_ns));
	index_put_varint(b, f->last_ns - f->first_ns);
	index_put_signed(b, (int64_t)(f->first_seq - before->last_seq));
	index_put_varint(b, f->last_seq - f->first_seq);
	index_put_varint(b, f->events);
	index_put_varint(b, f->lost);
	index_put_varint(b, f->kinds);
	for (unsigned k = 0; k < EVENT_KINDS; k++)
		if (f->by_kind[k])
			index_put_varint(b, f->by_kind[k]);
}

/* ---- the whole ------------------------------------------------------------------------------ */

static bool list_can_coarsen(const struct index_writer *w, enum index_list list)
{
	const struct index_values *s = &w->lists[list];

	return list != LIST_COMM && list != LIST_EXE && list != LIST_CONTAINER &&
	       s->bytes.n >= COARSE_MIN && s->shift < INDEX_SHIFT_MAX;
}

/* Makes the largest list smaller. Numbers that are given one after the other merge first: that
 * makes no difference for those that there are. */
static bool lists_coarsen(struct index_writer *w)
{
	struct index_values *s = NULL;
	enum index_list largest = LISTS;

	for (enum index_list i = 0; i < LISTS; i++) {
		if (!list_can_coarsen(w, i) || (s && w->lists[i].bytes.n <= s->bytes.n))
			continue;
		s = &w->lists[i];
		largest = i;
	}
	if (!s)
		return false;
	if (!s->merges && (largest == LIST_CONN || largest == LIST_PID))
		s->merges = true;
	else
		index_values_shift(s, 1);
	index_entries(s);
	return true;
}

static void lists_encode(struct index_writer *w, uint64_t archive_size)
{
	uint64_t most = archive_size / SHARE > LISTS_MIN ? archive_size / SHARE : LISTS_MIN, n;

	for (unsigned i = 0; i < LISTS; i++) {
		index_values_shift(&w->lists[i], 0);
		index_entries(&w->lists[i]);
	}
	do {
		n = w->texts_bytes.n;
		for (unsigned i = 0; i < LISTS; i++)
			n += w->lists[i].bytes.n;
	} while (n > most && lists_coarsen(w));
}

static void list_put(struct index_buffer *b, const struct index_values *s, enum index_list list)
{
	uint8_t head[3] = {(uint8_t)list, s->all ? INDEX_ALL : 0, s->shift};

	index_put(b, head, sizeof(head));
	index_put_varint(b, s->bytes.n);
	index_put(b, s->bytes.p, s->bytes.n);
	b->failed |= s->bytes.failed;
}

int index_writer_blob(struct index_writer *w, uint64_t archive_size, struct bytes *ret)
{
	static const struct index_frame none;
	struct index_buffer *b = &w->blob;
	uint8_t end[INDEX_CRC];
	uint32_t crc;

	if (w->too_many || w->texts_bytes.failed)
		return -ENOMEM;
	lists_encode(w, archive_size);
	b->n = 0;
	b->failed = false;
	index_put(b, INDEX_MAGIC, INDEX_MAGIC_N);
	index_put_varint(b, archive_size);
	index_put_varint(b, w->frames_n);
	for (size_t i = 0; i < w->frames_n; i++)
		frame_put(b, &w->frames[i], i ? &w->frames[i - 1] : &none);
	index_put_varint(b, lru_count(w->texts));
	index_put(b, w->texts_bytes.p, w->texts_bytes.n);
	index_put_varint(b, LISTS);
	for (enum index_list i = 0; i < LISTS; i++)
		list_put(b, &w->lists[i], i);
	crc = crc32c(0, b->p, b->n);
	bytes_put_le(end, crc, INDEX_CRC);
	index_put(b, end, INDEX_CRC);
	if (b->failed)
		return -ENOMEM;
	*ret = (struct bytes){(const char *)b->p, b->n};
	return 0;
}
