/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/*
 * Processes: fork, exec, exit, and the cgroups they live in; and penstock's own connections. Always
 * loaded; owner of the shared maps. Its records carry the number of probe exec when that is
 * selected, else 0.
 */
#include "kern/common.bpf.h"
#include "kern/part.bpf.h"
#include "kern/path.bpf.h"
#include "kern/self.bpf.h"

#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Number of probe exec. 0: it is not selected; then only the first REC_PART bytes of arguments are
 * recorded. */
const volatile __u16 exec_probe;
/* This kernel preempts programs on tracepoints: see struct occasion. */
const volatile bool preemptible;

enum {
	SIGNAL_GROUP_EXIT = 4,
	CGROUP_NAME = 128,
	CGROUP_PATH = 1024,
	EXISTS = 17, /* EEXIST */
};

/*
 * One event in the life of a task.
 *
 * Since Linux 7.0 a program on a tracepoint can be preempted. While it is, the kernel does not run
 * it for another task that comes to the tracepoint on the same CPU: it takes that for a recursion.
 * So on such kernels there are two programs for each event, and what the kernel leaves the first
 * one out of, the second one records. Two programs of the same kind would be preempted together on
 * a busy CPU; therefore the second ones for exec and exit, which take longest, are attached by way
 * of perf, where programs are not preempted. (For fork that cannot be done: of a new task perf
 * tells only the number.) What neither program saw is counted as KC_MISSED, at the end, by
 * probes/core/core.c.
 */
struct occasion {
	__u64 start; /* of the task */
	__u32 tid;
	__u32 what; /* enum occasion_kind; for an exec, which one of the task it is: 1, 2, … */
};

enum occasion_kind {
	OCCASION_FORK = 0,
	OCCASION_EXIT = ~0u,
	OCCASION_LAST = ~0u - 1, /* no thread of the group is left alive */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct occasion);
	__type(value, __u8);
} seen SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} made_good SEC(".maps"); /* events that only second programs saw */

/* Remembers an occasion. True for the program that is the first to do so. */
static __always_inline bool occasion_new(struct task_struct *task, __u32 what)
{
	struct occasion key = {.start = task->start_boottime, .tid = task->pid, .what = what};
	__u8 one = 1;

	return bpf_map_update_elem(&seen, &key, &one, BPF_NOEXIST) != -EXISTS;
}

/*
 * Was this event seen by the other program for it? Called in both before anything else; `again` is
 * true in the second one. The second one may run first: so it is where somebody used perf on the
 * tracepoint before we attached the other one. Counts the events that only the second one saw.
 */
static __always_inline bool seen_before(struct task_struct *task, __u32 what, bool again)
{
	__u32 key = 0;
	__u64 *good;
	bool is_new;

	if (!preemptible)
		return false;
	is_new = occasion_new(task, what);
	good = is_new == again ? bpf_map_lookup_elem(&made_good, &key) : NULL;
	if (good)
		__sync_fetch_and_add(good, again ? 1 : -1);
	return !is_new;
}

/* ---- fork --------------------------------------------------------------------------------- */

/* The child of a member of a tree is a member. Done before any filter: a process that is not
 * recorded may have descendants that are. */
static __always_inline void tree_inherit(__u32 parent, __u32 child)
{
	__u32 *bits = bpf_map_lookup_elem(&tree, &parent), copy;

	if (!bits)
		return;
	copy = *bits;
	if (bpf_map_update_elem(&tree, &child, &copy, BPF_ANY))
		rec_lose(exec_probe, LOST_MAP_FULL);
}

