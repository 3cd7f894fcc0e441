"""Neighbors and peer groups of "router bgp": one table says what becomes of each of their lines."""
from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

from .bfd import Profiles
from .filters import PolicyMaker
from .interfaces import Ports
from .source import Line
from .yaml_text import Word

FRR_OWN_AS = 3  # allowas-in without a number
MOST_PREFIXES = 2**24  # the highest limit that lastmiled takes
LONGEST_RESTART = 1092  # minutes
WARN_AT = 75  # percent, where neither says anything
ROLES = {"provider": "provider", "rs-server": "rs", "rs-client": "rs-client", "customer": "customer", "peer": "peer"}

# What holds by itself, or is a matter of how FRR works inside.
NEEDLESS = {
    ("capability", "extended-nexthop"), ("capability", "dynamic"), ("send-community",),
    ("soft-reconfiguration", "inbound"), ("advertisement-interval",), ("next-hop-self",), ("disable-connected-check",),
    ("no-prepend",), ("v6only",), ("dont-capability-negotiate",), ("sender-as-path-loop-detection",),
    ("capability", "software-version"), ("path-attribute", "discard"), ("addpath-rx-paths-limit",),
}  # fmt: skip


@dataclass
class Peer:
    name: str  # as in FRR
    line: Line
    is_group: bool = False
    interface: bool = False
    group: str | None = None
    options: dict = field(default_factory=dict)
    route_maps: dict[str, dict[int, tuple[str, Line]]] = field(default_factory=lambda: {"in": {}, "out": {}})
    prefix_lists: dict[str, dict[int, tuple[str, Line]]] = field(default_factory=lambda: {"in": {}, "out": {}})
    source: tuple[str, Line] | None = None
    password: tuple[str, Line] | None = None
    active: dict[int, bool] = field(default_factory=dict)  # address families, where the file says so
    limits: dict[int, tuple[dict | None, Line]] = field(default_factory=dict)  # maximum-prefix; None: above what counts


