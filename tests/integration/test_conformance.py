"""Every row of tests/conformance/forwarding.table against the running daemon, packets made by scapy.

    lan ── ┐
    up1 ── ┤                                  far ends in a namespace of their own, where nothing answers:
    edge ─ ┼─ srv (Lastmile, router.yaml)     what comes out of a port is looked at, and that is all
    loose  ┤
    up2 ── ┘   (gone: its link is down)

One daemon for all rows. The unit test of the same table is tests/conformance/conformance_test.cc.
"""
import json
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from lablib import lastmile
from lablib.netns import wait_for

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

pytest.importorskip("scapy")
from conformance_wire import Table, station  # noqa: E402

FOLDER = HERE.parent / "conformance"
TABLE = Table(FOLDER / "forwarding.table")
PORTS = ["lan", "up1", "edge", "loose", "gone", "up2"]  # as in router.yaml


class Bench:
    def __init__(self, folder: Path):
        self.folder, self.socket = folder, folder / "control.sock"
        name = "lmconf-" + uuid.uuid4().hex[:6]
        self.spaces = {"srv": name + "-srv", "far": name + "-far"}
        self.process = None
        for space in self.spaces.values():
            subprocess.run(["ip", "netns", "add", space], check=True)
        # Nobody there shall say anything by itself.
        self.run("far", "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
        self.run("srv", "ip", "link", "set", "lo", "up")
        for port in PORTS:
            self.run("srv", "ip", "link", "add", port, "type", "veth", "peer", "name", port, "netns", self.spaces["far"])
            for space in self.spaces:
                self.run(space, "ethtool", "-K", port, "tx", "off", "tso", "off", "gso", "off", "gro", "off")
                if space == "srv" or port not in TABLE.down:
                    self.run(space, "ip", "link", "set", port, "up")
            self.run("far", "ip", "link", "set", port, "arp", "off")

    def run(self, space, *command):
        done = subprocess.run(["ip", "netns", "exec", self.spaces[space], *command], check=False,
                              capture_output=True, text=True, timeout=300)  # fmt: skip
        assert done.returncode == 0, (command, done.stderr)
        return done.stdout

    def show(self, what):
        command = [lastmile.BUILD / "lastmile", "--socket", self.socket, "show", what, "--json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        return json.loads(done.stdout) if done.returncode == 0 else {}

    def start(self):
        config = self.folder / "router.yaml"
        config.write_text((FOLDER / "router.yaml").read_text() + f"control: {{socket: {self.socket}}}\n")
        with open(self.folder / "lastmiled.log", "wb") as log:
            self.process = subprocess.Popen(
                ["ip", "netns", "exec", self.spaces["srv"], lastmile.BUILD / "lastmiled", config],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)  # fmt: skip
        wait_for("lastmiled answers", lambda: self.show("ports") or self.process.poll() is not None)
        assert self.process.poll() is None, (self.folder / "lastmiled.log").read_text()
        for number, port in enumerate(PORTS):
            if port in TABLE.down:
                continue
            for neighbor in TABLE.neighbors.get(port, []):
                self.run("srv", "ip", "neigh", "replace", neighbor, "lladdr", station(number), "dev", f"lm-{port}",
                         "nud", "permanent")  # fmt: skip

    def macs(self):
        links = {link["ifname"]: link["address"] for link in json.loads(self.run("srv", "ip", "-j", "link"))}
        return {**{port: links[f"lm-{port}"] for port in PORTS}, "lm0": links["lm0"]}

    def results(self):
        out = self.run("far", sys.executable, str(HERE / "conformance_wire.py"), str(FOLDER / "forwarding.table"),
                       str(self.socket), str(lastmile.BUILD / "lastmile"), self.spaces["srv"],
                       json.dumps(self.macs()))  # fmt: skip
        return json.loads(out.splitlines()[-1])

    def remove(self):
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for space in self.spaces.values():
            subprocess.run(["ip", "netns", "delete", space], check=False)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    bench = Bench(tmp_path_factory.mktemp("conformance"))
    try:
        bench.start()
        yield {**bench.results(), "ports": bench.show("ports")["ports"]}
    finally:
        bench.remove()


@pytest.mark.parametrize("row", TABLE.rows, ids=lambda row: row[0])
def test_row(results, row):
    name, clause, port, packet, outcome = row
    assert results[name] is None, f"{clause}: from {port} {packet}: {outcome}: {results[name]}"


def test_repairs_are_counted_by_port(results):
    repairs = {port["name"]: port["ethertype_repairs"] for port in results["ports"]}
    expected = {port: sum(r[2] == port and "type=86dd" in r[3] for r in TABLE.rows) for port in PORTS}
    assert repairs == expected
