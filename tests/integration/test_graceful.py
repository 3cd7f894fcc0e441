"""A leaf's BGP restarts while its kernel goes on forwarding (RFC 4724): FRR as the restarting speaker,
Lastmile as its helper. No route leaves the tables, and no next hop dies. Then the other way round. All of it is
recorded, and replayed."""
import json
import signal
import subprocess

import pytest

from lablib import fabric, frr, lastmile, measure, topology
from lablib.netns import Lab, settled, wait_for


def neighbor(lab: Lab, name: str) -> dict:
    return next(n for n in lastmile.show(lab, "bms1", "bgp")["neighbors"] if n["name"] == name)


def part(lab: Lab, *words: str) -> list[dict]:
    return json.loads(lastmile.command(lab, "bms1", "show", "routes", "--json", *words))["routes"]


@pytest.fixture(scope="module")
def restarting_lab():
    """The fabric with one server; leaf 1 wants its routes kept while it restarts."""
    lab = Lab("lmgr")
    lab.remove()
    try:
        fabric.up(lab)
        frr.configure(lab, "leaf1", "router bgp 65001", "bgp graceful-restart",
                      "bgp graceful-restart preserve-fw-state")  # fmt: skip
        frr.vtysh(lab, "leaf1", "write memory")
        lastmile.start_servers(lab, options={"bms1": ("--record", str(lab.folder("bms1") / "run.rec"))})
        yield lab
    finally:
        lab.remove()


def start_bgpd(lab: Lab, node: str) -> None:
    space = lab.namespace(node)
    frr.start_daemon(lab, node, "bgpd")
    # vtysh -b waits for the daemon, but complains if it is not there yet.
    wait_for(f"{node}: bgpd", lambda: subprocess.run(
        lab.in_node(node) + ["vtysh", "-N", space, "-d", "bgpd", "-c", "show bgp summary"],
        capture_output=True).returncode == 0)  # fmt: skip
    lab.run(node, "vtysh", "-N", space, "-b", check=False)


def test_what_a_neighbor_sent_and_was_sent(restarting_lab):
    lab = restarting_lab
    wait_for("the other server's route", lambda: len(part(lab, "10.0.2.2/32")) == 2)
    received = part(lab, "--received", "up1")
    assert {"10.255.255.1/32", "10.0.2.2/32"} <= {r["prefix"] for r in received}
    assert {r["neighbor"] for r in received} == {"up1"}
    # Our own loopback comes back by the other leaf's path, and is refused.
    refused = [r for r in received if r["refusal"]]
    accepted = part(lab, "--accepted", "up1")
    assert len(accepted) + len(refused) == len(received)
    advertised = part(lab, "--advertised", "up1")
    assert "10.0.1.1/32" in {r["prefix"] for r in advertised}
    assert {r["as_path"] for r in advertised} == {"64512"}
    assert part(lab, "--advertised", "up1", "10.0.1.1/32") == [
        r for r in advertised if r["prefix"] == "10.0.1.1/32"
    ]


def test_routes_of_a_restarting_leaf_stay(restarting_lab):
    lab = restarting_lab
    wait_for("what was agreed on", lambda: neighbor(lab, "up1")["graceful_restart"] is not None)
    agreed = neighbor(lab, "up1")["graceful_restart"]
    assert agreed["families"] == ["ipv4", "ipv6"] and agreed["restart_time_s"] == 120, agreed
    wait_for("the other server's route", lambda: len(part(lab, "10.0.2.2/32")) == 2)
    # What only the first packets meet (link-layer addresses on the way) is not asked about here.
    lab.run("bms1", "ping", "-c5", "-i0.2", "-I", "10.0.1.1", "10.0.2.2", check=False)
    before = lastmile.show(lab, "bms1", "fib")["queue"]["applied"]

    with measure.ping(lab, "bms1", "10.0.1.1", "10.0.2.2", interval=0.05) as ping:
        lab.stop("leaf1", "bgpd", how=signal.SIGKILL)
        wait_for("bms1 knows of the restart", lambda: neighbor(lab, "up1")["restarting"])
        kept = neighbor(lab, "up1")
        assert kept["stale"] > 0 and kept["state"] != "Established", kept
        assert all(r["stale"] for r in part(lab) if r["neighbor"] == "up1")
        assert {h["port"] for h in lastmile.next_hops(lab, "bms1", "10.0.2.2/32") if h["alive"]} == {"up1", "up2"}
        start_bgpd(lab, "leaf1")
        used: list[set[str]] = []

        def is_back() -> bool:
            used.append({h["port"] for h in lastmile.next_hops(lab, "bms1", "10.0.2.2/32")})
            return neighbor(lab, "up1")["state"] == "Established"

        took = wait_for("back", is_back)
        wait_for("its whole table", lambda: neighbor(lab, "up1")["stale"] == 0)
    after = lastmile.show(lab, "bms1", "fib")["queue"]["applied"]
    print(f"restart of bgpd: {ping.lost} of {ping.sent} pings lost, session back after {took:.1f} s, "
          f"{after - before} operations of the tables")
    # The leaf itself takes routes out of its kernel for some 50 ms when its bgpd has come back
    # (`ip monitor route` there shows it), so what is lost is its own and not judged.
    assert all(ports == {"up1", "up2"} for ports in used), used
    assert not neighbor(lab, "up1")["restarting"]
    assert len(part(lab, "10.0.2.2/32")) == 2


