/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
#pragma once
/*
 * What every kernel program uses: the ring, the counters, the filters, and the description of a
 * task. The maps below exist once per run: the core's object owns them, probes/load.c gives them to
 * the others under their names.
 *
 * A program is:  if (!filter_pass(probe, task)) return 0;  rec_reserve → fill every byte up to
 * rec.len → rec_submit. There is no scratch buffer per CPU: programs on user-space hooks can be
 * preempted, and two would write into it. Space is reserved in the ring itself, by size class.
 */
#include "kern/compat.bpf.h"
#include "kern/events.h"

#ifdef MUTATE
enum {
	MUTATED = 1
};
#else
enum {
	MUTATED = 0
};
#endif

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 32 * 1024 * 1024); /* user space sets it */
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, PROBE_MAX *KC_MAX);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ctl);
} ctl SEC(".maps");

/* What the filters name: value = enum filter_bit. */
#define FILTER_MAP(name, key_type, entries)                                                        \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_HASH);                                                   \
		__uint(max_entries, entries);                                                      \
		__type(key, key_type);                                                             \
		__type(value, __u32);                                                              \
	} name SEC(".maps")

struct comm {
	char v[REC_COMM];
};

FILTER_MAP(pids, __u32, 1024);
FILTER_MAP(tree, __u32, 65536); /* kept up to date by the core: descendants are in it */
FILTER_MAP(uids, __u32, 1024);
FILTER_MAP(comms, struct comm, 1024);
FILTER_MAP(cgroups, __u64, 4096);

/* Set when the object is loaded. */
const volatile __u32 recorder_pid; /* penstock's own thread group: never recorded */
const volatile __u64 ring_size;    /* bytes */

static __always_inline struct ctl *ctl_get(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&ctl, &key);
}

/* The run is over. For programs that end what another one, behind the filters, has begun. */
static __always_inline bool ctl_stopped(void)
{
	struct ctl *c = ctl_get();

	return !c || READ_ONCE(c->stopped);
}

/* ---- counters ----------------------------------------------------------------------------- */

/* Atomic although there is a counter for each CPU: a program on a user-space hook can be preempted
 * by another one. And a full memory barrier, see KEEP(): rec_wakeup() needs it. */
static __always_inline void counter_add(__u16 probe, __u32 counter)
{
	__u32 key = probe * KC_MAX + counter;
	__u64 *v = bpf_map_lookup_elem(&counters, &key), old;

	if (!v)
		return;
	old = __sync_fetch_and_add(v, 1);
	KEEP(old);
}

/* The counters that are losses, and no others: what rec_lose() takes. */
enum lost {
#define KCOUNTER(sym, name, loss, help) KCOUNTER_##loss(sym)
#define KCOUNTER_0(sym)
#define KCOUNTER_1(sym) LOST_##sym = KC_##sym,
#include "kern/counters.def"
#undef KCOUNTER
#undef KCOUNTER_0
#undef KCOUNTER_1
};

/* A record that was wanted is not written. Every loss is counted by this function, so that what was
 * submitted is always what was read and what was lost together (capture/ledger.c checks it). */
static __always_inline void rec_lose(__u16 probe, enum lost why)
{
	counter_add(probe, KC_SUBMITTED);
	counter_add(probe, why);
}

/* A record is not wanted: it would be one of penstock's own. */
static __always_inline void rec_self(__u16 probe)
{
	counter_add(probe, KC_SELF);
}

/* ---- filters ------------------------------------------------------------------------------ */

static __always_inline __u32 filter_bits(void *map, const void *key)
{
	__u32 *bits = bpf_map_lookup_elem(map, key);

	return bits ? *bits : 0;
}

enum {
	CGROUP_LEVELS = 32
};

/* The bits of a task's cgroup and of all cgroups above it: one that is named stands for those below
 * it, too. */
static __noinline __u32 filter_cgroup(struct task_struct *task)
{
	struct cgroup *cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp);
	__u32 bits = 0;

	for (int i = 0; i < CGROUP_LEVELS && cgroup; i++) {
		__u64 id = BPF_CORE_READ(cgroup, kn, id);

		bits |= filter_bits(&cgroups, &id);
		cgroup = BPF_CORE_READ(cgroup, self.parent, cgroup);
	}
	return bits;
}

static __always_inline __u32 filter_comm(struct task_struct *task)
{
	struct comm comm = {};

	bpf_probe_read_kernel_str(&comm, sizeof(comm), BPF_CORE_READ(task, group_leader)->comm);
	return filter_bits(&comms, &comm);
}

static __always_inline bool filter_dim(__u32 active, __u32 bits)
{
	return !(bits & FILTER_EXCLUDE) && (!(active & FILTER_INCLUDE) || bits & FILTER_INCLUDE);
}

static __noinline bool filter_match(const struct ctl *c, struct task_struct *task, __u32 tgid)
{
	const __u32 *active = c->filter;
	__u32 uid;

	if (active[FILTER_PROCESS] &&
	    !filter_dim(active[FILTER_PROCESS],
			filter_bits(&pids, &tgid) | filter_bits(&tree, &tgid)))
		return false;
	uid = task->real_cred->uid.val;
	if (active[FILTER_UID] && !filter_dim(active[FILTER_UID], filter_bits(&uids, &uid)))
		return false;
	if (active[FILTER_COMM] && !filter_dim(active[FILTER_COMM], filter_comm(task)))
		return false;
	return !active[FILTER_CGROUP] || filter_dim(active[FILTER_CGROUP], filter_cgroup(task));
}

/* At the head of every program that records: may this task be recorded? After the stop nobody may,
 * and nothing is counted any more. A mutated object (see tests/run.sh --mutate) has the same
 * programs and maps, and records nothing. */
