"""The whole way: from the text of an frr.conf to a configuration, and a list of what is not in it."""
from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from pathlib import Path

from . import yaml_text
from .bfd import Profiles
from .filters import PolicyMaker, permits, read_filters
from .interfaces import Interface, Ports, read_interfaces
from .peers import PeerReader, PeerWriter, asn_at, timers_of
from .source import Block, Line, SourceError, parse
from .yaml_text import Word

MOST_PATHS = 64
EBGP_DISTANCE = 20
# What a static route may have beside its next hop, each with how many words belong to it.
ROUTE_WORDS = {
    "from": 1, "tag": 1, "vrf": 1, "nexthop-vrf": 1, "label": 1, "table": 1, "color": 1, "onlink": 0,
    "bfd": 0, "multi-hop": 0, "source": 1, "profile": 1, "segments": 1, "encap-behavior": 1,
}  # fmt: skip
TRADITIONAL_TIMERS = {"keepalive": Word("60s"), "hold": Word("180s")}

# Lines of the top and of "router bgp" that say nothing that a router has to be told: how FRR logs and runs,
# and what holds by itself.
NEEDLESS = re.compile(
    r"(frr version|frr defaults|hostname|domainname|log|no log|service|debug|no debug|line vty|agentx|username|"
    r"password|enable password|banner|ip forwarding|ipv6 forwarding|no ip forwarding|no ipv6 forwarding|"
    r"ip nht|ipv6 nht|ip protocol|ipv6 protocol|zebra|no zebra|no bgp default|bgp default show|"
    r"bgp log-neighbor-changes|no bgp log-neighbor-changes|no bgp ebgp-requires-policy|bgp ebgp-requires-policy|"
    r"no bgp suppress-duplicates|bgp suppress-duplicates|no bgp network import-check|bgp network import-check|"
    r"bgp deterministic-med|no bgp deterministic-med|"
    r"bgp default ipv4-unicast|bgp default ipv6-unicast|bgp fast-convergence|bgp fast-external-failover|"
    r"no bgp hard-administrative-reset|bgp hard-administrative-reset|no bgp graceful-restart notification|"
    r"no synchronization|no auto-summary|bgp reject-as-sets|bgp update-delay|bgp disable-ebgp-connected-route-check)\b"
)
VTY = re.compile(r"(line vty|login|exec-timeout|access-class|password)\b")
VTY_SECRETS = re.compile(r"(password|enable password|username)\b")


class StaticRoute:
    """A line "ip route PREFIX [ADDRESS] [INTERFACE] ...", and what of it can't be said."""

    def __init__(self, line: Line):
        words = line.words
        self.line = line
        masked = words[0] == "ip" and len(words) > 3 and "/" not in words[2]  # ADDRESS MASK, as other vendors write it
        self.prefix = line.masked_at(2, 3) if masked else line.prefix_at(2)
        at = 4 if masked else 3
        self.ways: list[str] = []
        while at < len(words) and words[at] not in ROUTE_WORDS and not words[at].isdigit():
            self.ways.append(words[at])
            at += 1
        self.blackhole = self.ways[:1] in (["blackhole"], ["Null0"], ["reject"])
        self.distance = 1
        self.tag = False
        self.main = True  # of the table that packets go by
        self.wrong = ""
        while at < len(words):
            word = words[at]
            if word.isdigit():
                self.distance = line.number_at(at, 1, 255, "a distance")
            elif word == "tag":
                self.tag = True
            elif word in ("vrf", "nexthop-vrf"):
                self.wrong = "there are no VRFs"
            elif word != "onlink":
                self.wrong = self.wrong or f'a route has no "{word}" here'
            self.main &= word not in ("vrf", "table")
            at += 1 + ROUTE_WORDS.get(word, 0)
        if not self.ways or len(self.ways) > (1 if self.blackhole else 2):
            self.wrong = self.wrong or "its next hop is not known"


@dataclass
class Options:
    devices: dict[str, str] = field(default_factory=dict)
    loopbacks: list[str] = field(default_factory=list)
    secrets: Path | None = None
    machine: list[dict] | None = None  # as `ip -json address` says


@dataclass
class Result:
    text: str
    left: list[str]  # "FILE:LINE:COLUMN: not carried over: ..."
    files: dict[Path, str]


