"""What an operator does to a running router: health-checked services, draining, and the journal that tells of both.

The fabric of docs/lab.md, Lastmile on both servers.
"""
import json
import os
import time

import pytest

from lablib import fault, frr, lastmile, measure, topology
from lablib.netns import LabError, wait_for

CHECK = "{tcp: 80, every: 200ms, timeout: 200ms, rise: 2, fall: 2}"
ECHO = "{interval: 50ms, multiplier: 3, echo: unaffiliated}"
# Requests a second while an uplink is drained; 0: as many as Python can do.
RATE = float(os.environ.get("LASTMILE_DRAIN_RATE", "400"))


def leaf_hears(lab, leaf: str, server: str) -> dict:
    """What a leaf has accepted from a server."""
    return frr.show(lab, leaf, f"show bgp ipv4 unicast neighbors {server} routes").get("routes", {})


def events(lab, server: str, *options: str) -> list[dict]:
    lines = lastmile.command(lab, server, "events", "--json", *options).splitlines()
    return [json.loads(line) for line in lines]


def service(lab, server: str) -> dict:
    return lastmile.show(lab, server, "services")["services"][0]


@pytest.fixture(scope="module")
def webs(lab):
    """A web server on both servers, and the service's address announced only while it is there."""
    for node in topology.servers():
        measure.serve_fast(lab, node.name, "web", node.name, RATE)
        lastmile.reload(lab, node, check=CHECK)
        wait_for(f"{node.name}: service is up", lambda n=node.name: service(lab, n)["state"] == "up")
    for leaf in ("leaf1", "leaf2"):
        for node in topology.servers():
            wait_for(
                f"{leaf} hears the service from {node.name}",
                lambda leaf=leaf, n=node.name: topology.SERVICE in leaf_hears(lab, leaf, n),
            )
    yield lab
    for node in topology.servers():
        lab.stop(node.name, "web")
        lastmile.reload(lab, node)


def test_a_service_goes_and_comes_with_its_web_server(webs):
    lab, address = webs, topology.SERVICE.split("/")[0]
    # The leaf of the clients spreads their connections over both.
    assert set(measure.get(lab, "legacy", f"http://{address}/", 24)) == {"bms1", "bms2"}
    victim, other = "bms1", "bms2"

    def heard(how=any) -> bool:
        return how(topology.SERVICE in leaf_hears(lab, leaf, victim) for leaf in ("leaf1", "leaf2"))

    with measure.load(lab, "legacy", address, connections=4, rate=200) as load:
        time.sleep(1)
        lab.stop(victim, "web")
        wait_for(f"the leaves no longer hear the service from {victim}", lambda: not heard())
        withdrawn = time.monotonic()
        time.sleep(1)
    assert load.bodies.get(victim, 0) > 0
    assert load.bodies.get(other, 0) > 0
    late = load.failed_after(withdrawn)
    assert not late, late[:3]
    # The loopback stays: it is the service that is ill, not the server.
    assert topology.node(victim).loopback in leaf_hears(lab, "leaf1", victim)
    status = service(lab, victim)
    assert status["appearance"] == "withdrawn"
    assert status["reason"] == "2 checks failed in a row: Connection refused"
    assert any(
        event["kind"] == "service" and event["subject"] == "web" and "Connection refused" in event["text"]
        for event in events(lab, victim)
    )

    measure.serve_fast(lab, victim, "web", victim)
    wait_for("the leaves hear it again", lambda: heard(all))


def test_the_operator_takes_a_service_down_whatever_its_check_says(webs):
    lastmile.command(webs, "bms1", "service", "web", "down")
    wait_for(
        "leaf1 no longer hears the service from bms1",
        lambda: topology.SERVICE not in leaf_hears(webs, "leaf1", "bms1"),
    )
    assert service(webs, "bms1")["state"] == "up"
    assert "down (operator)" in lastmile.command(webs, "bms1", "show", "services")
    with pytest.raises(LabError, match='did you mean "web"'):
        lastmile.command(webs, "bms1", "service", "wbe", "up")
    lastmile.command(webs, "bms1", "service", "web", "auto")
    wait_for("leaf1 hears it again", lambda: topology.SERVICE in leaf_hears(webs, "leaf1", "bms1"))


@pytest.mark.parametrize("keep", [False, True], ids=["new connections", "connections that stay"])
def test_an_uplink_is_drained_and_taken_back_without_a_failed_request(webs, keep):
    lab = webs
    with measure.load(lab, "bms2", "10.0.1.1", connections=64, rate=RATE, keep=keep) as load:
        time.sleep(1)
        lastmile.command(lab, "bms1", "--timeout", "60", "drain", "up1", "--message", "back at noon")
        assert lastmile.established(lab, "bms1") == {"up2"}
        assert "Administrative Shutdown" in frr.vtysh(lab, "leaf1", "show bgp neighbors bms1")
        # The last path is not cut, and a reload does not end it.
        with pytest.raises(LabError, match="last path"):
            lastmile.command(lab, "bms1", "drain", "up2")
        lastmile.command(lab, "bms1", "reload")
        drained = lastmile.show(lab, "bms1", "drain")["drained"]
        assert [(d["neighbor"], d["phase"]) for d in drained] == [("up1", "down")]
        assert lastmile.established(lab, "bms1") == {"up2"}
        lastmile.command(lab, "bms1", "undrain", "up1")
        wait_for("up1 is back", lambda: lastmile.established(lab, "bms1") == {"up1", "up2"})
        wait_for("leaf1 hears it", lambda: "10.0.1.1/32" in leaf_hears(lab, "leaf1", "bms1"))
        time.sleep(1)
    print(f"{load.count} requests, {load.rate:.0f} a second, {load.skipped} skipped, longest {load.longest_ms:.0f} ms")
    assert load.count > 0
    assert not load.failures, load.failures[:3]


def test_a_failover_reads_as_one_story(lab):
    node = topology.node("bms1")
    lastmile.reload(lab, node, bfd=ECHO)
    wait_for(
        "echo comes back on up1",
        lambda: any(
            s["port"] == "up1" and s["state"] == "up" for s in lastmile.show(lab, "bms1", "bfd").get("sessions", [])
        ),
    )
    for _ in range(3):
        last = events(lab, "bms1")[-1]["time_us"]
        with fault.silent_loss(lab, "leaf1", "bms1"):
            wait_for("the session on up1 is down", lambda: lastmile.established(lab, "bms1") == {"up2"})
            story = [e for e in events(lab, "bms1") if e["time_us"] > last]
        wait_for("up1 is back", lambda: lastmile.established(lab, "bms1") == {"up1", "up2"})
        # A busy machine can be silent itself, just before we are: another story, which was under way already.
        if {"detection", "bgp"} <= {event["kind"] for event in story if event["subject"] == "up1"}:
            break
    lastmile.reload(lab, node)
    times = [event["time_us"] for event in story]
    assert times == sorted(times)
    kinds = [event["kind"] for event in story if event["subject"] in ("up1", "")]
    detection, session = kinds.index("detection"), kinds.index("bgp")
    assert detection < session, story
    assert "worker moved its packets" in story[detection]["text"]
    assert "BFD" in next(e["text"] for e in story if e["kind"] == "bgp")
