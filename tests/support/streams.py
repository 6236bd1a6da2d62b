#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Which events of which streams files of protobuf (.pb, .pb.zst) hold: streams.py FILE… prints "STREAM SEQ HASH" for each,
in the order in which they lie there. The description of a run counts where it comes first; hash: of the whole event."""
import hashlib
import subprocess
import sys


def take(data, at):
    n = shift = 0
    while True:
        byte = data[at]
        at += 1
        n |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return n, at


def fields(data):
    at = 0
    while at < len(data):
        tag, at = take(data, at)
        if tag & 7 == 0:
            value, at = take(data, at)
        elif tag & 7 == 2:
            n, at = take(data, at)
            value, at = data[at:at + n], at + n
        else:
            n = 8 if tag & 7 == 1 else 4
            value, at = data[at:at + n], at + n
        yield tag >> 3, value


def main():
    described = set()
    for path in sys.argv[1:]:
        data = open(path, "rb").read()
        if data[:4] == b"\x28\xb5\x2f\xfd":
            data = subprocess.run(["zstd", "-dcq", path], capture_output=True, check=True).stdout
        at, stream = 0, None
        while at < len(data):
            n, at = take(data, at)
            event = dict(fields(data[at:at + n]))
            if 100 in event:
                stream = dict(fields(event[100]))[1].hex()
                if stream in described:
                    event[2] = 0
                described.add(stream)
            elif event.get(2):
                print(stream, event[2], hashlib.sha1(data[at:at + n]).hexdigest())
            at += n


if __name__ == "__main__":
    main()
