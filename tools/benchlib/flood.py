"""A router under a flood: what strangers send to one port, and what becomes of everything else.

    leaf1 (FRR) ── up1 ┐
                       bms1 (Lastmile, transit) ── lan, 192.168.101.254/24 ── legacy
    leaf2 (FRR) ── up2 ┘

BGP is unnumbered on up1 and up2, with BFD. Steady flows go from leaf2 to legacy. On leaf1's end of the link to
up1 `lastmile-flood` sends one kind of packet after the other, as fast as the kernel takes it. What counts: BGP
and BFD of both leaves, the flooded one's too; the flows; the router's memory.

Everybody shares the processors of one machine here. So the router's worker and FRR's bfdd have real-time
priority, worker and flood have a processor each if there are two, and what the kernel's own queue between the
namespaces had to drop (`softnet`) is told apart from what the router did.
"""
from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from lablib import frr, lastmile, topology
from lablib.netns import Lab, LabError, wait_for

from .bed import BUILD, BedError, Usage

FLOOD = BUILD / "tools" / "flows_src" / "lastmile-flood"
FLOWS = BUILD / "tools" / "flows_src" / "lastmile-flows"
ROUTER, FLOODED, OTHER, HOST = "bms1", "leaf1", "leaf2", "legacy"
LINKS = [
    topology.Link((FLOODED, ROUTER), (ROUTER, "up1"), 1500),
    topology.Link((OTHER, ROUTER), (ROUTER, "up2"), 1500),
    topology.Link((ROUTER, "lan"), (HOST, "eth0"), 1500, {HOST: ["192.168.101.20/24"]}),
]
LOOPBACK, HOST_ADDRESS = "10.0.1.1", "192.168.101.20"
STRANGERS = "198.18.0.0/15"  # the flood's sources; what the router answers leaves by the flooded link
FRR_BFD_PRIORITY = 2


@dataclass(frozen=True)
class Kind:
    """A flood, and the reason for which most of it is dropped (empty: it goes where it should)."""

    title: str
    reason: str


KINDS = {
    "arp": Kind("ARP requests", "policed-arp"),
    "nd": Kind("neighbor solicitations", "policed-neighbor-discovery"),
    "icmp": Kind("echo requests to the loopback", "policed-icmp"),
    "syn": Kind("TCP SYN to port 179", "policed-bgp-open"),
    "glean": Kind("to hosts that are not there", "hold-full"),
    "ttl": Kind("TTL 1", "ttl-expired"),
    "fragment": Kind("fragments for the loopback", "policed-fragment"),
    "host": Kind("UDP to a port of the loopback", ""),
}


@dataclass(frozen=True)
class Settings:
    """How hard, and how the sessions watch each other."""

    seconds: float = 5
    rate: float = 0  # frames a second; 0: as many as go
    bfd_ms: int = 10
    flow_rate: float = 500  # packets a second of each of 8 flows
    settle: float = 0.5  # seconds of flows without a flood, before and after


def configuration(folder: Path, settings: Settings) -> str:
    pinned = ", cpus: [0]" if (os.cpu_count() or 1) > 1 else ""
    return f"""\
router: {{mode: transit, asn: 64512}}
loopbacks: [{LOOPBACK}/32]
ports:
  up1: {{device: "net_af_packet0,iface=up1"}}
  up2: {{device: "net_af_packet1,iface=up2"}}
  lan: {{device: "net_af_packet2,iface=lan", addresses: [192.168.101.254/24]}}
policies: {{everything: {{default: accept}}}}
bfd: {{profiles: {{fast: {{interval: {settings.bfd_ms}ms, multiplier: 3}}}}}}
bgp:
  groups: {{leaf: {{remote-asn: external, import: everything, export: everything, bfd: fast}}}}
  neighbors:
    - {{port: up1, group: leaf}}
    - {{port: up2, group: leaf}}
dataplane: {{workers: 1, idle: adaptive, scheduling: realtime{pinned}, max-routes: {{ipv4: 65536, ipv6: 4096}}}}
control: {{socket: {folder}/lastmile.sock}}
"""


