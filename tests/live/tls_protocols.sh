#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kern: openssl
# What is not only HTTP, on whatever port: tshark dissects each on the one where it expects that protocol.
. tests/support/lib.sh
. tests/support/tls.sh
need_root
need tshark jq python3 openssl

certificate
declare -A real
talked="http websocket smtp ldap redis postgres mysql"
start record -p tls --tree $$ -w "$T/a.pcapng" -w "$T/a.jsonl"
for name in $talked; do
	real[$name]=$(tests/support/dialogue.py "$T/cert.pem" "$T/key.pem" talk "$name" "$NONCE-$name")
done
seen "$T/a.jsonl" "$NONCE-mysql"
stop
check "exit status" "$STATUS" 0

dissected() { # NAME PORT FILTER WHAT
	local name=$1 syn

	at_least "$name: $4" "$(packets "$T/a.pcapng" "tcp.port == $2 && $3")" 1
	syn=$(packets "$T/a.pcapng" "tcp.dstport == $2 && tcp.flags.syn == 1 && frame.comment contains \"orig=127.0.0.1:${real[$name]}\"")
	check "$name: a conversation of its own on port $2, with the real one in its comment" "$syn" 1
}
dissected http 80 "http.request.uri contains \"$NONCE-http\"" request
dissected websocket 80 "http.response.code == 101" upgrade
dissected smtp 25 "smtp.req.parameter contains \"$NONCE-smtp\"" "MAIL FROM"
dissected smtp 25 "imf.subject contains \"$NONCE-smtp\"" message
dissected ldap 389 "ldap.name contains \"$NONCE-ldap\"" bind
dissected ldap 389 "ldap.bindResponse_element" answer
dissected redis 6379 "resp && frame contains \"$NONCE-redis\"" "SET, and what GET brought"
dissected postgres 5432 "pgsql.query contains \"$NONCE-postgres\"" query
dissected mysql 3306 "mysql.query contains \"$NONCE-mysql\"" query
tshark -n -r "$T/a.pcapng" -Y websocket -O websocket -V >"$T/frames" 2>/dev/null
for text in asked told; do
	at_least "WebSocket: '$text', unmasked" "$(grep -c "$NONCE-websocket-$text" "$T/frames")" 1
done
clean_tcp "$T/a.pcapng" "all of them"
for name in $talked; do
	check "$name: both ends in JSON" "$(plain "$T/a.jsonl" ".conn.local_port == ${real[$name]} or .conn.remote_port == ${real[$name]}" \
		'"\(.conn.role) \(.tls_data.fin // false)"' | grep true | sort -u | tr '\n' ' ')" "client true server true "
done
done_testing
