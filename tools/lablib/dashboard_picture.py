"""A dashboard with its answers as an SVG picture: panels where the file puts them, in Grafana's manner. No Grafana is
needed to make it, and none is imitated in what the file does not say."""
from __future__ import annotations

import html
from dataclasses import dataclass

from .dashboard import Panel, Series, Span
from .units import nice_step, written

COLUMN, ROW, GAP, EDGE, HEAD = 50, 26, 8, 16, 64
PAGE, CARD, BORDER, GRID, TEXT, FAINT = "#111217", "#181b1f", "#2a2d33", "#2b2e35", "#d8d9df", "#8e929b"
NAMED = {"green": "#73bf69", "red": "#f2495c", "orange": "#ff9830", "yellow": "#fade2a", "blue": "#5794f2"}
LINES = ["#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9", "#56a64b", "#e0b400", "#a352cc",
         "#3274d9", "#fa6400"]  # fmt: skip
LEGEND_ROWS = 2


@dataclass(frozen=True)
class Mark:
    """Something that was done to the network: from then to then (seconds since 1970), and what."""

    start: float
    end: float
    what: str


@dataclass(frozen=True)
class Box:
    left: float
    top: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.left + self.width

    @property
    def bottom(self) -> float:
        return self.top + self.height


def text(x: float, y: float, words: str, fill: str = TEXT, size: float = 12, anchor: str = "start", more: str = "") -> str:
    return (f'<text x="{x:.1f}" y="{y:.1f}" fill="{fill}" font-size="{size:g}" text-anchor="{anchor}"{more}>'
            f"{html.escape(words)}</text>")  # fmt: skip


def wide(words: str, size: float) -> float:
    """About how wide words are: no font is at hand."""
    return len(words) * size * 0.56


