#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# In the guest (see init), as its first process: runs the tests in /run/tests, a line on the console for each, and what those said
# that failed. The last line, ##RC=n, tells the host how it ended.
exec </dev/null >/dev/ttyS0 2>&1
export PENSTOCK=/run/penstock HOME=/run PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
failed=0

echo "##UP $(uname -r)"
cd /srv || failed=1
while read -r test; do
	start=$SECONDS
	setsid -w timeout 600 "$test" >/run/out 2>&1 </dev/null
	status=$?
	case $status in
	0) echo "ok   $test: $(grep ' checks, ' /run/out), $((SECONDS - start)) s" ;;
	77) echo "SKIP $test: $(sed -n 's/^SKIP: //p' /run/out)" ;;
	*)
		echo "FAIL $test: status $status, $((SECONDS - start)) s"
		tail -n 40 /run/out | sed 's/^/     /'
		failed=1
		;;
	esac
done </run/tests
echo "##RC=$failed"
echo o >/proc/sysrq-trigger
sleep 60
