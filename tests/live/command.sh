#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kern: core
# `-- COMMAND`: recorded from its first instruction, its tree alone, its status returned.
. tests/support/lib.sh
need_root
need jq

run exec -w "$T/a.jsonl" -- sh -c 'sh -c "exit 0" "$0-child"; exit 7' "$NONCE-first"
check "its status" "$STATUS" 7
check "recorded from its first instruction" "$(json "$T/a.jsonl" 'select(.type == "exec") | .exec.argv[-1]' | head -n 1)" "$NONCE-first"
check "and its child" "$(json "$T/a.jsonl" 'select(.type == "exec") | .exec.argv[-1]' | grep -cx "$NONCE-first-child")" 1
check "and its end" "$(json "$T/a.jsonl" 'select(.type == "exit" and .exit.code == 7) | .process.comm')" sh

run exec -w "$T/a.jsonl" -- sh -c 'kill -KILL $$'
check "128 + signal" "$STATUS" 137
run exec -w "$T/a.jsonl" -- "$T/none"
check "COMMAND not found" "$STATUS" 127
run exec -w "$T/none/x.jsonl" -- true
check "penstock's own failure" "$STATUS" 125
one_line "$T/none"

# somebody else works at the same time
sh -c 'while [ -e "$0" ]; do sh -c : "$1-other"; done' "$T" "$NONCE" &
children+=($!)
run exec -w "$T/tree.jsonl" -- sh -c 'sh -c : "$0-mine"' "$NONCE"
run exec --all -w "$T/all.jsonl" -- sh -c 'i=0; while [ $i -lt 50 ]; do sh -c : "$0-mine"; i=$((i + 1)); done' "$NONCE"
check "its tree" "$(has "$T/tree.jsonl" "$NONCE-mine"; echo $?)" 0
check "its tree alone" "$(has "$T/tree.jsonl" "$NONCE-other"; echo $?)" 1
check "--all: everybody" "$(has "$T/all.jsonl" "$NONCE-other"; echo $?)" 0

run exec -w - -- sh -c 'echo "$0-said"' "$NONCE"
check "with -w -, what COMMAND prints goes to stderr" "$(grep -c "^$NONCE-said$" "$T/log")" 1
check "and stdout is the recording" "$(head -c 4 "$T/out" | od -An -tx1)" " 0a 0d 0d 0a"
done_testing
