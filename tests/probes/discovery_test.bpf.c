/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/* The kernel half of test_discovery: counts calls by attach cookie, and what `targets` said then.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "tests/probes/discovery_test.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DISCOVERY_TEST_TARGETS);
	__type(key, __u32);
	__type(value, __u64);
} targets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DISCOVERY_TEST_TARGETS);
	__type(key, __u32);
	__type(value, struct discovery_test_hits);
} hits SEC(".maps");

SEC("uretprobe")
int test_readline(void *ctx)
{
	__u32 cookie = (__u32)bpf_get_attach_cookie(ctx);
	struct discovery_test_hits *hit = bpf_map_lookup_elem(&hits, &cookie);
	__u64 *param = bpf_map_lookup_elem(&targets, &cookie);

	if (!hit || !param)
		return 0;
	hit->param = *param;
	__sync_fetch_and_add(&hit->calls, 1);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
