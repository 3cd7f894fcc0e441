"""FRR in a namespace: configuration for each role, start, and questions by vtysh."""
from __future__ import annotations

import json
import pwd
import shutil
from pathlib import Path

from . import topology
from .netns import Lab, LabError, run, wait_for

DAEMONS = Path("/usr/lib/frr")
RA_INTERVAL = 30  # seconds; a session must not wait for it

FABRIC = """\
frr version 8.4
frr defaults datacenter
hostname {name}
log file {folder}/frr.log
{interfaces}
router bgp {asn}
 bgp router-id {router_id}
 no bgp ebgp-requires-policy
 bgp bestpath as-path multipath-relax
 neighbor FABRIC peer-group
 neighbor FABRIC remote-as external
{neighbors}
 address-family ipv4 unicast
{announce}
  neighbor FABRIC activate
{policy}
 exit-address-family
 address-family ipv6 unicast
  redistribute connected
  neighbor FABRIC activate
 exit-address-family
exit
{extra}"""

# A server on FRR: the configuration that Lastmile replaces. Only its own /32s leave it, and both
# servers share an AS number.
SERVER_POLICY = """\
ip prefix-list own seq 5 permit 0.0.0.0/0 ge 32
bgp as-path access-list own seq 5 permit ^$
route-map own permit 10
 match ip address prefix-list own
 match as-path own
exit
"""


def configuration(node: topology.Node, folder: Path) -> str:
    interfaces = topology.fabric_interfaces(node.name)
    policy, extra = "", ""
    if node.role == "spine":
        announce = "  redistribute connected"
        policy = "  neighbor FABRIC default-originate"
    elif node.role == "leaf":
        announce = "  redistribute connected"
    else:
        announce = "  redistribute connected"
        policy = "  neighbor FABRIC allowas-in 1\n  neighbor FABRIC route-map own out"
        extra = SERVER_POLICY
    return FABRIC.format(
        name=node.name,
        folder=folder,
        asn=node.asn,
        router_id=node.loopback.split("/")[0],
        interfaces="\n".join(
            f"interface {i}\n no ipv6 nd suppress-ra\n ipv6 nd ra-interval {RA_INTERVAL}\nexit"
            for i in interfaces
        ),
        neighbors="\n".join(f" neighbor {i} interface peer-group FABRIC" for i in interfaces),
        announce=announce,
        policy=policy,
        extra=extra,
    )


def start(lab: Lab, node: topology.Node, addresses: list[str]) -> None:
    """Starts FRR's daemons in the node's namespace and loads the configuration by vtysh."""
    if not (DAEMONS / "bgpd").exists():
        raise LabError("FRR is not installed; run: sudo tools/setup")
    folder = lab.folder(node.name)
    for address in addresses:
        lab.run(node.name, "ip", "address", "replace", address, "dev", "lo")
    (folder / "frr.conf").write_text(configuration(node, folder))
    (folder / "vtysh.conf").write_text("service integrated-vtysh-config\n")
    frr = pwd.getpwnam("frr")
    shutil.chown(folder, frr.pw_uid, frr.pw_gid)
    for file in folder.iterdir():
        shutil.chown(file, frr.pw_uid, frr.pw_gid)
    # FRR 10 moved part of the configuration into mgmtd.
    for daemon in ("mgmtd", "zebra", "bgpd", "bfdd"):
        if not (DAEMONS / daemon).exists():
            continue
        command = [
            str(DAEMONS / daemon), "-A", "127.0.0.1", "-P", "0", "--vty_socket", str(folder),
            "-z", str(folder / "zserv.api"), "-i", str(folder / f"{daemon}.pid"),
            "-f", "/dev/null", "--log", f"file:{folder}/{daemon}.frr.log",
        ]  # fmt: skip
        lab.start(node.name, daemon, command)
        wait_for(f"{node.name}: {daemon} starts", (folder / f"{daemon}.vty").exists, 20)
    lab.run(node.name, "vtysh", "--vty_socket", str(folder), "--config_dir", str(folder), "-b")


def vtysh(lab: Lab, node: str, command: str) -> str:
    return lab.run(node, "vtysh", "--vty_socket", str(lab.folder(node)), "-c", command)


def show(lab: Lab, node: str, command: str) -> dict:
    """The answer to a `show … json` command; an empty one while the daemon has nothing to say."""
    text = lab.run(
        node, "vtysh", "--vty_socket", str(lab.folder(node)), "-c", f"{command} json", check=False
    )
    try:
        return json.loads(text)
    except ValueError:
        return {}


def established(lab: Lab, node: str) -> set[str]:
    """Names of the interfaces over which a node's IPv4 sessions are Established."""
    peers = show(lab, node, "show bgp ipv4 unicast summary").get("peers", {})
    return {name for name, peer in peers.items() if peer.get("state") == "Established"}


def has_route(lab: Lab, node: str, prefix: str) -> bool:
    return bool(show(lab, node, f"show ip route {prefix}"))


__all__ = ["configuration", "start", "vtysh", "show", "established", "has_route", "run"]
