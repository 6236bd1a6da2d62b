#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The schema (a FileDescriptorSet) out of a recording in protobuf, to stdout. Usage: descriptor.py FILE.pb"""
import sys

STREAM_INFO, DESCRIPTOR_SET = 100, 12  # fields of Event and of StreamInfo


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 0x80:
            return value, at


def field(message, wanted):
    """The first field of that number, which is one of bytes; None = there is none."""
    at = 0
    while at < len(message):
        tag, at = varint(message, at)
        if tag & 7 == 2:
            n, at = varint(message, at)
            if tag >> 3 == wanted:
                return message[at:at + n]
            at += n
        elif tag & 7 == 0:
            at = varint(message, at)[1]
        else:
            at += 8 if tag & 7 == 1 else 4
    return None


with open(sys.argv[1], "rb") as file:
    head = file.read(64 * 1024)  # the schema stands in the first event
size, start = varint(head, 0)
info = field(head[start:start + size], STREAM_INFO)
schema = field(info, DESCRIPTOR_SET) if info else None
if not schema:
    sys.exit(f"{sys.argv[1]}: does not begin with the description of a run")
sys.stdout.buffer.write(schema)
