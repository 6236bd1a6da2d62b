# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Shared by the benchmarks of TLS: where empty probes go, and what each kernel program costs. Sourced after lib.sh.
built() { # PROGRAM LIBRARY…: tests/bench/PROGRAM.c
	local name=$1

	shift
	cc -O2 -D_GNU_SOURCE "tests/bench/$name.c" -o "$T/$name" "$@" 2>"$T/cc.log" || skip "cannot build $name: $(tail -n 1 "$T/cc.log")"
}
exported_places() { nm -D --defined-only "$1" | awk -v lib="$1" '$3 ~ /^SSL_(read|write)(@|$)/ { print lib ":0x" $1 }'; }
inner_places() {
	"$P" check --target "$1" | sed -n 's/.*uprobe ssl_\(read\|write\)_internal2\? at [^+]*+\(0x[0-9a-f]*\).*/\2/p' | sort -u | sed "s|^|$1:|"
}
# costs: of each program of the penstock that runs: how often it ran since the kernel began to count, and nanoseconds for each.
costs() {
	local ids

	ids=$(sed -n 's/^prog_id:[[:space:]]*//p' "/proc/$PID/fdinfo/"* 2>/dev/null | sort -u | tr '\n' ' ')
	bpftool -j prog show | jq -r --arg ids " $ids" '.[] | select(.run_cnt // 0 > 0) | select(.id as $id | $ids | contains(" \($id) ")) |
		"  \(.name): \(.run_cnt) runs, \(.run_time_ns / .run_cnt | floor) ns each"'
}
# profiled COMMAND…: runs it while the kernel counts what programs cost, and prints that.
profiled() {
	local before

	before=$(cat /proc/sys/kernel/bpf_stats_enabled) || return
	echo 1 >/proc/sys/kernel/bpf_stats_enabled
	"$@" >"$T/profiled"
	costs
	echo "$before" >/proc/sys/kernel/bpf_stats_enabled
}
