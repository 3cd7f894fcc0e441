"""What is done to the fabric. Each action hurts something, waits (`yield`: so many seconds pass), and mends it.

Before it changes what works, it tells the oracle. What it leaves to others to mend, the settling after the step waits
for. An action that is abandoned in the middle mends all the same.
"""
from __future__ import annotations

import os
import random
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .. import fault, frr, lastmile, topology
from ..netns import LabError, run
from . import flows
from .world import LEAF_WITH_RESTART, World

MARK = 1  # of frames that have been delayed or doubled already
Steps = Iterator[float]


@dataclass(frozen=True)
class Action:
    name: str
    run: Callable[[World, random.Random], Steps]
    slow: bool = False  # takes more than some seconds: not in the short form


TABLE: list[Action] = []


def action(function=None, *, slow: bool = False):
    def add(f):
        TABLE.append(Action(f.__name__.replace("_", " "), f, slow))
        return f

    return add if function is None else add(function)


def uplink(w: World, chance: random.Random) -> tuple[str, str, str, str]:
    """(server, its port, leaf, the leaf's interface)"""
    server = chance.choice(w.servers)
    port, leaf, interface = chance.choice(topology.uplinks(server))
    return server, port, leaf, interface


def pause(chance: random.Random, least: float = 1.2, most: float = 2.5) -> float:
    return chance.uniform(least, most)


# --- links ----------------------------------------------------------------------------------------


@action
def link_down(w: World, chance: random.Random) -> Steps:
    server, _, leaf, interface = uplink(w, chance)
    w.lost(flows.link(leaf, server))
    with fault.link_down(w.lab, leaf, interface):
        yield pause(chance)
    w.back(flows.link(leaf, server))


@action
def link_flaps(w: World, chance: random.Random) -> Steps:
    server, _, leaf, interface = uplink(w, chance)
    for _ in range(chance.randint(3, 6)):
        w.lost(flows.link(leaf, server))
        with fault.link_down(w.lab, leaf, interface):
            yield chance.uniform(0, 0.3)
        w.back(flows.link(leaf, server))
        yield chance.uniform(0, 0.3)


@action
def both_links_down(w: World, chance: random.Random) -> Steps:
    server = chance.choice(w.servers)
    (_, one, first), (_, other, second) = topology.uplinks(server)
    w.lost(flows.link(one, server))
    with fault.link_down(w.lab, one, first):
        yield chance.uniform(0, 1)
        w.lost(flows.link(other, server))
        with fault.link_down(w.lab, other, second):
            yield pause(chance, 0.5, 1.5)
        w.back(flows.link(other, server))
    w.back(flows.link(one, server))


@action
def silent_loss(w: World, chance: random.Random) -> Steps:
    server, _, leaf, interface = uplink(w, chance)
    w.lost(flows.link(leaf, server))
    with fault.silent_loss(w.lab, leaf, interface):
        yield pause(chance)
    w.back(flows.link(leaf, server))


@action
def silent_loss_one_way(w: World, chance: random.Random) -> Steps:
    server, _, leaf, interface = uplink(w, chance)
    hook = chance.choice(["ingress", "egress"])
    w.lost(flows.link(leaf, server))
    with netdev_rule(w, leaf, interface, "drop", hook):
        yield pause(chance)
    w.back(flows.link(leaf, server))


@action
def frames_twice(w: World, chance: random.Random) -> Steps:
    """Half of all frames, both ways."""
    server, port, leaf, interface = uplink(w, chance)
    with w.doubled(flows.link(leaf, server)), double(w, leaf, interface), double(w, server, port):
        yield pause(chance)


@action
def frames_in_another_order(w: World, chance: random.Random) -> Steps:
    """A quarter of all frames comes up to 40 ms late, both ways.

    The server's come twice: its port sends from a ring that it shares with the kernel, for which a frame that a rule has taken
    away at the exit is one that there was no room for (ENOBUFS), and that stays in the ring for the next time."""
    server, port, leaf, interface = uplink(w, chance)
    with w.doubled(flows.link(leaf, server)), delay(w, leaf, interface), delay(w, server, port):
        yield pause(chance)


@contextmanager
def netdev_rule(w: World, node: str, interface: str, rule: str, hook: str = "egress"):
    table = f"chaos_{interface}"
    w.lab.run(node, "nft", f"add table netdev {table}; add chain netdev {table} frames {{ type filter hook {hook} "
              f"device {interface} priority {fault.PRIORITY}; }}; add rule netdev {table} frames {rule}")  # fmt: skip
    try:
        yield
    finally:
        w.lab.run(node, "nft", f"delete table netdev {table}")


def double(w: World, node: str, interface: str):
    return netdev_rule(w, node, interface, f"meta mark != {MARK} numgen random mod 2 0 meta mark set {MARK} dup to {interface}")


