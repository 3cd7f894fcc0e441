"""Prefix lists, AS path lists, community lists and route-maps of FRR as policies of Lastmile.

A route-map goes on with its next entry where one does not match; so does a policy with its rules, and both
refuse what nothing matched. What differs is said where it is dealt with. A condition that can't be said in a
policy never lets more through: a permitting entry is then left out whole, a denying one refuses more.
"""
from __future__ import annotations

import re
from dataclasses import dataclass, field

from .source import Block, Line
from .yaml_text import Word

WHOLE = {4: "0.0.0.0/0 le 32", 6: "::/0 le 128"}
ROUTES_OF = {4: "IPv4", 6: "IPv6"}


@dataclass
class ListEntry:
    line: Line
    permit: bool
    sequence: int
    prefix: object = None
    least: int | None = None
    most: int | None = None
    text: str = ""  # what follows permit or deny, of other lists

    def range_text(self) -> str:
        """As in "prefixes"."""
        text = str(self.prefix)
        if self.least is not None:
            text += f" ge {self.least}"
        if self.most is not None:
            text += f" le {self.most}"
        return text

    def covers(self, prefix) -> bool:
        if self.prefix.version != prefix.version or not prefix.subnet_of(self.prefix):
            return False
        least = self.least if self.least is not None else self.prefix.prefixlen
        most = self.most
        if most is None:
            most = prefix.max_prefixlen if self.least is not None else self.prefix.prefixlen
        return least <= prefix.prefixlen <= most


@dataclass
class Entry:
    """One "route-map NAME permit 10"."""

    block: Block
    permit: bool
    sequence: int


@dataclass
class Filters:
    prefix_lists: dict[str, list[ListEntry]] = field(default_factory=dict)
    as_paths: dict[str, list[ListEntry]] = field(default_factory=dict)
    communities: dict[str, list[ListEntry]] = field(default_factory=dict)
    large_communities: dict[str, list[ListEntry]] = field(default_factory=dict)
    route_maps: dict[str, list[Entry]] = field(default_factory=dict)


def list_entry(line: Line, at: int) -> ListEntry:
    """Reads [seq N] permit|deny ... from word `at` on."""
    words, sequence = line.words, 0
    if at < len(words) and words[at] == "seq":
        sequence, at = line.number_at(at + 1, 1, 2**32 - 1, "a sequence number"), at + 2
    if at >= len(words) or words[at] not in ("permit", "deny"):
        raise line.fail(at, "is neither permit nor deny", "permit or deny")
    return ListEntry(line, words[at] == "permit", sequence, text=" ".join(words[at + 1 :]))


def read_filters(top: Block) -> Filters:
    filters = Filters()
    for line in top.lines:
        words = line.words
        kind = " ".join(words[:2])
        if kind in ("ip prefix-list", "ipv6 prefix-list") and len(words) > 3:
            if words[3] == "description":
                line.carry()
                continue
            entry = list_entry(line, 3)
            at = words.index("permit" if entry.permit else "deny", 3) + 1
            if at < len(words) and words[at] == "any":
                entry.prefix = line_any(kind)
                entry.most = entry.prefix.max_prefixlen
            else:
                entry.prefix = line.prefix_at(at)
                bits = entry.prefix.max_prefixlen
                for word in range(at + 1, len(words), 2):
                    if words[word] not in ("ge", "le"):
                        raise line.fail(word, "is neither ge nor le", "ge or le with a length")
                    length = line.number_at(word + 1, 0, bits, "a length")
                    if words[word] == "ge":
                        entry.least = length
                    else:
                        entry.most = length
            filters.prefix_lists.setdefault(words[2], []).append(entry)
        elif kind == "bgp as-path" and words[2:3] == ["access-list"] and len(words) > 4:
            filters.as_paths.setdefault(words[3], []).append(list_entry(line, 4))
        elif kind in ("bgp community-list", "bgp large-community-list") and len(words) > 3:
            at = 3 if words[2] in ("standard", "expanded") else 2
            entry = list_entry(line, at + 1)
            if words[2] == "expanded":
                entry.text = "expanded"
            where = filters.communities if kind == "bgp community-list" else filters.large_communities
            where.setdefault(words[at], []).append(entry)
    for block in top.under("route-map"):
        line = block.line
        if len(line.words) < 4 or line.words[2] not in ("permit", "deny"):
            raise line.fail(min(2, len(line.words)), "is neither permit nor deny", "route-map NAME permit|deny N")
        sequence = line.number_at(3, 1, 65535, "a sequence number")
        filters.route_maps.setdefault(line.words[1], []).append(Entry(block, line.words[2] == "permit", sequence))
    for entries in (*filters.prefix_lists.values(), *filters.as_paths.values(), *filters.route_maps.values()):
        entries.sort(key=lambda e: e.sequence)
    return filters


def line_any(kind: str):
    import ipaddress

    return ipaddress.ip_network("0.0.0.0/0" if kind.startswith("ip ") else "::/0")


