/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
#pragma once
/*
 * What the probes of client libraries share: the texts of prepared statements, and lists of values.
 */
#include "kern/query.bpf.h"

/* The beginning of the text of a prepared statement, for its executions, which only name it. The
 * program need not keep the text, so it is copied. */
struct prepared {
	__u64 n; /* its length: more than is here when it is long */
	char text[QUERY_HEAD];
};

struct prepared_key {
	__u64 owner; /* connection */
	__u64 name;  /* number, or hash of the name */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct prepared_key);
	__type(value, struct prepared);
} prepareds SEC(".maps");

static const struct prepared prepared_none = {};

/* A name of at most 64 bytes that has zeroes behind it. */
static __always_inline __u64 prepared_hash(const char name[64])
{
	__u64 hash = 0;

	for (int i = 0; i < 8; i++)
		hash = (hash ^ ((const __u64 *)name)[i]) * 0x9e3779b97f4a7c15ull;
	return hash;
}

static __noinline void prepared_keep(const struct prepared_key *key, __u64 text, __u64 text_n)
{
	struct prepared *p;
	__u64 n = text_n;
	long got;

	bpf_map_update_elem(&prepareds, key, &prepared_none, BPF_ANY);
	p = bpf_map_lookup_elem(&prepareds, key);
	if (!p)
		return;
	if (text_n == QUERY_UNTIL_NUL) {
		got = bpf_probe_read_user_str(p->text, sizeof(p->text), (void *)text);
		p->n = got > 0 ? got - 1 : 0;
		if (got == sizeof(p->text) && user_byte((void *)(text + got - 1)))
			p->n = QUERY_HEAD; /* one byte more than is known: it is cut */
		return;
	}
	if (n > sizeof(p->text))
		n = sizeof(p->text);
	BARRIER(n);
	if (n > sizeof(p->text))
		n = sizeof(p->text);
	if (!bpf_probe_read_user(p->text, n, (void *)text))
		p->n = text_n;
}

/* The text of the statement that is executed. */
static __always_inline void prepared_find(struct query *q, const struct prepared_key *key)
{
	struct prepared *p = bpf_map_lookup_elem(&prepareds, key);

	if (!p)
		return;
	q->text = (__u64)p->text;
	q->text_n = p->n;
	q->text_ours = true;
}

/* ---- values ------------------------------------------------------------------------------- */

enum {
	VALUES_MAX = 32,   /* of one statement: more are counted as cut */
	VALUE_MAX = 512,   /* bytes of one */
	VALUES_SIZE = 4096 /* a power of two */
};

/* QUERY_PARAMS_LIST: each has its length (4 bytes, ~0 = NULL) before it. */
struct values {
	__u64 n;
	__u64 cut; /* there was more */
	char list[VALUES_SIZE + 2 * VALUE_MAX];
};

/* Threads that execute with values have one. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct values);
} threads_values SEC(".maps");

static __always_inline struct values *values_begin(void)
{
	struct values *v = bpf_task_storage_get(&threads_values, bpf_get_current_task_btf(), NULL,
						BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (v)
		v->n = v->cut = 0;
	return v;
}

/* Adds what is at `address` of the process (0 = NULL): n bytes, or up to the NUL. False when no
 * more can be added: of the last one its beginning is there, and its length says that. */
static __noinline bool values_add(struct values *v, __u64 address, __u64 n)
{
	__u64 at = v->n, len = 0;
	__u32 length = ~0u;
	long got;

	if (v->cut || at > VALUES_SIZE - sizeof(length)) {
		v->cut = 1;
		return false;
	}
	BARRIER(at);
	at &= VALUES_SIZE - 1;
	if (address && n == QUERY_UNTIL_NUL) {
		got = bpf_probe_read_user_str(v->list + at + sizeof(length), VALUE_MAX,
					      (void *)address);
		len = got > 0 ? got - 1 : 0;
		v->cut = got == VALUE_MAX && user_byte((void *)(address + len));
		length = len + v->cut;
	} else if (address) {
		len = n < VALUE_MAX ? n : VALUE_MAX;
		BARRIER(len);
		if (len > VALUE_MAX)
			len = VALUE_MAX;
		if (bpf_probe_read_user(v->list + at + sizeof(length), len, (void *)address))
			len = 0;
		v->cut = n > VALUE_MAX;
		length = n > VALUE_MAX ? n : len;
	}
	bpf_probe_read_kernel(v->list + at, sizeof(length), &length);
	v->n = at + sizeof(length) + len;
	return !v->cut;
}

static __always_inline void values_put(struct query *q, const struct values *v)
{
	q->params = (__u64)v->list;
	q->params_n = v->n;
	q->params_ours = true;
	q->params_format = QUERY_PARAMS_LIST;
	q->flags |= v->cut ? QUERY_F_PARAMS_CUT : 0;
}
