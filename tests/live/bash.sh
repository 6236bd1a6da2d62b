#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kern: bash
# What is typed into an interactive bash, byte for byte, with whose it was and how it ended.
. tests/support/lib.sh
need_root
need tshark jq python3

long=$(head -c 30000 /dev/zero | tr '\0' y)
start record -p bash -w "$T/a.pcapng" -w "$T/a.jsonl"
typed <<EOF
echo $NONCE-first \$\$ >$T/pid
false # $NONCE-false
(exit 42) # $NONCE-42
{
for i in 1 2; do
  : $NONCE-loop \$i
done
}
echo "ümläut €" '$NONCE-utf8' >/dev/null
!!:0 $NONCE-expanded >/dev/null
: $NONCE-long $long
 : $NONCE-space
: $NONCE-last
EOF
seen "$T/a.jsonl" "$NONCE-last"
stop
check "exit status" "$STATUS" 0

line() { json "$T/a.jsonl" 'select(.type == "shell" and (.flags // [] | index("unfinished") | not) and (.shell.command | contains($n + "-'"$1"'"))) | '"$2"; }
pid=$(cut -d' ' -f2 "$T/pid")
check "typed text" "$(line first .shell.command)" "echo $NONCE-first \$\$ >$T/pid"
check "process" "$(line first '"\(.process.pid) \(.process.uid) \(.process.comm)"')" "$pid $(id -u) bash"
check "folder" "$(line first .shell.cwd)" "$PWD"
check "terminal" "$(line first '.shell.tty | startswith("pts/")')" true
check "status 0" "$(line first .shell.exit_code)" 0
check "status 1" "$(line false .shell.exit_code)" 1
check "status 42" "$(line 42 .shell.exit_code)" 42
check "duration" "$(line first '.duration_ns | tonumber > 0')" true
check "several lines are one command" "$(line loop .shell.command)" "$(printf 'for i in 1 2; do\n  : %s-loop $i\ndone' "$NONCE")"
check "UTF-8" "$(line utf8 .shell.command)" "echo \"ümläut €\" '$NONCE-utf8' >/dev/null"
check "as typed" "$(line expanded .shell.command)" "!!:0 $NONCE-expanded >/dev/null"
check "as expanded" "$(line expanded .shell.expanded)" "echo $NONCE-expanded >/dev/null"
check "30 KB, whole" "$(line long .shell.command)" ": $NONCE-long $long"
check "leading space" "$(line space .shell.command)" " : $NONCE-space"
check "each once" "$(json "$T/a.jsonl" 'select(.type == "shell" and (.flags // [] | index("unfinished") | not) and (.shell.command | contains($n))) | .seq' | wc -l)" 9

check "a row with the pid" "$(rows "$T/a.pcapng" "$NONCE-first" systemd_journal.pid)" "$pid"
check "and the time of day" "$(rows "$T/a.pcapng" "$NONCE-first" frame.time_epoch | awk -v now="$(date +%s)" '{ print ($1 > now - 120 && $1 <= now + 1) }')" 1
done_testing
