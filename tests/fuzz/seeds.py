#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Cuts recordings into the seeds that the fuzz targets start from: samples/fuzz/<target>/.
Usage: seeds.py RECORDING…    raw ones, archives, JSON lines, and what tcpdump captured of TLS on an Ethernet or loopback interface"""
import hashlib
import pathlib
import re
import struct
import sys

MAGIC, ALIGN, HEAD, MOST = 16, 8, 16, 4
PCAP = b"\xd4\xc3\xb2\xa1"
SERVER, SOCKET, LARGE, KEPT = 1, 2, 16, 400  # as in fuzz_hello.c
NAMES = (".pb", ".pb.zst", ".jsonl", ".pcapng", ".raw", ".txt", ".txt.zst", "")  # as in fuzz_recover.c
ARCHIVES = (".zst", ".pb", ".pcapng", ".txt")
ROOT = pathlib.Path("samples/fuzz")


def put(target, data):
    folder = ROOT / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha1(data).hexdigest()[:16]).write_bytes(data)


def hellos(data):
    """The packets of a capture that carry a ClientHello, and as many of the others."""
    at, others = 24, 0
    while at + 16 <= len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        frame = data[at + 16:at + 16 + length]
        at += 16 + length
        hello = re.search(rb"\x16\x03.{3}\x01.{3}\x03", frame[:200], re.S)
        others += not hello
        if not hello and others > MOST:
            continue
        packet = frame[14:]
        flags = SOCKET | (SERVER if others % 2 else 0) | (LARGE if len(packet) > 2 * KEPT else 0)
        linear = hello.start() - 14 if hello else len(packet)
        put("hello", struct.pack("<BBH", flags, int(packet[0] >> 4 == 6), linear) + packet[:KEPT])


def raw(data, taken):
    at, stream = MAGIC, b""
    while at + HEAD <= len(data):
        length, kind, flags = struct.unpack_from("<IBB", data, at)
        record = data[at:at + length]
        at += (length + ALIGN - 1) // ALIGN * ALIGN
        taken[kind, flags] = taken.get((kind, flags), 0) + 1
        if taken[kind, flags] <= MOST:
            put("layout", record)
            if length - HEAD < 512:  # as fuzz_pipeline reads the length
                stream += struct.pack("<I", length - HEAD) + record[4:]
    put("pipeline", stream)
    put("raw", data[:4096])
    put("raw", data[:1001])


def lines(data, taken):
    """Of each type a few, alone, and all of those as one file."""
    some = []
    for line in data.splitlines(keepends=True):
        kind = re.search(rb'"type":"(\w+)"', line).group(1)
        taken[kind] = taken.get(kind, 0) + 1
        if taken[kind] <= MOST // 2 and len(line) < 2000:
            put("jsonl", line)
            some.append(line)
    if some:
        put("jsonl", b"".join(some))


def manifests():
    """Templates with manifests: what penstock writes, and what it does not."""
    put("manifest", b"a-{seq:06}.raw\npenstock manifest 1 3\n+ 10 1772600767 a-000001.raw\na 5 a-000002.raw\n")
    put("manifest", b"a-{seq:06}.raw\n+ 1 1 a-000001.raw\n+ 1 1 a-000002.raw\n- a-000001.raw\n- a-000009.raw\n")
    put("manifest", b"x-%Y.pb\n+ 18446744073709551616 -1 x-2026.pb\n+ 1 1 ../x-2026.pb\n+ 1 1 x-2026.p")
    put("manifest", b"{host}{host}{pid}%F%j%s%%-{seq}\npenstock manifest 1 99999999999999999999\n")


def openings():
    """What a stream begins with: a StreamInfo, one that is longer than it should be, and one behind other events."""
    info = b"\x0a\x10" + bytes(range(16)) + b"\x5a\x20" + bytes(range(32))
    event = b"\x18\x64\xa2\x06" + bytes([len(info)]) + info
    long = b"\xa2\x06\x72\x0a\x70" + b"x" * 112
    put("kafka_stream", bytes([len(event)]) + event)
    put("kafka_stream", bytes([len(long)]) + long)
    put("kafka_stream", b"\x02\x18\x08\x00" + bytes([len(event)]) + event)
    put("kafka_stream", bytes([len(event) + 1]) + event)


def spools():
    """What a run leaves of a spool; fuzz_spool.c makes the checksums right."""
    def segment(number, opening, *lengths):
        head = b"PNSPOOL\1" + struct.pack("<4I3Q16x", 0, len(opening), 0, 0, number, 77, 5)
        records = b"".join(struct.pack("<4I7Q20I8x", n, 0, 0, 5 if n == 60 else 0, 5, 7, 50, 70, 1, 2, 3, 3, 1, 1,
                                       len(opening) if n == 60 else 0, 3, *[0] * 15) + b"p" * n for n in lengths)
        return head + opening + records

    def spool(flags, cursor, first, second=b""):
        cursor = b"PNCURSR\1" + struct.pack("<2I3Q", 0, 0, *cursor)
        put("spool", struct.pack("<B40sH", flags, cursor, len(first)) + first + second)
    one, two = segment(3, b"opening", 60, 10, 200), segment(4, b"", 10, 10)
    for flags in (15, 31, 47, 63, 11, 13):
        spool(flags, (3, 77, 64 + 7 + 160 + 60), one, two)
    spool(15, (4, 77, 64 + 170), one, two)
    spool(15, (9, 77, 64), two, one[:-30])
    spool(15, (3, 77, 64 + 7), one[:300] + b"x" + one[301:], two[:70])


def conversations():
    """What fuzz_redact.c reads: those of http1/ and http2/, and clients of databases."""
    def says(protocol, *calls):
        put("redact", bytes([protocol]) + b"".join(struct.pack("<BHH", 0, len(call), 0) + call for call in calls))

    for number, folder in ((1, "http1"), (2, "http2")):
        for path in sorted((ROOT / folder).iterdir()):
            put("redact", bytes([number]) + path.read_bytes()[:8192])
    says(3, b"\x2a\0\0\1" + bytes(32) + b"u\0\3abcdb\0", b"\x11\0\0\0\3select 'a\\'', 1.5e3")
    says(4, b"\0\0\0\x0f\0\3\0\0user\0u\0", b"Q\0\0\0\x1eselect E'\\'', $x$ 1 $x$ --\0",
         b"B\0\0\0\x17p\0s\0\0\1\0\1\0\1\0\0\0\3abc\0\0")


def statements():
    """As fuzz_sql_text.c reads them: dialect and cut, text; and values, as fuzz_query_params.c does."""
    for dialect, text in ((0, b"select 'it''s', \"a\\\"b\", `n`, 1e-5, -1 from t where a in (1, ?, null) -- c\n and b # d"),
                          (0, b"insert into t values (1,'a'),(2,'b') on duplicate key update a=values(a)"),
                          (0, b"create user u identified by 'x' replace \"y\"; set password for u = password('z')"),
                          (0, b"/*!40101 set a='b' */ connection='mysql://u:p@h/d'"),
                          (1, b"select $1, $t$ 'x' $$ $t$, E'a\\'b', a::int /* a /* b */ c */ from \"t\""),
                          (1, b"alter role r password 'x'; select dblink('password=''a b'' x', :name, array[1,2])")):
        for cut in (0, 20, 90):
            put("sql_text", bytes([dialect | cut << 1]) + text)
    for kind, expected, types, body in (
            (1, 0, b"", b"\2\0\0\0hi\xff\xff\xff\xff\0\0\0\0"),
            (2, 3, b"", b"\2\1\1\0\xfe\0\x08\0\5\2hi\1\0\0\0\0\0\0\0"),
            (2, 4, b"\5\0\x0c\0\x0b\0\xfc\0", b"\0\0" + struct.pack("<d", .1) + b"\7\xe8\7\2\x1d\1\2\3\x08\1\2\0\0\0\3\4\5\2\xff\xfe"),
            (3, 0, struct.pack("<4I", 701, 1700, 1186, 1114),
             b"p\0s\0\0\1\0\1\0\4" + b"".join(struct.pack(">I", len(v)) + v for v in (
                 struct.pack(">d", 1e20), b"\0\2\0\1\x40\0\0\3\0\1\x13\x88", struct.pack(">qii", -5, 3, -14),
                 struct.pack(">q", -1))) + b"\0\0"),
            (3, 0, struct.pack("<3I", 869, 3802, 2950),
             b"\0\0\0\0\0\2\0\0\0\2ab\xff\xff\xff\xff\0\0")):
        put("query_params", bytes([kind, expected, len(types)]) + types + body)


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def streams():
    """Frame Streams, and what penstock sends with them: handshakes, a batch, its acknowledgement."""
    def control(kind, *types):
        body = struct.pack(">I", kind) + b"".join(struct.pack(">II", 1, len(t)) + t for t in types)
        return struct.pack(">II", 0, len(body)) + body

    batch, event = (b"protobuf:penstock.v1." + name for name in (b"Batch", b"Event"))
    stream = bytes(range(16))
    data = b"\x15\xa2\x06\x12\x0a\x10" + stream + b"\x02\x10\x07"
    head = b"\x08\x07\x10\x01\x20" + bytes([len(data)]) + b"\x2d" + struct.pack("<I", crc32c(data))
    whole = head + b"\x3a\x10" + stream + b"\x40\x01\x32" + bytes([len(data)]) + data
    ack = b"\x0a\x10" + stream + b"\x10\x07\x18\x09\x28\x01\x32\x04full\x40\xe8\x07"
    put("fstrm", control(4, batch, event) + control(2, batch) + struct.pack(">I", len(whole)) + whole + control(3))
    put("fstrm", control(1, event) + control(5))
    put("fstrm", control(1, b"a", b"b", b"c", b"d", b"e") + control(9) + b"\xff\xff\xff\xff")
    put("batch", whole)
    put("collect", b"\x80" + control(4, batch, event) + control(1, batch) + struct.pack(">I", len(whole)) + whole + control(3))
    put("collect", b"\x20" + control(1, event) + struct.pack(">I", len(data) - 1) + data[1:] + control(3))
    put("collect", b"\xff" + struct.pack(">I", len(data) - 1) + data[1:])
    put("batch", whole.replace(b"\x20", b"\x18\x01\x20", 1))
    put("batch", ack)
    put("batch", data)


def answers():
    """What a collector says to a request, as fuzz_otlp_answer.c reads it: status, type of the body, body."""
    for status, kind, body in ((200, 1, b""), (200, 1, b"\x0a\x0b\x08\x07\x12\x07too old"), (200, 1, b"\x0a\x02\x12\0"),
                               (200, 1, b"\x0a\x0b\x08" + b"\xff" * 9 + b"\x01"), (200, 2, b"<html>"), (204, 0, b""),
                               (400, 1, b"\x08\x03\x12\x09bad field"), (503, 4, b"busy\r\nvery"), (413, 5, b'{"message":"x"}'),
                               (301, 0x84, b"https://elsewhere/"), (200, 0x41, b"\x0a\xff\xff\xff\x01"), (99, 0, b"\x1b[2J")):
        put("otlp_answer", struct.pack("<HB", status, kind) + body)


def archive(path, data):
    """A file of ours, and what is left of it when its writer dies."""
    number = [i for i, ending in enumerate(NAMES) if path.endswith(ending)]
    put("verify", data)
    put("recover", bytes(number[:1]) + data[:len(data) * 2 // 3])
    put("recover", bytes(number[:1]) + data)


def main():
    taken = {}
    manifests()
    openings()
    conversations()
    statements()
    streams()
    spools()
    answers()
    for path in sys.argv[1:]:
        data = pathlib.Path(path).read_bytes()
        if path.endswith(ARCHIVES):
            archive(path, data[:8192])
        elif data.startswith(PCAP):
            hellos(data)
        elif data.startswith(b'{"'):
            lines(data, taken)
        else:
            raw(data, taken)


main()
