"""How long traffic stops when an uplink fails: the lab's fabric, Lastmile or FRR + kernel on the server.

Sixteen steady UDP flows go from bms1 to the spine over both uplinks. Then the link to leaf 1 fails: down, or
silently (frames vanish in the leaf, both links stay up). What counts is the longest gap of any flow by the
receiver's clock. Meanwhile the server holds 1, 100,000 or 512,620 routes over the uplink that fails: leaf 1
hears them from `lastmile-feed` on the legacy server and passes them on to bms1 only.
"""
from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, replace

from lablib import fabric, fault, frr, lastmile, servers, topology
from lablib.netns import Lab, LabError, wait_for

from .bed import BUILD, FEED, BedError
from .convergence import table_options

FLOWS = BUILD / "tools" / "flows_src" / "lastmile-flows"
FEED_ADDRESS, FEED_ASN = "192.168.101.20", 65301
FEED_TAG = 1
TARGET = "10.255.255.201"
LEAF, LEAF_INTERFACE, SERVER = "leaf1", "bms1", "bms1"
PORTS = {"up1", "up2"}
FLOWS_PRIORITY = 1
FRR_BFD_PRIORITY = 2


@dataclass(frozen=True)
class Detection:
    """How the server notices a silent loss."""

    title: str
    servers: tuple[str, ...]
    bfd: str = ""  # Lastmile's profile
    leaf_bfd_ms: int = 0  # FRR's interval, on the leaf and on a server with FRR
    pair: bool = False  # instead of the fabric, two routers and nothing else


DETECTIONS = {
    "bfd": Detection("BFD 10 ms × 3", ("lastmile", "frr"), "{interval: 10ms, multiplier: 3}", 10),
    "echo": Detection(
        "unaffiliated echo 3 ms × 3, leaf without BFD", ("lastmile",),
        "{echo: unaffiliated, interval: 3ms, multiplier: 3}",
    ),  # fmt: skip
    "echo5": Detection(
        "unaffiliated echo 5 ms × 3, leaf without BFD", ("lastmile",),
        "{echo: unaffiliated, interval: 5ms, multiplier: 3}",
    ),  # fmt: skip
    "pair": Detection(
        "BFD 3 ms × 3 and echo between two Lastmile routers", ("lastmile",),
        "{interval: 3ms, multiplier: 3, echo: on}", pair=True,
    ),  # fmt: skip
    "hold": Detection("BGP hold time 9 s", ("lastmile", "frr")),
}


