#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A newcomer's machine: a Debian bootstrapped just now, and in it a clone of what is committed here, README's build lines and
# its two commands. No package of this machine helps; its kernel does, with /dev and /sys.
# Usage: run.sh [SUITE…]      bookworm (without any), trixie
# Downloaded packages stay in ~/.cache/penstock-fresh; nothing else stays, whatever ends it.
cd "$(dirname "$0")/../.."
. tests/support/strict.sh
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/penstock-fresh
work='' machine=''

skip() { printf '%s\n' "SKIP: $*" "-- 0 passed, 0 failed, 1 skipped"; exit 77; }

# Signals whoever has the new Debian as its root, in whatever namespace; fails when nobody is left.
signal_all() {
	local process left=1

	for process in /proc/[0-9]*; do
		[ "$process/root" -ef "$work/root" ] || continue
		kill "-$1" "${process#/proc/}" 2>/dev/null || true
		left=0
	done
	return "$left"
}
signal_group() { kill "-$1" -- "-${machine:-none}" 2>/dev/null; }
# The mounts are those of a namespace and go with its last process; what is left is a folder.
remove() {
	local tries=100

	trap '' HUP INT TERM
	[ -n "$work" ] || return 0
	signal_group TERM || true
	signal_all TERM || true
	wait "$machine" 2>/dev/null || true
	while { signal_group 0 || signal_all 0; } && [ $((tries--)) -gt 0 ]; do sleep 0.1; done
	signal_group KILL || true
	while signal_all KILL; do sleep 0.1; done
	rm -rf --one-file-system "$work"
	work='' machine=''
	trap 'exit 130' HUP INT TERM
}
trap remove EXIT
trap 'exit 130' HUP INT TERM

[ "$(id -u)" = 0 ] || skip "needs root"
command -v apt-get >/dev/null || skip "no apt-get on this machine"
samples/install-packages.sh fresh || skip "debootstrap cannot be installed"
git rev-parse -q --verify HEAD >/dev/null || skip "not a clone of a repository"
[ -z "$(git status --porcelain)" ] || echo "Changes that are not committed are left out."
mkdir -p "$CACHE"
exec 9>"$CACHE/lock"
flock 9

set -m # a process group for each machine: its end is the end of all of it
report=''
for suite in "${@:-bookworm}"; do
	echo "== Debian $suite"
	status=0
	work=$(mktemp -d "${TMPDIR:-/var/tmp}/penstock-fresh.XXXXXX")
	chmod 755 "$work"
	unshare -m --propagation private tests/fresh/machine.sh "$suite" "$work" "$CACHE/$suite" </dev/null 9>&- &
	machine=$!
	wait "$machine" || status=$?
	results=$(cat "$work/results" "$work/root/results" 2>/dev/null || true)
	[ "$status" = 0 ] || grep -qE '^(FAIL|SKIP) ' <<<"$results" || results+=$'\n'"FAIL it ended with status $status"
	report+="-- Debian $suite"$'\n'"$results"$'\n'
	remove
done
printf '%s' "$report"
awk '{ n[$1]++ } END { printf "-- %d passed, %d failed, %d skipped\n", n["ok"], n["FAIL"], n["SKIP"]; exit n["FAIL"] ? 1 : n["ok"] ? 0 : 77 }' <<<"$report" || exit