static __always_inline int fork_record(struct task_struct *parent, struct task_struct *child,
				       bool again)
{
	__u32 ppid = parent->tgid, pid = child->tgid;
	struct rec_fork *fork;

	if (seen_before(child, OCCASION_FORK, again) || pid != (__u32)child->pid) /* a thread */
		return 0;
	tree_inherit(ppid, pid);
	if (!filter_pass(exec_probe, child))
		return 0;
	fork = rec_reserve(exec_probe, REC_FORK, sizeof(*fork));
	if (!fork)
		return 0;
	task_fill(&fork->task, child);
	fork->task.ppid = ppid;
	rec_submit(&fork->rec, sizeof(*fork));
	return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(core_fork, struct task_struct *parent, struct task_struct *child)
{
	return fork_record(parent, child, false);
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(core_fork_again, struct task_struct *parent, struct task_struct *child)
{
	return fork_record(parent, child, true);
}

/* ---- exec --------------------------------------------------------------------------------- */

struct exec {
	struct path_walk exe, cwd;
	struct path *exe_path, *cwd_path;
	struct task_struct *task;
	__u64 args, total; /* first address of the argument block, its size */
	__u64 id;
	__u64 first; /* bytes of it in the first record */
};

/* Fills and submits a record with room for `paths` bytes of paths and `args` bytes of arguments. */
static __noinline void exec_emit(struct exec *x, struct rec_exec *exec, const __u64 paths,
				 const __u64 args)
{
	__u64 at, n = x->first;

	task_fill(&exec->task, x->task);
	exec->id = exec->rec.time;
	x->id = exec->id;
	exec->reserved = 0;
	exec->args_total = x->total;
	exec->exe_len = path_write(&x->exe, x->exe_path, exec->data, 0, paths);
	at = exec->exe_len;
	exec->cwd_len = path_write(&x->cwd, x->cwd_path, exec->data, at, paths);
	at += exec->cwd_len;
	BARRIER(at);
	if (at > paths || n > args)
		at = n = 0;
	if (bpf_probe_read_user(exec->data + at, n, (void *)x->args)) {
		exec->rec.flags |= REC_F_FAULT;
		n = 0;
	}
	exec->args_len = n;
	if (x->total > x->first)
		exec->rec.flags |= exec_probe ? REC_F_MORE : REC_F_TRUNCATED;
	if (x->total > REC_TEXT_MAX)
		exec->rec.flags |= REC_F_TRUNCATED;
	rec_submit(&exec->rec, sizeof(*exec) + at + n);
}

/* Reserves a record of one of a few sizes: the helper takes constants only. Paths and arguments
 * have a limit of their own each, because of the sum of two lengths the verifier knows no limit. */
#define EXEC_EMIT(x, paths, args)                                                                  \
	({                                                                                         \
		struct rec_exec *exec_ =                                                           \
			rec_reserve(exec_probe, REC_EXEC, sizeof(*exec_) + (paths) + (args));      \
		if (exec_)                                                                         \
			exec_emit(x, exec_, paths, args);                                          \
		exec_ != NULL;                                                                     \
	})

static __always_inline bool exec_first(struct exec *x, __u64 paths)
{
	if (paths <= 192 && x->first <= 512)
		return EXEC_EMIT(x, 192, 512);
	if (paths <= 1024 && x->first <= 3072)
		return EXEC_EMIT(x, 1024, 3072);
	if (paths <= 1024)
		return EXEC_EMIT(x, 1024, REC_PART);
	return EXEC_EMIT(x, 2 * PATH_LEN, REC_PART);
}

static __always_inline int exec_record(struct task_struct *task, bool again)
{
	struct mm_struct *mm = BPF_CORE_READ(task, mm);
	struct exec x = {.task = task};
	__u64 paths;

	if (seen_before(task, task->self_exec_id, again) || !filter_pass(exec_probe, task))
		return 0;
	x.exe_path = &BPF_CORE_READ(mm, exe_file)->f_path;
	x.cwd_path = &BPF_CORE_READ(task, fs)->pwd;
	paths = path_measure(&x.exe, (__u64)x.exe_path);
	paths += path_measure(&x.cwd, (__u64)x.cwd_path);
	x.args = BPF_CORE_READ(mm, arg_start);
	x.total = BPF_CORE_READ(mm, arg_end) - x.args;
	x.first = x.total < REC_PART ? x.total : REC_PART;
	if (exec_first(&x, paths) && exec_probe && x.total > x.first)
		part_block(exec_probe, REC_EXEC,
			   &(struct part_block){.address = x.args,
						.sent = x.first,
						.limit = x.total < REC_TEXT_MAX ? x.total
										: REC_TEXT_MAX,
						.id = x.id,
						.pid = BPF_CORE_READ(task, tgid)});
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(core_exec, struct task_struct *task)
{
	return exec_record(task, false);
}

SEC("tracepoint/sched/sched_process_exec")
int core_exec_again(void *ctx)
{
	return exec_record(bpf_get_current_task_btf(), true);
}

/* ---- exit --------------------------------------------------------------------------------- */

/* Is this the exit of the whole process? The last threads of a group can exit on several CPUs at
 * once, and each of them sees that none is left alive: then it is the first one's. */
static __always_inline bool exit_is_last(struct task_struct *leader, struct signal_struct *signal)
{
	if (BPF_CORE_READ(signal, live.counter) != 0)
		return false;
	return BPF_CORE_READ(signal, nr_threads) == 1 || occasion_new(leader, OCCASION_LAST);
}

static __always_inline int exit_record(struct task_struct *task, bool again)
{
	struct task_struct *leader = task->group_leader;
	struct signal_struct *signal = BPF_CORE_READ(task, signal);
	__u32 pid = task->tgid;
	struct rec_exit *exit;
	bool pass;

	if (seen_before(task, OCCASION_EXIT, again) || !exit_is_last(leader, signal))
		return 0;
	pass = filter_pass(exec_probe, task);
	/* The kernel may give the number to another process, which no filter has named. */
	bpf_map_delete_elem(&tree, &pid);
	bpf_map_delete_elem(&pids, &pid);
	if (!pass)
		return 0;
	exit = rec_reserve(exec_probe, REC_EXIT, sizeof(*exit));
	if (!exit)
		return 0;
	task_fill(&exit->task, task);
	exit->code = BPF_CORE_READ(signal, flags) & SIGNAL_GROUP_EXIT
			     ? BPF_CORE_READ(signal, group_exit_code)
			     : BPF_CORE_READ(leader, exit_code);
	exit->reserved = 0;
	rec_submit(&exit->rec, sizeof(*exit));
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(core_exit, struct task_struct *task)
{
	return exit_record(task, false);
}

SEC("tracepoint/sched/sched_process_exit")
int core_exit_again(void *ctx)
{
	return exit_record(bpf_get_current_task_btf(), true);
}

/* ---- cgroups ------------------------------------------------------------------------------ */

struct cgroup_name {
	char v[CGROUP_NAME];
};

/* Does the id at name[at] (64 digits, then the end or a suffix) begin with what was asked for? Not
 * static, so that the verifier looks at it once and not for each way to call it. */
__noinline bool container_is(const struct cgroup_name *name, __u32 at, __u32 wanted)
{
	struct ctl *c = ctl_get();
	__u32 len;

	if (!c || !name || wanted >= FILTER_CONTAINER_MAX ||
	    at > CGROUP_NAME - FILTER_CONTAINER_ID - 1)
		return false;
	if (!name->v[at + FILTER_CONTAINER_ID - 1] ||
	    (name->v[at + FILTER_CONTAINER_ID] && name->v[at + FILTER_CONTAINER_ID] != '.'))
		return false;
	len = c->container[wanted].len;
	for (__u32 i = 0; i < FILTER_CONTAINER_ID && i < len; i++)
		if (name->v[at + i] != c->container[wanted].id[i])
			return false;
	return true;
}

/* Where the id begins: runtimes put a name and a dash before it ("docker-", "cri-containerd-"). Not
 * static either: older verifiers would follow each of its results to the end of the program. */
__noinline __u32 container_at(const struct cgroup_name *name)
{
	__u32 at = 0;

	for (__u32 i = 0; name && i < CGROUP_NAME - FILTER_CONTAINER_ID - 1; i++)
		if (name->v[i] == '-')
			at = i + 1;
	return at;
}

/* Is this the cgroup of a container that was asked for? Then it enters the filter, before the first
 * process enters it. */
static __noinline void container_match(struct kernfs_node *kn, __u64 id)
{
	struct cgroup_name name = {};
	struct ctl *c = ctl_get();
	__u32 at;

	if (!c || !c->containers)
		return;
	bpf_probe_read_kernel_str(&name, sizeof(name), BPF_CORE_READ(kn, name));
	at = container_at(&name);
	for (__u32 i = 0; i < FILTER_CONTAINER_MAX && i < c->containers; i++) {
		__u32 bits = c->container[i].bits;

		if (!container_is(&name, at, i))
			continue;
		if (bpf_map_update_elem(&cgroups, &id, &bits, BPF_ANY))
			rec_lose(0, LOST_MAP_FULL);
	}
}

SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(core_cgroup, struct cgroup *cgroup, const char *path)
{
	struct rec_cgroup *rec;
	struct kernfs_node *kn;
	long n;

	if (MUTATED || BPF_CORE_READ(cgroup, root, hierarchy_id) != 0) /* 0: the unified one */
		return 0;
	kn = BPF_CORE_READ(cgroup, kn);
	container_match(kn, BPF_CORE_READ(kn, id));
	rec = rec_reserve(0, REC_CGROUP, sizeof(*rec) + CGROUP_PATH);
	if (!rec)
		return 0;
	rec->id = BPF_CORE_READ(kn, id);
	n = bpf_probe_read_kernel_str(rec->data, CGROUP_PATH, path);
	rec->path_len = n > 0 ? n - 1 : 0;
	rec->reserved = 0;
	rec_submit(&rec->rec, sizeof(*rec) + rec->path_len);
	return 0;
}

/* ---- penstock's own connections ----------------------------------------------------------- */

/* Attached before any other program, and before a sink makes its first socket. */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(core_self, struct sock *sk, int old, int state)
{
	if (!MUTATED)
		self_sock_state(sk, state);
	return 0;
}
