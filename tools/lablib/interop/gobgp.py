"""GoBGP."""
from __future__ import annotations

from pathlib import Path

from ..netns import wait_for
from .ours import ASN, PASSWORD, PEER_ASN
from .peer import LARGE, Peer
from .place import PEER, SENT_V4, SENT_V6, V4, V6, run

FAMILIES = ("ipv4-unicast", "ipv6-unicast")


class Gobgp(Peer):
    name = "GoBGP"
    binary = Path("/usr/bin/gobgpd")
    path_mark = r"\b64512\b"
    missing = {"role": "no BGP roles", "refresh-us": "answers requests, sends none"}

    def version(self) -> str:
        return run("chroot", self.root or "/", self.binary, "--version").split()[-1]

    def configuration(self) -> str:
        way = self.way
        where = f'neighbor-address = "{self.target()}"'
        if way.peering == "unnumbered":
            where = 'neighbor-interface = "eth1"'
        elif way.peering == "link-local":
            where = f'neighbor-address = "{self.target()}%eth1"'
        lines = [
            "[global.config]", f"as = {PEER_ASN}", 'router-id = "10.9.0.1"', "[[neighbors]]",
            "[neighbors.config]", f"peer-as = {ASN}", where,
        ]  # fmt: skip
        if way.md5:
            lines.append(f'auth-password = "{PASSWORD}"')
        lines += ["[neighbors.timers.config]", f"hold-time = {way.hold}", "connect-retry = 2", "idle-hold-time-after-reset = 2"]
        if way.key == "gtsm":
            lines += ["[neighbors.ttl-security.config]", "enabled = true", "ttl-min = 255"]
        if way.key.startswith("gr-"):
            lines += ["[neighbors.graceful-restart.config]", "enabled = true", "restart-time = 30"]
        if way.key == "llgr-peer":
            lines += ["[neighbors.graceful-restart.config]", "enabled = true", "restart-time = 2", "long-lived-enabled = true"]
        for family in FAMILIES:
            lines += ["[[neighbors.afi-safis]]", "[neighbors.afi-safis.config]", f'afi-safi-name = "{family}"']
            if way.key == "add-path":
                lines += ["[neighbors.afi-safis.add-paths.config]", "send-max = 4"]
            if way.key == "add-path-send":
                lines += ["[neighbors.afi-safis.add-paths.config]", "receive = true"]
            if way.key == "llgr-peer":
                lines += ["[neighbors.afi-safis.long-lived-graceful-restart.config]", "enabled = true", "restart-time = 60"]
            if way.key.startswith(("gr-", "llgr-")):
                lines += ["[neighbors.afi-safis.mp-graceful-restart.config]", "enabled = true"]
        return "\n".join(lines) + "\n"

    def start(self, *options) -> None:
        config = self.place.folder / "gobgp.toml"
        config.write_text(self.configuration())
        if self.links_local():
            # It ends at once if the kernel knows no neighbor on the link when it starts.
            ping = ("ping", "-c1", "-W1", f"{self.target()}%eth1")
            wait_for("our link-local address answers", lambda: "1 received" in self.place.inside(PEER, *ping, check=False))
        self.spawn("gobgpd", self.binary, "-p", *options, "-f", config)
        wait_for("gobgpd starts", lambda: self.place.all_run() and "AS:" in self.ask("global"))
        local = self.links_local()
        for family, prefix, hop in (
            ("ipv4", SENT_V4, "0.0.0.0" if local else V4[1]),
            ("ipv6", SENT_V6, "::" if local else V6[1]),
        ):
            for number in ("1", "2") if self.way.key == "add-path" else ():
                self.ask("global", "rib", "add", prefix, "identifier", number, "nexthop", hop, "large-community", LARGE, "-a", family)
            if self.way.key == "add-path":
                continue
            self.ask("global", "rib", "add", prefix, "nexthop", hop, "large-community", LARGE, "-a", family)

    def kill(self) -> None:
        self.place.kill("gobgpd")

    def restart(self) -> None:
        self.start("-r")

    def ask(self, *words) -> str:
        return self.run("/usr/bin/gobgp", *words)

    def show(self, prefix: str) -> str:
        text = self.ask("global", "rib", prefix, "-a", "ipv6" if ":" in prefix else "ipv4")
        return text if prefix in text else ""

    def refresh(self) -> None:
        self.ask("neighbor", "all", "softresetin")

    def shut(self, message: str) -> None:
        self.ask("neighbor", self.neighbor(), "shutdown", "--reason", message)

    def neighbor(self) -> str:
        rows = self.ask("neighbor").splitlines()
        return rows[1].split()[0] if len(rows) > 1 else ""

    def told(self) -> str:
        return self.place.log("gobgpd")
