#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kern: bash core
# Lines and argument lists of many MiB: whole up to the limit that README states (7 MiB), cut there and flagged beyond it.
. tests/support/lib.sh
need_root
need jq python3

LIMIT=$((7 << 20))
# A line made of N times 100,000 bytes, by the editor of the shell: cut once, inserted N times. Then a last line.
piece=$(printf ': %s ' "$NONCE" && head -c $((100000 - 3 - ${#NONCE})) /dev/zero | tr '\0' x)
long_line() { HISTFILE=/dev/null bash --norc -i <<<"$piece"$'\x01\x0b'"$(printf '%*s' "$1" '' | tr ' ' '\031')"; } >/dev/null 2>&1

start record -p bash -p exec --tree $$ -w "$T/a.jsonl" -w "$T/a.txt" -w "$T/a.pcapng,events=custom"
long_line 50
long_line 84
(ulimit -s unlimited && exec python3 -c 'import os, sys; os.execv("/bin/true", ["true", sys.argv[1]] + ["B" * 100000] * 50)' "$NONCE-args")
/bin/echo "$NONCE-last" >/dev/null
seen "$T/a.jsonl" "$NONCE-last"
stop
check "exit status" "$STATUS" 0

# a slow machine announces a line that takes long, and tells it again when it has ended
line() { json "$T/a.jsonl" 'select(.type == "shell" and (.flags // [] | index("unfinished") | not) and (.shell.command | contains($n))) | '"$1"; }
args() { json "$T/a.jsonl" 'select(.type == "exec" and (.exec.argv[1] == $n + "-args")) | '"$1"; }
check "a line of 5 MB, whole; one of 8.4 MB, cut" "$(line '.shell.command | length' | paste -sd ' ')" "5000000 $LIMIT"
check "and flagged" "$(line '.flags | tojson' | paste -sd ' ')" 'null ["truncated"]'
check "5 MB of arguments: how many" "$(args '.exec.argv | length')" 52
check "each whole" "$(args '.exec.argv[2:] | map(length) | unique | tojson')" "[100000]"
check "not flagged" "$(args '.flags | tojson')" null
check "all three in text" "$(awk -v n="$NONCE" 'index($0, n) && length($0) > 5000000 && !/unfinished/' "$T/a.txt" | wc -l)" 3
at_least "bytes of the pcapng" "$(wc -c <"$T/a.pcapng")" $((5000000 + LIMIT + 5000000))
done_testing
