#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Files of Frame Streams, as fstrm_capture writes them. Usage:
same FILE ARCHIVE.pb   each data frame is an event of the archive, byte for byte, in the same order
whole FILE             from START to STOP, of our content type; prints how many events, and whether their numbers grow"""
import struct
import sys

TYPE = b"protobuf:penstock.v1.Event"
START, STOP = 2, 3


def frames(data):
    at = 0
    while at < len(data):
        size, = struct.unpack_from(">I", data, at)
        if size:
            yield None, data[at + 4:at + 4 + size]
            at += 4 + size
            continue
        size, kind = struct.unpack_from(">II", data, at + 4)
        yield kind, data[at + 12:at + 8 + size]
        at += 8 + size
    assert at == len(data), "the last frame is cut"


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7f) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def delimited(data):
    at = 0
    while at < len(data):
        size, at = varint(data, at)
        yield data[at:at + size]
        at += size
    assert at == len(data), "the last event is cut"


def number(event):
    """Its field 2, which comes behind a fixed64 and is not there in what is not counted."""
    return varint(event, 10)[0] if event[0] == 0x09 and event[9:10] == b"\x10" else 0


def events(path):
    with open(path, "rb") as file:
        all_frames = list(frames(file.read()))
    kinds = [kind for kind, _ in all_frames]
    assert kinds[0] == START and kinds[-1] == STOP and set(kinds[1:-1]) <= {None}, "no stream from START to STOP"
    assert all_frames[0][1] == struct.pack(">II", 1, len(TYPE)) + TYPE, "another content type"
    return [data for _, data in all_frames[1:-1]]


def same(path, archive):
    with open(archive, "rb") as file:
        want = list(delimited(file.read()))
    got = events(path)
    assert got == want, f"{len(got)} events are not those {len(want)}"
    print(len(got))


def whole(path):
    numbers = [n for n in map(number, events(path)) if n]
    grows = all(a < b for a, b in zip(numbers, numbers[1:]))
    print(len(numbers), "grow" if grows else "do not grow")


{"same": same, "whole": whole}[sys.argv[1]](*sys.argv[2:])
