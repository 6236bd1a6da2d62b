#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# An SSL_write and an SSL_read, in one process: alone, with empty probes on the exported functions, with empty probes where
# penstock puts them, and recorded to pcapng. Interleaved rounds, medians, ratios of the time alone.
. tests/bench/lib.sh
. tests/bench/tls_lib.sh
need_root
need cc nm bpftool jq
built tls_calls -lssl -lcrypto
built probes -lbpf
lib=$(ldd "$T/tls_calls" | awk '/libssl/ { print $3 }')
rounds=${ROUNDS:-7}
mapfile -t exported < <(exported_places "$lib")
mapfile -t places < <(inner_places "$lib")
[ "${#places[@]}" -gt 0 ] || skip "$lib has no inner functions that are known"
for bytes in 1024 16384; do
	for _ in $(seq "$rounds"); do
		"$T/tls_calls" "$bytes" >>"$T/none.$bytes"
		"$T/probes" "${exported[@]}" -- "$T/tls_calls" "$bytes" >>"$T/exported.$bytes"
		"$T/probes" "${places[@]}" -- "$T/tls_calls" "$bytes" >>"$T/places.$bytes"
		start tls -w "$T/a.pcapng"
		"$T/tls_calls" "$bytes" >>"$T/recorded.$bytes"
		stop
	done
	none=$(median <"$T/none.$bytes")
	printf '%s bytes: alone %s ns' "$bytes" "$none"
	for what in exported places recorded; do
		awk -v n="$none" -v v="$(median <"$T/$what.$bytes")" -v w="$what" 'BEGIN { printf ", %s %d ns = %.2f", w, v, v / n }'
	done
	echo
	start tls -w "$T/a.pcapng"
	profiled "$T/tls_calls" "$bytes"
	stop
done
