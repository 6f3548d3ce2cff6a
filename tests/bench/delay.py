#!/usr/bin/env python3
"""A line with a round trip of MS milliseconds before local ports, for the benchmark.

delay.py MS PORT...    prints a port of its own for each PORT; what a connection sends arrives half a
round trip later, and its first bytes a whole one more, which stands for the TCP handshake.
"""
import asyncio
import sys

HALF = float(sys.argv[1]) / 2000


async def pump(reader, writer, first):
    loop = asyncio.get_running_loop()
    queue = asyncio.Queue()

    async def deliver():
        while True:
            due, data = await queue.get()
            await asyncio.sleep(max(0, due - loop.time()))
            if not data:
                writer.close()
                return
            writer.write(data)

    task = asyncio.ensure_future(deliver())
    extra = first
    while True:
        try:
            data = await reader.read(65536)
        except ConnectionError:
            data = b""
        await queue.put((loop.time() + HALF + extra, data))
        extra = 0
        if not data:
            break
    await task


async def serve(port):
    async def accept(reader, writer):
        there, back = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pump(reader, back, 2 * HALF), pump(there, writer, 0), return_exceptions=True)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


async def main():
    servers = [await serve(int(p)) for p in sys.argv[2:]]
    print(*(port for _, port in servers), flush=True)
    await asyncio.gather(*(s.serve_forever() for s, _ in servers))


asyncio.run(main())
