#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kern: core
# kill -9, and a disk that is full: what was recorded stays readable, nothing of ours stays in the kernel.
. tests/support/lib.sh
need_root
need tshark bpftool mountpoint
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
umount "$T/mnt"

# and one that fills up, is emptied, and is written again
mount -t tmpfs -o size=256k none "$T/mnt"
head -c 200000 /dev/zero >"$T/mnt/ballast"
start record -p exec -w "$T/mnt/again.pcapng"
fill
rm "$T/mnt/ballast"
again() { sh -c : "$NONCE-again"; has "$T/mnt/again.pcapng" "$NONCE-again"; }
holds "space is back: it goes on" await 20 again
stop
check "space is back: still a loss" "$STATUS" 4
holds "space is back: readable" tshark -r "$T/mnt/again.pcapng"
at_least "space is back: rows from after it" "$(rows "$T/mnt/again.pcapng" "$NONCE-again")" 1
done_testing
