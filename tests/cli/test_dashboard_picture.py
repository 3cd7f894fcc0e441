"""The picture of the dashboard: drawn of what the dashboard's file says, and not older than it."""
from __future__ import annotations

import html
import xml.etree.ElementTree as xml

import pytest

from places import ROOT

from lablib import dashboard, dashboard_picture
from lablib.netns import LabError
from lablib.units import nice_step, written

DASHBOARD = ROOT / "conf/grafana-dashboard.json"
SPAN = dashboard.Span(start=1000, end=1060, step=1, rate_interval="5s")
LABELS = {"instance": "bms1", "neighbor": "up1", "port": "up1", "service": "web"}


class Answers:
    """A Prometheus that has one series for each question, or none, or a complaint."""

    def __init__(self, value: float | None = 1, error: str = ""):
        self.value, self.error, self.asked = value, error, []

    def ask(self, questions):
        self.asked += questions
        if self.error:
            return [{"error": self.error} for _ in questions]
        values = [[1000 + i, str(self.value)] for i in range(61)]
        return [{"result": [] if self.value is None else [{"metric": LABELS, "values": values}]} for _ in questions]


def drawn(answers: Answers) -> list[str]:
    panels = dashboard.read(DASHBOARD)
    dashboard.fill(panels, answers, SPAN)
    picture = dashboard_picture.svg("Lastmile", panels, SPAN, [dashboard_picture.Mark(1010, 1030, "a link dies")])
    return [node.text or "" for node in xml.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")]


def test_panels_have_their_titles_legends_and_states():
    answers = Answers()
    words = drawn(answers)
    panels = dashboard.read(DASHBOARD)
    assert {panel.title for panel in panels} <= set(words)
    assert len(answers.asked) == sum(len(panel.questions) for panel in panels)
    assert all("$" not in arguments["query"] for _, arguments in answers.asked)
    assert "bms1 up1" in words and "0:10–0:30 a link dies" in words
    assert words.count("up") == 3 and "degraded or by hand" in words
    assert "down" in drawn(Answers(0))


def test_a_panel_without_an_answer_says_so_and_a_wrong_question_is_named():
    assert drawn(Answers(None)).count("No data") == len(dashboard.read(DASHBOARD))
    with pytest.raises(LabError, match="BGP sessions: .*parse error"):
        drawn(Answers(error="parse error"))


def test_a_line_breaks_where_samples_are_missing_and_level_parts_are_short():
    points = [(0, 1.0), (1, 1.0), (2, 1.0), (3, 2.0), (9, 2.0), (10, 2.0)]
    assert dashboard_picture.path_of(points, lambda t, v: (t, v)) == "M0.0 1.0L2.0 1.0L3.0 2.0M9.0 2.0L10.0 2.0"


def test_values_are_written_in_their_units():
    assert written(12_345_678, "bps") == "12.3 Mb/s"
    assert written(0, "bps") == "0 b/s"
    assert written(0.0123, "s") == "12.3 ms"
    assert written(0.00005, "s") == "50 µs"
    assert written(0.5, "percentunit") == "50%"
    assert written(3 * 2**20, "bytes") == "3 MiB"
    assert written(512, "none") == "512"
    assert written(512_620, "none") == "513 k"
    assert nice_step(7, "none") == 2 and nice_step(0.6, "percentunit") == pytest.approx(0.2)


def test_the_picture_in_the_documents_has_every_panel():
    picture = (ROOT / "docs/pictures/dashboard.svg").read_text()
    missing = [p.title for p in dashboard.read(DASHBOARD) if f">{html.escape(p.title)}<" not in picture]
    assert not missing, "make it anew: sudo tools/pictures dashboard"
