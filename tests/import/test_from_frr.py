"""tools/from-frr: what it makes of an frr.conf, what it says it left out, and where it says a file is wrong.

Each NAME.frr.conf has its NAME.yaml and NAME.left beside it. After a change that is meant:
LASTMILE_WRITE_GOLDEN=1 python3 -m pytest tests/import, and read the difference.
"""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = ROOT / os.environ.get("LASTMILE_BUILD", "build")
sys.path.insert(0, str(ROOT / "tools"))

from frrlib.convert import convert  # noqa: E402
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


SERVER = """\
interface eth0
 ip address 192.0.2.2/30
 ipv6 address 2001:db8:f::2/64
interface mgmt0
 ip address 172.16.0.17/24
interface lo
 ip address 10.0.7.7/32
 ipv6 address 2001:db8:7::7/128
router bgp 65100
 bgp router-id 10.0.7.9
 no bgp ebgp-requires-policy
 neighbor 192.0.2.1 remote-as 65001
 neighbor 2001:db8:f::1 remote-as 65001
"""
V4, V6 = " address-family ipv4 unicast\n", " address-family ipv6 unicast\n"
ALL_V4, ALL_V6 = {"match": {"prefixes": ["0.0.0.0/0 le 32"]}}, {"match": {"prefixes": ["::/0 le 128"]}}


@pytest.fixture
def made(tmp_path):
    """From lines behind SERVER to the configuration, which the daemon takes, and what is said of them."""

    def make(text: str, server: str = SERVER) -> tuple[dict, str]:
        result = convert(server + text, "frr.conf")
        (tmp_path / "server.yaml").write_text(result.text)
        checked = check(tmp_path / "server.yaml")
        assert checked.returncode == 0, checked.stderr
        return yaml.safe_load(result.text), "\n".join(result.left)

    return make


def neighbor(config: dict, address: str = "192.0.2.1") -> dict:
    return next(n for n in config["bgp"]["neighbors"] if n.get("address") == address)


def rules(config: dict, direction: str = "import", address: str = "192.0.2.1") -> list[dict]:
    return config["policies"][neighbor(config, address)[direction]].get("rules", [])


def reason(said: str, line: str) -> str:
    """Why a line was not carried over."""
    found = [one.partition('"; ')[2] for one in said.splitlines() if f'not carried over: "{line}"' in one]
    assert len(found) == 1, said
    return found[0]


def filtered(route_map: str, family: str = V4) -> str:
    return f"{family}  neighbor 192.0.2.1 route-map m in\n exit-address-family\nexit\n{route_map}"


# --- static routes, VRFs


def test_what_stands_in_a_vrf_stays_there(made):
    config, said = made(f"{V4}  network 10.0.7.7/32\nvrf red\n ip route 198.51.100.0/24 192.0.2.1\n ip router-id 10.66.0.1\nexit-vrf\n"
                        "ip route 203.0.113.0/24 192.0.2.1\nvrf blue\nip prefix-list p seq 5 permit 10.0.0.0/8\n"
                        "ip route 192.88.99.0/24 Null0\n", SERVER.replace(" bgp router-id 10.0.7.9\n", ""))  # fmt: skip
    assert [route["prefix"] for route in config["routes"]] == ["203.0.113.0/24", "192.88.99.0/24"]
    assert "id" not in config["router"]
    assert reason(said, "vrf red") == reason(said, "vrf blue") == "there are no VRFs"


LEFT_ROUTES = [
    ("ip route 198.51.100.0/24 192.0.2.1 vrf red", "there are no VRFs"),
    ("ip route 198.51.100.0/24 192.0.2.1 eth0 nexthop-vrf red", "there are no VRFs"),
    ("ip route 198.51.100.0/24 192.0.2.1 21", "a static route always goes before BGP here"),
    ("ip route 198.51.100.0/24 Null0 254", "a static route always goes before BGP here"),
    ("ip route 198.51.100.0/24 192.0.2.1 label 16", 'a route has no "label" here'),
    ("ip route 198.51.100.0/24 192.0.2.1 table 16", 'a route has no "table" here'),
    ("ip route 198.51.100.0/24 192.0.2.1 tag 5 bfd profile x", 'a route has no "bfd" here'),
    ("ipv6 route 2001:db8:9::/48 from 2001:db8:1::/48 2001:db8:f::1", 'a route has no "from" here'),
    ("ip route 198.51.100.0/24 192.0.2.9 eth0 onlink", "its next hop is in no subnet of the port"),
    ("ip route 198.51.100.0/24 192.0.2.1 mgmt0", "its interface is no port of the router: the kernel keeps such a route"),
]


