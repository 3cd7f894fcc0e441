"""What the pictures of docs/ show: the lab's fabric with traffic on it, an uplink that dies, a service that leaves."""
from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from . import dashboard, dashboard_picture, fabric, fault, lastmile, measure, topology
from .dashboard_picture import Mark
from .netns import Lab, wait_for
from .picture import photograph
from .prometheus import Prometheus

CONF = Path(__file__).resolve().parents[2] / "conf"
# Slower than the lab's own: the machine may be busy, and who looks once a second sees no difference.
PROFILE = "{interval: 200ms, multiplier: 3}"
CHECK = "{tcp: 80, every: 500ms, timeout: 500ms, rise: 2, fall: 2}"
METRICS_PORT = 9464
# Enough to see, and little enough for one machine that is six.
STREAMS, RATE = 8, "3M"
CALM_S, FAULT_S = 22, 24


def host(node: topology.Node) -> str:
    return node.loopback.split("/")[0]


def begin(lab: Lab) -> None:
    """The fabric with Lastmile on both servers, whose metrics are served and whose service is checked."""
    fabric.up(lab)
    fabric.watch_servers(lab)
    for node in topology.servers():
        text = lastmile.configuration(node, lab.folder(node.name), bfd=PROFILE, check=CHECK)
        lastmile.start_with(lab, node.name, text + f'telemetry: {{listen: ["0.0.0.0:{METRICS_PORT}"]}}\n')
    for node in topology.servers():
        wait_for(f"{node.name}: sessions", lambda n=node.name: lastmile.established(lab, n) == {"up1", "up2"})
        measure.serve_http(lab, node.name, "http", node.name)


def load(lab: Lab, seconds: int) -> None:
    """Streams from the first server to the other, for so long."""
    one, other = topology.servers()
    lab.start(other.name, "iperf3", ["iperf3", "--server"])
    wait_for("iperf3 listens", lambda: "LISTEN" in lab.run(other.name, "ss", "-Hltn", "sport = :5201"))
    lab.start(
        one.name, "iperf3",
        ["iperf3", "--client", host(other), "--bind", host(one), "--parallel", str(STREAMS), "--time", str(seconds),
         "--bitrate", RATE],
    )  # fmt: skip


def end_load(lab: Lab) -> None:
    for node in topology.servers():
        lab.stop(node.name, "iperf3")


def top(lab: Lab) -> str:
    one = topology.servers()[0]
    socket = lab.folder(one.name) / "lastmile.sock"
    command = [*lab.in_node(one.name), str(lastmile.BUILD / "lastmile"), "--socket", str(socket), "top"]
    return photograph(command, r"alive +[1-9]\S* +\S+ +[1-9][0-9]?%")


def dashboard_of_a_failover(lab: Lab) -> str:
    """The dashboard of both servers while leaf 1 loses what goes to and comes from the first, then a web server dies."""
    one, other = topology.servers()
    prometheus = Prometheus(lab, one.name)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        running.callback(prometheus.stop)
        prometheus.start(Path(folder), {n.name: f"{host(n)}:{METRICS_PORT}" for n in (one, other)}, CONF / "prometheus-rules.yaml")
        wait_for("both servers are scraped", lambda: len(prometheus.query("up == 1")) == 2)
        running.enter_context(measure.load(lab, "legacy", topology.SERVICE.split("/")[0], connections=4, rate=50))
        time.sleep(6)  # rates of the first moment want samples from before it
        start = time.time()
        marks = []
        time.sleep(CALM_S)
        with fault.silent_loss(lab, *topology.uplinks(one.name)[0][1:]):
            marks.append(time.time())
            time.sleep(FAULT_S)
        marks.append(time.time())
        time.sleep(CALM_S)
        lab.stop(other.name, "http")
        marks.append(time.time())
        time.sleep(FAULT_S)
        measure.serve_http(lab, other.name, "http", other.name)
        marks.append(time.time())
        time.sleep(CALM_S)
        panels = dashboard.read(CONF / "grafana-dashboard.json")
        span = dashboard.Span(start, time.time(), 1, "5s")
        dashboard.fill(panels, prometheus, span)
    return dashboard_picture.svg(
        "Lastmile", panels, span,
        [Mark(*marks[:2], f"frames between {one.name} and leaf1 vanish silently"), Mark(*marks[2:], f"the web server of {other.name} is stopped")],
    )  # fmt: skip
