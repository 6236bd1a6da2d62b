#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A query has the same answer in every format, with the index, without it, and with one that lies.
. tests/support/lib.sh
need jq python3 zstd script

queries=(
	"--kind exec" "--kind exec+exit" "--kind !tls_data" "--kind attach" "--kind meta" "--kind loss" "--kind !exec --kind !exit"
	"--pid 2848" "--pid 3048 --pid 3148" "--pid !2848 --kind shell" "--tree 2923" "--tree 213 --kind tls_data" "--tree 2845"
	"--comm sh" "--comm ba*" "--comm !nginx --kind tls_data" "--comm worker22" "--comm worker1*" "--exe /usr/bin/grep" "--exe dash"
	"--exe /opt/w*/bin/worker*" "--exe !curl --kind tls_data" "--uid 3" "--uid root" "--uid !0 --kind exec" "--uid 99"
	"--container 00" "--container !00 --kind exec" "--port 20010" "--port !20010 --kind tls_data" "--port 18999"
	"--addr 127.0.0.1" "--addr 10.3.0.0/16" "--addr 10.3.0.0/12" "--addr 2001:db8::/64" "--addr 2001:db8::6" "--addr ::ffff:10.2.0.2"
	"--addr 0.0.0.0/0" "--addr ::/0" "--addr !10.0.0.0/8 --kind tls_data" "--conn 1" "--conn CONN"
	"--text echo" "--text GET --port 20010" "--text bash" "--text grep" "--text -qx" "--text /usr/bin/grep" "--text !GET --kind tls_data"
	"--text HELLO -i" "--regex ^GET" "--regex e[ck]ho" "--regex !e[ck]ho --kind shell" "--regex ECHO -i"
	"--from 2026-11-24T14:21:00Z --to 2026-11-24T14:21:05Z" "--from 2026-11-24T14:26:00Z" "--to 2026-11-24T14:19:40Z --kind exec"
	"--from 2027-01-01" "--comm sh --kind exec --from 2026-11-24T14:20:00 --to 2026-11-24T14:22"
	"--limit 3 --kind exec" "--limit 700 --comm sh" "--limit 3 --text GET --port 20010"
)

# answer QUERY FILE: a digest of what is printed, and how much that is.
answer() {
	local words out
	read -ra words <<<"$1"
	out=$("$P" search --json "${words[@]}" "$2" 2>>"$T/said" &&
		"$P" search --count "${words[@]}" "$2" 2>>"$T/said") || out="exit status $?"
	echo "$(tail -n 1 <<<"$out") $(sha1sum <<<"$out")"
}

# same REFERENCE FILE…: they answer alike.
same() {
	local reference=$1 file query want
	shift
	for query in "${queries[@]}"; do
		want=$(answer "$query" "$reference")
		for file; do check "$query: ${file##*/} as ${reference##*/}" "$(answer "$query" "$file")" "$want"; done
	done
}

# Every format that is read back, of what was recorded.
# shellcheck disable=SC2054 # a comma begins the options of an output
formats=(jsonl.zst pb pb.zst pcapng,events=custom pcapng.zst,events=custom)
for name in exec openssl; do
	for format in "${formats[@]}"; do run replay "samples/raw/$name.raw" -w "$T/$name.$format"; done
	run replay "samples/raw/$name.raw" -w "$T/$name.jsonl"
done
all=("${queries[@]}")
queries=("--kind exec+exit" "--kind attach" "--kind stats --pid 1" "--comm sh" "--text -qx" "--text HTTP/1.1" "--port 443" "--tree 2923")
for name in exec openssl; do
	same "$T/$name.jsonl" "$T/$name".{jsonl.zst,pb,pb.zst,pcapng,pcapng.zst} "samples/raw/$name.raw"
done
run search --kind stats --count samples/raw/exec.raw
check "a raw recording has no statistics" "$(<"$T/out")" 0

# Many frames: an archive over some minutes.
for name in bash sendfile; do run replay "samples/raw/$name.raw" -w "$T/$name.jsonl"; done
tests/replay/make_lines.py 150 3000 "$T"/{exec,bash,openssl,sendfile}.jsonl >"$T/lines.jsonl"
for format in jsonl "${formats[@]}"; do
	run replay "$T/lines.jsonl" -w "$T/a.$format"
	check "$format is written" "$STATUS" 0
