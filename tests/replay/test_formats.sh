#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What the formats say of the same recording agrees, and a file cut at any place is readable up to there.
. tests/support/lib.sh
need jq python3

"$BUILD/tests/make_raw" 400 >"$T/a.raw"
run replay "$T/a.raw" -w "$T/a.jsonl" -w "$T/a.text,format=text" -w "$T/b.raw"
check "exit status" "$STATUS" 0
holds "raw to raw" cmp "$T/a.raw" "$T/b.raw"
check "programs started" "$(jq -c 'select(.type == "exec")' "$T/a.jsonl" | wc -l)" 200
check "programs ended" "$(jq -c 'select(.type == "exit")' "$T/a.jsonl" | wc -l)" 200
check "last arguments" "$(jq -r 'select(.type == "exec") | .exec.argv[1]' "$T/a.jsonl" | tail -n 1)" "--job=199"
check "life times" "$(jq -r 'select(.type == "exit") | .exit.lifetime_ns | tostring' "$T/a.jsonl" | sort -u | wc -l)" 1

size=$(stat -c %s "$T/a.raw")
for cut in 15 16 40 300 $((size / 2)) $((size - 1)) $((size - 16)); do
	head -c "$cut" "$T/a.raw" >"$T/cut.raw"
	run replay "$T/cut.raw" -w "$T/cut.jsonl"
	if [ "$cut" -lt 16 ]; then
		check "cut at $cut: refused" "$STATUS" 1
		continue
	fi
	check "cut at $cut: no failure" "$((STATUS == 0 || STATUS == 4))" 1
	holds "cut at $cut: JSON" jq -es . "$T/cut.jsonl"
done
head -c $((size - 1)) "$T/a.raw" >"$T/cut.raw"
run replay "$T/cut.raw" -w "$T/cut.jsonl"
one_line "ends in the middle of a record"
done_testing
