#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kern: bash
# Wherever bash is: open before the start, a copy that appears later, another mount namespace, a deleted file.
. tests/support/lib.sh
need_root
need jq python3 unshare mountpoint

# a shell that waits in its terminal until penstock is there
mkfifo "$T/gate"
printf '@%s\n: %s-before\n' "$T/gate" "$NONCE" | typed &
children+=($!)
# one whose file has been deleted since
cp "$(command -v bash)" "$T/gone"
mkfifo "$T/gate2"
printf 'rm %s\n@%s\n: %s-deleted\n' "$T/gone" "$T/gate2" "$NONCE" | typed "$T/gone" --norc --noprofile -i &
children+=($!)
await 15 test ! -e "$T/gone" || skip "the second shell did not start"

start record -p bash -w "$T/a.jsonl"
: >"$T/gate"
: >"$T/gate2"
seen "$T/a.jsonl" "$NONCE-before"
seen "$T/a.jsonl" "$NONCE-deleted"

# a program that appears later is found when it runs: its first commands may pass unseen, and here wait for that
attached() { grep -q "$1" "$T/log"; }
mkfifo "$T/gate3" "$T/gate4"
cp "$(command -v bash)" "$T/late"
printf '@%s\n: %s-late\n' "$T/gate3" "$NONCE" | typed "$T/late" --norc --noprofile -i &
children+=($!)
holds "a copy that appears later is attached" await 15 attached "$T/late"
: >"$T/gate3"
seen "$T/a.jsonl" "$NONCE-late"

mkdir "$T/mnt"
cat >"$T/inside" <<EOF
mount -t tmpfs none $T/mnt && cp "$(command -v bash)" $T/mnt/hidden && chmod 755 $T/mnt/hidden || exit
printf '@$T/gate4\n: $NONCE-hidden\n' | "$SUPPORT/type.py" $T/mnt/hidden --norc --noprofile -i
EOF
HISTFILE=/dev/null unshare -m sh "$T/inside" >/dev/null 2>&1 &
children+=($!)
holds "one that only its own mount namespace has is attached" await 15 attached "$T/mnt/hidden"
: >"$T/gate4"
seen "$T/a.jsonl" "$NONCE-hidden"
stop
check "exit status" "$STATUS" 0
for which in before deleted late hidden; do
	check "$which, once" "$(json "$T/a.jsonl" 'select(.type == "shell" and (.flags // [] | index("unfinished") | not) and .shell.command == ": " + $n + "-'$which'") | .shell.shell')" bash
done
done_testing
