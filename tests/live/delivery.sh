#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kern: core
# Places that take nothing, or come and go: they cost themselves something, and nobody else.
. tests/support/lib.sh
need_root
need jq tshark mkfifo

# flood N: N programs whose arguments are 100 KB, so that 400 of them are more than a queue holds
head -c 100000 /dev/zero | tr '\0' A >"$T/long"
flood() { local i; for ((i = 0; i < $1; i++)); do /bin/true "$NONCE-flood-$i-x" "$(<"$T/long")"; done; }
floods() { grep -o "$NONCE-flood-[0-9]*-x" "$1" | sort -u | wc -l; }
# shellcheck disable=SC2217 # that it does not read is the point
unread() { mkfifo "$1"; sleep 1000 <"$1" & children+=($!); } # somebody has it open, and reads nothing

# a reader of standard output that stands still, and another output
unread "$T/still"
: >"$T/log"
env --default-signal=INT "$P" exec -w -,format=jsonl -w "$T/whole.jsonl" >"$T/still" 2>"$T/log" </dev/null &
PID=$!
children+=("$PID")
await 30 ready
flood 450
sh -c : "$NONCE-last"
seen "$T/whole.jsonl" "$NONCE-last"
check "the other output has everything" "$(floods "$T/whole.jsonl")" 450
SECONDS=0
stop
holds "Ctrl-C ends it, within the patience for what stands still" test "$SECONDS" -le 12
check "a loss" "$STATUS" 4
check "the counters add up" "$(grep -c 'do not add up' "$T/log")" 0
lost=$(sed -n 's/^penstock: LOST: stdout: \([0-9]*\) .*queue_full.*/\1/p' "$T/log")
at_least "what did not fit is counted" "$lost" 50
holds "and no more than there was" test "$lost" -lt 2000
check "the other output lost nothing" "$(grep -c 'LOST: .*whole' "$T/log")" 0

# it alone: `penstock exec | less`, left standing
: >"$T/log"
env --default-signal=INT "$P" exec >"$T/still" 2>"$T/log" </dev/null &
PID=$!
children+=("$PID")
await 30 ready
flood 450
SECONDS=0
stop
holds "Ctrl-C ends it when it is the only output" test "$SECONDS" -le 12

# one after the other, each reader of a FIFO gets what it can read by itself
cp /bin/true "$T/pfx"
for format in raw pcapng jsonl; do
	mkfifo "$T/fifo.$format"
	start exec --comm pfx -w "$T/fifo.$format"
	cat "$T/fifo.$format" >"$T/first.$format" &
	reader=$!
	children+=("$reader")
	"$T/pfx" "$NONCE-first"
	seen "$T/first.$format" "$NONCE-first"
	kill "$reader"
	wait "$reader" 2>/dev/null
	sleep 0.3 # nothing tells that penstock has seen it leave
	cat "$T/fifo.$format" >"$T/second.$format" &
	reader=$!
	children+=("$reader")
	"$T/pfx" "$NONCE-second"
	seen "$T/second.$format" "$NONCE-second"
	stop
	wait "$reader"
done
run replay "$T/second.raw" -w "$T/second-raw.jsonl"
at_least "the second reader's raw recording is one" "$(grep -c "exec.*$NONCE-second" "$T/second-raw.jsonl")" 1
check "it knows the processes that were there before" \
	"$(json "$T/second-raw.jsonl" 'select(.type == "exec" and .process.comm == "pfx") | .exec.parents | length > 0' | sort -u)" true
at_least "the second reader's pcapng" "$(rows "$T/second.pcapng" "$NONCE-second")" 1
holds "the second reader's JSON" jq -e . "$T/second.jsonl"
check "begins with the run" "$(head -n 1 "$T/second.jsonl" | jq -r .type)" meta

# a replay that holds back more large records than there are large chunks; and one of what is being recorded
run record -p exec -w "$T/large.raw" -- bash -c 'a=$(head -c 120000 /dev/zero | tr "\0" A); for i in $(seq 40); do /bin/true "$a" "$a"; done'
check "recorded" "$STATUS" 0
run replay "$T/large.raw" -w "$T/large.jsonl,hold=60s" -w "$T/large.pcapng,hold=60s"
check "hold= with many large records ends" "$STATUS" 0
check "and has them" "$(json "$T/large.jsonl" 'select(.type == "exec" and .exec.argv_bytes > 200000) | 1' | wc -l)" 40

mkfifo "$T/live.raw"
"$P" replay - -w - <"$T/live.raw" 2>/dev/null | tshark -l -r - -Y systemd_journal -T fields -e systemd_journal.message >"$T/live" 2>/dev/null &
children+=($!)
start exec --comm pfx -w "$T/live.raw,flush=100ms"
"$T/pfx" "$NONCE-live"
seen "$T/live" "$NONCE-live"
stop

# a run without events leaves nothing of the one before; one that fails to start leaves all
run exec -w "$T/used.jsonl,kinds=exec" -- sh -c : "$NONCE-before"
holds "there is something" grep -q "$NONCE-before" "$T/used.jsonl"
run record -p bash --path /nonexistent -w "$T/used.jsonl"
holds "a run that fails leaves it" grep -q "$NONCE-before" "$T/used.jsonl"
start exec --comm nobody-has-it -w "$T/used.jsonl,kinds=exec"
holds "it is empty soon" await 5 test ! -s "$T/used.jsonl"
stop
check "and stays so" "$(stat -c %s "$T/used.jsonl")" 0
done_testing
