"""One real FRR leaf, and a server with all that a link may be: dual stack over one session, jumbo frames, a VLAN.

    leaf1 (FRR, AS 65001)          bms1 (Lastmile: ports only)        bms2 (the router's own stack: host.netns)
      s1 ── veth, unnumbered ────────── up1
      s2 ── switch, VLAN 7 ──────────── trunk: up2                    lm0, twins, BGP, health checks, the web server

The leaf's loopbacks are 10.255.255.1 and 2001:db8:255::1, the server's 10.0.1.1 and 2001:db8:1::1, its services 192.168.0.250
and 2001:db8:250::80.
"""
import json
import subprocess
import sys
from pathlib import Path

import pytest

from lablib import fault, frr, lastmile
from lablib.netns import OFFLOADS, Lab, run, wait_for

SWITCH = Path(__file__).with_name("vlan_switch.py")
LEAF, MACHINE, STACK = "leaf1", "bms1", "bms2"
MTU = 9000
LOOPBACKS = ("10.0.1.1", "2001:db8:1::1")
LEAF_LOOPBACKS = ("10.255.255.1", "2001:db8:255::1")
SERVICES = ("192.168.0.250", "2001:db8:250::80")
METRICS = "127.0.0.1:9464"

FRR = """\
frr version 8.4
frr defaults datacenter
hostname leaf1
no zebra nexthop kernel enable
interface s1
 no ipv6 nd suppress-ra
exit
interface s2
 no ipv6 nd suppress-ra
exit
router bgp 65001
 bgp router-id 10.255.255.1
 no bgp ebgp-requires-policy
 neighbor s1 interface remote-as external
 neighbor s2 interface remote-as external
 address-family ipv4 unicast
  redistribute connected
  neighbor s1 activate
  neighbor s2 activate
 exit-address-family
 address-family ipv6 unicast
  redistribute connected
  neighbor s1 activate
  neighbor s2 activate
 exit-address-family
exit
"""
SERVER = """\
router: {{asn: 64512}}
loopbacks: [{loopbacks}]
services:
  - {{name: web, address: {v4}, check: {{tcp: 80, every: 100ms, timeout: 90ms, rise: 1, fall: 2}}}}
  - {{name: web6, address: "{v6}", check: {{tcp: 80, every: 100ms, timeout: 90ms, rise: 1, fall: 2}}}}
ports:
  up1: {{device: "net_af_packet0,iface=up1", mtu: {mtu}}}
  trunk: {{device: "net_af_packet1,iface=trunk", mtu: {mtu}}}
  up2: {{parent: trunk, vlan: 7, mtu: {mtu}}}
host: {{netns: {netns}}}
bgp:
  timers: {{keepalive: 1s, hold: 3s, connect-retry: 1s}}  # the switch hides from up2 that s2 is down
  neighbors:
    - {{port: up1, remote-asn: external}}
    - {{port: up2, remote-asn: external}}
telemetry: {{listen: [{metrics}]}}
control: {{socket: {folder}/lastmile.sock}}
"""
WEB = """\
import http.server, socket
class Both(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"here")
    def log_message(self, *_): pass
Both(("::", 80), Answer).serve_forever()
"""


