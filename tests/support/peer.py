#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The other end of a stream. Usage:
  peer.py serve OUT [CERT KEY]      one connection into OUT; prints the port
  peer.py unix PATH OUT             the same at a path
  peer.py resets OUT N              the first N connections are reset when something has come, which is kept
  peer.py read PORT OUT [CA [CERT]] connects, and reads to the end
  peer.py frames PB OUT             varint-delimited messages as they go over a connection
  peer.py same A B                  but for the id of the stream, which each has of its own
  peer.py joined WHOLE GOT          GOT is the first message of WHOLE and then its end: how much of it, in percent
  peer.py missing WANT GOT          lines of WANT that are not in GOT, and how often one of them came again"""
import collections
import select
import socket
import ssl
import struct
import sys


def drain(conn, out):
    while data := conn.recv(65536):
        out.write(data)
        out.flush()


def listen():
    server = socket.create_server(("127.0.0.1", 0))
    print(server.getsockname()[1], flush=True)
    return server


def serve(path, cert=None, key=None):
    conn = listen().accept()[0]
    if cert:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(cert, key)
        try:
            conn = context.wrap_socket(conn, server_side=True)
        except ssl.SSLError as e:
            sys.exit(str(e))
    with open(path, "wb") as out:
        drain(conn, out)


def unix(path, out_path):
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen()
    with open(out_path, "wb") as out:
        drain(server.accept()[0], out)


def resets(path, n):
    """What its kernel has is looked at without taking it: so nothing more can come, and what has come is known."""
    server = listen()
    with open(path, "wb") as out:
        for i in range(int(n)):
            server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096 << i % 7)
            conn = server.accept()[0]
            got = conn.recv(1, socket.MSG_PEEK)
            before = 0
            while len(got) > before:  # until it is full
                before = len(got)
                select.select([], [], [], 0.05)
                got = conn.recv(1 << 24, socket.MSG_PEEK)
            out.write(got[: got.rfind(b"\n") + 1])
            conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            conn.close()
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        drain(server.accept()[0], out)


def read(port, path, ca=None, cert=None):
    conn = socket.create_connection(("127.0.0.1", int(port)))
    if ca:
        context = ssl.create_default_context(cafile=ca)
        if cert:
            context.load_cert_chain(cert)
        conn = context.wrap_socket(conn, server_hostname="localhost")
    with open(path, "wb") as out:
        try:
            out.write(conn.recv(65536))  # it is accepted now, not only in the kernel's queue
            print("connected", flush=True)
            drain(conn, out)
        except ssl.SSLError as e:
            print("refused", flush=True)
            sys.exit(str(e))


def frames(path, out_path):
    data, at = open(path, "rb").read(), 0
    with open(out_path, "wb") as out:
        while at < len(data):
            size = shift = 0
            while True:
                size |= (data[at] & 127) << shift
                shift += 7
                at += 1
                if data[at - 1] < 128:
                    break
            out.write(struct.pack(">I", size) + data[at : at + size])
            at += size


def with_id_of(a, b):
    """a with b's id in place of its own: 16 bytes behind a field's tag and length."""
    at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), 0)
    for i in range(max(at - 15, 2), at + 1):
        if a[i - 2 : i] == b[i - 2 : i] == b"\x0a\x10":
            return a.replace(a[i : i + 16], b[i : i + 16])
    return a


def same(a, b):
    a, b = open(a, "rb").read(), open(b, "rb").read()
    sys.exit(with_id_of(a, b) != b)


def joined(whole, got):
    whole, got = open(whole, "rb").read(), open(got, "rb").read()
    whole = with_id_of(whole, got)
    first = 4 + struct.unpack(">I", whole[:4])[0]
    good = got[:first] == whole[:first] and whole.endswith(got[first:])
    print(100 * len(got) // len(whole) if good else -1)


def missing(want, got):
    wanted = open(want, "rb").read().splitlines()
    times = collections.Counter(open(got, "rb").read().splitlines())
    print(sum(not times[line] for line in wanted), sum(max(times[line] - 1, 0) for line in set(wanted[1:])))


globals()[sys.argv[1]](*sys.argv[2:])
