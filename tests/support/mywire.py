#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A client of a MySQL server that gives its values names and sends attributes along: mywire.py SOCKET NONCE. root has no password."""
import socket
import struct
import sys

CAPABILITIES = 1 << 0 | 1 << 9 | 1 << 15 | 1 << 19 | 1 << 24 | 1 << 27  # long password, 4.1, secure, plugins, EOF, query attributes
LONGLONG, DOUBLE, STRING = 8, 5, 254
AVAILABLE = 8  # a flag of COM_STMT_EXECUTE: there are attributes


class Client:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.number = 0
        self.receive()
        self.send(struct.pack("<IIB23x", CAPABILITIES, 1 << 24, 255) + b"root\0\0" + b"caching_sha2_password\0", False)
        while self.receive()[0]:
            pass

    def take(self, n):
        data = b""
        while len(data) < n:
            more = self.socket.recv(n - len(data))
            if not more:
                sys.exit("the server is gone")
            data += more
        return data

    def receive(self):
        head = self.take(4)
        self.number = head[3] + 1
        return self.take(int.from_bytes(head[:3], "little"))

    def send(self, body, begins=True):
        self.number = 0 if begins else self.number
        self.socket.sendall(len(body).to_bytes(3, "little") + bytes([self.number]) + body)

    def answer(self):
        """OK or an error; or a number of columns, those, rows, and what ends them."""
        data = self.receive()
        while data[0] not in (0, 0xfe, 0xff):
            data = self.receive()
            while data[0] not in (0xfe, 0xff):
                data = self.receive()
        if data[0] == 0xff:
            sys.exit(data[9:].decode())

    def query(self, text, attributes=()):
        body = b"\3" + bytes([len(attributes), 1])
        if attributes:
            body += bytes((len(attributes) + 7) // 8) + b"\1" + types(attributes) + values(attributes)
        self.send(body + text.encode())
        self.answer()

    def prepare(self, text, places):
        self.send(b"\x16" + text.encode())
        data = self.receive()
        if data[0]:
            sys.exit(data[9:])
        for _ in range(places + int.from_bytes(data[5:7], "little")):
            self.receive()
        return data[1:5]

    def execute(self, statement, params, with_types=True, flags=AVAILABLE):
        nulls = sum(1 << i for i, p in enumerate(params) if p[2] is None)
        body = b"\x17" + statement + bytes([flags]) + b"\1\0\0\0" + bytes([len(params)])
        body += nulls.to_bytes((len(params) + 7) // 8, "little") + bytes([with_types])
        self.send(body + (types(params) if with_types else b"") + values(params))
        self.answer()


def text(value):
    value = value.encode()
    return bytes([len(value)]) + value


def types(params):
    return b"".join(struct.pack("<H", kind) + text(name) for name, kind, _ in params)


def values(params):
    how = {LONGLONG: lambda v: struct.pack("<q", v), DOUBLE: lambda v: struct.pack("<d", v), STRING: text}
    return b"".join(how[kind](value) for _, kind, value in params if value is not None)


def main():
    nonce = sys.argv[2]
    client = Client(sys.argv[1])
    client.query(f"select 'attributes-{nonce}'", [("traceparent", STRING, f"hidden-{nonce}"), ("n", LONGLONG, 5)])
    statement = client.prepare("select ?, ?, ?", 3)
    params = [("", LONGLONG, -7), ("second", STRING, f"it's {nonce}"), ("", DOUBLE, 2.5)]
    more = [("attribute", STRING, f"hidden-{nonce}")]
    client.execute(statement, params + more)
    params[0] = ("", LONGLONG, 8)
    client.execute(statement, params, False)
    params[1] = ("second", STRING, None)
    client.execute(statement, params, True, 0)
    client.execute(client.prepare("select 'none'", 0), more)


main()
