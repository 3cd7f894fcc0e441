"""BFD against FRR, BIRD and ourselves: sessions, silent loss, authentication, echo.

Figures of time are printed, never judged: the machine may be busy.
"""
import json
import os
import re
import subprocess
import time
import uuid
from pathlib import Path

import pytest

from lablib import fabric, frr, lastmile, measure, topology
from lablib.netns import Lab, ended, wait_for

SPINE = "10.255.255.201"
SERVER_BFD = {"bms1": "{interval: 10ms, multiplier: 3}", "bms2": "{interval: 3ms, multiplier: 3, echo: unaffiliated}"}


def sessions(lab: Lab, node: str) -> dict[str, dict]:
    return {s["neighbor"]: s for s in lastmile.show(lab, node, "bfd").get("sessions", [])}


def up(lab: Lab, node: str) -> set[str]:
    return {name for name, session in sessions(lab, node).items() if session["state"] == "up"}


@pytest.fixture(scope="module")
def bfd_lab():
    """The fabric; leaves run FRR's bfdd with bms1 at 10 ms × 3 and know nothing of BFD with bms2."""
    lab = Lab("lmbfd")
    lab.remove()
    try:
        fabric.up(lab)
        for leaf in ("leaf1", "leaf2"):
            frr.watch(lab, topology.node(leaf), ["bms1"], interval_ms=10)
        # Milliseconds on a machine that compiles at the same time.
        lastmile.start_servers(lab, bfd=SERVER_BFD, scheduling="realtime")
        yield lab
    finally:
        lab.remove()


def test_sessions_with_frr_come_up_at_ten_milliseconds(bfd_lab):
    wait_for("bms1: BFD", lambda: up(bfd_lab, "bms1") == {"up1", "up2"})
    wait_for(
        "both sides at 10 ms",
        lambda: all(
            s["interval_us"] == 10_000 and s["detect_us"] == 30_000
            for s in sessions(bfd_lab, "bms1").values()
        ),
    )
    for leaf in ("leaf1", "leaf2"):
        peers = frr.show(bfd_lab, leaf, "show bfd peers")
        ours = [p for p in peers if p.get("interface") == "bms1"]
        assert [p["status"] for p in ours] == ["up"], ours
        assert ours[0]["remote-receive-interval"] == 10
    text = lastmile.command(bfd_lab, "bms1", "show", "bfd")
    assert re.search(r"up1 .* up .* 10 ms +30 ms x3 +off", text), text


def test_workers_run_in_real_time(bfd_lab):
    pid = bfd_lab.pid("bms1", "lastmiled")
    policies = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        fields = (task / "stat").read_text().rsplit(")", 1)[1].split()
        policies[(task / "comm").read_text().strip()] = int(fields[38])  # `policy` of proc(5)
    assert policies.pop("lm-worker-0") == os.SCHED_RR
    assert set(policies.values()) == {os.SCHED_OTHER}, "threads that workers start stay ordinary"


def test_unaffiliated_echo_needs_nothing_of_the_leaf(bfd_lab):
    """FRR on the leaves has no BFD session with bms2 at all."""
    wait_for("bms2: echo", lambda: up(bfd_lab, "bms2") == {"up1", "up2"})
    for leaf in ("leaf1", "leaf2"):
        assert not [p for p in frr.show(bfd_lab, leaf, "show bfd peers") if p.get("interface") == "bms2"]
    time.sleep(2)
    for name, session in sessions(bfd_lab, "bms2").items():
        print(
            f"echo by {name}: round trip {session['rtt_mean_us']:.0f} µs, jitter "
            f"{session['rtt_jitter_us']:.0f} µs, longest gap {session['longest_gap_us']:.0f} µs"
        )
        assert session["echo_returned"] > 100
        assert session["rtt_mean_us"] > 0


# --- silent loss ----------------------------------------------------------------------------------

