"""The short form of tools/chaos, and what its oracle knows."""
import subprocess

import pytest

from lablib.chaos import actions, flows, run
from lablib.chaos.oracle import Bounds, Doubles, Flow, Loss, Oracle
from lablib.netns import Ending, Lab

# Both links down, frames in another order, silent loss one way, a router that is frozen: what no other test does beside
# this one. The rest is for the long form.
SEED, STEPS = 3176, 4


def test_nothing_is_lost_but_for_a_reason_and_everything_comes_back():
    lab = Lab("lmchaos")
    lab.remove()
    print(f"seed {SEED}")
    result = run.run(lab, SEED, STEPS, slow=False)
    run.report(result)
    assert result.steps == STEPS
    assert not result.violations, result.violations


def test_a_seed_is_a_plan():
    first = run.plan(1, 60, slow=True)
    assert first == run.plan(1, 60, slow=True) != run.plan(2, 60, slow=True)
    assert {action for action, _ in first} == set(actions.TABLE)
    assert not any(action.slow for action, _ in run.plan(1, 60, slow=False))


# --- the oracle -----------------------------------------------------------------------------------

BOUNDS = Bounds(ours=1, leaves=4, recovery=20, restart=10, under_way=1)
TWO_WAYS = Flow("f", "a", "b", "", "", 0, (("a", "x", "b"), ("a", "y", "b")))
OURS = Flow("ours", "a", "b", "", "", 0, TWO_WAYS.paths, ours=True)


def oracle(*changes: tuple[float, str, bool]) -> Oracle:
    made = Oracle([TWO_WAYS, OURS], BOUNDS)
    for change in changes:
        made.change(*change)
    return made


@pytest.mark.parametrize(
    ("changes", "flow", "at", "may"),
    [
        ([], TWO_WAYS, 100, False),
        ([(100, "x", False)], TWO_WAYS, 99.9, False),
        ([(100, "x", False)], TWO_WAYS, 103.9, True),
        ([(100, "x", False)], TWO_WAYS, 104.1, False),
        ([(100, "x", False)], OURS, 100.9, True),
        ([(100, "x", False)], OURS, 101.1, False),
        ([(100, "z", False)], TWO_WAYS, 100.1, False),  # not on its way
        ([(100, "x", False), (110, "x", True)], OURS, 113, True),
        ([(100, "x", False), (110, "x", True)], OURS, 115, False),
        ([(100, "x", False), (100, "y", False)], TWO_WAYS, 200, True),
        ([(100, "x", False), (100, "y", False), (200, "y", True)], TWO_WAYS, 219, True),
        ([(100, "x", False), (100, "y", False), (200, "y", True)], TWO_WAYS, 221, False),
        ([(100, "a", False)], TWO_WAYS, 500, True),
        ([(100, "a", False), (200, "a", True)], TWO_WAYS, 209, True),
        ([(100, "a", False), (200, "a", True)], TWO_WAYS, 211, False),
    ],
)
def test_what_may_be_lost(changes, flow, at, may):
    assert (oracle(*changes).excuse(flow, at) is not None) == may


def test_a_loss_is_judged_packet_by_packet():
    made = oracle((100, "x", False))
    # One each half second: those behind 104 have no excuse.
    assert made.violations(Loss("f", count=11, after=100.0, before=106.0)) == 3
    assert made.violations(Loss("f", count=1, after=50.0, before=50.2)) == 1


def seeing(made: Oracle, at: float, **seen: set[int]) -> Oracle:
    """From then on each leaf sees these parts of both flows."""
    made.begin_epoch(at)
    for leaf, parts in seen.items():
        made.saw(leaf, {(flow.name, part) for flow in made.flows for part in parts})
    return made


def test_what_goes_by_the_other_leaf_loses_nothing():
    made = seeing(oracle((100, "x", False), (110, "x", True)), 90, x={0, 1}, y={2})
    for at in (100.5, 111):
        assert made.excuse(TWO_WAYS, at, part=0) and made.excuse(OURS, at, part=1)
        assert made.excuse(TWO_WAYS, at, part=2) is None and made.excuse(OURS, at, part=2) is None
    assert made.excuse(TWO_WAYS, 100.5, part=3) is None, "a part that no leaf has seen"
    assert made.crossed(TWO_WAYS, 0, "x-a", 100, 111) and not made.crossed(TWO_WAYS, 2, "x-a", 100, 111), "its link"
    made.change(120, "y", False)
    made.change(120, "x", False)
    assert made.excuse(TWO_WAYS, 121, part=2) == "no path"


