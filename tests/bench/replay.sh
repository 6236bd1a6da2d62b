#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Replay through each encoder: events per CPU second, and how often its output could have been copied meanwhile.
. tests/bench/lib.sh

events=${EVENTS:-1000000}
T_=${SHM:-/dev/shm}/penstock-bench.$$
mkdir "$T_" && trap 'rm -rf "$T_"; quit' EXIT
printf '%-6s %-7s %12s %10s %12s %14s\n' kind format events/s bytes 'CPU seconds' 'times memcpy'
for kind in exec bash tls; do
	"$BUILD/tests/make_raw" "$events" "$kind" >"$T_/in.raw"
	for format in raw pcapng jsonl text; do
		seconds=$(for _ in 1 2 3; do cpu "$P" replay "$T_/in.raw" -w "$T_/out,format=$format"; done | median)
		bytes=$(stat -c %s "$T_/out")
		copy=$(for _ in 1 2 3; do "$BUILD/tests/bench_memcpy" "$bytes"; done | median)
		awk -v k="$kind" -v f="$format" -v n="$events" -v b="$bytes" -v s="$seconds" -v c="$copy" \
			'BEGIN { printf "%-6s %-7s %12.0f %10d %12.3f %14.1f\n", k, f, n / s, b, s, s / c }'
		rm "$T_/out"
	done
done
