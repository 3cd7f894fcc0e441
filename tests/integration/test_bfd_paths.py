"""BFD of static routes, over several hops, and while parameters change, each with FRR at the other end.

      srv ──── 192.0.2.0/24 ──── mid ──── 198.51.100.0/24 ──── far
   Lastmile                  FRR's bfdd                   FRR's bfdd, bgpd
   10.0.1.1                  a router

srv reaches far by a static route whose next hop, mid, is watched; its BGP neighbor is far, watched over two hops.
Intervals are long enough for FRR, an ordinary process, on a machine that compiles.
"""
import signal
import subprocess

import pytest

from lablib import frr, lastmile
from lablib.netns import OFFLOADS, Lab, run, wait_for

NODES = ("srv", "mid", "far")
LINKS = [(("srv", "up1"), ("mid", "srv")), (("mid", "far"), ("far", "mid"))]
ADDRESSES = {("mid", "srv"): "192.0.2.2/24", ("mid", "far"): "198.51.100.1/24", ("far", "mid"): "198.51.100.2/24"}
PREFIX, FAR = "198.51.100.0/24", "198.51.100.2"

CONFIG = """\
router: {{asn: 64512}}
loopbacks: [10.0.1.1/32]
ports: {{up1: {{device: "net_af_packet0,iface=up1", addresses: [192.0.2.1/24]}}}}
bfd: {{profiles: {{link: {{interval: {interval}, multiplier: 20}}, far: {{interval: 50ms, multiplier: 20}}}}}}
routes:
  - {{prefix: 198.51.100.0/24, via: [{{port: up1, address: 192.0.2.2, bfd: link}}]}}
bgp:
  timers: {{keepalive: 3s, hold: 9s, connect-retry: 1s}}
  neighbors: [{{address: 198.51.100.2, remote-asn: 65002, multihop: 2, bfd: far}}]
control: {{socket: {folder}/lastmile.sock}}
"""
FRR_TIMES = """\
  receive-interval 50
  transmit-interval 50
  detect-multiplier 20
"""
MID = f"""\
bfd
 peer 192.0.2.1 local-address 192.0.2.2 interface srv
{FRR_TIMES} exit
exit
"""
FAR_CONFIG = f"""\
bfd
 peer 10.0.1.1 multihop local-address {FAR}
{FRR_TIMES} exit
exit
router bgp 65002
 no bgp ebgp-requires-policy
 neighbor 10.0.1.1 remote-as 64512
 neighbor 10.0.1.1 ebgp-multihop 2
 neighbor 10.0.1.1 update-source {FAR}
 neighbor 10.0.1.1 timers 3 9
 neighbor 10.0.1.1 timers connect 1
exit
"""


class Chain(Lab):
    def build(self) -> None:
        for node in NODES:
            run("ip", "netns", "add", self.namespace(node))
            self.prepare(node)
        for (a, a_interface), (b, b_interface) in LINKS:
            run("ip", "link", "add", a_interface, "netns", self.namespace(a), "type", "veth",
                "peer", "name", b_interface, "netns", self.namespace(b))  # fmt: skip
            for node, interface in ((a, a_interface), (b, b_interface)):
                self.run(node, "ethtool", "-K", interface, *OFFLOADS, check=False)
                if address := ADDRESSES.get((node, interface)):
                    self.run(node, "ip", "address", "add", address, "dev", interface)
                self.run(node, "ip", "link", "set", interface, "up")
        self.run("mid", "ip", "route", "add", "10.0.1.1/32", "via", "192.0.2.1")
        self.run("far", "ip", "route", "add", "10.0.1.1/32", "via", "198.51.100.1")
        frr.run_daemons(self, "mid", MID, ("zebra", "bfdd"))
        frr.run_daemons(self, "far", FAR_CONFIG)

    def configure(self, interval: str) -> str:
        path = self.folder("srv") / "server.yaml"
        path.write_text(CONFIG.format(interval=interval, folder=self.folder("srv")))
        return str(path)

    def remove(self) -> None:
        known = run("ip", "netns", "list", check=False).split()
        for node in NODES:
            for name in self.processes(node):
                self.stop(node, name)
            if self.namespace(node) in known:
                run("ip", "netns", "delete", self.namespace(node), check=False)
            frr.remove(self, node)
        super().remove()


@pytest.fixture(scope="module")
def chain():
    lab = Chain("lmchain")
    lab.remove()
    try:
        lab.build()
        lab.start("srv", "lastmiled", [str(lastmile.BUILD / "lastmiled"), lab.configure("50ms")])
        wait_for("lastmiled", lambda: lastmile.show(lab, "srv", "version"))
        yield lab
    finally:
        lab.remove()


def session(lab: Lab, name: str) -> dict:
    return next((s for s in lastmile.show(lab, "srv", "bfd").get("sessions", []) if s["neighbor"] == name), {})


