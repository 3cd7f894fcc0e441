"""The routers under test behind one set of questions: start, how many routes, in which table."""
from __future__ import annotations

import json
import pwd
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

from .bed import BUILD, Bed, BedError, FIRST_ASN, ROUTER, Usage, inside, peer_address, run

FRR = Path("/usr/lib/frr")


class Router:
    """Base of all: processes in the bed's namespace that end with it."""

    name = ""
    fib = ""  # what "in the FIB" means for it; empty: it has none
    offloads = True

    def __init__(self, bed: Bed):
        self.bed = bed
        self.processes: list[subprocess.Popen] = []

    def launch(self, *command: str) -> subprocess.Popen:
        with open(self.bed.folder / f"{Path(command[0]).name}.log", "ab") as log:
            process = subprocess.Popen(
                inside(self.bed.router) + list(command), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self.processes.append(process)
        return process

    def stop(self) -> None:
        for process in reversed(self.processes):
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def log_tail(self) -> str:
        logs = sorted(self.bed.folder.glob("*.log"))
        return "\n".join(log.read_text()[-800:] for log in logs)

    def usage(self) -> Usage:
        return Usage([p.pid for p in self.processes])

    def use_kernel_address(self) -> None:
        run(*inside(self.bed.router), "ip", "address", "add", f"{ROUTER}/24", "dev", "dut0")

    # what a subclass gives
    def start(self, peers: int, routes: int, tells: bool = False) -> None:
        """`tells`: what one peer announces is announced to the others; else nothing is."""
        raise NotImplementedError

    def paths(self) -> int:
        """Paths that it holds."""
        raise NotImplementedError

    def installed(self) -> int | None:
        """Routes in its forwarding table; None if it has none."""
        return None

    def refused(self, paths: int) -> int:
        """Of so many paths, how many it may well not take: real tables have a few bogons."""
        return paths // 1000


class Lastmile(Router):
    name = "Lastmile"
    fib = "its own, forwarding"
    offloads = False
    addresses = [f"{ROUTER}/24"]  # of its port

    def start(self, peers: int, routes: int, tells: bool = False) -> None:
        options = ", import: all, export: all" if tells else ""
        watched = self.bed.bfd
        if watched:
            options += ", bfd: fast"
        neighbors = "\n".join(
            f"    - {{address: {peer_address(n)}, remote-asn: {FIRST_ASN + n}{options}}}" for n in range(peers)
        )
        config = self.bed.folder / "server.yaml"
        self.socket = self.bed.folder / "lastmile.sock"
        config.write_text(f"""\
router: {{mode: {"transit" if tells else "host"}, asn: 64512, id: 10.0.1.1}}
policies: {{all: {{default: accept}}}}
loopbacks: [10.0.1.1/32]
ports:
  up1: {{device: "net_af_packet0,iface=dut0", mtu: 9000, addresses: [{", ".join(self.addresses)}]}}
bgp:
  timers: {{keepalive: 1s, hold: 3s, connect-retry: 1s}}
  neighbors:
{neighbors}
bfd: {{profiles: {{fast: {watched or "{}"}}}}}
dataplane: {{workers: 1, idle: adaptive, scheduling: {"realtime" if watched else "fair"}, max-routes: {{ipv4: {max(1 << 20, 2 * routes)}}}}}
control: {{socket: {self.socket}}}
""")
        process = self.launch(str(BUILD / "lastmiled"), str(config))
        deadline = time.monotonic() + 20
        while True:
            if process.poll() is not None or time.monotonic() > deadline:
                raise BedError("lastmiled does not start:\n" + self.log_tail())
            try:
                self.ask("version")
                break
            except OSError:
                time.sleep(0.05)
        self.slowest_answer = 0.0

    def bfd(self) -> dict | None:
        """How the BFD sessions have fared; None if there are none."""
        if not self.bed.bfd:
            return None
        sessions = self.ask("show bfd")["sessions"]
        return {"sessions": len(sessions), "up": sum(s["state"] == "up" for s in sessions),
                "failures": sum(s["failures"] for s in sessions),
                "echo_returned": sum(s["echo_returned"] for s in sessions),
                "longest_gap_us": max(s["longest_gap_us"] for s in sessions)}  # fmt: skip

    def ask(self, verb: str) -> dict:
        began = time.monotonic()
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(20)
            connection.connect(str(self.socket))
            connection.sendall((json.dumps({"verb": verb}) + "\n").encode())
            answer = b""
            while not answer.endswith(b"\n"):
                more = connection.recv(1 << 16)
                if not more:
                    raise BedError("lastmiled closed the control socket")
                answer += more
        self.slowest_answer = max(getattr(self, "slowest_answer", 0), time.monotonic() - began)
        return json.loads(answer)["data"]

    def paths(self) -> int:
        return sum(n["received"] for n in self.ask("show bgp")["neighbors"])

    def installed(self) -> int | None:
        fib = self.ask("show fib")
        # While the queue is not empty, a replaced route would be counted before it is.
        return fib["ipv4"]["routes"] if fib["queue"]["depth"] == 0 else -1

    def refused(self, paths: int) -> int:
        return sum(n["received"] - n["accepted"] for n in self.ask("show bgp")["neighbors"])

    def applied(self) -> int:
        return self.ask("show fib")["queue"]["applied"]

    def control(self) -> dict:
        return self.ask("show control")


class Bird(Router):
    name = "BIRD"
    program = "/usr/sbin/bird"
    kernel = ""

    def start(self, peers: int, routes: int, tells: bool = False) -> None:
        self.use_kernel_address()
        exported = "where source = RTS_BGP" if tells else "none"
        sessions = "\n".join(
            f"protocol bgp p{n} {{ local {ROUTER} as 64512; neighbor {peer_address(n)} as {FIRST_ASN + n};"
            f" passive on; ipv4 {{ import all; export {exported}; }}; }}"
            for n in range(peers)
        )
        (self.bed.folder / "bird.conf").write_text(
            f"router id 10.0.1.1;\nprotocol device {{}}\nprotocol direct {{ ipv4; }}\n{self.kernel}{sessions}\n"
        )
        self.control = str(self.bed.folder / "bird.ctl")
        self.launch(self.program, "-f", "-c", str(self.bed.folder / "bird.conf"), "-s", self.control)
        wait_until("BIRD answers", lambda: "BIRD" in self.ask("show status"))

    def ask(self, command: str) -> str:
        return run("/usr/sbin/birdc", "-s", self.control, command, check=False)

    def paths(self) -> int:
        # "1025240 of 1025240 routes for 512620 networks in table master4"
        counts = re.findall(r"(\d+) of \d+ routes", self.ask("show route count"))
        # One of them is the link's own.
        return int(counts[0]) - 1 if counts else 0


class BirdKernel(Bird):
    name = "BIRD + kernel"
    fib = "kernel"
    kernel = "protocol kernel { merge paths on; ipv4 { import none; export all; }; }\n"

    def installed(self) -> int | None:
        return kernel_routes(self.bed)


class FrrKernel(Router):
    name = "FRR + kernel"
    fib = "kernel"

    def start(self, peers: int, routes: int, tells: bool = False) -> None:
        self.use_kernel_address()
        self.space = self.bed.router
        owner = pwd.getpwnam("frr")
        self.folders = [Path("/var/run/frr") / self.space, Path("/etc/frr") / self.space]
        for folder in self.folders:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.chown(folder, owner.pw_uid, owner.pw_gid)
        neighbors = "\n".join(
            f" neighbor {peer_address(n)} remote-as {FIRST_ASN + n}\n neighbor {peer_address(n)} passive"
            for n in range(peers)
        )
        (self.folders[1] / "frr.conf").write_text(f"""\
frr defaults datacenter
router bgp 64512
 bgp router-id 10.0.1.1
 no bgp ebgp-requires-policy
 bgp bestpath as-path multipath-relax
{neighbors}
exit
""")
        (self.folders[1] / "vtysh.conf").write_text("service integrated-vtysh-config\n")
        for daemon in ("mgmtd", "zebra", "bgpd"):
            if not (FRR / daemon).exists():
                continue
            self.launch(str(FRR / daemon), "-N", self.space, "-A", "127.0.0.1", "-P", "0")
            wait_until(f"{daemon} starts", (self.folders[0] / f"{daemon}.vty").exists)
        run(*inside(self.space), "vtysh", "-N", self.space, "-b")

    def vtysh(self, command: str) -> str:
        return run(*inside(self.space), "vtysh", "-N", self.space, "-c", command, check=False)

    def paths(self) -> int:
        # "512620 BGP routes, using 59 MiB of memory"
        found = re.search(r"(\d+) BGP routes", self.vtysh("show bgp memory"))
        return int(found[1]) if found else 0

    def installed(self) -> int | None:
        return kernel_routes(self.bed)

    def stop(self) -> None:
        super().stop()
        for folder in getattr(self, "folders", []):
            shutil.rmtree(folder, ignore_errors=True)


class GoBgp(Router):
    name = "GoBGP"

    def start(self, peers: int, routes: int, tells: bool = False) -> None:
        self.use_kernel_address()
        neighbors = "\n".join(
            f'[[neighbors]]\n  [neighbors.config]\n    neighbor-address = "{peer_address(n)}"\n'
            f"    peer-as = {FIRST_ASN + n}\n  [neighbors.transport.config]\n    passive-mode = true\n"
            for n in range(peers)
        )
        config = self.bed.folder / "gobgpd.toml"
        config.write_text(f'[global.config]\n  as = 64512\n  router-id = "10.0.1.1"\n{neighbors}')
        self.launch("/usr/bin/gobgpd", "-f", str(config), "--api-hosts", "127.0.0.1:50051", "-l", "error")
        wait_until("GoBGP answers", lambda: "Path" in self.summary())

    def summary(self) -> str:
        return run(*inside(self.bed.router), "/usr/bin/gobgp", "global", "rib", "summary", check=False)

    def paths(self) -> int:
        found = re.search(r"Path: (\d+)", self.summary())
        return int(found[1]) if found else 0


ROUTERS = {"lastmile": Lastmile, "bird": Bird, "bird-kernel": BirdKernel, "frr": FrrKernel, "gobgp": GoBgp}


def kernel_routes(bed: Bed) -> int:
    """Prefixes in the namespace's main table; the link's own four are not counted."""
    text = run(*inside(bed.router), "cat", "/proc/net/fib_triestat")
    found = re.search(r"Main:.*?Prefixes:\s*(\d+)", text, re.S)
    own = 1
    return max(0, int(found[1]) - own) if found else 0


def wait_until(what: str, condition, patience: float = 20) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            raise BedError(f"{what}: not within {patience:g} s")
        time.sleep(0.05)
