#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# From a fresh clone to a recording, as root on Debian 12: installs what is missing, builds, records a short
# session in a bash of its own and a few programs, and shows what tshark sees in the file.
# Usage: samples/quickstart.sh [FILE]     FILE: where the recording goes (default /tmp/penstock-quickstart.pcapng)
set -euo pipefail
cd "$(dirname "$0")/.."
[ "$(id -u)" = 0 ] || { echo "quickstart needs root: it loads programs into the kernel" >&2; exit 3; }
file=$(realpath -m "${1:-/tmp/penstock-quickstart.pcapng}")
build=${BUILD:-build}
work=$(mktemp -d)
recorder=

tidy() {
	if [ -n "$recorder" ]; then
		kill -TERM "$recorder" 2>/dev/null || true
		wait "$recorder" || true
	fi
	rm -rf "$work"
}
trap tidy EXIT

echo "== packages and build"
samples/install-packages.sh build view
{ cmake -S . -B "$build" -G Ninja -DTESTS=OFF && cmake --build "$build"; } >"$work/build.log" 2>&1 ||
	{ cat "$work/build.log"; exit 1; }

echo "== recording to $file"
# this script and what it starts, and not what else happens on the machine
"$build/penstock" record -p bash -p exec --tree $$ -w "$file" 2>"$work/log" &
recorder=$!
until grep -qx ready "$work/log"; do
	kill -0 "$recorder" 2>/dev/null || { cat "$work/log"; recorder=; exit 1; }
	sleep 0.1
done
cat "$work/log"

# an interactive bash in a terminal of its own; then programs that nobody types
printf '%s\n' 'echo hello from penstock' 'ls /etc | wc -l' 'false' 'sh -c "exit 3"' |
	HISTFILE=/dev/null tests/support/type.py bash --norc --noprofile -i >/dev/null
uname -a >/dev/null
sh -c 'sleep 0.2; exit 7' || true

kill -TERM "$recorder"
status=0
wait "$recorder" || status=$?
recorder=

echo "== what tshark sees in it: seconds, pid, program, message"
tshark -n -r "$file" -Y systemd_journal.message -T fields -e frame.time_relative -e systemd_journal.pid \
	-e systemd_journal.comm -e systemd_journal.message 2>/dev/null | cut -c1-120
echo
echo "The recording is $file: open it with  wireshark $file"
exit "$status"
