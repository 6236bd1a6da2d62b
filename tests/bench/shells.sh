#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# 10,000 `:` commands typed into bash and into zsh, each in a terminal, as fast as the shell takes them: with and without
# capture, in turn; medians of the ratio to the same round without. In one figure, who types and the shell share a CPU, and
# penstock has the other; the second is what the shell alone takes of a CPU, kernel and hooks included.
. tests/bench/lib.sh
need_root
need python3 bash zsh taskset
commands=${COMMANDS:-10000} rounds=${ROUNDS:-5} cpu=$(($(nproc) - 1))

cat >"$T/typist.py" <<'END'
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
_, status, usage = os.wait4(child, 0)
print(usage.ru_utime + usage.ru_stime)
sys.exit(os.waitstatus_to_exitcode(status))
END
# type_all NAME: one line more in $T/NAME.wall and in $T/NAME.cpu
type_all() {
	# shellcheck disable=SC2086 # a shell and its options
	wall taskset -c "$cpu" python3 "$T/typist.py" "$commands" $shell >>"$T/$1.wall"
	cat "$T/bench.out" >>"$T/$1.cpu"
}
ratio() { paste "$T/$name.alone.$1" "$T/$name.captured.$1" | awk '{ printf "%.2f\n", $1 / $2 }' | median; }
for shell in "bash --norc --noprofile -i" "zsh -f -i"; do
	name=${shell%% *}
	for _ in $(seq "$rounds"); do
		type_all "$name.alone"
		rm -f "$T/a.jsonl"
		start record -p "$name" --tree $$ -w "$T/a.jsonl"
		type_all "$name.captured"
		stop
		check "$name: nothing lost" "$STATUS" 0
		check "$name: each command, once" "$(grep -c '"command":":"' "$T/a.jsonl")" "$commands"
	done
	printf '%s: %s commands in %s s, with capture %s as fast; in the CPU time of the shell alone, %s\n' "$name" "$commands" \
		"$(median <"$T/$name.alone.wall")" "$(ratio wall)" "$(ratio cpu)"
done
done_testing
