#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Files of Frame Streams, as fstrm_capture writes them. Usage:
same FILE ARCHIVE.pb   each data frame is an event of the archive, byte for byte, in the same order
rest FILE CUT ARCHIVE  FILE has all numbers of the archive from some number on, once and in order, behind the event that
                       tells of the stream; CUT, whose writer was killed, the first ones"""
import struct
import sys

from streams import take as varint

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


def nameless(event):
    """Without the id of its stream, which says where it went: field 1 of a StreamInfo (field 100)."""
    at = event.find(b"\xa2\x06")
    if at < 0 or event[8 + 1:].find(b"\x18\x64") < 0:
        return event
    size, start = varint(event, at + 2)
    return event[:start + 2] + bytes(16) + event[start + 18:] if event[start:start + 2] == b"\x0a\x10" else event


def same(path, archive):
    with open(archive, "rb") as file:
        want = [nameless(event) for event in delimited(file.read())]
    got = [nameless(event) for event in events(path)]
    assert got == want, f"{len(got)} events are not those {len(want)}"
    print(len(got))


def rest(path, cut, archive):
    with open(archive, "rb") as file:
        want = [n for n in map(number, delimited(file.read())) if n]
    with open(cut, "rb") as file:
        data = file.read()
    before = []
    try:
        before.extend(number(frame) for kind, frame in frames(data) if kind is None)
    except (struct.error, IndexError, AssertionError):
        pass  # the frame at which it was killed
    before = [n for n in before if n]
    got = [n for n in map(number, events(path)) if n]
    assert got[0] == 1, "it does not begin with what tells of the stream"
    got = got[1:]
    assert got == want[-len(got):], f"{len(got)} from {got[0]} to {got[-1]} are not the last ones of {want[-1]}"
    assert before == want[:len(before)], "the first ones are not in order"
    print(f"{len(before)}, then {len(got)} of {len(want)}")


{"same": same, "rest": rest}[sys.argv[1]](*sys.argv[2:])
