"""What two hosts with a router in the middle have of it: traceroute's hops, path MTU, unreachable; TCP and ssh.

    left (MTU 9000)  ──  srv (Lastmile, mode transit, loopbacks 10.0.1.1 and 2001:db8:1::1)  ──  right (MTU 1500)
"""
import contextlib
import json
import os
import subprocess
import uuid

import pytest

from lablib import lastmile
from lablib.netns import wait_for

CONFIG = """\
router: {{mode: transit, asn: 64512, id: 10.0.1.1}}
loopbacks: [10.0.1.1/32, "2001:db8:1::1/128"]
ports:
  left: {{device: "net_af_packet0,iface=left", mtu: 9000, addresses: [192.0.2.1/24, "2001:db8:a::1/64"]}}
  right: {{device: "net_af_packet1,iface=right", mtu: 1500, addresses: [198.51.100.1/24, "2001:db8:b::1/64"]}}
control: {{socket: {socket}}}
"""


class Three:
    def __init__(self, folder):
        self.folder, self.socket = folder, folder / "control.sock"
        self.name = "lmicmp-" + uuid.uuid4().hex[:6]
        self.process = None
        for node in ("left", "srv", "right"):
            subprocess.run(["ip", "netns", "add", f"{self.name}-{node}"], check=True)
            self.run(node, "ip", "link", "set", "lo", "up")
        for node, mtu, number, subnet in (("left", 9000, "192.0.2", "a"), ("right", 1500, "198.51.100", "b")):
            self.run("srv", "ip", "link", "add", node, "mtu", str(mtu), "type", "veth",
                     "peer", "name", "eth0", "mtu", str(mtu), "netns", f"{self.name}-{node}")  # fmt: skip
            for space, interface in (("srv", node), (node, "eth0")):
                self.run(space, "ethtool", "-K", interface, "tx", "off", "tso", "off", "gso", "off", "gro", "off")
                self.run(space, "sysctl", "-qw", f"net.ipv6.conf.{interface}.accept_dad=0")
                self.run(space, "ip", "link", "set", interface, "up")
            self.run(node, "ip", "address", "add", f"{number}.20/24", "dev", "eth0")
            self.run(node, "ip", "-6", "address", "add", f"2001:db8:{subnet}::20/64", "dev", "eth0")
            self.run(node, "ip", "route", "add", "default", "via", f"{number}.1")
            self.run(node, "ip", "-6", "route", "add", "default", "via", f"2001:db8:{subnet}::1")

    def run(self, node, *command, check=True):
        return subprocess.run(["ip", "netns", "exec", f"{self.name}-{node}", *command], check=check,
                              capture_output=True, text=True, timeout=60).stdout  # fmt: skip

    def show(self, *words):
        return self.run("srv", str(lastmile.BUILD / "lastmile"), "--socket", str(self.socket), *words, check=False)

    def start(self):
        config = self.folder / "server.yaml"
        config.write_text(CONFIG.format(socket=self.socket))
        with open(self.folder / "lastmiled.log", "wb") as log:
            self.process = subprocess.Popen(
                ["ip", "netns", "exec", f"{self.name}-srv", lastmile.BUILD / "lastmiled", config],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)  # fmt: skip
        for target in ("198.51.100.20", "2001:db8:b::20"):
            wait_for(f"left reaches {target}",
                     lambda to=target: " 0% packet loss" in self.ping(to, "-W", "1"), 30)  # fmt: skip

    @contextlib.contextmanager
    def running(self, node, *command):
        """A program that runs meanwhile; what it says goes to a log."""
        log = self.folder / f"{os.path.basename(command[0])}.log"
        with open(log, "ab") as out:
            process = subprocess.Popen(["ip", "netns", "exec", f"{self.name}-{node}", *command],
                                       stdin=subprocess.DEVNULL, stdout=out, stderr=out)  # fmt: skip
        try:
            yield log
        finally:
            process.terminate()
            process.wait(15)

    def listens(self, node, port):
        wait_for(f"port {port} is open", lambda: f":{port} " in self.run(node, "ss", "-Hltn"))

    def ping(self, to, *options):
        return self.run("left", "ping", "-n", "-c", "1", *options, to, check=False)

    def remove(self):
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for node in ("left", "srv", "right"):
            subprocess.run(["ip", "netns", "delete", f"{self.name}-{node}"], check=False)


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    nodes = Three(tmp_path_factory.mktemp("icmp"))
    try:
        nodes.start()
        yield nodes
    finally:
        nodes.remove()


@pytest.mark.parametrize("target, own", [("198.51.100.20", "10.0.1.1"), ("2001:db8:b::20", "2001:db8:1::1")])
def test_traceroute_shows_the_router_by_its_loopback(three, target, own):
    answer = three.ping(target, "-t", "1")
    assert f"From {own} icmp_seq=1 Time" in answer and "exceeded" in answer, answer


