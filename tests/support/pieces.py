#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""HTTP over TLS in pieces of odd sizes, on the loopback.

  serve CERTIFICATE KEY PORT   reads the first byte of a request by itself; closes an upload to
                               /stop when STOP bytes of it are there
  upload PORT PATH FILE        sends a request, and all of the file in one call; prints how many
                               bytes the server says it got, or the error
  memory CERTIFICATE KEY FILE  all of the file in one call, into memory: there is no socket
"""
import socket
import ssl
import sys
import threading

STOP = 5000000


def answer(context, connection):
    with context.wrap_socket(connection, server_side=True) as tls:
        head = tls.recv(1)
        while b"\r\n\r\n" not in head:
            head += tls.recv(65536)
        head, body = head.split(b"\r\n\r\n", 1)
        length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
        got = len(body)
        while got < length:
            got += len(tls.recv(65536))
            if b" /stop " in head and got >= STOP:
                return
        tls.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n%d\n" % got)


def serve(certificate, key, port):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listener = socket.create_server(("127.0.0.1", int(port)))
    while True:
        threading.Thread(target=answer, args=(context, listener.accept()[0]), daemon=True).start()


def upload(port, path, file):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with open(file, "rb") as f:
        body = f.read()
    with context.wrap_socket(socket.create_connection(("127.0.0.1", int(port)))) as tls:
        tls.sendall(b"PUT %s HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % (path.encode(), len(body)))
        try:
            tls.sendall(body)
            print(tls.recv(1000).split(b"\r\n\r\n")[1].decode().strip())
        except OSError as e:
            print(type(e).__name__)


def memory(certificate, key, file):
    contexts = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    contexts[0].check_hostname = False
    contexts[0].verify_mode = ssl.CERT_NONE
    contexts[1].load_cert_chain(certificate, key)
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = contexts[0].wrap_bio(down, up)
    server = contexts[1].wrap_bio(up, down, server_side=True)
    for end in client, server, client, server:
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            pass
    with open(file, "rb") as f:
        print(client.write(f.read()))


{"serve": serve, "upload": upload, "memory": memory}[sys.argv[1]](*sys.argv[2:])
