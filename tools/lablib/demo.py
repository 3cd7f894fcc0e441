"""The demo: the last-mile fabric comes up and shows, step by step, what the servers' router does.

Each step prints its figures and what was expected of them; the exit status tells whether all held.
"""
from __future__ import annotations

import contextlib
import ipaddress
import json
import signal
import sys
import time

from . import fabric, fault, leaves, measure, servers, topology
from .netns import Lab, LabError, wait_for

BOLD, GREEN, RED, DIM, PLAIN = "\033[1m", "\033[32m", "\033[31m", "\033[2m", "\033[0m"
CONNECTIONS = 64
PING = ("10.0.1.1", "10.0.2.2")  # from bms1 to bms2
CHECK_MS, CHECK_FALL = 200, 2  # the service's health check
LEAVES_S = 0.2  # until both leaves have taken up a withdrawal
SPREAD = 24  # connections: that all of them hash to one of two servers by chance happens once in 8 million


class Report:
    """Prints figures as they come and keeps them for --json and the exit status."""

    def __init__(self, color: bool):
        self.figures: dict[str, object] = {}
        self.failed: list[str] = []
        self.color = color

    def paint(self, code: str, text: str) -> str:
        return f"{code}{text}{PLAIN}" if self.color else text

    def step(self, number: str, text: str) -> None:
        print(f"\n{self.paint(BOLD, f'{number}. {text}')}", flush=True)

    def say(self, text: str) -> None:
        print(f"   {self.paint(DIM, text)}", flush=True)

    def figure(self, key: str, text: str, value: object, good: bool, expected: str) -> None:
        self.figures[key] = value
        if not good:
            self.failed.append(key)
        mark = self.paint(GREEN, "ok  ") if good else self.paint(RED, "FAIL")
        print(f"   {mark} {text}: {self.paint(BOLD, str(value))}  (expected {expected})", flush=True)


