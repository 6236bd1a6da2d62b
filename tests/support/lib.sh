# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034
# What the live tests share. Sourced from the source root. A test is a list of checks; `done_testing` ends it
# with 0, 1, or 77 when it could not run here. Nothing sleeps for a time: `await` waits for a condition.
set -u
export LC_ALL=C.UTF-8 TZ=UTC
unset SUDO_UID SUDO_GID SUDO_USER
P=$(realpath "${PENSTOCK:-build/penstock}")
SUPPORT=$(realpath "$(dirname "${BASH_SOURCE[0]}")")
T=$(mktemp -d "${TMPDIR:-/tmp}/penstock-test.XXXXXX")
chmod 755 "$T"
NONCE=n$(od -An -N8 -tx8 /dev/urandom | tr -d ' ')
failures=0 checks=0
children=()

quit() { # at any end: children by their ids, mounts, files
	local pid

	for pid in ${children[@]+"${children[@]}"}; do
		kill -KILL "$pid" 2>/dev/null
	done
	wait 2>/dev/null
	while mountpoint -q "$T/mnt"; do umount "$T/mnt" || break; done
	rm -rf "$T"
}
trap quit EXIT
trap 'exit 130' INT TERM

skip() { echo "SKIP: $*"; exit 77; }
need() { local p; for p; do command -v "$p" >/dev/null || skip "no $p on this machine"; done; }
need_header() { cc -E -include "$1" -x c /dev/null >/dev/null 2>&1 || skip "no header $1 on this machine"; }
need_root() { [ "$(id -u)" = 0 ] || skip "needs root"; }

# check WHAT GOT WANT: equal. at_least WHAT GOT LEAST: a number not below.
check() {
	checks=$((checks + 1))
	[ "$2" = "$3" ] && return
	failures=$((failures + 1))
	printf 'FAIL: %s\n  got  %q\n  want %q\n' "$1" "$2" "$3"
}
at_least() {
	checks=$((checks + 1))
	[ "${2:-0}" -ge "$3" ] 2>/dev/null && return
	failures=$((failures + 1))
	printf 'FAIL: %s: %s, less than %s\n' "$1" "${2:-nothing}" "$3"
}
# holds WHAT COMMAND…: it succeeds.
holds() {
	local what=$1 out
	shift
	checks=$((checks + 1))
	out=$("$@" 2>&1) && return
	failures=$((failures + 1))
	printf 'FAIL: %s: %s\n%s\n' "$what" "$*" "$(tail -n 5 <<<"$out")"
}
done_testing() {
	[ "$failures" = 0 ] || { echo "-- the last words of penstock:" && tail -n 15 "$T/log"; } 2>/dev/null
	echo "$checks checks, $failures failed"
	[ "$failures" = 0 ]
	exit
}

# await SECONDS COMMAND…: until it succeeds; gives its last status.
await() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.05
	done
}
alive() { kill -0 "$1" 2>/dev/null; }
ended() { ! alive "$1"; }
ready() { grep -qx ready "$T/log" || ended "$PID"; }

# start ARG…: penstock in the background, its stderr in $T/log, its stdout in $T/out; returns at `ready`.
start() {
	: >"$T/log" # the last one's `ready` is not this one's
	env --default-signal=INT "$P" "$@" >"$T/out" 2>"$T/log" </dev/null &
	PID=$!
	children+=("$PID")
	await 30 ready
	grep -qx ready "$T/log" && return
	echo "FAIL: penstock $*: no 'ready':"
	cat "$T/log"
	failures=$((failures + 1))
	done_testing
}
# stop [SIGNAL]: and wait for the end; STATUS is its exit status.
stop() {
	kill -"${1:-INT}" "$PID" 2>/dev/null
	if ! await 30 ended "$PID"; then
		check "end within 30 s of SIG${1:-INT}" running ended
		kill -KILL "$PID"
	fi
	wait "$PID"
	STATUS=$?
}
# run ARG…: penstock to its end; STATUS, $T/out, $T/log.
run() {
	timeout 60 "$P" "$@" >"$T/out" 2>"$T/log" </dev/null
	STATUS=$?
}
# run_as_nobody: the same, with no privileges at all, by a copy that anybody can reach.
run_as_nobody() {
	[ -x "$T/penstock" ] || install -m 755 "$P" "$T/penstock"
	timeout 60 setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all \
		"$T/penstock" "$@" >"$T/out" 2>"$T/log" </dev/null
	STATUS=$?
}
# one_line TEXT: all that was said on stderr is one line with TEXT in it.
one_line() {
	check "one line on stderr: $1" "$(wc -l <"$T/log")" 1
	holds "that line names it" grep -qiF -- "$1" "$T/log"
}

# typed [SHELL ARG…]: types what comes on stdin into a shell in a terminal of its own (see type.py).
typed() {
	[ $# -gt 0 ] || set -- bash --norc --noprofile -i
	HISTFILE=/dev/null "$SUPPORT/type.py" "$@" >"$T/typed" 2>&1
}

# has FILE TEXT; seen FILE TEXT: waits until a flush has brought TEXT into FILE.
has() { grep -qaF -- "$2" "$1" 2>/dev/null; }
seen() {
	await 15 has "$1" "$2" && return
	check "'$2' in ${1##*/} within 15 s" missing there
}
# json FILE FILTER: what jq makes of a file of events, one output per line.
json() { jq -rc --arg n "$NONCE" "$2" "$1" 2>>"$T/jq.err"; }
# rows FILE TEXT [FIELD…]: journal rows with TEXT, as tshark shows them (the fields, or their number).
rows() {
	local file=$1 text=$2 fields=()

	shift 2
	if [ $# = 0 ]; then
		tshark -r "$file" -Y "systemd_journal && frame contains \"$text\"" 2>/dev/null | wc -l
		return
	fi
	while [ $# -gt 0 ]; do
		fields+=(-e "$1")
		shift
	done
	tshark -r "$file" -Y "systemd_journal && frame contains \"$text\"" -T fields "${fields[@]}" 2>/dev/null
}
