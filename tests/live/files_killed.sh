#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kern: core
# kill -9 at any moment: the next start makes whole what was left, in every format, and keeps what had been flushed.
. tests/support/lib.sh
need_root
need jq zstdcat
"$P" verify --help >/dev/null 2>&1 || skip "nobody recovers files yet"

# numbers FILE…: of the programs that are in them
numbers() { zstdcat -f "$@" 2>/dev/null | grep -ao "$NONCE-[0-9]*-[0-9]*-x" | sort -u; }
flushed_any() { [ -n "$(numbers "$T"/k-*."$format"*)" ]; }
for format in jsonl.zst raw pb pcapng.zst; do
	: >"$T/flushed"
	for round in 1 2 3; do
		start exec -w "$T/k.$format,size=256K,flush=100ms"
		(for i in $(seq 300); do /bin/true "$NONCE-$round-$i-x"; done) &
		load=$!
		children+=("$load")
		[ "$round" != 1 ] || await 10 flushed_any # once not before there is something
		sleep "0.$((RANDOM % 9))" # at any moment
		# what a reader can see now is flushed: it must be there afterwards
		numbers "$T"/k-*."$format"* >>"$T/flushed"
		kill -KILL "$PID"
		wait "$PID" 2>/dev/null
		wait "$load"
	done
	start exec -w "$T/k.$format,size=256K"
	stop
	check "$format: clean after three kills" "$STATUS" 0
	check "$format: nothing is left half" "$(find "$T" -name '*.part' -o -name '*.tmp')" ""
	for file in "$T"/k-*."$format"; do holds "${file##*/}: whole" "$P" verify "$file"; done
	numbers "$T"/k-*."$format" >"$T/kept"
	check "$format: what was flushed is there" "$(sort -u "$T/flushed" | comm -23 - "$T/kept" | wc -l)" 0
	at_least "$format: and there was something" "$(wc -l <"$T/kept")" 1
	check "$format: each file is listed" \
		"$(sed -n 's/^+ [0-9]* [0-9]* //p' "$T/.k.$format.manifest" | sort -u | wc -l)" \
		"$(find "$T" -name "k-*.$format" | wc -l)"
	rm -f "$T"/k-* "$T"/.k*
done
done_testing
