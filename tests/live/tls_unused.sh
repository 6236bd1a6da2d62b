#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kern: openssl
# Nobody has the system's library mapped when we start: the first one to use it is seen whole all the same.
. tests/support/lib.sh
. tests/support/tls.sh
need_root
need jq python3 openssl curl nginx unshare

# nginx has a copy; in a pid namespace of its own penstock meets nobody else (--all: there, its numbers are not those of the kernel)
mkdir "$T/lib"
ldd "$(command -v nginx)" | awk '/libssl|libcrypto/ { print $3 }' | xargs cp -t "$T/lib"
export LD_LIBRARY_PATH=$T/lib
nginx_start
unset LD_LIBRARY_PATH
for i in 1 2 3; do
	timeout 30 unshare -pf --mount-proc "$P" tls --all -w "$T/a.jsonl" -- curl -sk "$URL/none?$NONCE-$i" -o "$T/got" >"$T/out" 2>"$T/log"
	check "run $i: status" $? 0
	check "run $i: the request" "$(plain "$T/a.jsonl" '.conn.role == "client" and (.tls_data.payload // "" | contains($n + "-'$i'"))' '"\(.direction) \(.flags // [] | index("in_progress"))"')" "transmit null"
	check "run $i: the response" "$(plain "$T/a.jsonl" '.conn.role == "client" and .direction == "receive"' '.tls_data.payload[0:12]')" "HTTP/1.1 404"
done
done_testing
