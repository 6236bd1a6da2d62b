#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Makes the topic that penstock sends to, with the tools of Apache Kafka.
# Usage: topic.sh BROKER[:PORT] [TOPIC [PARTITIONS [REPLICAS]]]
# CLIENT=FILE: properties of a Java client, for a cluster that asks for a password.
set -eu

broker=${1:?usage: topic.sh BROKER:PORT [TOPIC [PARTITIONS [REPLICAS]]]}
topic=${2:-penstock}
# The messages of a host lie in one partition: as many as there are consumers to share the work, not as there are hosts.
partitions=${3:-12}
replicas=${4:-3}

# max.message.bytes: penstock's largest message is 8 MiB, before it is compressed.
# compression.type: messages stay as penstock compressed them.
# retention: so long a consumer may be away.
# min.insync.replicas: of three replicas one may be missing; what penstock calls done is on two at least.
exec kafka-topics.sh --bootstrap-server "$broker" ${CLIENT:+--command-config "$CLIENT"} --create --if-not-exists \
	--topic "$topic" --partitions "$partitions" --replication-factor "$replicas" \
	--config max.message.bytes=9437184 \
	--config compression.type=producer \
	--config retention.ms=259200000 \
	--config min.insync.replicas=$((replicas > 2 ? 2 : 1))
