#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A storm of short processes, in turn without and with the exec probe: the rate that is left, and what was lost.
. tests/bench/lib.sh
need_root

count=${COUNT:-2000}
storm() { for ((i = 0; i < count; i++)); do bash -c :; done; }

for round in 1 2 3 4 5; do
	wall storm >>"$T/without"
	start exec -w "$T/a.pcapng"
	wall storm >>"$T/with"
	stop
	[ "$STATUS" = 0 ] || echo "round $round: exit status $STATUS: $(tail -n 1 "$T/log")"
done
awk -v n="$count" -v a="$(median <"$T/without")" -v b="$(median <"$T/with")" 'BEGIN {
	printf "processes/s: %.0f without, %.0f with the exec probe: %.3f of the rate\n", n / a, n / b, a / b }'
