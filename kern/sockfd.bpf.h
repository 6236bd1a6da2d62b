/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
#pragma once
/*
 * The connection behind a file descriptor, for programs to which the kernel gives no socket.
 */
#include "kern/sock.bpf.h"
#include "kern/uprobe.bpf.h"

/* What sock_flow() tells, of a socket whose pointer the verifier does not know for one: without its
 * cookie. False when it is not one of TCP. */
static __always_inline bool sockfd_read(struct rec_flow *ret, struct sock *sk)
{
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
	__u16 protocol = BPF_CORE_READ(sk, sk_protocol);

	__builtin_memset(ret, 0, sizeof(*ret));
	if ((family != FAMILY_INET && family != FAMILY_INET6) ||
	    (protocol != PROTOCOL_TCP && protocol != PROTOCOL_MPTCP))
		return false;
	ret->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	ret->family = family;
	ret->protocol = PROTOCOL_TCP;
	ret->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
	ret->remote_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	if (family == FAMILY_INET) {
		*(__u32 *)ret->local = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
		*(__u32 *)ret->remote = BPF_CORE_READ(sk, __sk_common.skc_daddr);
		return true;
	}
	BPF_CORE_READ_INTO(&ret->local, sk, __sk_common.skc_v6_rcv_saddr.in6_u.u6_addr8);
	BPF_CORE_READ_INTO(&ret->remote, sk, __sk_common.skc_v6_daddr.in6_u.u6_addr8);
	sock_mapped(ret);
	return true;
}

/* The flow of a file descriptor of the current task; false when it is no TCP socket. Pointers are
 * followed by reads that may fail, for what is at a number is not ours to trust. */
static __always_inline bool sockfd_flow(struct rec_flow *ret, __u32 fd, __u8 role)
{
	struct task_struct *task = current_task();
	struct fdtable *fdt = BPF_CORE_READ(task, files, fdt);
	struct file **files = BPF_CORE_READ(fdt, fd), *file = NULL;
	struct socket *socket;
	struct sock *sk;
	__u16 mode;

	__builtin_memset(ret, 0, sizeof(*ret));
	if (!fdt || fd >= BPF_CORE_READ(fdt, max_fds))
		return false;
	bpf_probe_read_kernel(&file, sizeof(file), files + fd);
	mode = BPF_CORE_READ(file, f_inode, i_mode);
	if (!file || (mode & 0170000) != 0140000)
		return false;
	socket = BPF_CORE_READ(file, private_data);
	sk = BPF_CORE_READ(socket, sk);
	if (!sk || !sockfd_read(ret, sk))
		return false;
	ret->role = role;
	return true;
}
