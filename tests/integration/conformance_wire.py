"""The far ends of the ports in test_conformance.py: sends each row of forwarding.table and looks at what comes.

Runs in the namespace of the far ends, as a program of its own; prints {row: what was wrong with it, or null} as JSON.

    conformance_wire.py TABLE SOCKET LASTMILE NAMESPACE MACS

SOCKET and LASTMILE ask the daemon for its counters. NAMESPACE is the daemon's: lm0 and the twins are watched there.
MACS: addresses of the router's ports and of lm0, as JSON.
"""
from __future__ import annotations

import ctypes
import errno
import json
import os
import select
import socket
import subprocess
import sys
import time
from pathlib import Path

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6Unknown, IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw
from scapy.utils import checksum

ETHERNET = 14
CLONE_NEWNET = 0x40000000
OWN = {4: "10.0.1.1", 6: "fd00:1::1"}
QUOTED = {4: 576 - 28, 6: 1280 - 48}
MTU = {"up1": 1400}
PATIENCE = 20
MARKER_AGAIN = 3
# An ordinary packet behind each row's: when it has come out, so has all that the row's packet caused in the router.
MARKER = {"from": "lan", "to": "up2", "dst": "10.2.0.250"}


def station(port_number: int) -> str:
    """The MAC address of the one station on a port's link."""
    return f"02:00:00:00:01:{port_number + 1:02x}"


class Table:
    def __init__(self, path: Path):
        self.rows, self.ordinary, self.neighbors, self.down = [], {}, {}, set()
        for line in path.read_text().splitlines():
            if not line or line.startswith("#"):
                continue
            if "|" in line:
                self.rows.append([column.strip() for column in line.split("|")])
                continue
            kind, port, *rest = line.split()
            if kind == "port":
                self.ordinary[port] = rest
            elif kind == "neighbor":
                self.neighbors[port] = rest
            else:
                self.down.add(port)


def build(words: list[str], ordinary: list[str], port_mac: str, station_mac: str) -> bytes:
    """The frame that the words of a row stand for."""
    family, *words = words
    v6 = family == "ip6"
    values = dict(word.partition("=")[::2] for word in words)
    source, destination = (ordinary[1], ordinary[3]) if v6 else (ordinary[0], ordinary[2])
    source, destination = values.get("src", source), values.get("dst", destination)
    if v6:
        ip = IPv6(src=source, dst=destination, hlim=int(values.get("ttl", 64)), tc=int(values.get("tos", "0"), 16),
                  fl=int(values.get("flow", "0"), 16))  # fmt: skip
        if "len" in values:
            ip.plen = int(values["len"])
    else:
        ip = IP(src=source, dst=destination, ttl=int(values.get("ttl", 64)), tos=int(values.get("tos", "0"), 16),
                id=0x1234, frag=int(values.get("off", 0)),
                flags="+".join(flag.upper() for flag in ("df", "mf") if flag in values))  # fmt: skip
        if "opt" in values:
            ip.options = [Raw(bytes.fromhex(values["opt"]))]
        if "len" in values:
            ip.len = int(values["len"])
        if "ihl" in values:
            ip.ihl = int(values["ihl"])
    if "ver" in values:
        ip.version = int(values["ver"])

    unknown = "next" in values
    front = bytes.fromhex(values.get("raw", ""))
    if unknown:
        setattr(ip, "nh" if v6 else "proto", int(values["next"]))
        transport = b""
    elif "tcp" in values:
        sport, dport = map(int, values["tcp"].split(","))
        transport = TCP(sport=sport, dport=dport, flags=0)
    elif "icmp" in values:
        kind = int(values["icmp"])
        transport = ICMPv6Unknown(type=kind) if v6 else ICMP(type=kind)
        # The four bytes whose meaning depends on the type.
        front = bytes(4) if v6 else front
    else:
        sport, dport = map(int, values.get("udp", "1000,2000").split(","))
        transport = UDP(sport=sport, dport=dport)

    def whole(payload: bytes) -> bytes:
        if not payload:
            return bytes(ip / transport) if transport else bytes(ip)
        return bytes(ip / transport / Raw(payload)) if transport else bytes(ip / Raw(payload))

    if "size" in values:
        more = int(values["size"]) - len(whole(front))
    else:
        more = int(values.get("pay", 0 if unknown else 18))
    packet = bytearray(whole(front + bytes(i % 256 for i in range(more))))
    if "sum" in values:
        packet[10] ^= 0x01
        packet[11] ^= 0x01
    multicast = "33:33:00:00:00:01" if v6 else "01:00:5e:00:00:05"
    target = {"broadcast": "ff:ff:ff:ff:ff:ff", "multicast": multicast, "other": "02:00:00:00:09:09"}
    ether = Ether(dst=target.get(values.get("eth"), port_mac), src=station_mac,
                  type=int(values.get("type", "86dd" if v6 else "0800"), 16))  # fmt: skip
    frame = bytes(ether) + bytes(packet)
    frame += bytes(max(0, int(values.get("pad", 0)) - len(frame)))
    return frame[: int(values.get("cut", len(frame)))]


