/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Attaching as plain messages: all that the privileged side needs to hear is a file descriptor, an
 * offset in it, which program, and a cookie. Nothing here points into another component, so the
 * privileged half can live in a process of its own.
 *
 * Requests are made by the discovery thread; replies are read by it too. Descriptors passed in a
 * request stay the requester's.
 */
#include <stdbool.h>
#include <stdint.h>

enum {
	ATTACH_HOOK = 64
};

struct attach_request {
	uint32_t id;      /* the requester's, given back in the reply */
	uint16_t probe;   /* number in probes.def */
	uint16_t program; /* index in the probe's hooks table */
	int fd;           /* the ELF file */
	uint64_t offset;  /* file offset of the instruction */
	uint64_t cookie;  /* handed to the program by bpf_get_attach_cookie() */
	int32_t pid;      /* of the only process that it is for, 0 = every one that maps the file */
	bool ret;         /* on return from the function that starts there */
};

struct attach_reply {
	uint32_t id;
	int32_t status; /* 0, or negative errno */
	int32_t link;   /* handle for detaching; -1 when status is not 0 */
};

struct attacher;

/* Makes one attachment. Blocks for its duration (milliseconds). */
void attacher_call(struct attacher *a, const struct attach_request *req, struct attach_reply *ret);
/* Detaches one, or everything. */
void attacher_detach(struct attacher *a, int32_t link);
void attacher_detach_all(struct attacher *a);
