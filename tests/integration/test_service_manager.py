"""What systemd is told: ready when the router answers, alive while it runs, stopping when it stops."""
from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
from contextlib import contextmanager
from pathlib import Path

from lablib import lastmile
from lablib.netns import ended, wait_for


def test_systemd_hears_of_start_life_and_end(bare):
    path = str(bare.folder / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ears:
        ears.bind(path)
        ears.settimeout(60)
        process = subprocess.Popen(
            ["ip", "netns", "exec", bare.name, str(lastmile.BUILD / "lastmiled"), str(bare.config())],
            env={**os.environ, "NOTIFY_SOCKET": path, "WATCHDOG_USEC": "200000"},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        bare.processes.append(process)
        assert ears.recv(100) == b"READY=1"
        version = bare.run(str(lastmile.BUILD / "lastmile"), "-s", str(bare.socket), "version")
        assert version.returncode == 0, version.stderr
        assert [ears.recv(100) for _ in range(5)] == [b"WATCHDOG=1"] * 5
        process.send_signal(signal.SIGSTOP)  # a loop that hangs says nothing
        ears.settimeout(2)
        heard = []
        try:
            while True:
                heard.append(ears.recv(100))
        except TimeoutError:
            pass
        assert len(heard) < 5
        process.send_signal(signal.SIGCONT)
        process.send_signal(signal.SIGTERM)
        ears.settimeout(60)
        said = ears.recv(100)
        while said == b"WATCHDOG=1":
            said = ears.recv(100)
        assert said == b"STOPPING=1"
        assert ended(process) == 0


PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207


@contextmanager
def stopped_thread(pid: int, name: str):
    """One thread of a process stands still, as if it hung, and the others go on. A tracer is a thread, too: the one
    that calls this has to end it."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    task = next(t for t in Path(f"/proc/{pid}/task").iterdir() if (t / "comm").read_text().strip() == name)
    tid = int(task.name)
    assert libc.ptrace(PTRACE_SEIZE, tid, None, None) == 0, os.strerror(ctypes.get_errno())
    assert libc.ptrace(PTRACE_INTERRUPT, tid, None, None) == 0
    os.waitpid(tid, 0x40000000)  # __WALL
    try:
        yield
    finally:
        libc.ptrace(PTRACE_DETACH, tid, None, None)


def silent_for(ears: socket.socket, seconds: float) -> bool:
    """What was under way is taken first."""
    ears.settimeout(seconds)
    for _ in range(3):
        try:
            ears.recv(100)
        except TimeoutError:
            return True
    return False


def test_every_thread_that_hangs_keeps_systemd_from_hearing_of_life(bare):
    path = str(bare.folder / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ears:
        ears.bind(path)
        process = bare.start(environment={"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "400000"})
        ears.settimeout(60)
        assert ears.recv(100) == b"READY=1"
        threads = {"lm-worker-0": "worker 0", "lm-fib-writer": "FIB writer", "lastmiled": "control"}
        for thread, called in threads.items():
            ears.settimeout(60)
            assert ears.recv(100) == b"WATCHDOG=1"
            with stopped_thread(process.pid, thread):
                assert silent_for(ears, 2), called
                wait_for(f"{called} is said to hang", lambda c=called: f"thread {c} does not move" in bare.log())
                if called != "control":  # which is who answers
                    control = json.loads(bare.show("show", "control", "--json").stdout)
                    assert [t["name"] for t in control["threads"] if t["stuck"]] == [called]
                    metrics = bare.show("metrics").stdout
                    assert f'lastmile_thread_stuck{{thread="{called}"}} 1' in metrics
                if called == "worker 0":
                    assert json.loads(bare.show("show", "workers", "--json").stdout)["workers"][0]["stuck"]
                    assert "stuck" in bare.show("show", "workers").stdout
            ears.settimeout(60)
            assert ears.recv(100) == b"WATCHDOG=1"
            wait_for(f"{called} is said to move", lambda c=called: f"thread {c} moves again" in bare.log())
        events = bare.show("events").stdout
        for called in threads.values():
            assert f"{called}" in events
            assert events.count("does not move") == events.count("moves again") == 3
        assert '"stuck": true' not in bare.show("show", "control", "--json").stdout
