#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kern: bash
# bash under harder conditions: Ctrl-C, lines that are no command, other keys, prompts that run commands, files that are read.
. tests/support/lib.sh
need_root
need jq python3

mkdir "$T/home"
printf ': %s-rc\nPS1="typed$ " PS2=\n(exit 3)\n' "$NONCE" >"$T/home/.bashrc"
printf ': %s-outer\n. inner\neval ": %s-eval"\n(exit 4)\n' "$NONCE" "$NONCE" >"$T/outer"
printf ': %s-inner\nreturn 6\n' "$NONCE" >"$T/inner"
start record -p bash,commands=scripts -w "$T/a.jsonl"
(cd "$T" && HOME=$T/home typed bash -i) <<EOF
^C : $NONCE-abandoned
^C! ready sh -c "echo rea''dy; exec sleep 100" # $NONCE-interrupted


   
# $NONCE-comment
{
^C for i in 1
do : $NONCE-halfway
}
{
echo $NONCE-continued \\
  second >/dev/null
}
{
cat >/dev/null <<X
$NONCE-here # no comment

X
}
false; # $NONCE-false
PROMPT_COMMAND='true; eval :'; PS1='\$(false)typed$ '
(exit 5); : $NONCE-prompt; (exit 5)
set -o vi
: $NONCE-vi
set -o emacs; set +o history
: $NONCE-nohist
set -o history; shopt -s histverify
: '$NONCE-bytes $(printf '\xff\x83\xa0')'
. ./outer # $NONCE-dot
eval ": $NONCE-inside"; (exit 8)
: $NONCE-last
EOF
bash -c ". $T/inner"
seen "$T/a.jsonl" "$NONCE-last"
stop
check "exit status" "$STATUS" 0

shown() { json "$T/a.jsonl" 'select(.type == "shell" and (.flags // [] | index("unfinished") | not) and '"$1"') | "\(.shell.exit_code) \(.shell.command // "bytes" | rtrimstr("\n"))"'; }
typed_one() { shown '(.shell.script | not) and (.shell.command // "" | contains($n + "-'"$1"'"))'; }
file() { shown '.shell.script and (.shell.command | startswith(": " + $n + "-'"$1"'"))'; }
check "a line given up is no command" "$(typed_one abandoned)" ""
check "a command that is interrupted" "$(typed_one interrupted)" "130 sh -c \"echo rea''dy; exec sleep 100\" # $NONCE-interrupted"
check "a comment" "$(typed_one comment)" "130 # $NONCE-comment"
check "given up halfway" "$(shown '(.shell.command // "" | startswith("for i"))')" "130 for i in 1"
check "continued" "$(typed_one continued)" "0 echo $NONCE-continued \\
  second >/dev/null"
check "a here-document" "$(typed_one here)" "0 cat >/dev/null <<X
$NONCE-here # no comment

X"
check "status 1" "$(typed_one false)" "1 false; # $NONCE-false"
check "what a prompt runs is not its status" "$(typed_one prompt)" "5 (exit 5); : $NONCE-prompt; (exit 5)"
check "vi mode" "$(typed_one vi)" "0 : $NONCE-vi"
check "no history" "$(typed_one nohist)" "0 : $NONCE-nohist"
check "bytes that are no text" "$(json "$T/a.jsonl" '.shell.command_base64 // empty' | base64 -d | od -An -vtx1)" \
	"$(printf ": '%s-bytes \xff\x83\xa0'" "$NONCE" | od -An -vtx1)"
check "a file that is read, typed" "$(typed_one dot)" "4 . ./outer # $NONCE-dot"
check "a file, with its status" "$(file outer)" "4 $(<"$T/outer")"
check "one that is read by it, and by bash -c" "$(file inner)" "6 $(<"$T/inner")
6 $(<"$T/inner")"
check "what starts a shell" "$(file rc)" "3 $(<"$T/home/.bashrc")"
check "eval in them is part of them" "$(file eval)$(file inside)" ""
check "no more than that was typed" "$(shown '(.shell.script | not)' | grep -cE "^([0-9]+|null) ")" 18
done_testing
