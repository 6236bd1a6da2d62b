#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Cuts raw recordings into the seeds that the fuzz targets start from: samples/fuzz/<target>/.
Usage: seeds.py RECORDING…"""
import hashlib
import pathlib
import struct
import sys

MAGIC, ALIGN, HEAD, MOST = 16, 8, 16, 4
ROOT = pathlib.Path("samples/fuzz")


def put(target, data):
    folder = ROOT / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha1(data).hexdigest()[:16]).write_bytes(data)


def main():
    taken = {}
    for path in sys.argv[1:]:
        data = pathlib.Path(path).read_bytes()
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
        put("source_raw", data[:4096])
        put("source_raw", data[:1001])


main()
