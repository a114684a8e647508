"""A small SMTP server that prints, for each mail, the order number in its subject and when it was accepted."""

import asyncio
import re
import sys
import time
from contextlib import suppress

NUMBER = re.compile(rb"^Subject: .*?L-(\d+)", re.MULTILINE)


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection, until either side ends it."""
    with suppress(ConnectionResetError, asyncio.IncompleteReadError):
        await take_all(reader, writer)
    writer.close()


async def take_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accept everything."""
    writer.write(b"220 sink\r\n")
    while line := await reader.readline():
        match line[:4].upper():
            case b"EHLO":
                writer.write(b"250-sink\r\n250 PIPELINING\r\n")
            case b"DATA":
                writer.write(b"354 go on\r\n")
                content = await reader.readuntil(b"\r\n.\r\n")
                if found := NUMBER.search(content):
                    print(found.group(1).decode(), time.time(), flush=True)
                writer.write(b"250 2.0.0 taken\r\n")
            case b"QUIT":
                writer.write(b"221 bye\r\n")
                break
            case _:
                writer.write(b"250 ok\r\n")


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=10_000_000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(0)
