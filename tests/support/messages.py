#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Varint-delimited protobuf, read by others than us.
Usage: messages.py rest FILE          takes the first message off the file
       messages.py decode FILE TEXT   writes all of them as protoc's text, by the schema in the file alone
       messages.py python FILE TEXT   the same by Python's protobuf; each message packs to the bytes it was"""
import pathlib
import subprocess
import sys
import tempfile


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def messages(data):
    at = 0
    while at < len(data):
        size, body = varint(data, at)
        assert body + size <= len(data), f"cut at {at}"
        yield data[at:body + size], data[body:body + size]
        at = body + size


def fields(message):
    at = 0
    while at < len(message):
        tag, at = varint(message, at)
        if tag & 7 == 2:
            size, at = varint(message, at)
            yield tag >> 3, message[at:at + size]
            at += size
        elif tag & 7 == 0:
            value, at = varint(message, at)
            yield tag >> 3, value
        else:
            assert tag & 7 == 1
            yield tag >> 3, message[at:at + 8]
            at += 8


def in_python(data, described, text):
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(described).file:
        pool.Add(file)
    kind = pool.FindMessageTypeByName("penstock.v1.Event")
    make = getattr(message_factory, "GetMessageClass", None) or message_factory.MessageFactory(pool).GetPrototype
    for _, body in messages(data):
        event = make(kind).FromString(body)
        assert event.SerializeToString(deterministic=True) == body, event
        text.write("event {\n" + text_format.MessageToString(event, indent=2) + "}\n")


def main():
    path = pathlib.Path(sys.argv[2])
    data = path.read_bytes()
    if sys.argv[1] == "rest":
        path.write_bytes(data[len(next(messages(data))[0]):])
        return
    info = dict(fields(dict(fields(next(messages(data))[1]))[100]))
    if sys.argv[1] == "python":
        with open(sys.argv[3], "w", encoding="utf-8") as text:
            in_python(data, info[12], text)
        return
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "set").write_bytes(info[12])
        # One field of a message that holds all of them: then one protoc reads the whole file.
        (folder / "all.proto").write_text('syntax = "proto3"; import "proto/event.proto"; '
                                          "message All { repeated penstock.v1.Event event = 1; }")
        subprocess.run(["protoc", f"-I{folder}", f"--descriptor_set_in={folder}/set", "--include_imports",
                        f"--descriptor_set_out={folder}/both", "all.proto"], check=True)
        with open(sys.argv[3], "wb") as text:
            subprocess.run(["protoc", f"--descriptor_set_in={folder}/both", "--decode=All"], check=True, stdout=text,
                           input=b"".join(b"\x0a" + whole for whole, _ in messages(data)))


main()
