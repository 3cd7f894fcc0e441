"""Measuring in the lab: captures on leaves, pings with their gaps, HTTP."""
from __future__ import annotations

import json
import re
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from . import lastmile
from .netns import Lab, LabError, wait_for

TOOLS = Path(__file__).resolve().parents[1]
PYTHON = "/usr/bin/python3"
# Requests a second that Python does in passing; above, it is done by a program of its own.
FEW = 1000
REQUESTS = lastmile.BUILD / "tools/flows_src/lastmile-requests"


@contextmanager
def capture(lab: Lab, node: str, destination: str, interfaces: list[str]):
    """Counts packets to `destination` that arrive on a node's interfaces; the dictionary that is
    given is filled when the block ends."""
    process = subprocess.Popen(
        lab.in_node(node) + [PYTHON, "-m", "lablib.capture", destination, *interfaces],
        cwd=TOOLS,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    result: dict = {}
    try:
        if process.stdout.readline().strip() != "ready":
            raise LabError(f"{node}: the capture did not start")
        yield result
        time.sleep(0.1)
        result.update(json.loads(process.communicate(input="\n", timeout=10)[0]))
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


@dataclass
class Ping:
    """What a ping of ten packets a second saw. Times in seconds."""

    sent: int = 0
    received: int = 0
    longest_gap: float = 0.0
    missing: list[int] = field(default_factory=list)

    @property
    def lost(self) -> int:
        return self.sent - self.received


@contextmanager
def ping(lab: Lab, node: str, source: str, destination: str, interval: float = 0.1):
    """Pings while the block runs; the result is filled when it ends."""
    process = subprocess.Popen(
        lab.in_node(node)
        + ["ping", "-D", "-O", "-n", "-i", str(interval), "-I", source, destination],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    result = Ping()
    try:
        yield result
    finally:
        time.sleep(0.3)
        process.send_signal(2)
        output = process.communicate(timeout=10)[0]
    read_ping(output, result)


def read_ping(output: str, result: Ping) -> None:
    """Fills a result from ping's own output (-D: times of arrival)."""
    summary = re.search(r"(\d+) packets transmitted, (\d+) received", output)
    if not summary:
        raise LabError("ping gave no summary:\n" + output)
    result.sent, result.received = int(summary[1]), int(summary[2])
    arrivals = [
        (float(m[1]), int(m[2]))
        for m in re.finditer(r"^\[([\d.]+)\] \d+ bytes from .* icmp_seq=(\d+)", output, re.M)
    ]
    sequences = {sequence for _, sequence in arrivals}
    result.missing = [s for s in range(1, result.sent + 1) if s not in sequences]
    # A packet still under way when ping was ended is not a loss.
    if result.missing and result.missing[-1] == result.sent:
        result.missing.pop()
        result.sent -= 1
    times = [when for when, _ in arrivals]
    result.longest_gap = max((b - a for a, b in zip(times, times[1:])), default=0.0)


@dataclass
class Requests:
    """What became of the requests of a load."""

    count: int = 0
    skipped: int = 0  # due while no connection was free
    seconds: float = 0.0
    longest_ms: float = 0.0
    bodies: dict[str, int] = field(default_factory=dict)
    failures: list[dict] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return self.count / self.seconds if self.seconds else 0.0

    def failed_after(self, moment: float) -> list[dict]:
        """Those that began later than that (time.monotonic())."""
        return [f for f in self.failures if f["began"] > moment]


@contextmanager
def load(lab: Lab, node: str, address: str, connections: int = 8, rate: float = 0, keep: bool = False):
    """Requests to port 80 while the block runs, so many a second (0: as many as go); the result is filled when it ends.
    `keep`: over connections that stay."""
    if rate > FEW:
        client = [str(REQUESTS), "load", "--to", address]
    else:
        client = [PYTHON, "-m", "lablib.web", "load", address, "80"]
    process = subprocess.Popen(
        lab.in_node(node) + client + ["--connections", str(connections), "--rate", str(rate)] + ["--keep"] * keep,
        cwd=TOOLS,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    result = Requests()
    try:
        if process.stdout.readline().strip() != "ready":
            raise LabError(f"{node}: the load did not start")
        yield result
        seen = json.loads(process.communicate(timeout=60)[0])
        result.count, result.seconds = seen["requests"], seen["seconds"]
        result.skipped, result.longest_ms = seen.get("skipped", 0), seen.get("longest_ms", 0.0)
        result.bodies, result.failures = seen["bodies"], seen["failures"]
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def serve_fast(lab: Lab, node: str, name: str, text: str, rate: float = 0) -> None:
    """The same as serve_http for many requests a second; `rate`: how many are to come."""
    if rate > FEW:
        lab.start(node, name, [str(REQUESTS), "serve", "--text", text])
    else:
        lab.start(node, name, ["env", f"PYTHONPATH={TOOLS}", PYTHON, "-m", "lablib.web", "serve", "80", text])
    wait_for(
        f"{node}: web server starts",
        lambda: "LISTEN" in lab.run(node, "ss", "-Hltn", "sport = :80"),
    )


def serve_http(lab: Lab, node: str, name: str, text: str) -> None:
    """A web server on every address of the node, answering with its name."""
    folder = lab.folder(node) / "www"
    folder.mkdir(exist_ok=True)
    (folder / "index.html").write_text(text + "\n")
    lab.start(node, name, [PYTHON, "-m", "http.server", "80", "--directory", str(folder)])
    wait_for(
        f"{node}: web server starts",
        lambda: "LISTEN" in lab.run(node, "ss", "-Hltn", "sport = :80"),
    )


def get(lab: Lab, node: str, url: str, count: int = 1, source: str | None = None) -> list[str]:
    """Fetches a URL `count` times, each over a connection of its own; the bodies, "" for a failure."""
    bind = ["--interface", source] if source else []
    script = (
        f"for i in $(seq {count}); do curl -s -m 5 {' '.join(bind)} -o - {url} || echo; done"
    )
    return lab.run(node, "sh", "-c", script, timeout=60 + 5 * count).splitlines()


def packets(lab: Lab, node: str, interface: str, direction: str = "rx") -> int:
    text = lab.run(node, "cat", f"/sys/class/net/{interface}/statistics/{direction}_packets")
    return int(text)
