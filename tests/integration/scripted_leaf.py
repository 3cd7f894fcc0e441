#!/usr/bin/env python3
"""A BGP leaf that does exactly what a test wants, and the messages that it sends.

    ip netns exec leaf1 scripted_leaf.py --interface eth1 --asn 65001 --id 10.9.1.1 --opens both

It advertises itself on the interface as a router, finds its neighbor the same way, and speaks BGP over link-local addresses.
Standard input takes `send FILE` (encoded messages, sent as they are), `table FILE` (the same, now, with every new session and
with every route refresh) and `quit`; standard output is one JSON object a line:
{"event": "established" | "update" | "refresh" | "notification" | "closed", ...}.
"""
from __future__ import annotations

import argparse
import ipaddress
import json
import os
import selectors
import socket
import struct
import sys
import time

MARKER = b"\xff" * 16
OPEN, UPDATE, NOTIFICATION, KEEPALIVE, REFRESH = 1, 2, 3, 4, 5
HOLD = 9  # seconds
CEASE_COLLISION = bytes([6, 7])  # RFC 4486
IPV4, IPV6, UNICAST = 1, 2, 1
AS_TRANS = 23456

# --- messages -----------------------------------------------------------------------------------


def message(kind: int, body: bytes = b"") -> bytes:
    return MARKER + struct.pack("!HB", 19 + len(body), kind) + body


def open_message(asn: int, identifier: str, extended_next_hop: bool = True) -> bytes:
    capabilities = [
        (1, struct.pack("!HBB", IPV4, 0, UNICAST)),
        (1, struct.pack("!HBB", IPV6, 0, UNICAST)),
        (2, b""),
        (5, struct.pack("!HHH", IPV4, UNICAST, IPV6)),  # RFC 8950
        (65, struct.pack("!I", asn)),
    ]
    if not extended_next_hop:
        capabilities = [c for c in capabilities if c[0] != 5]
    encoded = b"".join(bytes([code, len(value)]) + value for code, value in capabilities)
    parameters = bytes([2, len(encoded)]) + encoded
    number = asn if asn < 65536 else AS_TRANS
    fixed = struct.pack("!BHH4sB", 4, number, HOLD, socket.inet_aton(identifier), len(parameters))
    return message(OPEN, fixed + parameters)


