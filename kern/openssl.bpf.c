/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/*
 * What goes through OpenSSL and its kin, in plain text.
 *
 * The arguments of a call are kept when it begins, and its bytes recorded when it returns, since
 * only then it is known how many it has moved: a call that must be tried again moves none.
 *
 * A call can be made inside another one. Either the outer one is a wrapper and only passes its
 * arguments on: then it is the outer one that counts. Or they are two calls: a callback writes
 * while a read is under way, say, or a connection runs inside another one. The calls of a thread
 * are told apart by the stack pointer. The inner one of two lies deeper. One that begins at the
 * same place as another, or above it, takes its place: that one will not return, because it was
 * left by longjmp() or has jumped into this one.
 */
#include "kern/openssl.h"
#include "kern/data.bpf.h"
#include "kern/hello.bpf.h"
#include "kern/self.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

TARGETS(struct openssl_params);

#ifdef __TARGET_ARCH_x86
enum {
	RETURN_ADDRESS = 8 /* bytes that a return takes from the stack */
};
#else
enum {
	RETURN_ADDRESS = 0
};
#endif

enum {
	CALLS_DEEP = 4,
	SETTLED = 16,
	FLOW_TRIES = 4, /* to find a flow by client_random; the first call may be too early: early
			 * data is written before the ClientHello is sent */
};

/* ---- calls -------------------------------------------------------------------------------- */

struct call {
	__u64 sp; /* at its entry */
	__u64 object, buffer;
	__u64 size;  /* bytes that may be moved */
	__u64 moved; /* address of the size_t that tells how many were; 0 = the returned value does
		      */
	__u64 direction, flags;
	__u64 settled;        /* the socket of its connection is known for certain */
	struct rec_flow flow; /* else: of the first socket that the thread used meanwhile */
};

struct thread {
	__u64 settled[SETTLED];        /* some of the objects whose socket is known for certain */
	__u64 depth;                   /* how many calls are under way */
	struct call calls[CALLS_DEEP]; /* those, outermost first */
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct thread);
} threads SEC(".maps");

/* How many calls were entered before one whose stack pointer is `sp`. */
static __always_inline __u64 thread_calls_above(const struct thread *thread, __u64 sp)
{
	__u64 n = 0;

	while (n < CALLS_DEEP && n < thread->depth && thread->calls[n].sp > sp)
		n++;
	return n;
}

/* calls[n], where the verifier does not know the limits of n. */
static __always_inline struct call *thread_call_at(struct thread *thread, __u64 n)
{
	BARRIER(n);
	return &thread->calls[n & (CALLS_DEEP - 1)];
}

/* Where a thread remembers that an object is settled. */
static __always_inline __u64 *thread_settled_at(struct thread *thread, __u64 object)
{
	__u64 n = object * 0x9e3779b97f4a7c15ull >> 60;

	BARRIER(n);
	return &thread->settled[n & (SETTLED - 1)];
}

/* Another connection begins in this object: its socket is not known. */
static __always_inline void thread_unsettle(struct task_struct *task, __u64 object)
{
	struct thread *thread = bpf_task_storage_get(&threads, task, NULL, 0);
	__u64 *settled = thread ? thread_settled_at(thread, object) : NULL;

	if (settled && *settled == object)
		*settled = 0;
}

static __always_inline bool call_wraps(const struct call *outer, const struct call *inner)
{
	return outer->object == inner->object && outer->direction == inner->direction &&
	       outer->buffer == inner->buffer;
}

