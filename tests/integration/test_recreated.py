"""The veth under an uplink is deleted and made again, as those of containers are: the port, BFD and BGP are back by themselves, and
traffic by the other uplink loses nothing.

    bms1 (Lastmile) ── up1 ── leaf1 (FRR)      up1 goes and comes
                    ── up2 ── leaf2 (FRR)      carries the traffic that is counted
"""
import json
import re
import signal
import subprocess
import time

import pytest

from lablib import fabric, frr, lastmile, topology
from lablib.netns import Lab, run, wait_for

SERVER, LEAF, OTHER_LEAF = "bms1", "leaf1", "leaf2"
LOOPBACK = "10.0.1.1"
LOOPBACKS = {LEAF: "10.255.255.1", OTHER_LEAF: "10.255.255.2"}
LINK = next(link for link in topology.LINKS if {link.a[0], link.b[0]} == {LEAF, SERVER})
ROUNDS = 3


@pytest.fixture(scope="module")
def lab():
    made = Lab("lmrec")
    made.remove()
    try:
        fabric.up(made)
        for leaf in (LEAF, OTHER_LEAF):
            frr.watch(made, topology.node(leaf), [SERVER], interval_ms=300)
        node = topology.node(SERVER)
        # Not so fast that a busy machine fails the other uplink, too.
        lastmile.start(made, node, bfd="{interval: 300ms, multiplier: 5}")
        wait_for("both sessions", lambda: lastmile.established(made, SERVER) == {"up1", "up2"})
        wait_for("BFD", lambda: bfd_up(made) == {"up1", "up2"})
        for leaf, loopback in LOOPBACKS.items():
            wait_for(f"{leaf} reaches the server", lambda o=leaf, a=loopback: pings(made, o, a))
        yield made
    finally:
        made.remove()


def pings(lab, leaf: str, source: str) -> bool:
    return " 0% packet loss" in lab.run(leaf, "ping", "-c3", "-i0.2", "-W1", "-I", source, LOOPBACK, check=False)


def bfd_up(lab) -> set[str]:
    return {s["neighbor"] for s in lastmile.show(lab, SERVER, "bfd").get("sessions", []) if s["state"] == "up"}


def port(lab, name="up1") -> dict:
    return next(p for p in lastmile.show(lab, SERVER, "ports")["ports"] if p["name"] == name)


def interface(lab, name="up1") -> dict:
    return json.loads(lab.run(SERVER, "ip", "-j", "link", "show", "dev", name))[0]


def events(lab) -> list[dict]:
    return [json.loads(line) for line in lastmile.command(lab, SERVER, "events", "--json").splitlines()]


def delete(lab) -> None:
    lab.run(SERVER, "ip", "link", "delete", "up1")


def make_again(lab) -> None:
    lab.make_links([LINK])


def dropped(lab) -> dict[str, int]:
    return {d["reason"]: d["packets"] for d in lastmile.show(lab, SERVER, "drops")["drops"] if d["packets"]}


