/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Nothing that a message of ours says is lost when it is read and written again. The test walks the
 * schema itself, so that a field that is added to event.proto and forgotten makes it fail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those four first */
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/base/chunk.h"
#include "proto/pb_map.h"
#include "proto/pb_read.h"
#include "tests/support/events.h"
#include "tests/support/protobuf.h"

enum {
	PATHS = 512,
	PATH_SIZE = 96,
	MESSAGE = 16 * 1024,
};

/* Fields that struct event does not have (yet). An entry that ends with a dot stands for all that
 * is below it. What has become wrong here makes the test fail as well. */
static const char *const not_used_yet[] = {
	"host_name",
	"note",
	"tls_secret",
	"packet",
	"http",
	"conn_state",
	"stream_end",
	"conn.community_id",
	"tls_data.tls_version",
	"tls_data.sni",
	"tls_data.alpn",
	"tls_data.client_random",
	"tls_data.cipher_suite",
	"process_info.build_id",
	"process_info.user_name",
	"process_info.container_image",
	"process_info.pod",
	"process_info.k8s_namespace",
	"process_info.pod_uid",
	"process_info.labels",
	"stream_info.labels",
	"stream_info.segment_start_unix_nano",
	"stream_info.segment_index",
	"loss.sink",
	/* heavy: they are in ProcessInfo */
	"process.cgroup",
	"process.pod_uid",
	/* an ancestor is told by its number, names and start */
	"exec.parents.tid",
	"exec.parents.uid",
	"exec.parents.cgroup_id",
	"exec.parents.container_id",
	"exec.parents.ppid",
	"exec.parents.gid",
	"exec.parents.ns_pid",
	"exec.parents.loginuid",
	"exec.parents.start_unix_nano",
	"exec.parents.cgroup",
	"exec.parents.pod_uid",
	"process_info.parents.tid",
	"process_info.parents.uid",
	"process_info.parents.cgroup_id",
	"process_info.parents.container_id",
	"process_info.parents.ppid",
	"process_info.parents.gid",
	"process_info.parents.ns_pid",
	"process_info.parents.loginuid",
	"process_info.parents.start_unix_nano",
	"process_info.parents.cgroup",
	"process_info.parents.pod_uid",
	/* what follows from others */
	"type",
	"orig_len",
	"loss.unit",
	"stream_info.first_seq",
	"stream_info.producer",
	/* what belongs to a stream, not to the run: whoever writes one makes its own */
	"stream_info.stream_id",
	"stream_info.schema_minor",
	"stream_info.schema_sha256",
	"stream_info.descriptor_set",
};

/* Every field that was seen, and whether it came through in a message of any kind. */
struct walk {
	struct pb_map *map;
	struct pb_read *read;
	Penstock__V1__Event *event; /* the message whose fields are changed one by one */
	unsigned n;
	struct {
		char path[PATH_SIZE];
		bool kept;
	} seen[PATHS];
};

static void note_path(struct walk *w, const char *path, bool kept)
{
	unsigned i = 0;

	while (i < w->n && strcmp(w->seen[i].path, path) != 0)
		i++;
	if (i == w->n) {
		assert_true(w->n < PATHS);
		snprintf(w->seen[w->n++].path, PATH_SIZE, "%s", path);
	}
	w->seen[i].kept |= kept;
}

/* Writes what was read, without the length in front. */
static struct bytes write_again(struct walk *w, const struct event *ev)
{
	static uint8_t buffer[MESSAGE];
	struct bytes rest = {(char *)buffer, 0};
	int r = ev->kind == EVENT_KINDS
			? pb_map_process(w->map, ev, buffer, sizeof(buffer), &rest.n)
			: pb_map_event(w->map, ev, buffer, sizeof(buffer), &rest.n);

	assert_int_equal(r, 0);
	return protobuf_take(&rest);
}

/* Does the message, as it is now, come back as it was? */
static bool comes_back(struct walk *w)
{
	static uint8_t packed[MESSAGE];
	const struct event *ev;
	size_t n = penstock__v1__event__get_packed_size(w->event);
	struct err err;

	assert_true(n <= sizeof(packed));
	penstock__v1__event__pack(w->event, packed);
	if (pb_read_event(w->read, (struct bytes){(char *)packed, n}, &ev, &err))
		return false;
	return bytes_eq(write_again(w, ev), (struct bytes){(char *)packed, n});
}

static void walk_message(struct walk *w, ProtobufCMessage *m, const char *prefix);

/* ---- one value is changed, tried, and put back ---------------------------------------------- */

static void try_number(struct walk *w, const ProtobufCFieldDescriptor *f, void *at,
		       const char *path)
{
	bool wide = f->type == PROTOBUF_C_TYPE_FIXED64 || f->type == PROTOBUF_C_TYPE_UINT64 ||
		    f->type == PROTOBUF_C_TYPE_SINT64;
	size_t n = wide ? 8 : f->type == PROTOBUF_C_TYPE_BOOL ? sizeof(protobuf_c_boolean) : 4;
	uint64_t old = 0, new;

	memcpy(&old, at, n); /* little endian, as everything that we are built for */
	new = !strcmp(path, "flags")            ? EVENT_F_GAP
	      : f->type == PROTOBUF_C_TYPE_BOOL ? !old
						: old + 1;
	memcpy(at, &new, n);
	note_path(w, path, comes_back(w));
	memcpy(at, &old, n);
}

