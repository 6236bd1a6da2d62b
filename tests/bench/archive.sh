#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Archives: what compression costs beside the zstd program, how large they are beside gzip, and how soon a question is
# answered beside zstdcat | jq and zstdgrep. CPU seconds, median of interleaved rounds, over the same bytes.
. tests/bench/lib.sh

events=${EVENTS:-300000} # some 600 MB of JSON
rounds=${ROUNDS:-3}
B=$(mktemp -d "$BUILD/bench-archive.XXXXXX") && trap 'rm -rf "$B"; quit' EXIT
"$BUILD/tests/make_raw" "$events" web >"$B/in.raw"

size() { stat -c %s "$1"; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", (b > 0 ? a / b : 0) }'; }

# -- making them
for _ in $(seq "$rounds"); do
	cpu "$P" replay "$B/in.raw" -w "$B/a.jsonl" >>"$B/plain"
	cpu "$P" replay "$B/in.raw" -w "$B/a.jsonl.zst" >>"$B/packed"
	cpu zstd -3 -q -f "$B/a.jsonl" -o "$B/z.zst" >>"$B/zstd"
done
made=$(awk -v a="$(median <"$B/packed")" -v b="$(median <"$B/plain")" 'BEGIN { print a - b }')
echo "$(size "$B/a.jsonl") bytes of JSON; compressing them took $made CPU seconds, zstd -3 $(median <"$B/zstd"):" \
	"$(ratio "$(median <"$B/zstd")" "$made") of its speed"
"$P" replay "$B/in.raw" -w "$B/a.pb.zst" -w "$B/l.jsonl.zst,long=yes,level=9" -w "$B/a.pb"
gzip -6 -c "$B/a.jsonl" | wc -c >"$B/gzip"
gzip -6 -c "$B/a.pb" | wc -c >"$B/gzip.pb"
echo "size: .jsonl.zst $(ratio "$(size "$B/a.jsonl.zst")" "$(cat "$B/gzip")") of gzip -6," \
	"with long=yes,level=9 $(ratio "$(size "$B/l.jsonl.zst")" "$(cat "$B/gzip")")," \
	".pb.zst $(ratio "$(size "$B/a.pb.zst")" "$(cat "$B/gzip.pb")") of gzip -6 of the .pb"
echo "index: $(awk -v a="$(size "$B/a.jsonl.zst.idx")" -v b="$(size "$B/a.jsonl.zst")" \
	'BEGIN { printf "%.3f %%", 100 * a / b }') of the archive"

# -- asking them: NAME, the options of search, what jq and zstdgrep would be told
ask() {
	local ours=$B/ours jq=$B/jq grep=$B/grep

	rm -f "$ours" "$jq" "$grep"
	for _ in $(seq "$rounds"); do
		cpu "$P" search "$B/a.jsonl.zst" -j ${2:?} >>"$ours"
		n=$(wc -l <"$T/bench.out")
		[ -z "$3" ] || cpu sh -c "zstdcat '$B/a.jsonl.zst' | jq -c '$3'" >>"$jq"
		cpu zstdgrep -a "$4" "$B/a.jsonl.zst" >>"$grep"
	done
	printf '%-28s %6d found, %8.3f CPU s; ' "$1" "$n" "$(median <"$ours")"
	[ -z "$3" ] || printf '%6.1f times as fast as zstdcat | jq, ' "$(ratio "$(median <"$jq")" "$(median <"$ours")")"
	printf '%5.2f times as fast as zstdgrep\n' "$(ratio "$(median <"$grep")" "$(median <"$ours")")"
}
line=$(zstdcat "$B/a.jsonl.zst" 2>/dev/null | sed -n "$((events / 2)){p;q}")
conn=$(jq -r .conn.id <<<"$line")
addr=$(zstdcat "$B/a.jsonl.zst" | jq -r 'select(.conn) | .conn.remote_addr' | sort | uniq -c | sort -n | awk 'NR == 5 { print $2 }')
second=$(jq -r '.time[:19]' <<<"$line")
ask 'connection' "--conn $conn" "select(.conn.id == \"$conn\")" "\"id\":\"$conn\""
ask 'address' "--addr $addr" "select(.conn.remote_addr == \"$addr\")" "\"remote_addr\":\"$addr\""
ask 'a second' "--from ${second}Z --to ${second}.999999999Z" "select(.time[:19] == \"$second\")" "\"time\":\"$second"
ask 'text, all of it, rare' '--text custom/77' '' 'custom/77'
ask 'text, all of it, none' '--text nowhere-in-it' '' 'nowhere-in-it'