@pytest.mark.parametrize("line,why", LEFT_ROUTES, ids=[line.split(" ", 3)[3] for line, _ in LEFT_ROUTES])
def test_a_route_that_says_more_is_left_out(line, why, made):
    config, said = made(f"exit\n{line}\n")
    assert "routes" not in config
    assert reason(said, line) == why


def test_a_route_keeps_what_it_can(made):
    config, said = made("exit\nip route 198.51.100.0 255.255.255.0 192.0.2.1 eth0 tag 7 onlink 20\n"
                        "ip route 198.51.100.0/24 192.0.2.1 20\n")  # fmt: skip
    assert config["routes"] == [{"prefix": "198.51.100.0/24", "via": [{"port": "eth0", "address": "192.0.2.1"}]}]
    assert "note: routes have no tags here" in said


@pytest.mark.parametrize("first", ["192.0.2.1", "172.16.0.1"], ids=["by a port", "by the kernel"])
def test_of_a_prefix_only_the_least_distance_counts(first, made):
    backup = "ip route 198.51.100.0/24 eth0 10"
    config, said = made(f"exit\nip route 198.51.100.0/24 {first}\n{backup}\n")
    assert [via for route in config.get("routes", []) for via in route["via"]] == (
        [{"port": "eth0", "address": first}] if first == "192.0.2.1" else []
    )
    assert "no next hop before another" in reason(said, backup)


def test_a_route_does_not_both_drop_and_forward(made):
    config, said = made("exit\nip route 198.51.100.0/24 Null0\nip route 198.51.100.0/24 192.0.2.1\n")
    assert config["routes"][0]["via"] == [{"port": "eth0", "address": "192.0.2.1"}]
    assert "drops everything or nothing" in reason(said, "ip route 198.51.100.0/24 Null0")


# --- route-maps


LIST = "ip prefix-list p seq 5 permit 10.1.0.0/16\n"


@pytest.mark.parametrize("jump", ["call other", "on-match goto 30", "continue 30"])
def test_what_goes_on_elsewhere_is_refused(jump, made):
    config, said = made(filtered(f"route-map m permit 10\n match ip address prefix-list p\n set metric 5\n {jump}\n"
                                 f"route-map m permit 20\nroute-map m permit 30\n{LIST}"))  # fmt: skip
    assert rules(config) == [{"match": {"prefix-lists": ["p"]}, "action": "reject"}, ALL_V4, ALL_V4, ALL_V6]
    assert "goes on elsewhere for what it matches, so that is refused" in reason(said, "route-map m permit 10")


def test_what_goes_on_elsewhere_by_an_unknown_condition_refuses_more(made):
    config, _ = made(filtered(f"route-map m permit 10\n match tag 5\n call other\nroute-map m permit 20\n{LIST}"))
    assert rules(config)[0] == {**ALL_V4, "action": "reject"}


@pytest.mark.parametrize("jump", ["on-match next", "on-match goto 20", "continue"])
def test_what_goes_on_with_the_next_entry_is_left_out(jump, made):
    config, said = made(filtered(f"route-map m permit 10\n match ip address prefix-list p\n set metric 5\n {jump}\n"
                                 f"route-map m permit 20\n{LIST}"))  # fmt: skip
    assert rules(config) == [ALL_V4, ALL_V6]
    assert reason(said, "route-map m permit 10") == "the route-map goes on behind it, and its changes are lost"
    _, said = made(filtered(f"route-map m permit 10\n {jump}\nroute-map m permit 20\n"))
    assert reason(said, "route-map m permit 10") == "the route-map goes on behind it"


@pytest.mark.parametrize("jump", ["call other", "on-match goto 30", "on-match next", "continue 30"])
def test_what_denies_does_not_go_on(jump, made):
    config, said = made(filtered(f"route-map m deny 10\n match ip address prefix-list p\n {jump}\n"
                                 f"route-map m permit 20\nroute-map m permit 30\n{LIST}"))  # fmt: skip
    assert rules(config)[0] == {"match": {"prefix-lists": ["p"]}, "action": "reject"}
    assert "route-map" not in said and jump not in said


