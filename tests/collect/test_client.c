/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One sender and what it may say, with no output behind: what is taken is safe at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those four first */
#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zstd.h>

#include "capture/collect/client.h"
#include "capture/net/batch.h"
#include "proto/pb_read.h"
#include "tests/support/encoding.h"
#include "tests/support/events.h"

enum {
	EVENTS = 20, /* behind the description */
	ROOM = 1 << 20,
};

static const struct opt_list no_outputs;
static struct feeds feeds;
static struct client_env env;
static struct client *client;
static struct err err;
static struct encoding encoding; /* a stream: its description, and events 1 to EVENTS */
static uint8_t out[ROOM];        /* what is sent */
static size_t out_n;

static int setup(void **state)
{
	const struct feeds_config cfg = {.write = &no_outputs, .hosts = 1};

	env = (struct client_env){
		.feeds = &feeds, .zstd = ZSTD_createDCtx(), .memory_max = 64 << 20};
	if (!env.zstd || pb_read_new(&env.read, &err) < 0 || feeds_open(&feeds, &cfg, &err) < 0)
		return -1;
	client = client_new(&env, NULL, 0);
	encoding_open(&encoding, encoder_by_name("pb"), NULL, NULL);
	encoding_begin(&encoding);
	for (unsigned i = 1; i <= EVENTS; i++) {
		struct event ev = events_of(EVENT_LINE);

		ev.seq = i;
		ev.proc_first = i == 1;
		encoding_add(&encoding, &ev);
	}
	encoding_end(&encoding);
	out_n = 0;
	return client ? 0 : -1;
}

static int teardown(void **state)
{
	client_free(client);
	encoding_close(&encoding);
	feeds_close(&feeds);
	pb_read_free(env.read);
	ZSTD_freeDCtx(env.zstd);
	assert_int_equal(env.memory, 0);
	return 0;
}

static void put(const void *p, size_t n)
{
	assert_true(out_n + n <= sizeof(out));
	memcpy(out + out_n, p, n);
	out_n += n;
}

static void put_length(size_t n)
{
	uint8_t head[4] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};

	put(head, sizeof(head));
}

static void put_control(enum fstrm_type type, const char *content)
{
	uint8_t frame[FSTRM_CONTROL_MAX];

	put(frame, fstrm_control(type, &content, content != NULL, frame));
}

static void put_hello(const char *content)
{
	put_control(FSTRM_READY, content);
	put_control(FSTRM_START, content);
}

static void put_batch(const void *p, size_t n, bool zstd, size_t raw_len)
{
	struct batch b = {.first_seq = 1, .count = EVENTS, .raw_len = (uint32_t)raw_len};
	size_t size = ZSTD_compressBound(n), head_n;
	uint8_t *made = malloc(size), head[BATCH_HEAD];

	assert_non_null(made);
	memset(b.stream_id, 's', sizeof(b.stream_id));
	b.data = (struct bytes){p, n};
	if (zstd) {
		b.codec = BATCH_ZSTD;
		b.data = (struct bytes){(char *)made, ZSTD_compress(made, size, p, n, 3)};
	}
	head_n = batch_head(&b, head);
	put_length(head_n + b.data.n);
	put(head, head_n);
	put(b.data.p, b.data.n);
	free(made);
}

/* Each event of the stream as a frame of its own. */
static void put_events(void)
{
	size_t at = 0;

	while (at < encoding.n) {
		size_t n = encoding.p[at] & 0x7f, head = 1;

		for (unsigned shift = 7; encoding.p[at + head - 1] & 0x80; shift += 7)
			n |= (size_t)(encoding.p[at + head++] & 0x7f) << shift;
		put_length(n);
		put(encoding.p + at + head, n);
		at += head + n;
	}
}

static int say(void)
{
	return client_feed(client, (struct bytes){(char *)out, out_n}, 0, &err);
}

