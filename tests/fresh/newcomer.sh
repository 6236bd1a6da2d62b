#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# In the new Debian (see machine.sh): does what README says, in a clone for the build and another one for its two commands.
# A line for each step, and how it went, goes to /results.
cd "$(dirname "$0")/../.."
. tests/support/strict.sh
failed=0

# said SECTION: the commands in README's section of that name
said() { sed -n "/^## $1\$/,/^## /s/^    //p" README.md; }
first() { said "$1" | sed -n '1 { s/  *#.*//; p }'; }
step() { # NAME COMMAND…
	local name=$1 start=$SECONDS status=0 counts

	shift
	echo "== $name"
	[ -n "$name" ] || set -- false # README has no such command
	"$@" </dev/null 2>&1 | tee /step.log || status=$?
	counts=$(sed -n 's/^-- \([0-9]* passed, .* skipped\)$/: \1/p' /step.log | tail -n 1)
	case $status in
	0) status=ok ;;
	77) status=SKIP ;;
	*) status=FAIL failed=1 ;;
	esac
	printf '%-4s %s, %s s%s\n' "$status" "$name" $((SECONDS - start)) "$counts" >>/results
}
nothing_left() { ! find /tmp -mindepth 1 ! -path /tmp/penstock-quickstart.pcapng | grep .; }

cp -r . ../again
while read -r line; do
	step "${line%%  *}" bash -c "$line"
done < <(said "Build and install")
step "penstock help" penstock help
cd ../again
for section in "Try it" Tests; do
	line=$(first "$section")
	step "$line" bash -c "$line"
done
step "nothing is left in /tmp" nothing_left
apt-get -qq autoclean
exit "$failed"