SENDER = """
import socket, struct, sys, threading, time
source, destination, flows, rate = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
enough = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), enough.set()), daemon=True).start()
sockets = []
for i in range(flows):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((source, 20000 + i))
    sockets.append(s)
print("ready", flush=True)
begin = time.monotonic()
n = 0
while not enough.is_set():
    due = (time.monotonic() - begin) * rate
    while n < due and not enough.is_set():
        sockets[n % flows].sendto(struct.pack("!Q", n), (destination, 9000))
        n += 1
    time.sleep(0.0002)
print(n)
"""
RECEIVER = """
import json, socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
s.bind(("0.0.0.0", 9000))
print("ready", flush=True)
s.settimeout(60)
last, gaps, count = {}, {}, 0
try:
    while True:
        _, (_, port) = s.recvfrom(64)
        now = time.monotonic()
        gaps[port] = max(gaps.get(port, 0), now - last.get(port, now))
        last[port] = now
        count += 1
        s.settimeout(2)
except TimeoutError:
    print(json.dumps({"received": count, "gaps": gaps}))
"""


def silence(lab: Lab, leaf: str, interface: str) -> None:
    """The leaf drops every frame of a server's link, both ways; the link stays up."""
    rules = "table netdev silent {\n"
    for hook in ("ingress", "egress"):
        rules += (
            f" chain {hook} {{ type filter hook {hook} device \"{interface}\" priority 0; policy drop; }}\n"
        )
    lab.run(leaf, "sh", "-c", f"nft -f - <<'X'\n{rules}}}\nX")


def speak(lab: Lab, leaf: str) -> None:
    lab.run(leaf, "nft", "delete", "table", "netdev", "silent")


