#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A collector that stands still for a minute while 20,000 events a second are recorded for it: what is lost, what the recorder
# needs meanwhile, and how long it takes until the collector has everything. With a spool, and without.
. tests/bench/lib.sh
. tests/bench/tls_lib.sh
need_root
need zstdcat
built tls_calls -lssl -lcrypto

pause=${PAUSE:-60}
rate=${RATE:-20000}
B=$(mktemp -d "$BUILD/bench-outage.XXXXXX") && trap 'rm -rf "$B"; quit' EXIT

asked() { grep -c '^penstock: .* senders,' "$B/collector"; }
# safe: up to which event the collector has everything
safe() {
	local before

	before=$(asked)
	kill -USR1 "$C"
	await 5 more_than "$before" asked
	sed -n 's/.*safe up to \([0-9]*\).*/\1/p' "$B/collector" | tail -n 1
}
told() { grep -c '^penstock: [0-9]* tls_data' "$T/log"; }
more_than() { [ "$("$2")" -gt "$1" ]; }
# recorded: how many events the recorder has seen
recorded() {
	local before

	before=$(told)
	kill -USR1 "$PID"
	await 5 more_than "$before" told
	sed -n 's/^penstock: \([0-9]*\) tls_data.*/\1/p' "$T/log" | tail -n 1
}
memory() { awk -v what="$1:" '$1 == what { print int($2 / 1024) }' "/proc/$PID/status"; }
drained() { [ "$(safe)" -ge "$1" ]; }

# outage WHAT KEYS
outage() {
	local before most=0 now want begun took

	rm -f "$B"/all.pb.zst* "$B"/.all.pb.zst*
	: >"$B/collector"
	"$P" collect --listen 127.0.0.1:0 -w "$B/all.pb.zst" 2>"$B/collector" &
	C=$!
	children+=("$C")
	await 10 grep -qx ready "$B/collector"
	start tls --comm tls_calls -w "fstrm://$(sed -n 's/^listening on //p' "$B/collector")$2"
	"$T/tls_calls" 64 "$((rate / 2))" "$((pause + 25))" >"$B/pairs" &
	G=$!
	children+=("$G")
	await 10 more_than "$rate" recorded # it flows
	before=$(memory VmRSS)
	kill -STOP "$C"
	begun=$SECONDS
	while [ "$SECONDS" -lt $((begun + pause)) ]; do
		now=$(memory VmRSS)
		[ "$now" -gt "$most" ] && most=$now
		sleep 0.5
	done
	want=$(recorded)
	begun=$(date +%s%N)
	kill -CONT "$C"
	await 60 drained "$([ "$1" = "with a spool" ] && echo "$want" || echo 0)"
	took=$((($(date +%s%N) - begun) / 1000000))
	wait "$G"
	await 20 drained "$([ "$1" = "with a spool" ] && recorded || echo 0)"
	now=$(memory VmHWM)
	stop
	kill -TERM "$C"
	wait "$C"
	printf '%s, stopped for %s s: exit status %s; %s events made' "$1" "$pause" "$STATUS" $((2 * $(cat "$B/pairs")))
	printf '; memory %s MiB before, %s MiB at most meanwhile, %s MiB at most in all; %s events were there %s ms after it went on\n' \
		"$before" "$most" "$now" "$want" "$took"
	sed -n 's/^penstock: \(.*LOST.*\)/  \1/p' "$T/log"
	sed -n 's/^penstock: \(.*events, safe.*\)/  collector: \1/p' "$B/collector" | tail -n 1
	printf '  recorder: %s; %s of them are in the archive\n' "$(grep -o '^penstock: [0-9]* tls_data' "$T/log" | tail -n 1 | cut -c 11-)" \
		"$("$P" search -q "$B/all.pb.zst" --kind tls_data -w "-,format=jsonl" | wc -l)"
}
outage 'with a spool' ",spool=$B/spool"
outage 'without' ""
