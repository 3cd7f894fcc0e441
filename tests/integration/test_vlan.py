"""Ports in VLANs of one device: tagged, tagged twice and untagged side by side; and what a numbered port does for hosts.

    plain, prio   no tag, priority tags  192.168.1.0/24 ─┐
    legacy        802.1Q 2               192.168.2.0/24 ─┤
    metro         802.1ad 100, 802.1Q 20 192.168.3.0/24 ─┼─ switch ── lan: srv (Lastmile, mode transit, loopback 10.0.1.1)
    far           802.1Q 7, unnumbered                  ─┘
                  (Lastmile, mode host, loopback 10.0.9.1)
"""
import json
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from lablib import lastmile
from lablib.netns import wait_for

SWITCH = Path(__file__).with_name("vlan_switch.py")
SRV = """\
router: {{mode: transit, asn: 64512, id: 10.0.1.1}}
loopbacks: [10.0.1.1/32, "2001:db8:ffff::1/128"]
ports:
  lan: {{device: "net_af_packet0,iface=trunk", addresses: [192.168.1.1/24, "2001:db8:1::1/64"]}}
  lan2: {{parent: lan, vlan: 2, addresses: [192.168.2.1/24, "2001:db8:2::1/64"]}}
  metro: {{parent: lan, vlan: [100, 20], addresses: [192.168.3.1/24, "2001:db8:3::1/64"]}}
  far: {{parent: lan, vlan: 7}}
policies: {{any: {{default: accept}}}}
bfd: {{profiles: {{fast: {{interval: 100ms}}}}}}
bgp:
  neighbors:
    - {{port: far, remote-asn: external, bfd: fast, import: any, export: any}}
control: {{socket: {socket}}}
"""
FAR = """\
router: {{asn: 65009}}
loopbacks: [10.0.9.1/32]
ports:
  up: {{device: "net_af_packet0,iface=eth0"}}
bfd: {{profiles: {{fast: {{interval: 100ms}}}}}}
bgp:
  neighbors:
    - {{port: up, remote-asn: external, bfd: fast}}
control: {{socket: {socket}}}
"""
HOSTS = {
    # name: (subnet, host number, tags on the trunk)
    "plain": (1, 20, ""),
    "prio": (1, 21, ">8100:a000"),
    "legacy": (2, 20, "8100:0002"),
    "metro": (3, 20, "88a8:0064+8100:0014"),
}
# 1 MiB to whoever connects; and a client that says how much came.
SERVER = "import socket; s = socket.create_server(('', 7000)); print('ready', flush=True)\nwhile True: s.accept()[0].sendall(bytes(1 << 20))"
CLIENT = "import socket, sys; s = socket.create_connection((sys.argv[1], 7000), 20); n = 0\nwhile d := s.recv(65536): n += len(d)\nprint(n)"


OTHERS = 30  # frames of other kinds on a port meanwhile: ARP, neighbor discovery, a ping


