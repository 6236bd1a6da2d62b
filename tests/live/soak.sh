#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Sixteen outputs, one of which is stalled, one slow, one a full disk, two FIFOs whose readers come and go: exact
# accounts, and no memory that grows. For 20 seconds; ten minutes with tests/run.sh --long, or PENSTOCK_SOAK seconds. However
# long it takes, no file gets more than 100 MB (250 MB in the long run).
. tests/support/lib.sh
need_root
need jq tshark mkfifo mountpoint python3
seconds=${PENSTOCK_SOAK:-$([ -n "${PENSTOCK_LONG:-}" ] && echo 600 || echo 20)}
programs=$((seconds < 100 ? 1500 : 4000))

mkdir "$T/mnt"
mount -t tmpfs -o size=4m none "$T/mnt" || skip "no tmpfs here"
mkfifo "$T/still.jsonl" "$T/slow.jsonl" "$T/visited.jsonl" "$T/visited.raw"
# shellcheck disable=SC2217 # that it does not read is the point
sleep 100000 <"$T/still.jsonl" &
children+=($!)
# takes less than there is, until the end
python3 - "$T" "$seconds" "$programs" <<'PY' &
import os, sys, time
T, seconds, programs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
fd, out = os.open(T + "/slow.jsonl", os.O_RDONLY), open(T + "/slow", "wb")
pause = seconds * 65536 / (programs * 61000 - 45e6)
while data := os.read(fd, 65536):
    out.write(data)
    time.sleep(0.002 if os.path.exists(T + "/end") else pause)
PY
slow=$!
children+=("$slow")

outputs=(-w "$T/still.jsonl" -w "$T/slow.jsonl" -w "$T/mnt/full.jsonl" -w "$T/visited.jsonl" -w "$T/visited.raw")
for i in 1 2 3 4; do outputs+=(-w "$T/$i.jsonl"); done
for i in 1 2 3; do outputs+=(-w "$T/$i.pcapng"); done
outputs+=(-w "$T/1.raw" -w "$T/2.raw" -w "$T/1.txt" -w "$T/held.pcapng,hold=2s")
start exec --tree $$ "${outputs[@]}"

head -c 60000 /dev/zero | tr '\0' A >"$T/long"
visit() { while [ -p "$1" ]; do timeout 0.7 cat "$1"; sleep 0.3; done >>"$2"; }
visit "$T/visited.jsonl" "$T/visits" 2>/dev/null &
visitors=$!
children+=("$visitors")
visit "$T/visited.raw" /dev/null 2>/dev/null &
visitors_raw=$!
children+=("$visitors_raw")

rss() { sed -n 's/^VmRSS:[[:space:]]*\([0-9]*\).*/\1/p' "/proc/$PID/status"; }
SECONDS=0 n=0 half=
while [ "$SECONDS" -lt "$seconds" ]; do
	if [ $((n * seconds)) -le $((programs * SECONDS + 20 * seconds)) ] && [ "$n" -lt "$programs" ]; then
		for _ in $(seq 10); do /bin/true "$NONCE-$((n++))-x" "$(<"$T/long")"; done
	else
		sleep 0.2 # as much as was planned for by now
	fi
	[ -n "$half" ] || [ "$SECONDS" -lt $((seconds * 2 / 3)) ] || half=$(rss)
	alive "$PID" || break
done
end=$(rss)
kill "$visitors" "$visitors_raw"
touch "$T/end"
SECONDS=0
stop
wait "$slow"

check "a loss" "$STATUS" 4
holds "it ends, however much stands still" test "$SECONDS" -le 60
check "the counters add up" "$(grep -c 'do not add up' "$T/log")" 0
check "no kernel or reader loss" "$(grep -cE 'LOST: (kernel|reader)' "$T/log")" 0
echo "$n programs; RSS $half KiB after two thirds, $end KiB at the end"
holds "memory does not grow" test "$end" -le $((half + half / 20 + 4096))
for i in 1 2 3 4; do
	check "$i.jsonl has everything" "$(grep -o "$NONCE-[0-9]*-x" "$T/$i.jsonl" | sort -u | wc -l)" "$n"
	check "$i.jsonl: seq is dense" "$(grep -o '"seq":[0-9]*' "$T/$i.jsonl" | awk -F: '$2 != NR' | wc -l)" 0
done
for file in 1.pcapng 2.pcapng 3.pcapng held.pcapng 1.raw 2.raw 1.txt; do
	check "$file has everything" "$(grep -ao "$NONCE-[0-9]*-x" "$T/$file" | sort -u | wc -l)" "$n"
done
holds "2.pcapng is whole" tshark -r "$T/2.pcapng" -c 1000000
check "good places lost nothing" "$(grep -cE "LOST: $T/([1-4]\.|held)" "$T/log")" 0

# account NAME: written and lost make up what it was offered and did not skip
python3 - "$T" "$NONCE" <<'PY' || failures=$((failures + 1))
import json, os, re, sys
T, nonce = sys.argv[1:]
log = open(T + "/log", errors="replace").read()
written = {n: int(c) for n, c in re.findall(r"^penstock: (\S+): (\d+) written", log, re.M)}
lost = {}
for name, count in re.findall(r"^penstock: LOST: (\S+): (\d+) ", log, re.M):
    lost[name] = lost.get(name, 0) + int(count)
good = written[T + "/1.jsonl"]
bad = 0
def expect(what, ok, *figures):
    global bad
    print(("ok   " if ok else "FAIL ") + what, *figures)
    bad += not ok
# Each is offered the same events, and besides them reports of what it lost itself: those it has, or lost as well.
for name in ("still.jsonl", "slow.jsonl", "mnt/full.jsonl", "visited.jsonl"):
    path = T + "/" + name
    total = written[path] + lost.get(path, 0)
    expect(f"{name}: written + lost", good <= total <= good + 3 * 10 * 700, written[path], lost.get(path, 0), good)
expect("slow.jsonl has lost", lost.get(T + "/slow.jsonl", 0) > 0)
expect("still.jsonl has lost", lost.get(T + "/still.jsonl", 0) > 0)
expect("mnt/full.jsonl has lost", lost.get(T + "/mnt/full.jsonl", 0) > 0)
# What the slow reader got tells itself what is missing: each number is there once, or in the span of a report.
seqs, gaps = [], 0
for line in open(T + "/slow"):
    e = json.loads(line)
    seqs.append(e["seq"])
    if e["type"] == "loss":
        gaps += e["loss"]["count"]
expect("slow.jsonl: numbers grow", all(a < b for a, b in zip(seqs, seqs[1:])))
expect("slow.jsonl: numbers + reported gaps = all", len(seqs) + gaps == seqs[-1], len(seqs), gaps, seqs[-1])
expect("slow.jsonl: what was written was read", len(seqs) == written[T + "/slow.jsonl"])
sys.exit(bad > 0)
PY
done_testing
