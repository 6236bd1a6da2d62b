/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
#pragma once
/*
 * Payloads that do not fit into one record: the rest follows as parts of REC_PART bytes, each a
 * record of its own.
 */
#include "kern/common.bpf.h"

enum {
	PAYLOAD_MAX = 8 * 1024 * 1024
}; /* of one argument block, call or statement */

struct part_block {
	__u64 address, total; /* of the whole payload in the process */
	__u64 first;          /* bytes that the first record holds; then: that were sent so far */
	__u64 id, pid;
	__u64 probe, kind;
	__u64 limit; /* texts: total length at which to cut */
};

static __always_inline char user_byte(const char *p)
{
	char c = 0;

	bpf_probe_read_user(&c, 1, p);
	return c;
}

static __always_inline struct rec_part *part_new(struct part_block *b, __u32 i)
{
	struct rec_part *part = rec_reserve(b->probe, b->kind, sizeof(*part) + REC_PART);

	if (!part)
		return NULL;
	part->rec.flags = REC_F_PART;
	part->id = b->id;
	part->pid = b->pid;
	part->reserved = 0;
	return part;
}

static long part_block_step(__u32 i, void *arg)
{
	struct part_block *b = arg;
	__u64 offset = b->first + (__u64)i * REC_PART, n = b->total - offset;
	struct rec_part *part;
	bool more = n > REC_PART;

	if (offset >= b->total)
		return 1;
	if (more)
		n = REC_PART;
	part = part_new(b, i);
	if (!part) /* counted; the offsets of the others show the gap */
		return 0;
	if (more)
		part->rec.flags |= REC_F_MORE;
	BARRIER(n);
	if (n > REC_PART)
		n = REC_PART;
	if (bpf_probe_read_user(part->data, n, (void *)(b->address + offset))) {
		part->rec.flags |= REC_F_FAULT;
		n = 0;
	}
	part->offset = offset;
	part->n = n;
	rec_submit(&part->rec, sizeof(*part) + n);
	return 0;
}

/* The rest of a block of known size. */
static __always_inline void part_block(__u16 probe, enum rec_kind kind, struct part_block *b)
{
	b->probe = probe;
	b->kind = kind;
	loop(loop_max((b->total - b->first + REC_PART - 1) / REC_PART), part_block_step, b);
}

/* The mask keeps the range the same in every turn, for the verifier. */
static __always_inline void part_advance(struct part_block *b, __u64 n)
{
	__u64 first = b->first + n;

	BARRIER(first);
	b->first = first & (2 * PAYLOAD_MAX - 1);
}

static long part_text_step(__u32 i, void *arg)
{
	struct part_block *b = arg;
	const char *text = (void *)(b->address + b->first);
	struct rec_part *part = part_new(b, i);
	bool more;
	long n;

	if (!part) /* counted; without it nobody knows where the text goes on */
		return 1;
	n = bpf_probe_read_user_str(part->data, REC_PART, text);
	if (n <= 0)
		part->rec.flags |= REC_F_FAULT;
	n = n > 0 ? n - 1 : 0;
	more = n == REC_PART - 1 && user_byte(text + n);
	if ((more && b->first + n >= b->limit) || b->first + n > b->limit) {
		n = b->limit - b->first;
		more = false;
		part->rec.flags |= REC_F_TRUNCATED;
	}
	part->offset = b->first;
	part->n = n;
	part_advance(b, n);
	if (more)
		part->rec.flags |= REC_F_MORE;
	rec_submit(&part->rec, sizeof(*part) + n);
	return more ? 0 : 1;
}

/* The rest of a text that ends with a NUL somewhere, up to `limit` bytes. */
static __always_inline void part_text(__u16 probe, enum rec_kind kind, struct part_block *b)
{
	__u64 first = b->first;
	__u64 turns = b->limit / (REC_PART - 1) + 1, possible = loop_max(turns);

	if (possible < turns)
		b->limit = (possible - 1) * (REC_PART - 1);
	b->probe = probe;
	b->kind = kind;
	zero_unknown(&b->first, sizeof(b->first));
	part_advance(b, first);
	loop(possible, part_text_step, b);
}
