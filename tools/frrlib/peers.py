"""Neighbors and peer groups of "router bgp": one table says what becomes of each of their lines."""
from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from .bfd import Profiles
from .filters import PolicyMaker
from .interfaces import Ports
from .source import Line
from .yaml_text import Word

FRR_OWN_AS = 3  # allowas-in without a number
LONGEST_OWN_AS = 10
ROLES = {"provider": "provider", "rs-server": "rs", "rs-client": "rs-client", "customer": "customer", "peer": "peer"}

# What holds by itself, or is a matter of how FRR works inside.
NEEDLESS = {
    ("activate",), ("capability", "extended-nexthop"), ("capability", "dynamic"), ("send-community",),
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


class PeerReader:
    def __init__(self, asn: int, profiles: Profiles):
        self.asn = asn
        self.profiles = profiles
        self.peers: dict[str, Peer] = {}

    def read(self, line: Line, family: int | None) -> None:
        """A line "neighbor X ..."; `family` 4 or 6 inside of an address-family."""
        words = line.words
        if words[0] == "no":
            self.without(line)
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

    def without(self, line: Line) -> None:
        """no neighbor X ..."""
        rest = line.words[3:]
        if rest[:1] == ["activate"]:
            line.leave("a session speaks IPv4 and IPv6, as far as the neighbor does")
        elif rest[:1] == ["enforce-first-as"] and line.words[2] in self.peers:
            self.peers[line.words[2]].options["enforce-first-as"] = False
            line.carry()
        else:
            line.carry() if rest[:1] == ["send-community"] else line.leave("it is as it is without that line")

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
        if rest[:1] == ["force"]:
            line.leave("refused prefixes count, too, without being told; the limit is not carried over")
            return
        limit = line.number_at(at, 1, 2**24, "a number of prefixes")
        if limit == 2**24:
            line.leave("the limit is above what a table holds")
            return
        maximum = dict(peer.options.get("max-prefixes", {}))
        maximum["limit"] = limit + maximum.get("limit", 0)  # ours is for both families
        if len(rest) > 1 and rest[1].isdigit():
            maximum["warn-at"] = line.number_at(at + 1, 1, 100, "a percentage")
        if "warning-only" in rest:
            maximum["action"] = Word("warning")
        if "restart" in rest:
            minutes = line.number_at(at + rest.index("restart") + 1, 1, 1092, "minutes")
            maximum.update({"action": Word("restart"), "restart-after": Word(f"{minutes}m")})
        peer.options["max-prefixes"] = maximum
        line.carry()

    def do_route_map(self, peer: Peer, line: Line, rest: list[str], family) -> None:
        self.filter(peer.route_maps, line, rest, family)

    def do_prefix_list(self, peer: Peer, line: Line, rest: list[str], family) -> None:
        self.filter(peer.prefix_lists, line, rest, family)

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

    def __init__(self, peers: dict[str, Peer], ports: Ports, policies: PolicyMaker, secrets: Path | None):
        self.peers = peers
        self.ports = ports
        self.policies = policies
        self.secrets = secrets
        self.files: dict[Path, str] = {}
        self.own: set = set()  # addresses that sessions may come from

    def options(self, peer: Peer) -> dict:
        options = dict(peer.options)
        for direction, key in (("in", "import"), ("out", "export")):
            maps, lists = peer.route_maps[direction], peer.prefix_lists[direction]
            if maps:
                name = self.policies.of_route_maps(maps)
                for _, line in lists.values():
                    line.leave("beside a route-map; put its prefixes into the policy's rules")
            else:
                name = self.policies.of_prefix_list(lists) if lists else None
            if name:
                options[key] = name
        if peer.password:
            self.password(peer, options)
        if peer.source:
            self.source(peer, options)
        return options

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
        import ipaddress

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
        group = self.peers.get(peer.group) if peer.group else None
        merged = {**(group.options if group else {}), **peer.options}
        remote = merged.get("remote-asn")
        hops = max(merged.get("multihop", 0), merged.get("ttl-security", 0))
        if hops > 1 or remote == "internal" or remote == self.policies.asn:
            return {"address": str(address)}
        peer.line.carried = False
        peer.line.leave("the file has no interface with an address in its subnet, so its port is not known")
        return None
