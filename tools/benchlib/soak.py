"""Tables come and go, for as long as you like, and the router holds no more of anything than at the start."""
from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field

from lablib import figures

from .bed import FIRST_ASN, FIRST_PEER, ROUTER, Bed, BedError, Feed
from .routers import Lastmile

PEERS = 2
# How the table goes in one cycle after the other. Both peers announce the same one.
WAYS_OUT = ["withdraw", "close", "churn", "close one"]


@dataclass
class Soak:
    cycles: int = 0
    violations: list[str] = field(default_factory=list)
    start: figures.Figures | None = None
    seen: list[figures.Figures] = field(default_factory=list)  # after each cycle, empty again
    load_s: list[float] = field(default_factory=list)


class Run:
    def __init__(self, bed: Bed, routes: int, say):
        self.bed, self.routes, self.say = bed, routes, say
        self.router = Lastmile(bed)
        self.result = Soak()

    def show(self, what: str) -> dict:
        try:
            return self.router.ask("show " + what)
        except (OSError, ValueError, KeyError):
            return {}

    def figures(self) -> figures.Figures | None:
        return figures.read(self.router.processes[0].pid, self.show)

    def wait(self, what: str, condition, patience: float = 300) -> float:
        began = time.monotonic()
        while not condition():
            if time.monotonic() > began + patience:
                raise BedError(f"{what}: not within {patience:g} s")
            time.sleep(0.1)
        return time.monotonic() - began

    def up(self) -> bool:
        return all(n["state"] == "Established" for n in self.show("bgp").get("neighbors", [{"state": ""}]))

    def holds(self, least: int, most: int) -> bool:
        fib = self.show("fib")
        return bool(fib) and least <= fib["ipv4"]["routes"] <= most and fib["queue"]["depth"] == 0

    def cycle(self, feed: Feed, how: str) -> None:
        base = self.result.start.fib["ipv4 routes"]
        feed.say("announce")
        self.result.load_s.append(self.wait("the table", lambda: self.holds(base + int(self.routes * 0.99), base + self.routes)))
        if how == "churn":
            feed.ask("churn seconds=2 rate=5000")
        if how == "close":
            feed.say("close")
        elif how == "close one":
            feed.say("close peer=0")
            self.wait("the other's table stays", lambda: self.holds(base + int(self.routes * 0.99), base + self.routes))
            feed.say("withdraw peer=1")
        else:
            feed.say("withdraw")
        self.wait("the tables are empty", lambda: self.holds(base, base))
        if "close" in how:
            feed.say("open")
            self.wait("sessions", self.up)

    def judge(self) -> None:
        """Freed memory may be on its way back; what stays is a leak."""
        deadline = time.monotonic() + 30
        while True:
            now = self.figures()
            wrong = now.differences(self.result.start) + now.growth(self.result.start) if now else ["no figures"]
            if not wrong or time.monotonic() > deadline:
                break
            time.sleep(0.5)
        if now:
            self.result.seen.append(now)
        for text in wrong:
            self.result.violations.append(f"cycle {self.result.cycles}: {text}")
            self.say(f"     VIOLATION {text}")

    def go(self, cycles: int, seconds: float) -> None:
        """At least so many cycles, and for at least so many seconds."""
        feed = None
        try:
            self.router.start(PEERS, self.routes)
            feed = Feed(self.bed, "--connect", ROUTER, "--source", FIRST_PEER, "--asn", str(FIRST_ASN), "--peers", str(PEERS),
                        "--routes", str(self.routes))  # fmt: skip
            self.wait("sessions", self.up, 60)
            began = time.monotonic()
            while self.result.cycles < cycles or time.monotonic() < began + seconds:
                self.one(feed)
        finally:
            if feed is not None:
                feed.stop()
            self.router.stop()

    def one(self, feed: Feed) -> None:
        how = WAYS_OUT[self.result.cycles % len(WAYS_OUT)]
        if self.result.start is None:  # the first table makes room for all that follow
            self.result.start = self.figures()
            self.cycle(feed, how)
            self.wait("a second look", lambda: self.figures() is not None)
            self.result.start = self.figures()
        else:
            self.cycle(feed, how)
        self.judge()
        self.result.cycles += 1
        now = self.result.seen[-1]
        self.say(f"{self.result.cycles:5} {how:10} loaded in {self.result.load_s[-1]:5.1f} s; empty: heap {now.heap >> 10} KiB, "
                 f"resident {now.resident >> 10} KiB, {now.descriptors} descriptors, "
                 f"{now.fib['ipv4 tbl8_used']} tbl8, {now.fib['ipv4 groups']} groups")  # fmt: skip


def soak(routes: int, cycles: int, seconds: float = 0, say=print) -> Soak:
    with Bed(offloads=False) as bed:
        run = Run(bed, routes, say)
        try:
            run.go(cycles, seconds)
        except BedError as error:
            run.result.violations.append(f"cycle {run.result.cycles}: {error}")
            say(f"     VIOLATION {error}")
        return run.result


def report(result: Soak, say=print) -> None:
    for name, unit, values in (
        ("heap", "KiB", [f.heap >> 10 for f in result.seen]),
        ("resident", "KiB", [f.resident >> 10 for f in result.seen]),
        ("packet buffers", "", [f.buffers for f in result.seen if f.buffers is not None]),
        ("descriptors", "", [f.descriptors for f in result.seen]),
    ):
        if values:
            say(f"{name:15} first {values[0]}, last {values[-1]}, median {statistics.median(values):.0f} ({min(values)}–{max(values)}) {unit}")
    say(f"{result.cycles} cycles, {len(result.violations)} violations")
