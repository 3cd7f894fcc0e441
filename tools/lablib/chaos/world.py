"""The fabric of a chaos run: two servers whose files lie on small disks of their own, watched leaves, and traffic."""
from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .. import fabric, fault, figures, frr, lastmile, topology
from ..netns import Lab, LabError, run, wait_for
from . import flows
from .oracle import Oracle

DISK = 24  # MiB, of each server: configuration, control socket, recording
PROFILE = "{interval: 100ms, multiplier: 3}"  # of BFD: many programs share the processors
LEAF_BFD_MS = 100
RESTART = "graceful-restart: {mode: restarter, restart-time: 60s}"
LEAF_WITH_RESTART = "leaf1"  # the other one has no graceful restart
FRR_BFD_PRIORITY = 2
SEEN = "chaos_seen"  # a leaf's table of what crosses it
EVERY_PART_IS_SENT = 0.2  # seconds; ten packets of each
LEAVES_REMEMBER = 30  # seconds until a leaf is asked whether it waits for what it has been told
SERVER_ENDS = 20  # seconds at most, from SIGTERM; with sanitizers that look for leaks, too


@dataclass(frozen=True)
class State:
    """A server at rest."""

    routes: dict[str, tuple[str, ...]]
    figures: figures.Figures

    def differences(self, start: State) -> list[str]:
        return figures.changed_routes(self.routes, start.routes) + self.figures.differences(start.figures)


class Disturbed:
    """When a leaf whose daemons are hurt may lose what crosses it."""

    def __init__(self):
        self.windows: list[tuple[float, float | None]] = []

    def for_a_moment(self) -> None:
        """Now something changes that everybody hears of at once."""
        now = time.time()
        self.windows.append((now, now))

    def until_whole(self) -> None:
        """From now on it comes back: it attracts traffic before its kernel has all routes, and nobody outside can tell when. So
        until all sessions are back."""
        self.windows.append((time.time(), None))


