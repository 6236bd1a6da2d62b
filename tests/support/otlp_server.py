#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A collector for OTLP/HTTP logs that takes nothing but what the specification allows, and answers as it is told.
Usage: otlp_server.py LOG SCRIPT [PORT [CERTIFICATE KEY]]
Prints its port when it listens, and after SIGTERM what LOG comes to: accepted twice rejected bad requests
SCRIPT: answers separated by commas, one for each request, "*N" behind one repeats it, "ok" from then on:
  ok none=204 garbage huge note html partial=N later=SECONDS date=SECONDS (429) wait=SECONDS  STATUS[=MESSAGE]
  moved drop (answers nothing) reset stall slow (an answer without end) cut (one that ends too early)"""
import email.utils
import gzip
import json
import os
import signal
import socket
import ssl
import struct
import sys
import threading
import time

MOST = 2 << 20
FIXED = {1: 8, 5: 4}
# message: {number: (name, wire type, message or how to check it, repeated)}
SCHEMA = {
    "Request": {1: ("logs", 2, "ResourceLogs", True)},
    "ResourceLogs": {1: ("resource", 2, "Resource", False), 2: ("scopes", 2, "ScopeLogs", True), 3: ("url", 2, str, False)},
    "Resource": {1: ("attributes", 2, "KeyValue", True)},
    "ScopeLogs": {1: ("scope", 2, "Scope", False), 2: ("records", 2, "LogRecord", True), 3: ("url", 2, str, False)},
    "Scope": {1: ("name", 2, str, False), 2: ("version", 2, str, False)},
    "LogRecord": {1: ("time", 1, None, False), 2: ("severity", 0, None, False), 3: ("level", 2, str, False),
                  5: ("body", 2, "AnyValue", False), 6: ("attributes", 2, "KeyValue", True),
                  11: ("observed", 1, None, False), 12: ("event", 2, str, False)},
    "KeyValue": {1: ("key", 2, str, False), 2: ("value", 2, "AnyValue", False)},
    "AnyValue": {1: ("string", 2, str, False), 2: ("bool", 0, None, False), 3: ("int", 0, None, False),
                 5: ("array", 2, "Array", False), 6: ("list", 2, "List", False), 7: ("bytes", 2, bytes, False)},
    "Array": {1: ("values", 2, "AnyValue", True)},
    "List": {1: ("values", 2, "KeyValue", True)},
}


class Bad(Exception):
    pass


def require(what, why):
    if not what:
        raise Bad(why)


def varint(data, at):
    value = shift = 0
    while True:
        require(at < len(data) and shift < 70, "a number without end")
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            require(value < 1 << 64, "a number that is too large")
            return value, at


def decode(name, data):
    """The message as a dictionary; whatever a collector could object to is an error."""
    message, at = {}, 0
    while at < len(data):
        tag, at = varint(data, at)
        require(tag >> 3 in SCHEMA[name], f"{name} has no field {tag >> 3}")
        field, wire, kind, many = SCHEMA[name][tag >> 3]
        require(tag & 7 == wire, f"{name}.{field} is of wire type {tag & 7}")
        if wire == 0:
            value, at = varint(data, at)
        elif wire in FIXED:
            require(at + FIXED[wire] <= len(data), f"{name}.{field} is cut")
            value, at = struct.unpack_from("<Q" if wire == 1 else "<I", data, at)[0], at + FIXED[wire]
        else:
            n, at = varint(data, at)
            require(at + n <= len(data), f"{name}.{field} is cut")
            value, at = data[at:at + n], at + n
            if kind is str:
                try:
                    value = value.decode()
                except UnicodeDecodeError:
                    raise Bad(f"{name}.{field} is no UTF-8") from None
            elif kind is not bytes:
                value = decode(kind, value)
        require(many or field not in message, f"{name}.{field} is there twice")
        require(name != "AnyValue" or not message, "an AnyValue with two values")
        if many:
            message.setdefault(field, []).append(value)
        else:
            message[field] = value
    return message


def attributes(message, where):
    pairs = {}
    for pair in message.get("attributes", []):
        require(pair.get("key"), f"{where}: an attribute without a key")
        require(pair["key"] not in pairs, f"{where}: two attributes '{pair['key']}'")
        pairs[pair["key"]] = next(iter(pair.get("value", {"none": None}).values()))
    return pairs


def check(body):
    """The sequence numbers of its records."""
    seqs = []
    logs = decode("Request", body).get("logs", [])
    require(len(logs) == 1, f"{len(logs)} ResourceLogs")
    resource = attributes(logs[0].get("resource", {}), "resource")
    require(resource.get("service.name") == "penstock" and resource.get("host.name") and resource.get("host.id"),
            f"a resource that does not say who it is: {resource}")
    require(logs[0].get("url", "").startswith("https://opentelemetry.io/schemas/1."), "no schema")
    for scope in logs[0].get("scopes", []):
        require(scope.get("scope", {}).get("name") == "penstock", "no scope")
        for record in scope.get("records", []):
            pairs = attributes(record, "record")
            require(record.get("time") and record.get("observed") and record.get("severity"), "a record without a time")
            require(record.get("event", "").startswith("penstock."), "a record without a name")
            seqs.append(pairs["penstock.seq"])
    require(seqs, "a request without a record")
    return seqs


def read_request(file):
    """(path, headers, body), None at the end of the connection."""
    line = file.readline()
    if not line:
        return None
    method, path, version = line.decode("ascii").split()
    require((method, version) == ("POST", "HTTP/1.1"), f"a request of the kind {line}")
    headers = {}
    while (line := file.readline()) not in (b"\r\n", b""):
        name, value = line.decode("latin1").rstrip("\r\n").split(":", 1)
        require(name.lower() not in headers, f"header {name} twice")
        headers[name.lower()] = value.strip()
    require("transfer-encoding" not in headers and "expect" not in headers, "a body without a length, or one that waits")
    body = file.read(int(headers["content-length"]))
    require(len(body) == int(headers["content-length"]), "a body that is cut")
    return path, headers, body


class Server:
    def __init__(self, log, script):
        self.lock = threading.Lock()
        self.log = open(log, "a", buffering=1)
        self.script = []
        for word in script.split(","):
            answer, _, times = word.partition("*")
            self.script += [answer] * int(times or 1)

    def note(self, **what):
        with self.lock:
            self.log.write(json.dumps(what) + "\n")

    def next_answer(self):
        with self.lock:
            return self.script.pop(0) if self.script else "ok"

    def check_request(self, path, headers, body):
        require(path == "/v1/logs", f"path {path}")
        require(headers.get("content-type") == "application/x-protobuf", f"type {headers.get('content-type')}")
        encoding = headers.get("content-encoding")
        require(encoding in (None, "gzip"), f"encoding {encoding}")
        require(headers.get("host") and headers.get("user-agent", "").startswith("penstock/"), "nobody's request")
        raw = gzip.decompress(body) if encoding else body
        seqs = check(raw)
        require(len(raw) <= MOST or len(seqs) == 1, f"{len(raw)} bytes of {len(seqs)} events")
        return seqs, len(raw), headers.get("x-test")

    def serve(self, connection):
        file = connection.makefile("rb")
        try:
            while request := read_request(file):
                seqs, size, extra = self.check_request(*request)
                answer = self.next_answer()
                self.note(answer=answer, seqs=seqs, bytes=size, sent=len(request[2]), time=time.time(), extra=extra)
                if not self.answer(connection, *answer.partition("=")[::2]):
                    return
        except Bad as bad:
            self.note(bad=str(bad))
            self.say(connection, "400 Bad Request", str(bad).encode())
        except (OSError, ssl.SSLError):
            pass
        finally:
            connection.close()

    @staticmethod
    def say(connection, status, body=b"", kind="application/x-protobuf", more=""):
        connection.sendall(f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode()
                           + body)
        return True

    def answer(self, connection, what, value):
        """False: the connection is not used again."""
        partial = lambda n, text: b"\x0a" + bytes([len(n) + len(text) + 2]) + n + b"\x12" + bytes([len(text)]) + text
        if what in ("ok", "wait"):
            time.sleep(float(value or 0))
            return self.say(connection, "200 OK")
        if what == "none":
            connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
            return True
        if what == "garbage":
            return self.say(connection, "200 OK", b"\xff\xfe\xfd garbage")
        if what == "huge":
            return self.say(connection, "200 OK", b"\x12" * (10 << 20))
        if what == "note":
            return self.say(connection, "200 OK", partial(b"", b"mind the gap"))
        if what == "html":
            return self.say(connection, "200 OK", b"<!DOCTYPE html><title>Welcome</title>", "text/html; charset=utf-8")
        if what == "partial":
            return self.say(connection, "200 OK", partial(b"\x08" + bytes([int(value)]), b"too old"))
        if what == "later":
            return self.say(connection, "503 Service Unavailable", more=f"Retry-After: {value}\r\n" if value else "")
        if what == "date":
            when = email.utils.formatdate(time.time() + float(value), usegmt=True)
            return self.say(connection, "429 Too Many Requests", more=f"Retry-After: {when}\r\n")
        if what == "moved":
            return self.say(connection, "301 Moved Permanently", more="Location: https://elsewhere.example/v1/logs\r\n")
        if what.isdigit():
            return self.say(connection, f"{what} Something", b"\x08\x03\x12" + bytes([len(value)]) + value.encode())
        if what == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif what == "cut":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n\x0a")
        elif what in ("stall", "slow"):
            if what == "slow":
                connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            connection.settimeout(0.2)
            while True:
                try:
                    if not connection.recv(1):
                        break
                except TimeoutError:
                    if what == "slow":
                        connection.sendall(b"1\r\n\x0a\r\n")
        return False


def main():
    log, script, port, *tls = sys.argv[1:] + ["0"] * (len(sys.argv) == 3)
    server, listener = Server(log, script), socket.create_server(("127.0.0.1", int(port)), backlog=64)

    def end(number, frame):
        print_sum(log)
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    print(listener.getsockname()[1], flush=True)
    context = None
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)

    def accept(connection):
        try:
            server.serve(context.wrap_socket(connection, server_side=True) if context else connection)
        except (OSError, ssl.SSLError) as error:
            server.note(refused=str(error))

    while True:
        threading.Thread(target=accept, args=(listener.accept()[0],), daemon=True).start()


ACCEPTS = {"ok", "wait", "none", "garbage", "huge", "note", "partial"}
LOSES = {"drop", "reset", "stall", "slow", "cut"}


def print_sum(log):
    """Events that a request which was accepted brought; how many came twice though no answer had been lost; how many were
    rejected; how many requests were bad, and there were. Lost answers: the server has them, and gets them again."""
    accepted, twice, rejected, bad, requests, lost, final = set(), 0, 0, 0, 0, set(), set()
    for line in map(json.loads, open(log)):
        if "bad" in line:
            bad += 1
            print("bad:", line["bad"], file=sys.stderr)
            continue
        if "answer" not in line:
            continue
        requests += 1
        what, _, value = line["answer"].partition("=")
        seqs = set(line["seqs"])
        twice += len(seqs & (accepted | final))
        twice += len(line["seqs"]) - len(seqs)
        if what in ACCEPTS:
            rejected += int(value) if what == "partial" else 0
            accepted |= seqs
        elif what in LOSES:
            lost |= seqs
        elif what.isdigit() and what not in ("429", "502", "503", "504", "413"):
            rejected += len(seqs)
            final |= seqs
    print(len(accepted), twice, rejected, bad, requests, flush=True)


main()
