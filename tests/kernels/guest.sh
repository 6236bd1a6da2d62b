#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# In the guest (see init): runs these tests, one line for each and what they said if they failed. Ends with 1 when any failed.
cd /srv || exit 1
export PENSTOCK=/run/penstock HOME=/run PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
failed=0

for test; do
	start=$SECONDS
	timeout "${LIMIT:-600}" "$test" >/run/test.out 2>&1
	status=$?
	case $status in
	0) echo "ok   $test: $(tail -n 1 /run/test.out), $((SECONDS - start)) s" ;;
	77) echo "SKIP $test: $(sed -n 's/^SKIP: //p' /run/test.out)" ;;
	*)
		echo "FAIL $test: status $status, $((SECONDS - start)) s"
		sed 's/^/  /' /run/test.out | tail -n 40
		failed=1
		;;
	esac
done
exit "$failed"