class PeerReader:
    def __init__(self, asn: int, profiles: Profiles):
        self.asn = asn
        self.profiles = profiles
        self.peers: dict[str, Peer] = {}

    def read(self, line: Line, family: int | None) -> None:
        """A line "neighbor X ..."; `family` 4 or 6 inside of an address-family."""
        words = line.words
        if words[0] == "no":
            self.without(line, family)
            return
        if len(words) < 3:
            raise line.fail(len(words), "is too little", "neighbor NAME and a setting")
        name, rest = words[1], words[2:]
        if rest == ["peer-group"]:
            self.peers.setdefault(name, Peer(name, line)).is_group = True
            line.carry()
            return
        if rest[0] == "interface":
            self.interface(line, name, rest[1:])
            return
        peer = self.peers.get(name)
        if peer is None:
            peer = self.peers[name] = Peer(name, line)
        handler = getattr(self, "do_" + rest[0].replace("-", "_"), None)
        if handler:
            handler(peer, line, rest[1:], family)
        elif any(tuple(rest[: len(known)]) == known for known in NEEDLESS):
            line.carry()
        else:
            line.leave("Lastmile has no such setting of a neighbor")

    def without(self, line: Line, family: int | None) -> None:
        """no neighbor X ..."""
        rest = line.words[3:]
        if rest[:1] == ["activate"]:
            if line.words[2] in self.peers:
                self.peers[line.words[2]].active[family or 4] = False
            line.leave("a session speaks IPv4 and IPv6, as far as the neighbor does")
        elif rest[:1] == ["enforce-first-as"] and line.words[2] in self.peers:
            self.peers[line.words[2]].options["enforce-first-as"] = False
            line.carry()
        elif rest[:1] == ["send-community"]:
            line.leave("communities are always sent")
        else:
            line.leave("it is as it is without that line")

    def interface(self, line: Line, name: str, rest: list[str]) -> None:
        peer = self.peers.setdefault(name, Peer(name, line))
        peer.interface = True
        line.carry()
        rest = [w for w in rest if w != "v6only"]
        if rest[:1] == ["peer-group"]:
            self.do_peer_group(peer, line, rest[1:], None)
        elif rest[:1] == ["remote-as"]:
            self.do_remote_as(peer, line, rest[1:], None)

    # --- one for each setting ------------------------------------------------------------------

    def do_activate(self, peer: Peer, line: Line, rest: list[str], family) -> None:
        peer.active[family or 4] = True
        line.carry()

    def do_peer_group(self, peer: Peer, line: Line, rest: list[str], family) -> None:
        if rest:
            peer.group = rest[0]
        line.carry()

    def do_remote_as(self, peer: Peer, line: Line, rest: list[str], family) -> None:
        at = len(line.words) - len(rest)
        if rest and rest[0] in ("external", "internal"):
            peer.options["remote-asn"] = Word(rest[0])
        else:
            peer.options["remote-asn"] = asn_at(line, at)
        line.carry()

    def do_description(self, peer: Peer, line: Line, rest: list[str], family) -> None:
        peer.options["description"] = " ".join(rest)[:80]
        line.carry()

    def do_bfd(self, peer: Peer, line: Line, rest: list[str], family) -> None:
        if not rest:
            peer.options.setdefault("bfd", self.profiles.default())
        elif rest[0] == "profile" and len(rest) > 1:
            profile = self.profiles.named(rest[1])
            if profile is None:
                line.leave(f'there is no BFD profile "{rest[1]}"')
                return
            peer.options["bfd"] = profile
        elif len(rest) == 3:
            at = len(line.words) - 3
            peer.options["bfd"] = self.profiles.of_numbers(
                line.number_at(at, 2, 255, "a multiplier"),
                line.number_at(at + 1, 10, 60000, "milliseconds"),
                line.number_at(at + 2, 10, 60000, "milliseconds"),
            )
        else:
            line.leave("Lastmile has no such setting of BFD")
            return
        line.carry()

    def do_password(self, peer: Peer, line: Line, rest: list[str], family) -> None:
        line.secret = len(line.words) - len(rest)
        peer.password = (" ".join(rest), line)

    def do_timers(self, peer: Peer, line: Line, rest: list[str], family) -> None:
        timers = peer.options.setdefault("timers", {})
        at = len(line.words) - len(rest)
        if rest[:1] == ["connect"]:
            timers["connect-retry"] = f"{max(1, line.number_at(at + 1, 1, 65535, 'seconds'))}s"
        else:
            keepalive, hold = line.number_at(at, 0, 65535, "seconds"), line.number_at(at + 1, 0, 65535, "seconds")
            timers.update(timers_of(keepalive, hold))
        line.carry()

    def do_ebgp_multihop(self, peer: Peer, line: Line, rest: list[str], family) -> None:
        hops = line.number_at(len(line.words) - 1, 1, 255, "hops") if rest else 254
        if hops > 1:
            peer.options["multihop"] = min(hops, 254)
        line.carry()

    def do_ttl_security(self, peer: Peer, line: Line, rest: list[str], family) -> None:
        peer.options["ttl-security"] = line.number_at(len(line.words) - 1, 1, 254, "hops")
        line.carry()

    def do_update_source(self, peer: Peer, line: Line, rest: list[str], family) -> None:
        peer.source = (rest[0] if rest else "", line)

    def do_passive(self, peer: Peer, line: Line, rest: list[str], family) -> None:
        peer.options["passive"] = True
        line.carry()

    def do_shutdown(self, peer: Peer, line: Line, rest: list[str], family) -> None:
        if rest[:1] == ["rtt"]:
            line.leave("Lastmile does not measure round trips, and the session stays up")
            return
        peer.options["shutdown"] = True
        if rest[:1] == ["message"]:
            peer.options["shutdown-message"] = " ".join(rest[1:])
        line.carry()

    def do_local_as(self, peer: Peer, line: Line, rest: list[str], family) -> None:
        local: dict = {"asn": asn_at(line, len(line.words) - len(rest))}
        if "no-prepend" in rest:
            local["no-prepend"] = True
        if "replace-as" in rest:
            local["replace-as"] = True
        peer.options["local-as"] = local
        line.carry()

    def do_local_role(self, peer: Peer, line: Line, rest: list[str], family) -> None:
        if not rest or rest[0] not in ROLES:
            raise line.fail(len(line.words) - len(rest), "is no role", "one of " + ", ".join(ROLES))
        peer.options["role"] = Word(ROLES[rest[0]])
        if "strict-mode" in rest:
            peer.options["role-strict"] = True
        line.carry()

    def do_enforce_first_as(self, peer: Peer, line: Line, rest: list[str], family) -> None:
        peer.options["enforce-first-as"] = True
        line.carry()

    def do_as_override(self, peer: Peer, line: Line, rest: list[str], family) -> None:
        peer.options["as-override"] = True
        line.carry()

    def do_remove_private_AS(self, peer: Peer, line: Line, rest: list[str], family) -> None:
        peer.options["remove-private-as"] = True
        line.carry()

    def do_allowas_in(self, peer: Peer, line: Line, rest: list[str], family) -> None:
        if rest == ["origin"]:
            line.leave("allow-own-as: 1 is nearest; it is not written, because it allows more")
            return
        times = line.number_at(len(line.words) - 1, 1, 10, "a number") if rest else FRR_OWN_AS
        peer.options["allow-own-as"] = max(times, peer.options.get("allow-own-as", 0))
        line.carry()

    def do_maximum_prefix(self, peer: Peer, line: Line, rest: list[str], family) -> None:
        at = len(line.words) - len(rest)
        limit = line.number_at(at, 1, 2**32 - 1, "a number of prefixes")
        if limit >= MOST_PREFIXES:
            line.leave("the limit is above what a table holds")
            peer.limits[family or 4] = (None, line)
            return
        maximum: dict = {"limit": limit}
        if len(rest) > 1 and rest[1].isdigit():
            maximum["warn-at"] = line.number_at(at + 1, 1, 100, "a percentage")
        if "warning-only" in rest:
            maximum["action"] = Word("warning")
        if "restart" in rest:
            maximum["action"] = Word("restart")
            maximum["restart"] = line.number_at(at + rest.index("restart") + 1, 1, 65535, "minutes")
        maximum["force"] = "force" in rest
        peer.limits[family or 4] = (maximum, line)
        line.carry()

    def do_route_map(self, peer: Peer, line: Line, rest: list[str], family) -> None:
        self.filter(peer.route_maps, line, rest, family)

    def do_prefix_list(self, peer: Peer, line: Line, rest: list[str], family) -> None:
        self.filter(peer.prefix_lists, line, rest, family)

    def do_filter_list(self, peer: Peer, line: Line, rest: list[str], family) -> None:
        line.leave("what it refuses is let through here: write rules of a policy for it before the neighbor is up")

    do_distribute_list = do_filter_list

    def filter(self, where: dict, line: Line, rest: list[str], family) -> None:
        if len(rest) != 2 or rest[1] not in ("in", "out"):
            raise line.fail(len(line.words) - 1, "is neither in nor out", "in or out")
        where[rest[1]][family or 4] = (rest[0], line)


