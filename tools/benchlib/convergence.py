"""The same feed into several routers in turn: how long a table takes, and what it costs.

Each case starts a fresh router in a namespace, with `lastmile-feed` as its neighbors over one link. The clock
starts when a session is Established (or ended) and stops when the router says that it holds what it should;
routers with a forwarding table are asked for that one, too. Times are the feed's and ours, of one clock.
"""
from __future__ import annotations

import contextlib
import json
import os
import statistics
import time
from pathlib import Path

from .bed import FIRST_ASN, Bed, BedError, Feed, FIRST_PEER, ROUTER, TOP
from .plot import line_chart
from .routers import ROUTERS, Lastmile, Router

DATA = "ipv4-prefixes-2014.txt.gz"
REAL_ROUTES = 512620
FAN_OUT = [1, 8, 32]
GROWTH = [10_000, 100_000, 512_620, 1_000_000, 2_000_000]


def table_options(options) -> list[str]:
    """The real table if $LASTMILE_DATA has it and the size fits; else one made from a seed."""
    real = Path(os.environ["LASTMILE_DATA"]) / DATA if os.environ.get("LASTMILE_DATA") else None
    if real and real.exists() and options.routes <= REAL_ROUTES and not options.synthetic:
        return ["--prefixes", str(real), "--routes", str(options.routes)]
    return ["--routes", str(options.routes)]


class Watch:
    """Polls a router until it holds what it should."""

    def __init__(self, router: Router):
        self.router = router

    def until(self, test, patience: float) -> float:
        """The time when `test()` was first true (CLOCK_MONOTONIC)."""
        deadline = time.monotonic() + patience
        while True:
            asked = time.monotonic()
            if test():
                return time.monotonic()
            if asked > deadline:
                raise BedError(f"{self.router.name}: not there within {patience:g} s\n{self.router.log_tail()}")
            # A question costs the router time: never more than a tenth of it.
            time.sleep(max(0.01, 9 * (time.monotonic() - asked)) if self.router.fib != Lastmile.fib else 0.01)

    def holds(self, paths: int, routes: int, patience: float) -> dict[str, float]:
        """When it had so many paths, and when it forwarded so many routes by them."""
        times = {"rib": self.until(lambda: self.router.paths() >= paths - self.missing(paths), patience)}
        if self.router.fib:
            most = routes - self.router.refused(routes)
            times["fib"] = self.until(lambda: self.router.installed() >= most, patience)
        return times

    def is_rid_of(self, paths: int, routes: int, patience: float) -> dict[str, float]:
        """When it had no more than so many paths, and no more than so many routes."""
        times = {"rib": self.until(lambda: self.router.paths() <= paths + self.missing(paths), patience)}
        if self.router.fib:
            times["fib"] = self.until(lambda: 0 <= self.router.installed() <= routes, patience)
        return times

    def applies(self, operations: int, patience: float) -> float:
        """Lastmile: when its tables had taken so many operations since the start, and no more waited."""
        return self.until(
            lambda: self.router.applied() >= operations and self.router.installed() >= 0, patience
        )

    def missing(self, paths: int) -> int:
        return 0 if isinstance(self.router, Lastmile) else self.router.refused(paths)


def since(start: float, times: dict[str, float]) -> dict[str, float]:
    return {key: value - start for key, value in times.items()}


@contextlib.contextmanager
def running(kind: str, options, peers: int, feed_options: list[str], tells: bool = False):
    """A router and a feed with `peers` sessions that are not up yet."""
    router_class = ROUTERS[kind]
    with Bed(offloads=router_class.offloads, echo=options.bfd) as bed:
        router = router_class(bed)
        try:
            router.start(peers, options.routes, tells)
            feed = Feed(bed, "--connect", ROUTER, "--source", FIRST_PEER, "--asn", str(FIRST_ASN),
                        "--patience", str(options.patience), *feed_options)  # fmt: skip
            try:
                yield router, feed
            finally:
                feed.stop()
        finally:
            router.stop()


