"""What is installed beside the programs: the unit, the Ansible role, the cloud-init example. Installing the package
itself is `tools/package --test`."""
from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest
import yaml

from places import BUILD, ROOT

PACKAGING = ROOT / "packaging"


def check(path) -> None:
    done = subprocess.run([BUILD / "lastmiled", "--check", path], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def only_difference(one: str, other: str) -> tuple[str, str]:
    pairs = [(a, b) for a, b in zip(one.splitlines(), other.splitlines()) if a != b]
    assert len(one.splitlines()) == len(other.splitlines())
    (pair,) = pairs
    return pair


def test_servers_of_the_ansible_role_differ_in_one_line(tmp_path):
    jinja2 = pytest.importorskip("jinja2")
    role = PACKAGING / "ansible/roles/lastmile"
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(role / "templates"), trim_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["to_json"] = json.dumps
    inventory = yaml.safe_load((PACKAGING / "ansible/inventory.yaml").read_text())["servers"]
    defaults = yaml.safe_load((role / "defaults/main.yaml").read_text())
    shared = {**defaults, **inventory["vars"]}
    # A default that is made of other variables, as Ansible does it.
    texts = {}
    for name, own in inventory["hosts"].items():
        variables = {**shared, **own}
        variables["lastmile_neighbors"] = list(variables["lastmile_ports"])
        texts[name] = environment.get_template("server.yaml.j2").render(variables)
        path = tmp_path / f"{name}.yaml"
        path.write_text(texts[name])
        check(path)
    one, other = only_difference(texts["bms1"], texts["bms2"])
    assert one == 'loopbacks: ["10.0.1.1/32"]' and other == 'loopbacks: ["10.0.2.2/32"]'
    everything = {
        **variables, "lastmile_bfd": {"interval": "50ms"}, "lastmile_cpus": [1], "lastmile_extra": {"host": {"mtu": 9000}},
        "lastmile_services": [{"name": "web", "address": "192.0.2.80/32"}],
    }  # fmt: skip
    path.write_text(environment.get_template("server.yaml.j2").render(everything))
    check(path)


@pytest.mark.skipif(not shutil.which("ansible-playbook"), reason="ansible-core is not installed")
def test_ansible_reads_the_playbook():
    done = subprocess.run(
        ["ansible-playbook", "-i", "inventory.yaml", "site.yaml", "--syntax-check"],
        cwd=PACKAGING / "ansible", capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_the_cloud_init_example_is_good_and_is_a_server_with_one_line_to_change(tmp_path):
    text = (PACKAGING / "cloud-init/user-data.yaml").read_text()
    assert text.startswith("#cloud-config\n")
    (file,) = yaml.safe_load(text)["write_files"]
    path = tmp_path / "server.yaml"
    path.write_text(file["content"])
    check(path)
    assert file["content"].count("the one line to change") == 1


def test_the_unit_acts_before_neighbors_do_and_never_gives_up():
    unit = (PACKAGING / "debian/lastmile.service").read_text()
    (watchdog,) = re.findall(r"^WatchdogSec=(\d+)s$", unit, re.MULTILINE)
    timers = yaml.safe_load((ROOT / "conf/server.yaml").read_text())["bgp"]["timers"]
    hold, keepalive = (int(timers[name].removesuffix("s")) for name in ("hold", "keepalive"))
    named_after = 3  # daemon/progress_monitor.h
    assert named_after < int(watchdog) < hold - keepalive
    assert "\nRestart=always\n" in unit and "\nStartLimitIntervalSec=0\n" in unit.partition("[Service]")[0]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_the_unit_is_good(tmp_path):
    unit = (PACKAGING / "debian/lastmile.service").read_text()
    # The programs are not installed where the unit has them.
    here = unit.replace("/usr/sbin/lastmiled", str(BUILD / "lastmiled")).replace("/usr/bin/lastmile ", f"{BUILD}/lastmile ")
    path = tmp_path / "lastmile.service"
    path.write_text(re.sub(r"^Documentation=.*\n", "", here, flags=re.MULTILINE))
    done = subprocess.run(["systemd-analyze", "verify", path], capture_output=True, text=True, timeout=60, check=False)
    assert "lastmile.service" not in done.stderr and done.returncode == 0, done.stderr
    # How much of the machine a fault in it would open: 0 is best, 10 is a service without any of that.
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=50", path],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-300:] + done.stderr