static void try_bytes(struct walk *w, ProtobufCBinaryData *at, const char *path)
{
	ProtobufCBinaryData old = *at;
	uint8_t changed[1024] = "x";

	assert_true(old.len <= sizeof(changed));
	if (old.len)
		memcpy(changed, old.data, old.len);
	changed[old.len ? old.len - 1 : 0]++; /* addresses and ids keep their sizes */
	*at = (ProtobufCBinaryData){old.len ? old.len : 1, changed};
	note_path(w, path, comes_back(w));
	*at = old;
}

static void try_text(struct walk *w, char **at, const char *path)
{
	char changed[1024] = "x", *old = *at;

	if (*old) {
		snprintf(changed, sizeof(changed), "%s", old);
		changed[strlen(changed) - 1]++; /* http1 becomes http2 */
	}
	*at = changed;
	note_path(w, path, comes_back(w));
	*at = old;
}

static void try_message(struct walk *w, const ProtobufCMessageDescriptor *d, ProtobufCMessage **at,
			const char *path)
{
	ProtobufCMessage *old = *at;
	char prefix[PATH_SIZE];

	if (old) {
		snprintf(prefix, sizeof(prefix), "%s.", path);
		walk_message(w, old, prefix);
		note_path(w, path, true); /* it was in the plain message */
		return;
	}
	*at = calloc(1, d->sizeof_message);
	assert_non_null(*at);
	protobuf_c_message_init(d, *at);
	note_path(w, path, comes_back(w));
	free(*at);
	*at = NULL;
}

static void try_value(struct walk *w, const ProtobufCFieldDescriptor *f, void *at, const char *path)
{
	switch (f->type) {
	case PROTOBUF_C_TYPE_BYTES:
		try_bytes(w, at, path);
		return;
	case PROTOBUF_C_TYPE_STRING:
		try_text(w, at, path);
		return;
	case PROTOBUF_C_TYPE_MESSAGE:
		try_message(w, f->descriptor, at, path);
		return;
	default:
		try_number(w, f, at, path);
	}
}

/* The first of several; where there is none, one is made. */
static void try_repeated(struct walk *w, const ProtobufCFieldDescriptor *f, char *m,
			 const char *path)
{
	size_t *n = (size_t *)(m + f->quantifier_offset);
	void **at = (void **)(m + f->offset);
	static union {
		ProtobufCBinaryData bytes;
		ProtobufCMessage *message;
	} one;

	if (*n) {
		try_value(w, f, *at, path);
		return;
	}
	memset(&one, 0, sizeof(one));
	*at = &one;
	*n = 1;
	if (f->type == PROTOBUF_C_TYPE_MESSAGE) {
		one.message = calloc(
			1, ((const ProtobufCMessageDescriptor *)f->descriptor)->sizeof_message);
		assert_non_null(one.message);
		protobuf_c_message_init(f->descriptor, one.message);
	}
	note_path(w, path, comes_back(w));
	if (f->type == PROTOBUF_C_TYPE_MESSAGE)
		free(one.message);
	*at = NULL;
	*n = 0;
}

static void walk_message(struct walk *w, ProtobufCMessage *m, const char *prefix)
{
	const ProtobufCMessageDescriptor *d = m->descriptor;

	for (unsigned i = 0; i < d->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &d->fields[i];
		char path[PATH_SIZE], *base = (char *)m;
		bool oneof = f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF;

		snprintf(path, sizeof(path), "%s%s", prefix, f->name);
		if (oneof && *(uint32_t *)(base + f->quantifier_offset) != f->id)
			note_path(w, path, false); /* another message has it, or nobody */
		else if (f->label == PROTOBUF_C_LABEL_REPEATED)
			try_repeated(w, f, base, path);
		else
			try_value(w, f, base + f->offset, path);
	}
}

static void walk_event(struct walk *w, const struct event *ev)
{
	static uint8_t buffer[MESSAGE];
	struct bytes rest = {(char *)buffer, 0};
	int r = ev->kind == EVENT_KINDS
			? pb_map_process(w->map, ev, buffer, sizeof(buffer), &rest.n)
			: pb_map_event(w->map, ev, buffer, sizeof(buffer), &rest.n);

	assert_int_equal(r, 0);
	w->event = protobuf_unpack(protobuf_take(&rest));
	if (!comes_back(w))
		fail_msg("a plain event of kind %d does not come back", ev->kind);
	walk_message(w, &w->event->base, "");
	PROTOBUF_FREE(w->event);
}

static bool is_listed(const char *path)
{
	for (unsigned i = 0; i < sizeof(not_used_yet) / sizeof(not_used_yet[0]); i++)
		if (!strcmp(not_used_yet[i], path))
			return true;
	return false;
}

