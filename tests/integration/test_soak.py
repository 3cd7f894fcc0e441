"""Tables that come and go leave nothing behind. `tools/soak --hours N` goes on for longer."""
from benchlib import soak


def test_four_ways_of_losing_a_table_leave_nothing_behind():
    result = soak.soak(routes=50_000, cycles=len(soak.WAYS_OUT))
    soak.report(result)
    assert result.cycles == len(soak.WAYS_OUT)
    assert not result.violations, result.violations
