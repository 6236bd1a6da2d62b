#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kern: core
# A recording that streams to a collector, either of them killed, away or late: every program that was started arrives,
# once. What is going on is said while it goes on.
. tests/support/lib.sh
. tests/support/tls.sh
need_root
need script

port=$(free_port)
programs() { # LETTER: thirty programs
	local i

	for i in $(seq 30); do /bin/true "$NONCE-$1-$i-x"; done
}
spooled() { cat "$T"/spool/*.seg 2>/dev/null | grep -aq "$NONCE-$1-30-x"; }
collect() {
	"$P" collect -l "127.0.0.1:$port" -w "$T/store/all.pb.zst" 2>>"$T/collect.log" &
	collector=$!
	children+=("$collector")
}
stored() { "$P" search "$T/store" --kind exec --text "$NONCE-" 2>/dev/null | grep -oE "exec /bin/true $NONCE-[a-z]-[0-9]+-x"; }

mkdir "$T/store"
record() { start record -p exec --tree $$ -w "fstrm://127.0.0.1:$port,spool=$T/spool"; }
record
programs a
await 20 spooled a
check "a recorder is killed: in the spool before" "$?" 0
kill -KILL "$PID"
wait "$PID" 2>/dev/null
record
programs b
await 20 spooled b
kill -USR1 "$PID"
await 20 grep -q 'in the spool' "$T/log"
holds "how much waits is said" grep -qE 'fstrm://.*: [0-9]+ written, .* [0-9]+ in the spool \(.*\); trying again for [0-9]+ s' "$T/log"
holds "and why" grep -q 'Connection refused (for ' "$T/log"
collect
await 20 sh -c "$(declare -f stored); P='$P' T='$T' NONCE='$NONCE'; stored | grep -q -- -b-30-x"
check "a collector comes late" "$?" 0
kill -KILL "$collector"
wait "$collector" 2>/dev/null
programs c
collect
await 20 sh -c "[ \"\$(grep -c ready '$T/collect.log')\" = 2 ]"
kill -STOP "$collector"
programs d
kill -CONT "$collector"
stop
check "nothing was lost" "$STATUS $(grep -c LOST "$T/log")" "0 0"
kill -TERM "$collector"
wait "$collector"
check "the collector's exit status" "$?" 0
check "each program, once" "$(stored | sort | uniq -c | awk '{ print $1 }' | sort | uniq -c | xargs)" "120 1"
holds "the store is whole" "$P" verify -q "$T"/store/*.pb.zst

# -- what a terminal shows while it is recorded
TERM=xterm script -qfec "stty cols 80; exec $P record -p exec --tree $$ -w $T/t.jsonl -w tcp://127.0.0.1:$(free_port)" "$T/typescript" >/dev/null 2>&1 &
children+=($!)
await 20 grep -qs ready "$T/typescript"
programs t
await 20 grep -qE '[0-9]+:[0-9]{2}:[0-9]{2}  [0-9,]+ events, [0-9,]+/s  [0-9.]+[BKM]  0 lost  tcp: [0-9,]+ waiting, away [0-9]+ s' "$T/typescript"
check "a line at the bottom tells of events, losses and receivers" "$?" 0
check "no line is longer than the terminal" "$(tr '\r' '\n' <"$T/typescript" | sed 's/\x1b\[K//g' | grep -E '^[0-9]+:[0-9]{2}:' | awk 'length > 79' | wc -l)" 0
kill -INT "$(pgrep -f "record -p exec --tree $$ -w $T/t.jsonl" | head -n 1)"
wait "${children[-1]}"
start record -p exec --tree $$ -w "$T/u.jsonl"
programs u
stop
check "elsewhere there is none" "$(grep -c $'\r' "$T/log")" 0
done_testing
