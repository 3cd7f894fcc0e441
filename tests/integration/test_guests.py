"""Guests behind ports over shared memory: traffic to and from the fabric, announced while one is there, withdrawn when it is gone.

    legacy ── leaf1 ─┐                             ┌─ vhost-user ── guest (dpdk-testpmd, virtio-user, answers ARP and echo)
                     bms1 (Lastmile, mode host) ───┤
              leaf2 ─┘                             └─ memif ─────── guest (the same, memif)
"""
import os
import re
import shutil
import signal
import subprocess

import pytest

from lablib import fabric, frr, lastmile, topology
from lablib.netns import Lab, ended, wait_for

TESTPMD = shutil.which("dpdk-testpmd")
GUEST, MEMIF_GUEST = "198.51.100.7", "198.51.100.8"
LEAVES = ("leaf1", "leaf2")

pytestmark = pytest.mark.skipif(TESTPMD is None, reason="dpdk-testpmd is not installed")


class Guest:
    """A guest that answers ARP and ICMP echo for whatever address it is asked for."""

    def __init__(self, socket, log, device):
        self.socket, self.log, self.device, self.process = socket, log, device, None

    def start(self):
        # Ordinary memory, which vhost-user can share too; no hugepages of the machine. With a period for statistics it
        # does not read its standard input.
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                ["nice", "-n", "15", TESTPMD, "--lcores", "0,1@(0-1)", "--no-huge", "-m", "128", "--no-pci", "--no-shconf",
                 "--no-telemetry", "--file-prefix", f"lmguest{os.getpid()}{self.socket.stem}",
                 "--vdev", self.device.format(socket=self.socket),
                 "--", "--total-num-mbufs=2048", "--forward-mode=icmpecho", "--auto-start", "--stats-period", "30"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    def kill(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None


@pytest.fixture(scope="module")
def guests():
    """The fabric with one server, whose configuration has two guests; neither is running yet."""
    lab = Lab("lmguest")
    lab.remove()
    node = topology.node("bms1")
    guest = memif_guest = None
    try:
        fabric.up(lab)
        folder = lab.folder("bms1")
        guest = Guest(folder / "vnf1.sock", folder / "guest.log",
                      "net_virtio_user0,path={socket},mac=02:00:00:00:00:77,queue_size=256")  # fmt: skip
        memif_guest = Guest(folder / "vnf2.sock", folder / "memif_guest.log",
                            "net_memif0,role=client,id=0,socket={socket},socket-abstract=no,mac=02:00:00:00:00:78")  # fmt: skip
        text = lastmile.configuration(node, folder).replace(
            "ports:\n",
            f'ports:\n  vnf1: {{device: "net_vhost0,iface={guest.socket}", side: local}}\n'
            f'  vnf2: {{device: "net_memif0,role=server,id=0,socket={memif_guest.socket},socket-abstract=no", side: local}}\n',
        )
        text += "routes:\n" + "".join(
            f"  - {{prefix: {address}/32, via: [{{port: {port}, address: {address}}}], announce: true}}\n"
            for port, address in (("vnf1", GUEST), ("vnf2", MEMIF_GUEST))
        )
        (folder / "server.yaml").write_text(text)
        lab.start("bms1", "lastmiled", [str(lastmile.BUILD / "lastmiled"), str(folder / "server.yaml")])
        wait_for("sessions", lambda: lastmile.established(lab, "bms1") == {"up1", "up2"})
        lab.guest, lab.memif_guest = guest, memif_guest
        yield lab
    finally:
        for one in (guest, memif_guest):
            if one:
                one.kill()
        lab.remove()


def link(lab, port="vnf1"):
    return {p["name"]: p["link"] for p in lastmile.show(lab, "bms1", "ports").get("ports", [])}[port]


def heard(lab, guest=GUEST):
    """The leaves that have the guest's address from this server."""
    return {leaf for leaf in LEAVES if frr.has_route(lab, leaf, f"{guest}/32")}


def lost(lab, count=10, guest=GUEST):
    """Percent of the pings from behind the leaf."""
    out = lab.run("legacy", "ping", "-n", "-c", str(count), "-i", "0.1", "-W", "2", guest, check=False)
    told = re.search(r"(\d+)% packet loss", out)
    return int(told[1]) if told else 100


def test_a_guest_is_announced_while_it_is_there(guests):
    lab = guests
    assert link(lab) == "down"
    assert heard(lab) == set()
    for _ in range(2):  # the second time is a restart of the guest
        lab.guest.start()
        wait_for("both leaves hear of the guest", lambda: heard(lab) == set(LEAVES))
        assert link(lab) == "up"
        wait_for("the guest answers the fabric", lambda: lost(lab, 1) == 0)
        # On two busy processors a guest that spins may be late once.
        wait_for("the guest answers every ping", lambda: lost(lab) == 0)
        lab.guest.kill()
        wait_for("no leaf has the guest any more", lambda: heard(lab) == set())
        assert link(lab) == "down"
    told = [line for line in lastmile.command(lab, "bms1", "events").splitlines() if "vnf1" in line]
    assert sum(" up" in line for line in told) == 2 and sum("down" in line for line in told) >= 2, told
    # The guest's packets took no default route while it was gone, and nothing went from uplink to uplink.
    route = lastmile.show(lab, "bms1", f"routes {GUEST}/32")["routes"][0]
    assert route["source"] == "static" and route["best"]


def test_a_guest_behind_memif(guests):
    lab = guests
    assert link(lab, "vnf2") == "down" and heard(lab, MEMIF_GUEST) == set()
    lab.memif_guest.start()
    wait_for("both leaves hear of the guest", lambda: heard(lab, MEMIF_GUEST) == set(LEAVES))
    wait_for("the guest answers the fabric", lambda: lost(lab, 1, MEMIF_GUEST) == 0)
    wait_for("the guest answers every ping", lambda: lost(lab, guest=MEMIF_GUEST) == 0)
    lab.memif_guest.kill()
    wait_for("no leaf has the guest any more", lambda: heard(lab, MEMIF_GUEST) == set())
    assert link(lab, "vnf2") == "down"


def test_after_a_kill_the_socket_of_a_guest_is_no_obstacle(bare):
    socket = bare.folder / "guests" / "vnf1.sock"
    text = bare.config().read_text().replace(
        "ports:\n", f'ports:\n  vnf1: {{device: "net_vhost0,iface={socket}", side: local}}\n'
    )
    process = bare.start(bare.config(text))
    assert process.poll() is None, bare.log()
    process.kill()
    process.wait()
    assert socket.exists()
    again = bare.start(bare.config(text))
    assert again.poll() is None, bare.log()
    other = bare.run(str(lastmile.BUILD / "lastmiled"), str(bare.config(text.replace("control.sock", "other.sock"))), check=False)
    assert f"somebody else listens on {socket}" in other.stderr + other.stdout
    again.send_signal(signal.SIGTERM)
    assert ended(again) == 0
    assert not socket.exists()
