"""OpenBGPD's portable version, which has no kernel routes on Linux."""
from __future__ import annotations

import functools
from pathlib import Path

from ..netns import wait_for
from .ours import ASN, PASSWORD, PEER_ASN
from .peer import LARGE, Peer
from .place import PEER, SENT_V4, SENT_V6, V4, V6, run


class Openbgpd(Peer):
    name = "OpenBGPD"
    binary = Path("/usr/sbin/bgpd")
    path_mark = r"^BGP routing table entry"

    @functools.cache
    def version(self) -> str:
        return run("sh", "-c", f"chroot '{self.root or '/'}' {self.binary} -V 2>&1").split()[-1]

    def major(self) -> int:
        return int(self.version().split(".")[0])

    def lacks(self, way) -> str:
        if way.key == "add-path":
            return "nothing to try it with: it has one path to a prefix of its own"
        if way.key in ("gr-peer", "llgr-peer"):
            return "helps others to restart, does not itself"
        if way.key == "refresh-peer" and self.major() < 8:
            return "ignores requests (openbgpd-portable issue 46, mended since)"
        if way.peering in ("unnumbered", "link-local") and self.major() < 8:
            return "no extended next hop"
        return ""

    def configuration(self) -> str:
        way = self.way
        peer, local = self.target(), {"v4": V4[1], "v6": V6[1]}.get(way.peering)
        if self.links_local():
            peer, local = f"{peer}%eth1", self.place.link_local(PEER, "eth1") + "%eth1"
        options = [f"remote-as {ASN}", f"local-address {local}", "announce IPv4 unicast", "announce IPv6 unicast"]
        if way.key == "add-path-send":
            options.append("announce add-path recv yes")
        if self.links_local():
            options.append("announce extended nexthop yes")
        if way.md5:
            options.append(f'tcp md5sig password "{PASSWORD}"')
        if way.key == "gtsm":
            options.append("ttl-security yes")
        if way.role:
            options += [f"role {way.role}", "announce policy yes"] if self.major() >= 8 else [f"announce policy {way.role}"]
        return f"""\
AS {PEER_ASN}
router-id 10.9.0.1
fib-update no
holdtime {way.hold}
connect-retry 2
network {SENT_V4} set large-community {LARGE}
network {SENT_V6} set large-community {LARGE}
neighbor {peer} {{
  {chr(10).join("  " + o for o in options).strip()}
}}
allow from any
allow to any
"""

    def start(self) -> None:
        config = self.place.folder / "bgpd.conf"
        config.write_text(self.configuration())
        config.chmod(0o600)
        (self.place.folder / "run" / "openbgpd").mkdir(exist_ok=True)
        self.spawn("bgpd", self.binary, "-d", "-v", "-f", config)
        wait_for("bgpd starts", lambda: self.place.all_run() and "Neighbor" in self.ask("show"))

    def kill(self) -> None:
        self.place.kill("bgpd")

    def ask(self, *words) -> str:
        return self.run("/usr/sbin/bgpctl", *words)

    def show(self, prefix: str) -> str:
        text = self.ask("show", "rib", "detail", prefix)
        return text if prefix in text else ""

    def refresh(self) -> None:
        self.ask("neighbor", self.peer(), "refresh")

    def shut(self, message: str) -> None:
        self.ask("neighbor", self.peer(), "down", message)

    def peer(self) -> str:
        return self.target() + ("%eth1" if self.links_local() else "")

    def told(self) -> str:
        return self.ask("show", "neighbor") + self.place.log("bgpd")
