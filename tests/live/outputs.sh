#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kern: core
# Several outputs of one run tell the same; a replay by an ordinary user gives the same bytes.
. tests/support/lib.sh
need_root
need tshark jq setpriv capinfos tcpdump

start record -p exec -p bash -w "$T/a.pcapng" -w "$T/b.pcapng" -w "$T/a.jsonl" -w "$T/a.raw"
for i in $(seq 300); do /bin/echo "$NONCE-$i-x"; done >/dev/null
seen "$T/a.jsonl" "$NONCE-300-x"
stop TERM
check "exit status after SIGTERM" "$STATUS" 0
for file in "$T"/[ab].*; do check "mode of ${file##*/}" "$(stat -c %a "$file")" 600; done
holds "two files of one format are the same" cmp "$T/a.pcapng" "$T/b.pcapng"
holds "each line is JSON" jq -es 'length > 600' "$T/a.jsonl"
marks() { grep -ao "$NONCE-[0-9]*-x" | sort -u | wc -l; }
check "all in JSON" "$(marks <"$T/a.jsonl")" 300
check "all as rows" "$(tshark -r "$T/a.pcapng" -Y systemd_journal -T fields -e systemd_journal.message | marks)" 300
holds "capinfos reads it" capinfos "$T/a.pcapng"
holds "seq is dense" jq -es 'map(.seq | tonumber) | . == [range(.[0]; .[0] + length)]' "$T/a.jsonl"
check "nothing of penstock itself" "$(json "$T/a.jsonl" "select(.process.pid == $PID)")" ""

mkdir -m 777 "$T/again"
chmod 644 "$T/a.raw"
for file in a.pcapng a.jsonl; do
	run_as_nobody replay "$T/a.raw" -w "$T/again/$file"
	check "replay to $file" "$STATUS" 0
	holds "the same bytes: $file" cmp "$T/$file" "$T/again/$file"
done
size=$(stat -c %s "$T/a.raw")
head -c $((size * 2 / 3 | 1)) "$T/a.raw" >"$T/cut.raw" # records end on multiples of 8
run replay "$T/cut.raw" -w "$T/cut.jsonl"
check "a recording that was cut is no failure" "$((STATUS == 0 || STATUS == 4))" 1
one_line "ends in the middle of a record"
at_least "what is whole in it" "$(marks <"$T/cut.jsonl")" 100
done_testing
