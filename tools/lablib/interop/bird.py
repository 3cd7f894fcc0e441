"""BIRD 2 and 3."""
from __future__ import annotations

from pathlib import Path

from ..netns import wait_for
from .ours import ASN, PASSWORD, PEER_ASN
from .peer import LARGE, Peer
from .place import SENT_V4, SENT_V6, run


class Bird(Peer):
    name = "BIRD"
    binary = Path("/usr/sbin/bird")
    client = "/usr/sbin/birdc"
    reload_in = ("reload", "in")
    path_mark = r"\[lastmile "

    def version(self) -> str:
        # 2.0 writes it to standard error.
        return run("sh", "-c", f"chroot '{self.root or '/'}' {self.binary} --version 2>&1").split()[-1]

    def configuration(self) -> str:
        way = self.way
        target, v4 = self.target(), "ipv4 { import all; export filter mark; };"
        if self.links_local():
            target += "%eth1"
            v4 = "ipv4 { import all; export filter mark; extended next hop; };"
        elif way.peering == "v6":
            v4 = ""
        second = ""
        if way.key == "add-path-send":
            v4 = v4.replace("export filter mark;", "export filter mark; add paths rx;")
        if way.key == "add-path":
            v4 = v4.replace("export filter mark;", "export filter mark; add paths tx;")
            second = f"protocol static {{ ipv4; route {SENT_V4} unreachable; }}"
        options = [f"hold time {way.hold};", "connect delay time 1;", "error wait time 1, 2;"]
        if way.md5:
            options.append(f'password "{PASSWORD}";')
        if way.key == "gtsm":
            options.append("ttl security on;")
        if way.role:
            options.append(f"local role {way.role};")
        if way.key.startswith("gr-"):
            options.append("graceful restart on;")
        if way.key == "llgr-peer":
            options += ["graceful restart on;", "graceful restart time 2;", "long lived graceful restart on;",
                        "long lived stale time 60;"]  # fmt: skip
        return f"""\
router id 10.9.0.1;
{"graceful restart wait 10;" if way.key.startswith(("gr-", "llgr-")) else ""}
protocol device {{}}
protocol static {{ ipv4; route {SENT_V4} blackhole; }}
protocol static {{ ipv6; route {SENT_V6} blackhole; }}
{second}
filter mark {{ bgp_large_community.add(({LARGE.replace(':', ', ')})); accept; }}
protocol bgp lastmile {{
  local as {PEER_ASN};
  neighbor {target} as {ASN};
  {" ".join(options)}
  {v4}
  ipv6 {{ import all; export filter mark; }};
}}
"""

    def start(self, *options) -> None:
        self.control = self.place.folder / "bird.ctl"
        self.control.unlink(missing_ok=True)
        config = self.place.folder / "bird.conf"
        config.write_text(self.configuration())
        self.spawn("bird", self.binary, "-f", *options, "-c", config, "-s", self.control)
        wait_for("bird starts", self.control.exists)

    def kill(self) -> None:
        self.place.kill("bird")

    def restart(self) -> None:
        self.start("-R")

    def ask(self, *words) -> str:
        return self.run(self.client, "-s", self.control, *words)

    def show(self, prefix: str) -> str:
        text = self.ask("show", "route", "protocol", "lastmile", "for", prefix, "all")
        return text if prefix in text else ""

    def refresh(self) -> None:
        self.ask(*self.reload_in, "lastmile")

    def shut(self, message: str) -> None:
        self.ask("disable", "lastmile", f'"{message}"')

    def told(self) -> str:
        return self.ask("show", "protocols", "all", "lastmile") + self.place.log("bird")


class Bird3(Bird):
    """Debian has it instead of BIRD 2; tools/interop unpacks it beside that one."""

    binary = Path("/opt/bird3/usr/sbin/bird")
    client = "/opt/bird3/usr/sbin/birdc"
    reload_in = ("reload", "bgp", "in")
