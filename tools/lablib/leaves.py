"""The two ways to run a leaf of the lab, behind one set of questions: FRR, or Lastmile in transit mode."""
from __future__ import annotations

from . import fault, frr, lastmile, topology
from .netns import Lab


class FrrLeaves:
    title = "FRR"
    default_servers = "lastmile"
    advertises = f"leaves advertise themselves every {frr.RA_INTERVAL} s only"

    def __init__(self, lab: Lab):
        self.lab = lab

    def start(self, node: topology.Node) -> None:
        frr.start(self.lab, node, [node.loopback])

    def watch(self, node: topology.Node) -> None:
        """BFD with servers; it runs with those that answer."""
        frr.watch(self.lab, node, [server.name for server in topology.servers()])

    def established(self, name: str) -> set[str]:
        return frr.established(self.lab, name)

    def announced(self, leaf: str, server: str) -> dict[str, str]:
        """Prefixes that a leaf accepted from a server, with the link-local next hop of each."""
        routes = frr.show(self.lab, leaf, f"show bgp ipv4 unicast neighbors {server} routes")
        result = {}
        for prefix, paths in routes.get("routes", {}).items():
            hops = [h["ip"] for p in paths for h in p.get("nexthops", []) if h["ip"] != "::"]
            result[prefix] = hops[0] if hops else ""
        return result

    def silent_loss(self, uplink: tuple[str, str, str], server: str):
        """Frames vanish between a leaf and a server; `uplink` as of topology.uplinks()."""
        _, leaf, interface = uplink
        return fault.silent_loss(self.lab, leaf, interface)


class LastmileLeaves:
    title = "Lastmile"
    default_servers = "frr"  # with Lastmile at both ends nobody else would be heard
    advertises = "FRR solicits nobody"

    def __init__(self, lab: Lab):
        self.lab = lab

    def start(self, node: topology.Node) -> None:
        lastmile.start_with(self.lab, node.name, lastmile.leaf_configuration(node, self.lab.folder(node.name)))

    def watch(self, node: topology.Node) -> None:
        """BFD with servers is in the configuration from the start."""

    def established(self, name: str) -> set[str]:
        """Names of the ports over which sessions are Established, as FRR's are of interfaces."""
        neighbors = lastmile.show(self.lab, name, "bgp").get("neighbors", [])
        return {n["port"] for n in neighbors if n.get("state") == "Established"}

    def announced(self, leaf: str, server: str) -> dict[str, str]:
        """Prefixes that a leaf accepted from a server, with the link-local next hop of each."""
        result = {}
        for neighbor in lastmile.show(self.lab, leaf, "bgp").get("neighbors", []):
            if neighbor["port"] != server or neighbor["state"] != "Established":
                continue
            routes = lastmile.show(self.lab, leaf, f"routes --accepted {neighbor['name']}").get("routes", [])
            for route in routes:
                if ":" not in route["prefix"]:
                    hops = [hop["address"] for hop in route["next_hops"]]
                    result[route["prefix"]] = hops[0] if hops else ""
        return result

    def silent_loss(self, uplink: tuple[str, str, str], server: str):
        """A leaf on Lastmile takes frames before nftables sees them: each end loses what it sends."""
        own, leaf, interface = uplink
        return fault.silent_loss_between(self.lab, ((leaf, interface), (server, own)))


KINDS = {"lastmile": LastmileLeaves, "frr": FrrLeaves}
