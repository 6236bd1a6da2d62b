#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kern: openssl bash
# Programs that got a strict seccomp filter before they began, under the eyes of penstock: they live. They are recorded where the
# kernel keeps return probes from such filters, and left alone, with a line for each, where it does not.
. tests/support/lib.sh
. tests/support/tls.sh
need_root
need jq python3 openssl curl nginx

sandbox=$PWD/tests/support/sandbox.py
"$sandbox" true || skip "no seccomp filters here"
run check
holds "check says which it is" grep -E 'return probes under seccomp (safe|not safe)' "$T/out"
safe=$(grep -c 'return probes under seccomp safe' "$T/out")

nginx_start
echo "body $NONCE" >"$T/web/n.txt"
dialogue=("$PWD/tests/support/dialogue.py" "$T/cert.pem" "$T/key.pem" late)
mkfifo "$T/gate.free" "$T/gate.bound" "$T/gate.shell"
"${dialogue[@]}" "$T/gate.free" "$NONCE-free" >"$T/free" &
free=$!
"$sandbox" "${dialogue[@]}" "$T/gate.bound" "$NONCE-bound" >"$T/bound" &
bound=$!
printf '%s\n' "@$T/gate.shell" "echo $NONCE-free-shell" | typed &
shell=$!
children+=("$free" "$bound" "$shell")
await 15 has "$T/free" open && await 15 has "$T/bound" open || skip "the connections do not open here"

start record -p tls -p bash -w "$T/a.jsonl"
for gate in free bound shell; do : >"$T/gate.$gate"; done
wait "$free"
check "a program without a filter" $? 0
wait "$bound"
check "one with a filter that was there before us" $? 0
wait "$shell"
check "curl with a filter, started later" "$("$sandbox" curl -sk --max-time 30 "$URL/n.txt?$NONCE-later")" "body $NONCE"
typed "$sandbox" bash --norc --noprofile -i <<<"echo $NONCE-bound-shell"
check "bash with a filter, started later" $? 0
holds "what it was told, it did" grep -q "^$NONCE-bound-shell" "$T/typed"
fetch "$URL/n.txt?$NONCE-last" >/dev/null
seen "$T/a.jsonl" "$NONCE-last"
stop
check "exit status" "$STATUS" 0

# roles; unknown for a connection that was open before
ends_of() { plain "$T/a.jsonl" '.tls_data.payload // "" | contains($n + "-'"$1"'")' '.conn.role // "unknown"' | sort -u | tr '\n' ','; }
lines_of() { json "$T/a.jsonl" 'select(.type == "shell" and (.shell.command | contains($n + "-'"$1"'"))) | .type' | sort -u; }
check "without a filter: its connection" "$(ends_of free-after)" unknown,
check "without a filter: the shell" "$(lines_of free-shell)" shell
if [ "$safe" = 1 ]; then
	check "with a filter: its connection" "$(ends_of bound-after)" unknown,
	check "with a filter: curl, and nginx" "$(ends_of later)" client,server,
	check "with a filter: the shell" "$(lines_of bound-shell)" shell
	check "nobody is refused" "$(grep -c 'under seccomp' "$T/log")" 0
else
	check "with a filter: left alone" "$(ends_of bound-after)" ""
	check "with a filter: nginx alone" "$(ends_of later)" server,
	check "with a filter: no line of the shell" "$(lines_of bound-shell)" ""
	for pid in "$bound" '[0-9]*'; do
		holds "a line for process $pid" grep -q "^cannot attach .*process $pid is under seccomp" "$T/log"
	done
	check "a warning" "$(grep -c 'return probes are not safe under seccomp' "$T/log")" 1
fi
done_testing
