#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kern: openssl
# Much in one call: more than the ring holds. Little in a call: a server that takes the first byte of a request by itself.
. tests/support/lib.sh
. tests/support/tls.sh
need_root
need tshark jq python3 curl openssl

certificate
pieces=tests/support/pieces.py
port=$(free_port)
serve "$port" "$pieces" serve "$T/cert.pem" "$T/key.pem" "$port"
head -c 24000000 /dev/urandom >"$T/up.bin"

# the server's end alone; its process was not seen to start
start tls --tree "$SERVER" -w "$T/small.pcapng" -w "$T/small.jsonl"
check "curl" "$(fetch "https://127.0.0.1:$port/$NONCE-small")" 0
seen "$T/small.jsonl" "200 OK"
stop
check "exit status" "$STATUS" 0
check "the first byte came alone" "$(plain "$T/small.jsonl" '.direction == "receive"' .tls_data.payload | head -n 1)" G
check "it is HTTP, on its port" "$(packets "$T/small.pcapng" "tcp.dstport == 80 && http.request.uri contains \"$NONCE\"")" 1
check "and the response" "$(packets "$T/small.pcapng" 'tcp.srcport == 80 && http.response.code == 200')" 1
clean_tcp "$T/small.pcapng" "small pieces"

# one call into memory, where no socket tells of it while it goes on
head -c 2500000 "$T/up.bin" | od -An -v -tx1 | tr -d ' \n' >"$T/five.txt"
run tls -w "$T/memory.jsonl" -- "$pieces" memory "$T/cert.pem" "$T/key.pem" "$T/five.txt"
check "status, what the call took" "$STATUS $(cat "$T/out")" "0 5000000"
plain "$T/memory.jsonl" '.direction == "transmit" and .tls_data.call_total > 100000' .tls_data.payload | tr -d '\n' >"$T/five.got"
holds "5 MB in one call, byte for byte" cmp "$T/five.got" "$T/five.txt"
check "not flagged" "$(plain "$T/memory.jsonl" '.flags // [] | index("truncated")' .seq | wc -l)" 0

# a kernel before 6.3 tells of a call when it returns, and not before
grep -q __traceiter_sock_send_length /proc/kallsyms || { echo "skipped: large pieces: no sock_send_length in this kernel" && done_testing; }

# more than the ring holds, in one call
run tls -w "$T/large.pcapng" -- "$pieces" upload "$port" /up "$T/up.bin"
check "status: nothing was lost" "$STATUS $(grep -c LOST "$T/log")" "0 0"
check "the server's answer" "$(cat "$T/out")" 24000000
check "24 MB, byte for byte" "$(exported "$T/large.pcapng" "$T/up.bin")" 1
clean_tcp "$T/large.pcapng" "one large piece"

# a call that never succeeds: what it sent is there
run tls -w "$T/stopped.raw" -w "$T/stopped.jsonl" -- "$pieces" upload "$port" /stop "$T/up.bin"
at_least "an upload that the server breaks off" "$(plain "$T/stopped.jsonl" '.direction == "transmit" and .tls_data.fin' .stream_offset)" 4800000
check "its beginning is the file's" "$(plain "$T/stopped.jsonl" '.direction == "transmit" and .stream_offset > 0' '.tls_data.payload_base64 // empty' |
	head -n 40 | while read -r part; do base64 -d <<<"$part"; done | cmp - "$T/up.bin" 2>&1 | grep -c differ)" 0
done_testing
