#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kern: core
# kill -9, and a disk that is full: what was recorded stays readable, nothing of ours stays in the kernel.
. tests/support/lib.sh
need_root
need tshark bpftool mountpoint fallocate jq
programs_of() { sed -n 's/^prog_id:[[:space:]]*//p' "/proc/$1/fdinfo/"* 2>/dev/null | sort -u; }
loaded() { for id in $1; do bpftool prog show id "$id" >/dev/null 2>&1 && return 0; done; return 1; }
unloaded() { ! loaded "$1"; }

start record -p exec -p bash -w "$T/k.pcapng"
ids=$(programs_of "$PID")
holds "its programs are in the kernel" loaded "$ids"
sh -c : "$NONCE-killed"
seen "$T/k.pcapng" "$NONCE-killed"
kill -KILL "$PID"
wait "$PID" 2>/dev/null
at_least "kill -9: what was flushed is readable" "$(rows "$T/k.pcapng" "$NONCE-killed")" 1
holds "kill -9: none of its programs stays" await 10 unloaded "$ids"

mkdir "$T/mnt"
mount -t tmpfs -o size=256k none "$T/mnt" || skip "no tmpfs here"
start exec -w "$T/mnt/full.pcapng"
fill() { for i in $(seq 1000); do /bin/echo "$NONCE-full-$i"; done >/dev/null; } # a megabyte of events
fill
stop
check "full disk: exit status" "$STATUS" 4
at_least "full disk: it says so" "$(grep -ci 'no space' "$T/log")" 1
at_least "full disk: what fitted is readable" "$(rows "$T/mnt/full.pcapng" "$NONCE-full")" 50
holds "full disk: the file is whole" tshark -r "$T/mnt/full.pcapng"

# a replay onto it fails, and does not wait for room
run record -p exec -w "$T/many.raw" -- sh -c 'i=0; while [ $i -lt 600 ]; do /bin/true; i=$((i + 1)); done'
check "recorded" "$STATUS" 0
run replay "$T/many.raw" -w "$T/mnt/replay.jsonl"
check "replay onto a full disk" "$STATUS" 4
umount "$T/mnt"

# a limit on the size of files is no different, and ends nobody
(ulimit -f 200 && exec "$P" exec -w "$T/limit.jsonl,flush=50ms" -- sh -c 'i=0; while [ $i -lt 600 ]; do /bin/true; i=$((i + 1)); done; exit 5') \
	>"$T/out" 2>"$T/log" </dev/null
check "file size limit: COMMAND's status" "$?" 5
at_least "file size limit: it says so" "$(grep -ci 'too large' "$T/log")" 1
holds "file size limit: whole lines" jq -es 'length > 0' "$T/limit.jsonl"

# and one that fills up, is emptied, and is written again
mount -t tmpfs -o size=8m none "$T/mnt"
fallocate -l 8000k "$T/mnt/ballast"
start record -p exec -w "$T/mnt/again.pcapng" -w "$T/mnt/again.jsonl"
fill
sh -c : "$NONCE-again"
rm "$T/mnt/ballast"
seen "$T/mnt/again.pcapng" "$NONCE-again"
seen "$T/mnt/again.jsonl" "$NONCE-again"
stop
check "space is back: what waited is written, and nothing lost" "$STATUS" 0
at_least "space is back: it was full" "$(grep -ci 'no space' "$T/log")" 2
holds "space is back: readable" tshark -r "$T/mnt/again.pcapng"
numbers() { grep -ao "$NONCE-full-[0-9]*" "$1" | sort -u | wc -l; }
check "space is back: all rows" "$(numbers "$T/mnt/again.pcapng")" 1000
check "space is back: all lines" "$(numbers "$T/mnt/again.jsonl")" 1000
holds "space is back: seq is dense" jq -es 'map(.seq) | . == [range(1; 1 + length)]' "$T/mnt/again.jsonl"
done_testing