static __always_inline int call_enter(struct pt_regs *ctx, struct call *call)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *thread;
	__u64 n;

	own_stack(ctx);
	if (!filter_pass(probe_number, task))
		return 0;
	thread = bpf_task_storage_get(&threads, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	call->object = PT_REGS_PARM1(ctx);
	call->sp = PT_REGS_SP(ctx);
	n = thread ? thread_calls_above(thread, call->sp) : CALLS_DEEP;
	if (n && thread && call_wraps(thread_call_at(thread, n - 1), call))
		return 0;
	if (n >= CALLS_DEEP) {
		rec_lose(probe_number, LOST_MAP_FULL);
		return 0;
	}
	call->settled = *thread_settled_at(thread, call->object) == call->object;
	*thread_call_at(thread, n) = *call;
	thread->depth = n + 1;
	return 0;
}

/* int SSL_read(SSL *, void *, int) and int SSL_read_ex(SSL *, void *, size_t, size_t *), and the
 * same for writing. */
SEC("uprobe")
int openssl_read(struct pt_regs *ctx)
{
	return call_enter(ctx, &(struct call){.buffer = PT_REGS_PARM2(ctx),
					      .size = (__u32)PT_REGS_PARM3(ctx),
					      .direction = DATA_RECEIVE});
}

SEC("uprobe")
int openssl_read_ex(struct pt_regs *ctx)
{
	return call_enter(ctx, &(struct call){.buffer = PT_REGS_PARM2(ctx),
					      .size = PT_REGS_PARM3(ctx),
					      .moved = PT_REGS_PARM4(ctx),
					      .direction = DATA_RECEIVE});
}

SEC("uprobe")
int openssl_write(struct pt_regs *ctx)
{
	return call_enter(ctx, &(struct call){.buffer = PT_REGS_PARM2(ctx),
					      .size = (__u32)PT_REGS_PARM3(ctx),
					      .direction = DATA_TRANSMIT});
}

SEC("uprobe")
int openssl_write_ex(struct pt_regs *ctx)
{
	return call_enter(ctx, &(struct call){.buffer = PT_REGS_PARM2(ctx),
					      .size = PT_REGS_PARM3(ctx),
					      .moved = PT_REGS_PARM4(ctx),
					      .direction = DATA_TRANSMIT});
}

/* int SSL_write_ex2(SSL *, const void *, size_t, uint64_t flags, size_t *) */
SEC("uprobe")
int openssl_write_ex2(struct pt_regs *ctx)
{
	return call_enter(ctx, &(struct call){.buffer = PT_REGS_PARM2(ctx),
					      .size = PT_REGS_PARM3(ctx),
					      .moved = PT_REGS_PARM5(ctx),
					      .direction = DATA_TRANSMIT});
}

/* ssize_t SSL_sendfile(SSL *, int, off_t, size_t, int) */
SEC("uprobe")
int openssl_sendfile(struct pt_regs *ctx)
{
	return call_enter(ctx, &(struct call){.size = PT_REGS_PARM4(ctx),
					      .direction = DATA_TRANSMIT,
					      .flags = DATA_F_UNSEEN});
}

static __always_inline __u64 call_moved(struct pt_regs *ctx, const struct call *call)
{
	__s64 n = PT_REGS_RC(ctx);

	if (!(call->flags & DATA_F_UNSEEN))
		n = (int)n;
	if (n <= 0)
		return 0;
	return call->moved ? USER_VALUE(__u64, call->moved) : n;
}

/* The socket that a call used is taken for its connection's, until that is known better. */
static __always_inline void connection_assume(struct connection *c, struct rec_flow *used)
{
	if (!used->family || flow_is(&c->flow, FLOW_ASSUMED))
		return;
	used->role = c->role;
	flow_set(&c->flow, FLOW_ASSUMED, used, self_other_end(used));
}

/* Once client_random has told the socket, nothing else counts: a thread may use others inside a
 * call (a session cache, say). */