class Converter:
    def __init__(self, text: str, file: str, options: Options):
        self.file = file
        self.options = options
        self.top = parse(text, file)
        self.notes: list[tuple[int, str]] = []
        self.datacenter = any(line.words[:3] == ["frr", "defaults", "datacenter"] for line in self.top.lines)

    def note(self, line: Line, text: str) -> None:
        self.notes.append((line.number, f"{self.file}:{line.number}:{line.column}: note: {text}"))

    def convert(self) -> Result:
        bgp = self.bgp_block()
        asn = asn_at(bgp.line, 2)
        bgp.line.carry()
        self.bgp_lines = [bgp.line, *bgp.lines]
        self.interfaces = read_interfaces(self.top)
        self.from_machine()
        self.filters = read_filters(self.top)
        self.profiles = Profiles()
        self.profiles.read(self.top)
        self.ports = Ports(self.interfaces, self.options.devices)
        self.policies = PolicyMaker(self.filters, asn)
        self.peers = PeerReader(asn, self.profiles)
        self.bgp: dict = {}
        self.router_id: tuple[str, Line] | None = None
        self.announced: list[tuple[str | None, Line, int]] = []  # "redistribute connected": its route-map and family
        self.networks: list[tuple[object, str | None, Line]] = []  # "network": a prefix and its route-map
        self.listen: list[tuple[Line, object, str]] = []
        self.read_bgp(bgp)
        self.read_top()

        loopbacks = self.loopbacks()
        bgp_section = self.write_bgp(loopbacks)
        ports = self.ports.sections()
        routes = self.routes()
        ports = self.ports.sections() if len(self.ports.names) != len(ports) else ports
        if not ports:
            raise SourceError(f"{bgp.line.file}:{bgp.line.number}:{bgp.line.column}: no neighbor is on an interface "
                              "of this file, so there is no port; expected \"neighbor IFACE interface\"")  # fmt: skip
        router: dict = {"asn": asn}
        first = next((a for a in loopbacks if ":" not in a), None)
        if self.router_id and (first is None or first.split("/")[0] != self.router_id[0]):
            router["id"] = self.router_id[0]
        sections = {
            "router": router,
            "loopbacks": loopbacks,
            "ports": ports,
            "routes": routes,
            "bfd": {"profiles": self.used_profiles(bgp_section)} if self.used_profiles(bgp_section) else None,
            "prefix-lists": self.policies.prefix_lists,
            "policies": self.policies.policies,
            "bgp": bgp_section,
        }
        head = (
            f"# Made from {Path(self.file).name} by tools/from-frr.\n"
            "# Look at it, name the NICs in \"ports\" (a PCI address is faster than net_af_packet), and check it:\n"
            "# lastmiled --check FILE\n"
        )
        return Result(head + yaml_text.document(sections), self.report(), self.writer.files)

    # --- reading ---------------------------------------------------------------------------------

    def bgp_block(self) -> Block:
        blocks = self.top.under("router", "bgp")
        plain = [b for b in blocks if "vrf" not in b.words and "view" not in b.words]
        for block in blocks:
            if block not in plain:
                block.leave("there are no VRFs")
        if not plain:
            raise SourceError(f'{self.file}:1:1: there is no "router bgp" in it; expected the frr.conf of a server')
        if len(plain) > 1:
            raise plain[1].line.fail(0, "is there twice", "one \"router bgp\" outside of VRFs")
        return plain[0]

    def from_machine(self) -> None:
        """Addresses and MTUs that stand elsewhere than in frr.conf."""
        for link in self.options.machine or []:
            interface = self.interfaces.setdefault(link["ifname"], Interface(link["ifname"]))
            interface.mtu = link.get("mtu")
            known = {own.ip for own, _ in interface.addresses}
            for info in link.get("addr_info", []):
                own = ipaddress.ip_interface(f"{info['local']}/{info['prefixlen']}")
                if own.ip not in known and not own.ip.is_loopback and not own.ip.is_link_local:
                    interface.addresses.append((own, Line("this machine", 0, 0, ["address", str(own)], carried=True)))

    def read_bgp(self, block: Block) -> None:
        for line in block.lines:
            self.bgp_line(line)
        for family_block in block.blocks:
            words = family_block.words
            if words[1:2] not in (["ipv4"], ["ipv6"]) or words[2:3] not in ([], ["unicast"]):
                family_block.leave("Lastmile speaks IPv4 and IPv6 unicast")
                continue
            family_block.line.carry()
            family = 4 if words[1] == "ipv4" else 6
            for line in family_block.lines:
                self.family_line(line, family)

    def bgp_line(self, line: Line) -> None:
        words = line.words
        said = " ".join(words)
        if words[0] == "neighbor" or words[:2] == ["no", "neighbor"]:
            self.peers.read(line, None)
        elif words[:2] == ["bgp", "router-id"]:
            self.router_id = (str(line.address_at(2)), line)
            line.carry()
        elif said == "bgp bestpath as-path multipath-relax":
            self.bgp["multipath-relax"] = True
            line.carry()
        elif words[:2] == ["timers", "bgp"]:
            self.bgp["timers"] = timers_of(
                line.number_at(2, 0, 65535, "seconds"), line.number_at(3, 0, 65535, "seconds")
            )
            line.carry()
        elif words[:3] == ["bgp", "listen", "range"]:
            group = words[words.index("peer-group") + 1] if "peer-group" in words[:-1] else ""
            self.listen.append((line, line.prefix_at(3), group))
            line.carry()
        elif words[:3] == ["bgp", "listen", "limit"]:
            self.bgp["limit"] = line.number_at(3, 1, 4096, "a number")
            line.carry()
        elif said == "bgp graceful-restart-disable":
            self.bgp["graceful-restart"] = {"mode": Word("off")}
            line.carry()
        elif words[:2] == ["bgp", "graceful-restart"]:
            line.leave("Lastmile keeps routes of a neighbor that restarts; see \"graceful-restart\"")
        elif words[0] in ("redistribute", "network", "maximum-paths", "aggregate-address"):
            self.family_line(line, 4)  # outside of an address-family, as old files have it
        elif NEEDLESS.match(said):
            line.carry()
        else:
            line.leave("Lastmile has no such setting of BGP")

    def family_line(self, line: Line, family: int) -> None:
        words = line.words
        if words[0] == "neighbor" or words[:2] == ["no", "neighbor"]:
            self.peers.read(line, family)
        elif words[:2] == ["redistribute", "connected"]:
            name = words[words.index("route-map") + 1] if "route-map" in words[:-1] else None
            self.announced.append((name, line, family))
            line.carry()
            if "metric" in words:
                self.note(line, "the addresses are announced without a metric")
        elif words[0] == "network" and len(words) > 1:
            self.network(line)
        elif words[0] == "maximum-paths":
            at = next((i for i, word in enumerate(words) if word.isdigit()), len(words) - 1)
            wanted = line.number_at(at, 1, 1024, "a number of paths")
            self.bgp["max-paths"] = min(MOST_PATHS, max(wanted, self.bgp.get("max-paths", 1)))
            if wanted > MOST_PATHS:
                self.note(line, f"{MOST_PATHS} paths are the most that a route spreads over")
            line.carry()
        elif words[0] == "redistribute":
            line.leave("a server announces its own addresses only (host mode)")
        elif words[0] == "aggregate-address":
            line.leave("a server announces its own addresses only (host mode)")
        else:
            line.leave("Lastmile has no such setting of BGP")

    def network(self, line: Line) -> None:
        words = line.words
        masked = words[2:3] == ["mask"]
        rest = words[4:] if masked else words[2:]
        if not masked and "/" not in words[1]:
            line.address_at(1)
            line.leave("it has no length, so it is a network of a class; write one with its length")
        elif rest and (rest[0] != "route-map" or len(rest) != 2):
            line.leave("Lastmile has no such setting of a network")
        else:
            prefix = line.masked_at(1, 3) if masked else line.prefix_at(1)
            self.networks.append((prefix, rest[1] if rest else None, line))

    def read_top(self) -> None:
        for line in self.top.lines:
            said = " ".join(line.words)
            if line.words[0] == "router-id" or line.words[:2] == ["ip", "router-id"]:
                at = line.words.index("router-id") if "router-id" in line.words else 0
                at = 1 if line.words[0] == "router-id" else at + 1
                if self.router_id is None:
                    self.router_id = (str(line.address_at(at)), line)
                line.carry()
            elif NEEDLESS.match(said):
                line.carry()
                if VTY_SECRETS.match(said):
                    line.secret = 1
        for block in self.top.blocks:
            if block.words[:2] == ["line", "vty"]:
                for line in block.all_lines():
                    if VTY.match(" ".join(line.words)):
                        line.carry()
                        line.secret = 1
            elif block.words[0] == "router" and block.words[1:2] != ["bgp"]:
                block.leave("Lastmile speaks BGP")
            elif block.words[0] == "vrf":
                block.leave("there are no VRFs")

    # --- writing ---------------------------------------------------------------------------------

    def loopbacks(self) -> list[str]:
        """What FRR announces of its own, as far as a server may."""
        found: list[str] = []

        def add(address) -> None:
            text = f"{address}/{address.max_prefixlen}"
            if text not in found:
                found.append(text)

        told = []
        for prefix, route_map, line in self.networks:
            if permits(self.filters, route_map, prefix, ""):
                told.append(prefix)
            else:
                line.leave("its route-map does not let it through, as far as that can be told")
        for text in self.options.loopbacks:
            add(ipaddress.ip_interface(text).ip)
        for interface in self.interfaces.values():
            if not interface.loopback:
                continue
            for own, line in interface.addresses:
                whole = ipaddress.ip_network(own.ip)
                redistributed = any(
                    family == own.version and permits(self.filters, name, own.network, interface.name)
                    for name, _, family in self.announced
                )
                if own.ip.is_loopback:
                    line.carry()
                elif not redistributed and whole not in told:
                    line.leave("FRR does not announce it, and Lastmile announces every loopback")
                elif own.network != whole:
                    line.leave("a loopback is a single address (host mode announces no networks)")
                else:
                    add(own.ip)
                    line.carry()
        for prefix, _, line in self.networks:
            if prefix not in told:
                continue
            if prefix.prefixlen != prefix.max_prefixlen:
                line.leave("a server announces single addresses only (host mode)")
                continue
            add(prefix.network_address)
            line.carry()
        if not found and self.router_id and any(family == 4 for _, _, family in self.announced):
            address, line = self.router_id
            add(ipaddress.ip_address(address))
            self.note(line, f"no loopback has an address in this file; {address} is taken for the loopback")
        return found

    def write_bgp(self, loopbacks: list[str]) -> dict:
        secrets = self.options.secrets
        self.writer = writer = PeerWriter(self.peers.peers, self.ports, self.policies, secrets, self.note)
        said = {" ".join(line.words) for line in self.bgp_lines}
        if "no bgp default ipv4-unicast" in said:
            writer.active.discard(4)
        if "bgp default ipv6-unicast" in said:
            writer.active.add(6)
        writer.own = {ipaddress.ip_interface(text).ip for text in loopbacks}
        section: dict = {}
        if "multipath-relax" not in self.bgp:
            section["multipath-relax"] = False
        section.update({k: v for k, v in self.bgp.items() if k not in ("limit", "multipath-relax")})
        if "timers" not in section and not self.datacenter:
            section["timers"] = dict(TRADITIONAL_TIMERS)
        peers = self.peers.peers
        members = {peer.group for peer in peers.values() if peer.group} | {group for _, _, group in self.listen}
        neighbors = []
        for peer in peers.values():  # places first: they say which ports there are, and so which addresses
            if not peer.is_group and (place := writer.place(peer)) is not None:
                neighbors.append((peer, place))
        for interface in self.ports.names:
            known = self.interfaces.get(interface)
            writer.own |= {own.ip for own, _ in known.addresses} if known else set()
        groups = {}
        for peer in peers.values():
            if not peer.is_group:
                continue
            if peer.name not in members:
                peer.line.carried = False
                peer.line.leave("no neighbor is in it")
                continue
            groups[self.word(peer.name)] = writer.options(peer)
        section["groups"] = groups
        written = []
        for peer, place in neighbors:
            group = peers.get(peer.group) if peer.group else None
            if group is None and "remote-asn" not in peer.options:
                peer.line.carried = False
                peer.line.leave("it has no remote-as")
                continue
            entry = dict(place)
            if group is not None:
                entry["group"] = self.word(group.name)
            interface = self.interfaces.get(peer.name) if peer.interface else None
            if interface and interface.description and "description" not in peer.options:
                entry["description"] = interface.description[:80]
            written.append({**entry, **writer.options(peer)})
        for line, prefix, group in self.listen:
            if group not in peers:
                line.carried = False
                line.leave(f'there is no peer-group "{group}"')
                continue
            entry = {"listen": str(prefix), "group": self.word(group)}
            if "limit" in self.bgp:
                entry["limit"] = self.bgp["limit"]
            written.append(entry)
        section["neighbors"] = written
        self.note_missing_policies(neighbors)
        return {key: value for key, value in section.items() if value != {} and value != []}

    def note_missing_policies(self, neighbors: list) -> None:
        """FRR accepts nothing of an external neighbor without a policy (RFC 8212), unless it is told to."""
        lines = {" ".join(line.words) for line in self.bgp_lines}
        required = "bgp ebgp-requires-policy" in lines
        if "no bgp ebgp-requires-policy" in lines or (self.datacenter and not required):
            return
        open_to = []
        for peer, _ in neighbors:
            group = self.peers.peers.get(peer.group) if peer.group else None
            maps = [one for p in (group, peer) if p for one in (p.route_maps["in"], p.prefix_lists["in"]) if one]
            remote = {**(group.options if group else {}), **peer.options}.get("remote-asn")
            if not maps and remote not in ("internal", self.policies.asn):
                open_to.append(peer.name)
        if open_to:
            self.note(
                self.bgp_lines[0],
                f"FRR accepts nothing of {', '.join(open_to)} without a route-map (ebgp-requires-policy); "
                "Lastmile in host mode accepts, and a policy for \"import\" changes that",
            )

    @staticmethod
    def word(name: str) -> str:
        return re.sub(r"[^A-Za-z0-9._-]", "-", name)[:64].lstrip("-._") or "group"

    def used_profiles(self, bgp: dict) -> dict:
        used = [peer.get("bfd") for peer in (*bgp.get("groups", {}).values(), *bgp.get("neighbors", []))]
        return {name: section for name, section in self.profiles.sections.items() if name in used}

    def routes(self) -> list[dict]:
        read = [StaticRoute(line) for line in self.top.lines if line.words[:2] in (["ip", "route"], ["ipv6", "route"])]
        least: dict = {}  # distance, by prefix: FRR takes nothing of what is above it
        for route in read:
            if route.main:
                least[route.prefix] = min(route.distance, least.get(route.prefix, route.distance))
        by_prefix: dict[object, list[tuple[dict, Line]]] = {}
        for route in read:
            via: dict | None = None
            if route.wrong:
                route.line.leave(route.wrong)
            elif route.distance > EBGP_DISTANCE:
                route.line.leave("a static route always goes before BGP here")
            elif route.distance > least[route.prefix]:
                route.line.leave("a static route always goes before BGP here, and no next hop before another")
            else:
                via = {} if route.blackhole else self.via(route)
            if via is not None:
                by_prefix.setdefault(route.prefix, []).append((via, route.line))
                route.line.carry()
                if route.tag:
                    self.note(route.line, "routes have no tags here; it goes without")
        return [{"prefix": str(prefix), **self.ways(vias)} for prefix, vias in by_prefix.items()]

    @staticmethod
    def ways(vias: list[tuple[dict, Line]]) -> dict:
        hops: list[dict] = []
        for via, _ in vias:
            if via and via not in hops:
                hops.append(via)
        for via, line in vias:
            if hops and not via:
                line.carried = False
                line.leave("a route drops everything or nothing; its other next hops stand")
        return {"via": hops} if hops else {"blackhole": True}

    def via(self, route: StaticRoute) -> dict | None:
        via: dict = {}
        interface = None
        for word in route.ways:
            try:
                address = ipaddress.ip_address(word)
            except ValueError:
                interface = word
                continue
            via["address"] = str(address)
            interface = self.ports.on_link(address)
        if interface not in self.ports.names:
            route.line.leave("its interface is no port of the router: the kernel keeps such a route")
            return None
        if "address" in via and not self.reaches(interface, ipaddress.ip_address(via["address"]), route.prefix):
            route.line.leave("its next hop is in no subnet of the port")
            return None
        return {"port": self.ports.names[interface], **via}

    def reaches(self, interface: str, address, prefix) -> bool:
        """Whether a port has a next hop on its link, as lastmiled sees it."""
        if address.version == 6 and address.is_link_local or prefix == ipaddress.ip_network(address):
            return True
        known = self.interfaces.get(interface)
        return any(own.version == address.version and address in own.network for own, _ in known.addresses) if known else False

    def report(self) -> list[str]:
        for interface in self.interfaces.values():
            port = interface.name in self.ports.names
            for line in interface.lines:
                line.leave("Lastmile has no such setting of a port" if port else "the interface stays with the kernel")
            for _, line in interface.addresses:
                if not line.carried:
                    line.leave("the interface stays with the kernel")
        for block in self.top.under("route-map"):
            for line in block.all_lines():
                if not line.carried:
                    line.leave("no policy needs it" if not block.line.carried else "no policy can say that")
        messages = list(self.notes)
        for line in self.top.all_lines():
            if not line.carried:
                reason = line.left or "it is not known, or nothing that was carried over needs it"
                messages.append(
                    (line.number, f'{self.file}:{line.number}:{line.column}: not carried over: "{line.text}"; {reason}')
                )
        return [text for _, text in sorted(messages)]


def convert(text: str, file: str, options: Options | None = None) -> Result:
    return Converter(text, file, options or Options()).convert()
