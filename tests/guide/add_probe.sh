#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# README's "add a probe", followed to the letter in a copy of the tree: it builds, its unit test passes, it is a
# subcommand, it sees its events, and its recording replays to the same.
. tests/support/lib.sh
need_root
need gcc python3 tshark jq

copy=$T/copy
mkdir "$copy"
git ls-files -z -co --exclude-standard | xargs -0 cp --parents -t "$copy"
tests/guide/extract.py README.md "$copy" >"$T/files" || { echo "FAIL: extract"; cat "$T/files"; exit 1; }
check "the files of the guide" "$(sort "$T/files" | tr '\n' ' ')" \
	"kern/minish.bpf.c probes/minish.c probes/probes.def tests/probes/test_minish.c "
at_least "under 150 lines together" 150 "$(cat "$copy/kern/minish.bpf.c" "$copy/probes/minish.c" "$copy/tests/probes/test_minish.c" | wc -l)"

cmake -S "$copy" -B "$copy/build" -G Ninja -DWERROR=ON -DTESTS=ON >"$T/build.log" 2>&1 &&
	cmake --build "$copy/build" --target penstock probes_test_minish >>"$T/build.log" 2>&1 ||
	{ echo "FAIL: the copy does not build"; tail -n 30 "$T/build.log"; exit 1; }
P=$copy/build/penstock
check "the rules of the house" "$(cd "$copy" && for rule in spdx sizes banned includes format; do tests/lint/lint.py "$rule"; done | grep minish)" ""
holds "its unit test" sh -c 'cd "$1" && build/tests/probes_test_minish' sh "$copy"
holds "it is listed" sh -c '"$1" probes | grep -qw minish' sh "$P"
holds "it is a subcommand" "$P" minish --help

gcc -O1 -o "$T/minish" tests/guide/minish.c
mkfifo "$T/gate"
"$T/minish" <"$T/gate" & # runs before we look, and so is attached before `ready`
children+=($!)
exec 9>"$T/gate"
start minish -w "$T/a.jsonl" -w "$T/a.pcapng" -w "$T/a.raw"
printf '%s\n' "one $NONCE" "three words $NONCE-3" >&9
seen "$T/a.jsonl" "$NONCE-3"
stop
check "exit status" "$STATUS" 0
check "its events" "$(json "$T/a.jsonl" 'select(.type == "shell") | "\(.shell.shell) \(.shell.command) \(.shell.exit_code)"')" \
	"$(printf 'minish one %s 2\nminish three words %s-3 3' "$NONCE" "$NONCE")"
at_least "a row in the pcapng" "$(rows "$T/a.pcapng" "$NONCE-3")" 1
run replay "$T/a.raw" -w "$T/again.jsonl"
holds "its recording replays to the same" cmp "$T/a.jsonl" "$T/again.jsonl"
mkdir -p "$copy/samples/raw" "$copy/samples/golden"
cp "$T/a.raw" "$copy/samples/raw/minish.raw"
for update in 1 ''; do # makes the golden files, then compares with them
	holds "its sample" sh -c 'cd "$1" && PENSTOCK=$2 UPDATE=$3 tests/replay/golden.sh samples/raw/minish.raw' sh "$copy" "$P" "$update"
done
done_testing
