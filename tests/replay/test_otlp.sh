#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# OTLP/HTTP to a strict collector, from a whole recording: what it has, what it refused and what is told as lost
# is what was offered, however it answers.
. tests/support/lib.sh
need openssl

# collector SCRIPT [CERTIFICATE KEY]: its port; collector_sum: accepted, twice, rejected, bad
collector() {
	rm -f "$T/requests" "$T/said"
	PYTHONDONTWRITEBYTECODE=1 python3 tests/support/otlp_server.py "$T/requests" "$1" 0 "${@:2}" >"$T/said" 2>"$T/bad" &
	COLLECTOR=$!
	children+=("$COLLECTOR")
	await 20 test -s "$T/said"
	PORT=$(head -n 1 "$T/said")
}
collector_sum() {
	kill -TERM "$COLLECTOR"
	wait "$COLLECTOR" 2>/dev/null
	read -r ACCEPTED TWICE REJECTED BAD _ < <(tail -n 1 "$T/said")
}
send() { # ARG…
	timeout 60 "$P" replay --drain-timeout "${DRAIN:-5s}" "$@" >"$T/out" 2>"$T/log"
	STATUS=$?
}
lost() { sed -n "s/^penstock: LOST: [^ ]* \([0-9]*\) events.*($1)$/\1/p" "$T/log"; }

"$BUILD/tests/make_raw" 1500 web >"$T/load.raw"
OFFERED=$("$P" replay -q "$T/load.raw" -w -,format=jsonl | grep -vc '"type":"meta"')
at_least "there is a load" "$OFFERED" 1500

# table WHAT SCRIPT REFUSED? OPTIONS: everything there is, by every answer
table() {
	collector "$2"
	send "$T/load.raw" -w "otlp://127.0.0.1:$PORT,$3"
	collector_sum
	refused=$(lost refused)
	check "$1: requests are as they should be" "$BAD $(cat "$T/bad")" "0 "
	check "$1: nothing comes twice" "$TWICE" 0
	case $2 in
	*413*) # what is a single parcel, as it happens, is refused; all else goes in pieces
		check "$1: accepted and refused are all" "$((ACCEPTED + ${refused:-0}))" "$OFFERED"
		at_least "$1: most of it is accepted" "$ACCEPTED" $((OFFERED / 2))
		return
		;;
	esac
	check "$1: what is refused is told" "${refused:-0}" "$REJECTED"
	case $2 in
	*400* | *404*)
		check "$1: accepted and refused are all" "$((ACCEPTED + REJECTED))" "$OFFERED"
		at_least "$1: something was refused" "$REJECTED" 1
		check "$1: that is a loss" "$STATUS" 4
		;;
	*partial*)
		check "$1: accepted in part" "$ACCEPTED $REJECTED" "$OFFERED 9"
		check "$1: that is a loss" "$STATUS" 4
		;;
	*)
		check "$1: everything is accepted" "$ACCEPTED $REJECTED" "$OFFERED 0"
		check "$1: nothing is lost" "$STATUS" 0
		;;
	esac
}
table "success" ok format=otlp
table "uncompressed" ok format=otlp,compress=none
table "one at a time" ok format=otlp,inflight=1
DRAIN=10s table "later, by seconds, by date, and just later" "later=1,ok,date=2,later" format=otlp
DRAIN=10s table "gateways" "502,504,ok,502" format=otlp,inflight=2
table "connections that end" "reset,drop,cut,ok,drop" format=otlp
table "strange success" "garbage,huge,note,none" format=otlp
table "pages and redirects" "html,moved,ok,html" format=otlp
DRAIN=30s table "answers that do not come" "stall,slow" format=otlp,timeout=6s
table "too large" "413,ok,413" format=otlp,inflight=1
table "refused" "400=no,ok,404" format=otlp
table "refused in part" "partial=4,partial=5" format=otlp

# nobody there: it says so, and a replay ends all the same
send "$T/load.raw" -w "otlp://127.0.0.1:1,format=otlp"
check "nobody there: a loss" "$STATUS" 4
check "nobody there: all of it" "$(lost sink_error)" "$OFFERED"
at_least "nobody there: one line says why" "$(grep -c 'Connection refused' "$T/log")" 1

# TLS: verified
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/key.pem" -out "$T/cert.pem" -days 2 -subj /CN=localhost \
	-addext subjectAltName=DNS:localhost,DNS:other.example >"$T/openssl" 2>&1
collector ok "$T/cert.pem" "$T/key.pem"
send "$T/load.raw" -w "otlps://localhost:$PORT,format=otlp,ca=$T/cert.pem"
collector_sum
check "TLS: everything is accepted" "$STATUS $ACCEPTED $BAD" "0 $OFFERED 0"
collector ok "$T/cert.pem" "$T/key.pem"
send "$T/load.raw" -w "otlps://127.0.0.1:$PORT,format=otlp,ca=$T/cert.pem,servername=other.example"
collector_sum
check "TLS: by a name of its own" "$STATUS $ACCEPTED $BAD" "0 $OFFERED 0"
collector ok "$T/cert.pem" "$T/key.pem"
send "$T/load.raw" -w "otlps://127.0.0.1:$PORT,format=otlp,ca=$T/cert.pem"
check "TLS: the wrong name" "$STATUS" 4
at_least "TLS: the wrong name is named" "$(grep -ciE 'subject|host name' "$T/log")" 1
send "$T/load.raw" -w "otlps://localhost:$PORT,format=otlp"
check "TLS: signed by nobody known" "$STATUS" 4
at_least "TLS: that is said" "$(grep -ci 'self-signed' "$T/log")" 1
collector_sum
check "TLS: none of it came" "$ACCEPTED" 0
done_testing
