#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What goes over a connection is what the same replay writes into a file; protobuf with a u32 in front of each event.
# Only the id of the stream is another.
. tests/support/lib.sh
. tests/support/tls.sh
need python3 openssl

peer=tests/support/peer.py
certificate
cat "$T/cert.pem" "$T/key.pem" >"$T/both.pem"
# peer ARG…: in the background; its first line, the port, is in PORT.
peer() {
	: >"$T/said"
	"$peer" "$@" >"$T/said" 2>"$T/peer.log" 7>&- &
	PEER=$!
	children+=("$PEER")
	await 15 test -s "$T/said" || [ "$1" = unix ]
	PORT=$(cat "$T/said")
}
raw=samples/raw/openssl.raw
"$P" replay "$raw" -w "$T/a.pb" -w "$T/a.jsonl" -w "$T/a.pcapng" 2>"$T/log"
"$peer" frames "$T/a.pb" "$T/a.frames"

# -- to somebody who reads
# sends WHAT WANT TARGET: a replay to that target gives what is in that file.
sends() {
	run replay "$raw" -w "$3"
	check "$1: status" "$STATUS" 0
	wait "$PEER"
	holds "$1" "$peer" same "$2" "$T/got"
}
peer serve "$T/got"
sends "protobuf over TCP" "$T/a.frames" "tcp://127.0.0.1:$PORT"
peer serve "$T/got"
sends "jsonl over TCP" "$T/a.jsonl" "tcp://127.0.0.1:$PORT,format=jsonl"
peer serve "$T/got"
run replay "$raw" -w "tcp://127.0.0.1:$PORT,format=pcapng"
check "pcapng over TCP: status" "$STATUS" 0
wait "$PEER"
check "pcapng over TCP: bytes" "$(stat -c %s "$T/got")" "$(stat -c %s "$T/a.pcapng")"
peer serve "$T/got"
run replay "$raw" -w "tcp://127.0.0.1:$PORT,format=jsonl.zst"
wait "$PEER"
holds "compressed" cmp "$T/a.jsonl" <(zstdcat "$T/got")
peer serve "$T/got" "$T/cert.pem" "$T/key.pem"
sends "protobuf over TLS" "$T/a.frames" "tcps://localhost:$PORT,ca=$T/cert.pem"
peer unix "$T/socket" "$T/got"
await 15 test -S "$T/socket"
sends "protobuf to a unix socket" "$T/a.frames" "unix://$T/socket"

# -- to somebody who breaks off: nothing is missing
"$BUILD/tests/make_raw" 40000 bash >"$T/big.raw"
"$P" replay "$T/big.raw" -w "$T/big.jsonl" 2>"$T/log"
peer resets "$T/got" 12
run replay "$T/big.raw" -w "tcp://127.0.0.1:$PORT,format=jsonl"
check "12 resets: status" "$STATUS" 0
wait "$PEER"
read -r missing twice < <("$peer" missing "$T/big.jsonl" "$T/got")
check "12 resets: lines that are missing" "$missing" 0
at_least "12 resets: few came twice (left of 600)" $((600 - twice)) 1

# -- to whoever connects, when a part of it is over
"$P" replay "$T/big.raw" -w "$T/big.pb" 2>"$T/log"
"$peer" frames "$T/big.pb" "$T/big.frames"
# serves WHAT SCHEME KEYS [CA [CERT]]: into $T/got.
serves() {
	local port

	port=$(free_port)
	mkfifo "$T/fifo"
	"$P" replay - -w "$2://127.0.0.1:$port$3" <"$T/fifo" >"$T/out" 2>"$T/log" &
	PID=$!
	exec 7>"$T/fifo"
	head -c 2000000 "$T/big.raw" >&7
	await 15 listening "$port"
	peer read "$port" "$T/got" "${@:4}"
	tail -c +2000001 "$T/big.raw" >&7
	exec 7>&-
	wait "$PID"
	check "$1: status" "$?" 0
	wait "$PEER"
	rm "$T/fifo"
}
serves "protobuf to a reader" tcp-listen ",backlog=64M"
at_least "protobuf to a reader: most of it" "$("$peer" joined "$T/big.frames" "$T/got")" 50
serves "protobuf to a reader over TLS" tcps-listen ",backlog=64M,cert=$T/both.pem" "$T/cert.pem"
at_least "protobuf to a reader over TLS: most of it" "$("$peer" joined "$T/big.frames" "$T/got")" 50
serves "a reader with a certificate" tcps-listen ",backlog=64M,cert=$T/both.pem,ca=$T/cert.pem,allow=localhost" \
	"$T/cert.pem" "$T/both.pem"
at_least "a reader with a certificate: most of it" "$("$peer" joined "$T/big.frames" "$T/got")" 50
serves "a reader without one" tcps-listen ",backlog=64M,cert=$T/both.pem,ca=$T/cert.pem" "$T/cert.pem"
check "a reader without one gets nothing" "$(stat -c %s "$T/got")" 0
if command -v tshark >/dev/null; then
	serves "pcapng to a reader" tcp-listen ",format=pcapng,backlog=64M"
	at_least "pcapng to a reader: rows" "$(packets "$T/got" frame)" 20000
fi

# -- what makes no sense
for what in "tcp://localhost names no port" "tcp://*:1 to listen at" "tcps-listen://127.0.0.1:1 cert=" \
	"tcp-listen://127.0.0.1:1,format=pb,backlog=1 backlog" "unix:// path"; do
	run replay "$raw" -w "${what%% *}"
	check "$what: status" "$STATUS" 2
	one_line "${what#* }"
done
run replay "$raw" -w "tcp-listen://127.0.0.1:$(free_port),format=jsonl.zst"
check "compressed to readers: status" "$STATUS" 2
one_line "no .zst"
done_testing
