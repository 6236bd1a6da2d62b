#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Both ends of TLS connections, in python's ssl module.

    dialogue.py CERT KEY talk NAME NONCE   one dialogue of a protocol; prints the server's port
    dialogue.py CERT KEY interleave NONCE  two connections in turn on one thread, both ends in asyncio
    dialogue.py CERT KEY late GATE NONCE   says NONCE-before, waits for GATE to be written to, says NONCE-after
    dialogue.py CERT KEY blocked NONCE     says NONCE-blocked, prints its pid and waits for an answer that never comes
    dialogue.py CERT KEY halves NONCE      responses that never end (one of known length, one in chunks, one until the connection
                                           is closed): says "half" when half of each is there, and waits
    dialogue.py CERT KEY sandboxed NONCE   the dialogue of talk http; any system call but the few it needs would kill it
"""
import asyncio
import ctypes
import os
import socket
import ssl
import struct
import sys
import threading


def lines(*texts):
    return b"".join(text.encode() + b"\r\n" for text in texts)


def http(nonce):
    yield "client", lines("GET /%s HTTP/1.1" % nonce, "Host: localhost", "")
    yield "server", lines("HTTP/1.1 200 OK", "Content-Length: 2", "") + b"ok"


def websocket(nonce):
    def frame(text, mask):
        key = b"\x11\x22\x33\x44"
        data = text.encode()
        if mask:
            data = key + bytes(byte ^ key[i % 4] for i, byte in enumerate(data))
        return bytes([0x81, len(text) | 0x80 * mask]) + data

    yield "client", lines("GET /chat HTTP/1.1", "Host: localhost", "Upgrade: websocket", "Connection: Upgrade",
                          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13", "")
    yield "server", lines("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade",
                          "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "")
    yield "client", frame("%s-asked" % nonce, True)
    yield "server", frame("%s-told" % nonce, False)


def smtp(nonce):
    yield "server", lines("220 mail.example ESMTP")
    yield "client", lines("EHLO client.example")
    yield "server", lines("250-mail.example", "250 SIZE 1000000")
    yield "client", lines("MAIL FROM:<%s@client.example>" % nonce)
    yield "server", lines("250 2.1.0 Ok")
    yield "client", lines("RCPT TO:<b@mail.example>")
    yield "server", lines("250 2.1.5 Ok")
    yield "client", lines("DATA")
    yield "server", lines("354 go on")
    yield "client", lines("Subject: %s" % nonce, "", "hello", ".")
    yield "server", lines("250 2.0.0 Ok")
    yield "client", lines("QUIT")
    yield "server", lines("221 2.0.0 Bye")


def ldap(nonce):
    def tlv(tag, *parts):
        body = b"".join(parts)
        return bytes([tag, len(body)]) + body

    name = "cn=%s" % nonce
    done = tlv(0x0A, b"\0") + tlv(4) + tlv(4)
    yield "client", tlv(0x30, tlv(2, b"\1"), tlv(0x60, tlv(2, b"\3"), tlv(4, name.encode()), tlv(0x80, b"secret")))
    yield "server", tlv(0x30, tlv(2, b"\1"), tlv(0x61, done))
    yield "client", tlv(0x30, tlv(2, b"\2"), tlv(0x42))


def redis(nonce):
    def command(*words):
        return lines("*%d" % len(words), *(part for word in words for part in ("$%d" % len(word), word)))

    yield "client", command("SET", "key", nonce)
    yield "server", lines("+OK")
    yield "client", command("GET", "key")
    yield "server", lines("$%d" % len(nonce), nonce)


def postgres(nonce):
    def message(kind, body):
        return kind + struct.pack("!i", len(body) + 4) + body

    yield "client", message(b"", struct.pack("!i", 3 << 16) + b"user\0u\0database\0d\0\0")
    yield "server", message(b"R", struct.pack("!i", 0)) + message(b"Z", b"I")
    yield "client", message(b"Q", b"select '%s'\0" % nonce.encode())
    yield "server", message(b"C", b"SELECT 1\0") + message(b"Z", b"I")
    yield "client", message(b"X", b"")


def mysql(nonce):
    # the greeting and the request for TLS went in the clear: the client's login is number 2
    def packet(number, body):
        return struct.pack("<I", len(body))[:3] + bytes([number]) + body

    capabilities = 0x000FA60D | 0x800 | 0x200
    yield "client", packet(2, struct.pack("<IIB", capabilities, 1 << 24, 45) + bytes(23) + b"u\0\0d\0mysql_native_password\0")
    yield "server", packet(3, b"\0\0\0\2\0\0\0")
    yield "client", packet(0, b"\3select '%s'" % nonce.encode())
    yield "server", packet(1, b"\0\0\0\2\0\0\0")
    yield "client", packet(0, b"\1")


def contexts(cert, key):
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(cert, key)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(cert)
    return server, client


def receive(end, count):
    while count:
        got = len(end.recv(count))
        if not got:
            sys.exit("the other end has gone")
        count -= got


def play(end, role, steps):
    """One end of a dialogue: it sends its own steps and reads the other's."""
    for who, data in steps:
        if who == role:
            end.sendall(data)
        else:
            receive(end, len(data))


