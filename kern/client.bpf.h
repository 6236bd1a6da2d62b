/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
#pragma once
/*
 * What probes on client libraries of databases share: objects of processes, by their address.
 */
#include "kern/query.bpf.h"

struct object_key {
	__u64 address;
	__u32 pid, reserved;
};

/* The connection that a thread used last: address of its object. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u64);
} threads SEC(".maps");

static __always_inline struct object_key object_key(__u64 address)
{
	return (struct object_key){.address = address, .pid = bpf_get_current_pid_tgid() >> 32};
}

/* An earlier process may have had the same number. */
static __always_inline __u64 process_start(void)
{
	return BPF_CORE_READ(current_task(), group_leader, start_boottime);
}

static __always_inline void thread_use(struct task_struct *task, __u64 conn)
{
	__u64 *last = bpf_task_storage_get(&threads, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (last)
		*last = conn;
}

/* A field of an object; 0 when its offset is not known, which is negative. */
#define FIELD(type, object, offset) ((offset) < 0 ? (type)0 : USER_VALUE(type, (object) + (offset)))
