"""A host between a good leaf with a table and a leaf that sends what it should not.

    leaf1 (AS 65001): a table, a ping that runs all the time
      | up1
     srv (Lastmile, mode host)
      | up2
    leaf2 (AS 65002): 10,000 routes, every one of which has to be refused, and 1,000 in broken UPDATEs

A table of 20,000 routes by default; LASTMILE_HOSTILE_TABLE=512620 for a full one.
"""
import ipaddress
import json
import os
import random
import re
import subprocess
import time
from collections import Counter

import pytest

import scripted_leaf as bgp
from leaves import LEAF_ADDRESS, SERVER, LeafLab
from lablib.netns import wait_for

TABLE = int(os.environ.get("LASTMILE_HOSTILE_TABLE", "20000"))
HOSTILE, BROKEN = 10_000, 1_000
PATIENCE = 30 + TABLE / 5000
OWN = ["10.0.1.1/32", "192.168.0.250/32", "2001:db8:1::1/128", "198.51.100.254/32"]
GOOD, BAD = 65001, 65002
HOP = bgp.packed(LEAF_ADDRESS)


def table(count: int, seed: int) -> list[str]:
    """Prefixes as the Internet has them: most are a /24, all in ordinary unicast space."""
    chance = random.Random(seed)
    firsts = [n for n in range(11, 220) if n not in (100, 127, 169, 172, 192, 198, 203)]
    found: set[tuple[int, int]] = set()
    while len(found) < count:
        length = chance.choice((24, 24, 24, 24, 23, 22, 21, 20, 19, 16))
        address = chance.choice(firsts) << 24 | chance.getrandbits(24)
        found.add((address >> (32 - length) << (32 - length), length))
    return [f"{ipaddress.IPv4Address(address)}/{length}" for address, length in sorted(found)]


def inside(networks: list[str], count: int, seed: int) -> list[str]:
    """More-specific prefixes of these networks, the networks first; no prefix twice."""
    chance = random.Random(seed)
    found = dict.fromkeys(networks)
    while len(found) < count:
        network = ipaddress.ip_network(chance.choice(networks))
        longest = network.max_prefixlen
        length = chance.randint(network.prefixlen + 1, min(longest, network.prefixlen + 24))
        bits = chance.getrandbits(length - network.prefixlen) << (longest - length)
        found[f"{network.network_address + bits}/{length}"] = None
    return list(found)


def hostile() -> dict[str, list[tuple[str, bytes]]]:
    """Reason → the prefixes that are to be refused for it, each with its UPDATE."""
    v4_martians = ["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4"]
    v6_martians = ["::/96", "::ffff:0:0/96", "fe80::/10", "ff00::/8"]
    kinds = [
        ("our own addresses", OWN, [BAD], HOP),
        ("martian", inside(v4_martians, 2000, 1), [BAD], HOP),
        ("martian", inside(v6_martians, 1000, 2), [BAD], HOP),
        ("our own AS", inside(["11.0.0.0/8"], 2000, 3), [BAD, 64512], HOP),
        ("our own AS", inside(["2001:db8:a::/48"], 500, 4), [BAD, 174, 64512, 3356], HOP),
        ("does not start with the peer's AS", inside(["13.0.0.0/8"], 1000, 6), [174, BAD], HOP),
        ("an address of our own", inside(["14.0.0.0/8"], 500, 7), [BAD], bgp.packed("2001:db8:1::1")),
    ]  # fmt: skip
    found: dict[str, list[tuple[str, bytes]]] = {}
    for reason, prefixes, path, hop in kinds:
        found.setdefault(reason, []).extend((p, bgp.reach([p], path, hop)) for p in prefixes)
    # What would make us a way to somewhere behind the other leaf: its address as next hop.
    elsewhere = inside(["16.0.0.0/8"], HOSTILE - sum(map(len, found.values())), 9)
    found["no port leads to the next hop"] = [(p, bgp.reach_v4([p], [BAD], "10.9.1.1")) for p in elsewhere]
    return found


