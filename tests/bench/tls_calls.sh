#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# An SSL_write and an SSL_read, in one process: alone, with empty probes on the exported functions, with empty probes where
# penstock puts them, and recorded to pcapng. Interleaved rounds, medians, ratios of the time alone.
. tests/bench/lib.sh
need_root
need cc
cc -O2 -D_GNU_SOURCE tests/bench/tls_calls.c -o "$T/calls" -lssl -lcrypto 2>"$T/cc.log" || skip "no OpenSSL to build with"
lib=$(ldd "$T/calls" | awk '/libssl/ { print $3 }')
rounds=${ROUNDS:-7}

places=$("$P" check --target "$lib" | sed -n 's/.*uprobe ssl_\(read\|write\)_internal2\? at [^+]*+\(0x[0-9a-f]*\).*/\2/p' | sort -u | sed "s|^|$lib:|")
[ -n "$places" ] || skip "$lib has no inner functions that are known"
exported=$(nm -D --defined-only "$lib" | awk -v lib="$lib" '$3 ~ /^SSL_(read|write)(@|$)/ { print lib ":0x" $1 }')
for bytes in 1024 16384; do
	for _ in $(seq "$rounds"); do
		"$T/calls" "$bytes" >>"$T/none.$bytes"
		# shellcheck disable=SC2086 # each is a list
		"$T/calls" "$bytes" $exported >>"$T/exported.$bytes"
		# shellcheck disable=SC2086
		"$T/calls" "$bytes" $places >>"$T/places.$bytes"
		start tls -w "$T/a.pcapng"
		"$T/calls" "$bytes" >>"$T/recorded.$bytes"
		stop
	done
	none=$(median <"$T/none.$bytes")
	printf '%s bytes: alone %s ns' "$bytes" "$none"
	for what in exported places recorded; do
		awk -v n="$none" -v v="$(median <"$T/$what.$bytes")" -v w="$what" 'BEGIN { printf ", %s %d ns = %.2f", w, v, v / n }'
	done
	echo
done
tail -n 3 "$T/log"
