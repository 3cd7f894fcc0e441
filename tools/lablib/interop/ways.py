"""The rows of the table: ways of peering, and what each of them has to show to count as working."""
from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ..netns import LabError, wait_for
from .ours import ASN, PEER_ASN, Lastmile
from .peer import LARGE, OUR_LARGE, Peer
from .place import (
    OWN_V4, OWN_V6, PEER, SENDER_V4, SENDER_V6, SENT_V4, SENT_V6, US, V4, V6, Place,
)  # fmt: skip

WORKS, NOT_OFFERED, NOT_YET = "works", "not offered by the peer", "not yet in Lastmile"
NUMBERED = [[f"{v4}/{V4[2]}", f"{v6}/{V6[2]}"] for v4, v6 in zip(V4[:2], V6[:2])]  # ours, the peer's
MESSAGE = "until noon"


@dataclass
class Session:
    """An established session with its routes exchanged."""

    us: Lastmile
    peer: Peer
    place: Place
    way: Way

    @property
    def sent(self) -> str:
        return SENT_V6 if self.way.peering == "v6" else SENT_V4

    @property
    def own(self) -> str:
        return OWN_V6 if self.way.peering == "v6" else OWN_V4


# --- what a way is about ----------------------------------------------------------------------------


def large_communities(s: Session) -> None:
    if LARGE not in s.us.route(s.sent)["large_communities"]:
        raise LabError("the peer's large community is not on its route")
    wait_for("our large community there", lambda: s.peer.has_large(s.own), 5)


def provider(s: Session) -> None:
    """RFC 9234: it has said what it is, and marks what only customers may have."""
    if s.us.session()["remote_role"] != s.way.role:
        raise LabError(f"the peer says that it is {s.us.session()['remote_role']}")
    if s.us.route(s.sent)["only_to_customer"] != PEER_ASN:
        raise LabError("no Only-to-Customer on the peer's route")


def peer_asks(s: Session) -> None:
    """Keepalives are a minute apart in this way, so what we send now is the answer."""
    time.sleep(1)
    before = s.us.session()["messages_sent"]
    s.peer.refresh()
    wait_for("an answer to the refresh", lambda: s.us.session()["messages_sent"] > before, 5)


def we_ask(s: Session) -> None:
    before = s.us.session()["established_count"]
    s.us.config["policies"] = {"better": {"rules": [{"set": {"local-preference": 150}}]}}
    s.us.neighbor["import"] = "better"
    s.us.reload()

    def better():
        if not (route := s.us.route(s.sent)):
            raise LabError(f"the route went away: {s.us.ask('show', 'routes', s.sent)}")
        return route["local_preference"] == 150

    wait_for("the routes again", better)
    if s.us.session()["established_count"] != before:
        raise LabError("the session was reset")


def peer_shuts(s: Session) -> None:
    def shown():
        return MESSAGE in (s.us.session().get("last_error") or "")

    s.peer.shut(MESSAGE)
    wait_for("the message", shown)
    time.sleep(3)
    if not shown():
        raise LabError("the message is gone after three seconds")


def we_shut(s: Session) -> None:
    s.us.neighbor.update({"shutdown": True, "shutdown-message": MESSAGE})
    s.us.reload()
    wait_for("the message there", lambda: MESSAGE in s.peer.told())


def peer_restarts(s: Session) -> None:
    s.peer.kill()
    wait_for("the loss is seen", lambda: not s.us.established())
    if not s.us.route(s.sent):
        raise LabError("the route of the restarting peer is gone")
    ping(s)
    s.peer.restart()

    def back():
        if not s.us.route(s.sent):
            raise LabError("the route of the restarting peer went away")
        return s.us.established()

    wait_for("the session again", back)
    time.sleep(3)  # End-of-RIB, and with it the end of what is stale
    ping(s)


def several_paths(s: Session) -> None:
    """The peer has two paths to one prefix, and tells of both."""

    def paths() -> list[dict]:
        return [r for r in s.us.ask("show", "routes", SENT_V4).get("routes", []) if r["source"] == "bgp" and not r["refusal"]]

    wait_for("the second path", lambda: len(paths()) == 2)


def several_of_ours(s: Session) -> None:
    """We have two routes to the default, a static one and one of our own making, and tell of both."""

    def told() -> list[int]:
        routes = s.us.ask("show", "routes", "--advertised", s.us.session()["name"], EVERYWHERE).get("routes", [])
        return sorted(r["path_id"] or 0 for r in routes)

    wait_for("two paths told", lambda: len(set(told())) == 2 and 0 not in told())
    wait_for("two paths there", lambda: s.peer.count_paths(EVERYWHERE) == 2)
    s.us.config["routes"] = []
    s.us.reload()
    wait_for("one path there", lambda: s.peer.count_paths(EVERYWHERE) == 1)