@pytest.mark.parametrize("jump,announced", [("call other", False), ("on-match goto 30", False), ("on-match next", True)])
def test_addresses_go_by_the_whole_route_map(jump, announced, made):
    config, _ = made(f"{V4}  redistribute connected route-map m\n{V6}  redistribute connected\nexit\nroute-map m permit 10\n"
                     f" {jump}\nroute-map m permit 20\n match ip address prefix-len 32\nroute-map m permit 30\n")  # fmt: skip
    assert ("10.0.7.7/32" in config["loopbacks"]) == announced


def test_an_address_is_not_announced_by_a_condition_that_is_not_known(made):
    config, said = made(f"{V4}  redistribute connected route-map m\n{V6}  redistribute connected\nexit\n"
                        "route-map m permit 10\n match tag 5\n")  # fmt: skip
    assert config["loopbacks"] == ["2001:db8:7::7/128"]
    assert reason(said, "match tag 5") == 'it is not looked at for redistributed addresses; compare "loopbacks"'


SECOND = [
    ("match ip address prefix-list p\n match ip address prefix-len 32", "match ip address prefix-len 32"),
    ("match ip address prefix-len 32\n match ip address prefix-list p", "match ip address prefix-list p"),
    ("match ip address prefix-list split\n match ip address prefix-len 32", "match ip address prefix-len 32"),
    ("match ip address prefix-list p\n match ipv6 address prefix-len 128", "match ipv6 address prefix-len 128"),
]


@pytest.mark.parametrize("two,second", SECOND, ids=[two.replace("\n", ",") for two, _ in SECOND])
def test_two_prefix_conditions_have_to_fit_both(two, second, made):
    both = f"{V6}  neighbor 192.0.2.1 route-map m in\n exit-address-family\n"
    config, said = made(both + filtered(f"route-map m permit 10\n {two}\n{LIST}ip prefix-list split seq 5 deny 10.1.1.0/24\n"
                                        "ip prefix-list split seq 10 permit 10.0.0.0/8 le 32\n"))  # fmt: skip
    assert rules(config) == []
    assert reason(said, second) == "no policy can say that"


def test_a_condition_that_stands_twice_counts_as_the_later(made):
    config, said = made(filtered("route-map m deny 10\n match ip address prefix-list p\n match ip address prefix-list q\n"
                                 f"{LIST}ip prefix-list q seq 5 permit 10.2.0.0/16\n"))  # fmt: skip
    assert rules(config)[0]["match"] == {"prefix-lists": ["q"]}
    assert reason(said, "match ip address prefix-list p") == "a later line is in its place"


NEXT_HOPS = ["ip next-hop peer-address", "ip next-hop unchanged", "ipv6 next-hop peer-address",
             "ipv6 next-hop prefer-global", "ipv6 next-hop local fe80::1"]  # fmt: skip


@pytest.mark.parametrize("change", NEXT_HOPS)
def test_a_next_hop_that_is_no_address_is_left_out(change, made):
    config, said = made(filtered(f"route-map m permit 10\n set {change}\n set metric 5\n"))
    assert rules(config)[0] == {**ALL_V4, "set": {"med": 5}}
    assert reason(said, f"set {change}") == "no policy can set that"


# --- filters of neighbors and their groups, by address family


def test_a_neighbor_takes_from_its_group_what_it_has_not_of_its_own(made):
    config, _ = made(" neighbor G peer-group\n neighbor G remote-as 65001\n neighbor 192.0.2.1 peer-group G\n"
                     f"{V4}  neighbor G route-map a in\n  neighbor 192.0.2.1 prefix-list p out\n"
                     f"{V6}  neighbor G route-map b in\n  neighbor G prefix-list p out\n  neighbor 192.0.2.1 route-map c in\n"
                     f"exit\nroute-map a permit 10\n set metric 1\nroute-map b permit 10\n set metric 2\n"
                     f"route-map c permit 10\n set metric 3\n{LIST}ipv6 prefix-list p seq 5 permit 2001:db8::/32\n")  # fmt: skip
    assert rules(config) == [{**ALL_V4, "set": {"med": 1}}, {**ALL_V6, "set": {"med": 3}}]
    assert rules(config, "export") == [{"match": {"prefixes": ["10.1.0.0/16"]}}, {"match": {"prefixes": ["2001:db8::/32"]}}]
    group = config["bgp"]["groups"]["G"]
    assert config["policies"][group["import"]]["rules"] == [{**ALL_V4, "set": {"med": 1}}, {**ALL_V6, "set": {"med": 2}}]