class Pair:
    """A connection whose two ends are in this process, the server's on a thread of its own."""

    def __init__(self, cert, key):
        self.server, client = contexts(cert, key)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.steps = []
        self.thread = threading.Thread(target=self.serve)
        self.run = lambda: client.wrap_socket(socket.create_connection(("127.0.0.1", self.port)), server_hostname="localhost")

    def serve(self):
        end = self.server.wrap_socket(self.listener.accept()[0], server_side=True)
        play(end, "server", self.steps)
        end.unwrap().close()

    def begin(self, steps):
        self.steps = list(steps)
        self.thread.start()
        return self.run()

    def end(self, client):
        try:
            client.unwrap()
        except (OSError, ssl.SSLError):
            pass
        client.close()
        self.thread.join()


def talk(cert, key, name, nonce):
    steps = list(globals()[name](nonce))
    pair = Pair(cert, key)
    print(pair.port, flush=True)
    client = pair.begin(steps)
    play(client, "client", steps)
    pair.end(client)


def late(cert, key, gate, nonce):
    def turn(name):
        return (("client", lines("GET /%s-%s HTTP/1.1" % (nonce, name), "Host: localhost", "")),
                ("server", lines("HTTP/1.1 204 No", "Of: %s-%s" % (nonce, name), "")))

    before, after = turn("before"), turn("after")
    pair = Pair(cert, key)
    client = pair.begin(before + after)
    play(client, "client", before)
    print("open", flush=True)
    with open(gate, encoding="ascii") as waiting:
        waiting.read()
    play(client, "client", after)
    pair.end(client)


def blocked(cert, key, nonce):
    pair = Pair(cert, key)
    client = pair.begin([("client", nonce.encode() + b"-blocked"), ("client", b"and no answer")])
    client.sendall(nonce.encode() + b"-blocked")
    print(os.getpid(), flush=True)
    client.recv(1)


def halves(cert, key, nonce):
    kinds = (("length", "Content-Length: 1000", "%s"), ("chunks", "Transfer-Encoding: chunked", "7d0\r\n%s"),
             ("close", "Connection: close", "%s"))
    clients = []
    for name, field, body in kinds:
        half = lines("HTTP/1.1 200 OK", "Content-Type: text/plain", field, "") + (body % (nonce + "-" + name)).encode()
        steps = ("client", lines("GET /%s HTTP/1.1" % name, "")), ("server", half), ("client", b"and no more")
        clients.append(Pair(cert, key).begin(steps))
        play(clients[-1], "client", steps[:2])
    print("half", flush=True)
    clients[0].recv(1)


def sandbox():
    """Lets this thread do what a TLS connection needs; anything else kills the process."""
    kill, allow = 0x80000000, 0x7FFF0000
    lib = ctypes.CDLL("libseccomp.so.2")
    lib.seccomp_init.restype = ctypes.c_void_p
    rules = ctypes.c_void_p(lib.seccomp_init(ctypes.c_uint32(kill)))
    for name in ("read", "write", "recvfrom", "sendto", "poll", "close", "shutdown", "futex", "mmap", "munmap", "mprotect",
                 "brk", "madvise", "getrandom", "fcntl", "ioctl", "getpid", "exit", "exit_group", "rt_sigaction", "rt_sigreturn"):
        number = lib.seccomp_syscall_resolve_name(name.encode())
        if lib.seccomp_rule_add(rules, ctypes.c_uint32(allow), number, 0):
            sys.exit("no rule for " + name)
    if lib.seccomp_load(rules):
        sys.exit("no seccomp here")


def sandboxed(cert, key, nonce):
    steps = list(http(nonce))
    pair = Pair(cert, key)
    client = pair.begin(steps)
    sandbox()
    play(client, "client", steps)
    client.close()
    os.write(1, b"still here\n")
    os._exit(0)


async def interleave(cert, key, nonce):
    server, client = contexts(cert, key)
    turns = 20

    async def echo(reader, writer):
        while line := await reader.readline():
            writer.write(line)
            await writer.drain()
        writer.close()

    listener = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=server)
    port = listener.sockets[0].getsockname()[1]
    ends = [await asyncio.open_connection("127.0.0.1", port, ssl=client, server_hostname="localhost") for _ in range(2)]
    for turn in range(turns):
        for number, (_, writer) in enumerate(ends):
            writer.write(b"%s-conn%d-%d\n" % (nonce.encode(), number, turn))
        for reader, _ in ends:
            await reader.readline()
    for number, (_, writer) in enumerate(ends):
        print("conn%d" % number, writer.get_extra_info("sockname")[1])
        writer.close()
        await writer.wait_closed()
    listener.close()


def main():
    cert, key, what, *rest = sys.argv[1:]
    if what == "interleave":
        asyncio.run(interleave(cert, key, *rest))
    else:
        {"talk": talk, "late": late, "blocked": blocked, "halves": halves, "sandboxed": sandboxed}[what](cert, key, *rest)


if __name__ == "__main__":
    main()
