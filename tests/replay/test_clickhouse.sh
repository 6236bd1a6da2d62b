#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# ClickHouse reads archives, and what comes out of Kafka, as samples/clickhouse says, and both alike.
set -eu
T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT
for raw in samples/raw/*.raw; do
	"$PENSTOCK" replay "$raw" -w "$T/$(basename "$raw" .raw).jsonl" -w "$T/$(basename "$raw" .raw).pb"
done
python3 samples/clickhouse/check.py proto/event.proto "$T"
