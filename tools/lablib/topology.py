"""The fabric as data: nodes, links, addresses (docs/lab.md has the picture).

                      spine1  AS 65201, originates 0.0.0.0/0
                     /      \\
        legacy -- leaf1    leaf2          AS 65001, AS 65002
                   |  \\    /  |
                   |   \\  /   |
                   |    \\/    |
                   |    /\\    |
                   bms1    bms2           AS 64512: Lastmile (or FRR + kernel)

All fabric links are unnumbered: no IPv4 address, only IPv6 link-local.
"""
from __future__ import annotations

from dataclasses import dataclass, field

FABRIC_MTU = 9000
# Detection within 150 ms: every program of the lab shares the cores of one machine.
BFD_INTERVAL_MS, BFD_MULTIPLIER = 50, 3
SERVICE = "192.168.0.250/32"


@dataclass(frozen=True)
class Node:
    name: str
    role: str  # spine | leaf | server | host
    asn: int = 0
    loopback: str = ""


@dataclass(frozen=True)
class Link:
    """A veth pair. Each end: (node, interface name, addresses)."""

    a: tuple[str, str]
    b: tuple[str, str]
    mtu: int = FABRIC_MTU
    addresses: dict[str, list[str]] = field(default_factory=dict)  # node -> addresses of its end


NODES = [
    Node("spine1", "spine", 65201, "10.255.255.201/32"),
    Node("leaf1", "leaf", 65001, "10.255.255.1/32"),
    Node("leaf2", "leaf", 65002, "10.255.255.2/32"),
    Node("bms1", "server", 64512, "10.0.1.1/32"),
    Node("bms2", "server", 64512, "10.0.2.2/32"),
    Node("legacy", "host"),
]

LINKS = [
    Link(("spine1", "leaf1"), ("leaf1", "spine1")),
    Link(("spine1", "leaf2"), ("leaf2", "spine1")),
    Link(("leaf1", "bms1"), ("bms1", "up1")),
    Link(("leaf2", "bms1"), ("bms1", "up2")),
    Link(("leaf1", "bms2"), ("bms2", "up1")),
    Link(("leaf2", "bms2"), ("bms2", "up2")),
    Link(
        ("leaf1", "legacy"),
        ("legacy", "leaf1"),
        1500,
        {"leaf1": ["192.168.101.254/24"], "legacy": ["192.168.101.20/24"]},
    ),
    Link(
        ("leaf2", "legacy"),
        ("legacy", "leaf2"),
        1500,
        {"leaf2": ["192.168.102.254/24"], "legacy": ["192.168.102.20/24"]},
    ),
]


def node(name: str) -> Node:
    for n in NODES:
        if n.name == name:
            return n
    known = " ".join(n.name for n in NODES)
    raise KeyError(f"no node named '{name}' in the lab; it has: {known}")


def servers() -> list[Node]:
    return [n for n in NODES if n.role == "server"]


def leaves() -> list[Node]:
    return [n for n in NODES if n.role == "leaf"]


def fabric_interfaces(name: str) -> list[str]:
    """The unnumbered interfaces of a node, in the order of the topology."""
    return [
        interface
        for link in LINKS
        if not link.addresses
        for owner, interface in (link.a, link.b)
        if owner == name
    ]


def uplinks(server: str) -> list[tuple[str, str, str]]:
    """(own interface, leaf, the leaf's interface) for each uplink of a server."""
    result = []
    for link in LINKS:
        for (owner, own), (leaf, theirs) in ((link.a, link.b), (link.b, link.a)):
            if owner == server and node(leaf).role == "leaf":
                result.append((own, leaf, theirs))
    return result
