"""The panels of a Grafana dashboard as one SVG picture, drawn by ourselves of a real Prometheus' answers.

Grafana is not in Debian. Questions, titles, units, legends and places are those of the dashboard's file; the drawing is not Grafana's.
"""
from __future__ import annotations

import html
import re

from .prometheus import Prometheus

COLUMN, ROW, GAP = 46, 20, 6  # pixels of the dashboard's grid, which is 24 columns wide
PAPER, PANEL, LINE, TEXT, FAINT = "#111217", "#181b1f", "#2c3235", "#d8d9da", "#8e9199"
SERIES = ["#73bf69", "#f2cc0c", "#5794f2", "#ff9830", "#f2495c", "#b877d9", "#8ab8ff", "#96d98d"]
NAMED = {"red": "#f2495c", "green": "#73bf69", "orange": "#ff9830"}
INTERVAL = "15s"  # for $__rate_interval


def question(expression: str) -> str:
    return expression.replace("$__rate_interval", INTERVAL).replace("$instance", ".*")


def shown(value: float, unit: str) -> str:
    """A value as Grafana's unit of that name has it."""
    if unit == "percentunit":
        return f"{100 * value:.3g} %"
    if unit == "s":
        for factor, name in ((1, "s"), (1e3, "ms"), (1e6, "µs")):
            if value * factor >= 1 or name == "µs":
                return f"{value * factor:.3g} {name}" if value else "0 s"
    suffix = {"bps": "b/s", "pps": "p/s", "bytes": "B"}.get(unit, "")
    for factor, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= factor:
            return f"{value / factor:.3g} {name}{suffix}"
    return f"{value:.3g} {suffix}".strip()


def legend(pattern: str, labels: dict[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda m: labels.get(m[1], ""), pattern).strip()


class Drawing:
    def __init__(self, height: int):
        width = 24 * COLUMN + GAP
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
            ' font-family="sans-serif" font-size="11">',
            f'<rect width="100%" height="100%" fill="{PAPER}"/>',
        ]

    def rect(self, x: float, y: float, width: float, height: float, fill: str) -> None:
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="2" fill="{fill}"/>')

    def text(self, x: float, y: float, words: str, fill: str = TEXT, anchor: str = "start", size: int = 11) -> None:
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" fill="{fill}" text-anchor="{anchor}" font-size="{size}">{html.escape(words)}</text>'
        )

    def line(self, points: list[tuple[float, float]], colour: str, width: float = 1.5) -> None:
        corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(f'<polyline points="{corners}" fill="none" stroke="{colour}" stroke-width="{width}"/>')

    def svg(self) -> str:
        return "\n".join([*self.parts, "</svg>", ""])


def draw_stat(drawing: Drawing, panel: dict, place: tuple, series: list[tuple[str, list]]) -> None:
    """The last value of each series, as the panel's mapping names and colours it."""
    x, y, width, height = place
    mapping = {k: v for m in panel["fieldConfig"]["defaults"].get("mappings", []) for k, v in m["options"].items()}
    for row, (name, points) in enumerate(series[: int(height // 22)]):
        value = f"{points[-1][1]:g}" if points else ""
        named = mapping.get(value, {"text": value or "no data"})
        drawing.rect(x, y + 22 * row, width, 19, NAMED.get(named.get("color", ""), LINE))
        drawing.text(x + 6, y + 22 * row + 14, name, PAPER)
        drawing.text(x + width - 6, y + 22 * row + 14, named["text"], PAPER, "end")


def draw_series(drawing: Drawing, panel: dict, place: tuple, series: list[tuple[str, list]], span: tuple[float, float]) -> None:
    x, y, width, height = place
    unit = panel["fieldConfig"]["defaults"].get("unit", "none")
    most = max((v for _, points in series for _, v in points), default=0) or 1
    left, bottom = 62, 34
    inner_width, inner_height = width - left, height - bottom

    def at(when: float, value: float) -> tuple[float, float]:
        return (x + left + inner_width * (when - span[0]) / (span[1] - span[0]), y + inner_height * (1 - value / (1.08 * most)))

    for part in (0, 0.5, 1):
        _, level = at(span[0], part * most)
        drawing.line([(x + left, level), (x + width, level)], LINE, 1)
        drawing.text(x + left - 6, level + 4, shown(part * most, unit), FAINT, "end", 10)
    for seconds in range(0, int(span[1] - span[0]) + 1, 30):
        drawing.text(at(span[0] + seconds, 0)[0], y + inner_height + 12, f"{seconds} s", FAINT, "middle", 9)
    # Those that were something first: a legend has one line.
    busy = sorted(series, key=lambda s: -max((v for _, v in s[1]), default=0))
    place_x = x
    for number, (name, points) in enumerate(busy):
        colour = SERIES[number % len(SERIES)]
        if points:
            drawing.line([at(*point) for point in points], colour)
        wide = 16 + 5.6 * len(name)
        if place_x + wide < x + width:
            drawing.rect(place_x, y + height - 8, 8, 3, colour)
            drawing.text(place_x + 11, y + height - 3, name, FAINT, size=10)
            place_x += wide


def picture(prometheus: Prometheus, dashboard: dict, seconds: int) -> str:
    """What the dashboard shows of the last so many seconds."""
    panels = dashboard["panels"]
    (now,) = prometheus.ask([("query", {"query": "time()"})])
    end = float(now["result"][1])
    span = (end - seconds, end)
    asked = [target for panel in panels for target in panel["targets"]]
    answers = iter(
        prometheus.ask(
            [("query_range", {"query": question(t["expr"]), "start": span[0], "end": span[1], "step": 1}) for t in asked]
        )
    )
    height = max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in panels) * ROW + GAP
    drawing = Drawing(height)
    for panel in panels:
        grid = panel["gridPos"]
        x, y = grid["x"] * COLUMN + GAP, grid["y"] * ROW + GAP
        width, tall = grid["w"] * COLUMN - GAP, grid["h"] * ROW - GAP
        drawing.rect(x, y, width, tall, PANEL)
        drawing.text(x + 8, y + 17, panel["title"], size=12)
        series = [
            (legend(target.get("legendFormat", ""), one["metric"]), [(t, float(v)) for t, v in one["values"] if v != "NaN"])
            for target in panel["targets"]
            for one in next(answers).get("result", [])
        ]
        inside = (x + 8, y + 28, width - 16, tall - 34)
        if panel["type"] == "stat":
            draw_stat(drawing, panel, inside, series)
        else:
            draw_series(drawing, panel, inside, series, span)
    return drawing.svg()
