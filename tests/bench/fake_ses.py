"""An SES that takes every mail and answers after 50 ms: `python fake_ses.py PORT FILE`.

Writes a line for each mail: when it had arrived, and to whom it went.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from pathlib import Path
from typing import TextIO

ANSWER_SECONDS = 0.05
numbers = itertools.count(1)


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, out: TextIO) -> None:
    while head := await reader.readline():
        length = 0
        while line := (await reader.readline()).strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        mail = json.loads(await reader.readexactly(length) or "{}")
        if head.startswith(b"POST"):
            (to,) = mail["Destination"]["ToAddresses"]
            out.write(f"{time.time()} {to}\n")
            await asyncio.sleep(ANSWER_SECONDS)
        body = json.dumps({"MessageId": f"0102-{next(numbers)}"}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ")
        writer.write(str(len(body)).encode() + b"\r\n\r\n" + body)
    writer.close()


async def main(port: int, file: Path) -> None:
    with file.open("w", buffering=1) as out:
        server = await asyncio.start_server(lambda r, w: serve(r, w, out), "127.0.0.1", port)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2])))
