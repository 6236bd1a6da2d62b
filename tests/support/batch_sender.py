#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Sends a recording (.pb) to a collector as a sender of ours would: batch_sender.py HOST:PORT FILE [batch|event|tcp]
[--size BYTES] [--patience SECONDS] [--slow SECONDS] [--zstd].

batch: acknowledged batches, sent again from behind what is safe after each loss of the connection, until all is. Prints
"EVENTS sent, DURABLE safe, CONNECTIONS connections"; exits 1 when the patience ends before."""
import argparse
import socket
import struct
import subprocess
import sys
import time

from streams import fields, take

READY, ACCEPT, START, STOP, FINISH = 4, 1, 2, 3, 5
POLY = 0x82F63B78
TABLE = []
for i in range(256):
    for _ in range(8):
        i = i >> 1 ^ (POLY if i & 1 else 0)
    TABLE.append(i)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def messages(data):
    at = 0
    while at < len(data):
        n, start = take(data, at)
        at = start + n
        yield data[start:at]


def control(kind, types=()):
    body = struct.pack(">I", kind) + b"".join(struct.pack(">II", 1, len(t)) + t for t in types)
    return struct.pack(">II", 0, len(body)) + body


def delimited(message):
    return varint(len(message)) + message


class Connection:
    def __init__(self, where):
        if where.startswith("/"):
            self.s = socket.socket(socket.AF_UNIX)
            self.s.settimeout(10)
            self.s.connect(where)
        else:
            host, port = where.rsplit(":", 1)
            self.s = socket.create_connection((host, int(port)), 10)
        self.buf = b""

    def send(self, data):
        self.s.sendall(data)

    def need(self, n):
        while len(self.buf) < n:
            data = self.s.recv(65536)
            if not data:
                raise ConnectionError("closed")
            self.buf += data

    def frame(self):
        self.need(4)
        n, = struct.unpack(">I", self.buf[:4])
        if n:
            self.need(4 + n)
            data, self.buf = self.buf[4:4 + n], self.buf[4 + n:]
            return None, data
        self.need(8)
        n, = struct.unpack(">I", self.buf[4:8])
        self.need(8 + n)
        data, self.buf = self.buf[8:8 + n], self.buf[8 + n:]
        return struct.unpack(">I", data[:4])[0], data[4:]

    def ready(self):
        """Is there something to be read without waiting?"""
        if self.buf:
            return True
        self.s.setblocking(False)
        try:
            data = self.s.recv(65536)
            if not data:
                raise ConnectionError("closed")
            self.buf += data
            return True
        except BlockingIOError:
            return False
        finally:
            self.s.settimeout(10)

    def handshake(self, content):
        self.send(control(READY, [content]))
        kind, _ = self.frame()
        assert kind == ACCEPT, kind
        self.send(control(START, [content]))


class Stream:
    """A recording as batches: (first, last, bytes)."""

    def __init__(self, path, size, zstd=False):
        self.messages = list(messages(open(path, "rb").read()))
        info = dict(fields(dict(fields(self.messages[0]))[100]))
        self.id, self.zstd = info[1], zstd
        self.batches, data, first, last = [], b"", 0, 0
        for message in self.messages:
            seq = dict(fields(message)).get(2, 0)
            data += delimited(message)
            first, last = first or seq, seq or last
            if len(data) >= size:
                self.batches.append((first, last, data))
                data, first = b"", 0
        if data:
            self.batches.append((first or last, last, data))
        self.last = last

    def pack(self, first, count, data):
        out = b"" if not first else b"\x08" + varint(first)
        out += b"\x10" + varint(count) if count else b""
        raw = len(data)
        if self.zstd:
            data = subprocess.run(["zstd", "-q", "-c"], input=data, capture_output=True, check=True).stdout
            out += b"\x18\x01"
        out += b"\x20" + varint(raw) + b"\x2d" + struct.pack("<I", crc32c(data))
        out += b"\x3a\x10" + self.id + b"\x32" + varint(len(data)) + data
        return struct.pack(">I", len(out)) + out


def acked(stream, data):
    ack = dict(fields(data))
    assert ack[1] == stream.id
    return ack.get(2, 0)


def send_batches(where, stream, patience, slow):
    end, durable, connections = time.time() + patience, 0, 0
    describe = stream.pack(0, 0, delimited(stream.messages[0]))
    packed = [(f, l, stream.pack(f, l - f + 1, d)) for f, l, d in stream.batches]
    print("begun", flush=True)
    while durable < stream.last:
        if time.time() > end:
            return durable, connections
        try:
            c = Connection(where)
            c.handshake(b"protobuf:penstock.v1.Batch")
            connections += 1
            c.send(describe)
            kind, data = c.frame()
            got = acked(stream, data)
            durable = max(durable, got)
            for _, last, data in packed:
                if last <= durable:
                    continue
                c.send(data)
                time.sleep(slow)
                while c.ready():
                    _, data = c.frame()
                    durable = max(durable, acked(stream, data))
            while durable < stream.last:
                _, data = c.frame()
                durable = max(durable, acked(stream, data))
            c.send(control(STOP))
            while c.frame()[0] != FINISH:
                pass
        except (OSError, AssertionError):
            time.sleep(0.05)
    return durable, connections


def main():
    a = argparse.ArgumentParser()
    a.add_argument("where")
    a.add_argument("file")
    a.add_argument("how", nargs="?", default="batch")
    a.add_argument("--size", type=int, default=65536)
    a.add_argument("--patience", type=float, default=30)
    a.add_argument("--slow", type=float, default=0)
    a.add_argument("--zstd", action="store_true")
    a = a.parse_args()
    stream = Stream(a.file, a.size, a.zstd)
    if a.how == "batch":
        durable, connections = send_batches(a.where, stream, a.patience, a.slow)
        print(f"{stream.last} sent, {durable} safe, {connections} connections")
        sys.exit(durable != stream.last)
    c = Connection(a.where)
    if a.how == "event":
        c.handshake(b"protobuf:penstock.v1.Event")
    for message in stream.messages:
        c.send(struct.pack(">I", len(message)) + message)
    if a.how == "event":
        c.send(control(STOP))
        assert c.frame()[0] == FINISH
    print(f"{stream.last} sent")


main()