class Net:
    def __init__(self, folder):
        self.folder = folder
        self.name = "lmvlan-" + uuid.uuid4().hex[:6]
        self.nodes = ("srv", "far", *HOSTS)
        self.processes = []
        for node in self.nodes:
            subprocess.run(["ip", "netns", "add", self.space(node)], check=True)
            self.run(node, "ip", "link", "set", "lo", "up")
        taps = [f"{self.space(host)}:eth0={tags}" for host, (_, _, tags) in HOSTS.items()]
        taps.append(f"{self.space('far')}:eth0=8100:0007")
        self.switch = subprocess.Popen([sys.executable, SWITCH, f"{self.space('srv')}:trunk", *taps],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # fmt: skip
        self.processes.append(self.switch)
        assert self.switch.stdout.readline() == "ready\n"
        for node in self.nodes:
            interface = "trunk" if node == "srv" else "eth0"
            self.run(node, "sysctl", "-qw", f"net.ipv6.conf.{interface}.accept_dad=0")
            self.run(node, "ip", "link", "set", interface, "up")
        for host, (subnet, number, _) in HOSTS.items():
            for address, gateway in ((f"192.168.{subnet}.{number}/24", f"192.168.{subnet}.1"),
                                     (f"2001:db8:{subnet}::{number}/64", f"2001:db8:{subnet}::1")):  # fmt: skip
                self.run(host, "ip", "address", "add", address, "dev", "eth0")
                self.run(host, "ip", "route", "add", "default", "via", gateway)

    def space(self, node):
        return f"{self.name}-{node}"

    def run(self, node, *command, check=True):
        return subprocess.run(["ip", "netns", "exec", self.space(node), *command], check=check,
                              capture_output=True, text=True, timeout=60).stdout  # fmt: skip

    def spawn(self, node, *command, **options):
        process = subprocess.Popen(["ip", "netns", "exec", self.space(node), *command],
                                   stdin=subprocess.DEVNULL, **options)  # fmt: skip
        self.processes.append(process)
        return process

    def start(self):
        for node, text in (("srv", SRV), ("far", FAR)):
            config = self.folder / f"{node}.yaml"
            config.write_text(text.format(socket=self.folder / f"{node}.sock"))
            with open(self.folder / f"{node}.log", "wb") as log:
                self.spawn(node, lastmile.BUILD / "lastmiled", config, stdout=log, stderr=log)
        for host in HOSTS:
            wait_for(f"{host} reaches the router", lambda host=host: self.pings(host, "10.0.1.1", "-W", "1"))

    def pings(self, node, to, *options):
        return " 0% packet loss" in self.run(node, "ping", "-n", "-c", "1", *options, to, check=False)

    def show(self, *words, node="srv"):
        return json.loads(self.run(node, lastmile.BUILD / "lastmile", "--socket", self.folder / f"{node}.sock",
                                   "show", *words, "--json"))  # fmt: skip

    def port(self, name):
        return next(port for port in self.show("ports")["ports"] if port["name"] == name)

    def drops(self, reason):
        return next(drop["packets"] for drop in self.show("drops")["drops"] if drop["reason"] == reason)

    def tell(self, line):
        self.switch.stdin.write(line + "\n")
        self.switch.stdin.flush()

    def seen(self):
        self.tell("seen")
        return json.loads(self.switch.stdout.readline())

    def remove(self):
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for node in self.nodes:
            subprocess.run(["ip", "netns", "delete", self.space(node)], check=False)


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    nodes = Net(tmp_path_factory.mktemp("vlan"))
    try:
        nodes.start()
        yield nodes
    finally:
        nodes.remove()


def address(host, family):
    subnet, number, _ = HOSTS[host]
    return f"192.168.{subnet}.{number}" if family == 4 else f"2001:db8:{subnet}::{number}"


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("host", HOSTS)
def test_ping_both_ways(net, host, family):
    loopback = "10.0.1.1" if family == 4 else "2001:db8:ffff::1"
    wait_for("the host reaches the loopback", lambda: net.pings(host, loopback, "-W", "2"))
    assert net.pings("srv", address(host, family), "-W", "5")
    for other in HOSTS:
        if HOSTS[other][0] != HOSTS[host][0]:
            wait_for(f"{host} reaches {other}", lambda other=other: net.pings(host, address(other, family), "-W", "2"))


@pytest.mark.parametrize("server, client", [("legacy", "metro"), ("metro", "legacy"), ("plain", "metro"), ("legacy", "prio")])
def test_tcp_between_vlans(net, server, client):
    serving = net.spawn(server, sys.executable, "-c", SERVER, stdout=subprocess.PIPE)
    try:
        assert serving.stdout.readline() == b"ready\n"
        assert net.run(client, sys.executable, "-c", CLIENT, address(server, 4)).strip() == str(1 << 20)
        assert net.run("srv", sys.executable, "-c", CLIENT, address(server, 4)).strip() == str(1 << 20)
    finally:
        serving.kill()
        serving.wait()


def test_every_vlan_carries_the_whole_mtu(net):
    for host in HOSTS:
        for to in ("10.0.1.1", address("metro", 4), address("legacy", 4)):
            assert net.pings(host, to, "-M", "do", "-s", "1472", "-W", "5"), f"{host} to {to}"


def test_the_wire_has_the_tags_of_the_ports_and_no_others(net):
    expected = {"", "8100:0002", "8100:0007", "88a8:0064+8100:0014"}
    wait_for("frames of all ports", lambda: set(net.seen()) >= expected)
    assert set(net.seen()) == expected


def test_ports_are_counted_each_for_itself(net):
    assert (net.port("lan")["vlan"], net.port("lan")["parent"]) == ([], "")
    assert (net.port("lan2")["vlan"], net.port("lan2")["vlan_protocol"], net.port("lan2")["parent"]) == ([2], "802.1q", "lan")
    assert (net.port("metro")["vlan"], net.port("metro")["vlan_protocol"]) == ([100, 20], "802.1ad")
    assert "802.1ad VLAN 100 / 20" in net.run("srv", lastmile.BUILD / "lastmile", "--socket", net.folder / "srv.sock", "show", "ports")
    before = {name: net.port(name) for name in ("lan", "lan2", "metro")}
    net.run("legacy", "ping", "-n", "-q", "-i", "0.02", "-c", "50", address("metro", 4))
    after = {name: net.port(name) for name in before}
    for counter in ("rx_packets", "tx_packets"):
        grown = {name: after[name][counter] - before[name][counter] for name in before}
        assert grown["lan2"] >= 50 and grown["metro"] >= 50 and grown["lan"] < 50, grown
    assert "192.168.2.20" in net.run("srv", "ip", "neighbor", "show", "dev", "lm-lan2")


def test_frames_of_no_vlan_are_dropped_and_counted(net):
    mac = bytes.fromhex(net.port("lan")["mac"].replace(":", ""))
    body = mac + bytes.fromhex("020000000099")
    packet = bytes.fromhex("0800") + bytes(46)
    before = net.drops("vlan-unknown")
    for tags in ("81000003", "8100000281000002", "88a80064", "88a8006481000015", "81000fff"):
        net.tell("inject " + (body + bytes.fromhex(tags) + packet).hex())
    wait_for("five drops", lambda: net.drops("vlan-unknown") == before + 5)


def test_bgp_and_bfd_run_over_a_vlan(net):
    def established(node):
        return [n["state"] for n in net.show("bgp", node=node)["neighbors"]] == ["Established"]

    def up(node):
        return [s["state"].lower() for s in net.show("bfd", node=node)["sessions"]] == ["up"]

    for node in ("srv", "far"):
        wait_for(f"BGP on {node}", lambda node=node: established(node))
        wait_for(f"BFD on {node}", lambda node=node: up(node))
    assert [(s["neighbor"], s["port"]) for s in net.show("bfd")["sessions"]] == [("far", "far")]
    wait_for("the other router's programs reach ours", lambda: net.pings("far", "10.0.1.1", "-I", "10.0.9.1", "-W", "2"))
    assert net.pings("srv", "10.0.9.1", "-W", "5")


def test_packets_wait_for_an_address_that_answers_late(net):
    """The first packet to a host is sent when its ARP answer comes, half a second after the question."""
    wait_for("legacy is reached", lambda: net.pings("metro", address("legacy", 4), "-W", "2"))
    net.tell(f"delay {net.space('legacy')}:eth0 0.5")
    try:
        net.run("srv", "ip", "neighbor", "flush", "dev", "lm-lan2")
        expired = net.drops("hold-expired")
        assert net.pings("metro", address("legacy", 4), "-W", "10")
        assert net.drops("hold-expired") == expired
    finally:
        net.tell(f"delay {net.space('legacy')}:eth0 0")


def test_addresses_that_nobody_has_cost_nothing_for_long(net):
    """A scan of a connected subnet: what waits is bounded, all else is dropped and counted, and hosts there go on."""
    held = ("hold-full", "hold-expired")
    dropped = sum(net.drops(reason) for reason in held)
    received = net.port("metro")["rx_packets"]
    scan = "import socket, time; s = socket.socket(type=socket.SOCK_DGRAM)\n" \
           "for i in range(4000): s.sendto(b'x', (f'192.168.2.{30 + i % 200}', 9)); i % 50 or time.sleep(0.002)"  # fmt: skip
    net.run("metro", sys.executable, "-c", scan)
    arrived = net.port("metro")["rx_packets"] - received
    waiting = arrived - (sum(net.drops(reason) for reason in held) - dropped)
    assert arrived > 2 * 64 * 8, "too few to fill what waits"
    assert waiting <= 64 * 8 + OTHERS, "64 addresses wait at a time, with 8 packets each"
    assert net.pings("metro", address("legacy", 4), "-W", "5")
    wait_for("all are dropped", lambda: sum(net.drops(reason) for reason in held) >= dropped + arrived - OTHERS)
