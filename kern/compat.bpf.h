/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
#pragma once
/*
 * What differs between kernels, decided by looking at the running kernel's BTF when the program is
 * loaded, never by a version number. The floor is 5.15 (attach cookie). The branch that does not
 * apply is removed by the verifier before it looks at it.
 */
#include "kern/ktypes.h"

#include <bpf/bpf_helpers.h>

#include <bpf/bpf_core_read.h>

/* Returns 1 to stop. */
typedef long (*loop_fn)(__u32 i, void *arg);

enum {
	LOOP_PLAIN = 64
}; /* turns of a loop that a kernel without bpf_loop is given */

/* bpf_loop came with 5.17: it is verified as one turn. Without it every turn is verified, so that
 * long texts must be cut: callers ask loop_max() how far they get. */
static __always_inline bool loop_native(void)
{
#ifdef COMPAT_PLAIN
	return false;
#else
	return bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_loop);
#endif
}

static __always_inline __u32 loop_max(__u32 wanted)
{
	return loop_native() || wanted < LOOP_PLAIN ? wanted : LOOP_PLAIN;
}

static __always_inline void loop(__u32 n, loop_fn fn, void *arg)
{
	if (loop_native()) {
		bpf_loop(n, fn, arg, 0);
		return;
	}
	for (__u32 i = 0; i < LOOP_PLAIN && i < n; i++)
		if (fn(i, arg))
			break;
}

/* Since 5.1 the audit id is a kuid_t here; kernels without audit have no such field. */
static __always_inline __u32 task_loginuid(struct task_struct *task)
{
	if (!bpf_core_field_exists(task->loginuid))
		return ~0u;
	return task->loginuid.val;
}

/* Zeroes memory without the verifier knowing that it is zero (a refused read zeroes its target). A
 * sum that starts from a known value has other bounds in every turn of a loop, and each is
 * verified. */
static __always_inline void zero_unknown(void *p, __u32 n)
{
	bpf_probe_read_kernel(p, n, NULL);
}

/* Keeps the compiler from dropping a bounds check that it has proved and the verifier has not. */
#define BARRIER(var) asm volatile("" : "+r"(var))
