"""A run: so many steps of a plan, and what came of each."""
from __future__ import annotations

import random
import re
import statistics
import time
from dataclasses import dataclass, field

from ..netns import Lab, LabError
from . import actions
from .oracle import Loss
from .world import World

LOSSES_ARE_TOLD = 2.5  # seconds: until those behind a loss fill the receiver's window
SANITIZER = re.compile(r"ERROR: \w+Sanitizer|runtime error:|WARNING: ThreadSanitizer")


@dataclass
class Result:
    steps: int = 0
    violations: list[str] = field(default_factory=list)
    # By action: seconds of the longest loss of any flow in each step.
    outages: dict[str, list[float]] = field(default_factory=dict)
    settled: list[float] = field(default_factory=list)  # seconds from the end of each step


def plan(seed: int, steps: int, slow: bool, only: str = "") -> list[tuple[actions.Action, int]]:
    """Each action once in random order, then again: (action, seed of its own chances)."""
    chance = random.Random(seed)
    known = [a for a in actions.TABLE if (slow or not a.slow) and re.search(only, a.name)]
    chosen: list[tuple[actions.Action, int]] = []
    while len(chosen) < steps:
        chosen += [(a, chance.getrandbits(32)) for a in chance.sample(known, len(known))]
    return chosen[:steps]


class Run:
    def __init__(self, lab: Lab, say=print):
        self.world = World(lab)
        self.result = Result()
        self.say = say
        self.current = "before the first step"

    def step(self, number: int, action: actions.Action, seed: int) -> None:
        self.current = f"step {number}, {action.name}"
        self.world.begin_epoch()
        began = time.time()
        try:
            for seconds in action.run(self.world, random.Random(seed)):
                time.sleep(seconds)
        except (LabError, OSError) as error:
            self.violation(f"the action itself failed: {error}")
        ended = time.time()
        self.take_faults()
        try:
            self.world.settle()
        except LabError as error:
            self.violation(f"not as before within {time.time() - ended:.0f} s: {error}")
            raise
        for text in self.world.reminded:
            self.say(f"     {text}")
        self.world.reminded.clear()
        if not self.world.traffic.all_heard():
            self.wait_for_traffic()
        settled = time.time() - ended
        self.result.settled.append(settled)
        losses = self.judge()
        # Those of the step before may be among them: they are told when enough came behind them.
        own = [loss for loss in losses if loss.before > began]
        longest = max((loss.seconds for loss in own), default=0.0)
        self.result.outages.setdefault(action.name, []).append(longest)
        self.result.steps += 1
        self.say(f"{number:4} {action.name:28} took {ended - began:5.1f} s, settled after {settled:5.1f} s, "
                 f"{sum(loss.count for loss in own)} packets lost, longest {longest * 1000:.0f} ms")  # fmt: skip

    def wait_for_traffic(self) -> None:
        deadline = time.time() + self.world.oracle.bounds.recovery
        while not self.world.traffic.all_heard():
            if time.time() > deadline:
                silent = {name: s for name, s in self.world.traffic.silent.items() if s >= 1}
                self.violation(f"silent though all sessions are up: {silent}")
                raise LabError("traffic does not come back")
            time.sleep(0.2)

    def judge(self) -> list[Loss]:
        """Holds what was lost against what may be."""
        self.world.tell_parts()
        losses = self.world.traffic.take()
        for loss in losses:
            wrong = self.world.oracle.violations(loss)
            if wrong:
                self.violation(f"{loss.flow}, part {loss.part}: {wrong} of {loss.count} packets lost without excuse, between "
                               f"{clock(loss.after)} and {clock(loss.before)} ({loss.seconds * 1000:.0f} ms)")  # fmt: skip
        for doubles in self.world.traffic.take_doubles():
            if not self.world.oracle.may_double(doubles):
                self.violation(f"{doubles.flow}: {doubles.count} packets came twice, sent between {clock(doubles.first)} and "
                               f"{clock(doubles.last)}")  # fmt: skip
        self.world.oracle.forget(time.time() - 60)
        return losses

    def violation(self, text: str) -> None:
        self.result.violations.append(f"{self.current}: {text}")
        self.say(f"     VIOLATION in {self.current}: {text}")

    def take_faults(self) -> None:
        faults, self.world.faults = self.world.faults, []
        for fault in faults:
            self.violation(fault)

    def finish(self) -> None:
        time.sleep(LOSSES_ARE_TOLD)
        self.current = "the end"
        self.judge()
        self.end_servers()

    def end_servers(self) -> None:
        """In an orderly way, so that what looks for leaks at the end of a process looks. Then what their logs say."""
        for server in self.world.servers:
            if "lastmiled" in self.world.lab.processes(server):
                self.world.stop_server(server)
        self.take_faults()
        for server in self.world.servers:
            for line in self.world.log(server).splitlines():
                if SANITIZER.search(line):
                    self.violation(f"{server}: {line}")


def clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at)) + f"{at % 1:.3f}"[1:]


def run(lab: Lab, seed: int, steps: int, slow: bool = True, only: str = "", say=print) -> Result:
    """Builds the fabric, goes through the plan and removes everything again."""
    one = Run(lab, say)
    try:
        one.world.build()
        for number, (action, own_seed) in enumerate(plan(seed, steps, slow, only), 1):
            one.step(number, action, own_seed)
        one.finish()
    except LabError as error:
        one.violation(str(error))
        for leaf in one.world.leaves:
            say(f"--- {leaf}, its sessions that are down\n{one.world.failed_sessions(leaf)}")
        one.end_servers()
        for server in one.world.servers:
            say(f"--- {server}, last lines of its log\n" + "\n".join(one.world.log(server).splitlines()[-15:]))
    finally:
        one.world.remove()
    return one.result


def report(result: Result, say=print) -> None:
    say(f"\n{'action':28} {'steps':>5}  longest loss of any flow, ms: median (least–most)")
    for name, seconds in sorted(result.outages.items()):
        ms = [1000 * s for s in seconds]
        say(f"{name:28} {len(ms):5}  {statistics.median(ms):6.0f} ({min(ms):.0f}–{max(ms):.0f})")
    if result.settled:
        say(f"settled after {statistics.median(result.settled):.1f} s ({min(result.settled):.1f}–{max(result.settled):.1f})")
    say(f"{result.steps} steps, {len(result.violations)} violations")
