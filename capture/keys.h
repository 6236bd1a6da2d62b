/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What an index may find an event by. The reader appends the keys of an event to its chunk: one
 * byte for the type, one for the length, then the value. What a process or a connection has is
 * appended once in each generation, at its first event there: a generation is a frame.
 */
#include <stdint.h>

#include "capture/base/bytes.h"
#include "capture/base/chunk.h"
#include "capture/event.h"

/* Numbers are those of the index file: never reused. */
enum key_type {
	KEY_PID = 1,       /* u32, little endian */
	KEY_UID = 2,       /* u32 */
	KEY_COMM = 3,      /* text */
	KEY_EXE = 4,       /* text; cut to KEY_VALUE bytes */
	KEY_ADDRESS = 5,   /* as of keys_address(); local and remote alike */
	KEY_PORT = 6,      /* u16; local and remote alike */
	KEY_CONN = 7,      /* u64: flow.id */
	KEY_CONTAINER = 8, /* text */
	KEY_TYPES
};

enum {
	KEY_VALUE = 255 /* most bytes of a value: the beginning of a longer one */
};

/* Appends; sets keys_full when there is no room. */
void keys_put(struct chunk *c, enum key_type type, const void *p, size_t n);
/* Takes the first key off rest. False at the end, or where it is damaged. */
bool keys_take(struct bytes *rest, enum key_type *ret_type, struct bytes *ret_value);
/* Everything by which the event is found. first_proc, first_flow: it is the first of its process,
 * or connection, in this generation. */
void keys_of_event(struct chunk *c, const struct event *ev, bool first_proc, bool first_flow);
/* An address of a flow as it is sought: 4 bytes in network order, also where IPv6 only wraps one
 * of IPv4 (::ffff:192.0.2.1), else 16. Points into `address`. */
struct bytes keys_address(uint8_t family, const uint8_t address[16]);

/*
 * A process may take another name or user while it runs, without being another image. Remembers
 * what was told of processes lately; zeroed, nothing was.
 */
enum {
	KEYS_MEMORY = 2048
};
struct keys_memory {
	struct keys_told {
		uint32_t pid, uid, generation, comm_n;
		char comm[16];
	} v[KEYS_MEMORY];
};
/* Appends name and user of the process unless they are what was told last in the chunk's
 * generation. */
void keys_of_change(struct keys_memory *m, struct chunk *c, const struct proc *proc);