def asn_at(line: Line, word: int) -> int:
    text = line.words[word] if word < len(line.words) else ""
    high, dot, low = text.partition(".")
    if dot and high.isdigit() and low.isdigit() and int(high) < 65536 and int(low) < 65536:
        return int(high) * 65536 + int(low)
    return line.number_at(word, 1, 2**32 - 2, "an AS number")


def timers_of(keepalive: int, hold: int) -> dict:
    """A hold time of 0 turns both off."""
    if hold == 0:
        return {"hold": Word("0s")}
    hold = max(3, hold)
    timers = {"keepalive": Word(f"{keepalive}s")} if 0 < keepalive < hold else {}
    return {**timers, "hold": Word(f"{hold}s")}


class PeerWriter:
    """From what was read to "groups" and "neighbors"."""

    def __init__(self, peers: dict[str, Peer], ports: Ports, policies: PolicyMaker, secrets: Path | None, note):
        self.peers = peers
        self.ports = ports
        self.policies = policies
        self.secrets = secrets
        self.note = note  # a function of a line and a text
        self.active = {4}  # address families of a neighbor for which the file does not say
        self.files: dict[Path, str] = {}
        self.own: set = set()  # addresses that sessions may come from

    def options(self, peer: Peer) -> dict:
        options = dict(peer.options)
        group = self.group(peer)
        self.max_prefixes(peer, options)
        for direction, key in (("in", "import"), ("out", "export")):
            maps, lists = peer.route_maps[direction], peer.prefix_lists[direction]
            if not maps and not lists:
                continue  # as in the group, if there is one
            if group:  # FRR takes from it what the neighbor has none of, by family and kind; "import" here is taken whole
                maps = {**group.route_maps[direction], **maps}
                lists = {**group.prefix_lists[direction], **lists}
            options[key] = self.policies.of(maps, lists)
        if peer.password:
            self.password(peer, options)
        if peer.source:
            self.source(peer, options)
        return options

    def group(self, peer: Peer) -> Peer | None:
        return self.peers.get(peer.group) if peer.group else None

    def limits(self, peer: Peer) -> dict[int, tuple[dict, Line]]:
        """By address family, those of the group among them."""
        group = self.group(peer)
        merged = {**(group.limits if group else {}), **peer.limits}
        return {family: (maximum, line) for family, (maximum, line) in merged.items() if maximum}

    def unlimited(self, peer: Peer) -> bool:
        """Whether FRR has a limit for one of two address families, while ours counts both."""
        group = self.group(peer)
        limits = self.limits(peer)
        active = {**(group.active if group else {}), **peer.active}
        return len(limits) == 1 and any(active.get(f, f in self.active) for f in (4, 6) if f not in limits)

    def filters_more(self, peer: Peer) -> bool:
        filtered = any(one.route_maps["in"] or one.prefix_lists["in"] for one in (peer, self.group(peer)) if one)
        return filtered and not all(maximum["force"] for maximum, _ in self.limits(peer).values())

    def max_prefixes_of(self, peer: Peer) -> dict:
        """A limit for both families that ends no session that FRR would keep."""
        limits = [maximum for maximum, _ in self.limits(peer).values()]
        if not limits:
            return {}
        whole: dict = {"limit": min(MOST_PREFIXES, sum(maximum["limit"] for maximum in limits))}
        if any("warn-at" in maximum for maximum in limits):
            whole["warn-at"] = min(maximum.get("warn-at", WARN_AT) for maximum in limits)
        actions = [maximum.get("action", "shutdown") for maximum in limits]
        if "warning" in actions or self.unlimited(peer):
            whole["action"] = Word("warning")
        elif "restart" in actions:
            minutes = min([LONGEST_RESTART, *(maximum["restart"] for maximum in limits if "restart" in maximum)])
            whole.update({"action": Word("restart"), "restart-after": Word(f"{minutes}m")})
        return whole

    def max_prefixes(self, peer: Peer, options: dict) -> None:
        group = self.group(peer)
        own, inherited = self.max_prefixes_of(peer), self.max_prefixes_of(group) if group else {}
        if own == inherited:
            return
        if not own:  # it has a limit above all, or below none, in place of the group's
            options["max-prefixes"] = {"limit": MOST_PREFIXES, "action": Word("warning")}
            return
        if inherited:  # each key is inherited by itself, so all are written
            own = {"limit": own["limit"], "warn-at": WARN_AT, "action": Word("shutdown"), **own}
        options["max-prefixes"] = own
        limits = list(self.limits(peer).values())
        line = limits[0][1]
        if any(maximum.get("restart", 0) > LONGEST_RESTART for maximum, _ in limits):
            self.note(line, f"it is tried again after {LONGEST_RESTART} minutes, which is the longest")
        if self.unlimited(peer):
            self.note(line, "a limit is for both address families here, and only one has one: it is a warning")
        elif own.get("action") != "warning" and self.filters_more(peer):
            self.note(line, "prefixes that the import policy refuses count, too; in FRR they do with \"force\" only")

    def password(self, peer: Peer, options: dict) -> None:
        password, line = peer.password
        if self.secrets is None:
            line.leave("passwords stand in files of their own: give a folder for them by --secrets")
            return
        path = self.secrets / (peer.name.replace("/", "-").replace(":", "-") + ".password")
        self.files[path] = password + "\n"
        options["password-file"] = str(path)
        line.carry()

    def source(self, peer: Peer, options: dict) -> None:
        text, line = peer.source
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            version = 6 if ":" in peer.name else 4
            interface = self.ports.interfaces.get(text)
            found = [own.ip for own, _ in interface.addresses if own.version == version] if interface else []
            if not found:
                line.leave(f"the file has no IPv{version} address of {text or 'that'}; give \"source\" by hand")
                return
            address = found[0]
        if address not in self.own:
            line.leave(f"{address} is no address that Lastmile would have; give \"source\" by hand")
            return
        options["source"] = str(address)
        line.carry()

    def place(self, peer: Peer) -> dict | None:
        """Where a neighbor is; None if that can't be said."""
        if peer.interface:
            return {"port": self.ports.port(peer.name)}
        address = peer.line.address_at(1)
        if address.is_link_local:
            peer.line.carried = False
            peer.line.leave("a link-local neighbor needs its port: write {port: NAME, address: ADDRESS}")
            return None
        interface = self.ports.on_link(address)
        if interface:
            self.ports.port(interface)
            return {"address": str(address)}
        group = self.group(peer)
        merged = {**(group.options if group else {}), **peer.options}
        remote = merged.get("remote-asn")
        hops = max(merged.get("multihop", 0), merged.get("ttl-security", 0))
        if hops > 1 or remote == "internal" or remote == self.policies.asn:
            return {"address": str(address)}
        peer.line.carried = False
        peer.line.leave("the file has no interface with an address in its subnet, so its port is not known")
        return None
