"""Traffic of known flows, and what is lost of it."""
from __future__ import annotations

import json
import subprocess
import threading

from .. import lastmile, topology
from ..netns import Lab, LabError
from .oracle import Doubles, Flow, Loss

PROGRAM = lastmile.BUILD / "tools" / "flows_src" / "lastmile-flows"
COUNT, RATE = 8, 50  # parts of each flow, and packets a second of each
FIRST_SOURCE_PORT = 1000  # of a flow's parts, above its own port
REAL_TIME = ["chrt", "--fifo", "1"]  # ahead of the daemons, as if on a processor of its own
FOREVER = 7 * 24 * 3600


def link(leaf: str, node: str) -> str:
    return f"{leaf}-{node}"


def known() -> list[Flow]:
    """Each server with the spine, both ways, and the servers with each other."""
    leaves = [n.name for n in topology.NODES if n.role == "leaf"]
    spine = topology.node("spine1")
    found: list[Flow] = []

    def add(source: topology.Node, target: topology.Node, paths, ours: bool) -> None:
        found.append(Flow(f"{source.name} → {target.name}", source.name, target.name, source.loopback.split("/")[0],
                          target.loopback.split("/")[0], 7000 + 100 * len(found), tuple(map(tuple, paths)), ours))  # fmt: skip

    for server in topology.servers():
        paths = [(server.name, link(leaf, server.name), leaf, link(leaf, spine.name)) for leaf in leaves]
        add(server, spine, paths, ours=True)
        add(spine, server, paths, ours=False)
    one, other = topology.servers()
    for source, target in ((one, other), (other, one)):
        short = [(source.name, link(leaf, source.name), leaf, link(leaf, target.name), target.name) for leaf in leaves]
        long = [(source.name, link(a, source.name), a, link(a, spine.name), link(b, spine.name), b, link(b, target.name), target.name)
                for a in leaves for b in leaves if a != b]  # fmt: skip
        add(source, target, short + long, ours=False)
    return found


def parts(known_flows: list[Flow]) -> dict[int, tuple[str, int]]:
    """By source port: a flow's name, and its part."""
    return {flow.port + FIRST_SOURCE_PORT + part: (flow.name, part) for flow in known_flows for part in range(COUNT)}


class Traffic:
    """All flows, from start to stop. Losses come in as the receivers tell them."""

    def __init__(self, lab: Lab, flows: list[Flow]):
        self.lab, self.flows = lab, flows
        self.processes: list[subprocess.Popen] = []
        self.threads: list[threading.Thread] = []
        self.lock = threading.Lock()
        self.losses: list[Loss] = []  # not taken yet; under the lock
        self.doubles: list[Doubles] = []  # likewise
        self.silent: dict[str, float] = {}  # seconds since the last packet of the most silent part of a flow; under it

    def start(self) -> None:
        if not PROGRAM.exists():
            raise LabError(f"{PROGRAM} is not there; run: tools/build --target tools/flows_src/lastmile-flows")
        for flow in self.flows:
            receiver = self._run(flow.target, "receive", "--from", flow.target_address, "--losses", flow=flow)
            if receiver.stdout.readline().strip() != "ready":
                raise LabError(f"{flow.name}: the receiver did not start")
            thread = threading.Thread(target=self._listen, args=(flow, receiver), daemon=True)
            thread.start()
            self.threads.append(thread)
        for flow in self.flows:
            self._run(flow.source, "send", "--to", flow.target_address, "--from", flow.source_address,
                      "--rate", str(RATE), flow=flow)  # fmt: skip

    def _run(self, node: str, verb: str, *arguments: str, flow: Flow) -> subprocess.Popen:
        process = subprocess.Popen(
            self.lab.in_node(node) + [*REAL_TIME, str(PROGRAM), verb, "--port", str(flow.port), "--flows", str(COUNT),
                                      "--seconds", str(FOREVER), *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.processes.append(process)
        return process

    def _listen(self, flow: Flow, receiver: subprocess.Popen) -> None:
        for text in receiver.stdout:
            line = json.loads(text)
            with self.lock:
                if "lost" in line:
                    self.losses.append(Loss(flow.name, line["lost"], line["after_ns"] / 1e9, line["before_ns"] / 1e9, line["flow"]))
                elif "twice" in line:
                    self.doubles.append(Doubles(flow.name, line["twice"], line["first_ns"] / 1e9, line["last_ns"] / 1e9))
                elif "silent_ms" in line:
                    self.silent[flow.name] = line["silent_ms"] / 1000

    def take(self) -> list[Loss]:
        """Losses that were told since the last time."""
        with self.lock:
            losses, self.losses = self.losses, []
        return losses

    def take_doubles(self) -> list[Doubles]:
        with self.lock:
            doubles, self.doubles = self.doubles, []
        return doubles

    def all_heard(self) -> bool:
        with self.lock:
            return len(self.silent) == len(self.flows) and all(s < 1 for s in self.silent.values())

    def stop(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait()
        for thread in self.threads:
            thread.join()
