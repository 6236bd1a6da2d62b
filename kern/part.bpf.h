/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
#pragma once
/*
 * Texts that do not fit into one record: the rest follows as parts of at most REC_PART bytes, each
 * a record of its own, up to REC_TEXT_MAX bytes of the whole.
 */
#include "kern/common.bpf.h"

struct part_block {
	__u64 address; /* of the whole text in the process */
	__u64 sent;    /* bytes that are in records so far: at first, those of the first record */
	__u64 limit;   /* total length at which to cut, at most REC_TEXT_MAX */
	__u64 id, pid;
	__u64 probe, kind;
};

_Static_assert(REC_TEXT_MAX / (REC_PART - 1) < (int)LOOP_PLAIN, "enough turns on every kernel");

static __always_inline char user_byte(const char *p)
{
	char c = 0;

	bpf_probe_read_user(&c, 1, p);
	return c;
}

static __always_inline struct rec_part *part_new(const struct part_block *b)
{
	struct rec_part *part = rec_reserve(b->probe, b->kind, sizeof(*part) + REC_PART);

	if (!part)
		return NULL;
	part->rec.flags = REC_F_PART;
	part->id = b->id;
	part->pid = b->pid;
	part->reserved = 0;
	part->offset = b->sent;
	return part;
}

/* The next part of a block of known size (limit). Returns whether more follow. Not static, like the
 * next one: the verifier looks at it once, alone, and not for each turn of a loop. */
__noinline int part_of_block(struct part_block *b)
{
	struct rec_part *part;
	__u64 address, n;

	if (!b || b->sent >= b->limit)
		return 0;
	n = b->limit - b->sent;
	if (n > REC_PART)
		n = REC_PART;
	part = part_new(b);
	/* Asked right here: to verifiers before Linux 6.3 a record whose pointer is looked at again
	 * later may be none after all, and is then leaked. */
	if (!part) { /* counted; the offsets of the others show the gap */
		b->sent += n;
		return b->sent < b->limit;
	}
	address = b->address + b->sent;
	b->sent += n;
	if (b->sent < b->limit)
		part->rec.flags |= REC_F_MORE;
	BARRIER(n);
	if (n > REC_PART)
		n = REC_PART;
	if (bpf_probe_read_user(part->data, n, (void *)address)) {
		part->rec.flags |= REC_F_FAULT;
		n = 0;
	}
	part->n = n;
	rec_submit(&part->rec, sizeof(*part) + n);
	return b->sent < b->limit;
}

/* The next part of a text that ends with a NUL somewhere. Returns whether more follow. */
__noinline int part_of_text(struct part_block *b)
{
	struct rec_part *part;
	const char *text;
	bool more;
	long n;

	if (!b)
		return 0;
	part = part_new(b);
	if (!part) /* counted; without it nobody knows where the text goes on */
		return 0;
	text = (void *)(b->address + b->sent);
	n = bpf_probe_read_user_str(part->data, REC_PART, text);
	if (n <= 0)
		part->rec.flags |= REC_F_FAULT;
	n = n > 0 ? n - 1 : 0;
	more = n == REC_PART - 1 && user_byte(text + n);
	if ((more && b->sent + n >= b->limit) || b->sent + n > b->limit) {
		n = b->limit - b->sent;
		more = false;
		part->rec.flags |= REC_F_TRUNCATED;
	}
	part->n = n;
	b->sent += n;
	if (more)
		part->rec.flags |= REC_F_MORE;
	rec_submit(&part->rec, sizeof(*part) + n);
	return more;
}

static long part_block_step(__u32 i, void *arg)
{
	return !part_of_block(arg);
}

static long part_text_step(__u32 i, void *arg)
{
	return !part_of_text(arg);
}

/* The rest of a block of known size, which is its limit. */
static __always_inline void part_block(__u16 probe, enum rec_kind kind, struct part_block *b)
{
	b->probe = probe;
	b->kind = kind;
	loop_run(REC_TEXT_MAX / REC_PART + 1, part_block_step, b);
}

/* The rest of a text that ends with a NUL somewhere, up to its limit. */
static __always_inline void part_text(__u16 probe, enum rec_kind kind, struct part_block *b)
{
	b->probe = probe;
	b->kind = kind;
	loop_run(REC_TEXT_MAX / (REC_PART - 1) + 1, part_text_step, b);
}
