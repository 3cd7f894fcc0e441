"""Something that a start needs is not to be had, at one step of it after the other: lastmiled ends with a line that says
so and leaves nothing behind, or does without.

LASTMILE_FAILING_STEPS=40 for more than the short form, LASTMILE_FAILING_SEED=N to repeat a run.
"""
import os
import random
import re
import signal
import struct
from pathlib import Path

import pytest

from lablib import lastmile
from lablib.netns import ended

LIBRARY = lastmile.BUILD / "tests/integration/liblastmile-failing.so"
KINDS = ["new", "map", "socket", "thread", "watch"]  # in the library's order
# Of each kind; memory, of which there are thousands of steps, gets more.
STEPS = int(os.environ.get("LASTMILE_FAILING_STEPS", "1"))
SEED = int(os.environ.get("LASTMILE_FAILING_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)


def environment(counts: Path, fails: str = "") -> dict[str, str]:
    return {"LD_PRELOAD": str(LIBRARY), "LASTMILE_FAIL_COUNTS": str(counts), "LASTMILE_FAIL": fails}


@pytest.fixture
def counts(bare):
    assert LIBRARY.exists(), f"{LIBRARY} is not there; run: tools/build --target tests/integration/liblastmile-failing.so"
    path = bare.folder / "counts"

    def clear() -> Path:
        path.write_bytes(bytes(8 * len(KINDS)))
        return path

    return clear


def left_behind(pid: int) -> list[str]:
    """Files that a process of DPDK has made outside of its namespace."""
    places = ["/dev/hugepages", "/var/run/dpdk", "/run/lastmile"]
    return [f"{place}/{name}" for place in places if os.path.isdir(place) for name in os.listdir(place) if re.search(rf"(?<!\d){pid}(?!\d)", name)]


def ended_without_a_word(kind: str, log: str) -> bool:
    """What stays then is put back by the next start. Libnftables ends the process if the very socket that it asks for is
    refused, which was to be had the moment before. And there is no memory where something is destroyed, which ends any
    process, behind the start: in the answer by which this test knows that it is over (nlohmann's JSON does that), or at the
    end, where destructors give interfaces back."""
    if kind == "socket":
        return "mnl.c:" in log
    return kind == "new" and " runs\n" in log and "terminate called" in log


def steps(total: int, kind: str) -> list[int]:
    """Which calls are to fail: spread over the whole start, and by chance within each part."""
    chance = random.Random(f"{SEED} {kind}")
    wanted = min(total, STEPS * (3 if kind == "new" else 1))
    return sorted({1 + int((i + chance.random()) * total / wanted) for i in range(wanted)})


def test_whatever_fails_at_the_start_is_said_and_nothing_stays(bare, counts):
    print(f"seed {SEED}, {STEPS} steps of each kind (LASTMILE_FAILING_SEED, LASTMILE_FAILING_STEPS)")
    bare.run("ip", "address", "add", "192.0.2.1/24", "dev", "up1")
    before = bare.interfaces()
    process = bare.start(environment=environment(counts()))
    assert process.poll() is None, bare.log()
    needed = struct.unpack(f"{len(KINDS)}Q", (bare.folder / "counts").read_bytes())
    process.send_signal(signal.SIGTERM)
    assert ended(process) == 0, bare.log()
    assert all(needed), needed

    refused = 0
    for kind, total in zip(KINDS, needed):
        for step in steps(total, kind):
            what = f"{kind} {step} of {total}"
            process = bare.start(environment=environment(counts(), f"{kind}:{step}"))
            can_do_without = process.poll() is None
            if can_do_without:
                process.send_signal(signal.SIGTERM)
            status = ended(process)
            if ended_without_a_word(kind, bare.log()):
                print(f"{what}: {bare.log().splitlines()[-1]}")
                process = bare.start(environment=environment(counts()))
                process.send_signal(signal.SIGTERM)
                assert ended(process) == 0, f"{what}\n{bare.log()}"
            elif can_do_without:
                # Memory that was not to be had behind the start ends it, too.
                assert status == 0 or (kind == "new" and status == 1 and "not enough memory" in bare.log()), f"{what}: {status}\n{bare.log()}"
            else:
                refused += 1
                assert status == 1, f"{what}: {status}\n{bare.log()}"
                said = [line for line in bare.log().splitlines() if line.strip()]
                assert said and "terminate" not in bare.log(), f"{what}\n{bare.log()}"
                print(f"{what}: {said[-1]}")
            assert bare.interfaces() == before, f"{what}\n{bare.log()}"
            assert bare.run("nft", "list", "tables").stdout.strip() == "", what
            assert "192.0.2.1/24" in bare.run("ip", "address", "show", "up1").stdout, what
            assert not bare.socket.exists(), what
            assert left_behind(process.pid) == [], what
    assert refused, "nothing ever failed"
