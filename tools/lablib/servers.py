"""The two ways to run a server of the lab, behind one set of questions."""
from __future__ import annotations

from . import frr, lastmile, topology
from .netns import Lab, wait_for


class LastmileServers:
    title = "Lastmile"
    established_s = 3  # from start to both sessions
    # What a failure of an uplink and its repair may cost the demo's pings, ten a second.
    pings_lost, pings_lost_by_repair = 1, 0
    # BFD's detection time and one ping on the way, and one more for a machine that is busy.
    pings_lost_silently = 3
    checks_services = True

    def __init__(self, lab: Lab):
        self.lab = lab

    bfd = f"{{interval: {topology.BFD_INTERVAL_MS}ms, multiplier: {topology.BFD_MULTIPLIER}}}"

    def start(self, node: topology.Node) -> None:
        lastmile.start(self.lab, node, bfd=self.bfd)

    def check_service(self, node: topology.Node, check: str) -> None:
        """From now on the service is announced only while it passes; waits until it does."""
        lastmile.reload(self.lab, node, bfd=self.bfd, check=check)
        wait_for(
            f"{node.name}: the service passes its check",
            lambda: any(
                s["last_check"] and s["last_check"]["passed"]
                for s in lastmile.show(self.lab, node.name, "services").get("services", [])
            ),
        )

    def stop(self, name: str) -> None:
        self.lab.stop(name, "lastmiled")

    def established(self, name: str) -> set[str]:
        return lastmile.established(self.lab, name)

    def next_hop_ports(self, name: str, prefix: str) -> list[str]:
        return sorted(hop["port"] for hop in lastmile.next_hops(self.lab, name, prefix))

    def standby(self, name: str, prefix: str) -> list[str]:
        """Ports of the longer paths that stand by for a prefix."""
        return sorted(
            hop["port"]
            for route in lastmile.show(self.lab, name, f"routes {prefix}").get("routes", [])
            if route.get("prefix") == prefix and not route.get("best")
            for hop in route.get("next_hops", [])
        )

    def routes(self, name: str) -> str:
        return lastmile.command(self.lab, name, "show", "routes")


class FrrServers:
    title = "FRR + kernel"
    established_s = 10  # its daemons start one after the other
    pings_lost, pings_lost_by_repair = 3, 1
    pings_lost_silently = 5
    checks_services = False

    def __init__(self, lab: Lab):
        self.lab = lab

    def start(self, node: topology.Node) -> None:
        frr.start(self.lab, node, [node.loopback, topology.SERVICE])
        frr.watch(self.lab, node, ["FABRIC"])

    def stop(self, name: str) -> None:
        for daemon in ("bfdd", "bgpd", "zebra", "mgmtd"):
            self.lab.stop(name, daemon)

    def established(self, name: str) -> set[str]:
        return frr.established(self.lab, name)

    def next_hop_ports(self, name: str, prefix: str) -> list[str]:
        routes = frr.show(self.lab, name, f"show ip route {prefix}").get(prefix, [])
        return sorted(
            hop["interfaceName"]
            for route in routes
            if route.get("selected")
            for hop in route.get("nexthops", [])
            if hop.get("fib")
        )

    def standby(self, name: str, prefix: str) -> list[str]:
        paths = frr.show(self.lab, name, f"show bgp ipv4 unicast {prefix}").get("paths", [])
        return sorted(
            path["peer"]["interface"]
            for path in paths
            if path.get("valid")
            and not path.get("multipath")
            and not path.get("bestpath", {}).get("overall")
        )

    def routes(self, name: str) -> str:
        return self.lab.run(name, "ip", "route")


KINDS = {"lastmile": LastmileServers, "frr": FrrServers}
