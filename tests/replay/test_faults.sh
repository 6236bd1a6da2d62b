#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Archives that follow each other on disks that fail: what is there is whole, what is not is counted.
. tests/support/lib.sh
need zstd strace

# The events of these files, by their times, in the order in which they were offered.
times() {
	local file

	for file; do
		"$P" replay -q "$file" -w -,format=jsonl,kinds=tls_data 2>/dev/null |
			grep -a '"type":"tls_data"' | grep -ao '"time_boot_ns":"[0-9]*"'
	done
}
lost() { sed -n "s/^penstock: LOST: [^ ]*$1[^ ]*: \([0-9]*\) .*/\1/p" "$T/log" | awk '{ n += $1 } END { print n + 0 }'; }
whole() { # WHAT FILE…
	holds "$1: whole" "$P" verify -q "${@:2}"
	holds "$1: zstd takes them" zstd -tq "${@:2}"
}
"$BUILD/tests/make_raw" 4000 web >"$T/load.raw"
"$BUILD/tests/make_raw" 10 exec >"$T/none.raw"
times "$T/load.raw" >"$T/offered"

# system calls that fail: STATUS, whether all must be there, what strace is to do, on which of the three outputs
"$P" replay /dev/null -w "$T/none" 2>/dev/null # leaves nothing
strace -qq -o /dev/null -e inject=fdatasync:error=EIO:when=99 true 2>/dev/null || skip "no strace here"
faults() { # WHAT INJECTION…
	local what=$1

	shift
	mkdir "$T/f"
	timeout 60 strace -f -qq -o "$T/trace" -e trace=write,fdatasync "$@" "$P" replay "$T/load.raw" \
		-w "$T/f/a.jsonl.zst,size=200K" -w "$T/f/b.pb.zst,size=100K,sync=data" >"$T/out" 2>"$T/log"
	STATUS=$?
	at_least "$what: it happened" "$(grep -c INJECTED "$T/trace")" 1
	run replay -q "$T/none.raw" -w "$T/f/a.jsonl.zst,size=200K" -w "$T/f/b.pb.zst,size=100K" # makes whole what was left
	check "$what: nothing is left half" "$(find "$T/f" -name '*.part' -o -name '*.tmp')" ""
	for output in a.jsonl.zst b.pb.zst; do
		whole "$what: $output" "$T/f/${output%%.*}"-*."${output#*.}"
		times "$T/f/${output%%.*}"-*."${output#*.}" >"$T/kept.$output"
		check "$what: $output: nothing twice" "$(sort "$T/kept.$output" | uniq -d | wc -l)" 0
	done
	rm -r "$T/f"
}
all() { # WHAT: nothing was lost
	check "$1: no loss" "$STATUS" 0
	holds "$1: JSON" cmp "$T/kept.a.jsonl.zst" "$T/offered"
	holds "$1: protobuf" cmp "$T/kept.b.pb.zst" "$T/offered"
}
faults "interrupted writes" -e inject=write:error=EINTR:when=2+3
all "interrupted writes"
for error in ENOSPC EDQUOT EFBIG; do # once, and there is room again
	faults "$error" -e inject=write:error=$error:when=12..12
	all "$error"
done
for when in 6 9 12 15; do # a file, its index, the manifest
	faults "EIO at write $when" -e inject=write:error=EIO:when=$when..$when
	all "EIO at write $when"
done
for when in 2 5 8 11; do
	faults "EIO at sync $when" -e inject=fdatasync:error=EIO:when=$when..$when
	# What was not synced may be there nevertheless; what is counted is no more than one file.
	at_least "sync $when: what is there, or counted" "$(($(wc -l <"$T/kept.b.pb.zst") + $(lost b.pb)))" 4000
	at_least "sync $when: the same in JSON" "$(($(wc -l <"$T/kept.a.jsonl.zst") + $(lost a.jsonl)))" 4000
	check "sync $when: the exit tells" "$STATUS" "$([ "$(($(lost b.pb) + $(lost a.jsonl)))" = 0 ] && echo 0 || echo 4)"
done

# what a disk has no room for
[ "$(id -u)" = 0 ] && mkdir "$T/mnt" && mount -t tmpfs -o size=4m,mode=700 tmpfs "$T/mnt" || done_testing
"$BUILD/tests/make_raw" 20000 web >"$T/large.raw" # some 7 MB of archive
run replay "$T/large.raw" -w "$T/mnt/keep.jsonl.zst,size=1M,total=3M"
check "with a limit nothing is lost" "$STATUS" 0
whole "with a limit" "$T"/mnt/keep-*.zst
at_least "and there are older ones no more" "$(find "$T/mnt" -name 'keep-*.zst' | sort | sed -n '1s/.*-0*\([0-9]*\)\..*/\1/p')" 4
times "$T"/mnt/keep-*.zst >"$T/kept"
times "$T/large.raw" | tail -n "$(wc -l <"$T/kept")" >"$T/newest"
holds "what is kept is the newest" cmp "$T/kept" "$T/newest"
rm -f "$T"/mnt/keep* "$T"/mnt/.keep*

run replay "$T/large.raw" -w "$T/mnt/full.jsonl.zst,size=1M" -w "$T/beside.jsonl.zst"
check "without one there are losses" "$STATUS" 4
holds "the reason is told" grep -q 'full.jsonl.zst: No space left on device' "$T/log"
check "the other output has all" "$(times "$T/beside.jsonl.zst" | wc -l) $(lost beside)" "20000 0"
mount -o remount,size=32m "$T/mnt"
counted=$(lost full)
run replay -q "$T/none.raw" -w "$T/mnt/full.jsonl.zst,size=1M"
check "with room again the rest is made whole" "$STATUS $(find "$T/mnt" -name '*.part' -o -name '*.tmp')" "0 "
whole "after a full disk" "$T"/mnt/full-*.zst
times "$T"/mnt/full-*.zst >"$T/kept"
holds "what is there is what was offered first" cmp "$T/kept" <(times "$T/large.raw" | head -n "$(wc -l <"$T/kept")")
# What was written in part is counted as lost, and whole up to there.
at_least "what is there, or counted, is all" "$(($(wc -l <"$T/kept") + counted))" 20000
done_testing
