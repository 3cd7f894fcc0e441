"""`kill -9` of a router under load, with graceful restart: nobody else notices, and its own flows are back soon after it
is started again. Figures of time are printed; judged is that what does not cross the router loses nothing."""
import os
import signal
import statistics
import time

import pytest

from lablib.chaos.world import World
from lablib.netns import Lab, wait_for

ROUNDS = int(os.environ.get("LASTMILE_KILLS", "1"))
KILLED = "bms1"
TOLD = 2.5  # seconds until the receivers have told each loss


@pytest.fixture
def world():
    lab = Lab("lmkill")
    lab.remove()
    made = World(lab)
    try:
        made.build()
        yield made
    finally:
        made.remove()


def test_others_lose_nothing_and_its_own_flows_come_back(world):
    away, after_start = [], []
    for _ in range(ROUNDS):
        world.traffic.take()
        world.lab.stop(KILLED, "lastmiled", how=signal.SIGKILL)
        time.sleep(1)
        started = time.time()
        world.start_server(KILLED)
        wait_for("all flows arrive", world.traffic.all_heard)
        time.sleep(TOLD)
        losses = world.traffic.take()
        others = [loss for loss in losses if KILLED not in loss.flow]
        assert not others, others
        own = [loss for loss in losses if loss.before > started]
        assert own, "the flows of the router that was killed lost something"
        away.append(max(loss.seconds for loss in own))
        after_start.append(max(loss.before for loss in own) - started)
        world.settle()
    for what, seconds in (("without it", away), ("back after its start", after_start)):
        print(f"{what}: {statistics.median(seconds):.2f} s ({min(seconds):.2f}–{max(seconds):.2f}), {ROUNDS} rounds")
