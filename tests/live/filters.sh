#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kern: core
# Filters act in the kernel: the values of one are joined by "or", different ones by "and", `!` wins.
. tests/support/lib.sh
need_root
need jq setpriv

# Four programs, marked a to d; d runs as nobody. The end mark runs as a program that no filter below lets in,
# so what is waited for is the count of filtered records, by ending the run.
cp /bin/echo "$T/alpha" && cp /bin/echo "$T/beta"
programs() {
	"$T/alpha" "$NONCE-a" && "$T/beta" "$NONCE-b" && /bin/echo "$NONCE-c" &&
		setpriv --reuid=65534 --regid=65534 --clear-groups sh -c 'exec "$0" "$1-$2"' "$T/alpha" "$NONCE" d
} >/dev/null
which_of() { for mark in a b c d; do has "$T/a.jsonl" "$NONCE-$mark" && printf %s "$mark"; done; }

filter() { # WANT OPTION…
	local want=$1
	shift
	start record -p exec "$@" -w "$T/a.jsonl"
	programs
	stop
	check "exit status of $*" "$STATUS" 0
	check "filter $*" "$(which_of)" "$want"
}
filter abcd
filter ad --comm alpha
filter abd --comm alpha --comm beta
filter bc --comm '!alpha'
filter d --uid 65534
filter abc --uid 0
filter abc --uid '!65534'
filter d --comm alpha --uid 65534
filter b --comm alpha --comm beta --comm '!alpha'

# --tree, --pid: a shell that waits is told to start programs
mkfifo "$T/gate"
sh -c 'read -r x; "$0/alpha" "$1-a"; sh -c "\"$0/beta\" \"$1-b\"" "$0" "$1"; exit 0' "$T" "$NONCE" <"$T/gate" >/dev/null &
waiting=$!
children+=("$waiting")
start record -p exec --tree "$waiting" -w "$T/a.jsonl"
/bin/echo "$NONCE-c" >/dev/null
echo go >"$T/gate"
wait "$waiting"
stop
check "--tree: descendants, and nobody else" "$(which_of)" ab

# --cgroup, with a group below it
if grep -q cgroup2 /proc/filesystems && top=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts) && [ -n "$top" ] &&
	mkdir -p "$top/penstock-$NONCE/below" 2>/dev/null; then
	start record -p exec --cgroup "/penstock-$NONCE" -w "$T/a.jsonl"
	sh -c 'echo $$ >"$1/cgroup.procs"; exec "$2/alpha" "$3-a"' sh "$top/penstock-$NONCE" "$T" "$NONCE" >/dev/null
	sh -c 'echo $$ >"$1/cgroup.procs"; exec "$2/beta" "$3-b"' sh "$top/penstock-$NONCE/below" "$T" "$NONCE" >/dev/null
	/bin/echo "$NONCE-c" >/dev/null
	stop
	check "--cgroup, descendants included" "$(which_of)" ab
	rmdir "$top/penstock-$NONCE/below" "$top/penstock-$NONCE"
else
	echo "skipped: --cgroup: no unified cgroups here"
fi
done_testing