static void expect_events(unsigned n)
{
	assert_non_null(feeds.first);
	assert_int_equal(feeds.n, 1);
	assert_string_equal(feeds.first->host, "testhost");
	assert_int_equal(feeds.first->duplicates, n); /* no output has wanted them */
}

static void batches_are_taken(void **state)
{
	struct batch_ack ack;
	struct fstrm_frame frame;
	size_t n, head;

	put_hello(FSTRM_BATCH);
	put_batch(encoding.p, encoding.n, false, encoding.n);
	assert_int_equal(say(), 0);
	expect_events(EVENTS);
	assert_int_equal(feeds.first->run.stream_id[0], 's');
	head = client->out_n;
	client_acknowledge(client);
	assert_int_equal(
		fstrm_parse((struct bytes){(char *)client->out + head, client->out_n - head},
			    &frame, &n),
		0);
	assert_int_equal(batch_ack_parse(frame.data, &ack), 0);
	assert_memory_equal(ack.stream_id, feeds.first->run.stream_id, 16);
	head = client->out_n;
	client_acknowledge(client); /* nothing new: nothing is said */
	assert_int_equal(client->out_n, head);
}

static void batches_are_decompressed(void **state)
{
	put_hello(FSTRM_BATCH);
	put_batch(encoding.p, encoding.n, true, encoding.n);
	assert_int_equal(say(), 0);
	expect_events(EVENTS);
}

/* Whatever is cut off anywhere, the same comes of it. */
static void bytes_come_one_by_one(void **state)
{
	put_hello(FSTRM_BATCH);
	put_batch(encoding.p, encoding.n, true, encoding.n);
	for (size_t i = 0; i < out_n; i++)
		assert_int_equal(client_feed(client, (struct bytes){(char *)out + i, 1}, 0, &err),
				 0);
	expect_events(EVENTS);
}

static void events_are_taken(void **state)
{
	put_hello(FSTRM_EVENT);
	put_events();
	put_control(FSTRM_STOP, NULL);
	assert_int_equal(say(), 0);
	expect_events(EVENTS);
	assert_true(client->stopping);
}

static void plain_events_are_taken(void **state)
{
	put_events();
	assert_int_equal(say(), 0);
	expect_events(EVENTS);
}

static void refuse(int code, const char *why)
{
	assert_int_equal(say(), code);
	assert_non_null(strstr(err.text, why));
}

static void a_batch_that_lies_of_its_size(void **state)
{
	put_hello(FSTRM_BATCH);
	put_batch(encoding.p, encoding.n, true, encoding.n + 1);
	refuse(-EBADMSG, "cannot be decompressed");
}

/* A hundred MiB of zeroes in a few bytes. */
static void a_bomb(void **state)
{
	size_t n = 100 << 20;
	void *zeroes = calloc(1, n);

	assert_non_null(zeroes);
	put_hello(FSTRM_BATCH);
	put_batch(zeroes, n, true, 4096);
	free(zeroes);
	refuse(-EBADMSG, "cannot be decompressed");
	assert_true(env.memory < 1 << 20);
}

static void a_damaged_batch(void **state)
{
	put_hello(FSTRM_BATCH);
	put_batch(encoding.p, encoding.n, false, encoding.n);
	out[out_n - 1] ^= 1;
	refuse(-EBADMSG, "damaged on its way");
}

static void a_batch_that_ends_early(void **state)
{
	put_hello(FSTRM_BATCH);
	put_batch(encoding.p, encoding.n - 1, false, encoding.n - 1);
	refuse(-EBADMSG, "a batch of events that are none");
}

static void no_description(void **state)
{
	size_t first = encoding.p[0] & 0x7f, head = 1;

	for (unsigned shift = 7; encoding.p[head - 1] & 0x80; shift += 7)
		first |= (size_t)(encoding.p[head++] & 0x7f) << shift;
	put_hello(FSTRM_BATCH);
	put_batch(encoding.p + head + first, encoding.n - head - first, false,
		  encoding.n - head - first);
	refuse(-EPROTO, "does not describe");
}

