#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What may lie between a sender and its collector: hostile.py PORT DEED… prints its own port, and does one deed to each
connection in turn; those behind the last deed it only passes on to PORT. On stderr one line for each connection: the
time and the deed. Deeds:

  refuse       closes at once                   rst:N      resets both ends when N bytes have gone up
  half         says that it will send no more   bytes      passes on byte by byte, for the first 600
  garbage      answers nonsense                 huge       answers a frame of 4 GiB
  zeros        answers zeros                    silent     takes everything and says nothing
  type         accepts another content type     chatter    sends 4 MiB that nobody wants
  stop, finish, control    sends that control frame (or one that there is not) in mid-stream
  damage       changes a byte of what goes up
  future, other, status    acknowledges what is to come; another stream; or says that it has trouble
  swap         holds the first acknowledgement back until the second one has been passed on
  again        passes each on, and then all of the earlier ones
  flood        passes on, and acknowledges nothing at all 50,000 times"""
import os
import socket
import struct
import sys
import threading
import time


def control(kind, content=None):
    body = struct.pack(">I", kind) + (struct.pack(">II", 1, len(content)) + content if content else b"")
    return struct.pack(">II", 0, len(body)) + body


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def ack(stream, durable, extra=b""):
    body = b"\x0a\x10" + stream + b"\x10" + varint(durable) + extra
    return struct.pack(">I", len(body)) + body


def read(conn, n):
    data = b""
    while len(data) < n:
        more = conn.recv(n - len(data))
        if not more:
            raise ConnectionError
        data += more
    return data


def frame(conn):
    """One frame with its head, and whether it is a control frame."""
    head = read(conn, 4)
    if head != b"\0\0\0\0":
        return head + read(conn, struct.unpack(">I", head)[0]), False
    size = read(conn, 4)
    return head + size + read(conn, struct.unpack(">I", size)[0]), True


def reset(*conns):
    for conn in conns:
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        conn.close()


class Meeting:
    def __init__(self, below, port):
        self.below = below
        self.above = socket.create_connection(("127.0.0.1", port))
        self.stream = None

    def learn(self, data):
        """The stream that a batch is of: its field 7 (or what stands in its StreamInfo)."""
        at = data.find(b"\x3a\x10")
        if not self.stream and 0 <= at < 400:
            self.stream = data[at + 2 : at + 18]

    def up(self, limit=None, step=65536, damage=False):
        gone = 0
        try:
            while limit is None or gone < limit:
                data = self.below.recv(step if gone < 600 else 65536)
                if not data:
                    break
                self.learn(data)
                if damage and gone > 5000:
                    data, damage = data[:-1] + bytes([data[-1] ^ 4]), False
                self.above.sendall(data)
                gone += len(data)
            if limit is None:
                self.above.shutdown(socket.SHUT_WR)
        except OSError:
            reset(self.above)

    def down(self, passed):
        """Frames of the receiver, each as `passed` makes it."""
        try:
            while True:
                data, is_control = frame(self.above)
                self.below.sendall(data if is_control else passed(data))
        except OSError:
            pass
        try:
            self.below.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def through(self, passed=lambda data: data, **how):
        other = threading.Thread(target=self.up, kwargs=how, daemon=True)
        other.start()
        self.down(passed)
        other.join(5)
        for conn in (self.below, self.above):
            conn.close()

    def say(self, what):
        """Passes on until the first acknowledgement is due, and says something else in its place."""
        said = []

        def passed(data):
            if said:
                return data
            said.append(1)
            return what(self.stream)

        self.through(passed)


def swap(meeting):
    held = []

    def passed(data):
        held.append(data)
        return (b"", data + held[0])[len(held) - 1] if len(held) < 3 else data

    meeting.through(passed)


def again(meeting):
    held = []

    def passed(data):
        held.append(data)
        return data + b"".join(held[:50])

    meeting.through(passed)


def answer(conn, data):
    conn.recv(1)
    try:
        conn.sendall(data)
        while conn.recv(65536):
            pass
    except OSError:
        pass
    conn.close()


ANSWERS = {
    "garbage": lambda: os.urandom(100000),
    "huge": lambda: b"\xff\xff\xff\xff" + bytes(100),
    "zeros": lambda: bytes(100000),
    "silent": lambda: b"",
    "type": lambda: control(1, b"protobuf:dnstap.Dnstap"),
    "chatter": lambda: b"HTTP/1.1 400 Bad Request\r\n\r\n" * 150000,
}
SAYINGS = {
    "stop": lambda stream: control(3),
    "finish": lambda stream: control(5),
    "control": lambda stream: control(77),
    "future": lambda stream: ack(stream, 1 << 62),
    "other": lambda stream: ack(os.urandom(16), 5),
    "status": lambda stream: ack(stream, 0, b"\x28\x07\x32\x04full\x40\x64"),
    "flood": lambda stream: ack(stream, 0) * 50000,
}


def do(deed, conn, port):
    name, _, n = deed.partition(":")
    if name == "refuse":
        conn.close()
    elif name in ANSWERS:
        answer(conn, ANSWERS[name]())
    else:
        meeting = Meeting(conn, port)
        if name in SAYINGS:
            meeting.say(SAYINGS[name])
        elif name == "rst":
            threading.Thread(target=meeting.down, args=(lambda data: data,), daemon=True).start()
            meeting.up(limit=int(n))
            reset(meeting.below, meeting.above)
        elif name == "half":
            conn.shutdown(socket.SHUT_WR)
            meeting.up()
        elif name == "swap":
            swap(meeting)
        elif name == "again":
            again(meeting)
        else:
            meeting.through(step=1 if name == "bytes" else 65536, damage=name == "damage")


def main():
    port, deeds = int(sys.argv[1]), sys.argv[2:]
    forever = deeds and deeds[-1] == "forever"
    server = socket.create_server(("127.0.0.1", 0), backlog=100)
    print(server.getsockname()[1], flush=True)
    n = 0
    while True:
        conn = server.accept()[0]
        deed = deeds[0] if forever else deeds[n] if n < len(deeds) else "pass"
        n += 1
        print(f"{time.time():.3f} {deed}", file=sys.stderr, flush=True)
        threading.Thread(target=do, args=(deed, conn, port), daemon=True).start()


main()
