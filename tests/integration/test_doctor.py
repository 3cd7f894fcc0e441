"""The doctor names seventeen faults: three of the machine, and one on each uplink of two fabrics of scripted leaves.

              srv (Lastmile, transit)
    up1 | up2 | up3 | ... | up7
     leaf1 leaf2 leaf3 ... leaf7
"""
import json
import signal
import subprocess

import pytest

import scripted_leaf as bgp
from lablib import lastmile
from lablib.netns import wait_for
from leaves import LEAF_ADDRESS, SERVER, LeafLab


# What stands in the configuration of an uplink, who is at its other end, and what the doctor must call it. Two fabrics:
# with all of them in one, DPDK's memory without hugepages is too small.
FAULTS = [
    {
        "up1": ({}, None, "no-ra"),
        "up2": ({"address": "fe80::dead"}, "both", "no-nd"),
        "up3": ({}, None, "port-down"),
        "up4": ({"remote-asn": 64999}, "both", "wrong-as"),
        "up5": ({"address": "fe80::1", "password-file": "password"}, "both", "md5"),
        "up6": ({"passive": True}, "passive", "passive"),
        "up7": ({}, "both --without-extended-next-hop", "capability"),
    },
    {
        "up1": ({}, "both", "mtu"),
        "up2": ({}, "both", "policy"),
        "up3": ({}, "active --deaf", "refused"),
        "up4": ({"bfd": "strict"}, "both", "strict-bfd"),
        "up5": ({"max-prefixes": {"limit": 5}}, "both", "max-prefixes"),
        "up6": ({"timers": {"keepalive": "1s", "hold": "3s"}}, "both", "hold-time"),
        "up7": ({"ttl-security": 1}, "both", "ttl-security"),
    },
]
# Of the machine: there is no daemon, its CPU is not isolated for the worker, and it has no hugepages.
MACHINE = {("", "daemon"), ("", "cpu-isolation"), ("", "hugepages")}
NO_HUGEPAGES = ("sh", "-c", 'mount -t tmpfs none /sys/kernel/mm/hugepages && exec "$0" "$@"')


@pytest.fixture
def lab(tmp_path):
    made = LeafLab(tmp_path, len(FAULTS[0]))
    try:
        made.build()
        yield made
    finally:
        made.remove()


def findings(lab) -> dict[tuple[str, str], dict]:
    """By the port of the subject and the check."""
    done = subprocess.run(
        ["ip", "netns", "exec", lab.namespace(SERVER), lastmile.BUILD / "lastmile", "--socket", lab.socket,
         "doctor", "--json"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    return {(f["subject"].rpartition("%")[2], f["check"]): f for f in json.loads(done.stdout)["findings"]}


@pytest.mark.parametrize("faults", FAULTS, ids=["no session", "sessions that fail"])
def test_planted_faults_are_named(lab, faults):
    planted = {check: port for port, (_, _, check) in faults.items()}
    # Nobody answers on the control socket.
    assert findings(lab).keys() == {("", "daemon")}

    (lab.folder / "password").write_text("secret\n")
    (lab.folder / "password").chmod(0o600)
    neighbors = []
    for number, (port, (keys, _, _)) in enumerate(faults.items(), 1):
        neighbor = {"port": port, "remote-asn": "external", **keys}
        if "password-file" in keys:
            neighbor["password-file"] = str(lab.folder / "password")
        if port != planted.get("policy"):
            neighbor |= {"import": "all", "export": "all"}
        neighbors.append(neighbor)
        if port == planted.get("port-down"):
            lab.run(f"leaf{number}", "ip", "link", "set", "eth1", "down")
        if port == planted.get("mtu"):
            lab.run(f"leaf{number}", "ip", "link", "set", "eth1", "mtu", "1400")
    config = lab.config(
        policies={"all": {"rules": [{"match": {"source": "local"}}], "default": "accept"}},
        bfd={"profiles": {"strict": {"interval": "100ms", "multiplier": 3, "strict": True}}},
        dataplane={"cpus": [0], "max-routes": {"ipv4": 65536, "ipv6": 4096}},
    )
    config["router"]["mode"] = "transit"
    config["bgp"]["neighbors"] = neighbors
    lab.start_server(config, *NO_HUGEPAGES)
    for number, (_, opens, _) in enumerate(faults.values(), 1):
        if opens:
            lab.start_leaf(f"leaf{number}", *opens.split())

    # More prefixes than are allowed; and a BGP that hangs while its kernel still answers.
    if "max-prefixes" in planted:
        limited, silent = planted["max-prefixes"], planted["hold-time"]
        wait_for("sessions to spoil", lambda: lab.established() >= {limited, silent})
        leaf = lab.running[limited.replace("up", "leaf")]
        leaf.send(bgp.reach([f"10.77.{i}.0/24" for i in range(6)], [leaf.asn], bgp.packed(LEAF_ADDRESS)))
        lab.running[silent.replace("up", "leaf")].process.send_signal(signal.SIGSTOP)

    expected = {(port, check) for port, (_, _, check) in faults.items()} | MACHINE - {("", "daemon")}
    found: dict = {}

    def all_named() -> bool:
        found.clear()
        found.update(findings(lab))
        return expected <= found.keys()

    try:
        wait_for("every fault is named", all_named)
    finally:
        print(json.dumps(list(found.values()), indent=1))
        print("missing:", expected - found.keys())
    # Of a session that is not up one cause is named.
    for port, (_, _, check) in faults.items():
        assert [c for subject, c in found if subject == port] == [check]
    text = lab.run(SERVER, str(lastmile.BUILD / "lastmile"), "--socket", str(lab.socket), "doctor", check=False)
    if "no-ra" in planted:
        assert "up1: no router advertisement has been heard on up1" in text
    assert "next: " in text
