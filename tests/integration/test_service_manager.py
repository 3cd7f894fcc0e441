"""What systemd is told: ready when the router answers, alive while it runs, stopping when it stops."""
from __future__ import annotations

import os
import signal
import socket
import subprocess

from lablib import lastmile


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
        assert process.wait(30) == 0
