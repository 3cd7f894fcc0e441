"""Tables that come and go leave nothing behind. `tools/soak --hours N` goes on for longer."""
from ipaddress import ip_network

from benchlib import soak


def test_four_ways_of_losing_a_table_leave_nothing_behind():
    result = soak.soak(routes=50_000, cycles=len(soak.WAYS_OUT))
    soak.report(result)
    assert result.cycles == len(soak.WAYS_OUT)
    assert not result.violations, result.violations


def test_the_table_has_both_families_and_no_prefix_twice():
    made = soak.table(2000)
    assert made == soak.table(2000) != soak.table(2000, seed=2)
    networks = [ip_network(prefix) for prefix in made]  # refuses bits behind the prefix
    assert len(set(networks)) == 2000
    assert sum(network.version == 6 for network in networks) == 2000 // soak.OF_IPV6
    assert all(network.is_global for network in networks)
    for family, lengths in soak.LENGTHS.items():
        assert {network.prefixlen for network in networks if network.version == family} <= lengths.keys()
