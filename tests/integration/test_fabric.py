"""Lastmile in the fabric, beyond the demo: what is on the wire, load, faults, restarts."""
import json
import signal
import subprocess
import time

from lablib import frr, lastmile, measure, topology
from lablib.netns import wait_for


def drops(lab, node) -> dict[str, int]:
    return {d["reason"]: d["packets"] for d in lastmile.show(lab, node, "drops")["drops"]}


def sessions_up(lab, node, ports):
    wait_for(f"{node}: sessions {ports}", lambda: lastmile.established(lab, node) == set(ports))


def test_messages_decode_without_a_malformed_field(lab, tmp_path):
    """OPEN, UPDATE and RA as tshark sees them on the leaf's side of the wire."""
    capture = tmp_path / "uplink.pcap"
    tcpdump = subprocess.Popen(
        lab.in_node("leaf1")
        + ["tcpdump", "-U", "-i", "bms1", "-w", str(capture), "tcp port 179 or icmp6"],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        while "listening" not in (line := tcpdump.stderr.readline()):
            assert line, "tcpdump did not start"
        lab.stop("bms1", "lastmiled")
        lastmile.start(lab, topology.node("bms1"))
        sessions_up(lab, "bms1", ["up1", "up2"])
        wait_for("leaf1 has the loopback", lambda: frr.has_route(lab, "leaf1", "10.0.1.1/32"))
        time.sleep(1)
    finally:
        tcpdump.send_signal(signal.SIGINT)
        tcpdump.wait(timeout=10)
    ours = lab.run("bms1", "cat", "/sys/class/net/up1/address").strip()

    def frames(condition):
        done = subprocess.run(
            ["tshark", "-r", capture, "-Y", f"eth.src == {ours} && ({condition})"],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.splitlines()

    assert frames("bgp.type == 1"), "no OPEN of ours was seen"
    assert frames("bgp.type == 2"), "no UPDATE of ours was seen"
    assert frames("icmpv6.type == 134"), "no router advertisement of ours was seen"
    assert frames("icmpv6.type == 133"), "no router solicitation of ours was seen"
    assert not frames("_ws.malformed"), "\n".join(frames("_ws.malformed"))
    errors = "(bgp || icmpv6) && _ws.expert.severity >= 0x800000"  # PI_ERROR
    assert not frames(errors), "\n".join(frames(errors))
    lifetimes = frames("icmpv6.type == 134 && icmpv6.nd.ra.router_lifetime != 0")
    assert not lifetimes, "we offered ourselves as a default router"


def test_iperf3_runs_through_two_routers_without_a_stall(lab):
    server = lab.start("bms2", "iperf3", ["iperf3", "-s", "-B", "10.0.2.2", "-1"])
    try:
        wait_for("iperf3 listens", lambda: ":5201" in lab.run("bms2", "ss", "-Hltn"))
        report = json.loads(
            lab.run("bms1", "iperf3", "-c", "10.0.2.2", "-B", "10.0.1.1", "-t", "10", "-J", timeout=60)
        )
    finally:
        lab.stop("bms2", "iperf3")
        server.wait()
    rates = [interval["sum"]["bits_per_second"] for interval in report["intervals"]]
    total = report["end"]["sum_received"]["bits_per_second"]
    print(f"iperf3 bms1 → bms2: {total / 1e9:.2f} Gbit/s, slowest second {min(rates) / 1e9:.2f}")
    assert min(rates) > 0, f"a second without a byte: {rates}"


def test_jumbo_frames_pass_and_larger_ones_are_refused(lab):
    lab.run("bms1", "ping", "-c2", "-i0.2", "-M", "do", "-s", "8972", "-I", "10.0.1.1", "10.0.2.2")


def trace(lab, *words) -> dict:
    return json.loads(lastmile.command(lab, "bms1", "trace", *words, "--json"))


def test_a_flow_leaves_where_trace_says(lab, tmp_path):
    """Sixteen flows over two uplinks, each on the wire that was named for it, with the header that was named."""
    flows = range(40000, 40016)
    destination = "203.0.113.7"  # by the default route
    wires, watchers = {"up1": "leaf1", "up2": "leaf2"}, []
    wait_for("the default route has two next hops", lambda: len(lastmile.next_hops(lab, "bms1", "0.0.0.0/0")) == 2)
    for leaf in wires.values():
        watcher = subprocess.Popen(
            [*lab.in_node(leaf), "tcpdump", "-U", "-i", "bms1", "-w", str(tmp_path / leaf), f"udp and dst host {destination}"],
            stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        watchers.append(watcher)
        while "listening" not in (line := watcher.stderr.readline()):
            assert line, "tcpdump did not start"

    def seen(leaf) -> dict[int, tuple[str, str]]:
        """Source port to MAC addresses."""
        fields = [word for name in ("udp.srcport", "eth.src", "eth.dst") for word in ("-e", name)]
        done = subprocess.run(["tshark", "-r", tmp_path / leaf, "-T", "fields", *fields], capture_output=True, text=True)
        return {int(port): (source, to) for port, source, to in map(str.split, done.stdout.splitlines())}

    try:
        named = {p: trace(lab, "10.0.1.1", destination, "--sport", str(p), "--dport", "53") for p in flows}
        send = f"""
import socket
for port in range({flows.start}, {flows.stop}):
    flow = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    flow.bind(("10.0.1.1", port))
    flow.sendto(b"x", ("{destination}", 53))
"""
        lab.run("bms1", "/usr/bin/python3", "-c", send)
        wait_for("all flows are on a wire", lambda: sum(len(seen(leaf)) for leaf in wires.values()) == len(flows))
    finally:
        for watcher in watchers:
            watcher.send_signal(signal.SIGINT)
            watcher.wait(timeout=10)
    for port, leaf in wires.items():
        mine = {p: t["rewrite"] for p, t in named.items() if t["verdict"] == "forwarded" and t["egress"] == port}
        assert mine, f"no flow by {port}"
        assert seen(leaf) == {p: (rewrite["source"], rewrite["destination"]) for p, rewrite in mine.items()}
    of_leaf1 = next(t for t in named.values() if t["egress"] == "up1")
    assert of_leaf1["prefix"] == "0.0.0.0/0"
    assert of_leaf1["path"]["neighbor"] == "up1"
    assert of_leaf1["path"]["as_path"] == "65001 65201"
    assert of_leaf1["current"]
    assert of_leaf1["mtu"] == topology.FABRIC_MTU
    chosen = [m for m in of_leaf1["group"]["members"] if m["chosen"]]
    assert [m["address"] for m in chosen] == [h["address"] for h in of_leaf1["path"]["next_hops"]]
    assert {m["port"] for m in of_leaf1["group"]["members"] if not m["backup"]} == set(wires)


def test_trace_says_what_happens_instead(lab):
    """To ourselves, to nobody, from an uplink to an uplink, and questions that can't be answered."""
    own = trace(lab, "10.0.2.2", "10.0.1.1", "--port", "up1", "--proto", "icmp")
    assert (own["verdict"], own["egress"], own["punt_class"], own["path"]["source"]) == ("delivered", "lm0", "icmp", "local")
    transit = trace(lab, "10.0.2.2", "203.0.113.7", "--port", "up1")
    assert (transit["verdict"], transit["drop"]["reason"], transit["drop"]["icmp"]) == ("dropped", "transit-refused", None)
    ipv6 = trace(lab, "2001:db8:9::1", "2001:db8:ffff::1", "--proto", "tcp", "--dport", "80")
    assert (ipv6["verdict"], ipv6["drop"]["reason"], ipv6["prefix"]) == ("dropped", "no-route", None)
    assert lastmile.command(lab, "bms1", "trace", "203.0.113.7").startswith("udp 10.0.1.1:0 -> 203.0.113.7:0, from ")
    cut = trace(lab, "10.0.2.2", "--length", "9001")
    assert (cut["verdict"], cut["fragments"], cut["mtu"], cut["ingress_mtu"]) == ("forwarded", 2, 9000, 9000)
    too_long = trace(lab, "10.0.2.2", "--length", "9001", "--df", "--proto", "tcp")
    assert too_long["drop"]["reason"] == "fragmentation-needed"
    assert too_long["drop"]["icmp"] == {"type": 3, "code": 4, "from": "192.0.0.8", "mtu": 9000}
    assert trace(lab, "10.0.2.2", "--length", "9000", "--df")["fragments"] is None
    assert trace(lab, "10.0.2.2", "--ttl", "1")["verdict"] == "forwarded", "the machine's own programs are no hop away"
    to_us = trace(lab, "10.0.2.2", "10.0.1.1", "--port", "up1", "--ttl", "1")
    assert (to_us["verdict"], to_us["flow"]["ttl"]) == ("delivered", 1)
    binary, socket = str(lastmile.BUILD / "lastmile"), str(lab.folder("bms1") / "lastmile.sock")
    for words, complaint in [
        (["10.0.2.2", "--length", "20"], 'length: "20" is no length of an IPv4 packet here; expected one from 40 to 9600'),
        (["10.0.2.2", "--ttl", "300"], 'ttl: "300" is no TTL or hop limit; expected one from 0 to 255'),
        (["10.0.1.1", "2001:db8::1"], "10.0.1.1 and 2001:db8::1 are of different families; expected two of one"),
        (["10.0.2.2", "--port", "up3"], 'no port "up3"; did you mean "up1"?'),
        (["2001:db8::1"], "the router has no address of its own for a flow to 2001:db8::1; expected a source, too"),
    ]:
        done = subprocess.run([*lab.in_node("bms1"), binary, "--socket", socket, "trace", *words], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (1, f"lastmile: {complaint}\n")


def test_fragments_pass_as_they_are(lab):
    """Datagrams longer than every MTU, in fragments of 9000 and of 1500 bytes, through one router and two."""
    before = drops(lab, "bms1"), drops(lab, "bms2")
    for node, source, target, size in [
        ("bms1", "10.0.1.1", "10.0.2.2", 20000),  # fragments of lm0, two Lastmile routers
        ("legacy", "192.168.101.20", "10.0.1.1", 3000),  # fit a frame of the port when put together
        ("legacy", "192.168.101.20", "10.0.1.1", 20000),  # do not
        ("bms1", "10.0.1.1", "192.168.101.20", 20000),
    ]:
        lab.run(
            node, "ping", "-c3", "-i0.2", "-W2", "-M", "dont", "-s", str(size), "-I", source, target
        )
    for node, earlier in zip(("bms1", "bms2"), before):
        new = {k: n - earlier.get(k, 0) for k, n in drops(lab, node).items() if n > earlier.get(k, 0)}
        assert not {"ipv4-length-beyond-frame", "fragmentation-skipped", "fragmentation-failed", "tx-full"} & new.keys(), new


def test_garbage_from_a_peer_costs_nobody_else_anything(lab):
    """A stranger on the leaf's side of the link talks to our BGP port."""
    before = {n["name"]: n["uptime_s"] for n in lastmile.show(lab, "bms1", "bgp")["neighbors"]}
    address = next(
        hop["ip"]
        for hop in frr.show(lab, "leaf1", "show bgp ipv4 unicast neighbors bms1 routes")["routes"][
            "10.0.1.1/32"
        ][0]["nexthops"]
    )
    script = f"""
import socket, os
for payload in (b"", b"GET / HTTP/1.0\\r\\n\\r\\n", b"\\xff" * 16 + b"\\x00\\x00\\x01",
                b"\\xff" * 16 + b"\\xff\\xff\\x01", os.urandom(4096), b"\\xff" * 10):
    s = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    s.settimeout(2)
    try:
        s.connect(("{address}", 179, 0, socket.if_nametoindex("bms1")))
        s.sendall(payload)
        s.recv(4096)
    except OSError:
        pass
    s.close()
"""
    lab.run("leaf1", measure.PYTHON, "-c", script)
    after = {n["name"]: n for n in lastmile.show(lab, "bms1", "bgp")["neighbors"]}
    for name, uptime in before.items():
        assert after[name]["state"] == "Established"
        assert after[name]["uptime_s"] >= uptime, f"{name} was reset"


def test_a_restarted_leaf_comes_back_by_itself(lab):
    leaf = topology.node("leaf2")
    for daemon in ("bfdd", "bgpd", "zebra", "mgmtd"):
        lab.stop("leaf2", daemon)
    sessions_up(lab, "bms1", ["up1"])
    assert [h["port"] for h in lastmile.next_hops(lab, "bms1", "0.0.0.0/0")] == ["up1"]
    frr.remove(lab, "leaf2")
    frr.start(lab, leaf, [leaf.loopback])
    sessions_up(lab, "bms1", ["up1", "up2"])
    wait_for("two next hops", lambda: len(lastmile.next_hops(lab, "bms1", "0.0.0.0/0")) == 2)


def test_killed_and_started_again(lab):
    lab.stop("bms2", "lastmiled", how=signal.SIGKILL)
    lastmile.start(lab, topology.node("bms2"))
    sessions_up(lab, "bms2", ["up1", "up2"])
    wait_for(
        "bms1 reaches bms2 again",
        lambda: "1 received"
        in lab.run("bms1", "ping", "-c1", "-W1", "-I", "10.0.1.1", "10.0.2.2", check=False),
    )


def test_a_port_that_disappears_leaves_the_others_running(lab):
    """The last test of the module: it takes a link out of the fabric."""
    lab.run("leaf1", "ip", "link", "delete", "bms2")
    sessions_up(lab, "bms2", ["up2"])
    ports = {p["name"]: p for p in lastmile.show(lab, "bms2", "ports")["ports"]}
    assert not ports["up1"]["link_up"] if "link_up" in ports["up1"] else True
    ping = ["ping", "-c3", "-i0.2", "-W1", "-I", "10.0.2.2", "10.0.1.1"]
    # The way back is the fabric's: leaf1 has to find out that bms2 is behind leaf2 only.
    wait_for("bms1 answers", lambda: " 0% packet loss" in lab.run("bms2", *ping, check=False))
