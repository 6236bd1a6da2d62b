#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Both ends of WebSocket connections over TLS that compress their messages (Debian's python3-websockets).

    websocket.py CERT KEY NONCE       talks, prints each message that was sent
    websocket.py CERT KEY NONCE half  begins a message, prints "half" and never ends it
"""
import asyncio
import json
import random
import ssl
import sys

import websockets
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory as Client
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory as Server

WAYS = {
    "plain": (None, None),
    "default": ([Client(client_max_window_bits=True)], [Server()]),
    "forgetting": ([Client(client_max_window_bits=True)],
                   [Server(server_no_context_takeover=True, client_no_context_takeover=True)]),
    "small": ([Client(server_max_window_bits=9, client_max_window_bits=10)],
              [Server(server_max_window_bits=9, client_max_window_bits=10)]),
}


def messages(name):
    """The same again and again, empty ones, some that do not compress, one larger than every window; as pieces."""
    noise = random.Random(name)
    yield ["%s hello" % name]
    for turn in range(5):
        yield [json.dumps({"from": name, "turn": turn, "list": list(range(50))})]
    yield ["%s %032x" % (name, noise.getrandbits(128))]
    yield ["%s in pieces, " % name, "one by one, ", "all of them"]
    yield ["%s large: %s" % (name, " ".join("%x" % noise.getrandbits(40) for _ in range(20000)))]
    yield ["%s goodbye" % name]


async def send(end, pieces):
    async def one_by_one():
        for piece in pieces:
            yield piece

    await end.send(pieces[0] if len(pieces) == 1 else one_by_one())


async def talk(server_tls, client_tls, nonce, way):
    offer, answer = WAYS[way]
    names = ["%s-%s-%s" % (nonce, way, side) for side in ("server", "client")]

    async def serve(end):
        for pieces in messages(names[0]):
            await end.recv()
            await send(end, pieces)

    async with websockets.serve(serve, "127.0.0.1", 0, ssl=server_tls, compression=None, extensions=answer) as server:
        port = server.sockets[0].getsockname()[1]
        async with websockets.connect("wss://localhost:%d/%s" % (port, way), host="127.0.0.1", ssl=client_tls,
                                      compression=None, extensions=offer) as end:
            for mine, theirs in zip(messages(names[1]), messages(names[0])):
                await send(end, mine)
                if await end.recv() != "".join(theirs):
                    sys.exit("%s: not what was sent" % way)
                print("".join(mine), "".join(theirs), sep="\n")


async def half(server_tls, client_tls, nonce):
    async def begin():
        yield "%s-half of it" % nonce
        print("half", flush=True)
        await asyncio.Event().wait()

    async def serve(end):
        await end.recv()

    async with websockets.serve(serve, "127.0.0.1", 0, ssl=server_tls) as server:
        port = server.sockets[0].getsockname()[1]
        async with websockets.connect("wss://localhost:%d/half" % port, host="127.0.0.1", ssl=client_tls) as end:
            await end.send(begin())


async def main():
    cert, key, nonce, *rest = sys.argv[1:]
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    server.load_cert_chain(cert, key)
    client.load_verify_locations(cert)
    if rest:
        await half(server, client, nonce)
        return
    for way in WAYS:
        await talk(server, client, nonce, way)


asyncio.run(main())
