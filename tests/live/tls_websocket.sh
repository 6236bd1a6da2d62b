#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kern: openssl
# WebSocket messages as text: fragments joined, compressed ones unpacked, byte for byte; and what cannot be.
. tests/support/lib.sh
. tests/support/tls.sh
need_root
need openssl awk
/usr/bin/python3 -c 'import websockets' 2>/dev/null || skip "no python3-websockets on this machine"

certificate
talk=(tests/support/websocket.py "$T/cert.pem" "$T/key.pem")
# What is shown of messages in one direction: each is one line here.
messages() { awk -v way=" $1 " '/^[0-9]/ { mine = index($0, way) && / websocket text, / } /^        / && mine { print substr($0, 9) }' "$T/a.txt"; }

run tls -w "$T/a.txt,body=256K" -- "${talk[@]}" "$NONCE"
mv "$T/out" "$T/sent"
check "status" "$STATUS" 0
holds "there were many, of some size" test "$(wc -lc <"$T/sent" | awk '{ print ($1 == 80 && $2 > 1000000) }')" = 1
for way in '->' '<-'; do
	check "$way: byte for byte" "$(messages "$way" | cmp - "$T/sent" && echo same)" same
done
check "all is decoded" "$(grep -c 'cannot be decoded' "$T/a.txt")" 0
at_least "most of it was compressed" "$(grep -c 'websocket text, compressed, ' "$T/a.txt")" 100

start tls --tree $$
"${talk[@]}" "$NONCE" half >"$T/half" &
half=$!
children+=("$half")
await 15 has "$T/half" half
seen "$T/out" "GET /half HTTP/1.1"
stop
kill "$half"
wait "$half" 2>/dev/null
check "status" "$STATUS" 0
check "a message that has only begun, at both ends" \
	"$(grep -A2 'websocket text, compressed, ' "$T/out" | grep -cxE " {8}$NONCE-half of it| {4}\[unfinished\]")" 4
done_testing
