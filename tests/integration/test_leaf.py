"""Lastmile on the leaves (mode transit), FRR and the kernel on spine and servers.

Each leaf has the spine and one server on unnumbered ports, whoever connects on the other server's port (a listen
range), and the legacy server on a numbered port. `LASTMILE_LEAF_DEMO=1` runs the whole demo on such leaves, too.
"""
import json
import os
import subprocess
from pathlib import Path

import pytest

from lablib import fabric, fault, frr, lastmile, leaves, measure, servers, topology
from lablib.netns import Lab, wait_for

TOOLS = Path(__file__).resolve().parents[2] / "tools"
UPLINKS = {"up1", "up2"}
LEGACY, SUBNET = "192.168.101.20", "192.168.101.0/24"


@pytest.fixture(scope="module")
def leafy():
    """The fabric with Lastmile leaves and FRR servers, all sessions Established."""
    lab = Lab("lmleafy")
    lab.remove()
    try:
        fabric.up(lab, "lastmile")
        fabric.watch_servers(lab, "lastmile")
        ours = servers.FrrServers(lab)
        for node in topology.servers():
            ours.start(node)
        for node in topology.servers():
            wait_for(f"{node.name}: sessions", lambda n=node.name: ours.established(n) >= UPLINKS)
        yield lab
    finally:
        lab.remove()


def pings(lab, node, source, target) -> bool:
    return "1 received" in lab.run(node, "ping", "-n", "-c1", "-W1", "-I", source, target, check=False)


def test_servers_are_neighbors_by_port_and_by_listen_range(leafy):
    ours = leaves.LastmileLeaves(leafy)
    for leaf in topology.leaves():
        wait_for(f"{leaf.name}: sessions", lambda n=leaf.name: ours.established(n) == {"spine1", "bms1", "bms2"})
        names = {n["port"]: n["name"] for n in lastmile.show(leafy, leaf.name, "bgp")["neighbors"] if n["state"] == "Established"}
        assert names["bms1"] == "bms1"
        assert names["bms2"].startswith("fe80::"), names
        for node in topology.servers():
            expected = {node.loopback, topology.SERVICE}
            wait_for(f"{leaf.name} hears {node.name}", lambda n=leaf.name, s=node.name, e=expected: ours.announced(n, s).keys() == e)  # fmt: skip


def test_the_leafs_subnet_and_the_default_reach_everybody(leafy):
    ours = servers.FrrServers(leafy)
    for prefix, ports in (("0.0.0.0/0", ["up1", "up2"]), (SUBNET, ["up1"]), ("10.255.255.1/32", ["up1"])):
        wait_for(f"bms1 has {prefix}", lambda p=prefix, to=ports: ours.next_hop_ports("bms1", p) == to)
    wait_for("the spine has the subnet", lambda: frr.has_route(leafy, "spine1", SUBNET))
    service = topology.SERVICE.removesuffix("/32")
    for node in topology.servers():
        measure.serve_http(leafy, node.name, "http", node.name)
    with measure.capture(leafy, "leaf1", LEGACY, ["bms1", "bms2"]) as short:
        bodies = measure.get(leafy, "legacy", f"http://{service}/", 16)
    assert [body in ("bms1", "bms2") for body in bodies] == [True] * 16
    assert sum(port["packets"] for port in short.values()) > 0
    assert pings(leafy, "legacy", LEGACY, "10.255.255.201"), "legacy does not reach the spine"


def test_a_server_moves_to_the_other_leaf_and_back(leafy):
    ours = servers.FrrServers(leafy)
    with fault.link_down(leafy, "leaf1", "bms1"):
        wait_for("bms1 has leaf2 alone", lambda: ours.next_hop_ports("bms1", "0.0.0.0/0") == ["up2"])
        wait_for("legacy reaches bms1 through the spine", lambda: pings(leafy, "legacy", LEGACY, "10.0.1.1"))
    wait_for("bms1 has both again", lambda: ours.next_hop_ports("bms1", "0.0.0.0/0") == ["up1", "up2"])
    assert pings(leafy, "legacy", LEGACY, "10.0.1.1")


@pytest.mark.skipif("LASTMILE_LEAF_DEMO" not in os.environ, reason="LASTMILE_LEAF_DEMO: two minutes")
@pytest.mark.parametrize("kind", sorted(servers.KINDS))
def test_the_demo_runs_on_lastmile_leaves(tmp_path, kind):
    result = tmp_path / "demo.json"
    done = subprocess.run(
        [TOOLS / "lab", "--prefix", "lmleafd", "demo", "--leaves", "lastmile", "--servers", kind, "--no-prepare",
         "--json", result],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    print(done.stdout)
    assert result.exists(), done.stdout + done.stderr
    report = json.loads(result.read_text())
    timed = ("established_", "down_lost_", "down_gap_", "down_repair_", "silent_", "service_withdrawn_", "service_late")
    assert not [key for key in report["failed"] if not key.startswith(timed)], done.stdout
