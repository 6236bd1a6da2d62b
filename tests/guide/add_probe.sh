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

cmake -S "$copy" -B "$copy/build" -G Ninja -DWERROR=ON >"$T/build.log" 2>&1 &&
	cmake --build "$copy/build" --target penstock probes_test_minish >>"$T/build.log" 2>&1 ||
	{ echo "FAIL: the copy does not build"; tail -n 30 "$T/build.log"; exit 1; }
P=$copy/build/penstock
for rule in spdx sizes banned includes format; do
	holds "house rules: $rule" sh -c 'cd "$1" && tests/lint/lint.py "$2"' sh "$copy" "$rule"
done
holds "its unit test" sh -c 'cd "$1" && build/tests/probes_test_minish' sh "$copy"
holds "it is listed" sh -c '"$1" probes | grep -qw minish' sh "$P"
holds "it is a subcommand" "$P" minish --help

gcc -O1 -o "$T/minish" tests/guide/minish.c
start minish -w "$T/a.jsonl" -w "$T/a.pcapng" -w "$T/a.raw"
printf '%s\n' "one $NONCE" "three words $NONCE-3" | "$T/minish"
seen "$T/a.jsonl" "$NONCE-3"
stop
check "exit status" "$STATUS" 0
check "its events" "$(json "$T/a.jsonl" 'select(.type == "shell") | "\(.shell.shell) \(.shell.command) \(.shell.exit_code)"')" \
	"$(printf 'minish one %s 2\nminish three words %s-3 3' "$NONCE" "$NONCE")"
at_least "a row in the pcapng" "$(rows "$T/a.pcapng" "$NONCE-3")" 1
run replay "$T/a.raw" -w "$T/again.jsonl"
holds "its recording replays to the same" cmp "$T/a.jsonl" "$T/again.jsonl"
done_testing
