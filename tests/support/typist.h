/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* A real shell in a pseudo-terminal, somebody who types into it, and what its probe records of
 * that. Needs root and eBPF. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/types.h>

#include "capture/probe.h"

struct typist {
	const struct probe_ops *probe;
	const void *cfg; /* of the probe, may be NULL */
	uint16_t number;
	const char *path; /* of the shell */
	struct core *core;
	void *ctx;
	struct attacher *attacher;
	struct ring_buffer *ring;
	/* what was recorded, one after the other: "line<first><+continued>><expanded>=status;", a
	 * '~' before what was typed before we were there, a '#' before what nobody typed */
	char text[40000];
	size_t n;
};

/* The probe's plan for a file; what inspect() returned. */
int typist_inspect(const struct probe_ops *probe, const void *cfg, const char *path,
		   struct probe_plan *plan);
/* A shell that has said "P1> ", by the path and the arguments of argv. */
pid_t typist_shell(char *const *argv, int *fd);
/* Records the processes of a tree from here on, and ends that: what was recorded is in text. */
void typist_start(struct typist *r, pid_t tree);
void typist_stop(struct typist *r);
/* Types a text, and reads until the shell's last word is `want`. */
void typist_type(int fd, const char *text, const char *want);
void typist_interrupt(pid_t pid, int fd);
void typist_leave(pid_t pid, int fd);
