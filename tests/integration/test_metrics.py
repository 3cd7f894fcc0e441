"""Metrics as Prometheus sees them: its own tools judge the text, it scrapes a router of the fabric, and the
dashboard's questions and the alerts are put to it."""
from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from lablib import dashboard, fabric, lastmile, topology
from lablib.netns import Lab, LabError, wait_for
from lablib.prometheus import Prometheus

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "conf/prometheus-rules.yaml"
DASHBOARD = ROOT / "conf/grafana-dashboard.json"
LISTEN = "127.0.0.1:9464"

pytestmark = pytest.mark.skipif(not shutil.which("promtool"), reason="prometheus is not installed")

class Scraped(Prometheus):
    def fetch(self, *options: str) -> str:
        return self.lab.run(self.node, "curl", "-sS", "--max-time", "20", *options)


@pytest.fixture(scope="module")
def scraped(tmp_path_factory):
    """bms1 of the fabric with metrics served, and a Prometheus beside it that has scraped it."""
    lab = Lab("lmmet")
    lab.remove()
    node = next(n for n in topology.servers() if n.name == "bms1")
    folder = tmp_path_factory.mktemp("prometheus")
    try:
        fabric.up(lab)
        fabric.watch_servers(lab)
        place = lab.folder(node.name)
        config = lastmile.configuration(node, place, bfd="{interval: 50ms, multiplier: 3}")
        lastmile.start_with(lab, node.name, config + f"telemetry: {{listen: ['{LISTEN}', {place}/metrics.sock]}}\n")
        wait_for("sessions", lambda: lastmile.established(lab, node.name) == {"up1", "up2"})
        here = Scraped(lab, node.name)
        here.start(folder, {node.name: LISTEN}, RULES)
        wait_for("scrapes", lambda: here.scrapes(5), 90)
        yield here
    finally:
        lab.stop(node.name, "prometheus")
        lab.remove()


def promtool(*arguments: str, text: str = "") -> None:
    done = subprocess.run(["promtool", *arguments], input=text, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and done.stderr == "", done.stdout + done.stderr


def test_promtool_has_nothing_to_say_about_the_metrics(scraped):
    promtool("check", "metrics", text=scraped.fetch(f"http://{LISTEN}/metrics"))
    place = scraped.lab.folder(scraped.node)
    promtool("check", "metrics", text=scraped.fetch("--unix-socket", f"{place}/metrics.sock", "http://x/metrics"))


def test_prometheus_takes_every_sample(scraped):
    """It speaks OpenMetrics, whose parser is strict: a fault anywhere costs the whole scrape."""
    assert [s["value"][1] for s in scraped.query("up{job='lastmile'}")] == ["1"]

    def served() -> set[str]:
        text = scraped.fetch(f"http://{LISTEN}/metrics")
        return {line.split("{")[0].split(" ")[0] for line in text.splitlines() if not line.startswith("#")}

    def scraped_names() -> set[str]:
        return {s["metric"]["__name__"] for s in scraped.query("{job='lastmile', __name__=~'lastmile_.*'}")}

    wait_for("the next scrape", lambda: scraped_names() == served())
    assert len(served()) > 50
    documented = (ROOT / "docs/metrics.md").read_text()
    missing = [name for name in served() if f"`{name}`" not in documented]
    assert not missing


def test_figures_are_those_of_the_shows(scraped):
    neighbors = lastmile.show(scraped.lab, scraped.node, "bgp")["neighbors"]
    for neighbor in neighbors:
        (sample,) = scraped.query(f"lastmile_bgp_prefixes_received{{neighbor='{neighbor['name']}'}}")
        assert int(sample["value"][1]) == neighbor["received"]
    wait_for("BFD is up", lambda: len(scraped.query("lastmile_bfd_session_up == 1")) == 2)


def test_every_question_of_the_dashboard_has_an_answer(scraped):
    # A panel that shows only what there is (`> 0`) is asked for all of it.
    expressions = [
        dashboard.expression(question, "30s").removesuffix(" > 0")
        for panel in dashboard.read(DASHBOARD)
        for question, _ in panel.questions
    ]
    assert len(expressions) > 15
    def unanswered() -> list[str]:
        return [e for e, a in zip(expressions, scraped.queries(expressions)) if not a]

    # Shares of traffic are those of the last half minute, so something passes for as long as is asked.
    with subprocess.Popen(
        [*scraped.lab.in_node(scraped.node), "ping", "-q", "-i", "0.2", "-w", "300", "-I", "10.0.1.1", "10.255.255.1"],
        stdout=subprocess.DEVNULL,
    ) as ping:  # fmt: skip
        try:
            wait_for("answers", lambda: not unanswered(), 120)
        except LabError as error:
            raise LabError(f"no answer to {unanswered()}") from error
        finally:
            ping.kill()
    variable = json.loads(DASHBOARD.read_text())["templating"]["list"][1]["query"]
    assert variable == "label_values(lastmile_build_info, instance)"


def test_rules_are_good_and_fire_when_they_should(scraped):
    promtool("check", "rules", str(RULES))
    done = subprocess.run(
        ["promtool", "test", "rules", "alerts.yaml"], cwd=ROOT / "tests/telemetry",
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (answer,) = scraped.ask([("rules", {})])
    rules = [rule for group in answer["groups"] for rule in group["rules"]]
    assert rules and all(rule["health"] == "ok" for rule in rules), rules


def test_slow_clients_cost_bgp_nothing(scraped):
    """More connections than there is room for, all of them silent: sessions stay, and the control socket answers."""
    holders = """
import socket, sys
held = [socket.create_connection(("127.0.0.1", 9464)) for _ in range(200)]
for one in held:
    try: one.sendall(b"GET /metr")
    except OSError: pass
print("held", flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(
        [*scraped.lab.in_node(scraped.node), "/usr/bin/python3", "-c", holders],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout.readline() == "held\n"
        try:
            assert lastmile.established(scraped.lab, scraped.node) == {"up1", "up2"}
            text = lastmile.command(scraped.lab, scraped.node, "metrics")
            assert text.endswith("# EOF\n")
        finally:
            process.stdin.close()
            process.wait(30)