class Fabric:
    """The lab with one kind of server on bms1, and a feed behind leaf 1."""

    receiver, target = "spine1", TARGET

    def __init__(self, kind: str, detection: Detection, options):
        self.lab = Lab(f"lmf{os.getpid()}")
        self.kind, self.detection, self.options = kind, detection, options
        self.servers = servers.KINDS[kind](self.lab)
        self.feed: subprocess.Popen | None = None

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self) -> None:
        fabric.up(self.lab)
        self.prepare_leaf()
        node = topology.node(SERVER)
        if self.kind == "lastmile":
            lastmile.start(self.lab, node, bfd=self.detection.bfd, scheduling="realtime")
        else:
            self.servers.start(node)
            self.use_bfd(SERVER)
            self.put_bfd_first(SERVER)
        self.wait_until_whole(0)

    def stop(self) -> None:
        self.end_feed()
        self.lab.remove()

    def use_bfd(self, node: str) -> None:
        if self.detection.leaf_bfd_ms != 0:
            frr.watch(self.lab, topology.node(node), ["FABRIC"], self.detection.leaf_bfd_ms)

    def prepare_leaf(self) -> None:
        """Leaf 1 takes the feed's table and tells bms1 alone of it. Its kernel does not get the table: leaf and server
        share one kernel here, and that works on the leaf's routes for tens of milliseconds when the leaf's link goes
        down. Until then no other namespace hears of the carrier, and what waits for that processor waits."""
        frr.configure(
            self.lab, LEAF,
            f"bgp as-path access-list feed permit _{FEED_ASN}_",
            "route-map no-feed deny 10", "match as-path feed", "exit",
            "route-map no-feed permit 20", "exit",
            "route-map feed permit 10", f"set tag {FEED_TAG}", "exit",
            "route-map kernel deny 10", f"match tag {FEED_TAG}", "exit",
            "route-map kernel permit 20", "exit",
            "ip protocol bgp route-map kernel",
            f"router bgp {topology.node(LEAF).asn}",
            f"neighbor {FEED_ADDRESS} remote-as {FEED_ASN}",
            f"neighbor {FEED_ADDRESS} passive",
            "address-family ipv4 unicast",
            f"neighbor {FEED_ADDRESS} route-map feed in",
            "neighbor spine1 route-map no-feed out",
            "neighbor bms2 route-map no-feed out",
        )  # fmt: skip
        for leaf in ("leaf1", "leaf2"):
            self.use_bfd(leaf)
            self.put_bfd_first(leaf)

    def put_bfd_first(self, node: str) -> None:
        """A leaf has processors of its own. Here all routers share a few, so FRR's BFD goes before everything else of
        theirs: else it is the leaf that falls silent while another one works on a table, and fails the good uplink.
        On the server, too, because Lastmile's worker runs in real time there."""
        pid = self.lab.pid(node, "bfdd")
        if pid is not None:
            os.sched_setscheduler(pid, os.SCHED_FIFO, os.sched_param(FRR_BFD_PRIORITY))

    # --- the table ----------------------------------------------------------------------------

    def load(self, routes: int) -> int:
        """Announces so many routes by leaf 1; how many bms1 then has of it."""
        self.end_feed()
        wait_for("bms1 has forgotten the last table", lambda: self.received() < 100, 300, 0.5)
        before = self.received()
        if routes > 1:
            self.options.routes = routes
            self.feed = subprocess.Popen(
                self.lab.in_node("legacy")
                + [str(FEED), "--connect", "192.168.101.254", "--source", FEED_ADDRESS, "--asn", str(FEED_ASN),
                   "--announce", *table_options(self.options)],
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            )  # fmt: skip
            # A few of a real table may be refused; those of the fabric come on top.
            wait_for(f"bms1 has {routes} routes", lambda: self.received() >= before + routes * 0.99, 300, 0.5)
        self.settle()
        return self.received()

    def end_feed(self) -> None:
        if self.feed is None:
            return
        self.feed.terminate()
        self.feed.wait()
        self.feed = None

    def received(self) -> int:
        """What bms1 has from leaf 1."""
        if self.kind == "lastmile":
            neighbors = lastmile.show(self.lab, SERVER, "bgp").get("neighbors", [])
            return next((n["received"] for n in neighbors if n["name"] == "up1"), 0)
        peers = frr.show(self.lab, SERVER, "show bgp ipv4 unicast summary").get("peers", {})
        return peers.get("up1", {}).get("pfxRcd", 0)

    def settle(self) -> None:
        """Waits until no daemon of the fabric works any more."""
        if self.kind == "lastmile":
            wait_for("the FIB's queue is empty",
                     lambda: lastmile.show(self.lab, SERVER, "fib").get("queue", {}).get("depth") == 0, 120)  # fmt: skip
        calm = 0
        deadline = time.monotonic() + 180
        while calm < 3 and time.monotonic() < deadline:
            before, start = self.cpu(), time.monotonic()
            time.sleep(0.5)
            calm = calm + 1 if self.cpu() - before < 0.15 * (time.monotonic() - start) else 0

    def cpu(self) -> float:
        """Processor seconds of all daemons of the leaf and the server that have BGP in them."""
        total = 0
        for node, name in ((LEAF, "bgpd"), (LEAF, "zebra"), (SERVER, "bgpd"), (SERVER, "zebra")):
            pid = self.lab.pid(node, name)
            if pid is None:
                continue
            fields = open(f"/proc/{pid}/stat", encoding="ascii").read().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        return total / os.sysconf("SC_CLK_TCK")

    def wait_until_whole(self, routes: int) -> None:
        wait_for("bms1: both sessions Established", lambda: self.servers.established(SERVER) >= PORTS, 120)
        wait_for(f"bms1 has {routes} routes again", lambda: self.received() >= routes, 300, 0.5)
        wait_for("bms1 reaches the receiver by both uplinks",
                 lambda: self.servers.next_hop_ports(SERVER, self.target + "/32") == sorted(PORTS), 60)  # fmt: skip
        if self.detection.bfd or self.detection.leaf_bfd_ms:
            wait_for("BFD is up", self.bfd_up)
        self.settle()

    def bfd_up(self) -> bool:
        if self.kind == "lastmile":
            sessions = lastmile.show(self.lab, SERVER, "bfd").get("sessions", [])
            return sum(str(s["state"]).lower() == "up" for s in sessions) >= len(PORTS)
        peers = frr.show(self.lab, SERVER, "show bfd peers")
        return sum(peer.get("status") == "up" for peer in peers) >= len(PORTS)

    # --- measuring ----------------------------------------------------------------------------

    def fail(self, how: str, seconds: float) -> dict:
        """One failure and its repair; what the receiver saw of the failure."""
        before = self.received()
        receiver = self.flows(self.receiver, "receive", "--from", self.target, "--seconds", str(seconds + 1))
        if receiver.stdout.readline().strip() != "ready":
            raise LabError("the receiver of the flows did not start")
        sender = self.flows(SERVER, "send", "--to", self.target, "--from", "10.0.1.1", "--seconds", str(seconds),
                            "--rate", str(self.options.flow_rate))  # fmt: skip
        time.sleep(1)
        with self.fault(how):
            sender.communicate(timeout=seconds + 20)
            report = json.loads(receiver.communicate(timeout=seconds + 20)[0])
        self.wait_until_whole(before)
        return report

    def fault(self, how: str):
        inject = fault.link_down if how == "down" else fault.silent_loss
        return inject(self.lab, LEAF, LEAF_INTERFACE)

    def flows(self, node: str, *arguments: str) -> subprocess.Popen:
        if not FLOWS.exists():
            raise BedError(f"{FLOWS} is not there; run: tools/build --target tools/flows_src/lastmile-flows")
        # Ahead of the daemons, as if on a processor of its own: its pauses would look like gaps.
        return subprocess.Popen(self.lab.in_node(node) + ["chrt", "--fifo", str(FLOWS_PRIORITY), str(FLOWS), *arguments],
                                stdout=subprocess.PIPE, text=True)  # fmt: skip


