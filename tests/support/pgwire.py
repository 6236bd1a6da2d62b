#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Speaks PostgreSQL's protocol, message by message, as a driver may and psql does not.

    pgwire.py HOST PORT SCRIPT NONCE      HOST may be the folder of a socket

SCRIPT is the name of a function below. What it did is a line on stdout for each answer that counts."""
import ctypes
import ctypes.util
import socket
import struct
import sys


def text(s):
    return (s if isinstance(s, bytes) else s.encode()) + b"\0"


class Connection:
    def __init__(self, host, port, database="postgres", **settings):
        if host.startswith("/"):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.connect(f"{host}/.s.PGSQL.{port}")
        else:
            self.socket = socket.create_connection((host, port))
        self.rest = b""
        settings = {"user": "postgres", "database": database, "application_name": "pgwire", **settings}
        body = struct.pack("!i", 196608) + b"".join(text(k) + text(v) for k, v in settings.items()) + b"\0"
        self.socket.sendall(struct.pack("!i", len(body) + 4) + body)
        self.until(b"Z")

    def send(self, *messages):
        self.socket.sendall(b"".join(t + struct.pack("!i", len(b) + 4) + b for t, b in messages))

    def take(self, n):
        while len(self.rest) < n:
            data = self.socket.recv(1 << 16)
            if not data:
                raise EOFError
            self.rest += data
        data, self.rest = self.rest[:n], self.rest[n:]
        return data

    def until(self, *types):
        """The answers up to one of these types: (type, body)."""
        answers = []
        while not answers or answers[-1][0] not in types:
            kind = self.take(1)
            answers.append((kind, self.take(struct.unpack("!i", self.take(4))[0] - 4)))
        return answers

    def ask(self, *messages):
        self.send(*messages, S)
        return "".join(t.decode() for t, _ in self.until(b"Z"))


def query(s):
    return b"Q", text(s)


def parse(name, s, *types):
    return b"P", text(name) + text(s) + struct.pack(f"!h{len(types)}I", len(types), *types)


def bind(portal, name, *values, formats=(), results=()):
    body = text(portal) + text(name) + struct.pack(f"!h{len(formats)}h", len(formats), *formats)
    body += struct.pack("!h", len(values))
    for v in values:
        body += struct.pack("!i", -1) if v is None else struct.pack("!i", len(v)) + v
    return b"B", body + struct.pack(f"!h{len(results)}h", len(results), *results)


def describe(what, name):
    return b"D", what + text(name)


def execute(portal="", rows=0):
    return b"E", text(portal) + struct.pack("!i", rows)


S = b"S", b""
H = b"H", b""


def extended(c, n):
    # values as text, in binary form (types left to the server), NULL; one format for all, and one for each
    print(c.ask(parse("", f"select $1::text, $2::int8, '{n}-text'"), bind("", "", b"one", None), execute()))
    print(c.ask(parse("", f"select $1::int4, $2::text, $3::int8, $4::text, '{n}-mixed'"),
                bind("", "", struct.pack("!i", 42), None, struct.pack("!q", -7), None, formats=(1, 0, 1, 0)), execute()))
    print(c.ask(parse("", f"select $1::float8, $2::bool, '{n}-binary'"),
                bind("", "", struct.pack("!d", 1.5), b"\1", formats=(1,)), execute()))
    # a value of a composite type, whose parts have types of their own
    # a named statement, used three times
    print(c.ask(parse("named", f"select $1::int4 + 1, '{n}-named'")))
    for i in range(3):
        print(c.ask(bind("", "named", str(i).encode()), execute()))
    # three statements before one Sync, the second of several rows
    print(c.ask(*[m for i in range(1, 4) for m in (
        parse("", f"select generate_series(1, {i}), '{n}-pipe{i}'"), bind("", ""), execute())]))
    # a portal in three fetches: 4 + 4 + 2 rows
    print(c.ask(parse("", "begin"), bind("", ""), execute(), parse("cur", f"select generate_series(1, 10), '{n}-fetch'"),
                bind("portal", "cur"), execute("portal", 4)))
    print(c.ask(execute("portal", 4)))
    print(c.ask(execute("portal", 4)))
    # with Flush and no Sync: the statement is over all the same
    c.send(parse("flushed", f"select '{n}-flushed'"), H)
    c.until(b"1")
    c.send(bind("", "flushed"), execute(), H)
    c.until(b"C")
    print("flushed")
    print(c.ask(parse("", "commit"), bind("", ""), execute()))
    # a function call: pg_backend_pid(), OID 2026
    c.send((b"F", struct.pack("!ihhh", 2026, 0, 0, 0)))
    print("".join(t.decode() for t, _ in c.until(b"Z")))
    # a Query in between, of several statements
    c.send(query(f"select 1; select generate_series(1, 5); select '{n}-several'"))
    print("".join(t.decode() for t, _ in c.until(b"Z")))
    c.send(query(""))
    print("".join(t.decode() for t, _ in c.until(b"Z")))


def errors(c, n):
    print(c.ask(parse("", f"selec '{n}-syntax'")))
    print(c.ask(parse("bad", f"select * from nosuch where '{n}-relation' = 'x'")))
    print(c.ask(parse("", f"select $1::int4, '{n}-value'"), bind("", "", b"no number"), execute()))
    print(c.ask(parse("", f"select $1::int4, '{n}-length'"), bind("", "", b"abc", formats=(1,)), execute()))
    print(c.ask(bind("", f"{n}-unprepared"), execute()))
    print(c.ask(execute(f"{n}-unbound")))
    print(c.ask(parse("", f"select 1 / $1::int4, '{n}-zero'"), bind("", "", b"0"), execute()))
    print(c.ask(parse("twice", f"select '{n}-twice'"), parse("twice", f"select '{n}-twice-again'")))
    # the rest of a pipeline that has failed is not run
    print(c.ask(parse("", f"select '{n}-before'"), bind("", ""), execute(), parse("", f"select 1 / 0, '{n}-fails'"),
                bind("", ""), execute(), parse("", f"select '{n}-after'"), bind("", ""), execute()))
    # what is checked only when the transaction is committed
    c.send(query("create table if not exists d(i int unique deferrable initially deferred)"))
    c.until(b"Z")
    print(c.ask(parse("", f"insert into d values (1), (1) /* {n}-deferred */"), bind("", ""), execute()))
    c.send(query(f"select 1; select '{n}-second'; select 1 / 0; select 2"))
    print("".join(t.decode() for t, _ in c.until(b"Z")))


def copy(c, n):
    c.send(query(f"create temp table c(s text); copy c from stdin /* {n}-in */"))
    c.until(b"G")
    for i in range(1000):
        c.send((b"d", f"row {i} secret-{n}\n".encode()))
    c.send((b"c", b""))
    print("".join(t.decode() for t, _ in c.until(b"Z")))
    c.send(query(f"copy c to stdout /* {n}-out */"))
    print(sum(t == b"d" for t, _ in c.until(b"Z")))
    c.send(query(f"copy c from stdin /* {n}-fails */"))
    c.until(b"G")
    c.send((b"d", b"one\n"), (b"f", text("the client gives up")))
    print("".join(t.decode() for t, _ in c.until(b"Z")))


def odd(c, n):
    # text of any bytes in a database without encoding; lengths around 1 MiB, and 16 MiB
    c.send(query(b"select '" + n.encode() + b"-odd\xff\xfe\xc3'"))
    print("".join(t.decode() for t, _ in c.until(b"Z")))
    for size in (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 16 << 20:
        head, tail = f"select length('{n}-{size}-", "')"
        c.send(query(head + "z" * (size - len(head) - len(tail)) + tail))
        print(c.until(b"Z")[1][1][-8:])


def pipeline(host, port, n):
    """The pipeline mode of libpq itself."""
    pq = ctypes.CDLL(ctypes.util.find_library("pq") or "libpq.so.5")
    pq.PQconnectdb.restype = pq.PQgetResult.restype = ctypes.c_void_p
    pointer = ctypes.c_void_p
    c = pointer(pq.PQconnectdb(f"host={host} port={port} user=postgres dbname=postgres".encode()))
    assert pq.PQstatus(c) == 0 and pq.PQenterPipelineMode(c) == 1
    for i in range(20):
        values = (ctypes.c_char_p * 1)(str(i).encode())
        sent = pq.PQsendQueryParams(c, f"select generate_series(1, $1::int), '{n}-libpq-{i}-x'".encode(), 1, None, values, None, None, 0)
        assert sent == 1
    assert pq.PQpipelineSync(c) == 1
    rows = results = 0
    while results < 20:
        r = pq.PQgetResult(c)
        if r:
            assert pq.PQresultStatus(pointer(r)) == 2
            rows += pq.PQntuples(pointer(r))
            results += 1
            pq.PQclear(pointer(r))
    print(rows)
    pq.PQfinish(c)


def main():
    host, port, script, nonce = sys.argv[1:5]
    if script == "pipeline":
        pipeline(host, int(port), nonce)
        return
    settings = dict(a.split("=", 1) for a in sys.argv[5:])
    globals()[script](Connection(host, int(port), **settings), nonce)


if __name__ == "__main__":
    main()
