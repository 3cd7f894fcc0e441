"""Bringing the whole fabric up, and saying what runs in it."""
from __future__ import annotations

import subprocess

from . import frr, lastmile, leaves, topology
from .netns import Lab, LabError, wait_for


def up(lab: Lab, kind: str = "frr") -> None:
    """Namespaces, links, FRR on the spine, and leaves of a kind; servers are started by the caller."""
    if lab.exists():
        raise LabError("the lab is already up; see: tools/lab status, or: sudo tools/lab down")
    lab.make_namespaces()
    lab.make_links()
    ours = leaves.KINDS[kind](lab)
    for node in topology.NODES:
        if node.role == "spine":
            frr.start(lab, node, [node.loopback])
        elif node.role == "leaf":
            ours.start(node)
    for leaf in topology.leaves():
        wait_for(
            f"{leaf.name} reaches the spine", lambda name=leaf.name: "spine1" in ours.established(name)
        )


def watch_servers(lab: Lab, kind: str = "frr") -> None:
    """BFD on the leaves' ports to servers: part of the fabric, the same for whatever server comes."""
    for leaf in topology.leaves():
        leaves.KINDS[kind](lab).watch(leaf)


def status(lab: Lab) -> str:
    if not lab.exists():
        return "the lab is down"
    lines = []
    for node in topology.NODES:
        running = " ".join(lab.processes(node.name)) or "-"
        sessions = ""
        if lab.pid(node.name, "bgpd"):
            sessions = " ".join(sorted(frr.established(lab, node.name)))
        elif lab.pid(node.name, "lastmiled"):
            sessions = " ".join(sorted(lastmile.established(lab, node.name)))
        lines.append(f"{node.name:8} {running:28} established: {sessions or '-'}")
    return "\n".join(lines)


def shell(lab: Lab, name: str) -> int:
    topology.node(name)
    if not lab.exists():
        raise LabError("the lab is down; start it with: sudo tools/lab up")
    environment = f"LASTMILE_SOCKET={lab.folder(name)}/lastmile.sock"
    path = f"PATH={lastmile.BUILD}:/usr/sbin:/usr/bin:/sbin:/bin"
    return subprocess.call(
        lab.in_node(name) + ["env", environment, path, f"PS1={name}# ", "bash", "--norc"]
    )