@pytest.mark.parametrize("target, words", [
    ("198.51.100.20", "Frag needed and DF set (mtu = 1500)"),
    ("2001:db8:b::20", "Packet too big: mtu=1500"),
])  # fmt: skip
def test_path_mtu_is_told_and_taken_up(three, target, words):
    answer = three.ping(target, "-M", "do", "-s", "4000")
    assert words in answer, answer
    # The sender has learned it, and what it cuts by itself gets through.
    assert "mtu 1500" in three.run("left", "ip", "route", "get", target)
    wait_for("a long ping in fragments", lambda: " 0% packet loss" in three.ping(target, "-s", "4000", "-W", "1"))


def test_a_packet_that_may_be_cut_is_cut(three):
    """Its answer comes back in fragments of the receiver's."""
    three.run("left", "ip", "route", "flush", "cache")
    assert " 0% packet loss" in three.ping("198.51.100.20", "-M", "dont", "-s", "7000", "-W", "5")
    drops = three.show("show", "drops")
    assert "fragmentation-failed" not in drops, drops


def test_no_route_is_told(three):
    assert "From 10.0.1.1 icmp_seq=1 Destination Net Unreachable" in three.ping("203.0.113.9")
    assert "Destination unreachable: No route" in three.ping("2001:db8:ffff::9")


def test_a_neighbor_that_does_not_answer_is_told(three):
    answer = three.ping("198.51.100.99", "-W", "8")
    assert "From 10.0.1.1 icmp_seq=1 Destination Host Unreachable" in answer, answer


def test_the_machines_own_programs_hear_it_too(three):
    answer = three.run("srv", "ping", "-n", "-c", "1", "-W", "5", "203.0.113.9", check=False)
    assert "Destination Net Unreachable" in answer, answer


@pytest.mark.parametrize("target, own", [("198.51.100.20", "10.0.1.1"), ("2001:db8:b::20", "2001:db8:1::1")])
@pytest.mark.parametrize("probe", [[], ["-I"], ["-T", "-p", "22"]], ids=["udp", "icmp", "tcp"])
def test_traceroute_has_both_hops(three, target, own, probe):
    """The router by its loopback, and the target, by whatever it is probed with."""
    lines = three.run("left", "traceroute", "-n", "-q", "1", "-w", "5", "-m", "4", *probe, target).splitlines()[1:]
    assert [line.split()[1] for line in lines] == [own, target], lines


@pytest.mark.parametrize("target, own", [("198.51.100.20", "10.0.1.1"), ("2001:db8:b::20", "2001:db8:1::1")])
def test_traceroute_finds_where_the_mtu_falls(three, target, own):
    three.run("left", "ip", "route", "flush", "cache")
    three.run("left", "ip", "-6", "route", "flush", "cache")
    lines = three.run("left", "traceroute", "-n", "-q", "1", "-w", "5", "-m", "4", "--mtu", target).splitlines()[1:]
    hops = [line.split() for line in lines]
    assert [(hop[1], hop[-1]) for hop in hops] == [(own, "F=9000"), (target, "F=1500")], lines


@pytest.mark.parametrize("target", ["198.51.100.20", "2001:db8:b::20"])
@pytest.mark.parametrize("direction", [[], ["-R"]], ids=["out", "back"])
def test_iperf3_gets_through(three, target, direction):
    """From MTU 9000 to 1500: segments of the first bytes are too long, and TCP takes up what it is told."""
    three.run("left", "ip", "route", "flush", "cache")
    three.run("left", "ip", "-6", "route", "flush", "cache")
    with three.running("right", "iperf3", "-s", "-1"):
        three.listens("right", 5201)
        report = json.loads(three.run("left", "iperf3", "-c", target, "-t", "2", "-J", *direction))
    received = report["end"]["sum_received"]
    print(f"iperf3 {target} {' '.join(direction)}: {received['bits_per_second'] / 1e9:.2f} Gbit/s")
    assert received["bytes"] > 1_000_000
    assert max(i["sum"]["bytes"] for i in report["intervals"][1:]) > 0, "it stalled"


SSHD = """\
Port 2222
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/user_key.pub
PidFile none
PasswordAuthentication no
KbdInteractiveAuthentication no
StrictModes no
UsePAM no
"""


@pytest.fixture(scope="module")
def sshd(three):
    for key in ("host_key", "user_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", three.folder / key], check=True)
    (three.folder / "sshd.conf").write_text(SSHD.format(folder=three.folder))
    os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
    with three.running("right", "/usr/sbin/sshd", "-D", "-e", "-f", str(three.folder / "sshd.conf")) as log:
        three.listens("right", 2222)
        yield log


@pytest.mark.parametrize("target", ["198.51.100.20", "2001:db8:b::20"])
def test_ssh_through_the_router(three, sshd, target):
    """A session with more output than any buffer on the way."""
    ssh = ["ssh", "-F", "none", "-i", str(three.folder / "user_key"), "-p", "2222", "-o", "BatchMode=yes",
           "-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={three.folder}/known", "-o", "ConnectTimeout=15",
           f"root@{target}"]  # fmt: skip
    said = three.run("left", *ssh, "ip -br address show dev eth0; seq 1 200000", check=False)
    assert "198.51.100.20/24" in said, sshd.read_text()
    assert said.endswith("199999\n200000\n")
