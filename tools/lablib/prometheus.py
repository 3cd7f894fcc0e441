"""A real Prometheus beside routers of the lab, and questions to it."""
from __future__ import annotations

import json
import subprocess
from pathlib import Path

from .netns import Lab

CONFIG = """\
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{rules}]
scrape_configs:
  - job_name: lastmile
    static_configs:
{targets}
"""

# Runs in the router's namespace: one process for all questions.
ASK = """
import json, sys, urllib.parse, urllib.request
answers = []
for question, arguments in json.load(sys.stdin):
    url = "http://127.0.0.1:9090/api/v1/" + question + "?" + urllib.parse.urlencode(arguments)
    try:
        with urllib.request.urlopen(url, timeout=20) as answer: answers.append(json.load(answer)["data"])
    except urllib.error.HTTPError as fault: answers.append({"error": fault.read().decode()})
    except OSError as fault: answers.append({"error": str(fault)})
print(json.dumps(answers))
"""


class Prometheus:
    def __init__(self, lab: Lab, node: str):
        self.lab, self.node = lab, node

    def start(self, folder: Path, targets: dict[str, str], rules: Path) -> None:
        """Scrapes every second: `targets` has HOST:PORT, as reached from the node, by the router's name. Its files are in
        `folder`."""
        lines = [f'      - {{targets: ["{place}"], labels: {{instance: {name}}}}}' for name, place in targets.items()]
        (folder / "prometheus.yml").write_text(CONFIG.format(rules=rules, targets="\n".join(lines)))
        self.lab.start(
            self.node, "prometheus",
            ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
             "--web.listen-address=127.0.0.1:9090", "--log.level=warn"],
        )  # fmt: skip

    def ask(self, questions: list[tuple[str, dict]]) -> list[dict]:
        """Paths of its API with their arguments; the data of each answer, or {"error": text}."""
        done = subprocess.run(
            [*self.lab.in_node(self.node), "/usr/bin/python3", "-c", ASK],
            input=json.dumps(questions), capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        return json.loads(done.stdout)

    def queries(self, expressions: list[str]) -> list[list]:
        return [answer.get("result", []) for answer in self.ask([("query", {"query": e}) for e in expressions])]

    def query(self, expression: str) -> list:
        return self.queries([expression])[0]

    def scrapes(self, most: int) -> bool:
        """Whether it has scraped so often within a minute: a rate wants several."""
        return bool(self.query(f"count_over_time(up{{job='lastmile'}}[1m]) >= {most}"))

    def stop(self) -> None:
        self.lab.stop(self.node, "prometheus")
