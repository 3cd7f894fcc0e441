"""`lastmile capture` against a running router: what is on the wire of a port, what is dropped, and how it ends."""
import json
import signal
import subprocess

import pytest

from lablib import lastmile
from lablib.netns import ended, wait_for

LASTMILE = lastmile.BUILD / "lastmile"

# From the far end of up1: frames that the router drops, delivers, and gives to the kernel, and one that is answered by
# way of the kernel: a solicitation of routers.
SEND = """
from scapy.all import ARP, Ether, ICMP, ICMPv6ND_RS, IP, IPv6, UDP, sendp
to = Ether(dst="{mac}", src="02:00:00:00:00:99")
sendp([to / IP(src="192.0.2.9", dst="203.0.113.7") / UDP(sport=7, dport=7) / ("x" * 400),
       to / IP(src="192.0.2.9", dst="10.0.1.1") / ICMP() / ("y" * 64),
       to / ARP(op=1, hwsrc="02:00:00:00:00:99", psrc="192.0.2.9", pdst="192.0.2.1"),
       Ether(dst="33:33:00:00:00:02", src="02:00:00:00:00:99") / IPv6(src="fe80::99", dst="ff02::2", hlim=255)
       / ICMPv6ND_RS()], iface="far", verbose=False)
"""


@pytest.fixture
def router(bare):
    process = bare.start()
    assert process.poll() is None, bare.log()
    bare.mac = json.loads(bare.show("show", "ports", "--json").stdout)["ports"][0]["mac"]
    bare.send = lambda: bare.run("/usr/bin/python3", "-c", SEND.format(mac=bare.mac))
    return bare


def begin(router, *words):
    """A capture that runs, as soon as it says so."""
    process = subprocess.Popen(
        ["ip", "netns", "exec", router.name, LASTMILE, "--socket", router.socket, "capture", *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    router.processes.append(process)
    assert process.stderr.readline() == f"captures {words[0]}; Ctrl-C ends it\n"
    return process


def end(process):
    process.send_signal(signal.SIGINT)
    out, notes = process.communicate(timeout=30)
    assert process.returncode == 0, notes
    return out, notes


def packets(path, *fields):
    """A row of fields for each packet, as tshark sees them."""
    options = [word for field in fields for word in ("-e", field)]
    done = subprocess.run(
        ["tshark", "-r", path, "-T", "fields", *options], capture_output=True, text=True, timeout=60, check=True
    )
    return [line.split("\t") for line in done.stdout.splitlines()]


def test_a_port_is_seen_in_both_directions_the_kernels_part_included(router):
    path = router.folder / "up1.pcapng"
    process = begin(router, "up1", "-w", str(path))
    rows = []

    def seen():
        nonlocal rows
        router.send()
        rows = packets(path, "frame.interface_name", "frame.packet_flags_direction", "frame.protocols", "_ws.malformed")
        kinds = {(direction, protocols.split(":")[-1]) for _, direction, protocols, _ in rows}
        return {("0x00000001", "data"), ("0x00000001", "arp"), ("0x00000002", "icmpv6")} <= kinds

    wait_for("the file has what came and what the kernel sends", seen)
    _, notes = end(process)
    assert notes.endswith("packets captured, 0 lost for want of room (asked for)\n"), notes
    assert {row[0] for row in rows} == {"up1"}
    assert not any(row[3] for row in rows)
    assert "lastmiled" in subprocess.run(["capinfos", path], capture_output=True, text=True, check=True).stdout


def test_drops_carry_their_reason(router):
    path = router.folder / "drops.pcapng"
    process = begin(router, "drops", "udp", "port", "7", "-w", str(path), "--snap", "64", "-c", "2")
    router.send()
    router.send()
    _, notes = process.communicate(timeout=30)
    assert process.returncode == 0
    assert notes == "2 packets captured, 0 lost for want of room (all packets are there)\n"
    rows = packets(path, "frame.interface_name", "frame.comment", "frame.len", "frame.cap_len", "ip.dst")
    assert rows == [["up1", "dropped, no-route: no route to the destination (RFC 1812 5.2.4.3)", "442", "64",
                     "203.0.113.7"]] * 2  # fmt: skip
    dropped = {d["reason"]: d["packets"] for d in json.loads(router.show("show", "drops", "--json").stdout)["drops"]}
    assert dropped["no-route"] >= 2


def test_a_pipe_and_a_summary_for_scripts(router):
    command = f"{LASTMILE} --socket {router.socket} --json capture any -w - -c 3 | tcpdump -nr - 2> /dev/null | wc -l"
    process = subprocess.Popen(
        ["ip", "netns", "exec", router.name, "sh", "-c", command], stdout=subprocess.PIPE, text=True, stderr=subprocess.PIPE
    )
    router.processes.append(process)

    def done():
        router.send()
        return process.poll() is not None

    wait_for("three packets", done)
    out, notes = process.communicate()
    assert out.strip() == "3"
    assert json.loads(notes) == {"packets": 3, "lost": 0, "ended": "all packets are there"}


def test_what_is_wrong_is_said_and_costs_no_file(router):
    path = router.folder / "mine.pcapng"
    path.write_text("precious")

    def refused(*words):
        done = router.show("capture", *words)
        assert done.returncode == 1
        return done.stderr

    assert refused("up9", "-w", str(path)) == 'lastmile: there is no port "up9"; did you mean "up1"?\n'
    assert refused("up1", "tcp prt 179", "-w", str(path)) == (
        'lastmile: filter "tcp prt 179": can\'t parse filter expression: syntax error\n'
    )
    assert refused("up1", "-w", str(path), "--snap", "7") == (
        'lastmile: "snap" is out of range; expected a number from 14 to 65535\n'
    )
    assert "is no number" in refused("up1", "-w", str(path), "-c", "many")
    assert path.read_text() == "precious"
    assert refused("up1", "-w", "/nowhere/up1.pcapng") == (
        "lastmile: can't open /nowhere/up1.pcapng: No such file or directory\n"
    )
    running = [begin(router, "up1", "-w", str(router.folder / f"{i}.pcapng")) for i in range(4)]
    assert "4 captures run already" in refused("up1", "-w", str(path))
    for process in running:
        end(process)
    process = begin(router, "up1", "-w", str(path))
    router.processes[0].send_signal(signal.SIGTERM)
    _, notes = process.communicate(timeout=30)
    assert process.returncode == 0 and "(the router stops)" in notes
    assert ended(router.processes[0]) == 0, router.log()
