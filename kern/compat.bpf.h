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
	LOOP_PLAIN = 512
}; /* turns of a loop at most where bpf_loop is missing */

/*
 * bpf_loop came with Linux 5.17: its function is verified once. Without it each turn is verified,
 * which is cheap only when what a turn does is in a function that is not static: the verifier looks
 * at such a one alone. COMPAT_PLAIN builds programs that do without bpf_loop, to try that on any
 * kernel.
 */
static __always_inline bool loop_native(void)
{
#ifdef COMPAT_PLAIN
	return false;
#else
	return bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_loop);
#endif
}

/* Calls fn(0, arg), fn(1, arg) … up to n times: at most LOOP_PLAIN unless loop_native(). */
static __always_inline void loop_run(__u32 n, loop_fn fn, void *arg)
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

/*
 * Zeroes memory without the verifier knowing that it is zero: a read that is refused zeroes its
 * target. A sum that starts from a value that it knows has other limits in every turn of a loop,
 * and the verifier would look at each turn.
 */
static __always_inline void zero_unknown(void *p, __u32 n)
{
	bpf_probe_read_kernel(p, n, NULL);
}

/* What another CPU, or user space, may change meanwhile; read once, and really. */
#define READ_ONCE(x)     (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))

/* Keeps the compiler from dropping a bounds check that it has proved and the verifier has not. */
#define BARRIER(var) asm volatile("" : "+r"(var))

/*
 * Uses a value. For what an atomic operation gives back: with it the operation is a full memory
 * barrier, and the compiler takes it for one that gives nothing back, which is no barrier at all,
 * when nobody uses it. (Documentation/atomic_t.txt in the kernel has the rule, which the
 * interpreter in kernel/bpf/core.c and the JITs follow.)
 */
#define KEEP(var) asm volatile("" ::"r"(var))
