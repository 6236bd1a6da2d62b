#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kern: openssl
# Other users of the library: OpenSSL's own client and server, python; memory BIOs, two connections on one thread.
. tests/support/lib.sh
. tests/support/tls.sh
need_root
need tshark jq python3 openssl

certificate
port=$(free_port)
mkfifo "$T/told"
start record -p tls --tree $$ -w "$T/a.pcapng" -w "$T/a.jsonl"
# s_client reads from the FIFO until s_server, which sends back each line reversed, has answered
serve "$port" openssl s_server -rev -accept "127.0.0.1:$port" -cert "$T/cert.pem" -key "$T/key.pem"
openssl s_client -quiet -no_ign_eof -connect "127.0.0.1:$port" <"$T/told" >"$T/answer" 2>/dev/null &
client=$!
children+=("$client")
exec 8>"$T/told"
echo "$NONCE-openssl" >&8
holds "s_server answers" await 15 has "$T/answer" "$(rev <<<"$NONCE-openssl")"
exec 8>&-
wait "$client"
tests/support/dialogue.py "$T/cert.pem" "$T/key.pem" interleave "$NONCE" >"$T/ports"
check "python: 2 connections" "$(wc -l <"$T/ports")" 2
seen "$T/a.jsonl" "$NONCE-conn1-19"
stop
check "exit status" "$STATUS" 0

said() { plain "$T/a.jsonl" '(.tls_data.payload // "") == "'"$1"'\n"' '"\(.process.comm) \(.conn.role) \(.direction)"' | sort | tr '\n' ' '; }
check "s_client's line, at both ends" "$(said "$NONCE-openssl")" "openssl client transmit openssl server receive "
check "and the answer" "$(said "$(rev <<<"$NONCE-openssl")")" "openssl client receive openssl server transmit "

# of both connections each turn goes to and fro: four records at the two ends, each with the right socket
for which in conn0 conn1; do
	want=$(awk -v w="$which" '$1 == w { print $2 }' "$T/ports")
	turns=$(plain "$T/a.jsonl" '.tls_data.payload // "" | contains($n + "-'"$which"'-")' \
		'if .conn.role == "client" then .conn.local_port else .conn.remote_port end')
	check "$which: its lines, and of its socket" "$(sort <<<"$turns" | uniq -c | awk '{ print $1, $2 }')" "80 $want"
	at_least "$which: in one conversation" "$(packets "$T/a.pcapng" "tcp.port == $want && frame contains \"$NONCE-$which-19\"")" 2
	check "$which: nothing of the other one" "$(packets "$T/a.pcapng" "tcp.port == $want && frame contains \"$NONCE\" && !(frame contains \"$NONCE-$which-\")")" 0
done
clean_tcp "$T/a.pcapng" "all of it"
done_testing