def permits(filters: Filters, route_map: str | None, prefix, interface: str) -> bool:
    """Whether FRR would announce a prefix of an interface by "redistribute connected"."""
    if route_map is None:
        return True
    for entry in filters.route_maps.get(route_map, []):
        matches = True
        entry.block.line.carry()
        for line in entry.block.lines:
            words = line.words
            if words[0] != "match":
                continue
            line.carry()
            if words[1] == "interface":
                matches &= words[2] == interface
            elif words[1] in ("ip", "ipv6") and words[2:4] == ["address", "prefix-list"]:
                matches &= listed(filters, words[4], prefix) and prefix.version == (4 if words[1] == "ip" else 6)
            elif words[1] in ("ip", "ipv6") and words[2:4] == ["address", "prefix-len"]:
                length = line.number_at(4, 0, 128, "a length")
                matches &= prefix.prefixlen == length and prefix.version == (4 if words[1] == "ip" else 6)
            else:
                line.carried = False
                line.leave("it is not looked at for redistributed addresses; compare \"loopbacks\"")
        if matches:
            return entry.permit
    return False


def listed(filters: Filters, name: str, prefix) -> bool:
    for entry in filters.prefix_lists.get(name, []):
        entry.line.carry()
        if entry.covers(prefix):
            return entry.permit
    return False


PATTERNS = [
    (re.compile(r"\^\$$"), "^$"),
    (re.compile(r"\^([0-9]+)\$$"), r"^\1$"),
    (re.compile(r"\^([0-9]+)_$"), r"^\1"),
    (re.compile(r"_([0-9]+)_$"), r"\1"),
    (re.compile(r"_([0-9]+)\$$"), r"\1$"),
    (re.compile(r"\.\*$"), ".*"),
]


def as_path_pattern(text: str) -> str | None:
    """FRR's patterns are over characters, ours over AS numbers; the common ones are alike."""
    for pattern, ours in PATTERNS:
        if match := pattern.match(text):
            return match.expand(ours)
    return None


