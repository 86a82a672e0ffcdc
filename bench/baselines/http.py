"""Baseline for the deliverer: the same requests by aiohttp's client, and nothing else.

Each connection sends one request after the other and reads the response. Prints requests/s.
"""

import asyncio
import sys
import time

import aiohttp

from services.lifecycle import freeze_gc, run_event_loop

BODY = b'{"specversion":"1.0","data":{"text":"%s"}}' % (b"x" * 600)
"""A body as large as the event of a message."""
HEADERS = {
    "Content-Type": "application/cloudevents+json; charset=utf-8",
    "webhook-id": "01a21062-22ad-7c01-9d51-3f6a2f0c8b17",
    "webhook-timestamp": "1795608000",
    "webhook-signature": f"v1,{'A' * 43}=",
}


async def main(url: str, connections: int, requests: int) -> None:
    each = requests // connections
    connector = aiohttp.TCPConnector(limit=connections)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def send_requests() -> None:
            for _ in range(each):
                async with session.post(url, data=BODY, headers=HEADERS) as response:
                    await response.read()

        freeze_gc()
        began = time.monotonic()
        await asyncio.gather(*(send_requests() for _ in range(connections)))
        print(each * connections / (time.monotonic() - began))


if __name__ == "__main__":
    run_event_loop(main(sys.argv[1], *map(int, sys.argv[2:])))