def frr_session(lab: Lab, node: str) -> dict:
    return next(iter(frr.show(lab, node, "show bfd peers")), {})


def neighbor(lab: Lab) -> dict:
    return next(n for n in lastmile.show(lab, "srv", "bgp")["neighbors"])


def everything_is_up(lab: Lab) -> None:
    for name in ("192.0.2.2", FAR):
        wait_for(f"BFD with {name}", lambda n=name: session(lab, n).get("state") == "up")
    wait_for("BGP", lambda: lastmile.established(lab, "srv") == {FAR})


def test_a_static_route_is_there_while_its_next_hop_answers(chain):
    everything_is_up(chain)
    assert frr_session(chain, "mid")["status"] == "up"
    assert session(chain, "192.0.2.2")["clients"] == ["static"]
    assert [hop["address"] for hop in lastmile.next_hops(chain, "srv", PREFIX)] == ["192.0.2.2"]


def test_frr_over_two_hops(chain):
    far = session(chain, FAR)
    assert far["port"] is None and far["local_address"] == "10.0.1.1" and far["clients"] == ["bgp"], far
    assert far["minimum_ttl"] == 254 and far["refused"] == 0, far
    theirs = frr_session(chain, "far")
    assert theirs["multihop"] and theirs["status"] == "up", theirs
    assert theirs["peer"] == "10.0.1.1" and theirs["local"] == FAR, theirs
    wait_for("50 ms on both sides", lambda: session(chain, FAR)["detect_us"] == 1_000_000)


def test_parameters_change_without_a_flap(chain):
    """A poll of either side, answered by the other (RFC 5880 section 6.8.3)."""
    wait_for("50 ms", lambda: session(chain, "192.0.2.2")["detect_us"] == 1_000_000)
    before = session(chain, "192.0.2.2")
    frr.configure(chain, "mid", "bfd", "peer 192.0.2.1 local-address 192.0.2.2 interface srv",
                  "transmit-interval 120", "receive-interval 90")  # fmt: skip
    wait_for("the slower neighbor", lambda: session(chain, "192.0.2.2")["detect_us"] == 20 * 120_000)
    wait_for("our pace", lambda: session(chain, "192.0.2.2")["interval_us"] == 90_000)
    chain.configure("200ms")
    assert "nothing" not in lastmile.command(chain, "srv", "reload")
    wait_for("ours", lambda: session(chain, "192.0.2.2")["interval_us"] == 200_000)
    wait_for("FRR has heard", lambda: frr_session(chain, "mid").get("remote-transmit-interval") == 200)
    after = session(chain, "192.0.2.2")
    assert after["state"] == "up" and after["discriminator"] == before["discriminator"], after
    assert after["failures"] == before["failures"] and after["state_changes"] == before["state_changes"], after


def test_what_is_dead_over_several_hops_is_the_neighbor_alone(chain):
    """FRR's bfdd stands still, as if the way were cut; its bgpd does not know."""
    everything_is_up(chain)
    before = session(chain, FAR)["failures"]
    pid = chain.pid("far", "bfdd")
    subprocess.run(["kill", "-STOP", str(pid)], check=True)
    try:
        wait_for("detection", lambda: session(chain, FAR)["failures"] > before)
        wait_for("BGP has heard", lambda: "BFD" in (neighbor(chain)["last_error"] or ""))
        assert lastmile.next_hops(chain, "srv", PREFIX), "the link to mid is as good as before"
        assert session(chain, "192.0.2.2")["state"] == "up"
    finally:
        subprocess.run(["kill", "-CONT", str(pid)], check=True)
    # vtysh speaks to all daemons, so not before. Cease, BFD Down (RFC 9384).
    told = next(iter(frr.show(chain, "far", "show bgp neighbors").values()))
    print("what FRR says of the end:", told.get("lastErrorCodeSubcode"), told.get("lastNotificationReason"))
    assert told.get("lastErrorCodeSubcode", "060A") == "060A", told
    everything_is_up(chain)


def test_a_static_route_goes_with_its_next_hop(chain):
    chain.stop("mid", "bfdd", how=signal.SIGKILL)
    wait_for("withdrawn", lambda: not lastmile.next_hops(chain, "srv", PREFIX))
    (route,) = lastmile.show(chain, "srv", f"routes {PREFIX}")["routes"]
    assert not route["best"] and "BFD" in route["refusal"], route
    frr.start_daemon(chain, "mid", "bfdd")
    space = chain.namespace("mid")
    wait_for("bfdd", lambda: chain.run("mid", "vtysh", "-N", space, "-d", "bfdd", "-c", "show bfd peers", check=False))
    chain.run("mid", "vtysh", "-N", space, "-b", check=False)
    wait_for("back", lambda: lastmile.next_hops(chain, "srv", PREFIX))
    everything_is_up(chain)
