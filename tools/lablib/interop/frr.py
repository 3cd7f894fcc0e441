"""FRR: zebra, staticd and bgpd."""
from __future__ import annotations

import os
from pathlib import Path

from ..netns import wait_for
from .ours import ASN, PASSWORD, PEER_ASN
from .peer import LARGE, Peer
from .place import SENT_V4, SENT_V6, run

DAEMONS = ("mgmtd", "zebra", "staticd", "bgpd")  # FRR 10 has moved part of the configuration into mgmtd


class Frr(Peer):
    name = "FRR"
    binary = Path("/usr/lib/frr/bgpd")
    path_mark = r'"addpathRxId"'

    def version(self) -> str:
        return run("chroot", self.root or "/", self.binary, "--version").split()[2]

    def configuration(self) -> str:
        way = self.way
        # It tracks an address that is written down as a next hop, and never finds a link-local one on a link.
        peer = "eth1" if self.links_local() else self.target()
        session = [f" neighbor {peer} {'interface ' if self.links_local() else ''}remote-as {ASN}"]
        session += [f" neighbor {peer} timers {way.hold // 3} {way.hold}", f" neighbor {peer} timers connect 1"]
        if way.md5:
            session.append(f" neighbor {peer} password {PASSWORD}")
        if way.key == "gtsm":
            session.append(f" neighbor {peer} ttl-security hops 1")
        if way.role:
            session.append(f" neighbor {peer} local-role {way.role}")
        if way.key.startswith("gr-"):
            session = [" bgp graceful-restart", " bgp graceful-restart preserve-fw-state", *session]
        if way.key == "llgr-peer":
            session = [" bgp graceful-restart", " bgp graceful-restart preserve-fw-state", " bgp graceful-restart restart-time 2",
                       " bgp long-lived-graceful-restart stale-time 60", *session]  # fmt: skip
        self.peer = peer
        lines = [f"router bgp {PEER_ASN}", " bgp router-id 10.9.0.1", " no bgp ebgp-requires-policy", *session]
        # A path by `network` and one by `redistribute`.
        several = ["  redistribute static", f"  neighbor {peer} addpath-tx-all-paths"] if way.key == "add-path" else []
        for family, prefix in (("ipv4", SENT_V4), ("ipv6", SENT_V6)):
            lines += [
                f" address-family {family} unicast", f"  network {prefix}", f"  neighbor {peer} activate",
                f"  neighbor {peer} route-map mark out", *several, " exit-address-family",
            ]  # fmt: skip
        lines += [
            "exit", f"ip route {SENT_V4} blackhole", f"ipv6 route {SENT_V6} blackhole",
            "route-map mark permit 10", f" set large-community {LARGE}", "exit",
            "interface eth1", " no ipv6 nd suppress-ra", " ipv6 nd ra-interval 30", "exit",
        ]  # fmt: skip
        return "\n".join(lines) + "\n"

    def start(self) -> None:
        owner = self.user("frr")
        folder = self.place.folder
        (folder / "run" / "frr").mkdir(exist_ok=True)
        (folder / "etc" / "frr.conf").write_text(self.configuration())
        (folder / "etc" / "vtysh.conf").write_text("service integrated-vtysh-config\n")
        for path in (folder / "run" / "frr", folder / "etc", *(folder / "etc").iterdir()):
            os.chown(path, *owner)
        for daemon in DAEMONS:
            if Path(f"{self.root}/usr/lib/frr/{daemon}").exists():
                self.spawn(daemon, f"/usr/lib/frr/{daemon}", "-A", "127.0.0.1", "-P", "0", "--log", "stdout")
                wait_for(f"{daemon} starts", (folder / "run" / "frr" / f"{daemon}.vty").exists)
        self.run("vtysh", "-b", check=True)

    def kill(self) -> None:
        self.place.kill("bgpd")
        (self.place.folder / "run" / "frr" / "bgpd.vty").unlink(missing_ok=True)

    def restart(self) -> None:
        self.spawn("bgpd", self.binary, "-A", "127.0.0.1", "-P", "0", "--log", "stdout")
        wait_for("bgpd starts", (self.place.folder / "run" / "frr" / "bgpd.vty").exists)
        self.run("vtysh", "-b", check=True)

    def show(self, prefix: str) -> str:
        family = "ipv6" if ":" in prefix else "ipv4"
        text = self.run("vtysh", "-c", f"show bgp {family} unicast {prefix} json")
        return text if '"paths"' in text else ""

    def refresh(self) -> None:
        self.run("vtysh", "-c", "clear bgp * soft in", check=True)

    def shut(self, message: str) -> None:
        self.run("vtysh", "-c", "configure terminal", "-c", f"router bgp {PEER_ASN}",
                 "-c", f"neighbor {self.peer} shutdown message {message}", check=True)  # fmt: skip

    def told(self) -> str:
        return self.run("vtysh", "-c", "show bgp neighbors json")
