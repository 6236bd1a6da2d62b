#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kern: core
# Files that follow each other: signals, what others do to them, disks without room. Nothing is lost that is not told.
. tests/support/lib.sh
need_root
need jq zstdcat

# echoes FROM TO: programs with these numbers as arguments; marks FILE…: how many numbers are in them, each once
echoes() { local i; for ((i = $1; i <= $2; i++)); do /bin/true "$NONCE-$i-x"; done; }
numbers() { zstdcat -f "$@" | jq -r 'select(.type == "exec").exec.argv[1] // ""' | grep "^$NONCE-"; }
marks() { numbers "$@" | sort -u | wc -l; }
twice() { numbers "$@" | sort | uniq -d | wc -l; }
is_there() { [ -e "$1" ]; }
has() { zstdcat -f "$1" 2>/dev/null | grep -q "$2"; }
# told FILE…: events that are there, and losses that the files tell of, are all that were numbered. Each medium begins
# with a copy of the first event, which was lost here with the first medium.
told() { zstdcat -f "$@" | jq -s 'map(select(.seq and .type != "meta")) | (map(.seq | tonumber) | max) == length + (map(.loss.count // 0 | tonumber) | add)'; }

# SIGHUP: one after the other, once with nothing moved, once with what logrotate does, then as many as can be sent
start exec -w "$T/hup.jsonl.zst,flush=100ms" -w "$T/turn-%Y%m%dT%H%M%S.jsonl,size=1M,flush=100ms"
echoes 1 50
await 10 has "$T/hup.jsonl.zst" "$NONCE-50-x"
kill -HUP "$PID"
await 10 is_there "$T/hup-000001.jsonl.zst"
echoes 51 100
await 10 has "$T/hup.jsonl.zst" "$NONCE-100-x"
mv "$T/hup.jsonl.zst" "$T/hup.jsonl.zst.1"
install -m 640 /dev/null "$T/hup.jsonl.zst"
echoes 101 120 # these still go to what was moved
kill -HUP "$PID"
await 10 is_there "$T/hup.jsonl.zst.1.idx"
for i in $(seq 100); do kill -HUP "$PID"; [ $((i % 10)) = 0 ] && echoes "$((120 + i))" "$((129 + i))"; done
echoes 230 230
await 10 has "$T/hup.jsonl.zst" "$NONCE-230-x"
stop
check "SIGHUP: nothing lost" "$STATUS" 0
for files in "$T/hup*.zst $T/hup.jsonl.zst.1" "$T/turn-*.jsonl"; do
	# shellcheck disable=SC2086
	check "SIGHUP: everything is in $files" "$(marks $files)" 221
	# shellcheck disable=SC2086
	check "and once" "$(twice $files)" 0
done
holds "each file is whole" zstd -qt "$T"/hup*.zst "$T/hup.jsonl.zst.1"
check "each begins with the run" "$(for f in "$T"/turn-*.jsonl; do head -n 1 "$f" | jq -r .type; done | sort -u)" meta
check "nothing is left half" "$(find "$T" -name '*.part' -o -name '*.tmp')" ""
check "they are private" "$(stat -c %a "$T"/hup*.zst* "$T"/turn* "$T"/.turn* | sort -u)" 600

# SIGUSR1: what is pending is written, and what was counted is told; the run goes on
start exec -w "$T/usr.jsonl,flush=1h"
echoes 1 20
kill -USR1 "$PID"
holds "SIGUSR1 reports" await 10 grep -q 'usr.jsonl: [0-9]* written' "$T/log"
check "what was pending is there" "$(marks "$T/usr.jsonl")" 20
echoes 21 30
stop
check "SIGUSR1: nothing lost" "$STATUS" 0
check "and the rest" "$(marks "$T/usr.jsonl")" 30

# without a file SIGHUP ends a run, as ever
start exec
stop HUP
check "SIGHUP without a file is the end" "$STATUS" 0

