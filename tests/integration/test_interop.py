"""A few cells of docs/interop.md, those that take seconds; tools/interop has them all."""
from concurrent.futures import ThreadPoolExecutor

import pytest

from lablib.interop import ways
from lablib.interop.bird import Bird
from lablib.interop.gobgp import Gobgp

TRIED = {
    Bird: ["unnumbered", "dynamic-ll", "dynamic-md5", "large", "shutdown-to-us", "refresh-us", "add-path-send", "aggregate"],
    Gobgp: ["v6", "unnumbered", "refresh-peer", "shutdown-to-peer", "add-path"],
}


@pytest.fixture(scope="module")
def results():
    """All at once, three at a time: each mostly waits."""
    known = {way.key: way for way in ways.WAYS}
    with ThreadPoolExecutor(3) as pool:
        return {
            (peer.name, key): pool.submit(ways.attempt, peer(), known[key], True)
            for peer, keys in TRIED.items()
            for key in keys
        }


@pytest.mark.parametrize("name, key", [(peer.name, key) for peer, keys in TRIED.items() for key in keys])
def test_works(results, name, key):
    assert results[name, key].result() == ways.WORKS
