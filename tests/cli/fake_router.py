"""A control socket whose answers are given by a test: for what would take a router and its neighbors else."""
from __future__ import annotations

import json
import os
import socket
import threading
import time


class FakeRouter:
    """Two uplinks with traffic that grows while one looks."""

    def __init__(self, path: str, neighbors: int = 2):
        self.path = path
        self.neighbors = neighbors
        self.link = ["up", "up"]
        self.began = time.monotonic()
        self.listener: socket.socket | None = None
        self.connections: list[socket.socket] = []

    def start(self) -> None:
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def stop(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            connection.close()
        self.connections.clear()
        os.unlink(self.path)

    def accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection: socket.socket) -> None:
        try:
            for line in connection.makefile("r"):
                verb = json.loads(line)["verb"]
                answer = {"ok": True, "data": self.data()[verb]}
                connection.sendall((json.dumps(answer) + "\n").encode())
        except (OSError, ValueError):
            pass

    def data(self) -> dict:
        # Whole counters: 300,000 packets a second in, shared 3 to 1 by the uplinks.
        spent = time.monotonic() - self.began
        share = [int(spent * 225_000), int(spent * 75_000)]
        ports = [
            {
                "name": f"up{i + 1}", "link": self.link[i], "mtu": 9000, "rx_packets": share[i], "rx_bytes": share[i] * 700,
                "rx_missed": 0, "rx_errors": 0, "tx_packets": share[i], "tx_bytes": share[i] * 700, "tx_dropped": 0,
            }
            for i in range(2)
        ]  # fmt: skip
        neighbors = [
            {
                "name": f"up{i + 1}", "port": f"up{i + 1}", "address": f"fe80::5eff:fe10:{i + 1}01", "remote_asn": 65001 + i,
                "state": "Established" if self.link[i % 2] == "up" else "Idle", "uptime_s": 7500, "received": 512621,
                "advertised": 2, "last_error": "", "description": f"leaf {i + 1}, rack 12",
            }
            for i in range(self.neighbors)
        ]  # fmt: skip
        return {
            "version": {"version": "0.1.0", "router_id": "10.0.1.1", "asn": 64512, "uptime_s": 7505},
            "show ports": {"ports": ports},
            "show bgp": {"neighbors": neighbors},
            "show bfd": {
                "sessions": [
                    {"neighbor": f"up{i + 1}", "state": self.link[i], "detect_us": 30000, "rtt_us": 41.0 + i}
                    for i in range(2)
                ]
            },
            "show nexthops": {
                "next_hops": [
                    {
                        "id": i + 1, "port": f"up{i + 1}", "kind": "forward", "addresses": f"fe80::5eff:fe10:{i + 1}01",
                        "alive": self.link[i] == "up", "packets": share[i], "bytes": share[i] * 690,
                    }
                    for i in range(2)
                ]
            },
            "show workers": {
                "workers": [
                    {"id": 0, "cpu": 1, "idle_share": 0.58, "cycles_per_packet": 61.0, "packets_per_vector": 24.5,
                     "rx_packets": sum(share)}
                ]
            },
            "show drops": {
                "drops": [
                    {"reason": "no-route", "help": "no route to the destination", "packets": int(spent * 40)},
                    {"reason": "ttl-expired", "help": "the packet's time to live ended here", "packets": 12},
                    {"reason": "bad-checksum", "help": "the IPv4 header's checksum is wrong", "packets": 0},
                ]
            },
            "show fib": {"ipv4": {"routes": 512621}, "ipv6": {"routes": 3}, "queue": {"depth": 0}},
            "show control": {"longest_us": 3200},
        }  # fmt: skip
