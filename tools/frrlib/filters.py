"""Prefix lists, AS path lists, community lists and route-maps of FRR as policies of Lastmile.

A route-map goes on with its next entry where one does not match; so does a policy with its rules, and both
refuse what nothing matched. What differs is said where it is dealt with. A condition that can't be said in a
policy never lets more through: a permitting entry is then left out whole, a denying one refuses more.
"""
from __future__ import annotations

import ipaddress
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
    prefix_lists: dict[tuple[int, str], list[ListEntry]] = field(default_factory=dict)  # names are of an address family
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


def append(entries: list[ListEntry], entry: ListEntry) -> None:
    """FRR numbers a line without "seq" behind the highest, in steps of five."""
    if entry.sequence == 0:
        entry.sequence = max((other.sequence for other in entries), default=0) // 5 * 5 + 5
    entries.append(entry)


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
                entry.prefix = ipaddress.ip_network("0.0.0.0/0" if words[0] == "ip" else "::/0")
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
            append(filters.prefix_lists.setdefault((family_of(words[0]), words[2]), []), entry)
        elif kind == "bgp as-path" and words[2:3] == ["access-list"] and len(words) > 4:
            append(filters.as_paths.setdefault(words[3], []), list_entry(line, 4))
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


def family_of(word: str) -> int:
    return 6 if word == "ipv6" else 4


def conditions(block: Block) -> list[Line]:
    """The "match" lines that count: a second one of a kind takes the place of the first."""
    found: dict[tuple, Line] = {}
    for line in block.lines:
        words = line.words
        if words[0] == "match" and len(words) > 1:
            kind = tuple(words[1:4] if words[1] in ("ip", "ipv6") else words[1:2])
            if kind in found:
                found[kind].leave("a later line is in its place")
            found[kind] = line
    return list(found.values())


def families_of(block: Block) -> set[int]:
    """Which address families the prefix conditions of an entry are for."""
    return {
        family_of(line.words[1])
        for line in conditions(block)
        if line.words[1] in ("ip", "ipv6") and line.words[2:4] in (["address", "prefix-list"], ["address", "prefix-len"])
    }


def goes_on(entry: Entry, entries: list[Entry]) -> str:
    """Where FRR goes on behind a permitting entry: "next", "elsewhere" (another route-map, or over entries), or ""."""
    where = ""
    for line in entry.block.lines:
        words = line.words
        if words[0] == "call":
            return "elsewhere"
        if words[:2] == ["on-match", "goto"] or (words[0] == "continue" and len(words) > 1):
            target = line.number_at(len(words) - 1, 1, 65535, "a sequence number")
            if any(entry.sequence < other.sequence < target for other in entries):
                return "elsewhere"
        if words[0] in ("on-match", "continue"):
            where = "next"
    return where


def permits(filters: Filters, route_map: str | None, prefix, interface: str) -> bool:
    """Whether FRR would announce a prefix of an interface by "redistribute connected", or "network"."""
    if route_map is None:
        return True
    entries = filters.route_maps.get(route_map, [])
    for entry in entries:
        matches = True
        entry.block.line.carry()
        for line in conditions(entry.block):
            words = line.words
            line.carry()
            if words[1] == "interface":
                matches &= words[2:3] == [interface]
            elif words[1] in ("ip", "ipv6") and words[2:4] == ["address", "prefix-list"] and len(words) > 4:
                matches &= prefix.version == family_of(words[1]) and listed(filters, words[4], prefix)
            elif words[1] in ("ip", "ipv6") and words[2:4] == ["address", "prefix-len"]:
                length = line.number_at(4, 0, 128, "a length")
                matches &= prefix.prefixlen == length and prefix.version == family_of(words[1])
            else:
                matches &= not entry.permit
                line.carried = False
                line.leave("it is not looked at for redistributed addresses; compare \"loopbacks\"")
        where = goes_on(entry, entries) if entry.permit else ""
        if matches and where != "next":
            return entry.permit and not where
    return False


def listed(filters: Filters, name: str, prefix) -> bool:
    for entry in filters.prefix_lists.get((prefix.version, name), []):
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


def range_of(text: str) -> tuple:
    """A prefix with the least and the greatest length, of the text of a range."""
    words = text.split()
    prefix = ipaddress.ip_network(words[0])
    said = dict(zip(words[1::2], map(int, words[2::2])))
    least = said.get("ge", prefix.prefixlen)
    return prefix, least, said.get("le", prefix.max_prefixlen if "ge" in said else least)