class Demo:
    def __init__(self, lab: Lab, kind: str, leaf_kind: str, report: Report):
        self.lab = lab
        self.servers = servers.KINDS[kind](lab)
        self.leaf_kind = leaf_kind
        self.leaves = leaves.KINDS[leaf_kind](lab)
        self.report = report

    # --- 1 ------------------------------------------------------------------------------------

    def sessions(self) -> None:
        fabric.watch_servers(self.lab, self.leaf_kind)
        self.report.step("1", "Servers appear in the fabric with no change on any leaf")
        for node in topology.servers():
            begin = time.monotonic()
            self.servers.start(node)
            ports = {own for own, _, _ in topology.uplinks(node.name)}
            wait_for(
                f"{node.name}: both sessions Established",
                lambda node=node, ports=ports: self.servers.established(node.name) >= ports,
                60,
            )
            seconds = round(time.monotonic() - begin, 2)
            self.report.figure(
                f"established_{node.name}_s",
                f"{node.name}: from start to both sessions Established (s)",
                seconds,
                seconds <= self.servers.established_s,
                f"≤ {self.servers.established_s}, though {self.leaves.advertises}",
            )
        for leaf in ("leaf1", "leaf2"):
            for node in topology.servers():
                expected = {node.loopback, topology.SERVICE}
                wait_for(
                    f"{leaf} hears {node.name}",
                    lambda leaf=leaf, node=node: self.leaves.announced(leaf, node.name).keys() >= expected,
                )
                announced = self.leaves.announced(leaf, node.name)
                twin = self.link_local_of_server(leaf, node.name)
                good = announced.keys() == expected and set(announced.values()) == {twin}
                self.report.figure(
                    f"announced_{leaf}_{node.name}",
                    f"{leaf} hears from {node.name}",
                    " ".join(sorted(announced)) + f" via {' '.join(sorted(set(announced.values())))}",
                    good,
                    "its loopback and service, nothing else, next hop its link-local",
                )

    def link_local_of_server(self, leaf: str, server: str) -> str:
        for own, its_leaf, _ in topology.uplinks(server):
            if its_leaf == leaf:
                # The router speaks for the interface's MAC address, which names its link-local.
                mac = self.lab.run(server, "cat", f"/sys/class/net/{own}/address").strip()
                return link_local(mac)
        raise AssertionError(f"{server} has no uplink to {leaf}")

    # --- 2 ------------------------------------------------------------------------------------

    def routes(self) -> None:
        self.report.step("2", "Routes: the default over both uplinks, a leaf's own by the short path")
        expectations = [
            ("default", "0.0.0.0/0", ["up1", "up2"]),
            ("bms2", "10.0.2.2/32", ["up1", "up2"]),
            ("leaf1", "10.255.255.1/32", ["up1"]),
        ]
        for key, prefix, ports in expectations:
            wait_for(
                f"bms1 has {prefix} over {' '.join(ports)}",
                lambda prefix=prefix, ports=ports: self.servers.next_hop_ports("bms1", prefix) == ports,
            )
            found = self.servers.next_hop_ports("bms1", prefix)
            self.report.figure(
                f"next_hops_{key}", f"{prefix} leaves by", " ".join(found), found == ports, " ".join(ports)
            )
        wait_for(
            "the longer path to leaf1 stands by",
            lambda: self.servers.standby("bms1", "10.255.255.1/32") == ["up2"],
        )
        self.report.figure("standby_leaf1", "10.255.255.1/32 stands by on", "up2", True, "up2")

    # --- 3 ------------------------------------------------------------------------------------

    def flows(self) -> None:
        self.report.step("3", f"{CONNECTIONS} HTTP connections bms1 → bms2 spread over both uplinks")
        for node in topology.servers():
            measure.serve_http(self.lab, node.name, "http", node.name)
        with measure.capture(self.lab, "leaf1", "10.0.2.2", ["bms1"]) as by_leaf1:
            with measure.capture(self.lab, "leaf2", "10.0.2.2", ["bms1"]) as by_leaf2:
                bodies = measure.get(self.lab, "bms1", "http://10.0.2.2/", CONNECTIONS)
        answered = bodies.count("bms2")
        self.report.figure(
            "http_answered", "connections answered", answered, answered == CONNECTIONS, str(CONNECTIONS)
        )
        first, second = set(by_leaf1["bms1"]["flows"]), set(by_leaf2["bms1"]["flows"])
        self.report.figure(
            "flows_by_uplink",
            "flows by uplink 1 / uplink 2",
            f"{len(first)} / {len(second)}",
            min(len(first), len(second)) >= CONNECTIONS // 5,
            f"both at least {CONNECTIONS // 5}",
        )
        split = len(first & second)
        self.report.figure("flows_on_both", "flows seen on both", split, split == 0, "0")

    # --- 4 ------------------------------------------------------------------------------------

    def legacy(self) -> None:
        self.report.step("4", "A legacy server without BGP reaches the service by the short path")
        legacy = "192.168.101.20"
        with measure.capture(self.lab, "leaf1", legacy, ["bms1", "bms2"]) as short:
            with measure.capture(self.lab, "leaf2", legacy, ["bms1", "bms2", "spine1"]) as other:
                service = topology.SERVICE.split("/")[0]
                bodies = measure.get(self.lab, "legacy", f"http://{service}/", 16)
        answered = sum(body in ("bms1", "bms2") for body in bodies)
        self.report.figure("legacy_answered", "connections answered", answered, answered == 16, "16")
        by_short = sum(port["packets"] for port in short.values())
        by_other = sum(port["packets"] for port in other.values())
        self.report.figure(
            "legacy_short", "packets back by leaf1", by_short, by_short > 0, "all of them"
        )
        self.report.figure("legacy_other", "packets back by leaf2", by_other, by_other == 0, "0")

    # --- 5 ------------------------------------------------------------------------------------

    def uplink_dies(self) -> None:
        self.report.step("5", "The uplink that carries a ping dies, ten pings a second running")
        source, destination = PING
        uplink = self.uplink_of_ping(source, destination)
        port, leaf, _ = uplink
        self.report.say(f"{source} → {destination} leaves by {port}; first {leaf} takes that link down")
        self.failure("down", "link down", self.link_down, uplink, self.servers.pings_lost)
        # The flow may have moved with the groups' new members.
        uplink = self.uplink_of_ping(source, destination)
        port, leaf, _ = uplink
        self.report.say(f"now silently: frames from and to {port} vanish in {leaf}, the link stays up at both ends; "
                        f"BFD at {topology.BFD_INTERVAL_MS} ms × {topology.BFD_MULTIPLIER} watches")
        self.failure("silent", "silent loss", self.silent_loss, uplink, self.servers.pings_lost_silently)

    def link_down(self, uplink: tuple[str, str, str]):
        _, leaf, interface = uplink
        return fault.link_down(self.lab, leaf, interface)

    def silent_loss(self, uplink: tuple[str, str, str]):
        return self.leaves.silent_loss(uplink, "bms1")

    def failure(self, key: str, title: str, inject, uplink, may_lose: int) -> None:
        """One failure and its repair, each with pings of its own in both directions."""
        source, destination = PING
        _, leaf, _ = uplink
        other = next(own for own, its_leaf, _ in topology.uplinks("bms1") if its_leaf != leaf)
        with contextlib.ExitStack() as stack:
            with measure.ping(self.lab, "bms1", source, destination) as outward:
                with measure.ping(self.lab, "legacy", "192.168.101.20", source) as inward:
                    time.sleep(2)
                    stack.enter_context(inject(uplink))
                    wait_for(
                        f"bms1: the default leaves by {other} alone",
                        lambda: self.servers.next_hop_ports("bms1", "0.0.0.0/0") == [other],
                    )
                    time.sleep(3)
            down = self.servers.next_hop_ports("bms1", "0.0.0.0/0")
            with measure.ping(self.lab, "bms1", source, destination) as outward_repair:
                with measure.ping(self.lab, "legacy", "192.168.101.20", source) as inward_repair:
                    time.sleep(1)
                    before_repair = time.monotonic()
                    stack.close()
                    repaired = self.wait_for_repair(before_repair)
                    time.sleep(2)
        self.report.figure(
            f"{key}_next_hops", f"{title}: default route meanwhile", " ".join(down), down == [other], other
        )
        ways = (
            ("bms2", "bms1 → bms2", outward, outward_repair),
            ("legacy", "legacy → bms1", inward, inward_repair),
        )
        for name, text, ping, _ in ways:
            self.lost_pings(f"{key}_lost_{name}", f"{title}, {text}", ping, may_lose)
            # One ping's interval more than what was lost, and the machine's own delays.
            longest = 150 + 100 * (may_lose + 1)
            self.report.figure(
                f"{key}_gap_{name}_ms",
                f"{title}, {text}: longest gap (ms, sent every 100)",
                round(ping.longest_gap * 1000),
                ping.longest_gap * 1000 <= longest,
                f"≤ {longest}",
            )
        for name, text, _, ping in ways:
            may_lose = self.servers.pings_lost_by_repair
            self.lost_pings(f"{key}_repair_lost_{name}", f"{title} repaired, {text}", ping, may_lose)
        self.report.figure(
            f"{key}_repair_s", f"{title}: both uplinks back after repair (s)", repaired, repaired <= 15, "≤ 15"
        )

    # --- 6 ------------------------------------------------------------------------------------

    def anycast(self) -> None:
        self.report.step("6", "The anycast service answers from both servers, and leaves one whose web server dies")
        if not self.servers.checks_services:
            self.report.say(f"{self.servers.title}: no health checks of services")
            return
        check = f"{{tcp: 80, every: {CHECK_MS}ms, timeout: {CHECK_MS}ms, rise: 2, fall: {CHECK_FALL}}}"
        self.report.say(f"both servers are told to check it, by a reload: {check}")
        for node in topology.servers():
            self.servers.check_service(node, check)
        service = topology.SERVICE.split("/")[0]
        for node in topology.servers():
            wait_for(f"the leaves hear the service from {node.name}", lambda n=node.name: self.service_heard(n, all))
        bodies = measure.get(self.lab, "legacy", f"http://{service}/", SPREAD)
        from_each = [bodies.count(node.name) for node in topology.servers()]
        self.report.figure(
            "service_answers",
            f"{SPREAD} connections of legacy answered by bms1 / bms2",
            " / ".join(str(count) for count in from_each),
            min(from_each) > 0 and sum(from_each) == SPREAD,
            f"both, {SPREAD} together",
        )
        victim = topology.servers()[0].name
        self.report.say(f"then the web server of {victim} is killed, 200 requests a second running")
        with measure.load(self.lab, "legacy", service, connections=4, rate=200) as load:
            time.sleep(1)
            killed = time.monotonic()
            self.lab.stop(victim, "http", signal.SIGKILL)
            wait_for(f"the leaves no longer hear the service from {victim}", lambda: not self.service_heard(victim))
            withdrawn = round(time.monotonic() - killed, 2)
            time.sleep(1)
        fall = CHECK_MS * CHECK_FALL / 1000
        self.report.figure("service_withdrawn_s", "web server killed → gone from both leaves (s)", withdrawn,
                           withdrawn <= fall + 0.6, f"≤ {fall} of checks, and BGP")  # fmt: skip
        late = len(load.failed_after(killed + fall + LEAVES_S))
        self.report.figure("service_late", f"of {load.count} requests, failed that began {fall + LEAVES_S:.1f} s after that or later",
                           late, late == 0, "0")  # fmt: skip
        self.report.say(f"({len(load.failures)} failed before the checks could know)")
        measure.serve_http(self.lab, victim, "http", victim)
        began = time.monotonic()
        wait_for(f"the leaves hear the service from {victim} again", lambda: self.service_heard(victim, all))
        self.report.figure("service_back_s", "web server back → announced again (s)",
                           round(time.monotonic() - began, 2), True, "after two good checks")  # fmt: skip

    def service_heard(self, server: str, how=any) -> bool:
        """Whether any leaf, or all of them, hear the service from a server."""
        return how(topology.SERVICE in self.leaves.announced(leaf, server) for leaf in ("leaf1", "leaf2"))

    def lost_pings(self, key: str, title: str, ping, may_lose: int) -> None:
        self.report.figure(
            key, f"{title}: pings lost of {ping.sent}", ping.lost, ping.lost <= may_lose, f"≤ {may_lose}"
        )

    def wait_for_repair(self, since: float) -> float:
        """Seconds until both uplinks carry the default again."""
        wait_for(
            "bms1: both sessions back",
            lambda: self.servers.established("bms1") >= {"up1", "up2"},
            60,
        )
        wait_for(
            "bms1: the default has two next hops again",
            lambda: self.servers.next_hop_ports("bms1", "0.0.0.0/0") == ["up1", "up2"],
        )
        return round(time.monotonic() - since, 2)

    def uplink_of_ping(self, source: str, destination: str) -> tuple[str, str, str]:
        """The uplink of bms1 that pings to `destination` take: (port, leaf, leaf's interface)."""
        for uplink in topology.uplinks("bms1"):
            _, leaf, interface = uplink
            with measure.capture(self.lab, leaf, destination, [interface]) as seen:
                self.lab.run(
                    "bms1", "ping", "-c3", "-i0.1", "-W1", "-I", source, destination, check=False
                )
            if seen[interface]["packets"] >= 3:
                return uplink
        raise LabError(f"no uplink of bms1 carries pings to {destination}")

    def run(self) -> None:
        self.sessions()
        self.routes()
        self.flows()
        self.legacy()
        self.uplink_dies()
        self.anycast()


