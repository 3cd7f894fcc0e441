"""Lastmile's end of the link: configuration, start, and questions over the control socket."""
from __future__ import annotations

import json
import subprocess

from .. import lastmile
from ..netns import LabError, wait_for
from .place import OWN_V4, OWN_V6, US, Place, run

ASN, PEER_ASN = 64512, 65001
PASSWORD = "interop-secret"


class Lastmile:
    def __init__(self, place: Place, way):
        self.place = place
        self.socket = place.folder / "control.sock"
        self.path = place.folder / "server.yaml"
        (place.folder / "md5").write_text(PASSWORD + "\n")
        (place.folder / "md5").chmod(0o600)
        neighbor = dict(way.neighbor)
        if way.md5:
            neighbor["password-file"] = str(place.folder / "md5")
        self.config = {
            "router": {"asn": ASN},
            "loopbacks": [OWN_V4, OWN_V6],
            "ports": {"up1": {"device": "net_af_packet0,iface=up1", "addresses": way.addresses[0]}},
            "bgp": {
                "timers": {"keepalive": f"{way.hold // 3}s", "hold": f"{way.hold}s", "connect-retry": "1s"},
                "neighbors": [neighbor],
                **way.bgp,
            },
            "dataplane": {"max-routes": {"ipv4": 4096, "ipv6": 4096}},
            "control": {"socket": str(self.socket)},
            **way.top,
        }
        self.write()

    @property
    def neighbor(self) -> dict:
        """Its settings in the configuration; write() or reload() after a change."""
        return self.config["bgp"]["neighbors"][0]

    def write(self) -> None:
        self.path.write_text(json.dumps(self.config, indent=1) + "\n")  # JSON is YAML

    def refused(self) -> str:
        """Why this Lastmile does not take the configuration; empty if it does."""
        done = subprocess.run(
            [lastmile.BUILD / "lastmiled", "--check", self.path], capture_output=True, text=True, check=False
        )
        return "" if done.returncode == 0 else done.stderr.strip()

    def start(self) -> None:
        process = self.place.start_us("lastmiled", lastmile.BUILD / "lastmiled", self.path)

        def answers():
            if process.poll() is not None:
                raise LabError("lastmiled ended: " + self.place.log("lastmiled")[-400:])
            return bool(self.ask("version"))

        wait_for("lastmiled starts", answers)

    def reload(self) -> None:
        self.write()
        self.command("reload")

    def command(self, *words) -> str:
        return run("ip", "netns", "exec", self.place.names[US], lastmile.BUILD / "lastmile", "--socket", self.socket, *words)

    def ask(self, *words) -> dict:
        try:
            return json.loads(self.command("--json", *words))
        except (LabError, ValueError):
            return {}

    def session(self) -> dict:
        """The neighbor that has an address: a listen range has none."""
        found = [n for n in self.ask("show", "bgp").get("neighbors", []) if n.get("address")]
        return found[0] if found else {}

    def established(self) -> bool:
        return self.session().get("state") == "Established"

    def route(self, prefix: str) -> dict | None:
        routes = self.ask("show", "routes", prefix).get("routes", [])
        return next((r for r in routes if r["prefix"] == prefix and not r["refusal"]), None)
