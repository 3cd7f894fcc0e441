"""The short form of tools/chaos, and what its oracle knows."""
import pytest

from lablib.chaos import actions, flows, run
from lablib.chaos.oracle import Bounds, Flow, Loss, Oracle
from lablib.netns import Lab

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

BOUNDS = Bounds(ours=1, leaves=4, recovery=20)
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
    ],
)
def test_what_may_be_lost(changes, flow, at, may):
    assert (oracle(*changes).excuse(flow, at) is not None) == may


def test_a_loss_is_judged_packet_by_packet():
    made = oracle((100, "x", False))
    # One each half second: those behind 104 have no excuse.
    assert made.violations(Loss("f", count=11, after=100.0, before=106.0)) == 3
    assert made.violations(Loss("f", count=1, after=50.0, before=50.2)) == 1


def test_what_is_forgotten_still_stands():
    made = oracle((100, "x", False), (110, "x", True), (120, "y", False))
    made.forget(200)
    assert made.works("x", 200) and not made.works("y", 200)
    assert made.excuse(TWO_WAYS, 200) is None


def test_every_flow_crosses_what_is_hurt():
    named = {flow.name: flow for flow in flows.known()}
    assert len(named) == 6 and len({flow.port for flow in named.values()}) == 6
    assert "leaf1-bms1" not in named["spine1 → bms2"].elements
    assert {"bms1", "bms2", "leaf1-bms1", "leaf2-bms2"} <= named["bms1 → bms2"].elements
