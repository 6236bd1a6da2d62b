#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kern: core
# tcp-listen serves pcapng live: Wireshark's own client reads it, and reads on where another one joins.
. tests/support/lib.sh
. tests/support/tls.sh
need_root
need tshark

port=$(free_port)
# joins NAME: Wireshark's client, until it has opened its file.
joins() {
	timeout 60 tshark -i "TCP@127.0.0.1:$port" -l >"$T/$1.txt" 2>"$T/$1.log" &
	children+=("$!")
	await 30 grep -q 'Capture started' "$T/$1.log"
}
# runs NAME: until everybody who is there has read of it; a newcomer begins at the next generation.
runs() {
	local what=$1

	shift
	for reader; do
		await 30 sh -c "/bin/true $NONCE-$what-$reader; sleep 0.2; grep -q $NONCE-$what-$reader '$T/$reader.txt'"
		check "$reader reads $what" "$?" 0
	done
}
start record -p exec -w "tcp-listen://127.0.0.1:$port,format=pcapng,flush=100ms"
joins first
runs one first
joins second
runs two first second
stop
check "exit status" "$STATUS" 0
check "the second reads nothing of what was before" "$(grep -c "$NONCE-one" "$T/second.txt")" 0
check "no reader finds a fault" "$(grep -cE 'corrupt|damaged|malformed|Error' "$T/first.log" "$T/second.log" | cut -d: -f2 | sort -u)" 0
done_testing
