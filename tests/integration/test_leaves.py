"""Leaves that differ in who opens the connection and in how they write their next hop; all of them are fe80::1.

         srv (Lastmile)
   up1 | up2 | ... | up6 |      unnumbered
    leaf1 leaf2 ... leaf6       each fe80::1
"""
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

import scripted_leaf as bgp
from leaves import LEAF_ADDRESS, SERVER, LeafLab
from lablib.netns import wait_for

GLOBAL = "2001:db8:66::6"  # an address of leaf6 on the link, in no subnet of ours


@dataclass
class Kind:
    """How a leaf opens, and the messages by which it announces a prefix of each family."""

    name: str
    opens: str
    v4: Callable[[str, int], bytes]
    v6: Callable[[str, int], bytes]


def mp(*addresses: str) -> Callable[[str, int], bytes]:
    return lambda prefix, asn: bgp.reach([prefix], [asn], bgp.packed(*addresses))


KINDS = [
    Kind("passive, 16 octets", "passive", mp(LEAF_ADDRESS), mp(LEAF_ADDRESS)),
    Kind("opens at once with us, 32 octets: global and link-local", "both",
         mp("2001:db8:66::2", LEAF_ADDRESS), mp("2001:db8:66::2", LEAF_ADDRESS)),
    Kind("active, NEXT_HOP 0.0.0.0", "active",
         lambda prefix, asn: bgp.reach_v4([prefix], [asn], "0.0.0.0"), mp(LEAF_ADDRESS)),
    Kind("opens at once with us, 32 octets: :: and link-local", "both",
         mp("::", LEAF_ADDRESS), mp("::", LEAF_ADDRESS)),
    Kind("passive, 32 octets: link-local twice", "passive",
         mp(LEAF_ADDRESS, LEAF_ADDRESS), mp(LEAF_ADDRESS, LEAF_ADDRESS)),
    Kind("active, 16 octets: global", "active", mp(GLOBAL), mp(GLOBAL)),
]  # fmt: skip


@pytest.fixture
def lab(tmp_path):
    made = LeafLab(tmp_path, len(KINDS))
    try:
        made.build()
        made.run("leaf6", "ip", "address", "add", f"{GLOBAL}/64", "dev", "eth1")
        yield made
    finally:
        made.remove()


def test_every_kind_of_leaf_comes_up_and_forwards(lab):
    ports = {f"up{i}" for i in range(1, len(KINDS) + 1)}
    for leaf, kind in zip(lab.leaves, KINDS):
        lab.start_leaf(leaf, kind.opens)
    began = time.monotonic()
    lab.start_server(lab.config())
    started = time.monotonic()
    wait_for("all sessions", lambda: lab.established() == ports)
    print(f"lastmiled started in {started - began:.1f} s; all Established {time.monotonic() - started:.1f} s later")
    for leaf, kind in zip(lab.leaves, KINDS):
        process, number = lab.running[leaf], lab.leaves.index(leaf) + 1
        wait_for(f"{leaf} ({kind.name})", lambda: process.of("established"))
        up = process.of("established")
        print(f"{leaf} ({kind.name}): Established {up[0]['at'] - began:.2f} s after the start of lastmiled")
        assert len(up) == 1 and not process.of("closed"), f"{leaf} ({kind.name}): {process.events}"
        process.send(kind.v4(f"10.9.{number}.0/24", process.asn) + kind.v6(f"2001:db8:9:{number}::/64", process.asn))
    for leaf, kind in zip(lab.leaves, KINDS):
        number = lab.leaves.index(leaf) + 1
        wait_for(f"{leaf}: our loopbacks", lambda: {"10.0.1.1/32", "2001:db8:1::1/128"} <= lab.running[leaf].announced())
        lab.route_to_server(leaf, "10.0.1.1/32", "2001:db8:1::1/128")
        for prefix, source, target in (
            (f"10.9.{number}.0/24", "10.0.1.1", f"10.9.{number}.1"),
            (f"2001:db8:9:{number}::/64", "2001:db8:1::1", f"2001:db8:9:{number}::1"),
        ):
            wait_for(f"{leaf} ({kind.name}): {prefix}", lambda: lab.routes(prefix))
            (route,) = lab.routes(prefix)
            assert route["best"] and not route["refusal"], route
            assert {hop["port"] for hop in route["next_hops"]} == {f"up{number}"}, route
            wait_for(f"{leaf} ({kind.name}): ping to {target}", lambda: lab.pings(SERVER, source, target))
    assert lab.established() == ports
    counts = {name: session["established_count"] for name, session in lab.sessions().items() if name != "up3"}
    # One address on all ports: the end of one neighbor is nothing to the others.
    lab.running["leaf3"].stop()
    wait_for("leaf3 is gone", lambda: lab.established() == ports - {"up3"})
    time.sleep(1)
    assert counts == {name: session["established_count"] for name, session in lab.sessions().items() if name != "up3"}
    assert lab.pings(SERVER, "10.0.1.1", "10.9.4.1")


def test_helper_encodes_what_the_tests_say():
    assert bgp.read_update(bgp.reach_v4(["10.9.1.0/24"], [65001], "0.0.0.0")[19:])["announced"] == ["10.9.1.0/24"]
    assert socket.inet_aton("0.0.0.0") in bgp.reach_v4(["10.9.1.0/24"], [65001], "0.0.0.0")
    assert bgp.read_update(bgp.reach(["2001:db8::/32"], [65001], bgp.packed("fe80::1"))[19:])["announced"] == ["2001:db8::/32"]
