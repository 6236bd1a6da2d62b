#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kern: openssl
# For people: requests and responses as text, bodies decoded; and what a limit on the payload does.
. tests/support/lib.sh
. tests/support/tls.sh
need_root
need jq tshark python3 curl nginx openssl

nginx_start
jq -nc --arg n "$NONCE" '{nonce: $n, filler: [range(200)]}' >"$T/web/x.json"
head -c 200000 /dev/zero | tr '\0' z >"$T/web/z.txt"

run tls -- curl -sk --compressed "$URL/x.json" -o "$T/got"
check "status" "$STATUS" 0
holds "the body was compressed" grep -qi 'content-encoding: gzip' "$T/out"
for text in 'GET /x.json HTTP/1.1' 'HTTP/1.1 200 OK' 'User-Agent: curl/' "\"nonce\":\"$NONCE\""; do
	at_least "readable: $text" "$(grep -cF "$text" "$T/out")" 1
done
run tls -- curl -sk --http2 --compressed "$H2URL/x.json" -o "$T/got"
for text in /x.json 200 "\"nonce\":\"$NONCE\""; do
	at_least "HTTP/2, readable: $text" "$(grep -cF "$text" "$T/out")" 1
done
check "no bytes that a terminal would mind" "$(LC_ALL=C grep -cP '[\x00-\x08\x0e-\x1f\x7f]' "$T/out")" 0

run tls --max-payload 1000 -w "$T/cut.jsonl" -w "$T/cut.pcapng" -- curl -sk "$URL/z.txt" -o "$T/got"
check "status" "$STATUS" 0
check "the program got all" "$(cmp "$T/got" "$T/web/z.txt" && echo same)" same
check "no record has more than the limit" "$(plain "$T/cut.jsonl" '(.tls_data.payload // "" | length) > 1000' .seq | wc -l)" 0
at_least "what was cut is flagged" "$(plain "$T/cut.jsonl" '.flags // [] | index("truncated")' .seq | wc -l)" 2
check "with its original length" "$(plain "$T/cut.jsonl" '(.flags // [] | index("truncated")) and (.tls_data.call_total <= 1000)' .seq | wc -l)" 0
check "streams are counted in full" "$(plain "$T/cut.jsonl" '.direction == "receive" and .tls_data.call_offset == 0' \
	'.stream_offset + .tls_data.call_total' | sort -n | awk '$1 > 200000' | wc -l)" 1
at_least "tshark sees the gaps, and dissects what is there" "$(packets "$T/cut.pcapng" 'http.request.uri == "/z.txt"')" 1
done_testing