# what somebody removes, or cuts, is counted; what follows has a file again
start exec -w "$T/rm.jsonl,flush=100ms" -w "$T/cut.jsonl,flush=100ms"
echoes 1 20
seen "$T/rm.jsonl" "$NONCE-20-x"
seen "$T/cut.jsonl" "$NONCE-20-x"
rm "$T/rm.jsonl"
cp "$T/cut.jsonl" "$T/cut.copy"
: >"$T/cut.jsonl"
echoes 21 40
seen "$T/rm.jsonl" "$NONCE-40-x"
seen "$T/cut.jsonl" "$NONCE-40-x"
stop
check "removed and cut: losses" "$STATUS" 4
check "both are told" "$(grep -c 'somebody has removed it, or cut off' "$T/log")" 2
at_least "and counted" "$(sed -n 's/^penstock: LOST: .*rm.jsonl: \([0-9]*\) .*sink_error.*/\1/p' "$T/log")" 20
for file in rm cut; do
	check "$file: the rest is there" "$(marks "$T/$file.jsonl")" 20
	check "$file: it begins with the run" "$(head -n 1 "$T/$file.jsonl" | jq -r .type)" meta
	check "$file: the losses are in it" "$(told "$T/$file.jsonl")" true
done
check "copytruncate: the copy has what was before" "$(marks "$T/cut.copy")" 20

# the folder goes, and comes again; a link is none
mkdir "$T/dir" "$T/elsewhere"
start exec -w "$T/dir/f.jsonl,size=1M,flush=100ms"
echoes 1 10
await 10 is_there "$T/dir/f-000001.jsonl.part"
seen "$T/dir/f-000001.jsonl.part" "$NONCE-10-x"
rm -r "$T/dir"
ln -s elsewhere "$T/dir"
echoes 11 20
sleep 1 # nothing tells that it has tried
check "nothing went through the link" "$(ls -A "$T/elsewhere")" ""
rm "$T/dir"
mkdir "$T/dir"
await 10 is_there "$T/dir/f-000002.jsonl.part"
stop
check "a folder that went: losses" "$STATUS" 4
check "what came later is there" "$(numbers "$T"/dir/f*.jsonl | sort -u | wc -l)" 10
check "the losses are in it" "$(told "$T"/dir/f*.jsonl)" true

# removed to the last: F6
run exec --fail-on-loss -w "$T/last.jsonl,flush=100ms" -- sh -c "until [ -s '$T/last.jsonl' ]; do sleep .05; done; rm '$T/last.jsonl'"
check "a file that is gone at the end is a loss" "$STATUS" 124
run exec --fail-on-loss -w "$T/last.jsonl,size=1M,flush=100ms" -- sh -c "until ls '$T'/last-*.part; do sleep .05; done; rm '$T'/last-*.part"
check "so is one that rotates" "$STATUS" 124

# two writers
start exec -w "$T/two.jsonl,size=1M" -w "$T/one.jsonl"
run exec -w "$T/two.jsonl,files=3" -- true
check "a second writer of a template" "$STATUS" 125
one_line "being written by another penstock"
run exec -w "$T/two.jsonl" -- true
check "or of the file that it is called after" "$STATUS" 125
run exec -w "$T/one.jsonl,every=1h" -- true
check "or the other way round" "$STATUS" 125
stop
check "the first is none the worse" "$STATUS" 0

# a disk without room: what is there is whole, what is not is counted, and it goes on when there is room again
mkdir "$T/mnt"
if mount -t tmpfs -o size=128k,mode=700 tmpfs "$T/mnt"; then
	long=$(head -c 50000 /dev/zero | tr '\0' A)
	start exec -w "$T/mnt/full.jsonl,size=1M,flush=100ms" -w "$T/mnt/plain.jsonl,flush=100ms"
	for i in $(seq 20); do /bin/true "$NONCE-$i-x" "$long"; done
	no_room() { [ "$(df --output=avail "$T/mnt" | tail -n 1)" -lt 60 ]; }
	holds "it is full" await 10 no_room
	sleep 1 # and something has failed
	mount -o remount,size=64m "$T/mnt"
	echoes 100 110
	await 20 has "$T/mnt/full-000001.jsonl.part" "$NONCE-110-x"
	seen "$T/mnt/plain.jsonl" "$NONCE-110-x"
	stop
	check "what waited for room is there" "$(marks "$T"/mnt/full*.jsonl) $(marks "$T"/mnt/plain.jsonl)" "31 31"
	holds "and every line is whole" jq -e . "$T"/mnt/full*.jsonl "$T"/mnt/plain.jsonl
	check "so nothing is lost" "$STATUS" 0
	umount "$T/mnt"
fi
done_testing
