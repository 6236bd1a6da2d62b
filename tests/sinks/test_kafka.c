/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/kafka_stage.h"

static void what_is_done_is_in_the_log_once_and_in_order(void **state)
{
	struct kafka_stage s;

	kafka_stage_up(&s, 1, 1, "");
	assert_int_equal(kafka_stage_send(&s, 2000), 0); /* more than the window holds */
	assert_int_equal(kafka_stage_sync(&s), 0);
	assert_int_equal(s.done, 2000);
	kafka_stage_expect(&s, 2000, false);
	kafka_stage_down(&s);
}

static void a_message_says_what_it_is(void **state)
{
	/* StreamInfo of an Event: stream_id 16 bytes, schema_sha256 32 bytes. */
	static const char opening[] = "\x37\xa2\x06\x34"
				      "\x0a\x10"
				      "0123456789abcdef"
				      "\x5a\x20"
				      "0123456789abcdef0123456789abcdef";
	static const char id[] = "30313233343536373839616263646566";
	struct parcel parcel = {.p = (const uint8_t *)opening, .n = sizeof(opening) - 1};
	struct kafka_log *log = calloc(1, sizeof(*log));
	char schema[65];
	size_t done = 0;
	struct kafka_stage s;

	snprintf(schema, sizeof(schema), "%s%s", id, id);
	kafka_stage_up(&s, 1, 1, "message-key=web-1");
	assert_int_equal(sink_kafka.write(s.ctx, &parcel, &done), 0);
	assert_int_equal(done, parcel.n);
	assert_int_equal(kafka_stage_send(&s, 1), 0);
	assert_int_equal(kafka_stage_sync(&s), 0);
	kafka_stage_read(&s, 1, log);
	assert_int_equal(log->n, 2);
	assert_int_equal(log->v[0]->len, parcel.n);
	assert_memory_equal(log->v[0]->payload, opening, parcel.n);
	kafka_stage_has(log->v[0], "penstock-part", "opening");
	kafka_stage_has(log->v[0], "penstock-schema", schema);
	kafka_stage_has(log->v[0], "penstock-records", NULL);
	for (size_t i = 0; i < 2; i++) {
		kafka_stage_has(log->v[i], "content-type", "application/x-protobuf");
		kafka_stage_has(log->v[i], "penstock-stream", id);
		assert_int_equal(log->v[i]->key_len, 5);
		assert_memory_equal(log->v[i]->key, "web-1", 5);
	}
	kafka_stage_has(log->v[1], "penstock-part", "events");
	kafka_stage_has(log->v[1], "penstock-records", "3");
	kafka_stage_has(log->v[1], "penstock-first-seq", "1");
	kafka_stage_has(log->v[1], "penstock-last-seq", "3");
	kafka_stage_has(log->v[1], "penstock-again", NULL);
	kafka_stage_read_done(&s, log);
	free(log);
	kafka_stage_down(&s);
}

static void brokers_that_are_not_there_yet_are_waited_for(void **state)
{
	struct kafka_stage s;

	kafka_stage_cluster(&s, 1, 1);
	rd_kafka_mock_broker_set_down(s.cluster, 1);
	assert_int_equal(kafka_stage_open(&s, ""), 0);
	assert_int_equal(kafka_stage_begin(&s), -ENOTCONN);
	assert_non_null(strstr(sink_kafka.why(s.ctx), "127.0.0.1"));
	assert_non_null(strstr(sink_kafka.state(s.ctx), "no broker can be reached"));
	assert_int_equal(sink_kafka.trouble(s.ctx), -ENOTCONN);
	assert_int_equal(sink_kafka.begin(s.ctx, &(struct sink_medium){.unix_ns = 0}), -EAGAIN);
	rd_kafka_mock_broker_set_up(s.cluster, 1);
	assert_int_equal(kafka_stage_begin(&s), 0);
	kafka_stage_deliver(&s, 10);
	assert_null(strstr(sink_kafka.state(s.ctx), "no broker"));
	assert_int_equal(sink_kafka.trouble(s.ctx), 0);
	kafka_stage_expect(&s, 10, false);
	kafka_stage_down(&s);
}

