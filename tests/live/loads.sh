#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The kernel takes the programs of each probe, whether its targets are there or not: for kernels on which the others take too long.
. tests/support/lib.sh
need_root
mapfile -t probes < <(sed -nE 's/^PROBE\(([a-z_0-9]+),.*/\1/p' probes/probes.def)
at_least "probes" "${#probes[@]}" 8
for probe in "${probes[@]}"; do
	: >"$T/log"
	"$P" record -p "$probe" -w "$T/$probe.jsonl" >"$T/out" 2>"$T/log" &
	PID=$!
	children+=("$PID")
	await 120 ready
	stop
	check "$probe: $(tail -n 1 "$T/log")" "$STATUS" 0
done
done_testing
