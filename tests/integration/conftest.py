"""Fixtures of the lab tests: a fabric that is up, and a bare namespace for a daemon alone."""
from __future__ import annotations

import os
import subprocess
import uuid
from pathlib import Path

import pytest

from lablib import fabric, lastmile
from lablib.netns import Lab, wait_for


def pytest_collection_modifyitems(items):
    if os.geteuid() != 0:
        for item in items:
            item.add_marker(pytest.mark.skip(reason="network namespaces need root"))


@pytest.fixture(scope="module")
def lab():
    """The last-mile fabric with Lastmile on both servers, all sessions Established."""
    fabric_lab = Lab("lmtest")
    fabric_lab.remove()
    try:
        fabric.up(fabric_lab)
        lastmile.start_servers(fabric_lab)
        yield fabric_lab
    finally:
        fabric_lab.remove()


class Bare:
    """A namespace with one veth pair (up1 here, far outside the router) and a place for files."""

    def __init__(self, folder: Path):
        self.name = "lmbare-" + uuid.uuid4().hex[:6]
        self.folder = folder
        self.socket = folder / "control.sock"
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        self.run("ip", "link", "set", "lo", "up")
        self.run("ip", "link", "add", "up1", "mtu", "9000", "type", "veth", "peer", "name", "far")
        self.run("ip", "link", "set", "up1", "up")
        self.run("ip", "link", "set", "far", "up")
        self.processes: list[subprocess.Popen] = []

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess:
        return subprocess.run(
            ["ip", "netns", "exec", self.name, *command],
            check=check,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def config(self, text: str | None = None) -> Path:
        path = self.folder / "server.yaml"
        path.write_text(
            text
            or f"""\
router: {{asn: 64512}}
loopbacks: [10.0.1.1/32]
ports:
  up1: {{device: "net_af_packet0,iface=up1"}}
bgp:
  neighbors:
    - {{port: up1, remote-asn: external}}
control: {{socket: {self.socket}}}
"""
        )
        return path

    def start(
        self, config: Path | None = None, options: tuple[str, ...] = (), environment: dict[str, str] | None = None
    ) -> subprocess.Popen:
        """Starts lastmiled and waits until it answers or ends."""
        log = open(self.folder / "lastmiled.log", "wb")  # noqa: SIM115
        process = subprocess.Popen(
            ["ip", "netns", "exec", self.name, lastmile.BUILD / "lastmiled", *options, config or self.config()],
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        self.processes.append(process)
        wait_for(
            "lastmiled answers or ends",
            lambda: process.poll() is not None or self.show("version").returncode == 0,
            of=process,
        )
        return process

    def show(self, *words: str) -> subprocess.CompletedProcess:
        return self.run(
            str(lastmile.BUILD / "lastmile"), "--socket", str(self.socket), *words, check=False
        )

    def log(self) -> str:
        return (self.folder / "lastmiled.log").read_text()

    def interfaces(self) -> set[str]:
        lines = self.run("ip", "-br", "link").stdout.splitlines()
        return {line.split()[0].split("@")[0] for line in lines}

    def remove(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        subprocess.run(["ip", "netns", "delete", self.name], check=False)


@pytest.fixture
def bare(tmp_path):
    namespace = Bare(tmp_path)
    try:
        yield namespace
    finally:
        namespace.remove()
