#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# An SSL_write and an SSL_read, in one process: alone, with empty probes on the exported functions, with empty probes where
# penstock puts them, and recorded to pcapng. Interleaved rounds, medians, and of the ratio to the same round's time alone.
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
	[ "$STATUS" = 0 ] || tail -n 1 "$T/log"
	done
	printf '%s bytes: alone %s ns' "$bytes" "$(median <"$T/none.$bytes")"
	for what in exported places recorded; do
		printf ', %s %s ns = %.2f' "$what" "$(median <"$T/$what.$bytes")" \
			"$(paste "$T/none.$bytes" "$T/$what.$bytes" | awk '{ print $2 / $1 }' | median)"
	done
	echo
	start tls -w "$T/a.pcapng"
	profiled "$T/tls_calls" "$bytes"
	stop
done