class Pair(Fabric):
    """Two Lastmile routers, bms1 and bms2, joined by two links."""

    receiver = "bms2"
    target = topology.node("bms2").loopback.removesuffix("/32")

    def start(self) -> None:
        links = [topology.Link(("bms1", port), ("bms2", port)) for port in sorted(PORTS)]
        self.lab.make_namespaces()
        self.lab.make_links(links)
        for name, asn in (("bms1", 64512), ("bms2", 64513)):
            node = replace(topology.node(name), asn=asn)
            lastmile.start(self.lab, node, bfd=self.detection.bfd, scheduling="realtime")
        self.wait_until_whole(0)

    def fault(self, how: str):
        if how == "down":
            return fault.link_down(self.lab, "bms2", "up1")
        return fault.silent_loss_between(self.lab, (("bms1", "up1"), ("bms2", "up1")))


def measure(kind: str, key: str, options) -> list[dict]:
    results = []
    detection = DETECTIONS[key]
    with (Pair if detection.pair else Fabric)(kind, detection, options) as lab:
        for routes in [1] if detection.pair else options.tables:
            held = lab.load(routes)
            for how in options.failures:
                seconds = 12 if key == "hold" and how == "silent" else options.failover_seconds
                for _ in range(options.rounds):
                    report = lab.fail(how, seconds)
                    print(f"{kind}, {detection.title}, {how}, {held} routes: {report['longest_gap_ms']:.1f} ms, "
                          f"the sender itself {report['longest_sender_pause_ms']:.1f}", file=sys.stderr, flush=True)  # fmt: skip
                    results.append({"servers": kind, "failure": how, "detection": detection.title,
                                    "routes": held, "table": routes, **report})  # fmt: skip
    return results


def print_results(results: list[dict]) -> None:
    print("\nfailover: longest gap of any of 16 flows when an uplink fails (ms, the receiver's clock), median (least–most)")
    keys = sorted({(r["failure"], r["detection"], r["table"], r["servers"]) for r in results},
                  key=lambda k: (k[0], k[1], k[2], k[3] != "lastmile"))  # fmt: skip
    for failure, detection, table, kind in keys:
        runs = [r for r in results if (r["failure"], r["detection"], r["table"], r["servers"]) == (failure, detection, table, kind)]
        gaps = [r["longest_gap_ms"] for r in runs]
        pause = max(r["longest_sender_pause_ms"] for r in runs)
        lost = statistics.median(r["lost"] for r in runs)
        what = "link down" if failure == "down" else f"silent loss, {detection}"
        print(f"  {what:44} {table:>7} routes  {servers.KINDS[kind].title:13} {statistics.median(gaps):8.1f}"
              f" ({min(gaps):.1f}–{max(gaps):.1f}); {lost:.0f} packets lost; the sender itself paused {pause:.1f}")  # fmt: skip


def run_failover(options) -> None:
    if os.geteuid() != 0:
        raise BedError("failover: network namespaces need root; run it with sudo")
    options.tables = [int(text) for text in options.route_counts.split(",")]
    options.failures = options.failure.split(",")
    results = []
    for key in options.detection.split(","):
        if key not in DETECTIONS:
            raise BedError(f"no detection named {key}; there are: {' '.join(DETECTIONS)}")
        for kind in options.servers.split(","):
            if kind not in DETECTIONS[key].servers:
                continue
            found = measure(kind, key, options)
            results += found
            if options.json:
                for result in found:
                    print(json.dumps({"name": "failover", **result}), flush=True)
    if not options.json:
        print_results(results)
