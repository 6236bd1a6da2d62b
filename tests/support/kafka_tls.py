#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""TLS in front of a broker that has none. Usage: kafka_tls.py BROKER-PORT CERT KEY
Prints its own port. What the broker tells of its address is changed to ours, which has as many bytes."""
import socket
import ssl
import struct
import sys
import threading

behind = int(sys.argv[1])
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2], sys.argv[3])
server = socket.create_server(("127.0.0.1", 0))
own = server.getsockname()[1]
said, meant = (b"127.0.0.1" + struct.pack(">I", port) for port in (behind, own))


def read_frame(read):
    """A message of the protocol: its length, and so many bytes."""
    data = b""
    while len(data) < 4 or len(data) < 4 + struct.unpack(">I", data[:4])[0]:
        need = 4 if len(data) < 4 else 4 + struct.unpack(">I", data[:4])[0]
        more = read(need - len(data))
        if not more:
            return b""
        data += more
    return data


def pump(read, write, change):
    try:
        while data := read_frame(read):
            write(data.replace(said, meant) if change else data)
    except OSError:
        pass


def serve(plain):
    try:
        client = context.wrap_socket(plain, server_side=True)
    except OSError:
        return  # it did not like us
    broker = socket.create_connection(("127.0.0.1", behind))
    threading.Thread(target=pump, args=(client.recv, broker.sendall, False), daemon=True).start()
    pump(broker.recv, client.sendall, True)
    client.close()


print(own, flush=True)
while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
