"""Namespaces, links and processes of a lab, and their removal.

Everything that a lab makes is named after it (`PREFIX-node`) and every process that it starts is
written down in its state folder with its start time, so that `down` ends exactly those, also after
the process that started them is gone.
"""
from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from . import topology

STATE_ROOT = Path("/run/lastmile-lab")

# Forwarding spreads over layer-4 flows, and no reverse-path filter stands between unnumbered links.
# DAD is off so that link-local addresses work at once.
SYSCTLS = {
    "net.ipv4.ip_forward": "1",
    "net.ipv4.fib_multipath_hash_policy": "1",
    "net.ipv4.conf.all.rp_filter": "0",
    "net.ipv4.conf.default.rp_filter": "0",
    "net.ipv6.conf.all.forwarding": "1",
    "net.ipv6.conf.default.accept_dad": "0",
    "net.ipv6.conf.all.accept_dad": "0",
    "net.ipv6.conf.default.accept_ra": "0",
    "net.ipv4.conf.all.ignore_routes_with_linkdown": "1",
}
# Seconds that a test waits for what is to come. Only one that fails waits so long: no test is about time on the clock, and on
# a busy machine everything can stand still for ten seconds and more.
PATIENCE = 60

OFFLOADS = ["rx", "off", "tx", "off", "tso", "off", "gso", "off", "gro", "off"]


class LabError(Exception):
    """A failure whose text is meant for the person at the terminal."""


def run(*command: str, check: bool = True, timeout: float = 60) -> str:
    """Runs a command to its end and gives its output; LabError with its words if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    if check and done.returncode != 0:
        words = (done.stderr or done.stdout).strip() or f"exit status {done.returncode}"
        raise LabError(f"{' '.join(command)}: {words}")
    return done.stdout


def start_time(pid: int) -> str | None:
    """The kernel's start time of a process: with its id, its identity."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
    except (OSError, IndexError):
        return None


@dataclass(frozen=True)
class Ending:
    """How a process that was told to end did so. The status is that of subprocess: negative for a signal; None if it was gone
    before, or is not our child."""

    status: int | None
    killed: bool = False  # it did not go in time

    def fault(self) -> str | None:
        """What was wrong with an end that was to be an orderly one."""
        if self.killed:
            return "did not end in time, and was killed"
        if self.status is None:
            return "had ended before it was told to"
        return f"ended with status {self.status}" if self.status else None


