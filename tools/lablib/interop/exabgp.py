"""ExaBGP: it has no routing table, so a program of ours beside it writes down what it hears."""
from __future__ import annotations

import json
import os
from pathlib import Path

from ..netns import wait_for
from .ours import ASN, PASSWORD, PEER_ASN
from .peer import LARGE, Peer
from .place import SENT_V4, SENT_V6, V4, V6, run

# Events from ExaBGP are appended to a file; what is written into the pipe is a command for it.
HELPER = """\
#!/usr/bin/python3
import os, sys, threading
def commands():
    while True:
        with open("{folder}/commands") as pipe:
            for line in pipe:
                sys.stdout.write(line)
                sys.stdout.flush()
threading.Thread(target=commands, daemon=True).start()
with open("{folder}/events", "a") as events:
    for line in sys.stdin:
        events.write(line)
        events.flush()
"""


def found(part):
    """The routes in a part of an event, however deep they lie."""
    if isinstance(part, dict) and "nlri" in part:
        yield part
    elif isinstance(part, (dict, list)):
        for inner in part.values() if isinstance(part, dict) else part:
            yield from found(inner)


class Exabgp(Peer):
    name = "ExaBGP"
    binary = Path("/usr/sbin/exabgp")
    missing = {
        "unnumbered": "no peers by link-local address",
        "dynamic-ll": "no peers by link-local address",
        "role": "no BGP roles",
        "gr-peer": "forwards nothing and does not say that it has restarted",
        "gr-us": "keeps no routes",
        "llgr-peer": "forwards nothing and does not say that it has restarted",
        "refresh-peer": "fails in its own code, and resets the session, when it is asked after enhanced refresh was agreed on",
        "shutdown-to-us": "sends no message with its shutdown",
        "shutdown-to-peer": "fails in its own code when it reads the text",
    }

    def version(self) -> str:
        return run("chroot", self.root or "/", self.binary, "--version").splitlines()[0].split()[-1]

    def configuration(self) -> str:
        way = self.way
        local = {"v4": V4[1], "v6": V6[1]}[way.peering]
        options = []
        if way.md5:
            options.append(f'md5-password "{PASSWORD}";')
        if way.key == "gtsm":
            options += ["outgoing-ttl 255;", "incoming-ttl 255;"]
        routes = [f"route {SENT_V4} next-hop {V4[1]} large-community [ {LARGE} ];"] if way.peering == "v4" else []
        capabilities = "route-refresh enable;"
        if way.key == "add-path-send":
            capabilities += " add-path receive;"
        if way.key == "add-path":
            capabilities += " add-path send;"
            routes = [r.replace("next-hop", f"path-information 0.0.0.{n} next-hop") for r in routes for n in (1, 2)]
        routes.append(f"route {SENT_V6} next-hop {V6[1]} large-community [ {LARGE} ];")
        return f"""\
process helper {{ run {self.place.folder}/helper; encoder json; }}
neighbor {self.target()} {{
  router-id 10.9.0.1; local-address {local}; local-as {PEER_ASN}; peer-as {ASN}; hold-time {way.hold};
  {" ".join(options)}
  capability {{ {capabilities} }}
  family {{ ipv4 unicast; ipv6 unicast; }}
  api {{ processes [ helper ]; neighbor-changes; receive {{ parsed; update; notification; refresh; }} }}
  static {{ {" ".join(routes)} }}
}}
"""

    def start(self) -> None:
        folder = self.place.folder
        (folder / "exabgp.conf").write_text(self.configuration())
        (folder / "helper").write_text(HELPER.format(folder=folder))
        (folder / "helper").chmod(0o755)
        (folder / "events").write_text("")
        os.mkfifo(folder / "commands")
        self.spawn("exabgp", "env", "exabgp.daemon.user=root", "exabgp.daemon.drop=false", "exabgp.api.cli=false",
                   "exabgp.api.ack=false", "exabgp.log.level=INFO", self.binary, folder / "exabgp.conf")  # fmt: skip
        wait_for("exabgp starts", lambda: "helper" in self.place.log("exabgp") or self.events())

    def kill(self) -> None:
        self.place.kill("exabgp")

    def events(self) -> list[dict]:
        found = []
        for line in (self.place.folder / "events").read_text().splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                pass  # a line that is not whole yet
        return found

    def show(self, prefix: str) -> str:
        known = ""
        for event in self.events():
            update = event.get("neighbor", {}).get("message", {}).get("update", {})
            if prefix in json.dumps(update.get("withdraw", {})):
                known = ""
            if prefix in json.dumps(update.get("announce", {})):
                known = json.dumps(update)
        return known

    def count_paths(self, prefix: str) -> int:
        known: set[str] = set()
        for event in self.events():
            update = event.get("neighbor", {}).get("message", {}).get("update", {})
            for what, change in (("withdraw", known.discard), ("announce", known.add)):
                for nlri in found(update.get(what, {})):
                    if nlri.get("nlri") == prefix:
                        change(nlri.get("path-information", ""))
        return len(known)

    def refresh(self) -> None:
        with open(self.place.folder / "commands", "w") as pipe:
            for family in ("ipv4", "ipv6"):
                pipe.write(f"neighbor {self.target()} announce route-refresh {family} unicast\n")

    def told(self) -> str:
        """What NOTIFICATIONs carried comes as octets: "0x0A756E..."."""
        octets = [e["neighbor"].get("notification", {}).get("data", "0x") for e in self.events() if "neighbor" in e]
        texts = [bytes.fromhex(o[2:]).decode(errors="replace") for o in octets if o.startswith("0x")]
        return "\n".join([self.place.log("exabgp"), json.dumps(self.events()), *texts])
