"""What hosts hear of packets that a router in the middle drops: traceroute's hops, path MTU, unreachable.

    left (MTU 9000)  ──  srv (Lastmile, mode transit, loopbacks 10.0.1.1 and 2001:db8:1::1)  ──  right (MTU 1500)
"""
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
    wait_for("a long ping in fragments", lambda: " 0% packet loss" in three.ping(target, "-s", "4000", "-W", "1"), 10)


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
