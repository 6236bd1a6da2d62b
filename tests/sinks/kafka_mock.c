/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A cluster of Kafka brokers that keeps everything in memory, out of librdkafka, as a program.
 * Usage: kafka_mock [BROKERS [PARTITIONS [TOPIC…]]]
 * Prints the addresses of its brokers, does what the lines on its standard input say, and ends with
 * that. Each is answered with "ok":
 *     down, up         of all brokers
 *     rtt MS           what an answer takes at least
 *     error N CODE     the next N produce requests are answered with that error of the protocol
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

enum {
	API_PRODUCE = 0,
	PARTITIONS = 1,
};

static void obey(rd_kafka_mock_cluster_t *cluster, int brokers, const char *line)
{
	unsigned n, value;

	for (int id = 1; id <= brokers; id++) {
		if (!strncmp(line, "down", 4))
			rd_kafka_mock_broker_set_down(cluster, id);
		else if (!strncmp(line, "up", 2))
			rd_kafka_mock_broker_set_up(cluster, id);
		else if (sscanf(line, "rtt %u", &n) == 1)
			rd_kafka_mock_broker_set_rtt(cluster, id, (int)n);
	}
	if (sscanf(line, "error %u %u", &n, &value) == 2)
		while (n--)
			rd_kafka_mock_push_request_errors(cluster, API_PRODUCE, 1,
							  (rd_kafka_resp_err_t)value);
}

int main(int argc, char **argv)
{
	int brokers = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 1,
	    partitions = argc > 2 ? (int)strtol(argv[2], NULL, 10) : PARTITIONS;
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_mock_cluster_t *cluster;
	char why[512], line[128];
	rd_kafka_t *rk;

	rd_kafka_conf_set(conf, "log_level", "0", why, sizeof(why));
	rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
	cluster = rk ? rd_kafka_mock_cluster_new(rk, brokers) : NULL;
	if (!cluster)
		return 1;
	for (int i = 3; i < argc; i++)
		rd_kafka_mock_topic_create(cluster, argv[i], partitions, brokers);
	printf("%s\n", rd_kafka_mock_cluster_bootstraps(cluster));
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		obey(cluster, brokers, line);
		printf("ok\n");
		fflush(stdout);
	}
	rd_kafka_mock_cluster_destroy(cluster);
	rd_kafka_destroy(rk);
	return 0;
}
