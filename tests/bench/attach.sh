#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# From start to `ready`: on this machine as it is, and with 200 more processes, bash among them.
. tests/bench/lib.sh
need_root

once() { start record -p bash -p exec -w "$T/a.pcapng"; }
timed() {
	for _ in 1 2 3 4 5; do
		local from=$EPOCHREALTIME
		once
		awk -v a="$from" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.3f\n", b - a }'
		stop
	done | median
}
alone=$(timed)
mkfifo "$T/gate"
for _ in $(seq 100); do
	bash -c 'read -r x' <"$T/gate" &
	children+=($!)
	sleep 600 &
	children+=($!)
done
exec 9>"$T/gate"
echo "seconds to ready: $alone, with 200 more processes $(timed)"
