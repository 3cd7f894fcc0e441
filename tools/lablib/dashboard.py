"""A Grafana dashboard as data: its panels, and the answers of a Prometheus to their questions."""
from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from .netns import LabError
from .prometheus import Prometheus


@dataclass(frozen=True)
class Span:
    """A time that is asked about: seconds since 1970, and between samples."""

    start: float
    end: float
    step: float
    rate_interval: str  # what Grafana puts in place of $__rate_interval


@dataclass
class Series:
    name: str
    points: list[tuple[float, float]]  # (seconds since 1970, value)

    @property
    def last(self) -> float:
        return self.points[-1][1]


@dataclass
class Panel:
    """What a dashboard's file says of a panel, in the words of Grafana's grid of 24 columns."""

    title: str
    kind: str  # stat | timeseries
    left: int
    top: int
    width: int
    height: int
    unit: str
    lowest: float | None
    highest: float | None
    mappings: dict[float, tuple[str, str]]  # value: (text, colour)
    thresholds: list[tuple[float, str]]  # (from this value on, colour)
    questions: list[tuple[str, str]]  # (expression, pattern of the legend)
    series: list[Series] = field(default_factory=list)


def _panel(source: dict) -> Panel:
    defaults, place = source["fieldConfig"]["defaults"], source["gridPos"]
    mappings = {
        float(value): (how["text"], how["color"])
        for mapping in defaults.get("mappings", [])
        for value, how in mapping["options"].items()
    }
    steps = defaults.get("thresholds", {}).get("steps", [])
    return Panel(
        title=source["title"], kind=source["type"],
        left=place["x"], top=place["y"], width=place["w"], height=place["h"],
        unit=defaults.get("unit", "none"), lowest=defaults.get("min"), highest=defaults.get("max"),
        mappings=mappings,
        thresholds=[(float("-inf") if s["value"] is None else s["value"], s["color"]) for s in steps],
        questions=[(target["expr"], target["legendFormat"]) for target in source["targets"]],
    )  # fmt: skip


def read(path: Path) -> list[Panel]:
    return [_panel(panel) for panel in json.loads(path.read_text())["panels"]]


def expression(text: str, rate_interval: str) -> str:
    """A question with Grafana's variables filled in: every router."""
    return text.replace("$__rate_interval", rate_interval).replace("$instance", ".*")


def legend(pattern: str, labels: dict[str, str]) -> str:
    return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda label: labels.get(label[1], ""), pattern).strip()


def fill(panels: list[Panel], prometheus: Prometheus, span: Span) -> None:
    """Puts every panel's questions to a Prometheus; LabError names one that it can't answer."""
    asked = [(panel, pattern, expression(text, span.rate_interval)) for panel in panels for text, pattern in panel.questions]
    times = {"start": span.start, "end": span.end, "step": span.step}
    answers = prometheus.ask([("query_range", {"query": text, **times}) for _, _, text in asked])
    for (panel, pattern, text), answer in zip(asked, answers):
        if "error" in answer:
            raise LabError(f"{panel.title}: {text}: {answer['error']}")
        for found in answer["result"]:
            points = [(when, float(value)) for when, value in found["values"]]
            panel.series.append(Series(legend(pattern, found["metric"]), points))
