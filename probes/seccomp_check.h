/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Is it safe to probe returns in processes that have a seccomp filter? On x86-64 a probed function
 * returns through a system call since Linux 6.11, and until it was mended (6.14 and stable kernels
 * of that time) a filter saw that call: whoever forbids what it does not know dies, or goes on at a
 * wrong address. No version tells; a child tries.
 */
#include "capture/base/err.h"

/* 0 safe; 1 not safe; negative errno with text: it cannot be told. Takes 10 to 20 ms, most of it to
 * attach, and seconds at most. The child is no process of the recorder's own (kern/common.bpf.h):
 * to be called before anything is recorded. */
int seccomp_check(struct err *err);

/* The child's verdict, by how it ended: as seccomp_check(). */
enum {
	SECCOMP_CHECK_PASSED,     /* returned through the probe, and the filter saw nothing */
	SECCOMP_CHECK_CAUGHT,     /* the filter saw the call */
	SECCOMP_CHECK_UNFILTERED, /* the kernel has no filters */
	SECCOMP_CHECK_REFUSED,    /* it has, but not for us */
	SECCOMP_CHECK_UNPROBED    /* returned as always */
};
int seccomp_check_judge(int wait_status, struct err *err);