def test_a_part_that_moves_is_known_by_both_leaves():
    made = seeing(oracle((100, "x", False)), 90, x={0}, y={0})
    made = seeing(made, 102, x=set(), y={0})  # the next step; what came of the one before may go on
    assert made.excuse(TWO_WAYS, 103, part=0)
    made.change(105, "x", True)
    assert made.excuse(TWO_WAYS, 105.5, part=0) is None, "it has not crossed that leaf again"
    made.change(106, "y", True)
    assert made.excuse(TWO_WAYS, 106.5, part=0)


def test_a_leaf_that_is_disturbed_loses_what_crosses_it_and_not_for_long():
    made = seeing(oracle(), 90, x={0}, y={1})
    made.disturb(100, 110, "x", longest=2)
    assert made.violations(Loss("f", count=10, after=101, before=102, part=0)) == 0
    assert made.violations(Loss("f", count=10, after=112.5, before=113.5, part=0)) == 0, "those around it react"
    assert made.violations(Loss("f", count=10, after=99.5, before=99.9, part=0)) == 10
    assert made.violations(Loss("f", count=10, after=114.1, before=115, part=0)) == 10
    assert made.violations(Loss("f", count=10, after=101, before=102, part=1)) == 10, "by the other leaf"
    assert made.violations(Loss("f", count=10, after=101, before=103.5, part=0)) == 10, "for too long"


def test_a_router_that_sends_into_the_void_by_both_uplinks_is_found():
    """One leaf's bgpd dies, and traffic by the other stops with it until the leaf is back."""
    made = seeing(oracle(), 90, x={0, 1}, y={2, 3})
    made.disturb(100, 100, "x", longest=4)
    made.disturb(102, 130, "x", longest=4)
    wrong = [part for part in range(4) if made.violations(Loss("ours", count=1400, after=100.1, before=128, part=part))]
    assert wrong == [0, 1, 2, 3]


def test_packets_come_twice_only_where_frames_are_doubled():
    made = oracle()
    assert not made.may_double(Doubles("f", 1, 100, 100))
    made.double(100, 103, "x")
    made.double(100, 103, "z")
    assert made.may_double(Doubles("f", 50, 99.5, 102)), "the first ones were under way"
    assert not made.may_double(Doubles("f", 50, 98.5, 102))
    assert not made.may_double(Doubles("f", 50, 102, 103.1))
    made.doublings.pop(0)
    assert not made.may_double(Doubles("f", 50, 101, 102)), "not on its way"


def test_what_is_forgotten_still_stands():
    made = oracle((100, "x", False), (110, "x", True), (120, "y", False))
    made.forget(200)
    assert made.works("x", 200) and not made.works("y", 200)
    assert made.excuse(TWO_WAYS, 200) is None


def test_what_leaves_see_now_is_not_forgotten():
    made = seeing(seeing(seeing(oracle(), 10, x={0}), 20, x={1}), 300, x={2})
    made.forget(400)
    assert [start for start, _ in made.epochs] == [300]
    made.forget(1000)
    assert made.crossed(TWO_WAYS, 2, "x", 990, 1000) and not made.crossed(TWO_WAYS, 1, "x", 990, 1000)


def test_every_flow_crosses_what_is_hurt():
    named = {flow.name: flow for flow in flows.known()}
    assert len(named) == 6 and len({flow.port for flow in named.values()}) == 6
    assert "leaf1-bms1" not in named["spine1 → bms2"].elements
    assert {"bms1", "bms2", "leaf1-bms1", "leaf2-bms2"} <= named["bms1 → bms2"].elements


def test_each_part_is_known_by_its_source_port():
    ports = flows.parts(flows.known())
    assert len(ports) == 6 * flows.COUNT and len(set(ports.values())) == len(ports)


# --- ends of processes ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "ending", "fault"),
    [
        ("echo; while :; do sleep 0.02; done", Ending(-15), "ended with status -15"),
        ("trap 'exit 0' TERM; echo; while :; do sleep 0.02; done", Ending(0), None),
        ("trap 'exit 23' TERM; echo; while :; do sleep 0.02; done", Ending(23), "ended with status 23"),
        ("trap '' TERM; echo; while :; do sleep 0.02; done", Ending(-9, killed=True), "did not end in time, and was killed"),
    ],
)
def test_how_a_process_ended_is_told(tmp_path, script, ending, fault):
    lab = Lab("lmending")
    lab.state = tmp_path
    process = subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE)
    process.stdout.readline()  # traps are set
    lab.remember("node", "program", process.pid)
    seen = lab.stop("node", "program", patience=1)
    assert seen == ending and seen.fault() == fault


def test_one_that_had_ended_is_told(tmp_path):
    lab = Lab("lmending")
    lab.state = tmp_path
    process = subprocess.Popen(["true"])
    lab.remember("node", "program", process.pid)
    process.wait()
    assert lab.stop("node", "program").fault() == "had ended before it was told to"
