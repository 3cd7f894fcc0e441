"""How long this machine keeps anything waiting, whatever runs on it: the other side of a figure about lateness.

A process with real-time priority on each CPU, before all that is measured, does nothing but sleep a millisecond
and look at the clock. What it is late by, everything else may be late by, too: hypervisors take CPUs away, and
kernels hold them.
"""
from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import time

NAP = 0.001
PRIORITY = 50  # Lastmile's workers have 1


class Hiccups:
    """What was seen so far; worst_s is there when the block of `watched()` has ended."""

    worst_s = 0.0


@contextlib.contextmanager
def watched(cpus: int):
    """Watches each CPU meanwhile."""
    seen = Hiccups()
    watchers = [subprocess.Popen([sys.executable, __file__, str(cpu)], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, text=True) for cpu in range(cpus)]  # fmt: skip
    try:
        yield seen
    finally:
        for watcher in watchers:
            told, _ = watcher.communicate(timeout=10)  # the end of its input is its end
            seen.worst_s = max(seen.worst_s, float(told))


def watch(cpu: int) -> float:
    os.sched_setaffinity(0, {cpu})
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    worst = 0.0
    while not select.select([sys.stdin], [], [], 0)[0]:
        before = time.monotonic()
        time.sleep(NAP)
        worst = max(worst, time.monotonic() - before - NAP)
    return worst


if __name__ == "__main__":
    print(watch(int(sys.argv[1])))
