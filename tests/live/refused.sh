#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Bad input: one clear line, the right exit status, nothing touched.
. tests/support/lib.sh
need_root
need setpriv

wrong() { # STATUS TEXT ARG…
	local want=$1 text=$2
	shift 2
	run "$@"
	check "exit status of penstock $*" "$STATUS" "$want"
	one_line "$text"
}
wrong 2 nosuch nosuch
wrong 2 nosuch record -p nosuch
wrong 2 nosuch bash --nosuch
wrong 2 abc exec --pid=abc
wrong 2 x.unknown exec -w "$T/x.unknown"
wrong 2 nosuch exec -w "$T/x.jsonl,nosuch=1"
wrong 1 "$T/none" exec -w "$T/none/x.pcapng"
wrong 1 "$T/none.raw" replay "$T/none.raw" -w "$T/x.jsonl"
head -c 5000 /dev/urandom >"$T/junk.raw"
wrong 1 "$T/junk.raw" replay "$T/junk.raw" -w "$T/x.jsonl"

echo precious >"$T/victim"
ln -s "$T/victim" "$T/link.pcapng"
wrong 1 "symbolic link" exec -w "$T/link.pcapng"
ln "$T/victim" "$T/hard.pcapng"
wrong 1 "hard links" exec -w "$T/hard.pcapng"
check "a link's target is untouched" "$(cat "$T/victim")" precious
mkdir "$T/folder.pcapng"
wrong 1 "is a folder" exec -w "$T/folder.pcapng"
wrong 1 "neither a regular file nor a FIFO" exec -w "/dev/null,format=jsonl"

start exec -w "$T/busy.pcapng"
pid=$PID
wrong 1 "being written by another penstock" exec -w "$T/busy.pcapng"
PID=$pid
stop

run_as_nobody exec -w "$T/x.pcapng"
check "exit status without privileges" "$STATUS" 3
check "without privileges: one line" "$(wc -l <"$T/log")" 1
run_as_nobody check
check "check without privileges" "$STATUS" 3

# what README.md says is enough: check and record agree
caps=+bpf,+perfmon,+sys_ptrace,+dac_read_search
few=(setpriv --reuid=65534 --regid=65534 --clear-groups "--inh-caps=$caps" "--ambient-caps=$caps" "$T/penstock")
timeout 30 "${few[@]}" tls -- true >"$T/out" 2>"$T/log"
recorded=$?
timeout 30 "${few[@]}" check >"$T/out" 2>&1
check "check with a few capabilities" "$((($? == 0) == (recorded == 0)))" 1
done_testing
