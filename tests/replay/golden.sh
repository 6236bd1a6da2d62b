#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A raw recording through every encoder: byte for byte what lies in samples/golden, and read back by others.
# Usage: golden.sh samples/raw/NAME.raw      UPDATE=1 writes the golden files in place of comparing.
. tests/support/lib.sh

recording=$1
name=$(basename "$recording" .raw)
golden=samples/golden/$name

for ending in pcapng jsonl pb txt raw; do
	format=${ending/txt/text}
	run replay "$recording" -w "$T/$name.$ending,format=$format"
	check "replay to $ending" "$STATUS" 0
	[ "$ending" = raw ] && continue
	# The first message of protobuf holds the schema, which grows: what follows must not change.
	[ "$ending" != pb ] || python3 tests/support/messages.py rest "$T/$name.pb"
	[ -z "${UPDATE:-}" ] || install -m 644 "$T/$name.$ending" "$golden.$ending"
	holds "$golden.$ending" cmp "$T/$name.$ending" "$golden.$ending"
done
holds "raw to raw" cmp "$T/$name.raw" "$recording"

if command -v jq >/dev/null; then
	jq -c . "$T/$name.jsonl" >"$T/jq.jsonl"
	holds "what jq has read is what was written, numbers too" cmp "$T/jq.jsonl" "$T/$name.jsonl"
fi
if command -v protoc >/dev/null; then
	run replay "$recording" -w "$T/whole.pb"
	holds "each message is an event" python3 tests/support/messages.py decode "$T/whole.pb" "$T/events.txt"
	check "as many events as lines" "$(grep -c '^event {' "$T/events.txt")" \
		"$(($(wc -l <"$T/$name.jsonl") + $(grep -c '^  type: PROCESS_INFO' "$T/events.txt")))"
	for python in python3 /usr/bin/python3; do # Debian's package is Debian's Python's
		"$python" -c "import google.protobuf" 2>/dev/null || continue
		holds "Python reads them" "$python" tests/support/messages.py python "$T/whole.pb" "$T/python.txt"
		holds "and finds the same" cmp "$T/python.txt" "$T/events.txt"
		break
	done
fi
for reader in "tshark -n -r" "capinfos" "tcpdump -n -r"; do
	command -v "${reader%% *}" >/dev/null || continue
	# shellcheck disable=SC2086 # a command and its options
	holds "${reader%% *} reads the pcapng" $reader "$T/$name.pcapng"
done
if command -v tshark >/dev/null; then
	check "a row for each event that has one" \
		"$(tshark -n -r "$T/$name.pcapng" -Y systemd_journal 2>/dev/null | wc -l)" \
		"$(jq -c 'select(.type | IN("meta", "stats", "shell", "exec", "exit", "sql", "loss"))' "$T/$name.jsonl" | wc -l)"
fi
done_testing