def table_case(kind: str, options) -> dict:
    """One table: first peer, second peer with the same, loss of one, withdrawal, reset."""
    result: dict = {"router": ROUTERS[kind].name}
    # Sessions beyond the first are opened by hand, one after the other.
    with running(kind, options, 2, ["--peers", "2", "--closed", *table_options(options)]) as (router, feed):
        watch, patience = Watch(router), options.patience
        feed.say("open peer=0")
        established = feed.event("established", 0)
        encoded = feed.event("encoded", 0)
        n = encoded["routes"]
        result.update(routes=n, attribute_sets=encoded["attribute_sets"], table=encoded["table"])
        # Its own link or loopback are among its routes.
        own = max(0, router.installed() or 0)
        usage = router.usage()
        cpu, resident = usage.cpu_s(), usage.resident_bytes()
        heap = router.control()["heap_bytes"] if isinstance(router, Lastmile) else 0

        feed.say("announce peer=0")
        first = watch.holds(n, n + own, patience)
        sent = feed.event("announced", patience=patience)
        result["session_up_before_s"] = sent["began"] - established["at"]
        result["initial"] = since(sent["began"], first)
        result["sent_s"] = sent["seconds"]
        result["cpu_s"] = usage.cpu_s() - cpu
        result["resident_bytes_a_route"] = (usage.resident_bytes() - resident) / n
        result["peak_bytes"] = usage.peak_bytes()
        if isinstance(router, Lastmile):
            result["heap_bytes_a_route"] = (router.control()["heap_bytes"] - heap) / n
            heap = router.control()["heap_bytes"]
            applied, taken = router.applied(), n - router.refused(n)

        feed.say("open peer=1")
        feed.event("established", 1)
        feed.say("announce peer=1")
        second = watch.holds(2 * n, n + own, patience)
        if isinstance(router, Lastmile):  # each route gets a group of two
            second["fib"] = watch.applies(applied + taken, patience)
            result["second_heap_bytes_a_route"] = (router.control()["heap_bytes"] - heap) / n
            applied = router.applied()
        result["second"] = since(feed.event("announced", patience=patience)["began"], second)

        closed = time.monotonic()
        feed.say("close peer=0")
        lost = {"rib": watch.until(lambda: router.paths() <= n + watch.missing(n), patience)}
        if isinstance(router, Lastmile):
            lost["fib"] = watch.applies(applied + taken, patience)
        result["lose_one_of_two"] = since(closed, lost)

        feed.say("withdraw peer=1")
        gone = watch.is_rid_of(0, own, patience)
        result["withdraw"] = since(feed.event("withdrawn", patience=patience)["began"], gone)

        feed.say("close peer=1")
        feed.ask("open peer=1", patience)
        feed.say("announce peer=1")
        again = watch.holds(n, n + own, patience)
        result["reset_and_announce"] = since(feed.event("announced", patience=patience)["began"], again)
        result["peak_bytes"] = usage.peak_bytes()
        if isinstance(router, Lastmile):
            result["slowest_answer_s"] = router.slowest_answer
            result["control_thread"] = router.control()
            result["flaps"] = sum(max(0, s["established_count"] - 1)
                                  for s in router.ask("show bgp")["neighbors"] if s["name"] == "10.98.0.1")  # fmt: skip
            result["bfd"] = router.bfd()
    return result


def many_peers_case(kind: str, options) -> dict:
    """Ten peers with a tenth of a million routes each, all at once."""
    peers, each = 10, options.routes_per_peer
    result: dict = {"router": ROUTERS[kind].name, "peers": peers}
    with running(kind, options, peers, ["--peers", str(peers), "--split", "--routes", str(peers * each)]) as (
        router, feed):  # fmt: skip
        watch = Watch(router)
        for n in range(peers):
            feed.event("established", n)
        own = max(0, router.installed() or 0)
        usage = router.usage()
        cpu = usage.cpu_s()
        feed.say("announce")
        times = watch.holds(peers * each, peers * each + own, options.patience)
        sent = feed.event("announced", patience=options.patience)
        result.update(routes=sent["routes"], initial=since(sent["began"], times),
                      cpu_s=usage.cpu_s() - cpu, peak_bytes=usage.peak_bytes())  # fmt: skip
        if isinstance(router, Lastmile):
            result["slowest_answer_s"] = router.slowest_answer
            result["control_thread"] = router.control()
            result["bfd"] = router.bfd()
    return result


def churn_case(options) -> dict:
    """10,000 changes a second on top of a full table: how far the forwarding tables lag behind."""
    rate, seconds = 10000, options.churn_seconds
    with running("lastmile", options, 1, ["--peers", "1", *table_options(options)]) as (router, feed):
        watch = Watch(router)
        feed.event("established", 0)
        n = feed.event("encoded", 0)["routes"]
        own = max(0, router.installed() or 0)
        feed.say("announce")
        watch.holds(n, n + own, options.patience)
        feed.event("announced")
        usage = router.usage()
        cpu, before = usage.cpu_s(), router.applied()
        router.slowest_answer = 0.0
        feed.say(f"churn rate={rate} seconds={seconds}")
        samples = []
        end = time.monotonic() + seconds + 2
        while time.monotonic() < end:
            applied = router.applied() - before
            samples.append((time.monotonic(), applied))
            time.sleep(0.002)
        sent = feed.event("churned", patience=options.patience)
        total = samples[-1][1]
        # At `at` the tables had what was sent until began + applied / rate.
        lags = [
            1000 * (at - (sent["began"] + applied / rate))
            for at, applied in samples
            if 0 < applied < total
        ]
        lags.sort()
        pick = lambda share: lags[min(len(lags) - 1, int(share * len(lags)))]  # noqa: E731
        return {"router": "Lastmile", "updates": sent["routes"], "applied": total, "samples": len(lags),
                "lag_ms": {"p50": pick(0.5), "p90": pick(0.9), "p99": pick(0.99), "longest": lags[-1]},
                "cpu_share": (usage.cpu_s() - cpu) / (seconds + 2),
                "slowest_answer_s": router.slowest_answer, "control_thread": router.control(),
                "bfd": router.bfd()}  # fmt: skip