def test_a_route_map_and_a_prefix_list_have_to_permit_both(made):
    config, said = made(f"{V4}  neighbor 192.0.2.1 prefix-list p in\n  neighbor 192.0.2.1 route-map m in\n"
                        f"{V6}  neighbor 192.0.2.1 prefix-list p in\nexit\n"
                        "route-map m deny 10\n match as-path none\nroute-map m permit 20\n match ip address prefix-list q\n"
                        "route-map m permit 30\n match ip address prefix-len 24\nroute-map m permit 40\n set metric 7\n"
                        "ip prefix-list q permit 10.2.0.0/16\nbgp as-path access-list none permit ^$\n"
                        "ip prefix-list p deny 10.1.1.0/24\nip prefix-list p permit 10.0.0.0/8 le 32\n"
                        "ip prefix-list p deny 10.3.0.0/16\nip prefix-list p permit 198.51.100.0/24\n"
                        "ip prefix-list p deny any\n")  # fmt: skip
    ranges = ["10.0.0.0/8 le 32", "198.51.100.0/24"]
    assert rules(config) == [
        {"match": {"prefixes": ["10.1.1.0/24"]}, "action": "reject"},
        {"match": {"prefixes": ["10.3.0.0/16"]}, "action": "reject"},
        {"match": {"as-path": ["^$"], "prefixes": ["0.0.0.0/0 le 32"]}, "action": "reject"},
        {"match": {"prefixes": ["10.2.0.0/16"]}},
        {"match": {"prefixes": ["10.0.0.0/8 ge 24 le 24", "198.51.100.0/24"]}},
        {"match": {"prefixes": ranges}, "set": {"med": 7}},
    ]
    assert "more is refused" in reason(said, "ip prefix-list p deny 10.3.0.0/16")
    assert said.count("prefix-list") == 1


def test_policies_of_a_prefix_list_have_names_of_their_own(made):
    config, _ = made(f"{V4}  neighbor 192.0.2.1 prefix-list X in\n  neighbor 2001:db8:f::1 prefix-list X in\n"
                     f"  neighbor 192.0.2.1 route-map X-list-ipv4 out\n"
                     f"{V6}  neighbor 2001:db8:f::1 prefix-list X in\n  neighbor 192.0.2.1 route-map X-list-ipv4 out\n"
                     "exit\nip prefix-list X permit 10.0.0.0/8\nipv6 prefix-list X permit 2001:db8::/32\n"
                     "route-map X-list-ipv4 permit 10\n set metric 9\n")  # fmt: skip
    assert rules(config) == [{"match": {"prefixes": ["10.0.0.0/8"]}}, ALL_V6]
    assert rules(config, address="2001:db8:f::1") == [{"match": {"prefixes": ["10.0.0.0/8"]}}, {"match": {"prefixes": ["2001:db8::/32"]}}]
    assert rules(config, "export") == [{"set": {"med": 9}}]
    assert neighbor(config)["import"] == "X-list-ipv4"
    assert neighbor(config)["export"] == "X-list-ipv4-2"
    assert neighbor(config, "2001:db8:f::1")["import"] == "X-list"


def test_a_name_is_made_one_that_the_daemon_takes(made):
    config, _ = made(f"{V4}  neighbor 192.0.2.1 route-map from:leaf/1 in\nexit\nroute-map from:leaf/1 permit 10\n")
    assert neighbor(config)["import"] == "from-leaf-1-ipv4"


def test_prefix_lists_of_two_families_may_have_one_name(made):
    both = f"{V6}  neighbor 192.0.2.1 route-map m in\n exit-address-family\n"
    config, _ = made(both + filtered("route-map m permit 10\n match ip address prefix-list D\n"
                                     "route-map m permit 20\n match ipv6 address prefix-list D\n"
                                     "ip prefix-list D permit 0.0.0.0/0\nipv6 prefix-list D permit ::/0\n"
                                     "ipv6 prefix-list D-ipv6 permit 2001:db8::/32\n"))  # fmt: skip
    assert rules(config) == [{"match": {"prefix-lists": ["D"]}}, {"match": {"prefix-lists": ["D-ipv6"]}}]
    assert config["prefix-lists"] == {"D": {"prefixes": ["0.0.0.0/0"]}, "D-ipv6": {"prefixes": ["::/0"]}}


