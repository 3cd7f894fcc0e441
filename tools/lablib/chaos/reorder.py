"""Holds frames back, each for a time of its own, so that they leave in another order.

Run inside a namespace (python3 -m lablib.chaos.reorder FROM TO MARK MILLISECONDS): every frame that arrives on FROM
leaves on TO up to so many milliseconds later, with a mark by which the rule that sent it here knows it again. Ends with its
standard input.
"""
from __future__ import annotations

import heapq
import random
import select
import socket
import sys
import time

ETH_P_ALL = 3
PACKET_OUTGOING = 4


def main() -> None:
    source, target, mark, longest = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]) / 1000
    chance = random.Random(1)
    ears = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    ears.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    ears.bind((source, 0))
    mouth = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)  # hears nothing
    mouth.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
    mouth.bind((target, 0))
    held: list[tuple[float, int, bytes]] = []
    count = 0
    print("ready", flush=True)
    while True:
        patience = max(0.0, held[0][0] - time.monotonic()) if held else None
        ready, _, _ = select.select([sys.stdin, ears], [], [], patience)
        if sys.stdin in ready:
            break
        if ears in ready:
            frame, address = ears.recvfrom(16384)
            if address[2] != PACKET_OUTGOING:
                count += 1
                heapq.heappush(held, (time.monotonic() + chance.uniform(0, longest), count, frame))
        while held and held[0][0] <= time.monotonic():
            mouth.send(heapq.heappop(held)[2])
    for _, _, frame in sorted(held):  # nothing is lost here
        mouth.send(frame)


if __name__ == "__main__":
    main()
