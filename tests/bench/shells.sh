#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# 10,000 `:` commands typed into bash and into zsh, each in a terminal: with and without capture, in turn; medians of the ratio
# to the same round without.
. tests/bench/lib.sh
need_root
need python3 bash zsh
commands=${COMMANDS:-10000} rounds=${ROUNDS:-5}

# all at once, and as fast as the shell takes them: what costs is the shell's own work
cat >"$T/fast.py" <<'END'
import os, pty, select, sys
count = int(sys.argv[1])
child, fd = pty.fork()
if child == 0:
    os.environ.update(PS1="", PS2="", TERM="dumb", HISTFILE="/dev/null")
    os.execvp(sys.argv[2], sys.argv[2:])
left = b":\n" * count + b"exit\n"
while True:
    ready = select.select([fd], [fd] if left else [], [])
    try:
        if ready[0] and not os.read(fd, 65536):
            break
        if ready[1]:
            left = left[os.write(fd, left[:512]):]
    except OSError:
        break
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
END
typed_all() { wall python3 "$T/fast.py" "$commands" "$@"; }
for shell in "bash --norc --noprofile -i" "zsh -f -i"; do
	name=${shell%% *}
	# shellcheck disable=SC2086 # a shell and its options
	for _ in $(seq "$rounds"); do
		typed_all $shell >>"$T/alone.$name"
		rm -f "$T/a.jsonl"
		start record -p "$name" --tree $$ -w "$T/a.jsonl"
		typed_all $shell >>"$T/captured.$name"
		stop
		check "$name: nothing lost" "$STATUS" 0
		check "$name: each command, once" "$(grep -c '"command":":"' "$T/a.jsonl")" "$commands"
	done
	printf '%s: %s commands in %s s, with capture %s as fast\n' "$name" "$commands" "$(median <"$T/alone.$name")" \
		"$(paste "$T/alone.$name" "$T/captured.$name" | awk '{ printf "%.2f\n", $1 / $2 }' | median)"
done
done_testing