def test_an_entry_of_the_other_family_is_skipped(made):
    config, said = made(f"{V6}  neighbor 192.0.2.1 route-map other in\n exit-address-family\n" + filtered(
        "route-map m permit 10\n match ipv6 address prefix-len 128\nroute-map m permit 20\n match ip address prefix-list p\n"
        f"route-map other deny 10\n match ip address prefix-list p\nroute-map other permit 20\n{LIST}"))  # fmt: skip
    assert rules(config) == [{"match": {"prefix-lists": ["p"]}}, ALL_V6]
    for line in ("route-map m permit 10", "match ipv6 address prefix-len 128", "route-map other deny 10"):
        assert reason(said, line) == "it is for the other address family, so nothing comes to it"


def test_addresses_are_announced_in_their_family_only(made):
    config, said = made(f"{V4}  redistribute connected metric 5\n")
    assert config["loopbacks"] == ["10.0.7.7/32"] and "note: the addresses are announced without a metric" in said
    config, said = made(f"{V6}  redistribute connected\n")
    assert config["loopbacks"] == ["2001:db8:7::7/128"]
    lo = SERVER.replace(" ipv6 address 2001:db8:7::7/128\n", "").replace(" ip address 10.0.7.7/32\n", "")
    assert "loopbacks" not in made(f"{V6}  redistribute connected\n", lo)[0]  # nor the router-id
    assert "Lastmile announces every loopback" in reason(said, "ip address 10.0.7.7/32")


def test_entries_without_a_number_follow_the_highest(made):
    config, _ = made(f"{V4}  neighbor 192.0.2.1 prefix-list n in\nexit\nip prefix-list n seq 12 deny 10.1.0.0/16\n"
                     "ip prefix-list n permit 10.0.0.0/8 le 32\nip prefix-list n seq 14 deny 10.2.0.0/16\n")  # fmt: skip
    assert [rule["match"]["prefixes"][0] for rule in rules(config)][:3] == ["10.1.0.0/16", "10.2.0.0/16", "10.0.0.0/8 le 32"]


# --- settings of neighbors


def test_maximum_paths_may_be_followed_by_a_word(made):
    assert made(f"{V4}  maximum-paths ibgp 4 equal-cluster-length\n")[0]["bgp"]["max-paths"] == 4


def test_a_tab_is_as_good_as_a_space(made):
    assert neighbor(made(" neighbor\t192.0.2.1\tpassive\n")[0])["passive"] is True


def test_a_shutdown_by_round_trip_time_is_none(made):
    config, said = made(" neighbor 192.0.2.1 shutdown rtt 500 count 3\n")
    assert "shutdown" not in neighbor(config)
    assert "round trips" in reason(said, "neighbor 192.0.2.1 shutdown rtt 500 count 3")


@pytest.mark.parametrize("kind", ["filter-list", "distribute-list"])
def test_a_filter_that_is_lost_is_said_to_be(made, kind):
    _, said = made(f"{V4}  neighbor 192.0.2.1 {kind} X in\n")
    assert "let through here" in reason(said, f"neighbor 192.0.2.1 {kind} X in")


def test_communities_are_sent_though_they_should_not_be(made):
    _, said = made(f"{V4}  no neighbor 192.0.2.1 send-community\n")
    assert reason(said, "no neighbor 192.0.2.1 send-community") == "communities are always sent"


def test_refused_prefixes_count_with_force_only_in_frr(made):
    text = f"{V4}  neighbor 192.0.2.1 maximum-prefix 100\n  neighbor 192.0.2.1 prefix-list p in\nexit\n{LIST}"
    assert "note: prefixes that the import policy refuses count, too" in made(text)[1]
    assert "count, too" not in made(text.replace("prefix 100", "prefix 100 force"))[1]


