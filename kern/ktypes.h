/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
#pragma once
/*
 * The few kernel types that our programs read. Field positions come from the running kernel's BTF
 * (CO-RE), so order and completeness do not matter here; names and types must be the kernel's.
 * This takes the place of a vmlinux.h: nothing depends on the builder's kernel.
 */
#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>

/* one line a type */
/* clang-format off */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct { __s32 counter; } atomic_t;
typedef struct { __u32 val; } kuid_t;
typedef struct { __u32 val; } kgid_t;

struct qstr { __u32 len; const unsigned char *name; };
struct hlist_bl_node { struct hlist_bl_node **pprev; };
struct dentry {
	struct hlist_bl_node d_hash;
	struct dentry *d_parent;
	struct qstr d_name;
};
struct vfsmount { struct dentry *mnt_root; };
struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};
struct path { struct vfsmount *mnt; struct dentry *dentry; };
struct inode { unsigned short i_mode; };
struct file {
	struct path f_path;
	struct inode *f_inode;
	void *private_data; /* of a socket: struct socket */
};
struct fs_struct { struct path root, pwd; };
struct mm_struct { unsigned long arg_start, arg_end; struct file *exe_file; };
struct cred { kuid_t uid; kgid_t gid; };
struct tty_struct { char name[64]; };
struct upid { int nr; };
struct pid { unsigned int level; struct upid numbers[1]; };
struct kernfs_node { const char *name; __u64 id; };
struct cgroup;
struct cgroup_subsys_state { struct cgroup *cgroup; struct cgroup_subsys_state *parent; };
struct cgroup_root { int hierarchy_id; };
struct cgroup {
	struct cgroup_subsys_state self;
	struct kernfs_node *kn;
	struct cgroup_root *root;
};
struct css_set { struct cgroup *dfl_cgrp; };
struct signal_struct {
	atomic_t live;
	int nr_threads;
	int group_exit_code;
	unsigned int flags;
	struct tty_struct *tty;
};
struct task_struct {
	struct mm_struct *mm;
	int exit_code;
	int pid, tgid;
	struct task_struct *real_parent, *group_leader;
	struct pid *thread_pid;
	__u64 start_boottime;
	__u64 self_exec_id;
	const struct cred *real_cred;
	char comm[16];
	struct fs_struct *fs;
	struct files_struct *files;
	struct signal_struct *signal;
	kuid_t loginuid;
	struct css_set *cgroups;
};
struct ns_common {
	unsigned int inum;
};
struct net {
	struct ns_common ns;
};
typedef struct {
	struct net *net;
} possible_net_t;
struct in6_addr {
	union {
		__u8 u6_addr8[16];
	} in6_u;
};
struct sock_common {
	__u32 skc_daddr, skc_rcv_saddr; /* network order, like skc_dport */
	__u16 skc_dport, skc_num;
	unsigned short skc_family;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
};
typedef struct {
	int owned; /* by a system call that is under way */
} socket_lock_t;
struct sock {
	struct sock_common __sk_common;
	socket_lock_t sk_lock;
	__u16 sk_protocol;
};
struct socket {
	struct sock *sk;
};
struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};
struct files_struct {
	struct fdtable *fdt;
};

#pragma clang attribute pop
/* clang-format on */