@contextmanager
def delay(w: World, node: str, interface: str):
    """Frames that are to be late leave by a pair of their own, behind which a program holds them."""
    here, there = "late", "late-in"
    w.lab.run(node, "ip", "link", "add", here, "mtu", str(topology.FABRIC_MTU), "type", "veth", "peer", "name", there,
              "mtu", str(topology.FABRIC_MTU))  # fmt: skip
    process = None
    try:
        for name in (here, there):  # the kernel itself has no business there
            w.lab.run(node, "sysctl", "-qw", f"net.ipv6.conf.{name}.disable_ipv6=1")
            w.lab.run(node, "ip", "link", "set", name, "up")
        process = subprocess.Popen(
            w.lab.in_node(node) + ["chrt", "--fifo", "1", "/usr/bin/python3", "-m", "lablib.chaos.reorder",
                                   there, interface, str(MARK), "40"],
            cwd=Path(__file__).resolve().parents[2], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        if process.stdout.readline().strip() != "ready":
            raise LabError(f"{node}: the program that holds frames did not start")
        with netdev_rule(w, node, interface, f"meta mark != {MARK} numgen random mod 4 0 fwd to {here}"):
            yield
        process.communicate(input="\n", timeout=20)
    finally:
        if process is not None and process.poll() is None:
            process.kill()
            process.wait()
        w.lab.run(node, "ip", "link", "delete", here, check=False)


@action
def port_unplugged(w: World, chance: random.Random) -> Steps:
    """A server's interface goes away and comes back; its router takes it up again by itself."""
    server, port, leaf, _ = uplink(w, chance)
    w.lost(flows.link(leaf, server))
    away = "unplugged"
    run("ip", "netns", "add", f"{w.lab.prefix}-{away}")
    try:
        w.lab.run(server, "ip", "link", "set", port, "netns", f"{w.lab.prefix}-{away}")
        yield pause(chance)
        plug_in(w, away, server, port)
    finally:
        run("ip", "netns", "delete", f"{w.lab.prefix}-{away}")
    w.back(flows.link(leaf, server))


def plug_in(w: World, away: str, server: str, port: str) -> None:
    w.lab.run(away, "ip", "link", "set", port, "netns", w.lab.namespace(server))
    w.lab.run(server, "ip", "link", "set", port, "mtu", str(topology.FABRIC_MTU), "up")


# --- leaves ---------------------------------------------------------------------------------------


@action(slow=True)
def leaf_restarts_bgp(w: World, chance: random.Random) -> Steps:
    """With graceful restart on one leaf, without on the other."""
    leaf = chance.choice(w.leaves)
    yield from leaf_restarts(w, chance, leaf, ["bgpd"])


@action(slow=True)
def leaf_restarts_all(w: World, chance: random.Random) -> Steps:
    yield from leaf_restarts(w, chance, chance.choice(w.leaves), ["bfdd", "bgpd", "zebra"])


def leaf_restarts(w: World, chance: random.Random, leaf: str, daemons: list[str]) -> Steps:
    """The leaf with graceful restart goes on forwarding until they are started again: nothing is lost before. The other one's
    zebra takes the routes of a bgpd that is gone out of the kernel at once, while neighbors hear of the end of its connections.

    Both may lose something while they come back, the one with graceful restart, too: zebra takes routes out for a moment when
    it exchanges them, and if it was started anew itself, it takes out all, while neighbors go on as they were asked to until
    bgpd has them again."""
    forwards = leaf == LEAF_WITH_RESTART
    bounds = w.oracle.bounds
    with w.disturbed(leaf, bounds.recovery if forwards and "zebra" in daemons else bounds.leaves) as may_lose:
        if not forwards:
            may_lose.for_a_moment()
        try:
            for daemon in daemons:
                w.lab.stop(leaf, daemon, how=signal.SIGKILL)
            yield pause(chance)
        finally:
            may_lose.until_whole()
            w.start_bgp(leaf)


@action(slow=True)
def leaf_stops(w: World, chance: random.Random) -> Steps:
    """A leaf's BGP, or its BFD too, stands still for longer than any timer; its kernel forwards all the while.

    So nothing is lost while BGP stands still: neighbors leave the leaf when BFD fails or the hold time has passed, and it
    forwards what comes until then. A BGP that runs while its BFD stands still ends its sessions, and comes back at once."""
    leaf = chance.choice(w.leaves)
    daemons = chance.choice([["bgpd"], ["bfdd"], ["bgpd", "bfdd"]])
    stopped = [w.lab.pid(leaf, daemon) for daemon in daemons]
    with w.disturbed(leaf, w.oracle.bounds.leaves) as may_lose:
        if "bgpd" not in daemons:
            may_lose.until_whole()
        try:
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
            yield pause(chance, 10, 13)
        finally:
            may_lose.until_whole()
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)


@action
def leaf_holds_its_breath(w: World, chance: random.Random) -> Steps:
    """A leaf's BGP stands still, but not for long enough that anybody may mind."""
    pid = w.lab.pid(chance.choice(w.leaves), "bgpd")
    os.kill(pid, signal.SIGSTOP)
    try:
        yield pause(chance, 1, 3)
    finally:
        os.kill(pid, signal.SIGCONT)


