"""The README's main command, as a user types it."""
import json
import subprocess
from pathlib import Path

TOOLS = Path(__file__).resolve().parents[2] / "tools"


def test_the_demo_runs_whole_and_every_figure_is_as_expected(tmp_path):
    result = tmp_path / "demo.json"
    done = subprocess.run(
        [TOOLS / "lab", "--prefix", "lmdemo", "demo", "--no-prepare", "--json", result],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(result.read_text())["figures"]
    assert figures["http_answered"] == 64
    assert figures["flows_on_both"] == 0
    assert figures["legacy_other"] == 0
    left = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    assert "lmdemo-" not in left