def link_local(mac: str) -> str:
    """fe80::/64 with the modified EUI-64 of a MAC address (RFC 4291 appendix A)."""
    octets = bytes.fromhex(mac.replace(":", ""))
    identifier = bytes([octets[0] ^ 2]) + octets[1:3] + b"\xff\xfe" + octets[3:]
    return str(ipaddress.IPv6Address(b"\xfe\x80" + bytes(6) + identifier))


def main(lab: Lab, kind: str, leaf_kind: str, keep: bool, json_file: str | None) -> int:
    report = Report(color=sys.stdout.isatty())
    print(f"Last-mile fabric: FRR on the spine, {leaves.KINDS[leaf_kind].title} on the leaves, "
          f"{servers.KINDS[kind].title} on the servers")
    if lab.exists():
        report.say("a fabric is already there; it is replaced")
        lab.remove()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        begin = time.monotonic()
        fabric.up(lab, leaf_kind)
        report.say(f"spine and leaves up in {time.monotonic() - begin:.1f} s")
        Demo(lab, kind, leaf_kind, report).run()
    finally:
        if not keep:
            lab.remove()
    if json_file:
        with open(json_file, "w", encoding="utf-8") as out:
            json.dump({"servers": kind, "leaves": leaf_kind, "figures": report.figures, "failed": report.failed}, out, indent=1)
    count = len(report.figures)
    if report.failed:
        print(f"\n{count - len(report.failed)} of {count} figures as expected; not: {' '.join(report.failed)}")
        return 1
    print(f"\nAll {count} figures as expected.")
    return 0