@action
def sessions_cleared(w: World, chance: random.Random) -> Steps:
    """A leaf resets the session with a server."""
    server, _, leaf, interface = uplink(w, chance)
    w.lost(flows.link(leaf, server))
    frr.vtysh(w.lab, leaf, f"clear bgp {interface}")
    w.back(flows.link(leaf, server))
    yield pause(chance)


# --- servers --------------------------------------------------------------------------------------


@action
def router_killed(w: World, chance: random.Random) -> Steps:
    server = chance.choice(w.servers)
    w.lost(server)
    w.lab.stop(server, "lastmiled", how=signal.SIGKILL)
    yield chance.uniform(0, 2)
    w.back(server)  # what it may lose is counted from the start of the process
    w.start_server(server)


@action
def router_stopped_and_started(w: World, chance: random.Random) -> Steps:
    server = chance.choice(w.servers)
    w.lost(server)
    w.stop_server(server)
    yield chance.uniform(0, 2)
    w.back(server)
    w.start_server(server)


@action
def router_frozen(w: World, chance: random.Random) -> Steps:
    server = chance.choice(w.servers)
    pid = w.lab.pid(server, "lastmiled")
    w.lost(server)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield pause(chance, 0.1, 3)
    finally:
        os.kill(pid, signal.SIGCONT)
    w.back(server)


@action
def reload(w: World, chance: random.Random) -> Steps:
    """A file that is good, and back: nothing is lost. (Other timers of BGP would end its sessions.)"""
    server = chance.choice(w.servers)
    text = w.configuration(server)
    change = chance.choice([
        ("router:\n", "routes:\n  - {prefix: 198.51.100.0/24, via: [{port: up1}]}\nrouter:\n"),
        ("interval: 100ms", "interval: 120ms"),
    ])  # fmt: skip
    assert change[0] in text, change
    w.file(server).write_text(text.replace(*change, 1))
    lastmile.command(w.lab, server, "reload")
    yield pause(chance, 0.5, 1.5)
    w.file(server).write_text(text)
    lastmile.command(w.lab, server, "reload")


@action
def reload_of_a_broken_file(w: World, chance: random.Random) -> Steps:
    """Refused with a reason, and nothing changes."""
    server = chance.choice(w.servers)
    text = w.configuration(server)
    broken = chance.choice([
        text.replace("bgp:\n", "bgq:\n", 1), text[: len(text) // 2], "", "{", "\t\x00\xff", text + "loopbacks: []\n",
        text.replace("64512", "4294967296"), "a: &a [*a, *a]\n",
    ])  # fmt: skip
    w.file(server).write_bytes(broken.encode("latin-1"))
    try:
        for _ in range(chance.randint(1, 5)):
            try:
                lastmile.command(w.lab, server, "reload")
            except LabError:
                continue
            raise LabError(f"{server} took up a broken file: {broken[-200:]!r}")
        yield pause(chance, 0.2, 1)
    finally:
        w.file(server).write_text(text)


# --- disks and logs -------------------------------------------------------------------------------


@action
def disk_full(w: World, chance: random.Random) -> Steps:
    """No octet is left for the recording, the sign of life, the configuration."""
    server = chance.choice(w.servers)
    filler = w.disk(server) / "filler"
    with open(filler, "wb", buffering=0) as file:
        try:
            while file.write(bytes(1 << 16)):
                pass
        except OSError:
            pass
        try:
            while file.write(bytes(512)):
                pass
        except OSError:
            pass
    try:
        talk(w, server)
        yield pause(chance, 1.5, 3)
    finally:
        filler.unlink()


@action
def log_reader_gone(w: World, chance: random.Random) -> Steps:
    server = chance.choice(w.servers)
    w.lab.stop(server, "log", how=signal.SIGKILL)
    try:
        talk(w, server)
        yield pause(chance, 0.5, 2)
    finally:
        w.read_log(server)


@action
def log_reader_stands_still(w: World, chance: random.Random) -> Steps:
    server = chance.choice(w.servers)
    pid = w.lab.pid(server, "log")
    os.kill(pid, signal.SIGSTOP)
    try:
        talk(w, server, 200)
        yield pause(chance, 0.5, 2)
    finally:
        os.kill(pid, signal.SIGCONT)


def talk(w: World, server: str, times: int = 20) -> None:
    """Makes the router say something: many errors of a file in one go."""
    text = w.configuration(server)
    try:
        w.file(server).write_text(text + "".join(f"x{i}: {i}\n" for i in range(times)))
    except OSError:
        pass  # the disk is full
    for _ in range(5):
        try:
            lastmile.command(w.lab, server, "reload")
        except LabError:
            continue
    try:
        w.file(server).write_text(text)
    except OSError:
        pass

