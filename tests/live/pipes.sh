#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kern: core
# Pipes: into tshark, into a reader that goes away, FIFOs; and readable text where nothing else is wanted.
. tests/support/lib.sh
need_root
need tshark jq

check "-w - into tshark" "$("$P" exec -w - -- sh -c : "$NONCE-pipe" 2>"$T/log" | tshark -r - -Y "frame contains \"$NONCE-pipe\"" 2>/dev/null | wc -l | awk '{ print ($1 > 0) }')" 1
check "text on stdout" "$("$P" exec -- sh -c : "$NONCE-text" 2>/dev/null | grep -c "sh -c : $NONCE-text")" 1
check "no colours in a pipe" "$("$P" exec -- sh -c : 2>/dev/null | grep -c "$(printf '\033')")" 0

# the reader goes after one line, while programs go on starting: penstock must end by itself
sh -c 'while [ -e "$0" ]; do sh -c :; done' "$T" &
children+=($!)
timeout 30 "$P" exec 2>"$T/log" | head -n 1 >/dev/null
check "a reader that goes away ends it, and is no failure" "${PIPESTATUS[0]}" 0

# with a second output it goes on, and says what the first one lost
timeout 60 "$P" exec -w - -w "$T/both.jsonl" -- sh -c 'i=0; while [ $i -lt 500 ]; do sh -c : "$0-$i-x"; i=$((i + 1)); done; exit 5' \
	"$NONCE" 2>"$T/log" | head -c 100 >/dev/null
check "COMMAND's status is returned" "${PIPESTATUS[0]}" 5
check "the other output is whole" "$(grep -o "$NONCE-[0-9]*-x" "$T/both.jsonl" | sort -u | wc -l)" 500
at_least "the lost one is named" "$(grep -c 'Broken pipe' "$T/log")" 1

# a FIFO: the reader comes late
mkfifo "$T/fifo.pcapng"
start record -p exec -w "$T/fifo.pcapng"
tshark -r "$T/fifo.pcapng" -Y "frame contains \"$NONCE-fifo\"" >"$T/rows" 2>/dev/null &
reader=$!
children+=("$reader")
sh -c : "$NONCE-fifo"
await 10 test -s "$T/rows" || true
stop
check "exit status" "$STATUS" 0
wait "$reader"
at_least "what a FIFO's reader sees" "$(wc -l <"$T/rows")" 1
done_testing