class World:
    def __init__(self, lab: Lab):
        self.lab = lab
        self.servers = [n.name for n in topology.servers()]
        self.leaves = [n.name for n in topology.NODES if n.role == "leaf"]
        self.oracle = Oracle(flows.known())
        self.traffic = flows.Traffic(lab, self.oracle.flows)
        self.at_start: dict[str, State] = {}  # by server
        self.of_process: dict[int, figures.Figures] = {}
        self.faults: list[str] = []  # of ends that were not orderly; who judges takes them
        self.reminded: list[str] = []  # what leaves had to be reminded of; likewise

    # --- the fabric -----------------------------------------------------------------------------

    def build(self) -> None:
        fabric.up(self.lab)
        frr.configure(self.lab, LEAF_WITH_RESTART, f"router bgp {topology.node(LEAF_WITH_RESTART).asn}",
                      "bgp graceful-restart", "bgp graceful-restart preserve-fw-state")  # fmt: skip
        for leaf in self.leaves:
            frr.watch(self.lab, topology.node(leaf), self.servers, LEAF_BFD_MS)
            frr.vtysh(self.lab, leaf, "write memory")
            self.put_bfd_first(leaf)
            self.count_parts(leaf)
        for server in self.servers:
            run("mount", "-t", "tmpfs", "-o", f"size={DISK}m", "chaos", str(self.disk(server)))
            os.mkfifo(self.log_pipe(server))
            self.read_log(server)
            self.start_server(server)
        self.wait_until_whole()
        self.traffic.start()
        wait_for("all flows arrive", self.traffic.all_heard)
        self.settle()

    def remove(self) -> None:
        self.traffic.stop()
        for node in topology.NODES:
            for name in self.lab.processes(node.name):
                self.lab.stop(node.name, name, how=signal.SIGKILL if name == "lastmiled" else signal.SIGTERM)
        for server in self.servers:
            run("umount", str(self.disk(server)), check=False)
        self.lab.remove()

    def put_bfd_first(self, leaf: str) -> None:
        """A leaf has processors of its own; here its BFD must not wait for a compiler."""
        os.sched_setscheduler(self.lab.pid(leaf, "bfdd"), os.SCHED_FIFO, os.sched_param(FRR_BFD_PRIORITY))

    # --- servers --------------------------------------------------------------------------------

    def disk(self, server: str) -> Path:
        return self.lab.folder(server)

    def log_file(self, server: str) -> Path:
        """Not on the server's disk, which gets full."""
        return self.lab.state / f"{server}.log"

    def log_pipe(self, server: str) -> Path:
        return self.lab.state / f"{server}.pipe"

    def read_log(self, server: str) -> None:
        """Starts the reader of a server's log. It holds the pipe open for writing, too: else it would end with the router."""
        self.lab.start(server, "log", ["sh", "-c", 'exec cat <> "$0" >> "$1"', str(self.log_pipe(server)), str(self.log_file(server))])

    def configuration(self, server: str) -> str:
        return lastmile.configuration(topology.node(server), self.disk(server), PROFILE, "realtime", bgp=RESTART)

    def file(self, server: str) -> Path:
        return self.disk(server) / "server.yaml"

    def start_server(self, server: str) -> None:
        self.file(server).write_text(self.configuration(server))
        lastmile.launch(self.lab, server, [
            "sh", "-c", 'pipe=$0; exec "$@" 2> "$pipe"', str(self.log_pipe(server)), str(lastmile.BUILD / "lastmiled"),
            "--log-level", "debug", "--record", str(self.disk(server) / "run.rec"), str(self.file(server)),
        ])  # fmt: skip

    def log(self, server: str) -> str:
        file = self.log_file(server)
        return file.read_text(errors="replace") if file.exists() else ""

    def stop_server(self, server: str) -> None:
        """An orderly end. One that takes too long, or has another status than 0, is a fault."""
        if fault := self.lab.stop(server, "lastmiled", patience=SERVER_ENDS).fault():
            self.faults.append(f"{server}: lastmiled {fault}")

    # --- leaves ---------------------------------------------------------------------------------

    def start_bgp(self, leaf: str) -> None:
        """What of a leaf's daemons has ended, with its configuration."""
        space = self.lab.namespace(leaf)
        for daemon in ("zebra", "bfdd", "bgpd"):
            if self.lab.pid(leaf, daemon) is None:
                (frr.RUN / space / f"{daemon}.vty").unlink(missing_ok=True)
                frr.start_daemon(self.lab, leaf, daemon)
                wait_for(f"{leaf}: {daemon} starts", (frr.RUN / space / f"{daemon}.vty").exists)
        wait_for(f"{leaf}: BGP", lambda: subprocess.run(
            self.lab.in_node(leaf) + ["vtysh", "-N", space, "-d", "bgpd", "-c", "show bgp summary"],
            capture_output=True).returncode == 0)  # fmt: skip
        self.lab.run(leaf, "vtysh", "-N", space, "-b", check=False)
        self.put_bfd_first(leaf)

    def failed_sessions(self, leaf: str) -> str:
        """What a leaf says of its BGP sessions that are not Established, and why."""
        space = self.lab.namespace(leaf)
        return self.lab.run(leaf, "vtysh", "-N", space, "-c", "show bgp ipv4 unicast summary failed", check=False)

    def forgotten_neighbors(self, leaf: str) -> list[str]:
        """Interfaces whose neighbor's address zebra knows and bgpd does not. zebra tells of one when it is new, and never again; where
        a link went down and up at once, bgpd may have dropped what it was told, and waits until the link goes down once more."""
        space = self.lab.namespace(leaf)
        waiting = re.findall(r"^(?:\S+\()?([^\s()]+)\)?\s.*Waiting for Peer IPv6 LLA", self.failed_sessions(leaf), re.MULTILINE)
        return [i for i in waiting if re.search(r"Neighbor address\(s\):\s+inet6 ", self.lab.run(leaf, "vtysh", "-N", space, "-c", f"show interface {i}"))]

    def remind_leaves(self) -> None:
        for server in self.servers:
            for _, leaf, interface in topology.uplinks(server):
                if interface not in self.forgotten_neighbors(leaf):
                    continue
                self.reminded.append(f"{leaf}: bgpd has forgotten the neighbor on {interface} that zebra knows; the link goes down and up")
                self.lost(flows.link(leaf, server))
                with fault.link_down(self.lab, leaf, interface):
                    time.sleep(1)
                self.back(flows.link(leaf, server))

    def count_parts(self, leaf: str) -> None:
        """The leaf's kernel writes down which parts of which flows arrive at it, before it does anything else with them."""
        self.lab.run(leaf, "nft", f"add table ip {SEEN}; add set ip {SEEN} ports {{ type inet_service; size 4096; flags dynamic; }}; "
                     f"add chain ip {SEEN} arriving {{ type filter hook prerouting priority raw; }}; "
                     f"add rule ip {SEEN} arriving add @ports {{ udp sport }}")  # fmt: skip

    def parts_seen(self, leaf: str) -> set[tuple[str, int]]:
        told = json.loads(self.lab.run(leaf, "nft", "-j", "list", "set", "ip", SEEN, "ports"))["nftables"]
        ports = next(entry["set"] for entry in told if "set" in entry).get("elem", [])
        known = flows.parts(self.oracle.flows)
        return {known[port] for port in ports if port in known}

    # --- what the oracle is told ----------------------------------------------------------------

    def tell_parts(self) -> None:
        """Which leaves the parts of all flows have crossed since the epoch began."""
        for leaf in self.leaves:
            self.oracle.saw(leaf, self.parts_seen(leaf))

    def begin_epoch(self) -> None:
        """Before a step: from now on leaves count anew, and all have seen what crosses them before it hurts them."""
        if self.oracle.epochs:
            self.tell_parts()
        self.oracle.begin_epoch(time.time())
        for leaf in self.leaves:
            self.lab.run(leaf, "nft", "flush", "set", "ip", SEEN, "ports")
        time.sleep(EVERY_PART_IS_SENT)

    def lost(self, *elements: str) -> None:
        for element in elements:
            self.oracle.change(time.time(), element, False)

    def back(self, *elements: str) -> None:
        for element in elements:
            self.oracle.change(time.time(), element, True)

    @contextmanager
    def disturbed(self, leaf: str, longest: float):
        """A leaf whose daemons come and go; waits until all sessions are back. In the windows that are opened meanwhile it may
        lose so many seconds in a row of what crosses it."""
        made = Disturbed()
        try:
            yield made
            own = set(topology.fabric_interfaces(leaf))
            wait_for("all sessions", lambda: not self.sessions_missing() and frr.established(self.lab, leaf) >= own, 90, every=0.3)
        finally:
            for start, end in made.windows:
                self.oracle.disturb(start, time.time() if end is None else end, leaf, longest)

    @contextmanager
    def doubled(self, *elements: str):
        """What crosses them may come twice."""
        start = time.time()
        try:
            yield
        finally:
            for element in elements:
                self.oracle.double(start, time.time(), element)

    # --- at rest --------------------------------------------------------------------------------

    def sessions_missing(self) -> list[str]:
        missing = []
        for server in self.servers:
            up = {own for own, _, _ in topology.uplinks(server)}
            if absent := up - lastmile.established(self.lab, server):
                missing.append(f"{server}: BGP by {' '.join(sorted(absent))}")
            sessions = lastmile.show(self.lab, server, "bfd").get("sessions", [])
            if absent := up - {s["neighbor"] for s in sessions if s["state"] == "up"}:
                missing.append(f"{server}: BFD by {' '.join(sorted(absent))}")
        return missing

    def state(self, server: str) -> State | None:
        def show(what: str) -> dict:
            return lastmile.show(self.lab, server, what)

        now = figures.read(self.lab.pid(server, "lastmiled"), show)
        return State(figures.routes(show), now) if now else None

    def wait_until_whole(self, patience: float = 90) -> dict[str, State]:
        """Waits until all sessions are up and everything is as at the start (at the start: until it does not change any
        more); what there is then. LabError with all that is different if that takes too long."""
        deadline = time.monotonic() + patience
        remind_at = time.monotonic() + LEAVES_REMEMBER
        before: dict[str, State | None] = {}
        while True:
            missing = self.sessions_missing()
            if missing and time.monotonic() > remind_at:
                self.remind_leaves()
                remind_at = deadline
            now = {server: self.state(server) for server in self.servers} if not missing else {}
            for server, seen in now.items():
                then = self.at_start.get(server) or before.get(server)
                if seen is None or then is None:
                    missing.append(f"{server}: no figures yet")
                else:
                    missing += [f"{server}: {text}" for text in seen.differences(then)]
            if not missing:
                return now
            if time.monotonic() > deadline:
                raise LabError("; ".join(missing))
            before = now
            time.sleep(0.2 if self.at_start else 2)

    def settle(self) -> None:
        """After a step: all as at the start, and no process larger."""
        now = self.wait_until_whole()
        self.at_start = self.at_start or now
        grown = []
        for server, state in now.items():
            start = self.of_process.setdefault(state.figures.pid, state.figures)
            grown += [f"{server}: {text}" for text in state.figures.growth(start)]
        if grown:
            raise LabError("; ".join(grown))
