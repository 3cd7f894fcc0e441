"""Lastmile on a server of the lab: configuration, start, and questions over the control socket."""
from __future__ import annotations

import json
import os
from pathlib import Path

from . import topology
from .netns import Lab, LabError, wait_for

TOP = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("LASTMILE_BUILD", TOP / "build"))


def configuration(
    node: topology.Node, folder: Path, bfd: str = "", scheduling: str = "fair", check: str = "", bgp: str = ""
) -> str:
    """The same for every server but for one line: the loopback. `bfd` is a BFD profile for the uplinks, `check` the
    health check of the service, `bgp` a line of the section."""
    uplinks = [own for own, _, _ in topology.uplinks(node.name)]
    ports = "\n".join(
        f'  {p}: {{device: "net_af_packet{i},iface={p}", mtu: {topology.FABRIC_MTU}}}'
        for i, p in enumerate(uplinks)
    )
    watched = ", bfd: fast" if bfd else ""
    neighbors = "\n".join(f"    - {{port: {p}, remote-asn: external{watched}}}" for p in uplinks)
    checked = f", check: {check}" if check else ""
    profile = f"bfd:\n  profiles:\n    fast: {bfd}\n" if bfd else ""
    return f"""\
router:
  mode: host
  asn: {node.asn}
loopbacks: [{node.loopback}]
services:
  - {{name: web, address: {topology.SERVICE}{checked}}}
ports:
{ports}
host: {{mtu: {topology.FABRIC_MTU}}}
{profile}bgp:
  {bgp}
  allow-own-as: 1          # all servers share one AS number
  timers: {{keepalive: 3s, hold: 9s, connect-retry: 1s}}
  neighbors:
{neighbors}
dataplane: {{workers: 1, idle: adaptive, scheduling: {scheduling}}}
control: {{socket: {folder}/lastmile.sock}}
"""


def leaf_configuration(node: topology.Node, folder: Path) -> str:
    """A leaf: a transit router with the spine and the servers on unnumbered ports, and the legacy server's gateway. One
    server is a neighbor by its port, as on FRR; the other may be whoever connects there (a listen range)."""
    links = [
        (own, link.mtu, link.addresses.get(node.name, []))
        for link in topology.LINKS
        for owner, own in (link.a, link.b)
        if owner == node.name
    ]
    ports = "\n".join(
        f'  {port}: {{device: "net_af_packet{i},iface={port}", mtu: {mtu}, addresses: [{", ".join(addresses)}]}}'
        for i, (port, mtu, addresses) in enumerate(links)
    )
    servers = [server.name for server in topology.servers()]
    who = {server: f"port: {server}" for server in servers} | {servers[-1]: f"listen: fe80::/10, port: {servers[-1]}"}
    neighbors = "\n".join(
        f"    - {{{who.get(port, f'port: {port}')}, group: fabric{', bfd: lab' if port in servers else ''}}}"
        for port in topology.fabric_interfaces(node.name)
    )
    return f"""\
router: {{mode: transit, asn: {node.asn}}}
loopbacks: [{node.loopback}]
ports:
{ports}
host: {{mtu: {topology.FABRIC_MTU}}}
bfd:
  profiles:
    lab: {{interval: {topology.BFD_INTERVAL_MS}ms, multiplier: {topology.BFD_MULTIPLIER}}}
policies:
  everything: {{default: accept}}
bgp:
  timers: {{keepalive: 3s, hold: 9s, connect-retry: 1s}}
  groups:
    fabric: {{remote-asn: external, import: everything, export: everything}}
  neighbors:
{neighbors}
dataplane: {{workers: 1, idle: adaptive}}
control: {{socket: {folder}/lastmile.sock}}
"""


def start(lab: Lab, node: topology.Node, bfd: str = "", scheduling: str = "fair", options: tuple[str, ...] = (), bgp: str = "") -> None:
    """Starts lastmiled on a server and waits until its control socket answers."""
    start_with(lab, node.name, configuration(node, lab.folder(node.name), bfd, scheduling, bgp=bgp), options)


def start_with(lab: Lab, name: str, text: str, options: tuple[str, ...] = ()) -> None:
    """Starts lastmiled in a node's namespace with a configuration and waits until its control socket answers."""
    binary = BUILD / "lastmiled"
    if not binary.exists():
        raise LabError(f"{binary} is not there; run: tools/build")
    folder = lab.folder(name)
    (folder / "server.yaml").write_text(text)
    launch(lab, name, [str(binary), *options, str(folder / "server.yaml")])


def launch(lab: Lab, node: str, command: list[str]) -> None:
    """Starts a command that is lastmiled, or becomes it, and waits until its control socket answers."""
    process = lab.start(node, "lastmiled", command)

    def answers() -> bool:
        if process.poll() is not None:
            log = (lab.folder(node) / "lastmiled.log").read_text().strip().splitlines()[-5:]
            raise LabError(f"{node}: lastmiled ended at start:\n  " + "\n  ".join(log))
        return bool(show(lab, node, "version"))

    wait_for(f"{node}: lastmiled starts", answers, of=process)


def start_servers(
    lab: Lab, bfd: dict[str, str] | None = None, scheduling: str = "fair", options: dict[str, tuple[str, ...]] | None = None
) -> None:
    """Starts lastmiled on all servers and waits until the sessions of all uplinks are Established. `bfd`: the
    profile of each server, by its name; `options`: of its command line."""
    for node in topology.servers():
        start(lab, node, (bfd or {}).get(node.name, ""), scheduling, (options or {}).get(node.name, ()))
    for node in topology.servers():
        uplinks = {own for own, _, _ in topology.uplinks(node.name)}
        wait_for(f"{node.name}: sessions", lambda n=node.name, u=uplinks: established(lab, n) == u)


def reload(lab: Lab, node: topology.Node, bfd: str = "", scheduling: str = "fair", check: str = "") -> None:
    """Gives the running daemon another configuration."""
    folder = lab.folder(node.name)
    (folder / "server.yaml").write_text(configuration(node, folder, bfd, scheduling, check=check))
    command(lab, node.name, "reload")


def command(lab: Lab, node: str, *words: str) -> str:
    socket = lab.folder(node) / "lastmile.sock"
    return lab.run(node, str(BUILD / "lastmile"), "--socket", str(socket), *words)


def show(lab: Lab, node: str, what: str) -> dict:
    """The JSON of a `show` command; an empty answer while the daemon is not ready."""
    words = ["version"] if what == "version" else ["show", *what.split()]
    try:
        return json.loads(command(lab, node, *words, "--json"))
    except (LabError, ValueError):
        return {}


def established(lab: Lab, node: str) -> set[str]:
    neighbors = show(lab, node, "bgp").get("neighbors", [])
    return {n["name"] for n in neighbors if n.get("state") == "Established"}


def next_hops(lab: Lab, node: str, prefix: str) -> list[dict]:
    """The live next hops of the best route for a prefix."""
    for route in show(lab, node, f"routes {prefix}").get("routes", []):
        if route.get("prefix") == prefix and route.get("best"):
            return [hop for hop in route.get("next_hops", []) if hop.get("alive")]
    return []
