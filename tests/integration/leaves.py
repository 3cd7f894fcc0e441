"""A server with Lastmile and any number of scripted leaves, each on a link of its own.

Every leaf has the same link-local address, fe80::1, on its end of its link.
"""
from __future__ import annotations

import json
import os
import subprocess
import threading
import time
import uuid
from pathlib import Path

from lablib import lastmile
from lablib.netns import OFFLOADS, SYSCTLS, LabError, wait_for

SCRIPT = Path(__file__).with_name("scripted_leaf.py")
PYTHON = "/usr/bin/python3"
LEAF_ADDRESS = "fe80::1"
SERVER = "srv"


class LeafProcess:
    """A scripted leaf that runs; `events` is what it has said so far."""

    def __init__(self, lab: LeafLab, name: str, opens: str, number: int, *options: str):
        self.lab, self.name = lab, name
        self.asn = 65000 + number
        self.events: list[dict] = []
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", lab.namespace(name), PYTHON, SCRIPT, "--interface", "eth1",
             "--asn", str(self.asn), "--id", f"10.9.{number}.1", "--opens", opens, *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=lab.log(name), text=True,
        )  # fmt: skip
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self.events.append(json.loads(line))

    def of(self, event: str) -> list[dict]:
        return [e for e in self.events if e["event"] == event]

    def announced(self) -> set[str]:
        """What the server has announced to it, ever."""
        return {p for e in self.of("update") for p in e["announced"]}

    def held(self) -> set[str]:
        """What the server has announced in the last session and not withdrawn since."""
        found: set[str] = set()
        for e in list(self.events):
            if e["event"] == "established":
                found.clear()
            elif e["event"] == "update":
                found |= set(e["announced"])
                found -= set(e["withdrawn"])
        return found

    def send(self, messages: bytes, verb: str = "send") -> None:
        path = self.lab.folder / f"{self.name}-{time.monotonic_ns()}.bgp"
        path.write_bytes(messages)
        self.process.stdin.write(f"{verb} {path}\n")
        self.process.stdin.flush()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class LeafLab:
    def __init__(self, folder: Path, leaves: int):
        self.folder = folder
        self.tag = uuid.uuid4().hex[:6]
        self.socket = folder / "control.sock"
        self.leaves = [f"leaf{i + 1}" for i in range(leaves)]
        self.running: dict[str, LeafProcess] = {}
        self.processes: list[subprocess.Popen] = []

    def namespace(self, node: str) -> str:
        return f"lmleaf-{self.tag}-{node}"

    def log(self, name: str):
        return open(self.folder / f"{name}.log", "ab")  # noqa: SIM115

    def run(self, node: str, *command: str, check: bool = True) -> str:
        done = subprocess.run(
            ["ip", "netns", "exec", self.namespace(node), *command],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        if check and done.returncode != 0:
            raise LabError(f"{node}: {' '.join(command)}: {done.stderr or done.stdout}")
        return done.stdout

    def build(self) -> None:
        for node in (SERVER, *self.leaves):
            subprocess.run(["ip", "netns", "add", self.namespace(node)], check=True)
            settings = [f"{key}={value}" for key, value in SYSCTLS.items()]
            self.run(node, "sysctl", "-qw", *settings, check=False)
            self.run(node, "ip", "link", "set", "lo", "up")
        for number, leaf in enumerate(self.leaves, 1):
            self.connect(leaf)
            self.run(leaf, "ip", "address", "add", f"10.9.{number}.1/32", "dev", "lo")
            self.run(leaf, "ip", "address", "add", f"2001:db8:9:{number}::1/128", "dev", "lo")

    def connect(self, leaf: str) -> None:
        """Makes the link of a leaf; again, if it was deleted."""
        port = f"up{self.leaves.index(leaf) + 1}"
        subprocess.run(
            ["ip", "link", "add", port, "netns", self.namespace(SERVER), "type", "veth",
             "peer", "name", "eth1", "netns", self.namespace(leaf)],
            check=True,
        )  # fmt: skip
        self.run(leaf, "sysctl", "-qw", "net.ipv6.conf.eth1.addr_gen_mode=1")
        for node, interface in ((SERVER, port), (leaf, "eth1")):
            self.run(node, "ethtool", "-K", interface, *OFFLOADS, check=False)
            self.run(node, "ip", "link", "set", interface, "up")
        self.run(leaf, "ip", "address", "add", f"{LEAF_ADDRESS}/64", "dev", "eth1")

    def config(self, **more) -> dict:
        """A host with all leaves as uplinks. JSON is YAML."""
        return {
            "router": {"asn": 64512},
            "loopbacks": ["10.0.1.1/32", "2001:db8:1::1/128"],
            "ports": {
                f"up{i}": {"device": f"net_af_packet{i},iface=up{i}"} for i in range(1, len(self.leaves) + 1)
            },
            "bgp": {
                "timers": {"keepalive": "3s", "hold": "9s", "connect-retry": "1s"},
                "neighbors": [{"port": f"up{i}", "remote-asn": "external"} for i in range(1, len(self.leaves) + 1)],
            },
            "dataplane": {"max-routes": {"ipv4": 65536, "ipv6": 4096}},
            "control": {"socket": str(self.socket)},
            **more,
        }

    def write(self, config: dict) -> Path:
        path = self.folder / "server.yaml"
        path.write_text(json.dumps(config, indent=1) + "\n")
        return path

    def start_server(self, config: dict, *through: str) -> None:
        """`through`: a command that runs the command behind it."""
        process = subprocess.Popen(
            ["ip", "netns", "exec", self.namespace(SERVER), *through, lastmile.BUILD / "lastmiled", self.write(config)],
            stdin=subprocess.DEVNULL, stdout=self.log("lastmiled"), stderr=self.log("lastmiled"),
        )  # fmt: skip
        self.processes.append(process)

        def answers() -> bool:
            if process.poll() is not None:
                raise LabError("lastmiled ended: " + (self.folder / "lastmiled.log").read_text()[-600:])
            return bool(self.show("bgp"))

        wait_for("lastmiled starts", answers, of=process)

    def start_leaf(self, leaf: str, opens: str, *options: str) -> LeafProcess:
        self.running[leaf] = LeafProcess(self, leaf, opens, self.leaves.index(leaf) + 1, *options)
        return self.running[leaf]

    def command(self, *words: str) -> str:
        return self.run(SERVER, str(lastmile.BUILD / "lastmile"), "--socket", str(self.socket), *words)

    def show(self, what: str) -> dict:
        try:
            return json.loads(self.command("show", *what.split(), "--json"))
        except (LabError, ValueError):
            return {}

    def sessions(self) -> dict[str, dict]:
        return {n["name"]: n for n in self.show("bgp").get("neighbors", [])}

    def established(self) -> set[str]:
        return {name for name, n in self.sessions().items() if n["state"] == "Established"}

    def drops(self) -> dict[str, int]:
        return {d["reason"]: d["packets"] for d in self.show("drops").get("drops", [])}

    def routes(self, prefix: str) -> list[dict]:
        return [r for r in self.show(f"routes {prefix}").get("routes", []) if r["prefix"] == prefix]

    def twin_address(self, port: str) -> str:
        """The link-local address of our end of a port's link."""
        lines = json.loads(self.run(SERVER, "ip", "-j", "-6", "address", "show", "dev", f"lm-{port}", "scope", "link"))
        return next(a["local"] for line in lines for a in line.get("addr_info", []))

    def route_to_server(self, leaf: str, *prefixes: str) -> None:
        """The scripted leaf gives its kernel no routes: these stand for them."""
        port = f"up{self.leaves.index(leaf) + 1}"
        for prefix in prefixes:
            via = ["via", "inet6", self.twin_address(port)] if ":" not in prefix else ["via", self.twin_address(port)]
            self.run(leaf, "ip", *(["-6"] if ":" in prefix else []), "route", "replace", prefix, *via, "dev", "eth1")

    def pings(self, node: str, source: str, destination: str) -> bool:
        return "1 received" in self.run(node, "ping", "-c1", "-W1", "-I", source, destination, check=False)

    def remove(self) -> None:
        for leaf in self.running.values():
            leaf.stop()
        for process in self.processes:
            if process.poll() is None:
                process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for node in (SERVER, *self.leaves):
            if os.path.exists(f"/run/netns/{self.namespace(node)}"):
                subprocess.run(["ip", "netns", "delete", self.namespace(node)], check=False)
