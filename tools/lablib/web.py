"""A web server that says its name, and a client that notes what became of every request.

    python3 -m lablib.web serve 80 bms1
    python3 -m lablib.web load 192.168.0.250 80 --connections 8 [--rate 2000] [--keep]

The client goes on until its standard input ends, each request over a connection of its own (--keep: as many as go over one), and prints
{"requests": N, "seconds": S, "bodies": {TEXT: N}, "failures": [{"began": T, "ended": T, "why": TEXT}]}; T as time.monotonic().
"""
from __future__ import annotations

import argparse
import asyncio
import collections
import json
import re
import sys
import time

PATIENCE = 5.0  # seconds for one request


async def serve(port: int, text: str) -> None:
    body = text.encode() + b"\n"
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)

    class Server(asyncio.Protocol):
        def connection_made(self, transport):
            self.transport, self.request = transport, b""

        def data_received(self, data):
            self.request += data
            while b"\r\n\r\n" in self.request:
                head, _, self.request = self.request.partition(b"\r\n\r\n")
                self.transport.write(answer)
                if b"Connection: close" in head:
                    self.transport.close()
                    return

    loop = asyncio.get_running_loop()
    server = await loop.create_server(Server, ["0.0.0.0", "::"], port, backlog=1024)
    await server.serve_forever()


class Client(asyncio.Protocol):
    """One request at a time; `done` gets why it failed, or nothing."""

    def __init__(self):
        self.done: asyncio.Future | None = None
        self.answer, self.open = b"", True

    def connection_made(self, transport):
        self.transport = transport

    def ask(self, octets: bytes) -> asyncio.Future:
        self.done, self.answer = asyncio.get_running_loop().create_future(), b""
        self.transport.write(octets)
        return self.done

    def data_received(self, data):
        self.answer += data
        head, end, body = self.answer.partition(b"\r\n\r\n")
        size = re.search(rb"Content-Length: (\d+)", head)
        if end and size and len(body) >= int(size[1]):
            self.finish("")

    def connection_lost(self, error):
        self.open = False
        self.finish(str(error) if error else f"closed after {len(self.answer)} bytes")

    def finish(self, why: str) -> None:
        if self.done and not self.done.done():
            self.done.set_result(why)


class Load:
    def __init__(self, host: str, port: int, connections: int, rate: float, keep: bool):
        self.host, self.port, self.connections, self.keep = host, port, connections, keep
        self.interval = connections / rate if rate else 0.0
        close = "" if keep else "Connection: close\r\n"
        self.octets = f"GET / HTTP/1.1\r\nHost: {host}\r\n{close}\r\n".encode()
        self.bodies: collections.Counter[str] = collections.Counter()
        self.failures: list[dict] = []
        self.requests = 0
        self.stopping = False

    async def once(self, client: Client | None) -> tuple[str, Client | None]:
        """Why it failed (empty: it did not), and the connection if it may go on."""
        try:
            async with asyncio.timeout(PATIENCE):
                if client is None:
                    loop = asyncio.get_running_loop()
                    _, client = await loop.create_connection(Client, self.host, self.port)
                why = await client.ask(self.octets)
        except (OSError, TimeoutError) as fault:
            why = str(fault) or type(fault).__name__
        head, _, body = client.answer.partition(b"\r\n\r\n") if client else (b"", b"", b"")
        if not why and head[:12] not in (b"HTTP/1.1 200", b"HTTP/1.0 200"):
            why = head.decode(errors="replace")[:40]
        if not why:
            self.bodies[body.decode().strip()] += 1
        if client and (why or not self.keep or not client.open):
            client.transport.close()
            client = None
        return why, client

    async def run_one(self) -> None:
        due = time.monotonic()
        client = None
        while not self.stopping:
            began = time.monotonic()
            why, client = await self.once(client)
            self.requests += 1
            if why:
                self.failures.append({"began": began, "ended": time.monotonic(), "why": why})
            due += self.interval
            # Late ones are not made up for: that would be a burst.
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            due = max(due, time.monotonic() - self.interval)
        if client:
            client.transport.close()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        began = time.monotonic()
        workers = [asyncio.create_task(self.run_one()) for _ in range(self.connections)]
        print("ready", flush=True)
        await loop.run_in_executor(None, sys.stdin.read)
        self.stopping = True
        await asyncio.gather(*workers)
        result = {
            "requests": self.requests,
            "seconds": time.monotonic() - began,
            "bodies": self.bodies,
            "failures": self.failures,
        }
        print(json.dumps(result), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    server = verbs.add_parser("serve")
    server.add_argument("port", type=int)
    server.add_argument("text")
    client = verbs.add_parser("load")
    client.add_argument("host")
    client.add_argument("port", type=int)
    client.add_argument("--connections", type=int, default=8)
    client.add_argument("--rate", type=float, default=0)
    client.add_argument("--keep", action="store_true")
    arguments = parser.parse_args()
    if arguments.verb == "serve":
        asyncio.run(serve(arguments.port, arguments.text))
    else:
        load = Load(arguments.host, arguments.port, arguments.connections, arguments.rate, arguments.keep)
        asyncio.run(load.run())


if __name__ == "__main__":
    main()