static void no_event_at_all(void **state)
{
	put_length(5);
	put("\xff\xff\xff\xff\xff", 5);
	refuse(-EBADMSG, "an event that is none");
}

/* What all clients together may hold is bounded: who needs more waits. */
static void memory_is_bounded(void **state)
{
	static char much[150 << 10];
	struct bytes more = {much, sizeof(much)};

	env.memory_max = 128 << 10;
	put_length(200 << 10);
	assert_int_equal(say(), 0); /* who announces much gets nothing for that */
	assert_int_equal(env.memory, 64 << 10);
	assert_int_equal(client_feed(client, more, 0, &err), -EAGAIN);
	assert_true(env.memory <= 128 << 10);
	env.memory_max = 1 << 20;
	assert_int_equal(client_feed(client, more, 0, &err), 0);
	assert_true(env.memory >= 150 << 10);
}

/* ---- time ---------------------------------------------------------------------------------- */

static int connect_client(void)
{
	struct conn *conn;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
			 0);
	client_free(client);
	client = NULL;
	if (conn_new(fds[1], NULL, NULL, &conn) < 0) {
		close(fds[0]);
		return -1;
	}
	client = client_new(&env, conn, 1000);
	if (!client)
		conn_close(conn);
	return client ? fds[0] : (close(fds[0]), -1);
}

static void patience_ends(void **state)
{
	int fd = connect_client();

	assert_true(fd >= 0);
	assert_int_equal(client_turn(client, 60000, &err), 0); /* it may be quiet for a minute */
	assert_int_equal(client_turn(client, 61000, &err), -ETIMEDOUT);
	close(fd);
	fd = connect_client();
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "\0\0", 2), 2); /* but once it speaks, it is to go on */
	assert_int_equal(client_turn(client, 2000, &err), 0);
	assert_int_equal(client_turn(client, 11000, &err), -ETIMEDOUT);
	assert_non_null(strstr(err.text, "what it wants"));
	close(fd);
}

static void half_a_frame(void **state)
{
	int fd = connect_client();

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "\0\0\0\7abc", 7), 7);
	assert_int_equal(client_turn(client, 20000, &err), 0);
	assert_int_equal(client_turn(client, 49000, &err), 0);
	assert_int_equal(write(fd, "d", 1), 1); /* it moves, but not enough */
	assert_int_equal(client_turn(client, 49000, &err), 0);
	assert_int_equal(client_turn(client, 50001, &err), 0);
	assert_int_equal(client_turn(client, 50002, &err), -ETIMEDOUT);
	assert_non_null(strstr(err.text, "middle of a frame"));
	close(fd);
}

static void ends_in_good_order(void **state)
{
	int fd = connect_client();
	uint8_t in[1024];
	ssize_t n;

	assert_true(fd >= 0);
	put_hello(FSTRM_BATCH);
	put_batch(encoding.p, encoding.n, false, encoding.n);
	put_control(FSTRM_STOP, NULL);
	assert_int_equal(write(fd, out, out_n), out_n);
	assert_int_equal(client_turn(client, 2000, &err), -EPIPE);
	n = read(fd, in, sizeof(in));
	assert_true(n > 12);
	assert_memory_equal(in + n - 12, "\0\0\0\0\0\0\0\4\0\0\0\5", 12); /* FINISH */
	expect_events(EVENTS);
	close(fd);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(batches_are_taken),
		TEST(batches_are_decompressed),
		TEST(bytes_come_one_by_one),
		TEST(events_are_taken),
		TEST(plain_events_are_taken),
		TEST(a_batch_that_lies_of_its_size),
		TEST(a_bomb),
		TEST(a_damaged_batch),
		TEST(a_batch_that_ends_early),
		TEST(no_description),
		TEST(no_event_at_all),
		TEST(memory_is_bounded),
		TEST(patience_ends),
		TEST(half_a_frame),
		TEST(ends_in_good_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
