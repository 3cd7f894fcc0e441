"""BFD while everything else is busy: does it ever take a neighbor for dead that is not?

Lastmile and FRR's bfdd watch each other at 10 ms × 3 over a link. Meanwhile a BGP neighbor on the same link
announces a table, withdraws it and ends its session, over and over, and a process that never sleeps runs on
every CPU. Both ends of BFD have real-time priority (the worker by `scheduling: realtime`): what is asked is
whether Lastmile's own work holds up its packets, not how the scheduler shares a CPU among equals.
"""
from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time

from lablib import frr
from lablib.netns import Lab

from .bed import FIRST_ASN, FIRST_PEER, ROUTER, Bed, BedError, Feed
from .convergence import Watch, table_options
from .hiccups import watched
from .routers import Lastmile, wait_until

PROFILE = "{interval: 10ms, multiplier: 3}"
NODE = "feed"  # the name that a lab has for the feed's namespace
FRR_CONFIG = f"""\
bfd
 peer {ROUTER} local-address {FIRST_PEER} interface feed0
  receive-interval 10
  transmit-interval 10
  detect-multiplier 3
 exit
exit
"""


@contextlib.contextmanager
def burning(cpus: int):
    """A process on each CPU that never sleeps."""
    burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(cpus)]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


@contextlib.contextmanager
def bfdd(bed: Bed):
    """FRR's bfdd in the feed's namespace, before ordinary processes as Lastmile's worker is."""
    lab = Lab(bed.prefix)
    try:
        frr.run_daemons(lab, NODE, FRR_CONFIG, ("zebra", "bfdd"))
        subprocess.run(["chrt", "--rr", "--pid", "1", str(lab.pid(NODE, "bfdd"))], check=True)
        yield lab
    finally:
        for name in lab.processes(NODE):
            lab.stop(NODE, name)
        frr.remove(lab, NODE)
        lab.remove()


def peer_of(lab: Lab) -> dict:
    return next(iter(frr.show(lab, NODE, "show bfd peers")), {})


def drops(lab: Lab) -> int:
    """How often FRR has seen the session go down."""
    return next(iter(frr.show(lab, NODE, "show bfd peers counters")), {}).get("session-down", 0)


def turn(router: Lastmile, feed: Feed, watch: Watch, own: int, routes: int, patience: float) -> None:
    """A table comes, goes, comes again, and goes with its session."""
    feed.say("announce peer=0")
    watch.holds(routes, routes + own, patience)
    feed.event("announced", patience=patience)
    feed.say("withdraw peer=0")
    watch.is_rid_of(0, own, patience)
    feed.event("withdrawn", patience=patience)
    feed.say("announce peer=0")
    watch.holds(routes, routes + own, patience)
    feed.event("announced", patience=patience)
    feed.say("close peer=0")
    watch.is_rid_of(0, own, patience)
    feed.ask("open peer=0", patience)


def steady_case(seconds: float, options) -> dict:
    """`options`: routes, synthetic, patience."""
    with Bed(offloads=False, bfd=PROFILE) as bed, bfdd(bed) as lab:
        router = Lastmile(bed)
        try:
            router.start(1, options.routes)
            feed = Feed(bed, "--connect", ROUTER, "--source", FIRST_PEER, "--asn", str(FIRST_ASN),
                        "--patience", str(options.patience), "--peers", "1", *table_options(options))  # fmt: skip
            try:
                feed.event("established", 0)
                routes = feed.event("encoded", 0)["routes"]
                wait_until("BFD is up at 10 ms", lambda: router.bfd()["up"] == 1
                           and router.ask("show bfd")["sessions"][0]["detect_us"] == 30_000
                           and peer_of(lab).get("status") == "up")  # fmt: skip
                before, theirs_before = router.bfd(), drops(lab)
                own = max(0, router.installed() or 0)
                watch, turns = Watch(router), 0
                cpus = os.cpu_count() or 1
                with burning(cpus), watched(cpus) as hiccups:
                    began = time.monotonic()
                    while time.monotonic() - began < seconds:
                        turn(router, feed, watch, own, routes, options.patience)
                        turns += 1
                    lasted = time.monotonic() - began
                answer = router.ask("show bfd")
                session = answer["sessions"][0]
                return {"seconds": lasted, "turns": turns, "routes": routes,
                        "failures": session["failures"] - before["failures"], "failures_of_frr": drops(lab) - theirs_before,
                        "state": session["state"], "longest_gap_us": session["longest_gap_us"],
                        "received": session["received"], "worst_lateness_us": answer["timers"]["worst_lateness_us"],
                        "last_down_reason": session["last_down_reason"], "machine_worst_s": hiccups.worst_s}  # fmt: skip
            finally:
                feed.stop()
        finally:
            router.stop()


def describe(result: dict) -> str:
    return (f"{result['seconds']:.0f} s at 10 ms × 3 with FRR, both cores burning, a table of {result['routes']} routes "
            f"came and went {2 * result['turns']} times: {result['failures']} false detections here, "
            f"{result['failures_of_frr']} at FRR; worst gap between two packets {result['longest_gap_us'] / 1000:.1f} ms, "
            f"a timer of ours at most {result['worst_lateness_us'] / 1000:.2f} ms late, a process that does nothing "
            f"but look at the clock at {result['machine_worst_s'] * 1000:.2f}")  # fmt: skip


def run_steady(options) -> None:
    result = steady_case(60 * options.minutes, options)
    print(json.dumps({"name": "steady", **result}) if options.json else describe(result), flush=True)
    if result["failures"] or result["failures_of_frr"]:
        raise BedError("a neighbor that was alive was taken for dead")
