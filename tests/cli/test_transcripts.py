"""tools/transcript: the same words pass whatever their figures are, other words do not."""
from __future__ import annotations

import subprocess

import pytest

from places import ROOT

KEPT = ROOT / "docs/transcripts/first-session.txt"
DEMO = ROOT / "docs/transcripts/first-demo.txt"


def compared(made, kept=KEPT) -> subprocess.CompletedProcess:
    return subprocess.run([ROOT / "tools/transcript", kept, made], capture_output=True, text=True, timeout=60, check=False)


def test_of_the_demo_only_times_may_be_missed(tmp_path):
    text, made = DEMO.read_text(), tmp_path / "made"
    late = "link down, bms1 → bms2: longest gap"
    wrong = "flows seen on both"
    assert f"ok   {late}" in text and f"ok   {wrong}" in text
    made.write_text(text.replace(f"ok   {late}", f"FAIL {late}"))
    assert compared(made, DEMO).returncode == 0
    made.write_text(text.replace(f"ok   {wrong}", f"FAIL {wrong}"))
    assert compared(made, DEMO).returncode == 1
    made.write_text("".join(text.splitlines(keepends=True)[:-3]))  # broken off
    assert compared(made, DEMO).returncode == 1


@pytest.mark.parametrize(
    "was, becomes",
    [
        ("65002  Established  0s     0     0     1", "65002  Established  1m2s   300   12   1"),
        ("fe80::28d2:d7ff:fe40:3d30", "fe80::1"),
        ("time=0.223 ms", "time=11 ms"),
        ("    next: reserve some: sysctl vm.nr_hugepages=512, and in /etc/sysctl.d for the next boot\n", ""),
        ("debconf: delaying package configuration, since apt-utils is not installed\n", ""),
    ],
)
def test_other_figures_pass(tmp_path, was, becomes):
    text = KEPT.read_text()
    assert was in text
    made = tmp_path / "made"
    made.write_text(text.replace(was, becomes))
    done = compared(made)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "was, becomes, told",
    [
        ("Established  0s", "Active       0s", "+up# LINK-LOCAL # Active #s # # #"),
        ("server.yaml: good", "server.yaml: fine", "+/etc/lastmile/server.yaml: fine"),
        ("# systemctl reload lastmile\n", "", "-# systemctl reload lastmile"),
    ],
)
def test_other_words_do_not(tmp_path, was, becomes, told):
    text = KEPT.read_text()
    assert was in text
    made = tmp_path / "made"
    made.write_text(text.replace(was, becomes))
    done = compared(made)
    assert done.returncode == 1
    assert told in done.stdout.splitlines()
