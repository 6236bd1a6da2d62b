#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes a recording fit for samples/raw: of the processes that were there before it, only those with events of their
own stay; the machine's name, ids and kernel, and the recorder's command line, are replaced. What events say stays.
Usage: trim.py RECORDING >SAMPLE"""
import struct
import sys

MAGIC, ALIGN, HEAD = 16, 8, 16
RUN, PROC, FORK = 1, 4, 16
RUN_IDS, RUN_TEXTS = HEAD + 8, 112      # boot_id and host_id, texts in struct rec_run


def records(data):
    at = MAGIC
    while at + HEAD <= len(data):
        length, kind = struct.unpack_from("<IB", data, at)
        yield kind, data[at:at + length]
        at += (length + ALIGN - 1) // ALIGN * ALIGN


def pid_of(record):
    return struct.unpack_from("<I", record, HEAD)[0]  # struct rec_task follows the head


def padded(record):
    record = struct.pack("<I", len(record)) + record[4:]
    return record + bytes(-len(record) % ALIGN)


def main():
    with open(sys.argv[1], "rb") as file:
        data = file.read()
    wanted = {pid_of(record) for kind, record in records(data) if kind >= FORK}
    out = sys.stdout.buffer
    out.write(data[:MAGIC])
    for kind, record in records(data):
        if kind == PROC and pid_of(record) not in wanted:
            continue
        if kind == RUN:
            texts = b"sample\0Debian GNU/Linux 12\0006.1.0\0x86_64\0000.1.0\0penstock record\0"
            record = record[:RUN_IDS] + bytes(32) + record[RUN_IDS + 32:RUN_TEXTS] + texts
        out.write(padded(record))


main()