def broken() -> bytes:
    """UPDATEs that RFC 7606 and RFC 7607 make withdrawals of: their routes never get as far as the guards."""
    no_host = [bgp.reach([p], [BAD], bgp.packed("ff02::1")) for p in inside(["15.0.0.0/8"], BROKEN // 2, 8)]
    as_zero = [bgp.reach([p], [BAD, 0], HOP) for p in inside(["12.0.0.0/8"], BROKEN // 2, 5)]
    return b"".join(no_host + as_zero)


def table_messages(prefixes: list[str]) -> bytes:
    """About six routes share their attributes, as in the Internet's table."""
    return b"".join(
        bgp.reach(prefixes[i : i + 6], [GOOD, 3000 + i % 20, 4000 + i // 6 % 2000, 10000 + i % 50000], HOP)
        for i in range(0, len(prefixes), 6)
    )


@pytest.fixture
def lab(tmp_path):
    made = LeafLab(tmp_path, 2)
    try:
        made.build()
        made.run(SERVER, "ip", "link", "add", "lan", "type", "veth", "peer", "name", "lan-far")
        made.run(SERVER, "ip", "link", "set", "lan", "up")
        made.run(SERVER, "ip", "link", "set", "lan-far", "up")
        yield made
    finally:
        made.remove()


def refusals(routes: list[dict]) -> dict[str, str]:
    """Prefix → why leaf2's route to it is refused."""
    refused = [r for r in routes if r["neighbor"] == "up2" and r["refusal"]]
    return {str(ipaddress.ip_network(r["prefix"])): r["refusal"] for r in refused}


def start(lab: LeafLab) -> None:
    config = lab.config(services=[{"name": "web", "address": "192.168.0.250/32"}])
    config["ports"]["lan"] = {"device": "net_af_packet9,iface=lan", "addresses": ["198.51.100.254/24"]}
    config["dataplane"]["max-routes"] = {"ipv4": max(65536, 2 * TABLE), "ipv6": 4096}
    for leaf in lab.leaves:
        lab.start_leaf(leaf, "active")
    lab.start_server(config)
    wait_for("both sessions", lambda: lab.established() == {"up1", "up2"})


def test_hostile_routes_are_refused_with_their_reasons_and_cost_nobody_anything(lab):
    start(lab)
    good, bad = lab.running["leaf1"], lab.running["leaf2"]
    wait_for("our loopback at leaf1", lambda: "10.0.1.1/32" in good.announced())
    lab.route_to_server("leaf1", "10.0.1.1/32", "198.18.0.0/15")
    prefixes = table(TABLE, 1)
    good.send(bgp.reach(["10.9.1.0/24"], [GOOD], HOP) + table_messages(prefixes))
    wait_for("leaf1 forwards", lambda: lab.pings("leaf1", "10.9.1.1", "10.0.1.1"))

    ping = subprocess.Popen(
        ["ip", "netns", "exec", lab.namespace("leaf1"), "ping", "-i0.01", "-q", "-I", "10.9.1.1", "10.0.1.1"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    lab.processes.append(ping)
    wait_for("the table", lambda: lab.sessions()["up1"]["accepted"] == TABLE + 1)
    routes = hostile()
    reasons = {str(ipaddress.ip_network(p)): reason for reason, some in routes.items() for p, _ in some}
    assert len(reasons) == HOSTILE
    began = time.monotonic()
    # Beside them, one that is as it should be: leaf2's own, to show that its routes are looked at singly.
    hostile_messages = b"".join(m for some in routes.values() for _, m in some)
    bad.send(broken() + hostile_messages + bgp.reach(["198.18.0.0/15"], [BAD], HOP))
    wait_for("the hostile routes", lambda: lab.sessions()["up2"]["received"] == HOSTILE + 1)
    print(f"{HOSTILE} hostile routes beside {TABLE} good ones: taken in within {time.monotonic() - began:.1f} s")

    # Each is shown with its reason; in a full table, enough of each kind.
    if TABLE <= 100_000:
        shown = refusals(lab.show("routes")["routes"])
        assert len(shown) == HOSTILE
    else:
        chosen = [p for some in routes.values() for p, _ in some[:: max(1, len(some) // 20)]]
        shown = refusals([r for p in chosen for r in lab.show(f"routes {p}")["routes"]])
        assert shown.keys() >= {str(ipaddress.ip_network(p)) for p in chosen}
    wrong = {p: text for p, text in shown.items() if reasons.get(p, "nothing") not in text}
    assert not wrong, list(wrong.items())[:5]
    print("refused:", json.dumps(Counter(shown.values()), indent=1))
    up2 = lab.sessions()["up2"]
    assert up2["accepted"] == 1 and up2["treat_as_withdraw"] == BROKEN and up2["last_fault"], up2

    # Nothing between the uplinks, though there is a route for it.
    before = lab.drops().get("transit-refused", 0)
    assert not lab.pings("leaf1", "10.9.1.1", "198.18.0.1")
    wait_for("the drop is counted", lambda: lab.drops().get("transit-refused", 0) > before)
    own = {"10.0.1.1/32", "192.168.0.250/32", "2001:db8:1::1/128"}
    assert good.announced() == own and bad.announced() == own, "we export only what is ours"

    # What can't be read at all costs its sender at most its own session.
    too_long = bgp.update(bgp.ORIGIN + bgp.path(BAD) + bgp.attribute(0x40, 3, b"\x0a\x09\x02\x01"), b"\x21" + bytes(5))
    bad.send(too_long)
    wait_for("a prefix of 33 bits", lambda: bad.of("notification"))
    session = lab.sessions()["up2"]
    print(f"a prefix of 33 bits: {bad.of('notification')} {session['last_error']} {session['last_fault']}")

    ping.send_signal(2)
    text = ping.communicate(timeout=10)[0]
    transmitted, received = map(int, re.search(r"(\d+) packets transmitted, (\d+) received", text).groups())
    print(f"ping meanwhile: {transmitted} sent, {transmitted - received} lost; {text.splitlines()[-1]}")
    assert transmitted - received <= 1  # one may be under way when it ends
    up1 = lab.sessions()["up1"]
    assert up1["established_count"] == 1 and up1["accepted"] == TABLE + 1
    control = lab.show("control")
    print(f"control thread: longest event {control['longest_us'] / 1000:.1f} ms ({control['longest_in']})")
