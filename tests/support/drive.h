/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Calls a sink as a medium does, without threads: what it does can be looked at in between. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/base/bytes.h"
#include "capture/sink.h"

struct drive {
	const struct sink_ops *ops;
	void *ctx, *cfg;
	struct sink_env env;
	uint64_t done;
	uint32_t refused;
	unsigned refreshed;
};

/* keys: "k=v,k=v", NULL = none. Asserts that it opens. */
void drive_open(struct drive *d, const char *sink, const char *target, const char *format,
		const char *keys);
void drive_close(struct drive *d);
/* Until it is neither 0 nor -EAGAIN, or 0; at most two seconds, then -EAGAIN. */
int drive_begin(struct drive *d);
int drive_put(struct drive *d, uint64_t number, const void *p, size_t n, size_t opening_n);
int drive_sync(struct drive *d);
/* One attempt to write; *done as of sink_ops.write(). */
int drive_try(struct drive *d, uint64_t number, struct bytes b, size_t opening_n, size_t *done);
/* Waits for what an idle sink waits for, at most so long, and serves it. */
int drive_service(struct drive *d, int timeout_ms);
/* A port of loopback where nobody listens. */
unsigned drive_free_port(void);
/* A listening socket there; rcvbuf 0 = as it is. */
int drive_listen(unsigned port, int rcvbuf);
int drive_connect(unsigned port, int rcvbuf);
/* Reads until nothing has come for a while, or n bytes are there; at its end *ret_over. Appends to
 * p, which has room for cap; how many. */
size_t drive_read(int fd, uint8_t *p, size_t cap, bool *ret_over);
/* A varint-delimited message of n bytes of that value; how many bytes it takes. */
size_t drive_message(uint8_t *p, size_t n, uint8_t value);
/* The same behind a u32. */
size_t drive_frame(uint8_t *p, size_t n, uint8_t value);
