#!/usr/bin/env python3
"""The host's side of tests/system/vsock.sh: host.py PATH. Serves the guest's checks, then makes its own, a line each."""

import asyncio
import hashlib
import os
import sys

PATH = sys.argv[1]
BULK = 3 << 20
PATIENCE = 100  # seconds, for the guest to come to its point


async def echo(reader, writer):
    while piece := await reader.read(65536):
        writer.write(piece)
        await writer.drain()
    writer.close()


async def sink(reader, writer):
    """Answers with the digest of what came, after the guest has stopped sending."""
    digest = hashlib.sha256()
    while piece := await reader.read(65536):
        digest.update(piece)
    writer.write(digest.hexdigest().encode())
    await writer.drain()
    writer.close()


async def source(_reader, writer):
    data = os.urandom(BULK)
    writer.write(hashlib.sha256(data).hexdigest().encode() + b"\n" + data)
    await writer.drain()
    writer.close()


async def connect(port, patience=20):
    """A stream to a port of the guest, where somebody may not be listening yet."""
    while True:
        reader, writer = await asyncio.open_unix_connection(PATH)
        writer.write(b"CONNECT %d\n" % port)
        line = await reader.readline()
        if line.startswith(b"OK "):
            return reader, writer
        writer.close()
        patience -= 0.5
        if patience <= 0:
            raise RuntimeError(f"port {port} of the guest answered {line!r}")
        await asyncio.sleep(0.5)


async def say_and_hear(port, data):
    """What comes back until the guest stops, after we have stopped sending."""
    reader, writer = await connect(port)

    async def say():
        writer.write(data)
        await writer.drain()
        writer.write_eof()

    saying = asyncio.create_task(say())
    answer = await reader.read()
    await saying
    writer.close()
    return answer


async def check_half_close():
    assert await say_and_hear(7, b"hello guest") == b"hello guest"


async def check_bulk():
    data = os.urandom(BULK)
    answer = await say_and_hear(7, data)
    assert hashlib.sha256(answer).digest() == hashlib.sha256(data).digest(), len(answer)


async def check_refused():
    reader, writer = await asyncio.open_unix_connection(PATH)
    writer.write(b"CONNECT 9999\n")
    assert await reader.read() == b""
    writer.close()


async def check_many():
    streams = [await connect(8) for _ in range(1000)]
    for number, (_, writer) in enumerate(streams):
        writer.write(b"%d\n" % number)
    for number, (reader, _) in enumerate(streams):
        line = await reader.readline()
        assert line == b"%d\n" % number, (number, line)
    for _, writer in streams:
        writer.close()


async def main():
    turn = asyncio.Event()
    over = asyncio.Event()

    async def host_turn(_reader, writer):
        turn.set()
        await over.wait()
        writer.write(b"done")
        writer.close()

    for port, handler in ((5000, echo), (5001, sink), (5002, source), (5003, host_turn)):
        await asyncio.start_unix_server(handler, f"{PATH}_{port}", backlog=1024)
    print("serving", flush=True)
    await asyncio.wait_for(turn.wait(), PATIENCE)
    for check in (check_half_close, check_bulk, check_refused, check_many):
        name = check.__name__.removeprefix("check_")
        try:
            await asyncio.wait_for(check(), PATIENCE)
            print(f"host: ok {name}", flush=True)
        except Exception as error:  # whatever it is, it is the check's result
            print(f"host: FAILED {name}: {error!r}", flush=True)
    over.set()
    await asyncio.sleep(1)


asyncio.run(main())
