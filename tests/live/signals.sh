#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kern: core
# SIGINT, SIGTERM: a clean end with everything in the file. A second one: at once.
. tests/support/lib.sh
need_root
need tshark

for signal in INT TERM; do
	start exec -w "$T/$signal.pcapng"
	sh -c : "$NONCE-$signal"
	stop "$signal"
	check "exit status after SIG$signal" "$STATUS" 0
	at_least "after SIG$signal what had happened is in the file" "$(rows "$T/$signal.pcapng" "$NONCE-$signal")" 1
done

# an output that nobody reads cannot be finished: the second signal does not wait for it
mkfifo "$T/stuck.pcapng"
start exec -w "$T/stuck.pcapng"
kill -INT "$PID"
await 2 ended "$PID" || kill -INT "$PID"
stop
at_least "it ended" "$((STATUS < 127 || STATUS > 128 ? 1 : 0))" 1
done_testing