def path_of(points: list[tuple[float, float]], at) -> str:
    """A line through points that breaks where two lie further apart than samples do. What lies on a level line between
    two others is left out."""
    steps = sorted(b[0] - a[0] for a, b in zip(points, points[1:]))
    far = 2.5 * steps[len(steps) // 2] if steps else 0
    places = [(when, *(f"{c:.1f}" for c in at(when, value))) for when, value in points]
    drawn = []
    for i, (when, x, y) in enumerate(places):
        joined = i > 0 and when - places[i - 1][0] <= far
        goes_on = i + 1 < len(places) and places[i + 1][0] - when <= far
        if joined and goes_on and places[i - 1][2] == y == places[i + 1][2]:
            continue
        drawn.append(f"{'L' if joined else 'M'}{x} {y}")
    return "".join(drawn)


def clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


class Picture:
    def __init__(self, span: Span, marks: list[Mark]):
        self.span, self.marks = span, marks
        self.out: list[str] = []

    def card(self, panel: Panel) -> Box:
        left, top = EDGE + panel.left * COLUMN, HEAD + panel.top * ROW
        box = Box(left, top, panel.width * COLUMN - GAP, panel.height * ROW - GAP)
        self.area(box, CARD, 1, f' rx="3" stroke="{BORDER}"')
        self.out.append(text(box.left + 10, box.top + 19, panel.title, size=13, more=' font-weight="600"'))
        return Box(box.left + 10, box.top + 30, box.width - 20, box.height - 38)

    def area(self, box: Box, colour: str, opacity: float, more: str = "") -> None:
        self.out.append(
            f'<rect x="{box.left:.1f}" y="{box.top:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" fill="{colour}"'
            f' fill-opacity="{opacity}"{more}/>'
        )

    def line(self, path: str, colour: str, width: float = 1.5, more: str = "") -> None:
        self.out.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width:g}"{more}/>')

    # --- values that hold now ---------------------------------------------------------------------

    def stat(self, panel: Panel) -> None:
        box = self.card(panel)
        if not panel.series:
            self.nothing(box)
            return
        columns = 1 if len(panel.series) == 1 else 2
        rows = -(-len(panel.series) // columns)
        width, height = (box.width - (columns - 1) * GAP) / columns, (box.height - (rows - 1) * GAP) / rows
        for i, one in enumerate(panel.series):
            row, column = divmod(i, columns)
            self.tile(panel, one, Box(box.left + column * (width + GAP), box.top + row * (height + GAP), width, height))

    def tile(self, panel: Panel, one: Series, box: Box) -> None:
        words, colour = panel.mappings.get(one.last, (written(one.last, panel.unit), ""))
        if not colour:
            colour = next((c for least, c in reversed(panel.thresholds) if one.last >= least), "blue")
        colour = NAMED.get(colour, colour)
        self.area(box, colour, 0.13, ' rx="3"')
        most = max([1.0, *(value for _, value in one.points)])
        spark = Box(box.left, box.bottom - box.height * 0.24, box.width, box.height * 0.24 - 3)
        self.line(path_of(one.points, self.scale(spark, 0, most)), colour)
        size = min(22.0, box.height * 0.3, (box.width - 16) / (0.7 * len(words)))
        self.out.append(text(box.left + 8, box.top + 17, one.name, FAINT, 11.5))
        self.out.append(text(box.left + 8, box.top + 22 + size, words, colour, size, more=' font-weight="600"'))

    # --- lines over time --------------------------------------------------------------------------

    def scale(self, box: Box, lowest: float, highest: float):
        def at(when: float, value: float) -> tuple[float, float]:
            share = (when - self.span.start) / (self.span.end - self.span.start)
            value = min(max(value, lowest), highest)
            return box.left + box.width * share, box.bottom - box.height * (value - lowest) / (highest - lowest)

        return at

    def timeseries(self, panel: Panel) -> None:
        box = self.card(panel)
        if not panel.series:
            self.nothing(box)
            return
        rows = self.legend(panel, box)
        plot = Box(box.left + 56, box.top + 4, box.width - 60, box.height - 24 - 17 * rows)
        values = [value for one in panel.series for _, value in one.points]
        lowest = min(0.0, *values) if panel.lowest is None else panel.lowest
        highest = (max(values) or 1.0) * 1.05 if panel.highest is None else panel.highest
        at = self.scale(plot, lowest, highest)
        step = nice_step(highest - lowest, panel.unit)
        for i in range(int((highest - lowest) / step * 1.0001) + 1):
            _, y = at(self.span.start, lowest + i * step)
            self.line(f"M{plot.left} {y:.1f}H{plot.right}", GRID, 1)
            self.out.append(text(plot.left - 6, y + 4, written(lowest + i * step, panel.unit), FAINT, 11, "end"))
        length = self.span.end - self.span.start
        for second in range(0, int(length) + 1, 20):
            x, _ = at(self.span.start + second, lowest)
            self.out.append(text(x, plot.bottom + 15, clock(second), FAINT, 11, "middle"))
        for mark in self.marks:
            (left, _), (right, _) = at(mark.start, lowest), at(mark.end, lowest)
            self.area(Box(left, plot.top, right - left, plot.height), NAMED["red"], 0.09)
            for x in (left, right):
                self.line(f"M{x:.1f} {plot.top:.1f}V{plot.bottom:.1f}", NAMED["red"], 1, ' stroke-opacity="0.55" stroke-dasharray="3 3"')
        for i, one in enumerate(panel.series):
            self.line(path_of(one.points, at), LINES[i % len(LINES)], more=' stroke-linejoin="round"')

    def legend(self, panel: Panel, box: Box) -> int:
        """Names below the lines, in as many rows as there is room for; how many rows they took."""
        rows: list[list[tuple[float, int]]] = [[]]
        x = 0.0
        for i, one in enumerate(panel.series):
            width = 30 + wide(one.name, 11)
            if x + width > box.width - (70 if len(rows) == LEGEND_ROWS else 0) and rows[-1]:
                if len(rows) == LEGEND_ROWS:
                    break
                rows.append([])
                x = 0.0
            rows[-1].append((x, i))
            x += width
        for number, row in enumerate(rows):
            y = box.bottom - 17 * (len(rows) - 1 - number)
            for left, i in row:
                self.line(f"M{box.left + left:.1f} {y - 4:.1f}h12", LINES[i % len(LINES)], 3)
                self.out.append(text(box.left + left + 17, y, panel.series[i].name, size=11))
        missing = len(panel.series) - sum(len(row) for row in rows)
        if missing:
            self.out.append(text(box.right, box.bottom, f"and {missing} more", FAINT, 11, "end"))
        return len(rows)

    def nothing(self, box: Box) -> None:
        self.out.append(text(box.left + box.width / 2, box.top + box.height / 2, "No data", FAINT, 13, "middle"))


def svg(title: str, panels: list[Panel], span: Span, marks: list[Mark]) -> str:
    width = 2 * EDGE + 24 * COLUMN - GAP
    height = HEAD + max(p.top + p.height for p in panels) * ROW + EDGE - GAP
    picture = Picture(span, marks)
    story = " · ".join(f"{clock(m.start - span.start)}–{clock(m.end - span.start)} {m.what}" for m in marks)
    picture.out += [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'font-family="Inter, Helvetica, Arial, DejaVu Sans, sans-serif">',
        f'<rect width="{width}" height="{height}" fill="{PAGE}"/>',
        text(EDGE, 28, title, size=18, more=' font-weight="600"'),
        text(EDGE, 50, story, NAMED["red"], 12.5),
    ]
    for panel in panels:
        getattr(picture, {"stat": "stat", "timeseries": "timeseries"}[panel.kind])(panel)
    return "\n".join([*picture.out, "</svg>"]) + "\n"