static __always_inline void call_flow(struct pt_regs *ctx, struct call *call, struct connection *c)
{
	struct rec_flow *found = NULL;
	struct openssl_params *p;
	__u64 base = call->object;
	bool self = false;

	if (flow_is(&c->flow, FLOW_EXACT))
		return;
	p = TARGET(ctx);
	if (p && p->random_at >= 0 && c->tries < FLOW_TRIES) {
		c->tries++;
		if (p->random_in >= 0)
			base = USER_VALUE(__u64, base + p->random_in);
		found = hello_find(base + p->random_at, c->role, &call->flow, &self);
	}
	if (found) {
		c->role = found->role;
		flow_set(&c->flow, FLOW_EXACT, found, self || self_other_end(found));
	} else {
		connection_assume(c, &call->flow);
	}
}

static __always_inline struct emission call_emission(const struct call *call)
{
	return (struct emission){.address = call->buffer,
				 .direction = call->direction,
				 .flags = call->flags,
				 .library = DATA_OPENSSL};
}

static __always_inline void call_emit(struct pt_regs *ctx, struct thread *thread, struct call *call,
				      __u64 n)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct connection *c = connection_find(task, call->object);
	struct emission e = call_emission(call);

	if (!c)
		c = connection_new(task, call->object, REC_ROLE_UNKNOWN, true);
	if (!c) {
		rec_lose(probe_number, LOST_MAP_FULL);
		return;
	}
	call_flow(ctx, call, c);
	*thread_settled_at(thread, call->object) = flow_is(&c->flow, FLOW_EXACT) ? call->object : 0;
	e.total = n;
	if (call->direction == DATA_TRANSMIT) {
		e.offset = c->offset[1];
		e.begun = connection_return(c, n);
	} else {
		e.offset = c->offset[0];
		c->offset[0] += n;
	}
	if (e.begun == n)
		return;
	if (!(call->flags & DATA_F_UNSEEN)) {
		e.cut = max_payload && n > max_payload;
		e.kept = e.cut ? max_payload : n - e.begun;
	}
	data_emit(&e, c);
}

SEC("uretprobe")
int openssl_return(struct pt_regs *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *thread = bpf_task_storage_get(&threads, task, NULL, 0);
	__u64 sp = PT_REGS_SP(ctx) - RETURN_ADDRESS, n;
	struct call *call;

	own_stack(ctx);
	if (!thread || ctl_stopped())
		return 0;
	n = thread_calls_above(thread, sp);
	if (n >= CALLS_DEEP || n >= thread->depth)
		return 0;
	call = thread_call_at(thread, n);
	if (call->sp != sp)
		return 0;
	thread->depth = n;
	n = call_moved(ctx, call);
	if (n > call->size) /* no such call: what we take for a count is none */
		rec_lose(probe_number, LOST_READ_FAULT);
	else if (n)
		call_emit(ctx, thread, call, n);
	return 0;
}

/* ---- beginning and end -------------------------------------------------------------------- */

/* step: the function is called for each step of a handshake, and the first step has begun the
 * connection. */
static __always_inline int connection_begin(struct pt_regs *ctx, __u8 role, bool step)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 object = PT_REGS_PARM1(ctx);
	struct connection *old;

	own_stack(ctx);
	if (!filter_pass(probe_number, task))
		return 0;
	old = connection_find(task, object);
	if (old && step)
		return 0;
	thread_unsettle(task, object);
	if (old)
		connection_end(old, DATA_OPENSSL);
	connection_new(task, object, role, false);
	return 0;
}

SEC("uprobe")
int openssl_connect(struct pt_regs *ctx)
{
	return connection_begin(ctx, REC_ROLE_CLIENT, false);
}

SEC("uprobe")
int openssl_accept(struct pt_regs *ctx)
{
	return connection_begin(ctx, REC_ROLE_SERVER, false);
}

/* For libraries that do not call the functions above themselves (BoringSSL). */
SEC("uprobe")
int openssl_handshake_out(struct pt_regs *ctx)
{
	return connection_begin(ctx, REC_ROLE_CLIENT, true);
}

SEC("uprobe")
int openssl_handshake_in(struct pt_regs *ctx)
{
	return connection_begin(ctx, REC_ROLE_SERVER, true);
}

