"""Completion in real shells: what a person gets who presses Tab."""
from __future__ import annotations

import os
import shutil
import subprocess
import time
import uuid

import pytest

from places import BUILD

ENVIRONMENT = {**os.environ, "PATH": f"{BUILD}:/usr/bin:/bin", "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}

# What is typed, and what completes it.
CASES = [
    ("lastmile sh", ["show"]),
    ("lastmile show ro", ["routes"]),
    ("lastmile --json show n", ["neighbors", "nexthops"]),
    ("lastmile show routes --li", ["--limit"]),
    ("lastmile show bgp --li", []),
    ("lastmile policy test --origin ", ["egp", "igp", "incomplete"]),
    ("lastmile completion ", ["bash", "fish", "zsh"]),
    ("lastmile show bgp ", []),
]


def shell(*command: str) -> list[str]:
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""
    return sorted(line.split("\t")[0] for line in done.stdout.splitlines() if line)


@pytest.mark.parametrize("typed,expected", CASES)
def test_bash(typed, expected):
    script = (
        "source <(lastmile completion bash); COMP_LINE=$1; COMP_POINT=${#COMP_LINE}; _lastmile; "
        '[ ${#COMPREPLY[@]} = 0 ] || printf "%s\\n" "${COMPREPLY[@]}"'
    )
    assert shell("bash", "--norc", "-c", script, "bash", typed) == expected


def test_bash_completes_files_and_what_stands_behind_a_colon(tmp_path):
    (tmp_path / "lastmile.sock").touch()
    script = (
        "source <(lastmile completion bash); COMP_LINE=$1; COMP_POINT=${#COMP_LINE}; _lastmile; "
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    assert shell("bash", "-c", script, "bash", f"lastmile -s {tmp_path}/la") == [f"{tmp_path}/lastmile.sock"]


@pytest.mark.skipif(not shutil.which("fish"), reason="fish is not installed")
@pytest.mark.parametrize("typed,expected", CASES)
def test_fish(typed, expected):
    script = 'lastmile completion fish | source; complete -C "$argv[1]"'
    assert shell("fish", "--no-config", "-c", script, typed) == expected


@pytest.mark.skipif(not shutil.which("zsh") or not shutil.which("tmux"), reason="zsh or tmux is not installed")
def test_zsh():
    """zsh completes only where somebody types, so somebody does."""
    server = "lmzsh-" + uuid.uuid4().hex[:6]

    def tmux(*arguments: str) -> str:
        return subprocess.run(
            ["tmux", "-L", server, "-f", "/dev/null", *arguments],
            env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=True,
        ).stdout  # fmt: skip

    def wait_for(text: str) -> str:
        screen = ""
        for _ in range(300):
            screen = tmux("capture-pane", "-p")
            if text in screen:
                return screen
            time.sleep(0.1)
        raise AssertionError(f"{text!r} does not appear:\n{screen}")

    tmux("new-session", "-d", "-x", "100", "-y", "20", "zsh -f")
    try:
        tmux("send-keys", "PS1=; autoload -U compinit; compinit -u -D; source <(lastmile completion zsh); echo rea''dy", "Enter")
        wait_for("\nready")
        tmux("send-keys", "lastmile show ro", "Tab")
        wait_for("lastmile show routes")
        tmux("send-keys", "C-u", "lastmile policy test --origin ", "Tab")
        screen = wait_for("incomplete")
        assert "egp" in screen and "igp" in screen
    finally:
        tmux("kill-server")