done
at_least "frames" "$(zstd -lv "$T/a.jsonl.zst" 2>/dev/null | sed -n 's/^.*Number.*: *//p;s/^# Zstandard Frames: *//p' | head -n 1)" 20
conn=$(jq -r 'select(.conn) | .conn.id' "$T/a.jsonl" | sed -n 1000p)
queries=("${all[@]/CONN/$conn}")
some=()
for i in "${!queries[@]}"; do [ -z "${PENSTOCK_LONG:-}" ] && [ $((i % 3)) != 0 ] || some+=("${queries[i]}"); done
for format in jsonl pb; do cp "$T/a.$format.zst" "$T/bare.$format.zst"; done
: >"$T/said"
same "$T/a.jsonl" "$T"/a.{jsonl.zst,pb,pb.zst,pcapng}
check "nothing is said with an index" "$(wc -l <"$T/said")" 0
queries=("${some[@]}")
same "$T/a.jsonl" "$T"/bare.{jsonl,pb}.zst
check "without one it is, each time" "$(sort -u "$T/said" | grep -c 'no index')" 2
run search --kind tls_data --count "$T/a.jsonl"
check "as jq counts" "$(<"$T/out")" "$(jq -c 'select(.type == "tls_data")' "$T/a.jsonl" | wc -l)"
run search --comm worker22 --json "$T/a.pb.zst"
check "as jq finds" "$(jq -r .time_unix_nano "$T/out" | sha1sum)" \
	"$(jq -r 'select(.process.comm == "worker22") | .time_unix_nano' "$T/a.jsonl" | sha1sum)"

# The index made again: it cannot know at which level a frame was compressed, and finds the same.
for format in jsonl pb; do
	cp "$T/bare.$format.zst" "$T/again.$format.zst"
	run index "$T/again.$format.zst"
	check "index of $format" "$STATUS" 0
	run verify "$T/again.$format.zst"
	check "and it is right" "$STATUS" 0
done
same "$T/a.jsonl" "$T/again.jsonl.zst"

