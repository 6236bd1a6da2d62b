#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# On a kernel that lacks what penstock cannot do without: one clear line, status 3, nothing written; what needs no kernel works.
. tests/support/lib.sh
need_root

for probe in exec bash tls; do
	run "$probe" -w "$T/$probe.pcapng"
	check "exit status of penstock $probe" "$STATUS" 3
	one_line "missing: attach cookie"
done
run exec -w "$T/x.jsonl" -- true
check "exit status with a COMMAND" "$STATUS" 125
run check
check "exit status of penstock check" "$STATUS" 3
at_least "check names what is missing" "$(grep -c 'MISSING *attach cookie' "$T/out")" 1
run replay samples/raw/exec.raw -w "$T/x.jsonl"
check "replay works" "$STATUS" 0
done_testing