@pytest.fixture(scope="module")
def links():
    """Both sessions are Established; no web server runs yet."""
    lab = Lab("lmlinks")
    lab.remove()
    switch = None
    try:
        for node in (LEAF, MACHINE, STACK):
            run("ip", "netns", "add", lab.namespace(node))
            if node != STACK:  # that one is as `ip netns add` makes it
                lab.prepare(node)
        run("ip", "link", "add", "s1", "mtu", str(MTU), "netns", lab.namespace(LEAF), "type", "veth",
            "peer", "name", "up1", "mtu", str(MTU), "netns", lab.namespace(MACHINE))  # fmt: skip
        # This kernel may have no 802.1Q.
        switch = subprocess.Popen(
            [sys.executable, SWITCH, f"{lab.namespace(MACHINE)}:trunk", f"{lab.namespace(LEAF)}:s2=8100:0007"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert switch.stdout.readline() == "ready\n"
        for node, interfaces in ((LEAF, ("s1", "s2")), (MACHINE, ("up1", "trunk"))):
            for interface in interfaces:
                lab.run(node, "ethtool", "-K", interface, *OFFLOADS, check=False)
                lab.run(node, "ip", "link", "set", interface, "mtu", str(MTU + 4 * (interface == "trunk")), "up")
        for address, length in zip(LEAF_LOOPBACKS, (32, 128)):
            lab.run(LEAF, "ip", "address", "add", f"{address}/{length}", "dev", "lo")
        frr.run_daemons(lab, LEAF, FRR, ("zebra", "bgpd"))
        lastmile.start_with(lab, MACHINE, SERVER.format(
            loopbacks=f'{LOOPBACKS[0]}/32, "{LOOPBACKS[1]}/128"', v4=f"{SERVICES[0]}/32", v6=f"{SERVICES[1]}/128", mtu=MTU,
            netns=lab.namespace(STACK), metrics=METRICS, folder=lab.folder(MACHINE),
        ))  # fmt: skip
        wait_for("both sessions", lambda: lastmile.established(lab, MACHINE) == {"up1", "up2"})
        yield lab
    finally:
        lab.remove()
        if switch:
            switch.stdin.close()
            switch.wait()


def pings(lab, node, source, target, *options):
    return " 0% packet loss" in lab.run(node, "ping", "-n", "-c1", "-W2", "-I", source, *options, target, check=False)


def heard(lab, address):
    """The leaf's interfaces by which it reaches an address of the server."""
    family, length = ("ipv6", 128) if ":" in address else ("ip", 32)
    routes = frr.show(lab, LEAF, f"show {family} route {address}/{length}").get(f"{address}/{length}", [])
    return {hop.get("interfaceName") for route in routes if route["protocol"] == "bgp" for hop in route["nexthops"] if hop.get("fib")}


def test_one_session_carries_both_families(links):
    for address in LOOPBACKS:
        wait_for(f"the leaf hears {address}", lambda a=address: heard(links, a) == {"s1", "s2"})
    for source, ours in zip(LEAF_LOOPBACKS, LOOPBACKS):
        wait_for(f"{source} reaches {ours}", lambda s=source, o=ours: pings(links, LEAF, s, o))
        assert pings(links, STACK, ours, source)


def test_a_veth_that_is_made_again_is_used_from_the_other_namespace(links):
    """The interfaces are in the machine's namespace; the router's control thread has left it, for good."""
    links.run(MACHINE, "ip", "link", "delete", "up1")
    wait_for("one session less", lambda: lastmile.established(links, MACHINE) == {"up2"})
    run("ip", "link", "add", "s1", "mtu", str(MTU), "netns", links.namespace(LEAF), "type", "veth",
        "peer", "name", "up1", "netns", links.namespace(MACHINE))  # fmt: skip
    for node, interface in ((LEAF, "s1"), (MACHINE, "up1")):
        links.run(node, "ethtool", "-K", interface, *OFFLOADS, check=False)
        links.run(node, "ip", "link", "set", interface, "up")
    wait_for("both sessions", lambda: lastmile.established(links, MACHINE) == {"up1", "up2"})
    assert f"mtu {MTU}" in links.run(MACHINE, "ip", "link", "show", "up1"), "the port's"


def test_the_machines_own_network_stays_apart(links):
    links_of = {
        node: {line.split()[0].split("@")[0] for line in links.run(node, "ip", "-br", "link").splitlines()}
        for node in (MACHINE, STACK)
    }
    assert links_of[MACHINE] == {"lo", "up1", "trunk"}
    assert links_of[STACK] == {"lo", "lm0", "lm-up1", "lm-trunk", "lm-up2"}
    assert ":179 " not in links.run(MACHINE, "ss", "-Hnta")
    assert ":179 " in links.run(STACK, "ss", "-Hnta")
    assert "default" not in links.run(MACHINE, "ip", "route")
    # The management network's things stay where they were.
    assert "lastmile_" in links.run(MACHINE, "curl", "-sS", "--max-time", "10", f"http://{METRICS}/metrics")
    # The router goes on seeing the interfaces under its ports, and its own sessions.
    findings = json.loads(lastmile.command(links, MACHINE, "doctor", "--json"))
    assert not [f for f in findings.get("findings", []) if f.get("severity") == "problem"], findings


def test_services_of_both_families_follow_their_checks(links):
    assert [heard(links, service) for service in SERVICES] == [set(), set()]
    links.start(STACK, "web", [sys.executable, "-c", WEB])
    for service in SERVICES:
        wait_for(f"the leaf hears {service}", lambda s=service: heard(links, s) == {"s1", "s2"})
    for source, service in zip(LEAF_LOOPBACKS, SERVICES):
        url = f"http://[{service}]/" if ":" in service else f"http://{service}/"
        assert links.run(LEAF, "curl", "-sS", "-g", "--max-time", "10", "--interface", source, url) == "here"
    links.stop(STACK, "web")
    for service in SERVICES:
        wait_for(f"the leaf hears {service} no more", lambda s=service: heard(links, s) == set())


def test_jumbo_frames_pass_by_each_link_with_and_without_a_tag(links):
    for other, link, port in (("s2", "s1", "up1"), ("s1", "s2", "up2")):
        with fault.link_down(links, LEAF, other):
            wait_for(f"{port} alone", lambda p=port: lastmile.established(links, MACHINE) == {p})
            for source, ours, headers in zip(LEAF_LOOPBACKS, LOOPBACKS, (28, 48)):
                wait_for(f"{ours} by {link} alone", lambda o=ours, to=link: heard(links, o) == {to})
                wait_for(f"{source} reaches {ours}", lambda s=source, o=ours: pings(links, LEAF, s, o))
                whole = ("-M", "do", "-s", str(MTU - headers))
                assert pings(links, LEAF, source, ours, *whole), f"{ours} by {link}"
                assert pings(links, STACK, ours, source, *whole), f"{source} by {link}"
        wait_for("both again", lambda: lastmile.established(links, MACHINE) == {"up1", "up2"})