def nlri(prefix: str) -> bytes:
    network = ipaddress.ip_network(prefix)
    return bytes([network.prefixlen]) + network.network_address.packed[: (network.prefixlen + 7) // 8]


def attribute(flags: int, code: int, value: bytes) -> bytes:
    if len(value) > 255:
        return struct.pack("!BBH", flags | 0x10, code, len(value)) + value
    return bytes([flags, code, len(value)]) + value


def path(*asns: int) -> bytes:
    segment = bytes([2, len(asns)]) + b"".join(struct.pack("!I", asn) for asn in asns)
    return attribute(0x40, 2, segment)


ORIGIN = attribute(0x40, 1, b"\x00")


def update(attributes: bytes, encoded: bytes = b"") -> bytes:
    """`encoded`: NLRI of IPv4 in the message's own field."""
    return message(UPDATE, struct.pack("!HH", 0, len(attributes)) + attributes + encoded)


def reach(prefixes: list[str], asns: list[int], next_hop: bytes) -> bytes:
    """An UPDATE with MP_REACH_NLRI; prefixes of one family, as many as fit."""
    family = IPV6 if ":" in prefixes[0] else IPV4
    value = struct.pack("!HBB", family, UNICAST, len(next_hop)) + next_hop + b"\x00"
    value += b"".join(nlri(p) for p in prefixes)
    return update(attribute(0x80, 14, value) + ORIGIN + path(*asns))


def reach_v4(prefixes: list[str], asns: list[int], next_hop: str) -> bytes:
    """An UPDATE as RFC 4271 has it, with NEXT_HOP."""
    attributes = ORIGIN + path(*asns) + attribute(0x40, 3, socket.inet_aton(next_hop))
    return update(attributes, b"".join(nlri(p) for p in prefixes))


def packed(*addresses: str) -> bytes:
    return b"".join(socket.inet_pton(socket.AF_INET6, a) for a in addresses)


def read_nlri(octets: bytes, family: int) -> list[str]:
    found, at, size = [], 0, 4 if family == IPV4 else 16
    while at < len(octets):
        length = octets[at]
        used = (length + 7) // 8
        address = octets[at + 1 : at + 1 + used].ljust(size, b"\0")
        found.append(f"{ipaddress.ip_address(address)}/{length}")
        at += 1 + used
    return found


def read_update(body: bytes) -> dict:
    """The prefixes of an UPDATE; nothing else of it."""
    (withdrawn_size,) = struct.unpack_from("!H", body)
    withdrawn = read_nlri(body[2 : 2 + withdrawn_size], IPV4)
    at = 2 + withdrawn_size
    (size,) = struct.unpack_from("!H", body, at)
    at, end = at + 2, at + 2 + size
    announced = read_nlri(body[end:], IPV4)
    while at < end:
        flags, code = body[at], body[at + 1]
        wide = flags & 0x10
        length = struct.unpack_from("!H", body, at + 2)[0] if wide else body[at + 2]
        at += 4 if wide else 3
        value = body[at : at + length]
        at += length
        if code == 14:
            family, hop = struct.unpack_from("!H", value)[0], value[3]
            announced += read_nlri(value[5 + hop :], family)
        elif code == 15:
            withdrawn += read_nlri(value[3:], struct.unpack_from("!H", value)[0])
    return {"announced": announced, "withdrawn": withdrawn}


# --- the speaker --------------------------------------------------------------------------------


def say(event: str, **fields) -> None:
    print(json.dumps({"event": event, "at": time.monotonic(), **fields}), flush=True)


class Connection:
    def __init__(self, leaf: Leaf, sock: socket.socket, ours: bool):
        self.leaf, self.sock, self.ours = leaf, sock, ours
        self.input, self.output = b"", bytearray()
        self.state = "connecting" if ours else "open-sent"
        sock.setblocking(False)
        if not ours:
            self.write(leaf.opening)

    def write(self, octets: bytes) -> None:
        self.output += octets
        self.flush()

    def flush(self) -> None:
        try:
            while self.output:
                del self.output[: self.sock.send(self.output[: 1 << 16])]
        except BlockingIOError:
            pass
        except OSError:
            self.close("reset")
            return
        self.leaf.watch(self)

    def close(self, reason: str, last: bytes = b"") -> None:
        if self not in self.leaf.connections:
            return
        self.leaf.connections.remove(self)
        self.leaf.selector.unregister(self.sock)
        if last:
            try:
                self.sock.send(message(NOTIFICATION, last))
            except OSError:
                pass
        self.sock.close()
        if self.state == "established":
            say("closed", reason=reason)

    def ready(self, mask: int) -> None:
        if self.state == "connecting":
            if self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                return self.close("refused")
            self.state = "open-sent"
            return self.write(self.leaf.opening)
        if mask & selectors.EVENT_WRITE:
            self.flush()
        if mask & selectors.EVENT_READ:
            try:
                octets = self.sock.recv(1 << 16)
            except BlockingIOError:
                return
            except OSError:
                octets = b""
            if not octets:
                return self.close("end of stream")
            self.input += octets
            while len(self.input) >= 19 and len(self.input) >= (size := struct.unpack_from("!H", self.input, 16)[0]):
                kind, body, self.input = self.input[18], self.input[19:size], self.input[size:]
                self.heard(kind, body)

    def heard(self, kind: int, body: bytes) -> None:
        if kind == NOTIFICATION:
            say("notification", code=body[0], subcode=body[1])
            self.close("notification")
        elif kind == OPEN:
            self.leaf.collide(self, socket.inet_ntoa(body[5:9]))
        elif kind == KEEPALIVE and self.state == "open-confirm":
            self.state = "established"
            say("established", ours=self.ours)
            self.write(self.leaf.table)
        elif kind == REFRESH:
            say("refresh", family=struct.unpack_from("!H", body)[0])
            self.write(self.leaf.table)
        elif kind == UPDATE:
            say("update", **read_update(body))


TCP_MD5SIG = 14  # linux/tcp.h


def signature(address: str, scope: int, password: str) -> bytes:
    """struct tcp_md5sig: a sockaddr_storage, flags, prefix length, key length, interface, key."""
    peer = struct.pack("=HHI16sI", socket.AF_INET6, 0, 0, socket.inet_pton(socket.AF_INET6, address), scope)
    return struct.pack("=128sBBHi80s", peer, 0, 0, len(password), 0, password.encode())


class Leaf:
    def __init__(self, arguments):
        self.arguments = arguments
        self.scope = socket.if_nametoindex(arguments.interface)
        self.opening = open_message(arguments.asn, arguments.id, not arguments.without_extended_next_hop)
        self.selector = selectors.DefaultSelector()
        self.connections: list[Connection] = []
        self.neighbor = ""
        self.typed = self.table = b""
        self.dialed = self.advertised = self.kept = 0.0
        self.icmp = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
        self.icmp.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, arguments.interface.encode())
        for option in (socket.IPV6_MULTICAST_HOPS, socket.IPV6_UNICAST_HOPS):
            self.icmp.setsockopt(socket.IPPROTO_IPV6, option, 255)
        self.icmp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)
        all_routers = socket.inet_pton(socket.AF_INET6, "ff02::2") + struct.pack("@I", self.scope)
        self.icmp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, all_routers)
        self.selector.register(self.icmp, selectors.EVENT_READ, self.hear_router)
        if arguments.opens != "active" and not arguments.deaf:
            self.listener = socket.socket(socket.AF_INET6)
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.listener.bind(("::", 179))
            self.listener.listen()
            self.selector.register(self.listener, selectors.EVENT_READ, self.accept)
        self.selector.register(sys.stdin.fileno(), selectors.EVENT_READ, self.command)

    # Router discovery (RFC 4861): found by an advertisement, and solicited at once.
    def advertise(self) -> None:
        self.advertised = time.monotonic()
        advertisement = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 0, 0, 0)
        solicitation = struct.pack("!BBHI", 133, 0, 0, 0)
        for octets, group in ((advertisement, "ff02::1"), (solicitation, "ff02::2")):
            try:
                self.icmp.sendto(octets, (group, 0, 0, self.scope))
            except OSError:
                pass  # the link is not up yet; again in a second

    def hear_router(self, _mask) -> None:
        octets, sender = self.icmp.recvfrom(2048)
        if octets[0] == 133:
            self.advertise()
        elif octets[0] == 134:
            self.neighbor = sender[0].split("%")[0]
            self.dial()

    def dial(self) -> None:
        if self.arguments.opens == "passive" or self.arguments.deaf or not self.neighbor or time.monotonic() < self.dialed + 1:
            return
        if any(c.ours or c.state != "open-sent" for c in self.connections):
            return
        self.dialed = time.monotonic()
        sock = socket.socket(socket.AF_INET6)
        sock.setblocking(False)
        if self.arguments.password:
            sock.setsockopt(socket.IPPROTO_TCP, TCP_MD5SIG, signature(self.neighbor, self.scope, self.arguments.password))
        sock.connect_ex((self.neighbor, 179, 0, self.scope))
        self.add(Connection(self, sock, ours=True))

    def accept(self, _mask) -> None:
        sock, _ = self.listener.accept()
        self.add(Connection(self, sock, ours=False))

    def add(self, connection: Connection) -> None:
        self.connections.append(connection)
        self.selector.register(connection.sock, selectors.EVENT_READ, connection.ready)
        self.watch(connection)

    def watch(self, connection: Connection) -> None:
        if connection not in self.connections:
            return
        write = connection.output or connection.state == "connecting"
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if write else 0)
        self.selector.modify(connection.sock, events, connection.ready)

    def collide(self, new: Connection, their_id: str) -> None:
        """RFC 4271 section 6.8."""
        ours_wins = ipaddress.ip_address(self.arguments.id) > ipaddress.ip_address(their_id)
        for other in [c for c in self.connections if c is not new]:
            if other.state == "established" or (other.state == "open-confirm" and other.ours == ours_wins):
                return new.close("collision", CEASE_COLLISION)
            if other.state == "open-confirm":
                other.close("collision", CEASE_COLLISION)
        new.state = "open-confirm"
        new.write(message(KEEPALIVE))
        return None

    def command(self, _mask) -> None:
        octets = os.read(sys.stdin.fileno(), 1 << 16)
        if not octets:
            sys.exit(0)
        *lines, self.typed = (self.typed + octets).split(b"\n")
        for line in lines:
            verb, _, file = line.decode().partition(" ")
            if verb == "quit":
                sys.exit(0)
            with open(file, "rb") as content:
                octets = content.read()
            if verb == "table":
                self.table = octets
            for connection in self.connections:
                if connection.state == "established":
                    connection.write(octets)

    def run(self) -> None:
        while True:
            now = time.monotonic()
            if now > self.advertised + (30 if self.neighbor else 1):
                self.advertise()
            self.dial()
            if now > self.kept + HOLD / 3:
                self.kept = now
                for connection in [c for c in self.connections if c.state == "established" and not c.output]:
                    connection.write(message(KEEPALIVE))
            for key, mask in self.selector.select(0.1):
                key.data(mask)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--interface", required=True)
    arguments.add_argument("--asn", type=int, required=True)
    arguments.add_argument("--id", required=True)
    arguments.add_argument("--opens", choices=["active", "passive", "both"], default="both")
    arguments.add_argument("--without-extended-next-hop", action="store_true", help="leave out the capability of RFC 8950")
    arguments.add_argument("--password", default="", help="sign connections that it opens (TCP MD5, RFC 2385)")
    arguments.add_argument("--deaf", action="store_true", help="a router that speaks no BGP")
    Leaf(arguments.parse_args()).run()


if __name__ == "__main__":
    main()