class PolicyMaker:
    """Makes policies of route-maps and prefix lists, each once, when somebody names it."""

    def __init__(self, filters: Filters, asn: int):
        self.filters = filters
        self.asn = asn
        self.policies: dict[str, dict] = {}
        self.prefix_lists: dict[str, dict] = {}

    def of_route_maps(self, by_family: dict[int, tuple[str, Line]]) -> str | None:
        """`by_family`: the route-map of each address family, where there is one. A policy is for both."""
        known = {}
        for family, (name, line) in by_family.items():
            known[family] = name  # without entries it refuses everything, in FRR, too
            line.carry()
        names = set(known.values())
        same = len(names) == 1 and len(known) == 2
        policy = "-".join(dict.fromkeys(known.values())) if same or len(names) > 1 else next(iter(names))
        if not same and len(known) == 1:
            family = next(iter(known))
            policy += f"-{ROUTES_OF[family].lower()}"
        if policy in self.policies:
            return policy
        rules: list[dict] = []
        if same:
            rules = self.rules(next(iter(names)), None)
        else:
            for family in (4, 6):
                if family in known:
                    rules += self.rules(known[family], family)
                else:
                    rules.append({"match": {"prefixes": [WHOLE[family]]}})
        self.policies[policy] = {"rules": rules} if rules else {"default": Word("reject")}
        return policy

    def of_prefix_list(self, by_family: dict[int, tuple[str, Line]]) -> str | None:
        rules: list[dict] = []
        names = []
        for family in (4, 6):
            if family not in by_family:
                rules.append({"match": {"prefixes": [WHOLE[family]]}})
                continue
            name, line = by_family[family]
            line.carry()
            names.append(name)
            for entry in self.filters.prefix_lists.get(name, []):
                entry.line.carry()
                rules.append(rule({"prefixes": [entry.range_text()]}, {}, entry.permit))
        policy = "-".join(dict.fromkeys(names)) + "-list"
        self.policies.setdefault(policy, {"rules": rules} if rules else {"default": Word("reject")})
        return policy

    def rules(self, name: str, family: int | None) -> list[dict]:
        entries = self.filters.route_maps.get(name, [])
        out: list[dict] = []
        for entry in entries:
            entry.block.line.carry()
            out += self.rules_of(entry, last=entry is entries[-1], family=family)
        return out

    def rules_of(self, entry: Entry, last: bool, family: int | None) -> list[dict]:
        match, split, good = self.match_of(entry, last)
        if not good and entry.permit:
            entry.block.line.carried = False
            entry.block.line.leave("one of its conditions was not carried over, so nothing is permitted by it")
            return []
        if family and "prefixes" not in match and "prefix-lists" not in match and not split:
            match["prefixes"] = [WHOLE[family]]
        if any(line.words[0] in ("on-match", "continue", "call") for line in entry.block.lines):
            entry.block.line.carried = False
            entry.block.line.leave("it is not the end of the route-map for what it matches, so it is left out")
            return []
        changes = self.set_of(entry) if entry.permit else {}
        if not split:
            return [rule(match, changes, entry.permit)]
        return [
            rule({**match, "prefixes": [item.range_text()]}, changes, item.permit and entry.permit)
            for item in split
        ]

    def match_of(self, entry: Entry, last: bool) -> tuple[dict, list[ListEntry], bool]:
        """The conditions; entries of a prefix list that become a rule each; whether all could be said."""
        match: dict = {}
        split: list[ListEntry] = []
        good = True
        for line in entry.block.lines:
            words = line.words
            if words[0] != "match":
                continue
            said = self.condition(line, words[1:], match, split, entry.permit and last)
            good &= said
            if said:
                line.carry()
            else:
                line.leave("no policy can say that" if entry.permit else "no policy can say that; more is refused")
        return match, split, good

    def condition(self, line: Line, words: list[str], match: dict, split: list[ListEntry], last: bool) -> bool:
        kind = words[0]
        if kind in ("ip", "ipv6") and words[1:3] == ["address", "prefix-len"]:
            bits = 32 if kind == "ip" else 128
            length = line.number_at(4, 0, bits, "a length")
            whole = "0.0.0.0/0" if kind == "ip" else "::/0"
            match.setdefault("prefixes", []).append(f"{whole} ge {length} le {length}" if length < bits else f"{whole} ge {length}")
            return True
        if kind in ("ip", "ipv6") and words[1:3] == ["address", "prefix-list"]:
            name = words[3] if len(words) > 3 else ""
            entries = self.filters.prefix_lists.get(name)
            if entries is None or "prefix-lists" in match or "prefixes" in match:
                return False
            if all(item.permit for item in entries):
                match["prefix-lists"] = [name]
                self.prefix_lists[name] = {"prefixes": [item.range_text() for item in entries]}
            elif last:
                split += entries  # what the list denies, the end of the route-map denies, too
            else:
                return False
            for item in entries:
                item.line.carry()
            return True
        if kind == "as-path" and len(words) == 2:
            entries = self.filters.as_paths.get(words[1], [])
            patterns = [as_path_pattern(item.text) if item.permit else None for item in entries]
            if not patterns or None in patterns:
                return False
            match["as-path"] = patterns
            for item in entries:
                item.line.carry()
            return True
        if kind in ("community", "large-community") and len(words) == 2:
            lists = self.filters.communities if kind == "community" else self.filters.large_communities
            entries = lists.get(words[1], [])
            # Several communities in one entry have to be there together; of ours, any is enough.
            if not entries or any(not item.permit or len(item.text.split()) != 1 or item.text == "expanded" for item in entries):
                return False
            match["communities" if kind == "community" else "large-communities"] = [item.text for item in entries]
            for item in entries:
                item.line.carry()
            return True
        if kind == "origin" and len(words) == 2:
            match["origin"] = Word(words[1])
            return True
        return False

    def set_of(self, entry: Entry) -> dict:
        changes: dict = {}
        for line in entry.block.lines:
            words = line.words
            if words[0] == "description":
                line.carry()
            if words[0] != "set":
                continue
            if self.change(line, words[1:], changes):
                line.carry()
            elif words[1] == "src":
                line.carry()  # lm0 carries the loopbacks, so the machine's packets have them as their source
            else:
                line.leave("no policy can set that")
        return changes

    def change(self, line: Line, words: list[str], changes: dict) -> bool:
        kind = words[0]
        if kind == "local-preference" and words[1:2] and words[1].isdigit():
            changes["local-preference"] = line.number_at(2, 0, 2**32 - 1, "a preference")
        elif kind == "metric" and words[1:2] and words[1].isdigit():
            changes["med"] = line.number_at(2, 0, 2**32 - 1, "a metric")
        elif kind == "origin" and words[1:2]:
            changes["origin"] = Word(words[1])
        elif kind == "as-path" and words[1:2] == ["prepend"]:
            own = [w for w in words[2:] if w == str(self.asn)]
            if len(own) != len(words[2:]) or not 1 <= len(own) <= 20:
                return False
            changes["prepend"] = len(own)
        elif kind in ("community", "large-community"):
            added = words[1:]
            additive = bool(added) and added[-1] == "additive"
            if additive:
                added = added[:-1]
            if not added or "none" in added:
                return False
            if kind == "community" and not additive:
                changes["communities"] = added
            elif additive:
                changes[f"add-{'communities' if kind == 'community' else 'large-communities'}"] = added
            else:
                return False
        elif kind in ("ip", "ipv6") and words[1:2] == ["next-hop"] and len(words) > 2:
            at = 4 if words[2] == "global" else 3
            if at >= len(line.words):
                return False
            changes["next-hop"] = str(line.address_at(at))
        else:
            return False
        return True


def rule(match: dict, changes: dict, permit: bool) -> dict:
    out: dict = {}
    if match:
        out["match"] = match
    if changes and permit:
        out["set"] = changes
    if not permit:
        out["action"] = Word("reject")
    return out or {"action": Word("accept")}
