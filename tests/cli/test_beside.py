"""Runs of pytest that share tests: each test is run once, and what is not run to the end is named (lablib/claims.py)."""
from __future__ import annotations

import os
import subprocess
import xml.etree.ElementTree as xml
from collections import Counter

from lablib.claims import Claims
from places import ROOT

TESTS = """\
import os, time
import pytest

@pytest.fixture(scope="module")
def shared():
    return os.getpid()

@pytest.mark.parametrize("number", range(6))
def test_single(number):
    time.sleep(0.05)

def test_first(shared):
    pass

def test_second(shared):
    pass

def test_that_ends_its_run():
    if os.environ.get("ENDS"):
        os._exit(1)
"""


def share(folder, runs: int, **more: str) -> tuple[Counter, list[str]]:
    """How often each test was run, and what was not run to the end."""
    (folder / "test_shared.py").write_text(TESTS)
    claims = folder / "claims"
    claims.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tools"), "LASTMILE_CLAIMS": str(claims), "LASTMILE_CLAIMS_SAID": "2", **more}
    started = [
        subprocess.Popen(
            ["/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "lablib.claims", f"--junitxml={folder}/{number}.xml",
             "test_shared.py"],
            cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        for number in range(runs)
    ]  # fmt: skip
    for process in started:
        process.wait(60)
    files = [folder / f"{number}.xml" for number in range(runs)]
    cases = [case.get("name") for file in files if file.exists() for case in xml.parse(file).iter("testcase")]
    return Counter(cases), Claims(claims).unfinished()


def test_each_test_is_run_once(tmp_path):
    counts, left = share(tmp_path, 3)
    assert counts == Counter([*(f"test_single[{n}]" for n in range(6)), "test_first", "test_second", "test_that_ends_its_run"])
    assert not left


def test_what_a_run_took_with_it_is_named(tmp_path):
    _, left = share(tmp_path, 1, ENDS="1")
    assert "test_shared.py::test_that_ends_its_run" in left


def test_nothing_to_run_is_no_success(tmp_path):
    assert Claims(tmp_path).unfinished()
