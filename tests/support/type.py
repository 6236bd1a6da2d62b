#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A person at a terminal: starts a shell in a pseudo-terminal and types commands, each one when the prompt
of the one before is there. Commands come on stdin, one a line; between a line `{` and a line `}` several
lines are one command. A line `@FIFO` opens FIFO for reading, and so waits until somebody writes to it.
A line `^C COMMAND` types COMMAND and gives it up with Ctrl-C; with `^C! WORD COMMAND` it runs, and is
interrupted when the terminal shows WORD on a line of its own (which what shall be interrupted must write itself: the
shell may not have begun it).
Prints what the terminal showed. Usage: type.py SHELL [ARGUMENT…]"""
import os
import pty
import re
import select
import sys

PROMPT = "typed$ "
PATIENCE = 20  # seconds without any output before we give up


def more(fd, seconds):
    """What the terminal shows next; empty at its end, None when nothing comes within that time."""
    if not select.select([fd], [], [], seconds)[0]:
        return None
    try:
        piece = os.read(fd, 4096)
    except OSError:
        piece = b""
    sys.stdout.buffer.write(piece)
    return piece


def type_in(fd, data, mark):
    """Sends data, in pieces smaller than the terminal's own buffer, and reads until mark is the last thing shown."""
    shown = b""
    while data:
        data = data[os.write(fd, data[:256]):]
        while piece := more(fd, 0.01):
            shown += piece
    while not re.search(re.escape(mark) + rb"(\x1b\[[0-9;?]*[A-Za-z])*$", shown):  # zsh goes on after its prompt
        piece = more(fd, PATIENCE)
        if piece is None:
            sys.exit(f"no prompt within {PATIENCE} s after {shown[-200:]!r}")
        if not piece:
            return
        shown += piece


def interrupt(fd, line):
    how, rest = line.split(" ", 1)
    if how == "^C!":
        word, command = rest.split(" ", 1)
        type_in(fd, command.encode() + b"\n", f"\r\n{word}\r\n".encode())
    else:
        type_in(fd, rest.encode(), rest[-1:].encode())
    type_in(fd, b"\x03", PROMPT.encode())


def commands(lines):
    block = None
    for line in lines:
        if line == "{":
            block = []
        elif line == "}":
            yield "\n".join(block)
            block = None
        elif block is None:
            yield line
        else:
            block.append(line)


def main():
    lines = sys.stdin.buffer.read().decode(errors="surrogateescape")  # what is typed need not be text
    typed = list(commands(lines.removesuffix("\n").split("\n")))
    child, fd = pty.fork()
    if child == 0:
        os.environ.update(PS1=PROMPT, PS2="", TERM="dumb")
        os.execvp(sys.argv[1], sys.argv[1:])
    type_in(fd, b"", PROMPT.encode())
    for command in typed:
        if command.startswith("@"):
            with open(command[1:], "rb") as gate:
                gate.read()
            continue
        if command.startswith("^C"):
            interrupt(fd, command)
            continue
        type_in(fd, command.encode(errors="surrogateescape") + b"\n", PROMPT.encode())
    type_in(fd, b"exit\n", b"\0 never \0")
    sys.stdout.flush()
    os.waitpid(child, 0)


main()