# One that lies: a line, and the same answer.
queries=("--comm worker22" "--addr 2001:db8::/64" "--from 2026-11-24T14:26:00Z" "--conn $conn")
lies() {
	: >"$T/said"
	same "$T/a.jsonl" "$T/bare.jsonl.zst"
	check "$1: a line each time" "$(wc -l <"$T/said")" $((2 * ${#queries[@]}))
}
size=$(stat -c %s "$T/a.jsonl.zst.idx")
for at in 0 7 8 20 $((size / 2)) $((size - 1)); do
	python3 -c 'import sys; b = bytearray(open(sys.argv[1], "rb").read()); b[int(sys.argv[2])] ^= 64; open(sys.argv[3], "wb").write(b)' \
		"$T/a.jsonl.zst.idx" "$at" "$T/bare.jsonl.zst.idx"
	lies "byte $at is another"
done
head -c $((size / 2)) "$T/a.jsonl.zst.idx" >"$T/bare.jsonl.zst.idx" && lies "cut"
: >"$T/bare.jsonl.zst.idx" && lies "empty"
cp "$T/a.pb.zst.idx" "$T/bare.jsonl.zst.idx" && lies "of another archive"
cp "$T/a.jsonl.zst.idx" "$T/bare.jsonl.zst.idx" && : >"$T/said" && same "$T/a.jsonl" "$T/bare.jsonl.zst"
check "its own: nothing to say" "$(wc -l <"$T/said")" 0
cat "$T/exec.jsonl.zst" >>"$T/bare.jsonl.zst"
run search --count --comm grep "$T/bare.jsonl.zst"
one_line "that of another file"
check "what was appended is found" "$(<"$T/out")" \
	"$(cat "$T/a.jsonl" "$T/exec.jsonl" | jq -c 'select(.process.comm == "grep")' | wc -l)"
rm "$T"/bare.* "$T"/again.*

# Several files, folders, standard input; a FIFO in a folder is nobody's recording.
mkdir -p "$T/f/below" && cp "$T/exec.pb.zst" "$T/exec.pb.zst.idx" "$T/f/below/" && cp "$T/openssl.jsonl" "$T/f/b.jsonl" && mkfifo "$T/f/p.jsonl"
head -c 9000 "$T/exec.jsonl" >"$T/f/x.jsonl.part"
run search --count --kind exec "$T/f"
check "a folder" "$STATUS $(<"$T/out") $(wc -l <"$T/log")" \
	"0 $(cat "$T/exec.jsonl" <(head -c 9000 "$T/exec.jsonl" | head -n -1) | jq -c 'select(.type == "exec")' | wc -l) 0"
run search --json --kind exec --kind tls_data "$T/openssl.jsonl" "$T/exec.pb.zst"
check "files in the order of time" "$(jq -r .type "$T/out" | uniq | xargs)" "exec tls_data"
"$P" search --count --comm worker22 - <"$T/a.pb.zst" >"$T/out" 2>"$T/log"
check "standard input" "$? $(<"$T/out")" "0 $(jq -c 'select(.process.comm == "worker22")' "$T/a.jsonl" | wc -l)"

# What happened around.
for format in jsonl pb.zst pcapng; do
	run search --json --comm worker22 --around 1600ms "$T/a.$format"
	check "around, in $format" "$(jq -r .time_unix_nano "$T/out" | xargs)" "$(python3 - "$T/a.jsonl" <<'END'
import json, sys
events = [(int(e["time_unix_nano"]), e) for e in map(json.loads, open(sys.argv[1]))]
found = [t for t, e in events if e.get("process", {}).get("comm") == "worker22"]
print(*(t for t, e in events if e["type"] != "meta" and any(abs(t - f) <= 1600000000 for f in found)))
END
)"
done

# One connection for Wireshark.
run search --conn "$conn" "$T/a.pb.zst" -w "$T/one.pcapng"
check "a pcapng is written" "$STATUS" 0
if command -v tshark >/dev/null; then
	check "one conversation in it" "$(tshark -r "$T/one.pcapng" -T fields -e tcp.stream 2>/dev/null | grep . | sort -u | wc -l)" 1
fi

# What is wrong.
wrong() {
	run search "$@"
	check "search $*" "$STATUS" 2
	at_least "search $*: something is said" "$(wc -l <"$T/log")" 1
}
for words in "--pid x" "--pid -1" "--pid 99999999999" "--port 65536" "--kind exce" "--kind exec+" "--addr 1.2.3" "--addr 1.2.3.4/33" \
	"--addr ::/129" "--conn xyz" "--conn 11111111111111111" "--uid nobodyhere" "--regex (" "--regex (a)\\1" "--from 25:00" \
	"--from noon" "--to 2026-02-30" "--from 2026-11-24 --to 2026-11-23" "--count -w $T/x.pb" "--count --around 1s" "-w $T/x.raw" \
	"-w $T/a.jsonl" "--around 1s -" "--around 1s $T/f/p.jsonl" "--text=" "--comm=" "--nosuch"; do
	read -ra words <<<"$words"
	wrong "${words[@]}" "$T/a.jsonl"
done
run search
check "no file" "$STATUS" 2
run search "$T/none.jsonl" --count
check "a file that is not there" "$STATUS" 1
one_line none.jsonl
echo "no recording at all" >"$T/x.jsonl"
run search "$T/x.jsonl" "$T/exec.pb" --count --kind exec
check "a file of something else, and the other one is read" "$STATUS $(<"$T/out")" "1 $(jq -c 'select(.type == "exec")' "$T/exec.jsonl" | wc -l)"
head -c 9000 "$T/exec.jsonl" >"$T/torn.jsonl"
run search "$T/torn.jsonl" --count --kind exec
check "a file without its end" "$STATUS $(<"$T/out")" \
	"1 $(head -c 9000 "$T/exec.jsonl" | head -n -1 | jq -c 'select(.type == "exec")' | wc -l)"
python3 -c 'import sys; b = bytearray(open(sys.argv[1], "rb").read()); b[len(b) // 2] ^= 255; open(sys.argv[2], "wb").write(b)' "$T/a.pb.zst" "$T/bad.pb.zst"
run search "$T/bad.pb.zst" --count --kind exec
check "a damaged file" "$STATUS" 1
at_least "what was whole before" "$(<"$T/out")" 100
run search "$T/a.jsonl" --kind exec
check "no progress where nobody looks" "$(wc -c <"$T/log")" 0
# Two batches of events with more than a second between them, for progress is not shown before.
slowly="(cat $T/a.jsonl; sleep 1.2; cat $T/a.jsonl) | $P search - --count"
script -qec "$slowly" /dev/null </dev/null >"$T/typed" 2>&1
holds "progress on a terminal" grep -q '[0-9] found' "$T/typed"
done_testing
