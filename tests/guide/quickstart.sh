#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# samples/quickstart.sh as a newcomer runs it, and nothing stays behind but the recording.
. tests/support/lib.sh
need_root
need tshark jq python3 curl nginx openssl

BUILD=$T/build TMPDIR=$T/tmp
mkdir "$TMPDIR"
export BUILD TMPDIR
holds "it runs" samples/quickstart.sh "$T/quick.pcapng"
for typed in 'echo hello from penstock' 'ls /etc | wc -l'; do
	at_least "a row for '$typed'" "$(rows "$T/quick.pcapng" "$typed")" 1
done
check "requests in plain text" "$(tshark -n -r "$T/quick.pcapng" -Y http.request -T fields -e http.request.uri 2>/dev/null | tr '\n' ' ')" \
	"/hello.txt /missing /form "
check "a body" "$(tshark -n -r "$T/quick.pcapng" -Y 'http.response && frame contains "hello over TLS"' 2>/dev/null | wc -l)" 1
at_least "a row for a program that nobody typed" "$(rows "$T/quick.pcapng" 'uname -a')" 1
check "nothing else is left" "$(ls "$TMPDIR")" ""
done_testing