static bool was_seen(const struct walk *w, const char *path)
{
	for (unsigned i = 0; i < w->n; i++)
		if (!strcmp(w->seen[i].path, path))
			return true;
	return false;
}

static void every_field_comes_back(void **state)
{
	static struct walk w;
	unsigned wrong = 0;

	assert_int_equal(pb_map_new(&w.map, NULL), 0);
	assert_int_equal(pb_read_new(&w.read, NULL), 0);
	for (unsigned k = 0; k <= EVENT_KINDS; k++) {
		struct event ev = events_of(k < EVENT_KINDS ? (enum event_kind)k : EVENT_LINE);

		ev.kind = (enum event_kind)k;
		if (k == EVENT_LOSS) /* of events: they have numbers */
			ev.loss.first_seq = ev.loss.last_seq = 3;
		walk_event(&w, &ev);
	}
	for (unsigned i = 0; i < w.n; i++) {
		if (w.seen[i].kept != is_listed(w.seen[i].path))
			continue;
		print_error("event.proto: %s: %s\n", w.seen[i].path,
			    w.seen[i].kept ? "comes back, and is in the list of what does not"
					   : "is read by nobody, or written by nobody");
		wrong++;
	}
	for (unsigned i = 0; i < sizeof(not_used_yet) / sizeof(not_used_yet[0]); i++)
		if (!was_seen(&w, not_used_yet[i])) {
			print_error("%s: is no field\n", not_used_yet[i]);
			wrong++;
		}
	assert_int_equal(wrong, 0);
	assert_true(w.n > 120);
	pb_read_free(w.read);
	pb_map_free(w.map);
}

/* ---- foreign bytes -------------------------------------------------------------------------- */

static int read_bytes(const void *p, size_t n)
{
	const struct event *ev;
	struct pb_read *r;
	struct err err;
	int ret;

	assert_int_equal(pb_read_new(&r, NULL), 0);
	ret = pb_read_event(r, (struct bytes){p, n}, &ev, &err);
	pb_read_free(r);
	return ret;
}

static void what_is_no_event_is_refused(void **state)
{
	assert_int_equal(read_bytes("", 0), 1);
	assert_int_equal(read_bytes("\x18\x67", 2), 1);             /* the end of a stream */
	assert_int_equal(read_bytes("\x18\x0a", 2), -EBADMSG);      /* an exit without a body */
	assert_int_equal(read_bytes("\x18\x0a\xca\x01\x00", 5), 0); /* and with an empty one */
	assert_int_equal(read_bytes("\x18\x05", 2), -EPROTO);       /* a packet */
	assert_int_equal(read_bytes("\x18\xff\x01", 3), -EPROTO);   /* what is not invented yet */
	assert_int_equal(read_bytes("\x09\x00", 2), -EBADMSG);      /* cut */
	assert_int_equal(read_bytes("\x0b", 1), -EBADMSG);          /* a group */
	assert_int_equal(read_bytes("\x1a\x01x", 3), -EBADMSG);     /* the type as text */
	assert_int_equal(read_bytes("\x18\x08\xba\x01\x00", 5), -EBADMSG); /* nobody described */
	/* an address of three bytes */
	assert_int_equal(read_bytes("\x18\x01\x2a\x05\x12\x03xyz\x82\x01\x00", 12), -EBADMSG);
}

/* Cut or changed anywhere, a message is refused or becomes some other event. */
static void damage_does_no_harm(void **state)
{
	static uint8_t buffer[MESSAGE];
	struct pb_map *map;

	assert_int_equal(pb_map_new(&map, NULL), 0);
	for (unsigned k = 0; k < EVENT_KINDS; k++) {
		struct event ev = events_of((enum event_kind)k);
		struct bytes rest = {(char *)buffer, 0}, m;
		uint8_t *p;

		assert_int_equal(pb_map_event(map, &ev, buffer, sizeof(buffer), &rest.n), 0);
		m = protobuf_take(&rest);
		p = malloc(m.n);
		assert_non_null(p);
		for (size_t i = 0; i < m.n; i++) {
			memcpy(p, m.p, m.n);
			assert_in_range(read_bytes(p, i) + 1000, 0, 1001);
			p[i] ^= 0x55;
			assert_in_range(read_bytes(p, m.n) + 1000, 0, 1001);
		}
		free(p);
	}
	pb_map_free(map);
}

static void texts_have_a_limit(void **state)
{
	static char message[8 + 3000];
	const struct event *ev;
	struct pb_read *r;

	/* an exit with a probe whose name has 3000 bytes */
	memset(message, 'x', sizeof(message));
	memcpy(message, "\x18\x0a\xca\x01\x00\x6a\xb8\x17", 8);
	assert_int_equal(pb_read_new(&r, NULL), 0);
	assert_int_equal(pb_read_event(r, (struct bytes){message, sizeof(message)}, &ev, NULL), 0);
	assert_int_equal(strlen(ev->probe), PB_READ_TEXT);
	pb_read_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_comes_back),
		cmocka_unit_test(what_is_no_event_is_refused),
		cmocka_unit_test(damage_does_no_harm),
		cmocka_unit_test(texts_have_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
