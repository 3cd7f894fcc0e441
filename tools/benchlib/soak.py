"""Tables come and go, for as long as you like, and the router holds no more of anything than at the start."""
from __future__ import annotations

import random
import statistics
import subprocess
import time
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv6Address

from lablib import figures
from lablib.netns import settled

from .bed import FIRST_ASN, FIRST_PEER, ROUTER, Bed, BedError, Feed, inside, run
from .routers import Lastmile

PEERS = 2
ROUTER6, NEXT_HOP6, SUBNET6 = "2001:db8:98::fe", "2001:db8:98::1", "/64"
# How many of a hundred prefixes have each length, about as in the global tables. Those beyond /24 take second-level groups.
LENGTHS = {4: {16: 4, 19: 6, 20: 8, 21: 8, 22: 12, 23: 10, 24: 50, 28: 1, 32: 1}, 6: {29: 5, 32: 20, 36: 5, 40: 10, 44: 12, 48: 45, 64: 2, 128: 1}}
OF_IPV6 = 5  # one in so many
# How the table goes in one cycle after the other. Both peers announce the same one.
LOADED = 0.99  # of the table: a few prefixes of it may be refused
WAYS_OUT = ["withdraw", "close", "churn", "close one"]


def table(routes: int, seed: int = 1) -> list[str]:
    """So many different prefixes of both families."""
    chance = random.Random(seed)
    wanted = {6: routes // OF_IPV6, 4: routes - routes // OF_IPV6}
    bits, kind = {4: 32, 6: 128}, {4: IPv4Address, 6: IPv6Address}
    # Blocks without any part that is special (RFC 6890).
    block = {4: lambda: chance.randrange(11, 100) << 24, 6: lambda: 0x2A00 << 112}
    made = []
    for family, count in wanted.items():
        seen: set[tuple[int, int]] = set()
        lengths, weights = zip(*LENGTHS[family].items())
        while len(seen) < count:
            length = chance.choices(lengths, weights)[0]
            host = bits[family] - length
            free = bits[family] - (8 if family == 4 else 16)
            seen.add(((block[family]() | chance.getrandbits(free)) >> host << host, length))
        made += [f"{kind[family](address)}/{length}" for address, length in sorted(seen)]
    return made


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
        self.router.addresses = [*self.router.addresses, ROUTER6 + SUBNET6]
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

    def holds(self, share: float) -> bool:
        """Whether so much of the table is in the forwarding tables of both families, beside what is there without it."""
        fib = self.show("fib")
        if not fib or fib["queue"]["depth"] != 0:
            return False
        of = {"ipv6": self.routes // OF_IPV6, "ipv4": self.routes - self.routes // OF_IPV6}
        base = self.result.start.fib
        there = {family: fib[family]["routes"] - base[f"{family} routes"] for family in of}
        return all(int(of[family] * share) <= there[family] <= (of[family] if share else 0) for family in of)

    def cycle(self, feed: Feed, how: str) -> None:
        feed.say("announce")
        self.result.load_s.append(self.wait("the table", lambda: self.holds(LOADED)))
        if how == "churn":
            feed.ask("churn seconds=2 rate=5000")
        if how == "close":
            feed.say("close")
        elif how == "close one":
            feed.say("close peer=0")
            self.wait("the other's table stays", lambda: self.holds(LOADED))
            feed.say("withdraw peer=1")
        else:
            feed.say("withdraw")
        self.wait("the tables are empty", lambda: self.holds(0))
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
        feed = next_hop = None
        try:
            run(*inside(self.bed.peers), "ip", "address", "add", NEXT_HOP6 + SUBNET6, "dev", "feed0", "nodad")
            self.router.start(PEERS, self.routes)
            prefixes = self.bed.folder / "prefixes"
            prefixes.write_text("".join(f"{prefix}\t{1000 + number % 40000}\n" for number, prefix in enumerate(table(self.routes))))
            feed = Feed(self.bed, "--connect", ROUTER, "--source", FIRST_PEER, "--asn", str(FIRST_ASN), "--peers", str(PEERS),
                        "--prefixes", str(prefixes), "--next-hop6", NEXT_HOP6)  # fmt: skip
            self.wait("sessions", self.up, 60)
            # The IPv6 next hop is a neighbor at all times, as the IPv4 ones are by their sessions: it has a route, too.
            next_hop = subprocess.Popen([*inside(self.bed.peers), "ping", "-q", "-I", NEXT_HOP6, ROUTER6], stdout=subprocess.DEVNULL)
            began = time.monotonic()
            while self.result.cycles < cycles or time.monotonic() < began + seconds:
                self.one(feed)
        finally:
            if feed is not None:
                feed.stop()
            if next_hop is not None:
                next_hop.terminate()
                next_hop.wait()
            self.router.stop()

    def one(self, feed: Feed) -> None:
        how = WAYS_OUT[self.result.cycles % len(WAYS_OUT)]
        if self.result.start is None:
            settled(lambda: (now := self.figures()) and now.fib)  # own addresses come into the tables one by one
            self.result.start = empty = self.figures()
            self.cycle(feed, how)
            self.wait("a second look", lambda: self.figures() is not None)
            # The first table makes room in memory for all that follow. Of the forwarding tables it keeps nothing.
            self.result.start = replace(self.figures(), fib=empty.fib)
        else:
            self.cycle(feed, how)
        self.judge()
        self.result.cycles += 1
        now = self.result.seen[-1]
        self.say(f"{self.result.cycles:5} {how:10} loaded in {self.result.load_s[-1]:5.1f} s; empty: heap {now.heap >> 10} KiB, "
                 f"resident {now.resident >> 10} KiB, {now.descriptors} descriptors, "
                 f"{now.fib['ipv4 tbl8_used']} and {now.fib['ipv6 tbl8_used']} tbl8, "
                 f"{now.fib['ipv4 groups']} and {now.fib['ipv6 groups']} groups")  # fmt: skip


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