static void an_outage_costs_nothing(void **state)
{
	struct kafka_stage s;
	int r = 0;

	kafka_stage_up(&s, 1, 1, "");
	kafka_stage_deliver(&s, 100);
	rd_kafka_mock_broker_set_down(s.cluster, 1);
	for (int i = 0; i < 2000 && r == 0; i++)
		r = kafka_stage_write(&s, s.sent + 1);
	assert_int_equal(r, -EAGAIN); /* the window is full, and nobody waits */
	assert_true(s.sent >= 1000 && s.done < s.sent);
	assert_int_equal(sink_kafka.sync(s.ctx), -EAGAIN);
	rd_kafka_mock_broker_set_up(s.cluster, 1);
	kafka_stage_deliver(&s, 2000);
	kafka_stage_expect(&s, 2000, true);
	kafka_stage_down(&s);
}

static void passing_errors_pass(void **state)
{
	static const rd_kafka_resp_err_t errors[] = {
		RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
		RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
		RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS};
	struct kafka_stage s;

	kafka_stage_up(&s, 3, 1, "");
	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
		rd_kafka_mock_push_request_errors(s.cluster, KAFKA_STAGE_PRODUCE, 1, errors[i]);
		kafka_stage_deliver(&s, s.sent + 50);
	}
	kafka_stage_expect(&s, 250, true);
	kafka_stage_down(&s);
}

static void what_a_broker_finds_too_large_is_sent_by_itself_and_then_refused(void **state)
{
	const int large = RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
	struct kafka_stage s;

	kafka_stage_up(&s, 1, 1, "");
	kafka_stage_deliver(&s, 5);
	rd_kafka_mock_push_request_errors(s.cluster, KAFKA_STAGE_PRODUCE, 2, large, large);
	assert_int_equal(kafka_stage_send(&s, 6), 0);
	assert_int_equal(kafka_stage_sync(&s), -EMSGSIZE); /* it may have been the batch */
	assert_non_null(strstr(sink_kafka.why(s.ctx), "size too large"));
	assert_int_equal(s.done, 5);
	s.sent = s.done;
	assert_int_equal(kafka_stage_begin(&s), 0);
	kafka_stage_deliver(&s, 20);
	assert_int_equal(s.refused_number, 6);
	assert_int_equal(s.refused, 3);
	kafka_stage_down(&s);
}

static void what_no_broker_could_take_is_refused_at_once(void **state)
{
	size_t n = 10 << 20, done = 0;
	uint8_t *huge = calloc(1, n);
	const struct parcel parcel = {.p = huge, .n = n, .number = 2, .records = 7};
	struct kafka_stage s;

	kafka_stage_up(&s, 1, 1, "");
	assert_int_equal(kafka_stage_send(&s, 1), 0);
	assert_int_equal(sink_kafka.write(s.ctx, &parcel, &done), 0);
	assert_int_equal(done, n);
	s.sent = 2;
	assert_int_equal(kafka_stage_sync(&s), 0);
	assert_int_equal(s.refused_number, 2);
	assert_int_equal(s.refused, 7);
	assert_int_equal(s.done, 2);
	kafka_stage_deliver(&s, 3);
	kafka_stage_down(&s);
	free(huge);
}

/* What idempotence cannot bear ends the producer; the next one gets what was not done. */
static void another_producer_follows_one_that_failed(void **state)
{
	static const rd_kafka_resp_err_t errors[] = {
		RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
		RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
		RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
		RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT};
	struct kafka_stage s;

	kafka_stage_up(&s, 1, 1, "");
	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
		uint64_t before = s.sent;

		rd_kafka_mock_push_request_errors(s.cluster, KAFKA_STAGE_PRODUCE, 1, errors[i]);
		assert_int_equal(kafka_stage_send(&s, before + 20), 0);
		assert_true(kafka_stage_sync(&s) < 0);
		assert_non_null(sink_kafka.why(s.ctx));
		s.sent = s.done;
		assert_int_equal(kafka_stage_begin(&s), 0);
		kafka_stage_deliver(&s, before + 20);
	}
	kafka_stage_expect(&s, 80, true);
	kafka_stage_down(&s);
}