/* The object will be used for another connection, in the same role. The beginning of a handshake
 * calls this function, too: then nothing was moved yet. */
SEC("uprobe")
int openssl_clear(struct pt_regs *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 object = PT_REGS_PARM1(ctx);
	struct connection *c = connection_find(task, object);

	own_stack(ctx);
	if (!c || !connection_used(c))
		return 0;
	thread_unsettle(task, object);
	connection_end(c, DATA_OPENSSL);
	connection_new(task, object, c->role, false);
	return 0;
}

SEC("uprobe")
int openssl_free(struct pt_regs *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 object = PT_REGS_PARM1(ctx);
	struct connection_key key = connection_key(task, object);
	struct connection *c = connection_find(task, object);

	own_stack(ctx);
	if (!c)
		return 0;
	thread_unsettle(task, object);
	connection_end(c, DATA_OPENSSL);
	bpf_map_delete_elem(&connections, &key);
	return 0;
}

/* ---- sockets ------------------------------------------------------------------------------ */

/* The call that the thread is in, innermost. */
static __always_inline struct call *thread_current_call(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *thread = bpf_task_storage_get(&threads, task, NULL, 0);

	return thread && thread->depth ? thread_call_at(thread, thread->depth - 1) : NULL;
}

/*
 * Notes the first socket that a thread uses inside a call. With a memory BIO it uses none. The
 * kernel may leave out the programs that call this (see kern/core.bpf.c): then the socket of this
 * call is not known, and the next call is another chance. Nothing is lost by that, and it does not
 * concern what client_random tells: programs on packets are never left out.
 */
static __always_inline int call_used_socket(struct call *call, struct sock *sk)
{
	if (call && !call->settled && !call->flow.family)
		sock_flow(&call->flow, sk, bpf_get_socket_cookie(sk));
	return 0;
}

/* A socket has taken n bytes more while a large write is under way: records what is known to be
 * sent (see connection_ahead()). */
static __always_inline void call_progress(struct call *call, struct sock *sk, __u64 n)
{
	struct connection *c = connection_find(bpf_get_current_task_btf(), call->object);
	struct emission e = call_emission(call);
	const struct rec_flow *flow;
	__u64 to;

	if (!c || ctl_stopped())
		return;
	connection_assume(c, &call->flow);
	flow = flow_get(&c->flow);
	if (flow && flow->cookie && flow->cookie != bpf_get_socket_cookie(sk))
		return;
	if (!connection_ahead(c, call->size, n, &to))
		return;
	e.total = call->size;
	e.offset = c->offset[1];
	e.begun = c->recorded;
	e.kept = to - c->recorded;
	c->recorded = to;
	data_emit(&e, c);
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(openssl_sock_send, struct sock *sk, int ret, int flags)
{
	struct call *call = thread_current_call();

	call_used_socket(call, sk);
	if (call && ret > 0 && call->size > ring_size / 16 && call->direction == DATA_TRANSMIT &&
	    !call->flags && !max_payload)
		call_progress(call, sk, ret);
	return 0;
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(openssl_sock_recv, struct sock *sk, int ret, int flags)
{
	return call_used_socket(thread_current_call(), sk);
}

/* Before Linux 6.3 those two tracepoints are missing. This one is passed when bytes were received.
 * It is passed by the thread that receives them if a system call owns the socket. */
SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(openssl_tcp_recv, struct sock *sk)
{
	return sk->sk_lock.owned ? call_used_socket(thread_current_call(), sk) : 0;
}

SEC("cgroup_skb/egress")
int openssl_hello_out(struct __sk_buff *skb)
{
	hello_note(skb, REC_ROLE_CLIENT);
	return 1;
}

SEC("cgroup_skb/ingress")
int openssl_hello_in(struct __sk_buff *skb)
{
	hello_note(skb, REC_ROLE_SERVER);
	return 1;
}
