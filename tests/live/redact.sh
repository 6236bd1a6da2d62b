#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kern: openssl exec
# redact=on and payload=: no secret of real clients is in any file, whatever the format; what is left still dissects.
. tests/support/lib.sh
. tests/support/tls.sh
need_root
need jq tshark curl nginx openssl base64

nginx_start "add_header Set-Cookie sid=$NONCE-set;"
head -c 200000 /dev/zero | tr '\0' z >"$T/web/z.txt"
echo "body $NONCE" >"$T/web/n.txt"

start record -p tls -p exec -w "$T/red.jsonl,redact=on" -w "$T/red.pb,redact=on" -w "$T/red.pcapng,redact=on" \
	-w "$T/red2.pcapng,events=custom,redact=on" -w "$T/red.txt,redact=on" -w "$T/open.jsonl" \
	-w "$T/none.jsonl,payload=none" -w "$T/cut.jsonl,payload=1000" -w "$T/cut.pcapng,payload=1000"
for how in --http1.1 --http2; do
	for _ in 1 2; do # the second time, the header table has it
		fetch "$how" "$H2URL/n.txt" -H "Authorization: Bearer $NONCE-token" -b "sid=$NONCE-cookie" -o "$T/got" --next \
			-skg "$how" "$H2URL/n.txt" -u "user:$NONCE-basic" -H "Cookie: b=$NONCE-cookie" -o "$T/got"
	done
	fetch "$how" "https://u:$NONCE-url@127.0.0.1:${H2URL##*:}/z.txt" -o "$T/got"
done
sh -c ":" x "--password=$NONCE-arg" --token "$NONCE-arg"
env PGPASSWORD="$NONCE-arg" sh -c "exec true; mysql -u root -p$NONCE-arg"
sh -c : x "$NONCE-last"
seen "$T/open.jsonl" "$NONCE-last"
stop
check "status" "$STATUS" 0

secrets="$NONCE-(token|cookie|set|basic|url|arg)"
for text in user: u:; do
	for name in basic url; do secrets="$secrets|$(printf '%s%s-%s' "$text" "$NONCE" "$name" | base64 -w0)"; done
done
# What is not UTF-8 is base64 in JSON: looked at decoded.
decoded() { jq -r '.. | strings' "$1" | while read -r text; do [[ $text =~ ^[A-Za-z0-9+/]{40,}=*$ ]] && base64 -d <<<"$text"; done 2>/dev/null; }
at_least "without redact= they are there" "$(grep -acE "$secrets" "$T/open.jsonl")" 8
for file in red.jsonl red.pb red.pcapng red2.pcapng red.txt; do
	check "$file: no secret" "$(grep -acE "$secrets" "$T/$file")" 0
	at_least "$file: what is none is there" "$(grep -ac n.txt "$T/$file")" 1
done
check "red.jsonl: none in what is base64" "$(decoded "$T/red.jsonl" | grep -acE "$secrets")" 0
at_least "events are flagged" "$(plain "$T/red.jsonl" '.flags // [] | index("redacted")' .seq | wc -l)" 8
at_least "programs, too" "$(jq -c 'select(.type == "exec" and (.flags // [] | index("redacted")))' "$T/red.jsonl" | wc -l)" 2
check "no length has changed" "$(plain "$T/red.jsonl" true '[.stream_offset, .tls_data.call_total]' | sort | sha256sum)" \
	"$(plain "$T/open.jsonl" true '[.stream_offset, .tls_data.call_total]' | sort | sha256sum)"
at_least "tshark reads HTTP/1" "$(packets "$T/red.pcapng" 'http.request.uri == "/n.txt" && http.authorization contains "***"')" 4
at_least "and HTTP/2" "$(packets "$T/red.pcapng" 'http2.headers.path == "/n.txt" && http2.headers.authorization contains "***"')" 4
check "no secret in what it reads" "$(tshark -n -V -r "$T/red.pcapng" 2>/dev/null | grep -cE "$secrets")" 0
check "it finds nothing malformed" "$(packets "$T/red.pcapng" _ws.malformed)" 0

check "payload=none: nothing is there" "$(plain "$T/none.jsonl" '(.tls_data.payload // .tls_data.payload_base64 // "") != ""' .seq | wc -l)" 0
at_least "that is flagged" "$(plain "$T/none.jsonl" '.flags // [] | index("truncated")' .seq | wc -l)" 8
check "payload=1000: no more" "$(plain "$T/cut.jsonl" '(.tls_data.payload // "" | length) > 1000' .seq | wc -l)" 0
at_least "the original length is told" "$(plain "$T/cut.jsonl" '(.flags // [] | index("truncated")) and .tls_data.call_total > 1000' .seq | wc -l)" 2
at_least "tshark sees the gaps, and dissects what is there" "$(packets "$T/cut.pcapng" 'http.request.uri == "/z.txt"')" 1

run replay "$T/open.jsonl" -w "$T/x.raw,redact=on"
check "raw takes everything: refused" "$STATUS" 2
one_line redact
done_testing
