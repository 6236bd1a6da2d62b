#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kern: zsh
# zsh under harder conditions: bytes that are no text, files that are read, other versions, one that is replaced, no penstock.
. tests/support/lib.sh
need_root
need jq python3 zsh

commands() { json "$1" 'select(.type == "shell" and (.shell.script | not) and (.flags // [] | index("unfinished") | not)) | .shell.command // "?"'; }
once() { check "$1" "$(json "$2" 'select(.type == "shell" and (.flags // [] | index("unfinished") | not) and (.shell.command // "" | contains($n + "-'"$3"'"))) | .seq' | wc -l)" 1; }

# -- bytes, and files that are read
mkdir "$T/home"
printf ': %s-rc\nprecmd() { . %s; false }\n' "$NONCE" "$T/hook" >"$T/home/.zshrc"
printf 'true\nfalse\n' >"$T/hook"
printf ': %s-outer\n. %s\nfor i in 1\ndo : outer two\ndone; (exit 4)\n' "$NONCE" "$T/inner" >"$T/outer"
printf ': %s-inner\n' "$NONCE" >"$T/inner"
start record -p zsh,commands=scripts -w "$T/a.jsonl"
# the line editor takes characters only; without it all bytes get through
printf ': %s-bytes Ã ă\n. %s/outer\nunsetopt zle\n: %s-raw \xff\x83\xa0\n: %s-last\n' "$NONCE" "$T" "$NONCE" "$NONCE" | ZDOTDIR=$T/home typed zsh -i
zsh "$T/inner"
seen "$T/a.jsonl" "$NONCE-last"
stop
check "exit status" "$STATUS" 0
check "bytes that zsh escapes" "$(commands "$T/a.jsonl" | grep -e -bytes)" ": $NONCE-bytes Ã ă"
check "bytes that are no text" "$(json "$T/a.jsonl" '.shell.command_base64 // empty' | base64 -d | od -An -vtx1)" \
	"$(printf ': %s-raw \xff\x83\xa0' "$NONCE" | od -An -vtx1)"
file() { json "$T/a.jsonl" 'select(.shell.script and (.shell.command | startswith(": " + $n + "-'"$1"'"))) | "\(.shell.exit_code) \(.shell.command)"'; }
check "a file, with its status" "$(file outer)" "4 $(<"$T/outer")"
check "one that is read by it, and as a script" "$(file inner | sort)" "0 : $NONCE-inner
0 : $NONCE-inner"
check "what starts a shell" "$(file rc | head -n 1)" "0 : $NONCE-rc"
check "a file that a hook reads is no command" "$(commands "$T/a.jsonl" | grep -cx -e true -e false)" 0
check "what was typed" "$(commands "$T/a.jsonl" | wc -l)" 6

# -- a copy that is replaced while a shell runs it, and penstock killed while somebody types
cp /bin/zsh "$T/zsh"
mkfifo "$T/gate"
start record -p "zsh,path=$T/zsh" -w "$T/b.jsonl"
typed "$T/zsh" -f -i <<X &
: $NONCE-old
@$T/gate
: $NONCE-still
X
children+=($!)
seen "$T/b.jsonl" "$NONCE-old"
cp /bin/zsh "$T/zsh.new" && mv "$T/zsh.new" "$T/zsh"
"$SUPPORT/type.py" "$T/zsh" -f -i <<<": $NONCE-first" >/dev/null
attached() { [ "$(grep -c "attached zsh.* $T/zsh+" "$T/log")" -ge 8 ]; }
await 15 attached
"$SUPPORT/type.py" "$T/zsh" -f -i <<<": $NONCE-new" >/dev/null
: >"$T/gate"
seen "$T/b.jsonl" "$NONCE-still"
seen "$T/b.jsonl" "$NONCE-new"
kill -KILL "$PID"
wait "$PID" 2>/dev/null
"$SUPPORT/type.py" "$T/zsh" -f -i <<<"echo \$((6 * 7))$NONCE" >"$T/after" 2>&1
holds "the shell goes on without penstock" grep -q "42$NONCE" "$T/after"

# -- other Debians
for suite in bullseye sid; do
	root=${XDG_CACHE_HOME:-$HOME/.cache}/penstock-zsh/$suite/root
	[ -x "$root/bin/zsh" ] || { echo "no zsh of $suite: tests/support/zsh_fetch.sh $suite"; continue; }
	start record -p "zsh,path=$root/bin/zsh" -w "$T/$suite.jsonl"
	typed chroot "$root" /bin/zsh -f -i <<-X
		: $NONCE-one
		{
		for i in 1 2; do
		  : $NONCE-loop
		done
		}
		!!:s/loop/again/
		: $NONCE-status; (exit 42)
		: \$((1)) $NONCE-last
	X
	seen "$T/$suite.jsonl" "$NONCE-last"
	stop
	once "$suite: a command" "$T/$suite.jsonl" one
	once "$suite: a loop" "$T/$suite.jsonl" loop
	check "$suite: status" "$(json "$T/$suite.jsonl" 'select(.type == "shell" and (.shell.command // "" | contains("-status"))) | .shell.exit_code')" 42
	check "$suite: as expanded" "$(json "$T/$suite.jsonl" 'select(.shell.expanded) | .shell.expanded' | grep -c "$NONCE-again")" 1
done
done_testing
