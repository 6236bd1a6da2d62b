#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Requests per second of an nginx over TLS, with wrk on the same machine: alone, with empty probes on the exported functions, with
# empty probes where penstock puts them, recorded at the server's end, and recorded at both ends (wrk uses the same library, so its
# calls pass the probes in every case). Interleaved rounds, medians, ratios of the rate alone; what was lost.
. tests/bench/lib.sh
. tests/bench/tls_lib.sh
. tests/support/tls.sh
need_root
need cc nginx wrk nm openssl bpftool jq

built probes -lbpf
lib=$(ldd "$(command -v wrk)" | awk '/libssl/ { print $3 }')
[ -n "$lib" ] || skip "wrk has no shared libssl"
mapfile -t exported < <(exported_places "$lib")
mapfile -t places < <(inner_places "$lib")
[ "${#places[@]}" -gt 0 ] || skip "$lib has no inner functions that are known"
rounds=${ROUNDS:-5} seconds=${SECONDS_EACH:-4}

nginx_start
for bytes in 1024 16384; do head -c "$bytes" /dev/zero | tr '\0' x >"$T/web/$bytes"; done
load() { wrk -t1 -c8 -d"$seconds" "$URL/$bytes"; } # the whole output
rate() { awk '/^Requests\/sec:/ { print $2 }'; }
loads=(wrk -t1 -c8 -d"$seconds")
recorded() { # NAME OPTION…
	local name=$1

	shift
	start tls -w "$T/a.pcapng" "$@"
	load | rate >>"$T/$name.$bytes"
	stop
	[ "$STATUS" = 0 ] || sed -n 's/^penstock: LOST/lost: &/p' "$T/log" >>"$T/lost.$name.$bytes"
}
for bytes in 1024 16384; do
	load >/dev/null # warm
	for _ in $(seq "$rounds"); do
		load | rate >>"$T/alone.$bytes"
		"$T/probes" "${exported[@]}" -- "${loads[@]}" "$URL/$bytes" | rate >>"$T/exported.$bytes"
		"$T/probes" "${places[@]}" -- "${loads[@]}" "$URL/$bytes" | rate >>"$T/places.$bytes"
		recorded server --comm nginx
		recorded both
	done
	printf '%s bytes: alone %.0f requests/s' "$bytes" "$(median <"$T/alone.$bytes")"
	for what in exported places server both; do
		awk -v n="$(median <"$T/alone.$bytes")" -v v="$(median <"$T/$what.$bytes")" -v w="$what" \
			'BEGIN { printf ", %s %.0f = %.2f", w, v, v / n }'
	done
	echo
	for what in server both; do [ ! -s "$T/lost.$what.$bytes" ] || { echo "  $what:" && cat "$T/lost.$what.$bytes"; }; done
	start tls -w "$T/a.pcapng"
	profiled load
	stop
done
done_testing
