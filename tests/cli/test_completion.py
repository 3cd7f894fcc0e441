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


class Terminal:
    """A shell as somebody sits before it: some complete only where somebody types."""

    def __init__(self, command: str):
        self.server = "lmtab-" + uuid.uuid4().hex[:6]
        self.tmux("new-session", "-d", "-x", "100", "-y", "20", command)

    def tmux(self, *arguments: str) -> str:
        return subprocess.run(
            ["tmux", "-L", self.server, "-f", "/dev/null", *arguments],
            env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=True,
        ).stdout  # fmt: skip

    def type(self, *keys: str) -> None:
        self.tmux("send-keys", *keys)

    def wait_for(self, text: str) -> str:
        screen = ""
        for _ in range(300):
            screen = self.tmux("capture-pane", "-p")
            if text in screen:
                return screen
            time.sleep(0.1)
        raise AssertionError(f"{text!r} does not appear:\n{screen}")


@pytest.fixture
def terminal():
    opened = []

    def open_one(command: str) -> Terminal:
        opened.append(Terminal(command))
        return opened[-1]

    yield open_one
    for one in opened:
        one.tmux("kill-server")


@pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")
def test_bash_in_a_terminal(terminal):
    """As docs/commands.md says for ~/.bashrc: the key itself, with what readline makes of the answers."""
    bash = terminal("bash --norc -i")
    bash.type("PS1=; source <(lastmile completion bash); echo rea''dy", "Enter")
    bash.wait_for("\nready")
    bash.type("lastmile show ro", "Tab", "10.0.2.2")
    bash.wait_for("lastmile show routes 10.0.2.2")  # one answer: it is there, with a space
    bash.type("C-u", "lastmile policy test --origin ", "Tab", "Tab")
    screen = bash.wait_for("incomplete")
    assert "egp" in screen and "igp" in screen


@pytest.mark.skipif(not shutil.which("zsh") or not shutil.which("tmux"), reason="zsh or tmux is not installed")
def test_zsh(terminal):
    zsh = terminal("zsh -f")
    zsh.type("PS1=; autoload -U compinit; compinit -u -D; source <(lastmile completion zsh); echo rea''dy", "Enter")
    zsh.wait_for("\nready")
    zsh.type("lastmile show ro", "Tab")
    zsh.wait_for("lastmile show routes")
    zsh.type("C-u", "lastmile policy test --origin ", "Tab")
    screen = zsh.wait_for("incomplete")
    assert "egp" in screen and "igp" in screen
