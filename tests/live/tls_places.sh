#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kern: openssl
# Wherever the library is, and whatever becomes of its user: open connections, a copy that appears later, another mount namespace,
# a strict seccomp filter, SIGKILL inside a call.
. tests/support/lib.sh
. tests/support/tls.sh
need_root
need jq python3 openssl curl nginx unshare mountpoint

nginx_start
echo "body $NONCE" >"$T/web/n.txt"
library() { ldd "$(command -v curl)" | awk -v l="$1" '$1 ~ "^" l { print $3 }'; }
# An array, not a function: in the background a function is a shell around the program, and would be what is killed.
dialogue=(tests/support/dialogue.py "$T/cert.pem" "$T/key.pem")
attached() { grep -qF "$1" "$T/log"; }

mkfifo "$T/gate"
"${dialogue[@]}" late "$T/gate" "$NONCE" >"$T/late" &
late=$!
children+=("$late")
await 15 has "$T/late" open || skip "the early connection does not open here"

start record -p tls -w "$T/a.jsonl" -w "$T/a.txt"
: >"$T/gate"
wait "$late"
check "a connection that was open: the program" $? 0

holds "a strict seccomp filter: the program lives" "${dialogue[@]}" sandboxed "$NONCE-sandbox"
"${dialogue[@]}" blocked "$NONCE" >"$T/blocked" &
blocked=$!
children+=("$blocked")
await 15 test -s "$T/blocked"
seen "$T/a.jsonl" "$NONCE-blocked"
kill -KILL "$blocked"
wait "$blocked" 2>/dev/null
check "killed while it reads" $? 137

# a copy that appears later is attached as soon as somebody runs it: that one's first bytes may pass unseen
mkdir "$T/lib"
cp "$(library libssl)" "$(library libcrypto)" "$T/lib"
copied() { LD_LIBRARY_PATH=$T/lib fetch "$URL/n.txt?$NONCE-early" >/dev/null; attached "$T/lib/libssl"; }
holds "a library that appears is attached" await 15 copied
LD_LIBRARY_PATH=$T/lib fetch "$URL/n.txt?$NONCE-appeared" >/dev/null

mkdir "$T/mnt"
cat >"$T/inside" <<EOF
mount -t tmpfs none $T/mnt && cp "$T"/lib/lib* $T/mnt || exit
until grep -qF "$T/mnt/libssl" "$T/log" || [ ! -d "$T" ]; do LD_LIBRARY_PATH=$T/mnt curl -sk "$URL/n.txt?$NONCE-early"; done
LD_LIBRARY_PATH=$T/mnt curl -sk "$URL/n.txt?$NONCE-hidden"
EOF
holds "another mount namespace" timeout 20 unshare -m sh "$T/inside"
fetch "$URL/n.txt?$NONCE-last" >/dev/null
seen "$T/a.jsonl" "$NONCE-last"
stop
check "exit status" "$STATUS" 0

ends_of() { plain "$T/a.jsonl" '.tls_data.payload // "" | contains($n + "-'"$1"'")' '"\(.conn.role // "unknown")\(if .flags // [] | index("in_progress") then " in_progress" else "" end)"' | sort | tr '\n' ','; }
check "open before: what came before is not there" "$(ends_of before)" ""
# the server was waiting in a call: what that one brought passed before there could be a return to see
check "what came after is, flagged" "$(ends_of after | tr ',' '\n' | sort | uniq -c | awk '{ print $1, $3 }' | tr '\n' ' ')" "3 in_progress "
check "sandboxed: both ends" "$(ends_of sandbox)" client,server,
check "killed: what it had sent" "$(ends_of blocked)" client,server,
check "the copy: both ends" "$(ends_of appeared)" client,server,
check "the hidden one: both ends" "$(ends_of hidden)" client,server,
check "nothing else is in progress" "$(plain "$T/a.jsonl" '(.flags // [] | index("in_progress")) and (.tls_data.payload // "" | contains($n + "-last"))' .seq | wc -l)" 0
done_testing
