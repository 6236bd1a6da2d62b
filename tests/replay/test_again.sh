#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Every format that can be read again gives what the raw recording gives: byte for byte, in every format.
. tests/support/lib.sh

# Statistics tell what the output that recorded them skipped: a plain pcapng skips more than protobuf does.
KINDS=kinds=meta+exec+exit+shell+sql+tls_data+attach+loss
# outputs NAME: -w for each format.
outputs() {
	local w

	for w in pb jsonl txt,format=text "pcapng,$KINDS" custom.pcapng,events=custom; do
		printf -- '-w\n%s\n' "$1.$w"
	done
}
# same WHAT A B [ENDING…]: what replays made of two recordings.
same() {
	local what=$1 a=$2 b=$3 ending

	shift 3
	for ending; do holds "$what -> $ending" cmp "$a.$ending" "$b.$ending"; done
}

for kind in exec bash tls sql; do "$BUILD/tests/make_raw" 8000 $kind >"$T/made-$kind.raw"; done
for recording in samples/raw/*.raw "$T"/made-*.raw; do
	name=$(basename "$recording" .raw)
	mapfile -t writes < <(outputs "$T/want")
	run replay "$recording" "${writes[@]}" -w "$T/want.pb.zst" -w "$T/want.raw.zst" -w "$T/want.jsonl.zst" \
		-w "$T/want-c.pcapng.zst,events=custom"
	check "replay $recording" "$STATUS" 0
	for from in pb pb.zst custom.pcapng; do
		mapfile -t writes < <(outputs "$T/got")
		run replay "$T/want.$from" "${writes[@]}"
		check "$name: replay of .$from" "$STATUS" 0
		same "$name: $from" "$T/want" "$T/got" pb jsonl txt pcapng custom.pcapng
	done
	run replay "$T/want-c.pcapng.zst" -w "$T/got.pb"
	same "$name: pcapng.zst" "$T/want" "$T/got" pb
	for from in jsonl jsonl.zst; do
		run replay "$T/want.$from" -w "$T/got.jsonl" -w "$T/got.txt,format=text"
		check "$name: replay of .$from" "$STATUS" 0
		same "$name: $from" "$T/want" "$T/got" jsonl txt
	done
	run replay "$T/want.raw.zst" -w "$T/got.txt,format=text" -w "$T/got.pb,$KINDS"
	check "$name: replay of .raw.zst" "$STATUS" 0
	same "$name: raw.zst" "$T/want" "$T/got" txt
	run replay "$recording" -w "$T/want-k.pb,$KINDS"
	holds "$name: raw.zst -> pb" cmp "$T/want-k.pb" "$T/got.pb"
done

# By its contents, not by its name, and from a pipe.
"$P" replay "$T/made-bash.raw" -w "$T/a.pb" -w "$T/a.pb.zst" -w "$T/a.txt,format=text" -w "$T/rows.pcapng" 2>"$T/log"
for from in a.pb a.pb.zst; do
	dd if="$T/$from" bs=777 2>"$T/log" | "$P" replay - -w "$T/b.txt,format=text" 2>"$T/log"
	check "$from from a pipe" "$?" 0
	holds "$from from a pipe" cmp "$T/a.txt" "$T/b.txt"
done
cp "$T/a.pb.zst" "$T/named.raw"
run replay "$T/named.raw" -w "$T/b.txt,format=text"
holds "a name that lies" cmp "$T/a.txt" "$T/b.txt"

# What cannot be had of it is said.
run replay "$T/rows.pcapng" -w "$T/b.txt,format=text"
check "pcapng without events: status" "$STATUS" 1
one_line "events=custom"
run replay "$T/a.pb" -w "$T/b.raw"
check "raw of events: status" "$STATUS" 2
one_line "raw recording can be made of a raw one only"
check "and nothing was made" "$(ls "$T/b.raw" 2>/dev/null)" ""
run replay tests/support/lib.sh
check "none of ours: status" "$STATUS" 1
one_line "no recording of penstock"
"$P" replay samples/raw/exec.raw -w "$T/other.pb" 2>"$T/log"
cat "$T/a.pb" "$T/other.pb" >"$T/two.pb"
run replay "$T/two.pb" -w "$T/b.txt,format=text"
check "two runs: status" "$STATUS" 1
one_line "another run begins"
holds "two runs: the first is there" cmp "$T/a.txt" "$T/b.txt"
cat "$T/a.pb" "$T/a.pb" >"$T/twice.pb" # of one run: its parts, as rotation makes them
run replay "$T/twice.pb" -w "$T/b.txt,format=text"
check "two files of one run: status" "$STATUS" 0
check "two files of one run: lines" "$(wc -l <"$T/b.txt")" "$((2 * $(wc -l <"$T/a.txt")))"

# Cut anywhere: what was whole is there, and a line says so.
lines=$(wc -l <"$T/a.txt")
for from in a.pb a.pb.zst; do
	size=$(stat -c %s "$T/$from")
	before=0
	for part in 3 5 7 9; do
		head -c $((size * part / 10 + 1)) "$T/$from" >"$T/cut"
		run replay "$T/cut" -w "$T/b.txt,format=text"
		check "$from cut at $part/10: status" "$STATUS" 0
		one_line "ends in the middle of"
		n=$(wc -l <"$T/b.txt")
		check "$from cut at $part/10: some of it" "$((n >= before && n < lines))" 1
		holds "$from cut at $part/10: the beginning" cmp -n "$(stat -c %s "$T/b.txt")" "$T/a.txt" "$T/b.txt"
		before=$n
	done
	at_least "$from cut at 9/10: most of it" "$n" $((lines / 2))
done
"$P" replay "$T/made-bash.raw" -w "$T/a.raw.zst" 2>"$T/log"
head -c $(($(stat -c %s "$T/a.raw.zst") * 9 / 10)) "$T/a.raw.zst" >"$T/cut"
run replay "$T/cut" -w "$T/b.txt,format=text"
check "a.raw.zst cut: status" "$STATUS" 0
one_line "ends in the middle of"
at_least "a.raw.zst cut: most of it" "$(wc -l <"$T/b.txt")" $((lines / 2))

# Damaged: what came before that is there, and the exit status tells.
for from in a.pb a.pb.zst; do
	size=$(stat -c %s "$T/$from")
	cp "$T/$from" "$T/bad"
	head -c 600 /dev/zero | tr '\0' '\377' | dd of="$T/bad" bs=1 seek=$((size * 9 / 10)) conv=notrunc 2>/dev/null
	run replay "$T/bad" -w "$T/b.txt,format=text"
	check "$from damaged: status" "$STATUS" 1
	one_line "damaged"
	holds "$from damaged: the beginning" cmp -n "$(stat -c %s "$T/b.txt")" "$T/a.txt" "$T/b.txt"
	at_least "$from damaged: most of it" "$(wc -l <"$T/b.txt")" $((lines / 2))
done
done_testing
