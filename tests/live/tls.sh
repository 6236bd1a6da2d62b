#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kern: openssl
# nginx and curl: what each sends, as HTTP in tshark and as JSON, byte for byte; and once more from a raw recording.
. tests/support/lib.sh
. tests/support/tls.sh
need_root
need tshark jq python3 curl nginx openssl setpriv

nginx_start
head -c 3000000 /dev/urandom >"$T/web/big.bin"
head -c 300000 /dev/urandom >"$T/up.bin"
echo "body $NONCE" >"$T/web/n.txt"

# one command under the capture
run tls -w "$T/one.pcapng" -- curl -sk "$URL/n.txt" "$URL/big.bin" -o "$T/o1" -o "$T/o2"
check "status of the command" "$STATUS" 0
check "requests" "$(packets "$T/one.pcapng" http.request http.request.uri | tr '\n' ' ')" "/n.txt /big.bin "
check "responses" "$(packets "$T/one.pcapng" http.response http.response.code | tr '\n' ' ')" "200 200 "
check "3 MB, byte for byte" "$(exported "$T/one.pcapng" "$T/web/big.bin")" 1
clean_tcp "$T/one.pcapng" "curl alone"
check "on an interface of its own" "$(packets "$T/one.pcapng" tcp frame.interface_name | sort -u)" tls-plain
syn=$(packets "$T/one.pcapng" 'tcp.flags.syn == 1 && tcp.flags.ack == 0' frame.comment)
for part in comm=curl "orig=127.0.0.1:$PORT" protocol=http1 library=openssl; do
	check "the SYN's comment tells $part" "$(grep -oF "$part" <<<"$syn")" "$part"
done
tshark -n -q -r "$T/one.pcapng" -z follow,tcp,ascii,0 >"$T/followed" 2>/dev/null
for line in "GET /n.txt HTTP/1.1" "HTTP/1.1 200 OK" "body $NONCE"; do
	at_least "follow stream shows '$line'" "$(grep -cF "$line" "$T/followed")" 1
done

# everybody: both ends, versions, HTTP/2, IPv6, an upload, many at once
start record -p tls --tree $$ -w "$T/all.pcapng" -w "$T/all.jsonl" -w "$T/all.raw"
fetch --data-binary "@$T/up.bin" "$URL/up" >/dev/null
fetch --tlsv1.3 "$URL/n.txt?$NONCE-tls13" >/dev/null
fetch --tls-max 1.2 "$URL/n.txt?$NONCE-tls12" >/dev/null
fetch --http2 "$H2URL/n.txt?$NONCE-two" >/dev/null
[ -z "${URL6:-}" ] || fetch "$URL6/n.txt?$NONCE-six" >/dev/null
seq -f "$URL/n.txt?$NONCE-%g-x" 200 | xargs -P 8 -n 10 curl -sk >/dev/null
fetch "$URL/n.txt?$NONCE-last" >/dev/null
seen "$T/all.jsonl" "$NONCE-last"
stop
check "exit status: nothing was lost" "$STATUS" 0

check "the upload, byte for byte" "$(exported "$T/all.pcapng" "$T/up.bin")" 1
for version in tls13 tls12; do
	check "$version" "$(packets "$T/all.pcapng" "http.request && http.request.uri contains \"$NONCE-$version\"")" 1
done
check "HTTP/2: request" "$(packets "$T/all.pcapng" "http2.headers.path contains \"$NONCE-two\"")" 1
at_least "HTTP/2: response" "$(packets "$T/all.pcapng" 'http2.headers.status == 200')" 1
at_least "HTTP/2: body" "$(packets "$T/all.pcapng" "http2 && frame contains \"body $NONCE\"")" 1
[ -z "${URL6:-}" ] || check "IPv6" "$(packets "$T/all.pcapng" "ipv6.addr == ::1 && http.request && http.request.uri contains \"$NONCE-six\"")" 1
once() { grep -o "$NONCE-[0-9]*-x" | sort | uniq -c | awk -v n="$1" '$1 == n' | wc -l; }
check "200 requests, each once in the pcapng" "$(packets "$T/all.pcapng" http.request http.request.uri | once 1)" 200
check "and at both ends in JSON" "$(plain "$T/all.jsonl" '.tls_data.payload // "" | startswith("GET /")' .tls_data.payload | once 2)" 200
check "which are a curl's" "$(plain "$T/all.jsonl" '.direction == "transmit" and (.tls_data.payload // "" | startswith("GET /"))' .process.comm | sort -u)" curl
clean_tcp "$T/all.pcapng" "all of it"
check "each socket is known" "$(plain "$T/all.jsonl" '.conn.remote_port == null' .process.comm | wc -l)" 0
check "and both ends tell the same one" "$(plain "$T/all.jsonl" '.tls_data.payload // "" | contains($n + "-last")' \
	'[.conn.local_port, .conn.remote_port] | sort | tojson' | sort -u | wc -l)" 1

mkdir -m 777 "$T/again"
chmod 644 "$T/all.raw"
for file in all.pcapng all.jsonl; do
	run_as_nobody replay "$T/all.raw" -w "$T/again/$file"
	check "replay to $file" "$STATUS" 0
	holds "the same bytes: $file" cmp "$T/$file" "$T/again/$file"
done
done_testing