static __always_inline bool filter_pass(__u16 probe, struct task_struct *task)
{
	struct ctl *c = ctl_get();
	__u32 tgid = task->tgid;

	if (MUTATED || !c || READ_ONCE(c->stopped))
		return false;
	if (tgid == recorder_pid) {
		rec_self(probe);
		return false;
	}
	if (!filter_match(c, task, tgid)) {
		counter_add(probe, KC_FILTERED);
		return false;
	}
	return true;
}

/* ---- records ------------------------------------------------------------------------------ */

/* Reserves a record of at most `size` bytes, a constant; NULL when the ring is full, which is
 * counted. The head is filled. The caller must write every byte behind it, up to the length that it
 * submits: the memory still has older records in it. */
static __always_inline void *rec_reserve(__u16 probe, enum rec_kind kind, const __u64 size)
{
	struct rec *rec = bpf_ringbuf_reserve(&ring, size, 0);

	if (!rec) {
		rec_lose(probe, LOST_NO_SPACE);
		return NULL;
	}
	counter_add(probe, KC_SUBMITTED);
	rec->len = size;
	rec->kind = kind;
	rec->flags = 0;
	rec->probe = probe;
	rec->time = bpf_ktime_get_boot_ns();
	return rec;
}

/* Bytes of the ring that were not read yet. */
static __always_inline __u64 ring_used(void)
{
	return bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);
}

/* The same for payload, which leaves the last eighth of the ring to everything else: processes,
 * lines, queries, secrets. used: what ring_used() says. */
static __always_inline void *rec_reserve_data(__u16 probe, enum rec_kind kind, const __u64 size,
					      __u64 used)
{
	if (used >= ring_size / 8 * 7) {
		rec_lose(probe, LOST_NO_SPACE);
		return NULL;
	}
	return rec_reserve(probe, kind, size);
}

/* Programs count losses by rec_lose(), and the rest is counted above. */
#pragma GCC poison counter_add

/*
 * A wake-up costs an interrupt: one for each record would be dear.
 *
 * Reader and program must not miss each other: the reader says that it sleeps and then looks how
 * far records are reserved (live_sleep() in capture/source/live.c); the program reserves and then
 * looks whether the reader sleeps. That one of them sees the other takes a full barrier between
 * the two steps on both sides. On this side it is the counting of the record in rec_reserve(),
 * which happens anyway and on a cache line of the CPU's own; an atomic access to ctl.reader would
 * make all CPUs share one. Taking and leaving the ring's lock is no such barrier: a processor may
 * read ctl.reader before others see the reservation, arm64 does it, x86-64 is allowed to.
 */
static __always_inline __u64 rec_wakeup(__u64 used)
{
	struct ctl *c = ctl_get();
	__u32 reader = c ? READ_ONCE(c->reader) : READER_AWAKE;

	if (reader == READER_AWAKE || (reader == READER_NAPS && used < ring_size / 4))
		return BPF_RB_NO_WAKEUP;
	WRITE_ONCE(c->reader, READER_AWAKE);
	return BPF_RB_FORCE_WAKEUP;
}

/* Submits a record, of which len bytes are used. used: what ring_used() says. */
static __always_inline void rec_submit_data(struct rec *rec, __u32 len, __u64 used)
{
	rec->len = len;
	bpf_ringbuf_submit(rec, rec_wakeup(used));
}

static __always_inline void rec_submit(struct rec *rec, __u32 len)
{
	rec_submit_data(rec, len, ring_used());
}

/* A number that is unique in the run: the time, with the CPU in the low byte, so that two of the
 * same moment differ. */
static __always_inline __u64 unique_id(void)
{
	return (bpf_ktime_get_boot_ns() & ~0xffull) | (bpf_get_smp_processor_id() & 0xff);
}

/* ---- tasks -------------------------------------------------------------------------------- */

/* The pid of a thread group (`pid` in the first one) in its own pid namespace. Elements of
 * numbers[] are larger in the kernel than in our declaration: step by the kernel's size. */
static __always_inline __u32 task_ns_pid(struct task_struct *leader, __u32 pid)
{
	__u32 level = leader->thread_pid->level, nr = pid;
	struct upid *last;

	if (!level)
		return nr;
	last = (void *)BPF_CORE_READ(leader, thread_pid) +
	       bpf_core_field_offset(struct pid, numbers) + level * bpf_core_type_size(struct upid);
	bpf_core_read(&nr, sizeof(nr), &last->nr);
	return nr;
}

/* Copies the name of a task by two loads in place of a helper. In kernels before 5.17 there may be
 * bytes of older names behind the NUL. */
static __always_inline void task_comm(char *ret, struct task_struct *task)
{
	const __u64 *comm = (void *)task->comm;

	((__u64 *)ret)[0] = comm[0];
	((__u64 *)ret)[1] = comm[1];
}

/* Describes a task. This is done for each record, so by plain loads, which are several times
 * cheaper than helpers; the verifier must know that `task` is one. */
static __always_inline void task_fill(struct rec_task *ret, struct task_struct *task)
{
	struct task_struct *leader = task->group_leader;

	ret->pid = task->tgid;
	ret->tid = task->pid;
	ret->ppid = leader->real_parent->tgid;
	ret->uid = task->real_cred->uid.val;
	ret->gid = task->real_cred->gid.val;
	ret->loginuid = task_loginuid(task);
	ret->ns_pid = task_ns_pid(leader, ret->pid);
	ret->cpu = bpf_get_smp_processor_id();
	ret->start = leader->start_boottime;
	ret->cgroup = task->cgroups->dfl_cgrp->kn->id;
	task_comm(ret->comm, leader);
}