def test_a_network_has_a_mask_or_a_length(made):
    config, said = made(f"{V6}  redistribute connected\n{V4}  network 10.1.0.0 mask 255.255.0.0\n  network 10.2.0.1\n"
                        "  network 10.3.0.1 mask 255.255.255.255\n  network 10.4.0.1/32 backdoor\n"
                        "  network 10.5.0.1/32 route-map m\n  network 10.6.0.1/32 route-map m\nexit\n"
                        "route-map m permit 10\n match ip address prefix-list six\n"
                        "ip prefix-list six permit 10.6.0.1/32\n")  # fmt: skip
    assert config["loopbacks"] == ["2001:db8:7::7/128", "10.3.0.1/32", "10.6.0.1/32"]
    assert "single addresses only" in reason(said, "network 10.1.0.0 mask 255.255.0.0")
    assert "it has no length" in reason(said, "network 10.2.0.1")
    assert reason(said, "network 10.4.0.1/32 backdoor") == "Lastmile has no such setting of a network"
    assert "its route-map does not let it through" in reason(said, "network 10.5.0.1/32 route-map m")


WARNING = "note: a limit is for both address families here, and only one has one: it is a warning"
LIMITS = [
    # of IPv4, of IPv6, what is told
    ("maximum-prefix 100", "", {"limit": 100}, ""),
    ("maximum-prefix 100", "activate", {"limit": 100, "action": "warning"}, WARNING),
    ("maximum-prefix 100 90 restart 5", "activate", {"limit": 100, "warn-at": 90, "action": "warning"}, WARNING),
    ("", "maximum-prefix 100", {"limit": 100, "action": "warning"}, WARNING),
    ("maximum-prefix 100", "maximum-prefix 50", {"limit": 150}, ""),
    ("maximum-prefix 100", "maximum-prefix 50 warning-only", {"limit": 150, "action": "warning"}, ""),
    ("maximum-prefix 16777215", "maximum-prefix 16777215", {"limit": 16777216}, ""),
    ("maximum-prefix 9 restart 2000", "", {"limit": 9, "action": "restart", "restart-after": "1092m"}, "note: it is tried again after 1092"),
    ("maximum-prefix 4294967295", "", None, "the limit is above what a table holds"),
    ("maximum-prefix 16777216", "maximum-prefix 7", {"limit": 7, "action": "warning"}, WARNING),
]


@pytest.mark.parametrize("four,six,limit,told", LIMITS, ids=[f"{four or '-'}, {six or '-'}" for four, six, _, _ in LIMITS])
def test_a_limit_ends_no_session_that_frr_would_keep(four, six, limit, told, made):
    lines = [family + f"  neighbor 192.0.2.1 {line}\n exit-address-family\n" for family, line in ((V4, four), (V6, six)) if line]
    config, said = made("".join(lines))
    assert neighbor(config).get("max-prefixes") == limit
    assert told in said and ("is a warning" in said) == (told == WARNING)


def test_a_neighbor_has_the_limits_of_its_group_by_family(made):
    config, _ = made(" neighbor G peer-group\n neighbor G remote-as 65001\n neighbor 192.0.2.1 peer-group G\n"
                     " neighbor 2001:db8:f::1 peer-group G\n"
                     f"{V4}  neighbor G maximum-prefix 100 90 restart 5\n  neighbor 2001:db8:f::1 maximum-prefix 20000000\n"
                     f"{V6}  neighbor 192.0.2.1 activate\n  neighbor 192.0.2.1 maximum-prefix 50\n")  # fmt: skip
    assert config["bgp"]["groups"]["G"]["max-prefixes"] == {"limit": 100, "warn-at": 90, "action": "restart", "restart-after": "5m"}
    assert neighbor(config)["max-prefixes"] == {"limit": 150, "warn-at": 75, "action": "restart", "restart-after": "5m"}
    assert neighbor(config, "2001:db8:f::1")["max-prefixes"] == {"limit": 16777216, "action": "warning"}


def test_a_run_leaves_nothing_beside_the_tool(tmp_path):
    shutil.copy(ROOT / "tools" / "from-frr", tmp_path)
    shutil.copytree(ROOT / "tools" / "frrlib", tmp_path / "frrlib", ignore=shutil.ignore_patterns("__pycache__"))
    plain = {key: value for key, value in os.environ.items() if key not in ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")}
    subprocess.run([tmp_path / "from-frr", HERE / "short.frr.conf"], env=plain, capture_output=True, timeout=60, check=True)
    assert not list(tmp_path.rglob("__pycache__"))


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
    ("router bgp 1\n network 10.0.0.1 mask 0.0.255.255", '2:24: "0.0.255.255" is not a mask; expected one such as 255'),
    ("router bgp 1\nip route 10.0.0.0 24 eth0", '2:19: "24" is not a mask; expected one such as 255'),
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
