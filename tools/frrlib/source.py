"""An frr.conf as blocks of lines, each of which knows where it stands and what has become of it."""
from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field


class SourceError(Exception):
    """The file is not what it should be: "FILE:LINE:COLUMN: what is wrong; what is expected"."""


@dataclass
class Line:
    file: str
    number: int
    column: int  # of the first word
    words: list[str]
    carried: bool = False
    left: str = ""  # why it was not carried over
    secret: int | None = None  # index of a word that is not to be shown

    @property
    def text(self) -> str:
        words = list(self.words)
        if self.secret is not None:
            words[self.secret :] = ["..."]
        return " ".join(words)

    def carry(self) -> None:
        self.carried = True

    def leave(self, reason: str) -> None:
        """The first reason stands."""
        if not self.left:
            self.left = reason

    def fail(self, word: int, wrong: str, expected: str) -> SourceError:
        column = self.column + sum(len(w) + 1 for w in self.words[:word])
        said = self.words[word] if word < len(self.words) else "the end of the line"
        return SourceError(f'{self.file}:{self.number}:{column}: "{said}" {wrong}; expected {expected}')

    def number_at(self, word: int, least: int, most: int, what: str) -> int:
        if word >= len(self.words) or not self.words[word].isdigit():
            raise self.fail(word, "is not a number", what)
        value = int(self.words[word])
        if not least <= value <= most:
            raise self.fail(word, "is out of range", f"{what} from {least} to {most}")
        return value

    def prefix_at(self, word: int):
        """An ip_network; the bits of the host may be set, as FRR allows."""
        try:
            return ipaddress.ip_network(self.words[word], strict=False)
        except (ValueError, IndexError):
            raise self.fail(word, "is not a prefix", "one such as 10.0.0.0/8 or 2001:db8::/32") from None

    def masked_at(self, word: int, mask: int):
        """An ip_network of an address and a mask such as 255.255.0.0."""
        address = self.address_at(word)
        text = self.words[mask] if mask < len(self.words) else ""
        try:
            network = ipaddress.ip_network(f"{address}/{text}", strict=False)
        except ValueError:
            network = None
        if network is None or str(network.netmask) != text:  # 0.0.255.255 and 16 are taken above
            raise self.fail(mask, "is not a mask", "one such as 255.255.0.0")
        return network

    def interface_at(self, word: int):
        """An address with the length of its subnet."""
        try:
            return ipaddress.ip_interface(self.words[word])
        except (ValueError, IndexError):
            raise self.fail(word, "is not an address", "one such as 192.0.2.1/24") from None

    def address_at(self, word: int):
        try:
            return ipaddress.ip_address(self.words[word])
        except (ValueError, IndexError):
            raise self.fail(word, "is not an address", "one such as 192.0.2.1 or 2001:db8::1") from None


@dataclass
class Block:
    """What stands under a line such as "interface eth1"; `line` is None for the file itself."""

    line: Line | None
    lines: list[Line] = field(default_factory=list)
    blocks: list["Block"] = field(default_factory=list)

    @property
    def words(self) -> list[str]:
        return self.line.words if self.line else []

    def under(self, *words: str) -> list["Block"]:
        return [b for b in self.blocks if tuple(b.words[: len(words)]) == words]

    def all_lines(self):
        if self.line:
            yield self.line
        yield from self.lines
        for block in self.blocks:
            yield from block.all_lines()

    def leave(self, reason: str) -> None:
        """The whole block is not carried over: its first line says so for all."""
        for line in self.all_lines():
            line.carry()
        assert self.line
        self.line.carried = False
        self.line.leave(reason)


# What opens a block, by the block that it may stand in. FRR itself goes by commands, not by indentation: a
# line that the present block does not know is tried one block further out.
OPENERS = {
    "": re.compile(r"(interface|router|route-map|bfd|vrf|key chain|line vty|segment-routing|nexthop-group|pbr-map)\b"),
    "router": re.compile(r"address-family\b"),
    "bfd": re.compile(r"(profile|peer)\b"),
}
# Lines that are at the top wherever they stand.
TOP = re.compile(
    r"(no )?(hostname|log|service|frr|ip prefix-list|ipv6 prefix-list|ip route|ipv6 route|ip nht|ipv6 nht|"
    r"ip protocol|ipv6 protocol|zebra|ip router-id|ip forwarding|ipv6 forwarding|bgp as-path|bgp community-list|"
    r"bgp large-community-list|bgp extcommunity-list|debug|agentx|domainname|enable password|username|"
    r"interface|router bgp|router ospf|router ospf6|router isis|router rip|router eigrp|router static|"
    r"route-map|vrf|line vty|key chain|bfd$)( |$)"
)
# Those of them that a "vrf" block knows itself: inside of one they are the VRF's.
OF_VRF = re.compile(r"(no )?(ip|ipv6) (route|router-id|nht|protocol)( |$)")
ENDS = {"exit", "exit-address-family", "exit-vrf", "quit", "end"}


def parse(text: str, file: str) -> Block:
    top = Block(None)
    stack = [top]
    for number, raw in enumerate(text.splitlines(), 1):
        stripped = raw.strip()
        if not stripped or stripped[0] in "!#":
            continue
        if not stripped.replace("\t", " ").isprintable():
            raise SourceError(f"{file}:{number}:1: the line is no text; expected an frr.conf")
        column = len(raw) - len(raw.lstrip()) + 1
        line = Line(file, number, column, stripped.split())
        said = " ".join(line.words)
        if said in ENDS:
            if said == "end":
                del stack[1:]
            elif len(stack) > 1:
                stack.pop()
            continue
        in_vrf = len(stack) > 1 and stack[1].words[0] == "vrf"
        if TOP.match(said) and not (in_vrf and OF_VRF.match(said)):
            del stack[1:]
        while True:
            kind = stack[-1].words[0] if len(stack) > 1 else ""
            opener = OPENERS.get(kind)
            if opener and opener.match(said):
                block = Block(line)
                stack[-1].blocks.append(block)
                stack.append(block)
                break
            # A second address-family, or profile, without an "exit" in between.
            outer = stack[-2].words[0] if len(stack) > 2 else ""
            if len(stack) > 1 and outer in OPENERS and outer and OPENERS[outer].match(said):
                stack.pop()
                continue
            stack[-1].lines.append(line)
            break
    return top
