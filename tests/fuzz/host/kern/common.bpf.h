/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Takes the place of kern/common.bpf.h where kern/hello.bpf.h or kern/flow.bpf.h is compiled for
 * this machine: what those use of BPF. Whoever includes it defines the helpers. */
#include <string.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunknown-pragmas"
#ifdef __clang__
#pragma GCC diagnostic ignored "-Wunknown-attributes"
#pragma GCC diagnostic ignored "-Wignored-attributes"
#endif
#include "kern/ktypes.h"
#pragma GCC diagnostic pop

#include "kern/events.h"

enum {
	MUTATED = 0
};

extern const __u32 recorder_pid;

/* For the thread sanitizer: the kernel programs rely on the address that comes of it. */
#define READ_ONCE(x) __atomic_load_n(&(x), __ATOMIC_ACQUIRE)
#define BARRIER(var) asm volatile("" : "+r"(var))
#define KEEP(var)    asm volatile("" ::"r"(var))
#define SEC(name)
#define __uint(name, val)              int(*name)[val]
#define __type(name, val)              typeof(val) *name
#define BPF_CORE_READ_INTO(dst, p, at) memcpy(dst, &(p)->at, sizeof(*(dst)))

long bpf_skb_load_bytes(const void *skb, __u32 offset, void *to, __u32 n);
__u64 bpf_get_socket_cookie(void *skb);
struct tcp_sock *bpf_skc_to_tcp_sock(void *sk);
long bpf_map_update_elem(void *map, const void *key, const void *value, __u64 flags);
void *bpf_map_lookup_elem(void *map, const void *key);
long bpf_map_delete_elem(void *map, const void *key);
void *bpf_sk_storage_get(void *map, void *sk, void *value, __u64 flags);
__u64 bpf_get_current_pid_tgid(void);
long bpf_probe_read_user(void *to, __u32 n, const void *from);