static void a_topic_that_there_is_not_is_a_failure_with_its_name(void **state)
{
	struct kafka_stage s;

	kafka_stage_cluster(&s, 1, 1);
	rd_kafka_mock_topic_set_error(s.cluster, "events", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
	assert_int_equal(kafka_stage_open(&s, "property=topic.metadata.propagation.max.ms:100"), 0);
	assert_int_equal(kafka_stage_begin(&s), 0);
	assert_int_equal(kafka_stage_send(&s, 1), 0);
	assert_int_equal(kafka_stage_sync(&s), -ENOENT);
	assert_non_null(strstr(sink_kafka.why(s.ctx), "events"));
	rd_kafka_mock_topic_set_error(s.cluster, "events", RD_KAFKA_RESP_ERR_NO_ERROR);
	s.sent = 0;
	assert_int_equal(kafka_stage_begin(&s), 0);
	kafka_stage_deliver(&s, 5);
	kafka_stage_expect(&s, 5, false);
	kafka_stage_down(&s);
}

static void without_a_key_all_partitions_are_used_and_done_keeps_the_order(void **state)
{
	struct kafka_log *log = calloc(1, sizeof(*log));
	unsigned used[4] = {0}, partitions = 0;
	struct kafka_stage s;

	kafka_stage_up(&s, 3, 4, "message-key=");
	for (unsigned i = 0; i < 40; i++) /* each batch goes somewhere */
		kafka_stage_deliver(&s, s.sent + 10);
	kafka_stage_read(&s, 4, log);
	assert_int_equal(log->n, 400);
	for (size_t i = 0; i < log->n; i++)
		used[log->v[i]->partition]++;
	for (unsigned i = 0; i < 4; i++)
		partitions += used[i] > 0;
	assert_true(partitions > 1);
	kafka_stage_read_done(&s, log);
	free(log);
	kafka_stage_down(&s);
}

/* The bytes of messages that nobody reported may go as soon as close() is over. */
static void closing_lets_go_of_what_was_on_its_way(void **state)
{
	struct parcel parcel = {.n = 1 << 20, .records = 1};
	uint8_t *bytes = calloc(20, parcel.n);
	struct kafka_stage s;

	kafka_stage_up(&s, 1, 1, "compress=none");
	rd_kafka_mock_broker_set_rtt(s.cluster, 1, 5000);
	for (uint64_t i = 0; i < 20; i++) {
		size_t done = 0;

		parcel.p = bytes + i * parcel.n;
		parcel.number = i + 1;
		assert_int_equal(sink_kafka.write(s.ctx, &parcel, &done), 0);
	}
	kafka_stage_wait(&s, true);
	kafka_stage_close(&s);
	free(bytes);
	assert_int_equal(s.done, 0);
	kafka_stage_cluster_down(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_done_is_in_the_log_once_and_in_order),
		cmocka_unit_test(a_message_says_what_it_is),
		cmocka_unit_test(brokers_that_are_not_there_yet_are_waited_for),
		cmocka_unit_test(an_outage_costs_nothing),
		cmocka_unit_test(passing_errors_pass),
		cmocka_unit_test(what_a_broker_finds_too_large_is_sent_by_itself_and_then_refused),
		cmocka_unit_test(what_no_broker_could_take_is_refused_at_once),
		cmocka_unit_test(another_producer_follows_one_that_failed),
		cmocka_unit_test(a_topic_that_there_is_not_is_a_failure_with_its_name),
		cmocka_unit_test(without_a_key_all_partitions_are_used_and_done_keeps_the_order),
		cmocka_unit_test(closing_lets_go_of_what_was_on_its_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
