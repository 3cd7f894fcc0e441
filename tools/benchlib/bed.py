"""Two namespaces and a link: a router under test, and the feed that speaks to it."""
from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("LASTMILE_BUILD", TOP / "build"))
FEED = BUILD / "tools" / "feed_src" / "lastmile-feed"

ROUTER = "10.98.0.254"
LOOPBACK = "10.0.1.1"
FIRST_PEER = "10.98.0.1"
FIRST_ASN = 65001
MTU = 9000


class BedError(Exception):
    """A failure whose text is meant for the person at the terminal."""


def peer_address(n: int) -> str:
    return f"10.98.0.{n + 1}"


def run(*command: str, check: bool = True) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if check and done.returncode != 0:
        raise BedError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


class Bed:
    """`with Bed() as bed:` makes namespaces named after this process and removes them. `echo`: the feed's end
    forwards what is for the router's loopback, so that echo packets (RFC 9747) come back. `bfd`: Lastmile's profile
    for all neighbors; with echo it is echo alone."""

    def __init__(self, offloads: bool, echo: bool = False, bfd: str = ""):
        self.bfd = bfd or ("{interval: 10ms, multiplier: 3, echo: unaffiliated}" if echo else "")
        self.prefix = f"lmb{os.getpid()}"
        self.router, self.peers = f"{self.prefix}-dut", f"{self.prefix}-feed"
        self.offloads, self.echo = offloads, echo
        self.folder = Path(tempfile.mkdtemp(prefix="lastmile-bench-"))

    def __enter__(self):
        try:
            self.make()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *_):
        self.remove()

    def make(self) -> None:
        for space in (self.router, self.peers):
            run("ip", "netns", "add", space)
            run(*inside(space), "ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "dut0", "mtu", str(MTU), "netns", self.router, "type", "veth",
            "peer", "name", "feed0", "mtu", str(MTU), "netns", self.peers)  # fmt: skip
        for space, interface in ((self.router, "dut0"), (self.peers, "feed0")):
            if not self.offloads:  # a DPDK port would see frames of 64 kB with no checksum
                run(*inside(space), "ethtool", "-K", interface, "rx", "off", "tx", "off", "tso",
                    "off", "gso", "off", "gro", "off", check=False)  # fmt: skip
            run(*inside(space), "ip", "link", "set", interface, "up")
        for n in range(64):
            run(*inside(self.peers), "ip", "address", "add", f"{peer_address(n)}/24", "dev", "feed0")
        if self.echo:
            run(*inside(self.peers), "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.send_redirects=0",
                "net.ipv4.conf.feed0.send_redirects=0")  # fmt: skip
            run(*inside(self.peers), "ip", "route", "add", f"{LOOPBACK}/32", "via", ROUTER)

    def remove(self) -> None:
        for space in (self.router, self.peers):
            run("ip", "netns", "delete", space, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)


def inside(space: str) -> list[str]:
    return ["ip", "netns", "exec", space]


class Feed:
    """lastmile-feed with its commands; events are kept by the time at which they were read."""

    def __init__(self, bed: Bed, *options: str):
        if not FEED.exists():
            raise BedError(f"{FEED} is not there; run: tools/build --target tools/feed_src/lastmile-feed")
        self.process = subprocess.Popen(
            inside(bed.peers) + [str(FEED), *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.lines: list[dict] = []
        self.arrived = threading.Condition()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self) -> None:
        for line in self.process.stdout:
            with self.arrived:
                self.lines.append(json.loads(line))
                self.arrived.notify_all()

    def wait_for(self, test, patience: float = 120) -> dict:
        """The first line, from now on or before, that passes `test`; it is taken out."""
        deadline = time.monotonic() + patience
        with self.arrived:
            while True:
                for line in self.lines:
                    if test(line):
                        self.lines.remove(line)
                        return line
                if not self.arrived.wait(max(0.0, deadline - time.monotonic())):
                    raise BedError(f"the feed said nothing of the kind; last: {self.lines[-3:]}")

    def event(self, name: str, peer: int | None = None, patience: float = 120) -> dict:
        return self.wait_for(
            lambda line: line.get("event") == name and (peer is None or line.get("peer") == peer),
            patience,
        )

    def say(self, command: str) -> None:
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def ask(self, command: str, patience: float = 300) -> dict:
        self.say(command)
        answer = self.wait_for(lambda line: line.get("command") == command, patience)
        if "error" in answer:
            raise BedError(f"feed: {command}: {answer['error']}")
        return answer

    def stop(self) -> None:
        if self.process.poll() is None:
            try:
                self.say("quit")
                self.process.wait(5)
            except (OSError, subprocess.TimeoutExpired):
                self.process.kill()
        self.process.wait()


class Usage:
    """Processor time and peak memory of a router's processes, from /proc."""

    TICK = os.sysconf("SC_CLK_TCK")

    def __init__(self, pids: list[int]):
        self.pids = pids

    def cpu_s(self) -> float:
        total = 0
        for pid in self.pids:
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        return total / self.TICK

    def _status(self, key: str) -> int:
        total = 0
        for pid in self.pids:
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith(key + ":"):
                    total += int(line.split()[1]) * 1024
        return total

    def peak_bytes(self) -> int:
        return self._status("VmHWM")

    def resident_bytes(self) -> int:
        return self._status("VmRSS")
