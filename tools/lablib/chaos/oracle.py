"""What may be lost, and when.

The fabric is a graph of elements: nodes, and links between them. A flow has one path or several, each a row of
elements. It has several parts (source ports), and each of them crosses one leaf or the other, as routers spread them: the
leaves tell which ones they have seen. The oracle is told when an element ceases to work and when it works again, and knows
how long those who have to notice may take. At any moment a part may lose packets if

  - no path of the flow works, or none did until `recovery` ago: sessions have to come back, and routes. Where it was a
    server's own router that came back, `restart` after the start of its process is enough: nobody else has to find out;
  - an element on one of its paths changed no longer than `reaction` ago, and the part has crossed the leaf that it belongs
    to: what goes by the other leaf loses nothing, whatever happens to this one;
  - a leaf is disturbed that it has crossed, in a way whose consequences nobody outside can date (daemons that come back), and
    it is not away for longer in a row than the disturbance explains.

At any other moment it may lose nothing. No packet may come twice, but where somebody doubles frames. Times are seconds of
CLOCK_REALTIME, as in the packets.
"""
from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Bounds:
    """Generous ones, for a machine whose processors are shared: what is measured is printed beside them."""

    ours: float = 1.5  # Lastmile moves its flows off a link that died
    leaves: float = 4.0  # FRR's BGP tells of it, and zebra tells the kernel
    recovery: float = 20.0  # from nothing at all to a path: sessions, routes, neighbors
    # From the start of a router's process to its traffic: 2 s on a quiet machine, of which the goal is 3. Here starts wait for
    # a processor behind everybody else's, and with sanitizers they are three times as long.
    restart: float = 10.0
    under_way: float = 1.0  # a packet, from sender to receiver, with all queues between


@dataclass(frozen=True)
class Flow:
    name: str
    source: str  # node
    target: str
    source_address: str
    target_address: str
    port: int
    paths: tuple[tuple[str, ...], ...]
    ours: bool = False  # Lastmile alone decides by which uplink

    @property
    def elements(self) -> set[str]:
        return {element for path in self.paths for element in path}


@dataclass
class Loss:
    """Packets of one part of a flow that are missing in a row."""

    flow: str
    count: int
    after: float  # when the one before them was sent
    before: float  # when the one behind them was
    part: int = 0

    @property
    def seconds(self) -> float:
        return self.before - self.after

    def moments(self) -> list[float]:
        """When each of them was sent, as the sender has a steady rate."""
        return [self.after + (i + 1) * self.seconds / (self.count + 1) for i in range(self.count)]


@dataclass(frozen=True)
class Doubles:
    """Packets of a flow that came twice, and when the first and the last of them were sent."""

    flow: str
    count: int
    first: float
    last: float


@dataclass(frozen=True)
class Disturbance:
    """From start to end, and as long as those around may react, a part that crosses the leaf may lose so much in a row."""

    start: float
    end: float
    leaf: str
    longest: float


Seen = dict[str, set[tuple[str, int]]]  # by leaf: flows' names, and their parts


