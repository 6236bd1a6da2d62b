#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kern: zsh
# What is typed into an interactive zsh, byte for byte, with whose it was and how it ended.
. tests/support/lib.sh
need_root
need jq python3 zsh

long=$(head -c 30000 /dev/zero | tr '\0' y)
mkfifo "$T/gate"
typed zsh -f -i <<EOF &
@$T/gate
: $NONCE-before
EOF
typist=$!
children+=("$typist")
there() { pgrep -x zsh -P "$(pgrep -P "$typist")" >/dev/null 2>&1; }
await 15 there
start record -p zsh -w "$T/a.jsonl" -w "$T/a.raw"
: >"$T/gate"
seen "$T/a.jsonl" "$NONCE-before"
typed zsh -f -i <<EOF
echo $NONCE-first \$\$ >$T/pid
false $NONCE-false
(exit 42); : $NONCE-semicolon; (exit 42)
{
for i in 1 2; do
  : $NONCE-loop \$i
done
}
{
cat >/dev/null <<X
$NONCE-here
X
}
{
print $NONCE-continued \\
  second >/dev/null
}
print "hß à ă ümläut €" '$NONCE-utf8' >/dev/null
!!:0 $NONCE-expanded >/dev/null
: $NONCE-long $long
setopt hist_ignore_space
 : $NONCE-space
precmd() { false } ; preexec() { false }
: $NONCE-hooks
unfunction precmd preexec
bindkey -v
: $NONCE-vi
bindkey -e
^C : $NONCE-abandoned
^C! ready sh -c "echo rea''dy; exec sleep 100"; : $NONCE-interrupted
{
^C for i in 1
do : $NONCE-halfway
}


   
setopt interactive_comments prompt_subst
(exit 6)
# $NONCE-comment
PS1='\$(false)typed$ '
: $NONCE-prompt; (exit 5)
PS1='typed$ '
HISTSIZE=0
: $NONCE-nohist
unsetopt zle
: $NONCE-nozle
(exit 7); exit 9
EOF
seen "$T/a.jsonl" "exit 9"
stop
check "exit status" "$STATUS" 0

line() { json "$T/a.jsonl" 'select(.type == "shell" and (.flags // [] | index("unfinished") | not) and (.shell.command // "" | contains($n + "-'"$1"'"))) | '"$2"; }
pid=$(cut -d' ' -f2 "$T/pid")
check "typed before penstock was there" "$(line before '"\(.shell.command) \(.shell.exit_code) \(.flags)"')" ": $NONCE-before 0 [\"in_progress\"]"
check "typed text" "$(line first .shell.command)" "echo $NONCE-first \$\$ >$T/pid"
check "which shell" "$(line first .shell.shell)" zsh
check "process" "$(line first '"\(.process.pid) \(.process.uid) \(.process.comm)"')" "$pid $(id -u) zsh"
check "folder" "$(line first .shell.cwd)" "$PWD"
check "terminal" "$(line first '.shell.tty | startswith("pts/")')" true
check "status 0" "$(line first .shell.exit_code)" 0
check "status 1" "$(line false .shell.exit_code)" 1
check "status 42" "$(line semicolon .shell.exit_code)" 42
check "duration" "$(line first '.duration_ns | tonumber > 0')" true
check "several lines are one command" "$(line loop .shell.command)" "$(printf 'for i in 1 2; do\n  : %s-loop $i\ndone' "$NONCE")"
check "a here-document is one command" "$(line here .shell.command)" "$(printf 'cat >/dev/null <<X\n%s-here\nX' "$NONCE")"
check "a continued line is one command" "$(line continued .shell.command)" "$(printf 'print %s-continued \\\n  second >/dev/null' "$NONCE")"
check "UTF-8, with bytes that zsh escapes" "$(line utf8 .shell.command)" "print \"hß à ă ümläut €\" '$NONCE-utf8' >/dev/null"
check "as typed" "$(line expanded .shell.command)" "!!:0 $NONCE-expanded >/dev/null"
check "as expanded" "$(line expanded .shell.expanded)" "print $NONCE-expanded >/dev/null"
check "30 KB, whole" "$(line long .shell.command | md5sum)" "$(md5sum <<<": $NONCE-long $long")"
check "leading space" "$(line space .shell.command)" " : $NONCE-space"
check "functions around a prompt are not its status" "$(line hooks .shell.exit_code)" 0
check "vi mode" "$(line vi .shell.command)" ": $NONCE-vi"
check "a line given up is no command" "$(line abandoned .shell.command)" ""
check "a command that is interrupted" "$(line interrupted .shell.exit_code)" 130
check "given up halfway" "$(json "$T/a.jsonl" 'select(.shell.command == "for i in 1") | .shell.exit_code')" 130
check "a comment" "$(line comment '"\(.shell.exit_code) \(.shell.command)"')" "6 # $NONCE-comment"
check "what a prompt runs is not its status" "$(line prompt .shell.exit_code)" 5
check "lines of blanks are no command" "$(json "$T/a.jsonl" 'select(.type == "shell" and (.shell.command // "" | test("^\\s*$"))) | .seq')" ""
check "no history" "$(line nohist .shell.command)" ": $NONCE-nohist"
check "no line editor" "$(line nozle .shell.command)" ": $NONCE-nozle"
check "exit" "$(json "$T/a.jsonl" 'select(.type == "shell" and (.shell.command // "" | startswith("(exit 7)"))) | .shell.exit_code')" 9
for which in before first false semicolon loop here continued expanded long space hooks vi interrupted comment prompt nohist nozle; do
	check "$which, once" "$(line $which .seq | wc -l)" 1
done

start record -p zsh,commands=scripts -p bash,commands=scripts -w "$T/c.jsonl"
zsh -fc ": $NONCE-argument"
bash -c ": $NONCE-argument; eval ': inner'"
printf ': %s-sourced\n' "$NONCE" >"$T/rc.sh"
bash -c ". $T/rc.sh; true"
stop
script() { json "$T/c.jsonl" 'select(.shell.script and (.shell.command | contains($n))) | "\(.shell.shell) \(.shell.command)"' | grep -e "$1"; }
check "what is given as an argument" "$(script argument | sort)" "bash : $NONCE-argument; eval ': inner'
zsh : $NONCE-argument"
check "what is read from a file" "$(script sourced)" "bash : $NONCE-sourced"

start record -p zsh --status 3 -w "$T/b.jsonl"
typed zsh -f -i <<EOF
(exit 3); : $NONCE-wrong
: $NONCE-three; (exit 3)
EOF
seen "$T/b.jsonl" "$NONCE-three"
stop
check "--status leaves out what ended otherwise" "$(json "$T/b.jsonl" 'select(.type == "shell" and (.shell.command | contains("wrong")))' | wc -l)" 0
check "and keeps what ended so" "$(json "$T/b.jsonl" 'select(.type == "shell") | .shell.exit_code' | sort -u)" 3
done_testing