def pinging(lab) -> subprocess.Popen:
    """From the other leaf to the server's loopback and back: both ways by up2."""
    return subprocess.Popen(
        [*lab.in_node(OTHER_LEAF), "ping", "-q", "-i", "0.005", "-I", LOOPBACKS[OTHER_LEAF], LOOPBACK],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def lost(ping: subprocess.Popen) -> tuple[int, int]:
    """How many were sent, and how many of them did not come back."""
    ping.send_signal(signal.SIGINT)
    said, _ = ping.communicate(timeout=20)
    sent, received = map(int, re.search(r"(\d+) packets transmitted, (\d+) received", said).groups())
    return sent, sent - received


def all_is_well(lab) -> bool:
    return (
        port(lab)["link"] == "up"
        and lastmile.established(lab, SERVER) == {"up1", "up2"}
        and bfd_up(lab) == {"up1", "up2"}
        and frr.established(lab, LEAF) >= {SERVER}
    )


def test_the_port_returns_and_the_other_uplink_loses_nothing(lab):
    before, index = port(lab), interface(lab)["ifindex"]
    workers = [w["id"] for w in lastmile.show(lab, SERVER, "workers")["workers"]]
    twin = lab.run(SERVER, "ip", "-j", "address", "show", "dev", "lm-up1")
    drops, ping = dropped(lab), pinging(lab)
    for round_ in range(ROUNDS):
        time.sleep(0.5)
        delete(lab)
        wait_for("the port's link is down", lambda: port(lab)["link"] == "down")
        wait_for("one session left", lambda: lastmile.established(lab, SERVER) == {"up2"})
        make_again(lab)
        took = wait_for("the port, BFD and both sessions", lambda: all_is_well(lab))
        print(f"round {round_ + 1}: all is back {took:.1f} s after the veth")
    sent, missing = lost(ping)
    print(f"by the other uplink: {sent} sent, {missing} lost")
    assert sent > 200 and missing == 0, (drops, dropped(lab), events(lab))

    now = interface(lab)
    assert now["ifindex"] != index
    assert now["address"] == before["mac"], "neighbors know the port by it"
    after = port(lab)
    assert after["mac"] == before["mac"] and after["mtu"] == before["mtu"]
    assert after["rx_packets"] > before["rx_packets"], "counters go on"
    assert [w["id"] for w in lastmile.show(lab, SERVER, "workers")["workers"]] == workers
    same = ("ifindex", "address")
    assert [{k: i[k] for k in same} for i in json.loads(twin)] == [
        {k: i[k] for k in same} for i in json.loads(lab.run(SERVER, "ip", "-j", "address", "show", "dev", "lm-up1"))
    ]
    told = [e["text"] for e in events(lab) if e["kind"] == "link" and e["subject"] == "up1"]
    assert told.count("interface 'up1' is gone; the port waits until there is one again") == ROUNDS, told
    assert told.count("interface 'up1' is there again, and the port uses it") == ROUNDS, told
    # The new interface is guarded like the first: the kernel's own stack neither answers nor forwards on it.
    assert lab.run(SERVER, "sysctl", "-n", "net.ipv6.conf.up1.disable_ipv6").strip() == "1"
    assert "lastmile_up1" in lab.run(SERVER, "nft", "list", "tables")


def test_traffic_uses_the_new_interface(lab):
    wait_for("a ping by up1", lambda: pings(lab, LEAF, LOOPBACKS[LEAF]))
    assert lastmile.show(lab, SERVER, "offload")["ports"][0]["step"] == 1, "BFD and BGP have their queue again"


def test_one_that_comes_and_goes_at_once_ends_well(lab):
    ping = pinging(lab)
    for _ in range(5):
        delete(lab)
        make_again(lab)
    wait_for("the port, BFD and both sessions", lambda: all_is_well(lab))
    sent, missing = lost(ping)
    assert missing == 0, f"{missing} of {sent} lost by the other uplink"


def test_an_interface_that_cant_be_used_is_told_of_and_tried_again(lab):
    delete(lab)
    wait_for("the port's link is down", lambda: port(lab)["link"] == "down")
    # A tun device has no MAC address.
    lab.run(SERVER, "ip", "tuntap", "add", "dev", "up1", "mode", "tun")
    wait_for(
        "the journal says so",
        lambda: any("up1" in e["subject"] and "the port can't use it" in e["text"] for e in events(lab)),
    )
    assert lastmile.established(lab, SERVER) == {"up2"}
    lab.run(SERVER, "ip", "link", "delete", "up1")
    make_again(lab)
    wait_for("the port, BFD and both sessions", lambda: all_is_well(lab))


def test_at_the_end_the_interface_is_as_it_was_made(lab):
    delete(lab)
    run("ip", "link", "add", "up1", "address", "02:00:00:00:77:01", "netns", lab.namespace(SERVER), "type", "veth",
        "peer", "name", SERVER, "netns", lab.namespace(LEAF))  # fmt: skip
    wait_for("the port's own address is on it", lambda: interface(lab)["address"] == port(lab)["mac"])
    lab.stop(SERVER, "lastmiled")
    now = interface(lab)
    assert now["address"] == "02:00:00:00:77:01" and now["mtu"] == 1500, now
    assert "UP" not in now["flags"], now
    assert "lastmile_up1" not in lab.run(SERVER, "nft", "list", "tables")