class Lab:
    """One fabric: its namespaces, state folder and processes."""

    def __init__(self, prefix: str = "lm"):
        self.prefix = prefix
        self.state = STATE_ROOT / prefix

    # --- namespaces -------------------------------------------------------------------------

    def namespace(self, node: str) -> str:
        return f"{self.prefix}-{node}"

    def in_node(self, node: str) -> list[str]:
        return ["ip", "netns", "exec", self.namespace(node)]

    def run(self, node: str, *command: str, check: bool = True, timeout: float = 60) -> str:
        return run(*self.in_node(node), *command, check=check, timeout=timeout)

    def folder(self, node: str) -> Path:
        path = self.state / node
        path.mkdir(parents=True, exist_ok=True)
        return path

    def exists(self) -> bool:
        return self.state.exists()

    def make_namespaces(self) -> None:
        self.state.mkdir(parents=True, exist_ok=True)
        for node in topology.NODES:
            run("ip", "netns", "add", self.namespace(node.name))
            self.prepare(node.name)

    def prepare(self, node: str) -> None:
        """What every namespace of a lab is like."""
        for key, value in SYSCTLS.items():
            self.run(node, "sysctl", "-qw", f"{key}={value}", check=False)
        self.run(node, "ip", "link", "set", "lo", "up")

    def make_links(self, links: list[topology.Link] | None = None) -> None:
        """The links of the lab's fabric, or others between its nodes."""
        for link in topology.LINKS if links is None else links:
            (a, a_interface), (b, b_interface) = link.a, link.b
            run(
                "ip", "link", "add", a_interface, "mtu", str(link.mtu), "netns", self.namespace(a),
                "type", "veth", "peer", "name", b_interface, "mtu", str(link.mtu),
                "netns", self.namespace(b),
            )  # fmt: skip
            for node, interface in (link.a, link.b):
                # A DPDK port would see packets with no checksum and 64 kB frames otherwise.
                self.run(node, "ethtool", "-K", interface, *OFFLOADS, check=False)
                for address in link.addresses.get(node, []):
                    self.run(node, "ip", "address", "add", address, "dev", interface)
                self.run(node, "ip", "link", "set", interface, "up")
        if links is None:  # the legacy server knows only its active leaf
            self.run("legacy", "ip", "route", "add", "default", "via", "192.168.101.254")

    # --- processes ---------------------------------------------------------------------------

    def start(self, node: str, name: str, command: list[str]) -> subprocess.Popen:
        """Starts a long-running process in a node; output goes to its log in the state folder."""
        folder = self.folder(node)
        with open(folder / f"{name}.log", "ab") as log:
            process = subprocess.Popen(
                self.in_node(node) + command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.remember(node, name, process.pid)
        return process

    def remember(self, node: str, name: str, pid: int) -> None:
        (self.folder(node) / f"{name}.process").write_text(f"{pid} {start_time(pid)}\n")

    def pid(self, node: str, name: str) -> int | None:
        """The id of a process that we started, if it still runs."""
        try:
            pid, started = (self.folder(node) / f"{name}.process").read_text().split()
        except (OSError, ValueError):
            return None
        return int(pid) if start_time(int(pid)) == started else None

    def stop(self, node: str, name: str, how: int = signal.SIGTERM, patience: float = 10) -> Ending:
        """Ends one of our processes and waits for it to be gone; how it went."""
        pid = self.pid(node, name)
        record = self.folder(node) / f"{name}.process"
        status, killed = None, False
        if pid is not None:
            os.kill(pid, how)
            deadline = time.monotonic() + patience
            while self.pid(node, name) is not None:
                if (status := _reap(pid)) is not None:
                    break
                if time.monotonic() > deadline:
                    killed = True
                    os.kill(pid, signal.SIGKILL)
                    deadline += patience
                time.sleep(0.02)
        record.unlink(missing_ok=True)
        return Ending(status, killed)

    def processes(self, node: str) -> list[str]:
        folder = self.state / node
        return sorted(p.stem for p in folder.glob("*.process")) if folder.exists() else []

    # --- removal -----------------------------------------------------------------------------

    def remove(self) -> None:
        """Ends our processes and removes our namespaces; what is already gone is no error."""
        from . import frr

        for node in topology.NODES:
            for name in self.processes(node.name):
                self.stop(node.name, name)
        known = run("ip", "netns", "list", check=False).split()
        for node in topology.NODES:
            if self.namespace(node.name) in known:
                run("ip", "netns", "delete", self.namespace(node.name), check=False)
            frr.remove(self, node.name)
        shutil.rmtree(self.state, ignore_errors=True)
        if STATE_ROOT.exists() and not any(STATE_ROOT.iterdir()):
            STATE_ROOT.rmdir()


def _reap(pid: int) -> int | None:
    """The exit status of a child that has ended."""
    try:
        ended_one, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return None
    return os.waitstatus_to_exitcode(status) if ended_one else None


def settled(read, quiet: float = 2, patience: float = 60):
    """What `read` gives once it has given the same for `quiet` seconds."""
    before, since = read(), time.monotonic()
    deadline = since + patience
    while time.monotonic() < since + quiet:
        time.sleep(0.3)
        if (now := read()) != before:
            before, since = now, time.monotonic()
        if time.monotonic() > deadline:
            raise LabError(f"the state does not settle within {patience:.0f} s")
    return before


def wait_for(what: str, condition, patience: float = PATIENCE, every: float = 0.05, of: subprocess.Popen | None = None) -> float:
    """Waits until `condition()` is true and gives the seconds it took; LabError if it never is, with what the threads are
    at of the process that it depends on."""
    start = time.monotonic()
    while not condition():
        if time.monotonic() - start > patience:
            raise LabError(f"{what}: not within {patience:g} s" + (f"\n{threads(of.pid)}" if of else ""))
        time.sleep(every)
    return time.monotonic() - start


def threads(pid: int) -> str:
    """What each thread of a process is at, a line each: its state, where in the kernel it sleeps, its processor time."""
    lines = []
    for task in Path(f"/proc/{pid}/task").glob("*"):
        try:
            stat = (task / "stat").read_text().rpartition(")")[2].split()
            name, asleep, stack = [(task / file).read_text().strip() for file in ("comm", "wchan", "stack")]
        except OSError:
            continue  # it has ended meanwhile
        calls = ", ".join(re.findall(r"\] (\w+)", stack))
        lines.append(f"  {task.name} {name}: {stat[0]} {asleep} [{calls}], {(int(stat[11]) + int(stat[12])) / os.sysconf('SC_CLK_TCK'):.2f} s of processor time")
    return "\n".join(lines)


def ended(process: subprocess.Popen, patience: float = PATIENCE) -> int:
    """Waits for the end of a process that was told to, and gives its exit status; LabError with what it is at if it does not."""
    try:
        return process.wait(patience)
    except subprocess.TimeoutExpired:
        raise LabError(f"{process.args} has not ended within {patience:g} s:\n{threads(process.pid)}") from None
