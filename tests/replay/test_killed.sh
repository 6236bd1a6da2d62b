#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kill -9 at random moments, under load and while what it left is made whole: afterwards every file is whole, and what
# is in them is what was offered, from its beginning, without a hole, at least as far as a reader could see before.
. tests/support/lib.sh
need zstd

kills=$([ -n "${PENSTOCK_LONG:-}" ] && echo 100 || echo 6)
outputs=()
while read -r name options; do outputs+=("$name"); settings[${#outputs[@]}]=$options; done <<-EOF
	a.jsonl.zst size=150K
	b.pb.zst size=200K,total=1G,sync=data
	c.pcapng.zst size=200K,events=custom
	d.raw.zst size=300K
	e.jsonl size=1M
	f.pb size=1M
EOF
write() { # PREFIX of what is written
	for i in "${!outputs[@]}"; do printf '%s\n' -w "$1/${outputs[i]},${settings[i + 1]}"; done
}
files() { # FOLDER OUTPUT [ENDING]
	find "$1" -name "${2%%.*}-*.${2#*.}${3:-}" | sort
}
# times FILE…: of the events in them, each of which has one of its own
times() {
	local file

	for file; do
		"$P" replay -q "$file" -w -,format=jsonl,kinds=tls_data 2>/dev/null |
			grep -a '"type":"tls_data"' | grep -ao '"time_boot_ns":"[0-9]*"'
	done
}
nap() { sleep "0.$((RANDOM % $1))$((RANDOM % 10))$((RANDOM % 10))"; }
begin() { # TENTHS RECORDING: a replay of it, that goes on for less than that
	"$P" replay -q "$2" "${writes[@]}" >"$T/log" 2>&1 &
	PID=$!
	children+=("$PID")
	nap "$1"
}

"$BUILD/tests/make_raw" 4000 web >"$T/load.raw"
"$BUILD/tests/make_raw" 10 exec >"$T/none.raw"
times "$T/load.raw" >"$T/offered"
check "what is offered" "$(sort -u "$T/offered" | wc -l)" 4000
mapfile -t writes < <(write "$T/k")
for round in $(seq "$kills"); do
	mkdir "$T/k"
	begin 3 "$T/load.raw"
	cp -r "$T/k" "$T/seen" 2>/dev/null # what a reader can see by now, while files get other names
	kill -KILL "$PID" 2>/dev/null
	wait "$PID" 2>/dev/null
	for _ in 1 2 3; do
		begin 1 "$T/none.raw"
		kill -KILL "$PID" 2>/dev/null
		wait "$PID" 2>/dev/null
	done
	run replay -q "$T/none.raw" "${writes[@]}"
	[ "$STATUS" = 0 ] || check "$round: the next start" "$STATUS" 0
	[ -z "$(find "$T/k" -name '*.part' -o -name '*.tmp')" ] ||
		check "$round: nothing is left half" "$(find "$T/k" -name '*.part' -o -name '*.tmp')" ""
	for output in "${outputs[@]}"; do
		mapfile -t list < <(files "$T/k" "$output")
		holds "$round: $output: whole" "$P" verify -q "${list[@]}"
		[[ $output != *.zst ]] || holds "$round: $output: zstd takes them" zstd -tq "${list[@]}"
		times "${list[@]}" >"$T/kept"
		holds "$round: $output: what was offered, from its beginning" \
			cmp "$T/kept" <(head -n "$(wc -l <"$T/kept")" "$T/offered")
		mapfile -t list < <(files "$T/seen" "$output" && files "$T/seen" "$output" .part)
		at_least "$round: $output: as far as it was seen" "$(wc -l <"$T/kept")" \
			"$(times "${list[@]}" | sort -u | wc -l)"
		wc -l <"$T/kept" >>"$T/sizes"
	done
	rm -r "$T/k" "$T/seen"
done
at_least "most were killed at work" "$(awk '$1 > 0 && $1 < 4000' "$T/sizes" | wc -l)" "$kills"
done_testing