def test_a_link_that_goes_down_is_no_restart(restarting_lab):
    lab = restarting_lab
    lab.stop("leaf1", "bgpd", how=signal.SIGKILL)
    wait_for("bms1 knows of the restart", lambda: neighbor(lab, "up1")["restarting"])
    lab.run("leaf1", "ip", "link", "set", "bms1", "down")
    wait_for("nothing is kept", lambda: neighbor(lab, "up1")["received"] == 0)
    assert not neighbor(lab, "up1")["restarting"]
    lab.run("leaf1", "ip", "link", "set", "bms1", "up")
    start_bgpd(lab, "leaf1")
    wait_for("back", lambda: neighbor(lab, "up1")["state"] == "Established")


def replay(lab: Lab, file: str = "run.rec") -> subprocess.CompletedProcess:
    return subprocess.run([lastmile.BUILD / "lastmiled", "--replay", lab.folder("bms1") / file],
                          capture_output=True, text=True, timeout=60)  # fmt: skip


def test_the_run_so_far_replays_to_the_same_routes(restarting_lab):
    lab = restarting_lab
    wait_for("the other server's route", lambda: len(part(lab, "10.0.2.2/32")) == 2)
    # Routes of both leaves come one after the other.
    known = settled(lambda: {(r["prefix"], r["neighbor"], r["best"], bool(r["refusal"])) for r in part(lab)}, quiet=3)
    lab.stop("bms1", "lastmiled")
    again = replay(lab)
    assert again.returncode == 0, again.stderr
    assert "1 checkpoints as recorded" in again.stderr, again.stderr
    routes = set()
    for line in again.stdout.splitlines():
        if not line.startswith("route "):
            continue
        prefix, source, *rest = line.split()[1:]
        neighbor = rest.pop(0) if source == "bgp" else ""
        routes.add((prefix, neighbor, rest[:1] == ["best"], "refused:" in rest))
    assert routes == known
    assert replay(lab).stdout == again.stdout


def test_a_killed_server_comes_back_as_a_restart(restarting_lab):
    """lastmiled as the restarting speaker, FRR as its helper."""
    lab = restarting_lab
    node = topology.node("bms1")

    def start() -> dict:
        lastmile.start(lab, node, options=("--record", str(lab.folder("bms1") / "run.rec")),
                       bgp="graceful-restart: {mode: restarter, restart-time: 60s}")  # fmt: skip
        wait_for("sessions", lambda: lastmile.established(lab, "bms1") == {"up1", "up2"})
        return neighbor(lab, "up1")["local_restart"]

    def seen_by_the_leaf() -> dict:
        neighbors = json.loads(frr.vtysh(lab, "leaf1", "show bgp neighbors bms1 json"))
        return next(iter(neighbors.values()))["gracefulRestartInfo"]

    assert start() == {"restart_time_s": 60, "restarted": False, "forwarding": []}
    assert not seen_by_the_leaf()["rBit"]
    wait_for("the other server's route", lambda: len(part(lab, "10.0.2.2/32")) == 2)
    lab.stop("bms1", "lastmiled", how=signal.SIGKILL)

    recorded = replay(lab)  # up to the kill: whole, or cut in the middle of a frame
    assert recorded.returncode == 0 or "the file ends in the middle" in recorded.stderr, recorded.stderr
    assert "neighbor up1 Established" in recorded.stdout, recorded.stdout
    assert "route 10.0.2.2/32 bgp up1 best" in recorded.stdout or "route 10.0.2.2/32 bgp up2 best" in recorded.stdout

    assert start() == {"restart_time_s": 60, "restarted": True, "forwarding": []}
    assert seen_by_the_leaf()["rBit"], seen_by_the_leaf()
    assert (lab.folder("bms1") / "run.rec.old").exists()
    wait_for("all who are awaited have told all", lambda: not any(
        n["awaited"] for n in lastmile.show(lab, "bms1", "bgp")["neighbors"]))  # fmt: skip
    wait_for("the leaf has our route", lambda: "10.0.1.1/32" in frr.vtysh(lab, "leaf1", "show bgp ipv4 unicast"))

    lab.stop("bms1", "lastmiled")  # an orderly end is no restart
    assert start()["restarted"] is False
