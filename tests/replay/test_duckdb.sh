#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# DuckDB reads archives as they are: samples/duckdb answers its questions.
set -eu
T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT
for raw in samples/raw/*.raw; do "$PENSTOCK" replay "$raw" -w "$T/$(basename "$raw" .raw).jsonl.zst"; done
python3 samples/duckdb/check.py "$T"
