"""Random edits of the configuration, reloaded one after another while packets flow.

    srv (Lastmile): up1 is never edited and carries a ping; up2..up4, policies, lists, groups and routes are

LASTMILE_RELOAD_EDITS=1000 for more than the short form, LASTMILE_RELOAD_SEED=N to repeat a run.
"""
import copy
import json
import os
import random
import re
import subprocess
import time

import pytest

import scripted_leaf as bgp
from leaves import LEAF_ADDRESS, LeafLab
from lablib import netns
from lablib.netns import LabError, ended, wait_for

EDITS = int(os.environ.get("LASTMILE_RELOAD_EDITS", "60"))
SEED = int(os.environ.get("LASTMILE_RELOAD_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)
LEAVES = 4
EDITED = ["up2", "up3", "up4"]
SHARED = [f"10.50.{i}.0/24" for i in range(20)]
# What a session is made with: an edit of one of these may restart it, nothing else may.
SESSION_KEYS = ("remote-asn", "timers", "passive", "ttl-security", "shutdown", "local-as", "graceful-restart", "aigp", "add-path")


def own_prefixes(number: int) -> list[str]:
    return [f"10.{20 + number}.{i}.0/24" for i in range(30)]


def table(number: int, asn: int) -> bytes:
    hop = bgp.packed(LEAF_ADDRESS)
    messages = bgp.reach([f"10.9.{number}.0/24"], [asn], hop) + bgp.reach(SHARED, [asn, 3000], hop)
    prefixes = own_prefixes(number)
    for i, prefix in enumerate(prefixes):
        messages += bgp.reach([prefix], [asn, 3000 + i % 4, 4000 + i % 7], hop)
    return messages + bgp.reach([f"2001:db8:9:{number}::/64"], [asn], hop)


class Editor:
    """Makes one random change after another; every configuration that it yields is valid."""

    def __init__(self, config: dict, seed: int):
        self.config, self.chance = config, random.Random(seed)
        self.edits = [
            self.description, self.timers, self.passive, self.shutdown, self.remote_asn, self.allow_own_as,
            self.group_of, self.group_settings, self.import_policy, self.export_policy, self.policy, self.rule,
            self.prefix_list, self.static_route, self.listen_range, self.max_prefixes, self.order, self.yes_or_no,
            self.graceful_restart, self.add_path,
        ]  # fmt: skip

    def edit(self) -> str:
        chosen = self.chance.choice(self.edits)
        return f"{chosen.__name__}: {chosen()}"

    def neighbor(self) -> dict:
        return self.chance.choice([n for n in self.config["bgp"]["neighbors"] if n.get("port") in EDITED])

    def set_or_clear(self, where: dict, key: str, value) -> str:
        if key in where and self.chance.random() < 0.5:
            del where[key]
            return f"no {key}"
        where[key] = value
        return f"{key} {value}"

    def of_neighbor(self, key: str, value) -> str:
        neighbor = self.neighbor()
        return f"{neighbor['port']} {self.set_or_clear(neighbor, key, value)}"

    def description(self):
        return self.of_neighbor("description", f"rack {self.chance.randrange(100)}")

    def timers(self):
        return self.of_neighbor("timers", {"hold": f"{self.chance.choice((6, 9, 12, 30))}s"})

    def passive(self):
        return self.of_neighbor("passive", self.chance.random() < 0.5)

    def shutdown(self):
        return self.of_neighbor("shutdown", self.chance.random() < 0.3)

    def remote_asn(self):
        neighbor = self.neighbor()
        asn = 65000 + int(neighbor["port"][2:])
        neighbor["remote-asn"] = self.chance.choice(("external", asn))
        return f"{neighbor['port']} {neighbor['remote-asn']}"

    def allow_own_as(self):
        return self.of_neighbor("allow-own-as", self.chance.randrange(3))

    def group_of(self):
        return self.of_neighbor("group", self.chance.choice(list(self.config["bgp"]["groups"])))

    def group_settings(self):
        name = self.chance.choice(list(self.config["bgp"]["groups"]))
        key, value = self.chance.choice(
            [("timers", {"hold": f"{self.chance.choice((9, 15))}s"}), ("import", self.policy_name()),
             ("description", "grouped"), ("allow-own-as", 1)]
        )  # fmt: skip
        return f"{name} {self.set_or_clear(self.config['bgp']['groups'][name], key, value)}"

    def policy_name(self) -> str:
        return self.chance.choice(list(self.config["policies"]))

    def import_policy(self):
        return self.of_neighbor("import", self.policy_name())

    def export_policy(self):
        return self.of_neighbor("export", self.policy_name())

    def random_rule(self) -> dict:
        match = self.chance.choice(
            [{}, {"prefix-lists": ["some"]}, {"as-path": [f".* {3000 + self.chance.randrange(4)} .*"]},
             {"prefixes": [f"10.{20 + self.chance.randrange(1, 5)}.0.0/16 le 32"]}, {"origin": "igp"}]
        )  # fmt: skip
        change = self.chance.choice(
            [{"local-preference": self.chance.choice((50, 100, 200))}, {"med": self.chance.randrange(9)},
             {"prepend": self.chance.randrange(1, 4)}, {"add-communities": [f"64512:{self.chance.randrange(9)}"]}, {}]
        )  # fmt: skip
        rule = {"action": self.chance.choice(("accept", "accept", "reject"))}
        if match:
            rule["match"] = match
        if change and rule["action"] == "accept":
            rule["set"] = change
        return rule

    def policy(self):
        name = self.policy_name()
        self.config["policies"][name] = {
            "rules": [self.random_rule() for _ in range(self.chance.randrange(4))],
            "default": self.chance.choice(("accept", "accept", "reject")),
        }
        return name

    def rule(self):
        name = self.policy_name()
        rules = self.config["policies"][name].setdefault("rules", [])
        if rules and self.chance.random() < 0.5:
            rules.pop(self.chance.randrange(len(rules)))
        else:
            rules.insert(self.chance.randrange(len(rules) + 1), self.random_rule())
        return f"{name}: {len(rules)} rules"

    def prefix_list(self):
        prefixes = self.chance.sample(SHARED + own_prefixes(2) + own_prefixes(3), self.chance.randrange(1, 12))
        self.config["prefix-lists"]["some"] = {"prefixes": prefixes}
        return f"{len(prefixes)} prefixes"

    def static_route(self):
        routes = self.config["routes"]
        if routes and self.chance.random() < 0.4:
            return f"no {routes.pop(self.chance.randrange(len(routes)))['prefix']}"
        prefix = self.chance.choice([f"172.20.{i}.0/24" for i in range(20)] + SHARED[:3])
        routes[:] = [r for r in routes if r["prefix"] != prefix]
        via = [{"port": p} for p in self.chance.sample(EDITED, self.chance.randrange(1, 3))]
        routes.append({"prefix": prefix, **self.chance.choice(({"via": via}, {"blackhole": True}))})
        return prefix

    def listen_range(self):
        neighbors = self.config["bgp"]["neighbors"]
        ranges = [n for n in neighbors if "listen" in n]
        if ranges and self.chance.random() < 0.5:
            neighbors.remove(ranges[0])
            return "none"
        if not ranges:
            neighbors.append({"listen": "192.0.2.0/24", "remote-asn": 65010, "limit": 5})
        return "192.0.2.0/24"

    def max_prefixes(self):
        return self.of_neighbor("max-prefixes", {"limit": self.chance.randrange(100, 1000)})

    def yes_or_no(self):
        keys = ("as-override", "remove-private-as", "enforce-first-as", "graceful-shutdown", "aigp")
        return self.of_neighbor(self.chance.choice(keys), self.chance.random() < 0.5)

    def graceful_restart(self):
        return self.of_neighbor("graceful-restart", {"mode": self.chance.choice(("helper", "off", "restarter"))})

    def add_path(self):
        """With a limit only where several paths are sent: it is refused elsewhere."""
        neighbor = self.neighbor()
        neighbor.pop("add-path-limit", None)
        neighbor.pop("add-path", None)
        mode = self.chance.choice(("off", "receive", "send", "both", None))
        if mode:
            neighbor["add-path"] = mode
        if mode in ("send", "both") and self.chance.random() < 0.5:
            neighbor["add-path-limit"] = self.chance.choice((1, 4, "all"))
        return f"{neighbor['port']} {mode}, {neighbor.get('add-path-limit', 'no')} limit"

    def order(self):
        self.chance.shuffle(self.config["bgp"]["neighbors"])
        return "of neighbors"


def made_with(config: dict) -> dict[str, str]:
    """Neighbor → what its session is made with, groups and bgp.timers included."""
    found = {}
    for neighbor in config["bgp"]["neighbors"]:
        if "port" not in neighbor:
            continue
        group = config["bgp"]["groups"].get(neighbor.get("group"), {})
        keys = {k: neighbor.get(k, group.get(k)) for k in SESSION_KEYS}
        # A value that is written out, or is not, is the same value.
        keys["passive"], keys["shutdown"] = keys["passive"] or False, keys["shutdown"] or False
        keys["timers"] = (keys["timers"] or {}).get("hold", config["bgp"]["timers"]["hold"])
        keys["graceful-restart"] = (keys["graceful-restart"] or {}).get("mode", "helper")
        keys["aigp"], keys["add-path"] = keys["aigp"] or False, keys["add-path"] or "off"
        found[neighbor["port"]] = json.dumps(keys, sort_keys=True)
    return found


def enabled(config: dict) -> set[str]:
    """Ports whose session is to be up."""
    return {p for p, keys in made_with(config).items() if not json.loads(keys)["shutdown"]}


def state(lab: LeafLab) -> dict:
    """All that a fresh start has to give again: no ages and no counts of messages."""
    routes = [
        {k: r[k] for k in ("prefix", "source", "neighbor", "best", "multipath", "backup", "reason", "refusal", "as_path",
                           "med", "local_preference", "communities", "installed", "forwarding", "fib_error")}
        | {"next_hops": sorted([h["port"], h["address"] or "", h["weight"]] for h in r["next_hops"]), "to": sorted(r["advertised_to"])}
        for r in lab.show("routes")["routes"]
    ]  # fmt: skip
    sessions = {
        name: {k: n[k] for k in ("state", "remote_asn", "received", "accepted", "advertised", "hold_time_s", "description")}
        for name, n in lab.sessions().items()
    }
    fib = lab.show("fib")
    return {
        "routes": sorted(routes, key=lambda r: json.dumps(r, sort_keys=True)),
        "sessions": sessions,
        "fib": {family: fib[family]["routes"] for family in ("ipv4", "ipv6")},
        "leaves": {leaf: sorted(process.held()) for leaf, process in lab.running.items()
                   if f"up{leaf[4:]}" in lab.established()},
    }  # fmt: skip


def settled(lab: LeafLab, config: dict) -> dict:
    """The state when nothing changes any more."""
    wait_for("all sessions", lambda: lab.established() >= enabled(config))
    return netns.settled(lambda: state(lab))


def differences(one, other, path: str = "") -> list[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        return [d for k in one.keys() | other.keys() for d in differences(one.get(k), other.get(k), f"{path}/{k}")]
    if isinstance(one, list) and isinstance(other, list) and one != other:
        only = [[x for x in a if x not in b] for a, b in ((one, other), (other, one))]
        return [f"{path}: after edits {only[0][:3]}, after a fresh start {only[1][:3]} ({[len(o) for o in only]})"]
    return [] if one == other else [f"{path}: after edits {one}, after a fresh start {other}"]


@pytest.fixture
def lab(tmp_path):
    made = LeafLab(tmp_path, LEAVES)
    try:
        made.build()
        yield made
    finally:
        made.remove()


class Watch:
    """Counts resets of sessions that nobody edited."""

    def __init__(self, lab: LeafLab, config: dict):
        self.lab = lab
        self.made = made_with(config)
        self.counts = {name: n["established_count"] for name, n in lab.sessions().items() if name in self.made}
        self.unrelated: list[str] = []
        self.restarts = 0

    def check(self, config: dict, edit: str) -> None:
        now, sessions = made_with(config), self.lab.sessions()
        for name, keys in now.items():
            changed, session = keys != self.made[name], sessions[name]
            up = session["state"] == "Established"
            if changed:
                self.restarts += 1
                self.counts.pop(name, None)
            elif name in self.counts and (not up or session["established_count"] != self.counts[name]):
                self.unrelated.append(f"{name} by '{edit}': {session['state']}, {session['last_error']}")
                self.counts.pop(name)
            elif name not in self.counts and up:
                self.counts[name] = session["established_count"]  # up again: watched again
        self.made = now


def base(lab: LeafLab) -> dict:
    config = lab.config(
        routes=[],
        policies={"one": {"default": "accept"}, "two": {"default": "accept"}, "three": {"default": "accept"}},
    )
    config["prefix-lists"] = {"some": {"prefixes": ["10.50.1.0/24"]}}
    config["bgp"]["groups"] = {"left": {}, "right": {"description": "right"}}
    return config


def test_random_edits_disturb_nobody_else_and_end_where_a_fresh_start_does(lab):
    print(f"seed {SEED}, {EDITS} edits (LASTMILE_RELOAD_SEED, LASTMILE_RELOAD_EDITS)")
    config = base(lab)
    for leaf in lab.leaves:
        process = lab.start_leaf(leaf, "active")  # also to us where we are told to be passive
        process.send(table(int(leaf[4:]), process.asn), "table")
    lab.start_server(config)
    ports = {f"up{i}" for i in range(1, LEAVES + 1)}
    wait_for("all sessions", lambda: lab.established() == ports)
    lab.route_to_server("leaf1", "10.0.1.1/32")
    wait_for("leaf1 forwards", lambda: lab.pings("leaf1", "10.9.1.1", "10.0.1.1"))
    ping = subprocess.Popen(
        ["ip", "netns", "exec", lab.namespace("leaf1"), "ping", "-i0.01", "-q", "-I", "10.9.1.1", "10.0.1.1"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    lab.processes.append(ping)

    editor, watch = Editor(copy.deepcopy(config), SEED), Watch(lab, config)
    slowest = 0.0
    for number in range(EDITS):
        edit = editor.edit()
        lab.write(editor.config)
        began = time.monotonic()
        lab.command("reload")  # LabError with the reason if it is refused
        slowest = max(slowest, time.monotonic() - began)
        if editor.chance.random() < 0.3:
            time.sleep(editor.chance.random() * 0.3)  # else the next edit meets work in progress
        watch.check(editor.config, f"{number} {edit}")

    ping.send_signal(2)
    text = ping.communicate(timeout=10)[0]
    sent, received = map(int, re.search(r"(\d+) packets transmitted, (\d+) received", text).groups())
    print(f"{watch.restarts} sessions edited, {len(watch.unrelated)} unrelated resets; slowest reload {slowest * 1000:.0f} ms")
    print(f"ping meanwhile: {sent} sent, {sent - received} lost; {text.splitlines()[-1]}")
    assert not watch.unrelated, watch.unrelated
    assert sent - received <= 1, "a packet of the unrelated flow was lost"  # one may be under way when it ends

    edited = settled(lab, editor.config)
    daemon = lab.processes[0]
    daemon.terminate()
    assert ended(daemon) == 0
    lab.start_server(editor.config)
    fresh = settled(lab, editor.config)
    wrong = differences(edited, fresh)
    assert not wrong, "\n".join(wrong)
