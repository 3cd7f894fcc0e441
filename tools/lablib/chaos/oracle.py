"""What may be lost, and when.

The fabric is a graph of elements: nodes, and links between them. A flow has one path or several, each a row of
elements. The oracle is told when an element ceases to work and when it works again, and knows how long those who have to
notice may take. At any moment a flow may lose packets if

  - no path of it works, or none did until `recovery` ago: sessions have to come back, and routes;
  - an element on one of its paths changed no longer than `reaction` ago;
  - somebody disturbs one of its elements in a way that has no beginning and end (a leaf that restarts its daemons).

At any other moment it may lose nothing. Times are seconds of CLOCK_REALTIME, as in the packets.
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
    """Packets of one flow that are missing in a row."""

    flow: str
    count: int
    after: float  # when the one before them was sent
    before: float  # when the one behind them was

    @property
    def seconds(self) -> float:
        return self.before - self.after

    def moments(self) -> list[float]:
        """When each of them was sent, as the sender has a steady rate."""
        return [self.after + (i + 1) * self.seconds / (self.count + 1) for i in range(self.count)]


@dataclass
class Oracle:
    flows: list[Flow]
    bounds: Bounds = field(default_factory=Bounds)
    # Of each element: when it changed, and whether it works since.
    history: dict[str, list[tuple[float, bool]]] = field(default_factory=dict)
    disturbances: list[tuple[float, float, str]] = field(default_factory=list)

    # --- what goes on ---------------------------------------------------------------------------

    def change(self, at: float, element: str, works: bool) -> None:
        self.history.setdefault(element, []).append((at, works))

    def disturb(self, start: float, end: float, element: str) -> None:
        """From start to end whatever crosses the element may be lost; those around it may react until later."""
        self.disturbances.append((start, end, element))

    # --- what may come of it --------------------------------------------------------------------

    def works(self, element: str, at: float) -> bool:
        changes = self.history.get(element, [])
        index = bisect_right(changes, at, key=lambda change: change[0]) - 1
        return index < 0 or changes[index][1]

    def has_path(self, flow: Flow, at: float) -> bool:
        return any(all(self.works(element, at) for element in path) for path in flow.paths)

    def reaction(self, flow: Flow, works: bool) -> float:
        """A link that comes back attracts traffic as soon as one of the leaves says so."""
        return self.bounds.ours if flow.ours and not works else self.bounds.leaves

    def excuse(self, flow: Flow, at: float) -> str | None:
        """Why the flow may lose a packet that was sent at this moment; None: it may not."""
        if not self.has_path(flow, at):
            return "no path"
        for element in flow.elements:
            for when, works in self.history.get(element, []):
                if not when <= at:
                    break
                if not self.has_path(flow, math.nextafter(when, -math.inf)) and at <= when + self.bounds.recovery:
                    return f"no path until {element} was back"
                if at <= when + self.reaction(flow, works):
                    return f"{element} {'back' if works else 'lost'}"
        for start, end, element in self.disturbances:
            if element in flow.elements and start <= at <= end + self.bounds.leaves:
                return f"{element} disturbed"
        return None

    def violations(self, loss: Loss) -> int:
        """How many of these packets should not have been lost."""
        flow = next(f for f in self.flows if f.name == loss.flow)
        return sum(self.excuse(flow, at) is None for at in loss.moments())

    def forget(self, before: float) -> None:
        """What is older excuses nothing any more; only whether each element works is kept."""
        for changes in self.history.values():
            old = [change for change in changes if change[0] < before - self.bounds.recovery]
            del changes[: max(0, len(old) - 1)]
        self.disturbances = [d for d in self.disturbances if d[1] + self.bounds.recovery > before]