def gap_during(lab: Lab, server: str, action, before: float, after: float) -> dict:
    """16 flows from a server to the spine while `action` runs, and so many seconds before and after it."""
    node = topology.node(server)
    receiver = subprocess.Popen(
        lab.in_node("spine1") + [measure.PYTHON, "-c", RECEIVER], stdout=subprocess.PIPE, text=True
    )
    assert receiver.stdout.readline().strip() == "ready"
    with subprocess.Popen(
        lab.in_node(server)
        + [measure.PYTHON, "-c", SENDER, node.loopback.split("/")[0], SPINE, "16", "2000"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as sender:
        assert sender.stdout.readline().strip() == "ready"
        time.sleep(before)
        action()
        time.sleep(after)
        sent = int(sender.communicate(timeout=60)[0])
    result = json.loads(receiver.communicate(timeout=60)[0])
    result["lost"] = sent - result["received"]
    result["longest_gap"] = max(result["gaps"].values())
    return result


@pytest.mark.parametrize("server", ["bms1", "bms2"])
def test_silent_loss_moves_traffic_and_recovery_loses_nothing(bfd_lab, server):
    wait_for(f"{server}: BFD", lambda: up(bfd_lab, server) == {"up1", "up2"})
    before = sessions(bfd_lab, server)["up1"]["failures"]
    result = gap_during(bfd_lab, server, lambda: silence(bfd_lab, "leaf1", server), before=1, after=2)
    print(
        f"{server}: silent loss of up1: longest gap of 16 flows {result['longest_gap'] * 1000:.1f} ms, "
        f"{result['lost']} packets lost; {SERVER_BFD[server]}"
    )
    session = sessions(bfd_lab, server)["up1"]
    assert session["failures"] > before
    assert session["state"] != "up"
    assert len(result["gaps"]) == 16, "a flow never arrived again"
    wait_for("BGP on up1 is down", lambda: "up1" not in lastmile.established(bfd_lab, server))
    errors = {n["name"]: n["last_error"] for n in lastmile.show(bfd_lab, server, "bgp")["neighbors"]}
    assert "BFD" in errors["up1"] or "connect" in errors["up1"], errors

    def back():
        speak(bfd_lab, "leaf1")
        wait_for("BGP", lambda: lastmile.established(bfd_lab, server) == {"up1", "up2"})
        wait_for("BFD", lambda: up(bfd_lab, server) == {"up1", "up2"})

    result = gap_during(bfd_lab, server, back, before=1, after=3)
    # On a busy machine FRR's own timers may be late, and a session of 10 ms × 3 may fail once more.
    wait_for(
        "both ways",
        lambda: {h["port"] for h in lastmile.next_hops(bfd_lab, server, "0.0.0.0/0")} == {"up1", "up2"},
    )
    print(
        f"{server}: recovery: {result['lost']} packets lost, longest gap "
        f"{result['longest_gap'] * 1000:.1f} ms"
    )


def test_false_detections_are_shown(bfd_lab):
    """How long packets stayed away while nothing was wrong. Printed: on a busy machine FRR's timers are late."""
    before = {name: s["failures"] for name, s in sessions(bfd_lab, "bms1").items()}
    time.sleep(5)
    for name, session in sessions(bfd_lab, "bms1").items():
        print(
            f"bms1 {name}: worst gap between two packets {session['longest_gap_us'] / 1000:.1f} ms, "
            f"{session['failures'] - before[name]} failures in 5 s"
        )


def test_our_packets_decode_without_a_malformed_field(bfd_lab, tmp_path):
    capture = tmp_path / "bfd.pcap"
    bfd_lab.run(
        "leaf1", "timeout", "2", "tcpdump", "-i", "bms1", "-w", str(capture), "udp port 3784", check=False
    )
    ours = bfd_lab.run("bms1", "cat", "/sys/class/net/up1/address").strip()

    def frames(condition: str) -> list[str]:
        done = subprocess.run(
            ["tshark", "-r", capture, "-Y", f"eth.src == {ours} && ({condition})"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout.splitlines()

    assert frames("bfd"), "no BFD packet of ours was seen"
    assert not frames("_ws.malformed"), frames("_ws.malformed")[:5]
    assert not frames("ipv6.hlim != 255")
    assert not frames("udp.checksum.status == 0")


# --- other peers, one link ------------------------------------------------------------------------


class Link:
    """Two namespaces and a veth pair: up1 in `a`, up1 in `b`."""

    def __init__(self, folder):
        self.folder = folder
        tag = uuid.uuid4().hex[:6]
        self.names = {"a": f"lmbfd-a-{tag}", "b": f"lmbfd-b-{tag}"}
        self.processes: list[subprocess.Popen] = []
        for name in self.names.values():
            subprocess.run(["ip", "netns", "add", name], check=True)
        a, b = self.names.values()
        subprocess.run(
            ["ip", "link", "add", "up1", "netns", a, "mtu", "9000", "type", "veth",
             "peer", "name", "up1", "netns", b],
            check=True,
        )  # fmt: skip
        for side in "ab":
            self.run(side, "sysctl", "-qw", "net.ipv6.conf.up1.accept_dad=0")
            self.run(side, "ethtool", "-K", "up1", "tx", "off", "rx", "off", "gso", "off", "gro", "off")
            self.run(side, "ip", "link", "set", "lo", "up")
            self.run(side, "ip", "link", "set", "up1", "up")

    def run(self, side: str, *command: str) -> str:
        done = subprocess.run(
            ["ip", "netns", "exec", self.names[side], *command],
            check=True, capture_output=True, text=True, timeout=30,
        )  # fmt: skip
        return done.stdout

    def start(self, side: str, *command: str) -> None:
        log = open(self.folder / f"{side}.log", "ab")  # noqa: SIM115
        self.processes.append(
            subprocess.Popen(
                ["ip", "netns", "exec", self.names[side], *command],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        )

    def start_lastmile(self, side: str, neighbor: str, profile: str) -> None:
        number = "ab".index(side) + 1
        path = self.folder / f"{side}.yaml"
        path.write_text(
            f"""\
router: {{asn: 6450{number}}}
loopbacks: [10.0.{number}.1/32]
ports: {{up1: {{device: "net_af_packet0,iface=up1", mtu: 9000, addresses: [192.0.2.{number}/24]}}}}
bfd: {{profiles: {{fast: {profile}}}}}
bgp:
  neighbors:
    - {{{neighbor}, remote-asn: external, bfd: fast}}
dataplane: {{idle: adaptive, scheduling: realtime}}
control: {{socket: {self.folder}/{side}.sock}}
"""
        )
        self.start(side, str(lastmile.BUILD / "lastmiled"), str(path))

    def session(self, side: str) -> dict:
        done = subprocess.run(
            [lastmile.BUILD / "lastmile", "--socket", self.folder / f"{side}.sock", "show", "bfd", "--json"],
            capture_output=True, text=True,
        )  # fmt: skip
        found = json.loads(done.stdout)["sessions"] if done.returncode == 0 else []
        return found[0] if found else {}

    def remove(self) -> None:
        for process in self.processes:
            process.terminate()
        try:
            for process in self.processes:
                ended(process)
        finally:
            for process in self.processes:
                process.kill()  # nothing, if it has ended
                process.wait()
            for name in self.names.values():
                subprocess.run(["ip", "netns", "delete", name], check=False)


@pytest.fixture
def link(tmp_path):
    made = Link(tmp_path)
    try:
        yield made
    finally:
        made.remove()


def link_local(link: Link, side: str) -> str:
    text = link.run(side, "ip", "-6", "-o", "address", "show", "dev", "up1", "scope", "link")
    return re.search(r"inet6 (\S+)/64", text).group(1)


BIRD_AUTH = {
    "none": ("none", ""),
    "simple": ("simple", "authentication simple;"),
    "sha1": ("sha1", "authentication keyed sha1;"),
    "meticulous-sha1": ("meticulous-sha1", "authentication meticulous keyed sha1;"),
}


@pytest.mark.parametrize("auth", list(BIRD_AUTH))
@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_bird(link, auth, family):
    """IPv6 link-local and IPv4, each way of authentication that both have."""
    ours, theirs = BIRD_AUTH[auth]
    key = link.folder / "key"
    key.write_text("secret\n")
    key.chmod(0o600)
    if family == "ipv4":
        link.run("b", "ip", "address", "add", "192.0.2.2/24", "dev", "up1")
        neighbor, bird_neighbor = "address: 192.0.2.2", "192.0.2.1 dev \"up1\""
    else:
        mac = link.run("a", "cat", "/sys/class/net/up1/address").split()[0]
        octets = [int(part, 16) for part in mac.split(":")]
        octets[0] ^= 2
        words = octets[:3] + [0xFF, 0xFE] + octets[3:]
        us = "fe80::" + ":".join(f"{words[i] << 8 | words[i + 1]:x}" for i in range(0, 8, 2))
        neighbor, bird_neighbor = f"port: up1, address: \"{link_local(link, 'b')}\"", f"{us} dev \"up1\""
    profile = "{interval: 10ms, multiplier: 20, auth: %s%s}" % (
        ours,
        "" if auth == "none" else f", auth-key-file: {key}",
    )
    password = 'password "secret" { id 1; };' if theirs else ""
    (link.folder / "bird.conf").write_text(
        f"""\
router id 10.0.2.1;
protocol device {{}}
protocol bfd {{
  interface "up1" {{ interval 10 ms; multiplier 20; idle tx interval 1 s; {theirs} {password} }};
  neighbor {bird_neighbor};
}}
"""
    )
    link.start("b", "bird", "-f", "-c", str(link.folder / "bird.conf"), "-s", str(link.folder / "bird.sock"))
    link.start_lastmile("a", neighbor, profile)
    wait_for("BFD with BIRD", lambda: link.session("a").get("state") == "up")
    # 10 ms twenty times: BIRD is an ordinary process, and may be late on a machine that compiles.
    wait_for("10 ms", lambda: link.session("a")["detect_us"] == 200_000)
    shown = link.run("b", "birdc", "-s", str(link.folder / "bird.sock"), "show", "bfd", "sessions")
    assert " Up " in shown, shown
    time.sleep(1)
    session = link.session("a")
    assert session["failures"] == 0 and session["refused"] == 0, session
    assert session["auth"] == ours


def test_two_of_us_at_three_milliseconds(link):
    profile = "{interval: 3ms, multiplier: 3, echo: on}"
    for side in "ab":
        link.start_lastmile(side, "port: up1", profile)
    for side in "ab":
        wait_for(f"{side}: up", lambda side=side: link.session(side).get("state") == "up")
        wait_for("9 ms", lambda side=side: link.session(side)["detect_us"] == 9_000)
    for side in "ab":
        wait_for("echo", lambda side=side: link.session(side)["echo"] == "up")
    time.sleep(3)
    for side in "ab":
        session = link.session(side)
        print(
            f"{side}: worst gap {session['longest_gap_us'] / 1000:.1f} ms, echo round trip "
            f"{session['rtt_mean_us']:.0f} µs, {session['failures']} failures"
        )
        assert session["echo_reflected"] > 100