def common(some: list[str], others: list[str]) -> list[str]:
    """Ranges of what is both in one of these and in one of those."""
    found = []
    for one in map(range_of, some):
        for other in map(range_of, others):
            if one[0].version != other[0].version or not one[0].overlaps(other[0]):
                continue
            prefix = max(one[0], other[0], key=lambda p: p.prefixlen)
            least, most = max(one[1], other[1], prefix.prefixlen), min(one[2], other[2])
            if least > most:
                continue
            text = str(prefix) + (f" ge {least}" if least > prefix.prefixlen else "") + (f" le {most}" if most > prefix.prefixlen else "")
            if text not in found:
                found.append(text)
    return found


class PolicyMaker:
    """Makes policies of route-maps and prefix lists, each once, when somebody names it."""

    def __init__(self, filters: Filters, asn: int):
        self.filters = filters
        self.asn = asn
        self.policies: dict[str, dict] = {}
        self.prefix_lists: dict[str, dict] = {}
        self.made: dict[tuple, str] = {}  # policies, by what they are made of
        self.list_names: dict[tuple[int, str], str] = {}

    def of(self, maps: dict[int, tuple[str, Line]], lists: dict[int, tuple[str, Line]]) -> str:
        """The policy of a direction, which is for both address families. Of each family there may be a route-map
        and a prefix list; what has neither is accepted."""
        for _, line in (*maps.values(), *lists.values()):
            line.carry()
        key = tuple((maps.get(family, (None,))[0], lists.get(family, (None,))[0]) for family in (4, 6))
        if key not in self.made:
            rules: list[dict] = []
            if key[0][0] is not None and key[0] == key[1] and not lists:
                rules = self.rules(key[0][0], None)
            else:
                for family, names in zip((4, 6), key):
                    rules += self.rules_for(family, *names)
            self.made[key] = self.name(key)
            self.policies[self.made[key]] = {"rules": rules} if rules else {"default": Word("reject")}
        return self.made[key]

    def name(self, key: tuple) -> str:
        maps, lists = ([names[kind] for names in key if names[kind] is not None] for kind in (0, 1))
        name = "-".join(dict.fromkeys(maps))
        if lists:
            name = "-".join(filter(None, [name, *dict.fromkeys(lists), "list"]))
        filtered = [family for family, names in zip((4, 6), key) if names != (None, None)]
        if len(filtered) == 1:
            name += f"-{ROUTES_OF[filtered[0]].lower()}"
        return unique(name, self.policies)

    def list_name(self, family: int, name: str) -> str:
        """FRR has names of prefix lists twice, for each address family."""
        if (family, name) not in self.list_names:
            twice = (4, name) in self.filters.prefix_lists and (6, name) in self.filters.prefix_lists
            text = f"{name}-{ROUTES_OF[family].lower()}" if twice and family == 6 else name
            self.list_names[family, name] = unique(text, self.list_names.values())
        return self.list_names[family, name]

    def rules_for(self, family: int, route_map: str | None, prefix_list: str | None) -> list[dict]:
        """What accepts or refuses routes of one address family."""
        if prefix_list is None:
            return [rule({"prefixes": [WHOLE[family]]}, {}, True)] if route_map is None else self.rules(route_map, family)
        entries = self.filters.prefix_lists.get((family, prefix_list), [])
        for entry in entries:
            entry.line.carry()
        if route_map is None:
            return [rule({"prefixes": [entry.range_text()]}, {}, entry.permit) for entry in entries]
        return self.both(self.rules(route_map, family), entries)

    def both(self, rules: list[dict], entries: list[ListEntry]) -> list[dict]:
        """A route-map and a prefix list: both have to permit. So what the list denies is refused first, and what it
        permits is one more condition of all that accepts."""
        permitted = [entry for entry in entries if entry.permit]
        if not permitted:
            return []
        ranges = [entry.range_text() for entry in permitted]
        out = []
        for index, entry in enumerate(entries):
            if entry.permit or not any(later.permit for later in entries[index:]):
                continue
            out.append(rule({"prefixes": [entry.range_text()]}, {}, False))
            if any(earlier.permit and earlier.prefix.overlaps(entry.prefix) for earlier in entries[:index]):
                entry.line.carried = False
                entry.line.leave("beside a route-map it goes before what the list permits, so more is refused")
        for one in rules:
            match = dict(one.get("match", {}))
            if one.get("action") == "reject":
                out.append(one)
                continue
            known = [r for listed in match.pop("prefix-lists", []) for r in self.prefix_lists[listed]["prefixes"]]
            match["prefixes"] = common(known + match.get("prefixes", []), ranges)
            if match["prefixes"]:  # else nothing comes to it
                out.append({**one, "match": match})
        return out

    def rules(self, name: str, family: int | None) -> list[dict]:
        entries = self.filters.route_maps.get(name, [])
        out: list[dict] = []
        for entry in entries:
            if family and families_of(entry.block) - {family}:
                for line in entry.block.all_lines():
                    line.leave("it is for the other address family, so nothing comes to it")
                continue
            entry.block.line.carry()
            out += self.rules_of(entry, entries, family)
        return out

    def rules_of(self, entry: Entry, entries: list[Entry], family: int | None) -> list[dict]:
        where = goes_on(entry, entries) if entry.permit else ""  # behind one that denies nothing is looked at
        if where == "next":
            changes = any(line.words[0] == "set" for line in entry.block.lines)
            entry.block.line.carried = False
            entry.block.line.leave("the route-map goes on behind it" + (", and its changes are lost" if changes else ""))
            return []
        match, split, good = self.match_of(entry, last=entry is entries[-1])
        if family and "prefixes" not in match and "prefix-lists" not in match and not split:
            match["prefixes"] = [WHOLE[family]]
        if where:
            entry.block.line.carried = False
            entry.block.line.leave("the route-map goes on elsewhere for what it matches, so that is refused")
        elif not good and entry.permit:
            entry.block.line.carried = False
            entry.block.line.leave("one of its conditions was not carried over, so nothing is permitted by it")
            return []
        permit = entry.permit and not where
        changes = self.set_of(entry) if permit else {}
        if not entry.permit:
            for line in entry.block.lines:
                if line.words[0] in ("on-match", "continue", "call"):
                    line.carry()
        if not split:
            return [rule(match, changes, permit)]
        return [rule({**match, "prefixes": [item.range_text()]}, changes, item.permit and permit) for item in split]

    def match_of(self, entry: Entry, last: bool) -> tuple[dict, list[ListEntry], bool]:
        """The conditions; entries of a prefix list that become a rule each; whether all could be said."""
        match: dict = {}
        split: list[ListEntry] = []
        good = True
        for line in conditions(entry.block):
            said = self.condition(line, line.words[1:], match, split, entry.permit and last)
            good &= said
            if said:
                line.carry()
            else:
                line.leave("no policy can say that" if entry.permit else "no policy can say that; more is refused")
        return match, split, good

    def condition(self, line: Line, words: list[str], match: dict, split: list[ListEntry], last: bool) -> bool:
        kind = words[0]
        if kind in ("ip", "ipv6") and words[1:2] == ["address"] and ("prefixes" in match or "prefix-lists" in match or split):
            return False  # both would have to fit; of ours, any is enough
        if kind in ("ip", "ipv6") and words[1:3] == ["address", "prefix-len"]:
            bits = 32 if kind == "ip" else 128
            length = line.number_at(4, 0, bits, "a length")
            whole = "0.0.0.0/0" if kind == "ip" else "::/0"
            match["prefixes"] = [f"{whole} ge {length} le {length}" if length < bits else f"{whole} ge {length}"]
            return True
        if kind in ("ip", "ipv6") and words[1:3] == ["address", "prefix-list"]:
            key = (family_of(kind), words[3] if len(words) > 3 else "")
            entries = self.filters.prefix_lists.get(key)
            if entries is None:
                return False
            if all(item.permit for item in entries):
                name = self.list_name(*key)
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
            if at >= len(line.words) or words[2] in ("prefer-global", "peer-address", "unchanged", "local"):
                return False
            changes["next-hop"] = str(line.address_at(at))
        else:
            return False
        return True


def unique(name: str, taken) -> str:
    """A name as lastmiled takes it, and that no other has."""
    name = re.sub(r"[^A-Za-z0-9._-]", "-", name)[:60].lstrip("-._") or "policy"
    free, count = name, 1
    while free in taken:
        count += 1
        free = f"{name}-{count}"
    return free


def rule(match: dict, changes: dict, permit: bool) -> dict:
    out: dict = {}
    if match:
        out["match"] = match
    if changes and permit:
        out["set"] = changes
    if not permit:
        out["action"] = Word("reject")
    return out or {"action": Word("accept")}
