"""The machine's own traffic: iperf3 through lm0, beside the same without a router.

    bms1: iperf3 ── lm0 ── Lastmile ── up1 ═══ eth0, legacy: iperf3
    bms1: iperf3 ──────────────────── up1 ═══ eth0, legacy: iperf3        "the kernel alone"

One link, one connection, both directions, IPv4 and IPv6. The kernel alone runs twice: as it comes, with
segmentation and checksums left to the (virtual) link, and packet by packet, which is all that an af_packet port
can carry. What the router costs is seen beside the latter. The router runs twice, too: with segments on lm0
(host.segments), and packet by packet there as well.
"""
from __future__ import annotations

import json
import os
import statistics
import sys
from pathlib import Path

from lablib import lastmile, topology
from lablib.netns import OFFLOADS, Lab, wait_for

from .bed import BedError

NODE, PEER = "bms1", "legacy"
ADDRESSES = {"IPv4": ("10.0.1.1", "198.51.100.20"), "IPv6": ("2001:db8:1::1", "2001:db8:b::20")}
DIRECTIONS = {"out": [], "in": ["-R"]}


def configuration(folder: Path, mtu: int, workers: int, segments: str) -> str:
    return f"""\
router: {{mode: transit, asn: 64512, id: 10.0.1.1}}
loopbacks: [10.0.1.1/32, "2001:db8:1::1/128"]
ports:
  up1: {{device: "net_af_packet0,iface=up1", mtu: {mtu}, addresses: [198.51.100.1/24, "2001:db8:b::1/64"]}}
host: {{segments: {segments}}}
dataplane: {{workers: {workers}, idle: adaptive, max-routes: {{ipv4: 65536, ipv6: 4096}}}}
control: {{socket: {folder}/lastmile.sock}}
"""


class LocalLab:
    """`with LocalLab(mtu) as lab:` makes two namespaces and a link, and removes them."""

    def __init__(self, mtu: int):
        self.lab, self.mtu = Lab(f"lml{os.getpid()}"), mtu

    def __enter__(self):
        self.lab.make_namespaces()
        link = topology.Link((NODE, "up1"), (PEER, "eth0"), self.mtu, {PEER: [ADDRESSES["IPv4"][1] + "/24", ADDRESSES["IPv6"][1] + "/64"]})
        self.lab.make_links([link])
        self.lab.run(PEER, "ip", "route", "add", "default", "via", "198.51.100.1")
        self.lab.run(PEER, "ip", "-6", "route", "add", "default", "via", "2001:db8:b::1")
        return self

    def __exit__(self, *_):
        self.lab.remove()

    def kernel(self, offloads: bool) -> None:
        """The addresses that the router would have, on the link itself."""
        for node, interface in ((NODE, "up1"), (PEER, "eth0")):
            self.lab.run(node, "ethtool", "-K", interface, *(w if w != "off" or not offloads else "on" for w in OFFLOADS), check=False)
        for address in ("198.51.100.1/24", "2001:db8:b::1/64"):
            self.lab.run(NODE, "ip", "address", "replace", address, "dev", "up1")
        for address in (ADDRESSES["IPv4"][0] + "/32", ADDRESSES["IPv6"][0] + "/128"):
            self.lab.run(NODE, "ip", "address", "replace", address, "dev", "lo")
        self.wait_for_both()

    def router(self, workers: int, segments: str) -> None:
        self.kernel_off()
        lastmile.start_with(self.lab, NODE, configuration(self.lab.folder(NODE), self.mtu, workers, segments))
        self.wait_for_both()

    def router_off(self) -> None:
        self.lab.stop(NODE, "lastmiled")

    def kernel_off(self) -> None:
        self.lab.run(NODE, "ip", "address", "flush", "dev", "up1")
        self.lab.run(NODE, "ip", "address", "flush", "dev", "lo", "scope", "global")
        for node, interface in ((NODE, "up1"), (PEER, "eth0")):
            self.lab.run(node, "ethtool", "-K", interface, *OFFLOADS, check=False)

    def wait_for_both(self) -> None:
        for source, target in ADDRESSES.values():
            ping = ["ping", "-n", "-c1", "-W1", "-I", source, target]
            wait_for(f"{target} answers", lambda p=ping: "1 received" in self.lab.run(NODE, *p, check=False))

    def iperf3(self, family: str, direction: str, seconds: float) -> float:
        """Gbit/s of one connection, as the receiver has it."""
        source, target = ADDRESSES[family]
        server = self.lab.start(PEER, "iperf3", ["iperf3", "-s", "-1"])
        try:
            wait_for("iperf3 listens", lambda: ":5201" in self.lab.run(PEER, "ss", "-Hltn"))
            report = json.loads(self.lab.run(NODE, "iperf3", "-c", target, "-B", source, "-t", str(seconds), "-J",
                                             *DIRECTIONS[direction], timeout=seconds + 30))  # fmt: skip
        finally:
            self.lab.stop(PEER, "iperf3")
            server.wait()
        return report["end"]["sum_received"]["bits_per_second"] / 1e9


def run_local(options) -> None:
    if os.geteuid() != 0:
        raise BedError("local: network namespaces need root; run it with sudo")
    results: dict[tuple[str, str, str], list[float]] = {}
    with LocalLab(options.mtu) as lab:
        for _ in range(options.rounds):
            for name, start, stop in (
                ("kernel, offloads", lambda: lab.kernel(offloads=True), lab.kernel_off),
                ("kernel, packet by packet", lambda: lab.kernel(offloads=False), lab.kernel_off),
                ("through lm0, segments", lambda: lab.router(options.workers, "on"), lab.router_off),
                ("through lm0, packet by packet", lambda: lab.router(options.workers, "off"), lab.router_off),
            ):
                start()
                for family in ADDRESSES:
                    for direction in DIRECTIONS:
                        rate = lab.iperf3(family, direction, max(2, options.seconds))
                        results.setdefault((name, family, direction), []).append(rate)
                        print(f"{name}, {family}, {direction}: {rate:.2f} Gbit/s", file=sys.stderr, flush=True)
                stop()
    if options.json:
        print(json.dumps({"name": "local", "unit": "Gbit/s", "mtu": options.mtu, "cases": [
            {"way": way, "family": family, "direction": direction, "rates": rates}
            for (way, family, direction), rates in results.items()]}))  # fmt: skip
        return
    print(f"\nlocal: iperf3, one connection, MTU {options.mtu}, {options.workers} worker(s); Gbit/s, median (least–most)")
    for (way, family, direction), rates in results.items():
        print(f"  {way:30} {family} {direction:4} {statistics.median(rates):6.2f} ({min(rates):.2f}–{max(rates):.2f})")