def fan_out_case(kind: str, options, neighbors: int) -> dict:
    """One peer's table is announced to so many others: until the last of them has heard all of it."""
    feed_options = ["--peers", "1", "--receivers", str(neighbors), *table_options(options)]
    with running(kind, options, 1 + neighbors, feed_options, tells=True) as (router, feed):
        for n in range(1 + neighbors):
            feed.event("established", n)
        n = feed.event("encoded", 0)["routes"]
        usage = router.usage()
        cpu = usage.cpu_s()
        feed.say("announce peer=0")
        # Routers refuse a few of a real table, and each its own.
        wanted = n - n // 1000
        heard = feed.ask(f"expect announced={wanted} seconds={options.patience}", options.patience + 5)
        sent = feed.event("announced", patience=options.patience)
        result = {"router": router.name, "neighbors": neighbors, "routes": n,
                  "seconds": heard["last_update"] - sent["began"], "cpu_s": usage.cpu_s() - cpu,
                  "peak_bytes": usage.peak_bytes()}  # fmt: skip
        if isinstance(router, Lastmile):
            result["slowest_answer_s"] = router.slowest_answer
            result["control_thread"] = router.control()
            result["bfd"] = router.bfd()
        return result


def growth_case(options) -> list[dict]:
    """Tables of several sizes, all made up, into a fresh router each: time and memory against size."""
    results = []
    for routes in GROWTH:
        options.routes, options.synthetic = routes, True
        with running("lastmile", options, 1, ["--peers", "1", *table_options(options)]) as (router, feed):
            watch = Watch(router)
            feed.event("established", 0)
            own = max(0, router.installed() or 0)
            heap, usage = router.control()["heap_bytes"], router.usage()
            cpu = usage.cpu_s()
            feed.say("announce")
            times = watch.holds(routes, routes + own, options.patience)
            sent = feed.event("announced", patience=options.patience)
            results.append({"routes": routes, **since(sent["began"], times), "cpu_s": usage.cpu_s() - cpu,
                            "heap_bytes_a_route": (router.control()["heap_bytes"] - heap) / routes})  # fmt: skip
    return results


def plot_growth(results: list[dict], folder: Path) -> None:
    line_chart(folder / "convergence-time.svg", "First announcement to all routes forwarding", "million routes", "seconds",
               [(r["routes"] / 1e6, r["fib"]) for r in results])  # fmt: skip
    line_chart(folder / "convergence-memory.svg", "Memory of the routes (forwarding tables aside)", "million routes", "MB",
               [(r["routes"] / 1e6, r["routes"] * r["heap_bytes_a_route"] / 1e6) for r in results])  # fmt: skip


# --- printing --------------------------------------------------------------------------------------

STEPS = [
    ("initial", "initial table"),
    ("second", "second identical peer"),
    ("lose_one_of_two", "one of two peers lost"),
    ("withdraw", "all withdrawn"),
    ("reset_and_announce", "reset, announced again"),
]


def seconds_of(runs: list[dict], step: str, table: str) -> str:
    values = [run[step][table] for run in runs if table in run.get(step, {})]
    if not values:
        return "-"
    text = f"{statistics.median(values):.2f}"
    return text if len(values) == 1 else f"{text} ({min(values):.2f}–{max(values):.2f})"


def print_tables(results: dict[str, list[dict]]) -> None:
    first = next(iter(results.values()))[0]
    print(f"\nconvergence: {first['routes']} routes in {first['attribute_sets']} attribute sets ({first['table']});"
          " seconds: in the RIB / in the forwarding table")  # fmt: skip
    for runs in results.values():
        print(f"  {runs[0]['router']}")
        for step, title in STEPS:
            print(f"    {title:26} {seconds_of(runs, step, 'rib'):>22}  {seconds_of(runs, step, 'fib'):>22}")
        cpu = statistics.median(run["cpu_s"] for run in runs)
        peak = max(run["peak_bytes"] for run in runs)
        a_route = statistics.median(run["resident_bytes_a_route"] for run in runs)
        print(f"    processor {cpu:.2f} s for the initial table; peak {peak / 1e6:.0f} MB; {a_route:.0f} bytes a route resident")
        if "heap_bytes_a_route" in runs[0]:
            heap = statistics.median(run["heap_bytes_a_route"] for run in runs)
            second = statistics.median(run["second_heap_bytes_a_route"] for run in runs)
            print(f"    heap {heap:.0f} bytes a route, {second:.0f} for the second peer")
            # The worst of all runs.
            print_control(max(runs, key=lambda run: run["control_thread"]["longest_us"]))


