"""tools/from-frr: what it makes of an frr.conf, what it says it left out, and where it says a file is wrong.

Each NAME.frr.conf has its NAME.yaml and NAME.left beside it. After a change that is meant:
LASTMILE_WRITE_GOLDEN=1 python3 -m pytest tests/import, and read the difference.
"""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = ROOT / os.environ.get("LASTMILE_BUILD", "build")
sys.path.insert(0, str(ROOT / "tools"))

from lablib import frr, topology  # noqa: E402

SAMPLES = sorted(path.name.removesuffix(".frr.conf") for path in HERE.glob("*.frr.conf"))


def from_frr(*arguments: str, folder: Path = HERE) -> subprocess.CompletedProcess:
    return subprocess.run(
        [ROOT / "tools" / "from-frr", *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


def check(path: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [BUILD / "lastmiled", "--check", path], capture_output=True, text=True, timeout=60, check=False
    )


def expect_golden(name: str, text: str) -> None:
    golden = HERE / name
    if "LASTMILE_WRITE_GOLDEN" in os.environ:
        golden.write_text(text)
    assert text == golden.read_text(), f"{name} differs"


@pytest.mark.parametrize("name", SAMPLES)
def test_output_is_as_expected_and_the_daemon_takes_it(name, tmp_path):
    done = from_frr(f"{name}.frr.conf")
    assert done.returncode == 0, done.stderr
    expect_golden(f"{name}.yaml", done.stdout)
    expect_golden(f"{name}.left", done.stderr)
    made = tmp_path / "server.yaml"
    made.write_text(done.stdout)
    checked = check(made)
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("name", SAMPLES)
def test_every_line_is_carried_over_or_named(name):
    """A line of which nothing is left, in the output or in the list, changes something when it is taken out, or is
    one of those that hold by themselves."""
    said = from_frr(f"{name}.frr.conf").stderr.splitlines()
    numbers = [int(line.split(":")[1]) for line in said]
    assert numbers == sorted(numbers)
    strange = (HERE / f"{name}.frr.conf").read_text() + "\nfrobnicate everything\n"
    count = strange.count("\n")
    done = subprocess.run(
        [ROOT / "tools" / "from-frr", "/dev/stdin"], input=strange, capture_output=True, text=True, timeout=60, check=False
    )
    assert f'/dev/stdin:{count}:1: not carried over: "frobnicate everything"' in done.stderr


def test_passwords_go_into_files_that_only_root_reads(tmp_path):
    out = tmp_path / "server.yaml"
    done = from_frr("--secrets", str(tmp_path), "-o", str(out), "numbered.frr.conf")
    assert done.returncode == 0, done.stderr
    assert "hunter2" not in done.stderr + out.read_text()
    secret = tmp_path / "192.0.2.1.password"
    assert secret.read_text() == "hunter2\n"
    assert secret.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "RACK.password").read_text() == "s3cr et\n"
    checked = check(out)
    assert checked.returncode == 0, checked.stderr


def test_a_server_of_the_lab_is_carried_over_whole(tmp_path):
    node = next(n for n in topology.NODES if n.name == "bms1")
    (tmp_path / "frr.conf").write_text(frr.configuration(node, tmp_path))
    done = from_frr("--strict", "--loopback", node.loopback, "frr.conf", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    config = yaml.safe_load(done.stdout)
    assert config["router"] == {"asn": node.asn}
    assert config["loopbacks"] == [node.loopback]
    assert [n["port"] for n in config["bgp"]["neighbors"]] == ["up1", "up2"]
    assert config["bgp"]["groups"]["FABRIC"]["allow-own-as"] == 1


def test_strict_tells_by_its_exit_status():
    assert from_frr("--strict", "numbered.frr.conf").returncode == 3


WRONG = [
    ("hostname x", '1:1: there is no "router bgp" in it; expected the frr.conf of a server'),
    ("router bgp x", '1:12: "x" is not a number; expected an AS number'),
    ("router bgp 4294967296", '1:12: "4294967296" is out of range; expected an AS number from 1 to 4294967294'),
    ("router bgp 1\n bgp router-id 10.0.0.300", '2:16: "10.0.0.300" is not an address; expected one such as'),
    ("router bgp 1\n neighbor eth0 interface remote-as inside", '2:36: "inside" is not a number; expected an AS'),
    ("router bgp 1\n neighbor eth0", '2:16: "the end of the line" is too little'),
    ("router bgp 1\n neighbor leaf remote-as 2", '2:11: "leaf" is not an address'),
    ("router bgp 1\n neighbor eth0 interface remote-as 2\n neighbor eth0 bfd 1 2 3", '3:20: "1" is out of range'),
    ("router bgp 1\n neighbor 10.0.0.1 remote-as 2\n neighbor 10.0.0.1 route-map x both", '3:32: "both" is neither in'),
    ("router bgp 1\nip prefix-list x permit 10.0.0/8", '2:25: "10.0.0/8" is not a prefix'),
    ("router bgp 1\nip prefix-list x allow 10.0.0.0/8", '2:18: "allow" is neither permit nor deny'),
    ("router bgp 1\nip prefix-list x permit 10.0.0.0/8 ge 33", '2:39: "33" is out of range'),
    ("router bgp 1\nroute-map x allow 10", '2:13: "allow" is neither permit nor deny'),
    ("router bgp 1\nrouter bgp 2", '2:1: "router" is there twice'),
    ("router bgp 1\ninterface lo\n ip address 10.0.0.1/33", '3:13: "10.0.0.1/33" is not an address'),
    ("router bgp 1\n network 10.0.0.1/32", "1:1: no neighbor is on an interface"),
    ("router bgp 1\n neighbor \x01", "2:1: the line is no text"),
]


@pytest.mark.parametrize("text,message", WRONG, ids=[m.split(";")[0] for _, m in WRONG])
def test_what_is_wrong_is_said_with_its_place(text, message, tmp_path):
    (tmp_path / "frr.conf").write_text(text + "\n")
    done = from_frr("frr.conf", folder=tmp_path)
    assert done.returncode == 1, done.stdout
    assert done.stdout == ""
    assert done.stderr.startswith(f"frr.conf:{message}"), done.stderr
    assert done.stderr.count("\n") == 1


def test_a_file_that_is_not_there_is_said_in_one_line(tmp_path):
    done = from_frr("nothing.conf", folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and "nothing.conf" in done.stderr
