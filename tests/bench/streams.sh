#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Streams, over loopback: what acknowledgement costs, what a sink costs beside a bare writev, and how many events a second get
# into a collector's archive and where the time goes. Medians of interleaved rounds.
. tests/bench/lib.sh
need openssl

events=${EVENTS:-2000000}
rounds=${ROUNDS:-5}
B=$(mktemp -d "$BUILD/bench-streams.XXXXXX") && trap 'rm -rf "$B"; quit' EXIT
B=$(realpath "$B")
peer=$BUILD/tests/stream_peer
"$BUILD/tests/make_raw" "$events" "${KIND:-exec}" >"$B/in.raw"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -addext subjectAltName=DNS:localhost \
	-days 2 -keyout "$B/key.pem" -out "$B/cert.pem" 2>/dev/null || skip "openssl makes no certificate"
tls="ca=$B/cert.pem,servername=localhost"

div() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", (b > 0 ? a / b : 0) }'; }
at() { median <"$B/$1"; }
ready() { grep -qx ready "$B/log" || ended "$PID"; }
# collecting URL: a collector there that writes .pb.zst; WHERE it listens
collecting() {
	rm -f "$B"/all.pb.zst* "$B"/.all.pb.zst*
	: >"$B/log" # the last one's `ready` is not this one's
	"$P" collect --listen "$1" -w "$B/all.pb.zst" 2>"$B/log" &
	PID=$!
	children+=("$PID")
	await 10 ready
	WHERE=$(sed -n 's/^listening on \([^ ]*\).*/\1/p' "$B/log")
}
ticks() { awk '{ print $14 + $15 }' "$@" | awk '{ n += $1 } END { print n / 100 }'; }
# collected NAME: it has done with it; its CPU seconds by thread into NAME.main, NAME.delivery
collected() {
	local task

	for task in /proc/"$PID"/task/*; do
		[ "$(cat "$task/comm")" = delivery ] && ticks "$task/stat" >>"$B/$1.delivery"
	done
	ticks "/proc/$PID/stat" >>"$B/$1.collector"
	kill -TERM "$PID"
	wait "$PID" || tail -n 3 "$B/log"
}
# sending NAME URL: seconds on the clock into NAME, CPU seconds into NAME.cpu
sending() {
	local TIMEFORMAT='%R %U %S'

	{ time "$P" replay -q "$B/in.raw" -w "$2" 2>"$B/sent" || cat "$B/sent"; } 2>&1 |
		awk -v f="$B/$1" 'NF == 3 { print $1 >>f; print $2 + $3 >>(f ".cpu"); next } { print }'
}
# discarding HOW ADDRESS: a peer that throws away what comes; WHERE it listens
discarding() {
	: >"$B/where"
	"$peer" read "$2" "$1" >"$B/where" &
	PID=$!
	children+=("$PID")
	await 10 test -s "$B/where"
	WHERE=$(head -n 1 "$B/where")
}

# rates NAME…: what was measured under that name: events a second, and CPU nanoseconds per event of the sender
rates() {
	local name

	for name; do
		awk -v n="$events" -v s="$(at "$name")" -v c="$(at "$name.cpu")" -v name="$name" 'BEGIN {
			printf "  %-28s %5.2f M events/s, sender %4.0f ns of CPU per event\n", name, n / s / 1e6, 1e9 * c / n }'
	done
}
beside() { div "$(at "$2")" "$(at "$1")"; } # BEFORE AFTER: the rate of the first as a part of the second's

# -- to somebody who throws everything away
for _ in $(seq "$rounds"); do
	"$P" replay -q "$B/in.raw" -w "$B/all.pb"
	cpu "$P" replay -q "$B/in.raw" -w -,format=pb >>"$B/encoded"
	for how in plain event batch; do
		scheme=fstrm
		[ "$how" = plain ] && scheme=tcp
		discarding "$how" 127.0.0.1:0
		sending "null-$how" "$scheme://$WHERE"
		wait "$PID"
		discarding "$how" "$B/socket"
		sending "null-$how-unix" "$(sed 's/^tcp$/unix/; s/^fstrm$/fstrm+unix/' <<<"$scheme")://$B/socket"
		wait "$PID"
	done
	for each in 1 512; do
		discarding plain 127.0.0.1:0
		"$peer" write "$WHERE" "$B/all.pb" "$each" >>"$B/bare-$each"
		wait "$PID"
	done
done
echo "$events events of $(($(stat -c %s "$B/all.pb") / events)) bytes, to a peer that throws them away:"
rates null-{plain,event,batch}{,-unix}
echo "  acknowledged batches: $(beside null-batch null-event) of the rate of events, $(beside null-batch null-plain) of that of plain tcp;" \
	"unix sockets $(beside null-batch-unix null-event-unix) and $(beside null-batch-unix null-plain-unix)"
awk -v n="$events" -v e="$(at encoded)" -v t="$(at null-plain.cpu)" -v one="$(at bare-1)" -v many="$(at bare-512)" 'BEGIN {
	printf "  the tcp sink takes %.0f ns of CPU per event beside encoding it (%.0f ns); a bare writev of the same bytes %.0f ns each, " \
		"%.0f ns by 512: %.2f and %.2f of it\n", 1e9 * (t - e) / n, 1e9 * e / n, one, many,
		1e9 * (t - e) / n / one, 1e9 * (t - e) / n / many }'

# -- to a collector
to_collector() { # NAME WHERE-TO-LISTEN SCHEME KEYS
	collecting "$2"
	sending "$1" "$3$WHERE$4"
	collected "$1"
}
for _ in $(seq "$rounds"); do
	to_collector tcp 127.0.0.1:0 tcp:// ""
	to_collector fstrm 127.0.0.1:0 fstrm:// ""
	to_collector fstrm-zst 127.0.0.1:0 fstrm:// ,codec=zst
	to_collector tcps "tcps://127.0.0.1:0,cert=$B/cert.pem,key=$B/key.pem" tcps:// ",$tls"
	to_collector fstrms "fstrms://127.0.0.1:0,cert=$B/cert.pem,key=$B/key.pem" fstrms:// ",$tls"
	to_collector fstrms-zst "fstrms://127.0.0.1:0,cert=$B/cert.pem,key=$B/key.pem" fstrms:// ",$tls,codec=zst"
	to_collector unix "unix://$B/socket" unix:// ""
	to_collector fstrm-unix "unix://$B/socket" fstrm+unix:// ""
done
echo "to a collector that writes .pb.zst and acknowledges what is on the disk:"
rates tcp fstrm fstrm-zst tcps fstrms fstrms-zst unix fstrm-unix
echo "  with acknowledgement, of without: tcp $(beside fstrm tcp), TLS $(beside fstrms tcps), unix $(beside fstrm-unix unix)"
awk -v n="$events" -v e="$(at encoded)" -v s="$(at fstrm.cpu)" -v c="$(at fstrm.collector)" -v d="$(at fstrm.delivery)" -v cores="$(nproc)" 'BEGIN {
	ns = 1e9 / n; all = s + c
	printf "  CPU per event: %.0f ns (%d cores can do %.2f M/s): sender decodes and encodes %.0f (%.0f %%), sends %.0f (%.0f %%);\n", \
		ns * all, cores, cores * n / all / 1e6, ns * e, 100 * e / all, ns * (s - e), 100 * (s - e) / all
	printf "  collector receives, decodes, encodes %.0f (%.0f %%), compresses, indexes, writes %.0f (%.0f %%)\n", \
		ns * (c - d), 100 * (c - d) / all, ns * d, 100 * d / all }'
