"""The dashboard on a terminal, as a person reads it: typed into and looked at by tmux."""
from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
import uuid

import pytest

from places import BUILD
from fake_router import FakeRouter

pytestmark = pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")


class Terminal:
    def __init__(self, command: str, columns: int = 80, rows: int = 24):
        self.server = "lmtop-" + uuid.uuid4().hex[:6]
        self.tmux("new-session", "-d", "-x", str(columns), "-y", str(rows), command + "; echo left with $?; sleep 1000")

    def tmux(self, *arguments: str) -> str:
        return subprocess.run(
            ["tmux", "-L", self.server, "-f", "/dev/null", *arguments],
            env={**os.environ, "LC_ALL": "C.UTF-8", "TERM": "xterm-256color"},
            capture_output=True, text=True, timeout=60, check=True,
        ).stdout  # fmt: skip

    def type(self, *keys: str) -> None:
        self.tmux("send-keys", *keys)

    def resize(self, columns: int, rows: int) -> None:
        self.tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def screen(self) -> str:
        return self.tmux("capture-pane", "-p")

    def reads(self, pattern: str, *without: str) -> str:
        """Waits until the screen has the pattern, and none of the others."""
        screen = ""
        for _ in range(400):
            screen = self.screen()
            if re.search(pattern, screen) and not any(re.search(w, screen) for w in without):
                return screen
            time.sleep(0.1)
        raise AssertionError(f"{pattern!r} is not on the screen:\n{screen}")

    def end(self) -> None:
        self.tmux("kill-server")


@pytest.fixture
def router(tmp_path):
    fake = FakeRouter(str(tmp_path / "lm.sock"))
    fake.start()
    yield fake
    if fake.listener.fileno() >= 0:
        fake.stop()


@pytest.fixture
def terminal(router):
    shown = Terminal(f"{BUILD}/lastmile -s {router.path} --watch 0.2 top")
    yield shown
    shown.end()


def test_a_screen_of_80_by_24_has_all_that_matters(terminal):
    screen = terminal.reads(r"75%")
    assert re.search(r"^lastmile 10\.0\.1\.1  AS 64512  up 2h05m  \d\d:\d\d:\d\d  every 0.2 s", screen)
    assert re.search(r"^up1 +65001 +Established +2h05m +512k +2 +up +30 ms +41 us$", screen, re.MULTILINE)
    assert re.search(r"^up1 +up +2\d\d\.?\d*k +1\.\d+G ", screen, re.MULTILINE)
    assert re.search(r"^fe80::5eff:fe10:201 +up2 +alive +\S+ +\S+ +25%  ████░", screen, re.MULTILINE)
    assert re.search(r"^0 +1 +42%  ███████░", screen, re.MULTILINE)
    assert re.search(r"^no-route +\d+ ", screen, re.MULTILINE)
    assert "ROUTES 512k IPv4, 3 IPv6  QUEUE 0  LONGEST SLICE 3.2 ms" in screen
    lines = screen.splitlines()
    assert len(lines) == 24 and lines[-1].startswith("o overview  p ports  s sessions")


def test_a_link_that_goes_down_is_seen(terminal, router):
    terminal.reads(r"75%")
    router.link[0] = "down"
    screen = terminal.reads(r"up1 +down")
    assert re.search(r"^up1 +65001 +Idle ", screen, re.MULTILINE)
    assert re.search(r"fe80::5eff:fe10:101 +up1 +dead", screen)
    # In red: that is what the eye finds.
    assert re.search(r"\x1b\[(1;)?31m(\x1b\[1m)?Idle|\x1b\[1m\x1b\[31mIdle", terminal.tmux("capture-pane", "-p", "-e"))


def test_keys_look_into_a_session_and_come_back(terminal):
    terminal.reads(r"75%")
    terminal.type("s")
    terminal.reads(r"NEIGHBOR", r"NEXT HOP")
    terminal.type("Down", "Enter")
    screen = terminal.reads(r"description +leaf 2, rack 12")
    assert re.search(r"^BFD$", screen, re.MULTILINE) and re.search(r"detect us +30000", screen)
    terminal.type("Escape")
    terminal.reads(r"NEIGHBOR", r"rack 12")
    terminal.type("d")
    terminal.reads(r"no route to the destination", r"NEIGHBOR")
    terminal.type("q")
    terminal.reads(r"left with 0")


def test_it_follows_the_size_of_the_window(terminal):
    terminal.reads(r"75%")
    terminal.resize(120, 40)
    terminal.reads(r"\n(.*\n){37}o overview")
    terminal.resize(60, 12)
    screen = terminal.reads(r"\.\.\. \d+ more")
    assert len(screen.splitlines()) == 12
    terminal.resize(20, 4)
    terminal.reads(r"^lastmile")
    terminal.resize(80, 24)
    terminal.reads(r"LONGEST SLICE")


def test_a_restart_of_the_router_is_said_and_got_over(terminal, router):
    terminal.reads(r"75%")
    router.stop()
    screen = terminal.reads(r"lastmiled is not running")
    assert "NEIGHBOR" in screen  # what was known last
    router.start()
    terminal.reads(r"75%", r"not running")


def test_pause_holds_the_picture(terminal):
    terminal.reads(r"75%")
    terminal.type("Space")
    terminal.reads(r"paused")
    terminal.type("Space")
    terminal.reads(r"75%", r"paused")


def test_without_a_router_or_a_terminal_it_says_so_in_a_line(tmp_path):
    missing = Terminal(f"{BUILD}/lastmile -s {tmp_path}/none.sock top")
    try:
        screen = missing.reads(r"left with 1")
        assert "lastmiled is not running: there is no socket" in screen
    finally:
        missing.end()
    done = subprocess.run([BUILD / "lastmile", "top"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr == "lastmile: top wants a terminal; scripts have show ... --json\n"


def test_without_a_keyboard_it_says_so(router):
    terminal = Terminal(f"{BUILD}/lastmile top --socket {router.path} < /dev/null")
    try:
        terminal.reads("top wants a terminal(.|\n)*left with 2")
    finally:
        terminal.end()


def test_it_ends_with_its_terminal(router):
    """Nobody could end it, and it would draw for nobody at full speed."""
    import pty

    process, there = pty.fork()
    if process == 0:
        import signal

        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        os.environ["TERM"] = "xterm"
        os.execv(BUILD / "lastmile", ["lastmile", "top", "--socket", router.path])
    os.read(there, 100)  # it draws
    os.close(there)
    for _ in range(600):
        if os.waitpid(process, os.WNOHANG)[0] == process:
            return
        time.sleep(0.1)
    os.kill(process, 9)
    os.waitpid(process, 0)
    raise AssertionError("it goes on")
