"""Watches interfaces of a node and tells which flows crossed which one.

Run inside a namespace (python3 -m lablib.capture FILTER INTERFACE…): it counts until its standard
input closes, then prints {"interface": {"packets": N, "flows": ["src:port>dst:port", …]}} as JSON.
"""
from __future__ import annotations

import json
import select
import socket
import struct
import sys

ETH_P_ALL = 3
PACKET_OUTGOING = 4


def flow_of(frame: bytes) -> tuple[int, str, str, int, int] | None:
    """(protocol, source, destination, source port, destination port) of an IPv4 frame."""
    if len(frame) < 34 or frame[12:14] != b"\x08\x00":
        return None
    header = (frame[14] & 0xF) * 4
    protocol = frame[23]
    source, destination = (socket.inet_ntoa(frame[26:30]), socket.inet_ntoa(frame[30:34]))
    ports = (0, 0)
    if protocol in (6, 17) and len(frame) >= 14 + header + 4:
        ports = struct.unpack_from("!HH", frame, 14 + header)
    return protocol, source, destination, *ports


def main() -> None:
    destination, interfaces = sys.argv[1], sys.argv[2:]
    sockets = {}
    for interface in interfaces:
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        sock.bind((interface, 0))
        sockets[sock] = interface
    seen = {interface: {"packets": 0, "flows": set()} for interface in interfaces}
    print("ready", flush=True)
    while True:
        ready, _, _ = select.select([sys.stdin, *sockets], [], [])
        if sys.stdin in ready:
            break
        for sock in ready:
            frame, address = sock.recvfrom(128)
            if address[2] == PACKET_OUTGOING:
                continue
            flow = flow_of(frame)
            if flow is None or flow[2] != destination:
                continue
            count = seen[sockets[sock]]
            count["packets"] += 1
            if flow[0] == 6:
                count["flows"].add(f"{flow[1]}:{flow[3]}>{flow[2]}:{flow[4]}")
    print(json.dumps({k: {**v, "flows": sorted(v["flows"])} for k, v in seen.items()}))


if __name__ == "__main__":
    main()
