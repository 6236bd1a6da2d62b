#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# SSL_sendfile, with which nginx hands a file to the kernel that encrypts it (kTLS): bytes that no program ever had are counted
# and said to be unseen, and everything else on the connection is there.
. tests/support/lib.sh
. tests/support/tls.sh
need_root
need jq tshark python3 curl nginx openssl

ktls() { # the kernel has it
	python3 -c 'import socket as s
l = s.create_server(("127.0.0.1", 0)); s.create_connection(l.getsockname()).setsockopt(s.IPPROTO_TCP, 31, b"tls")' 2>/dev/null
}
sum() { awk '{ n += $1 } END { print n + 0 }'; }
sessions() { awk '$1 == "TlsTxSw" { print $2 }' /proc/net/tls_stat; }
request() { printf 'GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: test\r\nAccept: */*\r\n\r\n' "$1" "${URL#https://}"; }

ktls || skip "no kTLS in this kernel"
nginx_start 'ssl_conf_command Options KTLS; sendfile on;'
fetch "$URL/up" >/dev/null
[ "$(sessions)" -gt 0 ] || skip "nginx, OpenSSL or the kernel's ciphers are not made for kTLS here"
seq -f "line %.0f $NONCE" 700 >"$T/web/lines.txt"
head -c 300001 /dev/urandom >"$T/web/big.bin"
lines=$(stat -c %s "$T/web/lines.txt") big=300001

# two connections with four requests each, and one of HTTP/2
paths=("/up?$NONCE-a" /lines.txt /big.bin "/up?$NONCE-b")
start record -p tls --comm nginx -w "$T/a.pcapng" -w "$T/a.jsonl" -w "$T/a.txt" -w "$T/a.raw"
for version in 1.2 1.3; do
	fetch -iA test --tlsv$version --tls-max $version "${paths[@]/#/$URL}" -o "$T/o1" -o "$T/o2" -o "$T/o3" -o "$T/o4"
	holds "TLS $version: the files came" cmp <(tail -c "$lines" "$T/o2" && tail -c "$big" "$T/o3") <(cat "$T/web/lines.txt" "$T/web/big.bin")
	{ cat "$T/o1" && head -c "-$lines" "$T/o2" && head -c "-$big" "$T/o3" && cat "$T/o4"; } >"$T/sent.$version"
done
for path in "${paths[@]}"; do request "$path"; done >"$T/asked"
fetch --http2 "$H2URL/lines.txt?$NONCE-two" -o "$T/two"
holds "HTTP/2: the file came" cmp "$T/two" "$T/web/lines.txt"
await 15 eval '[ "$(grep -c "\"fin\":true" "$T/a.jsonl")" -ge 3 ]'
stop
check "exit status: nothing was lost" "$STATUS" 0

# in JSON
mapfile -t conns < <(plain "$T/a.jsonl" .tls_data.fin .conn.id)
check "connections" "${#conns[@]}" 3
of() { plain "$T/a.jsonl" ".conn.id == \"$1\" and .direction == \"$2\" and (.tls_data.fin | not) and ($3)" "$4"; }
unseen='(.flags // [] | index("unseen"))'
for i in 0 1 2; do
	id=${conns[i]}
	check "unseen bytes of connection $i" "$(of "$id" transmit "$unseen" .tls_data.call_total | sum)" \
		$((lines + (i < 2 ? big : 0)))
	check "of which none is there" "$(of "$id" transmit "$unseen and (.tls_data | has(\"payload\") or has(\"payload_base64\"))" .seq | wc -l)" 0
	check "nor said to be missing" "$(of "$id" transmit '(.flags // [] | index("gap")) or .tls_data.missing' .seq | wc -l)" 0
	for direction in transmit receive; do
		check "no byte uncounted, $direction on connection $i" "$(of "$id" $direction true '[.stream_offset, .tls_data.call_total] | @tsv' |
			awk '$1 != at { bad++ } { at = $1 + $2 } END { print bad + 0 }')" 0
	done
done
payload() { # as bytes
	jq -j --arg id "$1" --arg d "$2" 'select(.type == "tls_data" and .conn.id == $id and .direction == $d).tls_data.payload // empty' "$T/a.jsonl"
}
for i in 0 1; do
	holds "what was asked, byte for byte" cmp <(payload "${conns[i]}" receive) "$T/asked"
done
holds "TLS 1.2: what was written, byte for byte" cmp <(payload "${conns[0]}" transmit) "$T/sent.1.2"
holds "TLS 1.3: what was written, byte for byte" cmp <(payload "${conns[1]}" transmit) "$T/sent.1.3"

# in Wireshark: packets cut behind their head
clean_tcp "$T/a.pcapng" "packets"
check "lengths of what is not there" "$(packets "$T/a.pcapng" 'tcp && frame.cap_len < frame.len' tcp.len | sum)" \
	$((3 * lines + 2 * big))
check "which the packets say" "$(packets "$T/a.pcapng" 'frame.comment contains "not seen"' frame.number | wc -l)" \
	"$(plain "$T/a.jsonl" "$unseen" .seq | wc -l)"
check "requests" "$(packets "$T/a.pcapng" http.request http.request.uri | sort | uniq -c | awk '$1 == 2' | wc -l)" 4
check "HTTP/2: the answer" "$(packets "$T/a.pcapng" 'http2.headers.status == 200')" 1
check "follow stream says what is missing" "$(tshark -n -q -r "$T/a.pcapng" -z follow,tcp,ascii,0 2>/dev/null |
	sed -n 's/^\[\([0-9]*\) bytes missing in capture file.*/\1/p' | sum)" $((lines + big))

# for people, and once more from the raw recording
check "as text: each body" "$(grep -c "^ *\[\($lines\|$big\) bytes missing\]" "$T/a.txt")" 5
check "and why" "$(grep -c 'by the kernel: counted, not seen' "$T/a.txt")" 5
for file in a.pcapng a.jsonl a.txt; do
	run replay "$T/a.raw" -w "$T/again.${file#a.}"
	holds "the same bytes: $file" cmp "$T/$file" "$T/again.${file#a.}"
done
done_testing
