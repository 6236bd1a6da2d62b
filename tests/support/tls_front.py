#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""TLS in front of a server that knows none. Usage: tls_front.py PORT SERVER'S-PORT CERT KEY"""
import socket
import ssl
import sys
import threading

port, behind, cert, key = int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:]


def copy(from_, to):
    try:
        while data := from_.recv(65536):
            to.sendall(data)
        to.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def serve(raw):
    try:
        front = context.wrap_socket(raw, server_side=True)
        back = socket.create_connection(("127.0.0.1", behind))
    except OSError as error:
        print(error, flush=True)
        raw.close()
        return
    other = threading.Thread(target=copy, args=(back, front), daemon=True)
    other.start()
    copy(front, back)
    other.join()
    front.close()
    back.close()


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(cert, key)
listener = socket.create_server(("127.0.0.1", port))
print("listening", flush=True)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
