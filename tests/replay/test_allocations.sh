#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Steady state allocates nothing: 100,000 events cost exactly as many allocations as 1,000, by whatever library.
. tests/support/lib.sh
make_raw=$BUILD/tests/make_raw
preload=$(echo "$BUILD"/tests/*alloc_preload.so)

allocations() { # RECORDING OUTPUT
	LD_PRELOAD=$preload ALLOC_REPORT=$T/report "$P" replay "$1" -w "$2" 2>"$T/log" || return
	sed -n '1s/.* //p' "$T/report"
}
for kind in exec bash sql; do
	"$make_raw" 1000 "$kind" >"$T/few.raw"
	"$make_raw" 100000 "$kind" >"$T/many.raw"
	for ending in pcapng jsonl text raw; do
		few=$(allocations "$T/few.raw" "$T/out-few.$ending,format=$ending")
		at_least "allocations are counted" "$few" 10
		check "$kind to $ending: allocations for 100,000 events as for 1,000" \
			"$(allocations "$T/many.raw" "$T/out.$ending,format=$ending")" "$few"
	done
	at_least "and they were written" "$(wc -l <"$T/out.jsonl")" 100000
done
done_testing
