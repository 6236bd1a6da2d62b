/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
#pragma once
/*
 * What programs on user-space functions share. A program learns where it was attached from its
 * cookie: the index of the file's facts (probe_plan.params) in the map `targets`.
 */
#include <linux/ptrace.h>

#include "kern/part.bpf.h"

#include <bpf/bpf_tracing.h>

const volatile __u16 probe_number;
const volatile __u32 max_payload; /* 0 = all */

enum {
	TARGETS_MAX = 4096
};

/* Declares the map for facts of that type. */
#define TARGETS(params_type)                                                                       \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                  \
		__uint(max_entries, TARGETS_MAX);                                                  \
		__type(key, __u32);                                                                \
		__type(value, params_type);                                                        \
	} targets SEC(".maps")

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} nowhere SEC(".maps");

const volatile bool jump_nowhere; /* false */

/*
 * To be called in every program on a user-space function. Such a program can be preempted (on
 * kernels from 7.0 on anywhere), and then run in another task on the same CPU. Yet since 6.13 the
 * JIT gives all programs on a CPU one stack, so that the two would write over each other's
 * variables. It leaves a program that contains a tail call on the stack of its task: this is a tail
 * call that is never made.
 */
static __always_inline void own_stack(struct pt_regs *ctx)
{
	if (jump_nowhere)
		bpf_tail_call(ctx, &nowhere, 0);
}

/* The facts of the file that this hook belongs to; NULL when there are none. */
#define TARGET(ctx)                                                                                \
	({                                                                                         \
		__u32 cookie_ = bpf_get_attach_cookie(ctx);                                        \
		bpf_map_lookup_elem(&targets, &cookie_);                                           \
	})

/* What lies at that address of the process; 0 when it cannot be read. */
#define USER_VALUE(type, address)                                                                  \
	({                                                                                         \
		type value_ = 0;                                                                   \
		bpf_probe_read_user(&value_, sizeof(value_), (void *)(address));                   \
		value_;                                                                            \
	})

/* How much is kept of a text that comes in parts. */
static __always_inline __u64 text_limit(void)
{
	return max_payload && max_payload < REC_TEXT_MAX ? max_payload : REC_TEXT_MAX;
}

static __always_inline struct task_struct *current_task(void)
{
	return bpf_get_current_task_btf();
}