def aggregate(s: Session) -> None:
    """The peer's route is inside it, so it is there; without the key it goes."""
    wait_for(f"{AGGREGATE} there", lambda: s.peer.show(AGGREGATE))
    if (route := s.us.route(AGGREGATE)) is None or route["source"] != "aggregate":
        raise LabError(f"{AGGREGATE} here: {route}")
    del s.us.config["bgp"]["aggregates"]
    s.us.reload()
    wait_for(f"no {AGGREGATE} there", lambda: not s.peer.show(AGGREGATE))


def away_for_long(s: Session) -> None:
    """RFC 9494: its restart takes longer than its restart time; the routes stay as the last choice."""
    s.peer.kill()
    wait_for("the loss is seen", lambda: not s.us.established())

    def last_choice():
        route = s.us.route(s.sent)
        if not route:
            raise LabError("the route of the peer that is away is gone")
        return s.us.session()["long_lived"] and LLGR_STALE in route["communities"]

    wait_for("the last choice", last_choice, 30)
    ping(s)
    s.peer.restart()

    def back():
        route = s.us.route(s.sent)
        if not route:
            raise LabError("the route of the peer that was away went away")
        return s.us.established() and LLGR_STALE not in route["communities"]

    wait_for("a route like others again", back)
    ping(s)


def we_restart(s: Session) -> None:
    s.place.kill("lastmiled")
    time.sleep(2)
    if not s.peer.show(s.own):
        raise LabError("the peer has dropped our routes")
    s.us.start()
    wait_for("the session again", s.us.established)
    if not (said := s.us.session()["local_restart"]) or not said["restarted"]:
        raise LabError(f"we did not say that we have restarted: {said}")
    wait_for(f"{s.sent} again", lambda: s.us.route(s.sent))
    # We don't claim to have forwarded, so the peer may drop our routes until it hears them again.
    wait_for(f"{s.own} there", lambda: s.peer.show(s.own))
    route_to_us(s)
    ping(s)


@dataclass
class Way:
    key: str
    name: str
    peering: str  # v4, v6; unnumbered: found by router advertisements; link-local: written down
    check: Callable[[Session], None] | None = None
    md5: bool = False
    hold: int = 9
    role: str = ""  # the peer's (RFC 9234)
    neighbor: dict = field(default_factory=dict)  # ours, in the configuration
    bgp: dict = field(default_factory=dict)
    top: dict = field(default_factory=dict)

    def __post_init__(self):
        who = {
            "v4": {"address": V4[1]},
            "v6": {"address": V6[1]},
            "unnumbered": {"port": "up1"},
        }.get(self.peering, {})
        if "listen" in self.neighbor:
            who = {}
        remote = "external" if self.peering == "unnumbered" else PEER_ASN
        self.neighbor = {**who, "remote-asn": remote, **self.neighbor}

    @property
    def addresses(self) -> list[list[str]]:
        """Of our end of the link, and of the peer's."""
        return NUMBERED if self.peering in ("v4", "v6") else [[], []]


LISTEN_V4 = {"listen": "192.0.2.0/30", "limit": 2}
LISTEN_V6 = {"listen": "2001:db8:ff::/64", "limit": 2}
LISTEN_LL = {"listen": "fe80::/10", "port": "up1"}
AGGREGATE = "10.8.0.0/15"  # around what the peer sends
EVERYWHERE = "0.0.0.0/0"
LLGR_STALE = "llgr-stale"
TRANSIT = {"router": {"asn": ASN, "mode": "transit"}, "policies": {"all": {"default": "accept"}}}
ALL = {"import": "all", "export": "all"}
MARK = {"marked": {"rules": [{"set": {"add-large-communities": [OUR_LARGE]}}]}}

