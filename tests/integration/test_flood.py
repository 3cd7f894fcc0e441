"""Floods of one port, the short form of `tools/bench flood`: sessions stay, memory stays, the rest is dropped as it should.

The machine that runs this may be busy with other things, so the rate is bounded, BFD is slow, and figures of time and loss
are printed, not asserted: `tools/bench flood` is for those.
"""
import pytest

from benchlib import flood

SETTINGS = flood.Settings(seconds=1, rate=100_000, bfd_ms=300, flow_rate=100, settle=0.1)
GROWTH_MB = 32
# Packets of a second or two above which some must have been policed.
PASS = {"fragment": 80_000}
PASS_OTHERS = 20_000


@pytest.fixture(scope="module")
def lab():
    with flood.FloodLab(SETTINGS, "lmflood") as made:
        yield made


@pytest.mark.parametrize("kind", flood.KINDS)
def test_sessions_outlast_a_flood(lab, kind):
    result = lab.flood(kind)
    print(flood.line(result))
    assert result["sent"] > 0
    assert result["bgp_held"] == ["up1", "up2"], result
    assert not any(result["bfd_failures"].values()), result
    assert result["grown_mb"] < GROWTH_MB, result
    reason = flood.KINDS[kind].reason
    # What is policed depends on how fast the generator gets to run; that something is, does not.
    if reason and result["received"] > PASS.get(kind, PASS_OTHERS):
        assert result["drops"].get(reason, 0) > 0, result