@dataclass
class Oracle:
    flows: list[Flow]
    bounds: Bounds = field(default_factory=Bounds)
    # Of each element: when it changed, and whether it works since.
    history: dict[str, list[tuple[float, bool]]] = field(default_factory=dict)
    disturbances: list[Disturbance] = field(default_factory=list)
    doublings: list[tuple[float, float, str]] = field(default_factory=list)  # start, end, element
    epochs: list[tuple[float, Seen]] = field(default_factory=list)  # from when on, and what leaves saw until the next

    # --- what goes on ---------------------------------------------------------------------------

    def change(self, at: float, element: str, works: bool) -> None:
        self.history.setdefault(element, []).append((at, works))

    def disturb(self, start: float, end: float, leaf: str, longest: float) -> None:
        self.disturbances.append(Disturbance(start, end, leaf, longest))

    def double(self, start: float, end: float, element: str) -> None:
        """What crossed the element between start and end may have come twice."""
        self.doublings.append((start, end, element))

    def begin_epoch(self, at: float) -> None:
        """From now on leaves count anew what they see."""
        self.epochs.append((at, {}))

    def saw(self, leaf: str, parts: set[tuple[str, int]]) -> None:
        """What has crossed a leaf since the epoch began. A leaf that has said nothing may have seen everything."""
        self.epochs[-1][1][leaf] = parts

    # --- what may come of it --------------------------------------------------------------------

    def works(self, element: str, at: float) -> bool:
        changes = self.history.get(element, [])
        index = bisect_right(changes, at, key=lambda change: change[0]) - 1
        return index < 0 or changes[index][1]

    def has_path(self, flow: Flow, at: float) -> bool:
        return any(all(self.works(element, at) for element in path) for path in flow.paths)

    def crossed(self, flow: Flow, part: int, element: str, since: float, until: float) -> bool:
        """Whether the part was seen between these moments by the leaf to which the element belongs. An element of no leaf is
        on every way."""
        node = element.split("-")[0]
        for index, (start, seen) in enumerate(self.epochs):
            end = self.epochs[index + 1][0] if index + 1 < len(self.epochs) else math.inf
            if start <= until and since <= end and (node not in seen or (flow.name, part) in seen[node]):
                return True
        return not self.epochs or since < self.epochs[0][0]

    def reaction(self, flow: Flow, works: bool) -> float:
        """A link that comes back attracts traffic as soon as one of the leaves says so."""
        return self.bounds.ours if flow.ours and not works else self.bounds.leaves

    def recovery(self, flow: Flow, element: str) -> float:
        return self.bounds.restart if element in (flow.source, flow.target) else self.bounds.recovery

    def excuse(self, flow: Flow, at: float, part: int = 0, in_a_row: float = 0) -> str | None:
        """Why a part of the flow may lose a packet that was sent at this moment, one of those that were lost for so many
        seconds in a row; None: it may not."""
        if not self.has_path(flow, at):
            return "no path"
        for element in flow.elements:
            for when, works in self.history.get(element, []):
                if not when <= at:
                    break
                if not self.has_path(flow, math.nextafter(when, -math.inf)) and at <= when + self.recovery(flow, element):
                    return f"no path until {element} was back"
                if at <= when + self.reaction(flow, works) and self.crossed(flow, part, element, when, at):
                    return f"{element} {'back' if works else 'lost'}"
        for d in self.disturbances:
            if (d.leaf in flow.elements and d.start <= at <= d.end + self.bounds.leaves and in_a_row <= d.longest
                    and self.crossed(flow, part, d.leaf, d.start, at)):  # fmt: skip
                return f"{d.leaf} disturbed"
        return None

    def violations(self, loss: Loss) -> int:
        """How many of these packets should not have been lost."""
        flow = self.flow(loss.flow)
        return sum(self.excuse(flow, at, loss.part, loss.seconds) is None for at in loss.moments())

    def may_double(self, doubles: Doubles) -> bool:
        flow = self.flow(doubles.flow)
        return any(element in flow.elements and start - self.bounds.under_way <= doubles.first and doubles.last <= end
                   for start, end, element in self.doublings)  # fmt: skip

    def flow(self, name: str) -> Flow:
        return next(f for f in self.flows if f.name == name)

    def forget(self, before: float) -> None:
        """What is older excuses nothing any more; only whether each element works is kept."""
        for changes in self.history.values():
            old = [change for change in changes if change[0] < before - self.bounds.recovery]
            del changes[: max(0, len(old) - 1)]
        self.disturbances = [d for d in self.disturbances if d.end + self.bounds.recovery > before]
        self.doublings = [d for d in self.doublings if d[1] + self.bounds.recovery > before]
        old = [start for start, _ in self.epochs if start < before - self.bounds.recovery]
        del self.epochs[: max(0, len(old) - 1)]
