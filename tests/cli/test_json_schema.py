"""The JSON schema of the configuration, as an editor uses it: good files pass, faults are found where they are."""
from __future__ import annotations

import json
import re
import subprocess

import pytest
import yaml

from places import BUILD, ROOT

jsonschema = pytest.importorskip("jsonschema")

SCHEMA = json.loads((ROOT / "conf/lastmile.schema.json").read_text())


class Yaml12(yaml.SafeLoader):
    """YAML 1.2, which editors speak: neither `on` nor 64512:100 is anything but text."""


Yaml12.yaml_implicit_resolvers = {}
for tag, pattern, first in (
    ("bool", r"true|false", "tf"),
    ("int", r"[0-9]+", "0123456789"),
    ("null", r"null|~|", ["n", "~", ""]),
):
    Yaml12.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), list(first))


def faults(text: str) -> list[str]:
    """Places of what the schema does not like: "bgp.neighbors.0"."""
    validator = jsonschema.Draft7Validator(SCHEMA)
    return sorted(".".join(map(str, error.absolute_path)) for error in validator.iter_errors(yaml.load(text, Yaml12)))


GOOD = [ROOT / "conf/server.yaml", *sorted((ROOT / "tests/import").glob("*.yaml"))]


def test_it_is_the_daemon_s_own_and_a_schema():
    said = subprocess.run([BUILD / "lastmiled", "--json-schema"], capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(said.stdout) == SCHEMA, "out of date; run: ninja -C build configuration-reference"
    jsonschema.Draft7Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.name)
def test_good_files_pass(path):
    assert faults(path.read_text()) == []


# One of everything that has more than one form.
FORMS = """
router: {mode: transit, asn: 64512, id: 10.0.1.1}
loopbacks: [10.0.1.1/32, 10.0.1.2, "2001:db8::1"]
ports:
  up1: {device: "0000:03:00.0", mtu: 9000, side: uplink}
  lan: {device: 7, addresses: [192.0.2.1/24]}
  lan2: {parent: lan, vlan: 2}
  metro: {parent: lan, vlan: [100, 20], vlan-protocol: 802.1q}
services:
routes:
  - {prefix: 198.51.100.0/24, via: [{port: lan, address: 192.0.2.9, weight: 2}]}
  - {prefix: 203.0.113.0/24, blackhole: yes}
bfd: {profiles: {fast: {interval: 10ms, echo: off}, slow: {echo: on, strict: false}}}
prefix-lists: {own: {prefixes: [10.0.0.0/8 le 24]}}
policies:
  in: {rules: [{match: {communities: [65001:100, no-export]}, set: {med: 5}}], default: accept}
bgp:
  timers: {hold: 0s}
  neighbors:
    - {port: up1, remote-asn: external, bfd: fast, passive: on, import: in, export: in}
    - {address: 192.0.2.7, remote-asn: 65001, description: 12}
dataplane: {workers: 2, cpus: [1, 2]}
host: {netns: edge, default-route-metric: none}
control:
"""


def test_every_form_of_a_value_passes_as_it_does_with_the_daemon(tmp_path):
    config = tmp_path / "server.yaml"
    config.write_text(FORMS)
    done = subprocess.run([BUILD / "lastmiled", "--check", config], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert faults(FORMS) == []


BAD = [
    ("loopbacks: [10.0.1.1/32]", ""),
    ("ports: {up1: {device: d}}\nprots: {}", ""),
    ("ports: {up1: {mtu: 9000}}", "ports.up1"),
    ("ports: {up1: {device: d, mtu: 90000}}", "ports.up1.mtu"),
    ("ports: {up1: {device: d, mtu: big}}", "ports.up1.mtu"),
    ("ports: {up 1: {device: d}}", "ports"),
    ("ports: {up1: {device: d, vlan: 4095}}", "ports.up1.vlan"),
    ("ports: {up1: {device: d, vlan: [1, 2, 3]}}", "ports.up1.vlan"),
    ("ports: [up1]", "ports"),
    ("ports: {up1: {device: d}}\nrouter: {mode: hsot}", "router.mode"),
    ("ports: {up1: {device: d}}\nrouter: {asn: 0}", "router.asn"),
    ("ports: {up1: {device: d}}\nloopbacks: 10.0.1.1/32", "loopbacks"),
    ("ports: {up1: {device: d}}\nloopbacks: [ten]", "loopbacks.0"),
    ("ports: {up1: {device: d}}\nbgp: {timers: {hold: 9}}", "bgp.timers.hold"),
    ("ports: {up1: {device: d}}\nbgp: {timers: {hold: 9 s}}", "bgp.timers.hold"),
    ("ports: {up1: {device: d}}\nbgp: {multipath-relax: perhaps}", "bgp.multipath-relax"),
    ("ports: {up1: {device: d}}\nbgp: {neighbors: [{prot: up1}]}", "bgp.neighbors.0"),
    ("ports: {up1: {device: d}}\nbgp: {neighbors: [{port: up1, remote-asn: outside}]}", "bgp.neighbors.0.remote-asn"),
    ("ports: {up1: {device: d}}\nbgp: {neighbors: [{port: up1, max-prefixes: {warn-at: 5}}]}", "bgp.neighbors.0.max-prefixes"),
    ("ports: {up1: {device: d}}\nbfd: {profiles: {fast: {echo: maybe}}}", "bfd.profiles.fast.echo"),
    ("ports: {up1: {device: d}}\ncontrol: {socket: run/lastmile.sock}", "control.socket"),
]  # fmt: skip


@pytest.mark.parametrize("text,place", BAD)
def test_faults_are_found_where_they_are(text, place):
    assert faults(text) == [place]
