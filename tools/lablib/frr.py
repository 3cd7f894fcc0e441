"""FRR in a namespace: configuration for each role, start, and questions by vtysh."""
from __future__ import annotations

import json
import pwd
import shutil
from pathlib import Path

from . import topology
from .netns import Lab, LabError, wait_for

DAEMONS = Path("/usr/lib/frr")
RUN, ETC = Path("/var/run/frr"), Path("/etc/frr")
RA_INTERVAL = 30  # seconds; a session must not wait for it

FABRIC = """\
frr version 8.4
frr defaults datacenter
hostname {name}
log file {folder}/frr.log
{next_hops}{interfaces}
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


# When a link has been down, zebra (seen with 8.4) goes on using a group of next hops from which the kernel
# has removed that link's, and believes it whole: the flows of an anycast address stay on the other server
# for good. So each route carries its own next hops.
NEXT_HOPS = "no zebra nexthop kernel enable\n"


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
        next_hops=NEXT_HOPS,
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


def watch(
    lab: Lab, node: topology.Node, neighbors: list[str], interval_ms: int = topology.BFD_INTERVAL_MS
) -> None:
    """BFD with these neighbors (interfaces or peer groups). It runs with who answers; a neighbor without BFD
    is a neighbor still."""
    configure(
        lab, node.name, "bfd", "profile lab", f"receive-interval {interval_ms}",
        f"transmit-interval {interval_ms}", f"detect-multiplier {topology.BFD_MULTIPLIER}", "exit", "exit",
        f"router bgp {node.asn}", *(f"neighbor {n} bfd profile lab" for n in neighbors),
    )  # fmt: skip


def start_daemon(lab: Lab, node: str, daemon: str) -> None:
    lab.start(
        node,
        daemon,
        [str(DAEMONS / daemon), "-N", lab.namespace(node), "-A", "127.0.0.1", "-P", "0",
         "--log", f"file:{lab.folder(node)}/{daemon}.frr.log"],
    )  # fmt: skip


def start(lab: Lab, node: topology.Node, addresses: list[str]) -> None:
    """Starts FRR's daemons in a node of the fabric, with the configuration of its role."""
    for address in addresses:
        lab.run(node.name, "ip", "address", "replace", address, "dev", "lo")
    run_daemons(lab, node.name, configuration(node, lab.folder(node.name)))


def run_daemons(lab: Lab, node: str, text: str, wanted: tuple[str, ...] = ("zebra", "bgpd", "bfdd")) -> None:
    """Starts FRR's daemons in a node's namespace and loads a configuration by vtysh."""
    if not (DAEMONS / "bgpd").exists():
        raise LabError("FRR is not installed; run: sudo tools/setup")
    space = lab.namespace(node)
    owner = pwd.getpwnam("frr")
    for folder in (RUN / space, ETC / space, lab.folder(node)):
        folder.mkdir(parents=True, exist_ok=True)
        shutil.chown(folder, owner.pw_uid, owner.pw_gid)
    (ETC / space / "frr.conf").write_text(text)
    (ETC / space / "vtysh.conf").write_text("service integrated-vtysh-config\n")
    for file in (ETC / space).iterdir():
        shutil.chown(file, owner.pw_uid, owner.pw_gid)
    # FRR 10 moved part of the configuration into mgmtd.
    for daemon in ("mgmtd", *wanted):
        if not (DAEMONS / daemon).exists():
            continue
        start_daemon(lab, node, daemon)
        wait_for(f"{node}: {daemon} starts", (RUN / space / f"{daemon}.vty").exists)
    lab.run(node, "vtysh", "-N", space, "-b")


def remove(lab: Lab, node: str) -> None:
    """Removes the folders that FRR's daemons used in a node."""
    for top in (RUN, ETC):
        shutil.rmtree(top / lab.namespace(node), ignore_errors=True)


def vtysh(lab: Lab, node: str, *commands: str) -> str:
    words = [word for command in commands for word in ("-c", command)]
    return lab.run(node, "vtysh", "-N", lab.namespace(node), *words)


def configure(lab: Lab, node: str, *lines: str) -> None:
    """Changes the running configuration, as if typed behind `configure terminal`."""
    vtysh(lab, node, "configure terminal", *lines)


def show(lab: Lab, node: str, command: str) -> dict:
    """The answer to a `show … json` command; an empty one while the daemon has nothing to say."""
    space = lab.namespace(node)
    text = lab.run(node, "vtysh", "-N", space, "-c", f"{command} json", check=False)
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

