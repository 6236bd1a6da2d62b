#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Records what a client and a server say to each other over plain TCP, as a file for tests/support/talk.h,
seen from the client. Usage: talk.py FILE PORT UPSTREAM-PORT   (one connection, then it ends)"""
import selectors
import socket
import struct
import sys

RECEIVE, CONTINUES, FIN = 1, 2, 4
LARGEST = 16384  # as a TLS record


def put(out, flags, data):
    for at in range(0, len(data), LARGEST):
        part = data[at:at + LARGEST]
        out.write(struct.pack("<BHH", flags | (CONTINUES if at else 0), len(part), 0) + part)


def main():
    path, port, upstream = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    with socket.create_server(("127.0.0.1", port)) as listener, open(path, "wb") as out:
        print("ready", flush=True)
        client, _ = listener.accept()
        server = socket.create_connection(("127.0.0.1", upstream))
        with client, server, selectors.DefaultSelector() as both:
            both.register(client, selectors.EVENT_READ, (server, 0))
            both.register(server, selectors.EVENT_READ, (client, RECEIVE))
            while both.get_map():
                for key, _ in both.select():
                    to, flags = key.data
                    data = key.fileobj.recv(65536)
                    put(out, flags, data)
                    if data:
                        to.sendall(data)
                        continue
                    both.unregister(key.fileobj)
                    to.shutdown(socket.SHUT_WR)
        out.write(struct.pack("<BHH", FIN, 0, 0))


main()