WAYS = [
    Way("v4", "IPv4", "v4"),
    Way("v6", "IPv6", "v6"),
    Way("unnumbered", "IPv4 over IPv6 link-local, unnumbered", "unnumbered"),
    Way("md5", "TCP MD5", "v4", md5=True),
    Way("md5-v6", "TCP MD5, IPv6", "v6", md5=True),
    Way("gtsm", "GTSM", "v4", neighbor={"ttl-security": 1}),
    Way("gr-peer", "graceful restart, the peer restarts", "v4", peer_restarts, bgp={"graceful-restart": {"mode": "helper"}}),
    Way("gr-us", "graceful restart, Lastmile restarts", "v4", we_restart, bgp={"graceful-restart": {"mode": "restarter"}}),
    Way("llgr-peer", "graceful restart, the peer is away for long", "v4", away_for_long,
        bgp={"graceful-restart": {"mode": "helper", "long-lived-limit": "60s"}}),
    Way("add-path", "add-path, from the peer", "v4", several_paths, neighbor={"add-path": "receive"}),
    Way("add-path-send", "add-path, to the peer", "v4", several_of_ours, neighbor={"add-path": "send", **ALL},
        bgp={"default-originate": {"ipv4": True}}, top={**TRANSIT, "routes": [{"prefix": EVERYWHERE, "blackhole": True}]}),
    Way("aggregate", "aggregate of what the peer sends", "v4", aggregate, neighbor=ALL,
        bgp={"aggregates": [{"prefix": AGGREGATE}]}, top=TRANSIT),
    Way("refresh-us", "route refresh, the peer asks", "v4", peer_asks, hold=180),
    Way("refresh-peer", "route refresh, Lastmile asks", "v4", we_ask),
    Way("large", "large communities, both ways", "v4", large_communities, top={"policies": MARK}, neighbor={"export": "marked"}),
    Way("dynamic", "dynamic", "v4", neighbor=LISTEN_V4),
    Way("dynamic-v6", "dynamic, IPv6", "v6", neighbor=LISTEN_V6),
    Way("dynamic-ll", "dynamic, link-local", "link-local", neighbor=LISTEN_LL),
    Way("dynamic-md5", "dynamic with TCP MD5", "v4", md5=True, neighbor=LISTEN_V4),
    Way("role", "role: the peer is the provider", "v4", provider, role="provider", neighbor={"role": "customer"}),
    Way("shutdown-to-us", "shutdown message of the peer", "v4", peer_shuts),
    Way("shutdown-to-peer", "shutdown message of Lastmile", "v4", we_shut),
]


# --- trying one ----------------------------------------------------------------------------------


def route_to_us(s: Session) -> None:
    """Most of the peers give the kernel no routes, so this stands for the one they would give it."""
    device = ["dev", "eth1"]
    via = ["via", V4[0]] if s.way.peering == "v4" else ["via", "inet6", s.place.link_local(US, "lm-up1")]
    if s.way.peering == "v6":
        via = ["via", V6[0]]
    family = ["-6"] if s.way.peering == "v6" else []
    s.place.inside(PEER, "ip", *family, "route", "replace", s.own, *via, *device, "metric", "5")


def ping(s: Session) -> None:
    """There by the route that stands for ours, back by the peer's as we have learned it."""
    source, target = (SENDER_V6, OWN_V6) if s.way.peering == "v6" else (SENDER_V4, OWN_V4)

    def passes():
        text = s.place.inside(PEER, "ping", "-c1", "-W1", "-I", source, target.split("/")[0], check=False)
        return "1 received" in text

    wait_for("a ping passes", passes)


def attempt(peer: Peer, way: Way, verbose: bool) -> str:
    """The text of one cell of the table."""
    if peer.lacks(way):
        return NOT_OFFERED
    place = Place()
    us = Lastmile(place, way)
    try:
        if refusal := us.refused():
            if verbose:
                print(refusal, file=sys.stderr)
            return NOT_YET
        place.build(way.addresses[1])
        us.start()
        peer.attach(place, way)
        peer.start()
        session = Session(us, peer, place, way)
        wait_for("the session", lambda: place.all_run() and us.established())
        wait_for(f"{session.sent} here", lambda: us.route(session.sent))
        wait_for(f"{session.own} there", lambda: peer.show(session.own))
        route_to_us(session)
        ping(session)
        if way.check:
            way.check(session)
        return WORKS
    except Exception as error:  # noqa: BLE001: whatever goes wrong is this cell's result, and the others go on
        if verbose:
            explain(error, place, us, peer)
        return f"no: {error}".splitlines()[0][:60]
    finally:
        place.remove()


def explain(error: Exception, place: Place, us: Lastmile, peer: Peer) -> None:
    print(f"--- {error}", file=sys.stderr)
    for log in sorted(place.folder.glob("*.log")):
        print(f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}", file=sys.stderr)
    print(json.dumps(us.ask("show", "bgp"), indent=1)[:2500], file=sys.stderr)
    print(us.command("show", "routes"), file=sys.stderr)
    try:
        print(peer.show(OWN_V4), peer.told()[-3000:], file=sys.stderr)
    except (LabError, AttributeError) as second:  # it has not got as far as that
        print(second, file=sys.stderr)