def ip_packet(frame: bytes) -> bytes:
    """The IP packet in a frame, without what is behind it."""
    packet = frame[ETHERNET:]
    if packet[0] >> 4 == 4:
        return packet[: int.from_bytes(packet[2:4], "big")]
    return packet[: 40 + int.from_bytes(packet[4:6], "big")]


def with_checksum(packet: bytearray) -> bytes:
    packet[10:12] = bytes(2)
    packet[10:12] = checksum(bytes(packet[: (packet[0] & 15) * 4])).to_bytes(2, "big")
    return bytes(packet)


def is_marker(frame: bytes) -> bool:
    return b"marker" in frame[ETHERNET:ETHERNET + 40] and frame[ETHERNET + 16 : ETHERNET + 20] == socket.inet_aton(MARKER["dst"])


def one_hop_on(packet: bytes) -> bytes:
    on = bytearray(packet)
    if packet[0] >> 4 == 6:
        on[7] -= 1
        return bytes(on)
    on[8] -= 1
    return with_checksum(on)


class Wrong(Exception):
    pass


def demand(condition: bool, what: str) -> None:
    if not condition:
        raise Wrong(what)


def check_fragments(frames: list[bytes], whole: bytes, mtu: int) -> None:
    """RFC 791 section 3.2."""
    header = (whole[0] & 15) * 4
    first = int.from_bytes(whole[6:8], "big")
    payload = b""
    for frame in frames:
        fragment = ip_packet(frame)
        field = int.from_bytes(fragment[6:8], "big")
        more = frame is not frames[-1] or first & 0x2000
        demand(len(fragment) <= mtu, f"a fragment of {len(fragment)} bytes")
        demand(bool(field & 0x2000) == bool(more), "more fragments is wrong")
        demand(field & 0x1FFF == (first & 0x1FFF) + len(payload) // 8, "a fragment's offset is wrong")
        expected = bytearray(whole[:header])
        expected[2:4], expected[6:8] = fragment[2:4], fragment[6:8]
        demand(fragment[:header] == one_hop_on(bytes(expected)), "a fragment's header is not the packet's")
        payload += fragment[header:]
        demand(frame is frames[-1] or len(payload) % 8 == 0, "a fragment ends within 8 bytes")
    demand(len(frames) > 1 and payload == whole[header:], "the fragments do not make the packet")


def check_error(frame: bytes, kind: str, detail: int, offending: bytes) -> None:
    version = offending[0] >> 4
    packet = ip_packet(frame)
    demand(packet[0] >> 4 == version, "an error of the other family")
    parsed = IP(packet) if version == 4 else IPv6(packet)
    demand(parsed.src == OWN[version], f"an error from {parsed.src}")
    demand(parsed.dst == (IP(offending) if version == 4 else IPv6(offending)).src, f"an error to {parsed.dst}")
    header = 20 if version == 4 else 40
    demand(packet[9 if version == 4 else 6] == (1 if version == 4 else 58), "not ICMP")
    told = f"{packet[header]}/{packet[header + 1]}"
    demand(told == kind, f"the error is {told}, not {kind}")
    # Scapy computes what it is not given.
    if version == 4:
        demand(checksum(packet[:header]) == 0, "checksum of the header")
        demand(checksum(packet[header:]) == 0, "checksum of the message")
    else:
        pseudo = packet[8:40] + (len(packet) - 40).to_bytes(4, "big") + bytes([0, 0, 0, 58])
        demand(checksum(pseudo + packet[header:]) == 0, "checksum of the message")
    demand(int.from_bytes(packet[header + 4 : header + 8], "big") == detail, "the MTU or the pointer in the error")
    demand(packet[header + 8 :] == offending[: QUOTED[version]], "the error quotes something else")


class Wires:
    """Raw sockets at the far end of each port, and at the kernel's end of lm0 and the twins."""

    def __init__(self, ports: list[str], namespace: str):
        self.sockets = {port: self.open(port) for port in ports}
        libc = ctypes.CDLL(None, use_errno=True)
        home = os.open("/proc/self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
        try:
            if libc.setns(there, CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
            for interface in ["lm0", *(f"lm-{port}" for port in ports)]:
                self.sockets[interface] = self.open(interface)
        finally:
            libc.setns(home, CLONE_NEWNET)
            os.close(home)
            os.close(there)
        self.names = {wire.fileno(): name for name, wire in self.sockets.items()}

    @staticmethod
    def open(interface: str) -> socket.socket:
        wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        wire.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)  # SO_RCVBUFFORCE: a row may cause thousands
        wire.bind((interface, 0))
        wire.setblocking(False)
        return wire

    def send(self, port: str, frame: bytes) -> None:
        self.sockets[port].send(frame)

    def receive(self, patience: float):
        """What has come: (interface, frame) of each; waits for the first so many seconds."""
        ready, _, _ = select.select(list(self.sockets.values()), [], [], patience)
        for wire in ready:
            name = self.names[wire.fileno()]
            while True:
                try:
                    frame, address = wire.recvfrom(65536)
                except BlockingIOError:
                    break
                except OSError as error:
                    if error.errno != errno.ENETDOWN:
                        raise
                    break  # said once by an interface that is down
                ours = address[2] == socket.PACKET_OUTGOING
                # The kernel behind a twin looks for neighbors and routers in multicasts and ARP.
                chatter = not name.startswith("lm") and (frame[0] & 1 or frame[12:14] == b"\x08\x06")
                if not ours and not chatter:
                    yield name, frame


class Conformance:
    def __init__(self, table: Table, socket_path: str, lastmile: str, namespace: str, macs: dict[str, str]):
        self.table, self.macs = table, macs
        self.command = [lastmile, "--socket", socket_path, "show", "drops", "--json"]
        self.ports = list(macs)
        self.ports.remove("lm0")
        self.wires = Wires(self.ports, namespace)
        self.markers = 0

    def drops(self, reason: str) -> int:
        answer = subprocess.run(self.command, capture_output=True, text=True, check=True, timeout=60).stdout
        return {drop["reason"]: drop["packets"] for drop in json.loads(answer)["drops"]}.get(reason, 0)

    def station(self, port: str) -> str:
        return station(self.ports.index(port))

    def marker(self) -> bytes:
        self.markers += 1
        frame = Ether(dst=self.macs[MARKER["from"]], src=self.station(MARKER["from"]), type=0x0800)
        packet = IP(src=self.table.ordinary[MARKER["from"]][0], dst=MARKER["dst"], id=self.markers)
        return bytes(frame) + bytes(packet / UDP(sport=9, dport=9) / Raw(b"marker"))

    def wait_for_path(self) -> None:
        """Until the daemon has learned its neighbors, each port's way works in both directions."""
        deadline = time.monotonic() + 60
        for port in self.ports:
            if port in self.table.down:
                continue
            for row in (["x", "", "lan", f"ip{v} dst={a}", ""] for v, a in self.targets(port)):
                while True:
                    for _ in self.wires.receive(0):
                        pass
                    frame = build(row[3].split(), self.table.ordinary["lan"], self.macs["lan"], self.station("lan"))
                    self.wires.send("lan", frame)
                    until = time.monotonic() + 0.3
                    seen = False
                    while time.monotonic() < until and not seen:
                        seen = any(name == port for name, _ in self.wires.receive(0.05))
                    if seen:
                        break
                    demand(time.monotonic() < deadline, f"no way to port {port}")
        time.sleep(0.3)
        for _ in self.wires.receive(0):
            pass

    def targets(self, port: str):
        """Addresses that are reached by a port, each with its family."""
        if port == "lan":
            return [(6 if ":" in a else 4, a) for a in self.table.neighbors["lan"]]
        ways = {"up1": ("10.1.0.1", "fd00:11::1"), "up2": ("10.2.0.1", "fd00:12::1"),
                "edge": ("10.9.0.1", "fd00:99::1"), "loose": ("10.8.0.1", "fd00:88::1")}  # fmt: skip
        return list(zip((4, 6), ways[port]))

    def run(self, row: list[str]) -> None:
        _, _, port, packet, outcome = row
        words, expected = packet.split(), outcome.split()
        frame = build(words, self.table.ordinary[port], self.macs[port], self.station(port))
        copies = next((int(word[2:]) for word in words if word.startswith("x=")), 1)
        reason = expected[1] if expected[0] == "drop" else None
        before = self.drops(reason) if reason else 0
        marker = self.marker()
        for _ in range(copies):
            self.wires.send(port, frame)
        self.wires.send(MARKER["from"], marker)

        wanted = self.wanted(port, expected)
        got: dict[str, list[bytes]] = {}
        marked = False
        now = time.monotonic()
        deadline, again = now + PATIENCE, now + MARKER_AGAIN
        while not (marked and all(len(got.get(name, [])) >= count for name, count in wanted.items())):
            if time.monotonic() > deadline:
                break
            if not marked and time.monotonic() > again:  # behind thousands of packets there may have been no room for it
                again += MARKER_AGAIN
                self.wires.send(MARKER["from"], marker)
            for name, arrived in self.wires.receive(0.1):
                if name == MARKER["to"] and arrived[ETHERNET:] == one_hop_on(marker[ETHERNET:]):
                    marked = True
                elif not is_marker(arrived):  # one that was sent twice, of an earlier row, too
                    got.setdefault(name, []).append(arrived)
        # What was caused in the router is here; this is for what more a kernel might answer.
        for name, arrived in self.wires.receive(0.001):
            if not is_marker(arrived):
                got.setdefault(name, []).append(arrived)
        demand(marked, "the packet behind it was lost")
        self.judge(port, frame, copies, expected, got)
        if reason:
            counted = self.drops(reason) - before
            least = 1 if copies == 1 else 101
            demand(counted >= least, f"{reason}: {counted} counted")

    def wanted(self, port: str, expected: list[str]) -> dict[str, int]:
        """How many frames to wait for, by interface."""
        wanted = {}
        if expected[0] in ("forward", "local"):
            name = expected[1] if expected[0] == "forward" else "lm-" + expected[1]
            wanted[name] = 2 if "fragments" in expected else 1
        elif expected[0] in ("host", "twin"):
            wanted["lm0" if expected[0] == "host" else "lm-" + port] = 1
        if "answers" in expected or "error" in expected:
            wanted[port] = wanted.get(port, 0) + 1
        return wanted

    def judge(self, port: str, frame: bytes, copies: int, expected: list[str], got: dict[str, list[bytes]]) -> None:
        kind = expected[0]
        if "answers" in expected:
            answer = self.one(got, port)
            self.check_addressed(answer, port)
            packet = ip_packet(answer)
            header = (packet[0] & 15) * 4 if packet[0] >> 4 == 4 else 40
            told = f"{packet[header]}/{packet[header + 1]}"
            demand(told == expected[expected.index("answers") + 1], f"the kernel answers {told}")
        if kind == "forward":
            out = expected[1]
            for sent in got.get(out, []):
                self.check_addressed(sent, out)
            if "fragments" in expected:
                check_fragments(got.pop(out, []), ip_packet(frame), MTU[out])
            else:
                sent = self.one(got, out)
                demand(sent[ETHERNET:] == one_hop_on(ip_packet(frame)), f"forwarded as {sent.hex()}")
        elif kind in ("host", "local"):
            name, mac = ("lm0", "lm0") if kind == "host" else ("lm-" + expected[1], expected[1])
            sent = self.one(got, name)
            demand(Ether(sent).dst == self.macs[mac], "delivered to another MAC address")
            demand(sent[ETHERNET:] == ip_packet(frame), f"delivered as {sent.hex()}")
        elif kind == "twin":
            demand(self.one(got, "lm-" + port) == frame, "the twin has another frame")
        elif "error" in expected:
            errors = got.pop(port, [])
            if "limited" in expected:
                demand(0 < len(errors) < copies, f"{len(errors)} errors for {copies} packets")
            else:
                demand(len(errors) == 1, f"{len(errors)} errors")
            detail = next((int(word[4:]) for word in expected if word.startswith("mtu=")), 0)
            detail |= next((int(word[3:]) for word in expected if word.startswith("at=")), 0) << 24
            for error in errors:
                self.check_addressed(error, port)
                check_error(error, expected[expected.index("error") + 1], detail, ip_packet(frame))
        got = {name: frames for name, frames in got.items() if frames}
        demand(not got, f"besides, there came {[(name, f.hex()) for name, fs in got.items() for f in fs[:2]]}")

    @staticmethod
    def one(got: dict[str, list[bytes]], name: str) -> bytes:
        frames = got.pop(name, [])
        demand(len(frames) == 1, f"{len(frames)} frames on {name}: {[f.hex() for f in frames[:2]]}")
        return frames[0]

    def check_addressed(self, frame: bytes, port: str) -> None:
        ether = Ether(frame)
        version = frame[ETHERNET] >> 4
        demand(ether.dst == self.station(port) and ether.src == self.macs[port], f"sent from {ether.src} to {ether.dst}")
        demand(ether.type == (0x0800 if version == 4 else 0x86DD), f"sent as {ether.type:04x}")


def main() -> None:
    table, socket_path, lastmile, namespace, macs = sys.argv[1:]
    rows = Table(Path(table))
    conformance = Conformance(rows, socket_path, lastmile, namespace, json.loads(macs))
    conformance.wait_for_path()
    results: dict[str, str | None] = {}
    for row in rows.rows:
        try:
            conformance.run(row)
            results[row[0]] = None
        except Wrong as wrong:
            results[row[0]] = str(wrong)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