def print_control(result: dict) -> None:
    control, bfd = result["control_thread"], result.get("bfd")
    print(f"    longest slice of the control thread {control['longest_us'] / 1000:.1f} ms of processor time"
          f" ({control['longest_in']}), {control['longest_wall_us'] / 1000:.1f} ms by the clock;"
          f" {control['long_slices']} of {control['slices']} over 5 ms of processor time; slowest answer to an operator"
          f" {1000 * result['slowest_answer_s']:.0f} ms")  # fmt: skip
    if bfd:
        print(f"    {bfd['sessions']} BFD sessions, {bfd['up']} up at the end: {bfd['failures']} failures,"
              f" {bfd['echo_returned']} echo packets back, longest gap {bfd['longest_gap_us'] / 1000:.1f} ms")  # fmt: skip


def run_fan_out(kinds: list[str], options, say) -> None:
    """Rounds in turn; medians, and the ratio to the time for one neighbor."""
    seconds: dict[tuple[str, int], list[float]] = {}
    control: dict[str, dict] = {}
    for _ in range(options.rounds):
        for kind in kinds:
            for neighbors in FAN_OUT:
                result = fan_out_case(kind, options, neighbors)
                seconds.setdefault((result["router"], neighbors), []).append(result["seconds"])
                if "control_thread" in result:
                    control[result["router"]] = result
                if say:
                    say({"case": "fan-out", **result})
    if say:
        return
    print("\nfan-out: one peer's table announced to others; seconds from its first octet to their last")
    for (router, neighbors), values in seconds.items():
        one = statistics.median(seconds[router, FAN_OUT[0]])
        median = statistics.median(values)
        print(f"  {router:14} {neighbors:3} neighbors: {median:6.2f} ({min(values):.2f}–{max(values):.2f}),"
              f" {median / one:.2f} × one")  # fmt: skip
        if neighbors == FAN_OUT[-1] and router in control:
            print_control(control[router])


def run_convergence(options) -> None:
    kinds = options.routers.split(",")
    unknown = [kind for kind in kinds if kind not in ROUTERS]
    if unknown:
        raise BedError(f"no router named {unknown[0]}; there are: {' '.join(ROUTERS)}")
    say = (lambda value: print(json.dumps(value), flush=True)) if options.json else None
    if options.case in ("table", "all"):
        results: dict[str, list[dict]] = {kind: [] for kind in kinds}
        for _ in range(options.rounds):
            for kind in kinds:
                results[kind].append(table_case(kind, options))
                if say:
                    say({"case": "table", **results[kind][-1]})
        if not say:
            print_tables(results)
    if options.case in ("peers", "all"):
        for kind in kinds:
            result = many_peers_case(kind, options)
            if say:
                say({"case": "peers", **result})
                continue
            times = " / ".join(f"{value:.2f} s in the {key.upper()}" for key, value in result["initial"].items())
            print(f"\n10 peers × {options.routes_per_peer}: {result['router']}: {times}; processor {result['cpu_s']:.2f} s;"
                  f" peak {result['peak_bytes'] / 1e6:.0f} MB")  # fmt: skip
            if "control_thread" in result:
                print_control(result)
    if options.case in ("fan-out", "all"):
        run_fan_out(kinds, options, say)
    if options.case in ("churn", "all") and "lastmile" in kinds:
        result = churn_case(options)
        if say:
            say({"case": "churn", **result})
        else:
            lag = result["lag_ms"]
            print(f"\nchurn, 10,000 changes a second for {options.churn_seconds} s over a full table: {result['applied']} of"
                  f" {result['updates']} applied; from wire to forwarding: median {lag['p50']:.1f} ms, 90 % {lag['p90']:.1f},"
                  f" 99 % {lag['p99']:.1f}, longest {lag['longest']:.1f}; {result['cpu_share']:.0%} of a core")  # fmt: skip
            print_control(result)
    if options.case == "growth":
        results = growth_case(options)
        for result in results:
            if say:
                say({"case": "growth", **result})
            else:
                print(f"  {result['routes']:>9} routes: {result['fib']:.2f} s to forwarding, processor {result['cpu_s']:.2f} s,"
                      f" {result['heap_bytes_a_route']:.0f} bytes of heap a route")  # fmt: skip
        if options.plot:
            plot_growth(results, options.plot)
