#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kern: core
# Every program started: whole argument list, file, folder, parents, ids, end and life time.
. tests/support/lib.sh
need_root
need tshark jq setpriv

start record -p exec -w "$T/a.pcapng" -w "$T/a.jsonl"
mkdir "$T/here"
big=$(head -c 100000 /dev/zero | tr '\0' z)
(cd "$T/here" && exec sh -c 'exit 3' "$NONCE-three" "" "two words" $'new\nline')
sh -c 'kill -TERM $$' "$NONCE-killed"
/bin/echo "$NONCE-big" "$big" >/dev/null
setpriv --reuid=65534 --regid=65534 --clear-groups /bin/echo "$NONCE-nobody" >/dev/null
sh -c 'sh -c "exit 0" "$0-child"; exit 0' "$NONCE-parent"
printf '#!/bin/sh\nexit 0\n' >"$T/script" && chmod 755 "$T/script"
"$T/script" "$NONCE-script"
/bin/echo "$NONCE"-$'\xff\xfe' >/dev/null
/bin/echo "$NONCE-last" >/dev/null
seen "$T/a.jsonl" "$NONCE-last"
stop
check "exit status" "$STATUS" 0

# the last image with that argument: `setpriv … program` is two
ran() { json "$T/a.jsonl" 'select(.type == "exec" and (.exec.argv | map(tostring) | any(. == $n + "-'"$1"'"))) | '"$2" | tail -n 1; }
end_of() { json "$T/a.jsonl" 'select(.type == "exit" and .process.pid == '"${1:-0}"') | '"$2"; }
check "every argument" "$(ran three '.exec.argv | tojson')" "$(jq -nc --arg n "$NONCE" '["sh", "-c", "exit 3", $n + "-three", "", "two words", "new\nline"] | tojson' | jq -r .)"
check "folder" "$(ran three .exec.cwd)" "$T/here"
check "file" "$(ran three .exec.path)" "$(realpath /bin/sh)"
check "exit status 3" "$(end_of "$(ran three .process.pid)" .exit.code)" 3
check "life time" "$(end_of "$(ran three .process.pid)" '.exit.lifetime_ns | tonumber > 0')" true
check "signal" "$(end_of "$(ran killed .process.pid)" '"\(.exit.signal) \(.exit.code // 0)"')" "15 0"
check "100 KB argument: its size is told" "$(ran big '.exec.argv_bytes | tonumber')" "$((10 + ${#NONCE} + 4 + 1 + 100000 + 1))"
check "and it is whole" "$(ran big '.exec.argv[2] | length')" 100000
check "user" "$(ran nobody '"\(.process.uid) \(.process.gid)"')" "65534 65534"
check "parent" "$(ran parent-child .process.ppid)" "$(ran parent .process.pid)"
check "script: arguments of the interpreter" "$(ran script '.exec.argv | length')" 3
check "bytes that are no UTF-8 are kept" "$(json "$T/a.jsonl" 'select(.type == "exec") | .exec | tojson' | grep -c "$(printf '%s-\xff\xfe' "$NONCE" | base64 -w 0)")" 1
check "a row in the pcapng" "$(rows "$T/a.pcapng" "$NONCE-parent-child" systemd_journal.pid | sort -u | head -n 1)" "$(ran parent-child .process.pid)"
done_testing
