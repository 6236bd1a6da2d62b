/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a message: what is read and written is read and written the same once more. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "capture/base/chunk.h"
#include "proto/pb_map.h"
#include "proto/pb_read.h"
#include "proto/pb_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct pb_read *reader;
static struct pb_map *map;

static void once(void)
{
	if (!reader && (pb_read_new(&reader, NULL) || pb_map_new(&map, NULL)))
		abort();
}

/* Encoders are never handed an event that lacks these: see capture/playback.c. */
static bool is_complete(const struct event *ev)
{
	return ev->kind != EVENT_DATA || ev->flow;
}

/* The message without its length; none when nothing can be written. */
static struct bytes rewrite(struct bytes message, uint8_t *to)
{
	const struct event *ev;
	struct err err;
	uint64_t length;
	size_t n, head;
	int r;

	if (pb_read_event(reader, message, &ev, &err) || !is_complete(ev))
		return (struct bytes){0};
	r = ev->kind == EVENT_KINDS ? pb_map_process(map, ev, to, CHUNK_JUMBO, &n)
				    : pb_map_event(map, ev, to, CHUNK_JUMBO, &n);
	if (r)
		return (struct bytes){0};
	if (pb_wire_varint((struct bytes){(char *)to, n}, &length, &head) || length != n - head)
		abort();
	return (struct bytes){(char *)to + head, length};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static uint8_t first[CHUNK_JUMBO], second[CHUNK_JUMBO];
	struct bytes a, b;

	once();
	a = rewrite((struct bytes){(const char *)data, n}, first);
	if (!a.p)
		return 0;
	b = rewrite(a, second);
	if (!b.p || !bytes_eq(a, b))
		abort();
	return 0;
}