class FloodLab:
    """`with FloodLab(settings) as lab:` makes it, all sessions up, and removes it."""

    def __init__(self, settings: Settings, prefix: str = ""):
        self.lab = Lab(prefix or f"lmx{os.getpid()}")
        self.settings = settings

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.lab.remove()
            raise
        return self

    def __exit__(self, *_):
        self.lab.remove()

    def start(self) -> None:
        for program in (FLOOD, FLOWS):
            if not program.exists():
                raise BedError(f"{program} is not there; run: tools/build --target tools/flows_src/{program.name}")
        lab = self.lab
        lab.remove()
        lab.make_namespaces()
        lab.make_links(LINKS)
        lab.run(HOST, "ip", "route", "add", "default", "via", "192.168.101.254")
        for name in (FLOODED, OTHER):
            node = topology.node(name)
            frr.start(lab, node, [node.loopback])
            frr.watch(lab, node, [ROUTER], self.settings.bfd_ms)
            os.sched_setscheduler(lab.pid(name, "bfdd"), os.SCHED_FIFO, os.sched_param(FRR_BFD_PRIORITY))
        lab.run(FLOODED, "ip", "route", "add", "blackhole", STRANGERS)
        frr.configure(lab, FLOODED, f"router bgp {topology.node(FLOODED).asn}", "address-family ipv4 unicast", "redistribute kernel")
        lastmile.start_with(lab, ROUTER, configuration(lab.folder(ROUTER), self.settings))
        wait_for("both sessions Established", lambda: lastmile.established(lab, ROUTER) == {"up1", "up2"})
        wait_for("BFD is up", lambda: [s["state"] for s in self.bfd()] == ["up", "up"])
        wait_for("the router answers strangers", lambda: lastmile.next_hops(lab, ROUTER, STRANGERS) != [])
        wait_for(f"{OTHER} has the way to {HOST}", lambda: frr.has_route(lab, OTHER, "192.168.101.0/24"))
        wait_for("flows get through", self.host_answers)

    # --- questions ------------------------------------------------------------------------------

    def host_answers(self) -> bool:
        source = topology.node(OTHER).loopback.split("/")[0]
        ping = ["ping", "-n", "-c1", "-W1", "-I", source, HOST_ADDRESS]
        return "1 received" in self.lab.run(OTHER, *ping, check=False)

    def bfd(self) -> list[dict]:
        return lastmile.show(self.lab, ROUTER, "bfd").get("sessions", [])

    def drops(self) -> dict[str, int]:
        return {d["reason"]: d["packets"] for d in lastmile.show(self.lab, ROUTER, "drops").get("drops", [])}

    def received(self) -> int:
        ports = lastmile.show(self.lab, ROUTER, "ports").get("ports", [])
        return next((p["rx_packets"] for p in ports if p["name"] == "up1"), 0)

    def state(self) -> dict:
        neighbors = lastmile.show(self.lab, ROUTER, "bgp").get("neighbors", [])
        return {
            "established": {n["name"]: n["established_count"] for n in neighbors if n["state"] == "Established"},
            "bfd_failures": {s["port"]: s["failures"] for s in self.bfd()},
            "drops": self.drops(),
            "received": self.received(),
            "softnet": softnet_drops(),
            "resident": Usage([self.pid()]).resident_bytes(),
        }

    def pid(self) -> int:
        pid = self.lab.pid(ROUTER, "lastmiled")
        if pid is None:
            raise LabError("lastmiled has ended")
        return pid

    def link_address(self) -> str:
        """The router's link-local address on the flooded link."""
        lines = json.loads(self.lab.run(ROUTER, "ip", "-j", "-6", "address", "show", "dev", "lm-up1", "scope", "link"))
        return next(a["local"] for line in lines for a in line.get("addr_info", []))

    # --- measuring ------------------------------------------------------------------------------

    def flood(self, kind: str | None) -> dict:
        """One flood (or the same time without any), and what else happened meanwhile."""
        seconds = self.settings.seconds
        receiver = self.flows(HOST, "receive", "--from", HOST_ADDRESS, "--seconds", str(seconds + 2 * self.settings.settle + 1))
        if receiver.stdout.readline().strip() != "ready":
            raise LabError("the receiver of the flows did not start")
        before = self.state()
        source = topology.node(OTHER).loopback.split("/")[0]
        sender = self.flows(OTHER, "send", "--to", HOST_ADDRESS, "--from", source, "--rate", str(self.settings.flow_rate),
                            "--seconds", str(seconds + 2 * self.settings.settle))  # fmt: skip
        time.sleep(self.settings.settle)
        sent = {"sent": 0, "seconds": seconds} if kind is None else self.generate(kind)
        if kind is None:
            time.sleep(seconds)
        flows_sent = json.loads(sender.communicate(timeout=seconds + 30)[0])
        report = json.loads(receiver.communicate(timeout=seconds + 30)[0])
        after = self.state()
        lost_by = {r: n - before["drops"].get(r, 0) for r, n in after["drops"].items()}
        return {
            "kind": kind or "none",
            "sent": sent["sent"],
            "sent_pps": sent["sent"] / sent["seconds"],
            "received": after["received"] - before["received"],
            "drops": {r: n for r, n in sorted(lost_by.items(), key=lambda item: -item[1]) if n > 0},
            "bgp_held": sorted(p for p, n in after["established"].items() if before["established"].get(p) == n),
            "bfd_failures": {p: n - before["bfd_failures"].get(p, 0) for p, n in after["bfd_failures"].items()},
            "flows_sent": flows_sent["sent"],
            "flows_lost": flows_sent["sent"] - report["received"],
            "flows_gap_ms": report["longest_gap_ms"],
            "sender_pause_ms": report["longest_sender_pause_ms"],
            "softnet_drops": after["softnet"] - before["softnet"],
            "resident_mb": after["resident"] / 1e6,
            "grown_mb": (after["resident"] - before["resident"]) / 1e6,
        }

    def generate(self, kind: str) -> dict:
        mac = self.lab.run(ROUTER, "cat", "/sys/class/net/up1/address").strip()
        # Next to the worker, not in its place.
        pinned = ["taskset", "-c", "1"] if (os.cpu_count() or 1) > 1 else []
        text = self.lab.run(
            FLOODED, *pinned, str(FLOOD), "--interface", ROUTER, "--kind", kind, "--to-mac", mac, "--to", LOOPBACK,
            "--to6", self.link_address(), "--subnet", "192.168.101.0", "--seconds", str(self.settings.seconds),
            "--rate", str(self.settings.rate), timeout=self.settings.seconds + 60,
        )  # fmt: skip
        return json.loads(text)

    def flows(self, node: str, *arguments: str) -> subprocess.Popen:
        return subprocess.Popen(
            self.lab.in_node(node) + ["chrt", "--fifo", "1", str(FLOWS), *arguments, "--flows", "8"],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip


def softnet_drops() -> int:
    """Packets that the kernel's queues between namespaces had no room for, of the whole machine."""
    return sum(int(line.split()[1], 16) for line in Path("/proc/net/softnet_stat").read_text().splitlines())


def line(result: dict) -> str:
    title = KINDS[result["kind"]].title if result["kind"] in KINDS else "no flood"
    failures = sum(result["bfd_failures"].values())
    worst = ", ".join(f"{reason} {count}" for reason, count in list(result["drops"].items())[:2])
    return (
        f"{title}: {result['sent_pps'] / 1e3:.0f} kpps sent, {result['received']} of {result['sent']} received; "
        f"BGP held on {' '.join(result['bgp_held']) or 'none'}; BFD failures {failures}; "
        f"flows lost {result['flows_lost']} of {result['flows_sent']}, longest gap {result['flows_gap_ms']:.1f} ms "
        f"(the sender itself {result['sender_pause_ms']:.1f}); kernel queue dropped {result['softnet_drops']}; "
        f"memory {result['resident_mb']:.0f} MB ({result['grown_mb']:+.1f}); {worst or 'no drops'}"
    )


def run_flood(options) -> None:
    if os.geteuid() != 0:
        raise BedError("flood: network namespaces need root; run it with sudo")
    kinds = list(KINDS) if options.kinds == "all" else options.kinds.split(",")
    for kind in kinds:
        if kind not in KINDS:
            raise BedError(f"no flood named {kind}; there are: {' '.join(KINDS)}")
    settings = Settings(seconds=options.flood_seconds, bfd_ms=options.flood_bfd)
    results = []
    with FloodLab(settings) as lab:
        for number in range(options.rounds):
            for kind in [None, *kinds]:
                result = lab.flood(kind)
                results.append({"round": number, **result})
                if options.json:
                    print(json.dumps({"name": "flood", **results[-1]}), flush=True)
                else:
                    print(line(result), file=sys.stderr, flush=True)
    if not options.json:
        print_results(results, settings)


def print_results(results: list[dict], settings: Settings) -> None:
    print(f"\nflood of one port for {settings.seconds:g} s, BFD {settings.bfd_ms} ms × 3 with both leaves, medians (least–most)")
    for kind in dict.fromkeys(r["kind"] for r in results):
        runs = [r for r in results if r["kind"] == kind]
        rates = [r["sent_pps"] / 1e3 for r in runs]
        lost = [r["flows_lost"] for r in runs]
        gaps = [r["flows_gap_ms"] for r in runs]
        title = KINDS[kind].title if kind in KINDS else "no flood"
        print(f"  {title:30} {statistics.median(rates):6.0f} kpps ({min(rates):.0f}–{max(rates):.0f}); "
              f"BGP held {sum(len(r['bgp_held']) for r in runs)} of {2 * len(runs)}; "
              f"BFD failures {sum(sum(r['bfd_failures'].values()) for r in runs)}; "
              f"flows lost {statistics.median(lost):g} ({min(lost)}–{max(lost)}) of {runs[0]['flows_sent']}, "
              f"gap {statistics.median(gaps):.1f} ms ({min(gaps):.1f}–{max(gaps):.1f}); "
              f"kernel queue dropped {sum(r['softnet_drops'] for r in runs)}; memory {max(r['resident_mb'] for r in runs):.0f} MB")  # fmt: skip
