"""Interfaces of the file: their addresses, and which of them become ports."""
from __future__ import annotations

import re
from dataclasses import dataclass, field

from .source import Block, Line

LOOPBACK = re.compile(r"(lo|dummy|loopback)[0-9]*$")
LONGEST_PORT = 12  # "lm-" stands in front, and the kernel takes 15


@dataclass
class Interface:
    name: str
    addresses: list[tuple[object, Line]] = field(default_factory=list)  # ip_interface
    description: str = ""
    lines: list[Line] = field(default_factory=list)
    mtu: int | None = None

    @property
    def loopback(self) -> bool:
        return LOOPBACK.match(self.name) is not None


def read_interfaces(top: Block) -> dict[str, Interface]:
    interfaces: dict[str, Interface] = {}
    for block in top.under("interface"):
        name = block.words[1] if len(block.words) > 1 else ""
        if not name:
            raise block.line.fail(1, "is no interface", "its name")
        if "vrf" in block.words[2:]:
            block.leave("there are no VRFs")
            continue
        block.line.carry()
        interface = interfaces.setdefault(name, Interface(name))
        for line in block.lines:
            words = line.words
            if words[0] in ("ip", "ipv6") and words[1:2] == ["address"]:
                interface.addresses.append((line.interface_at(2), line))
            elif words[0] == "description":
                interface.description = " ".join(words[1:])
                line.carry()
            elif words[0] == "ipv6" and words[1:2] == ["nd"] or words[:3] == ["no", "ipv6", "nd"]:
                line.carry()  # an unnumbered neighbor brings router advertisements along
            elif words == ["no", "shutdown"] or words == ["no", "link-detect"] or words == ["link-detect"]:
                line.carry()
            else:
                interface.lines.append(line)
    return interfaces


class Ports:
    """The interfaces that neighbors and routes are on: those go to the router, the others stay with the kernel."""

    def __init__(self, interfaces: dict[str, Interface], devices: dict[str, str]):
        self.interfaces = interfaces
        self.devices = devices
        self.names: dict[str, str] = {}  # by interface

    def port(self, interface: str) -> str:
        """The name of the port that an interface becomes."""
        if interface not in self.names:
            name = re.sub(r"[^A-Za-z0-9._-]", "-", interface)
            name = name[:LONGEST_PORT].rstrip("-.") or "port"
            while name in self.names.values():
                name = f"up{len(self.names) + 1}"
            self.names[interface] = name
        return self.names[interface]

    def on_link(self, address) -> str | None:
        """The interface in whose subnet an address is."""
        for interface in self.interfaces.values():
            if interface.loopback:
                continue
            for own, _ in interface.addresses:
                if own.version == address.version and address in own.network and own.ip != address:
                    return interface.name
        return None

    def sections(self) -> dict[str, dict]:
        """ports:"""
        sections = {}
        for index, (name, port) in enumerate(self.names.items()):
            interface = self.interfaces.get(name, Interface(name))
            section: dict = {"device": self.devices.get(name, f"net_af_packet{index},iface={name}")}
            if interface.mtu and interface.mtu != 1500:
                section["mtu"] = interface.mtu
            addresses = []
            for own, line in interface.addresses:
                line.carry()
                if not own.ip.is_link_local:  # the twin has its own
                    addresses.append(str(own))
            if addresses:
                section["addresses"] = addresses
            sections[port] = section
        return sections
