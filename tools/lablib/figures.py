"""What a running router holds, read from the outside: by the operator's command, /proc, and DPDK's telemetry. Tests that go
on for long compare it with what it was at the start."""
from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HEAP_MAY_GROW = 4 << 20  # bytes, over the whole run of one process
RESIDENT_MAY_GROW = 24 << 20
BUFFERS_UNDER_WAY = 64  # packets of the running flows that are in the router at the moment of looking


class Telemetry:
    """DPDK's own telemetry socket of a process (rte_telemetry): one question, one answer."""

    def __init__(self, pid: int):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(5)
        self.socket.connect(f"/var/run/dpdk/lastmile-{pid}/dpdk_telemetry.v2")
        self.socket.recv(4096)  # it introduces itself

    def __enter__(self) -> Telemetry:
        return self

    def __exit__(self, *_) -> None:
        self.socket.close()

    def ask(self, question: str):
        self.socket.send(question.encode())
        return json.loads(self.socket.recv(1 << 20))[question.split(",")[0]]


def buffers_in_use(pid: int) -> int | None:
    """Packet buffers that are in none of the process's pools; None if this DPDK does not tell (22.11 does not)."""
    with Telemetry(pid) as telemetry:
        pools = [telemetry.ask(f"/mempool/info,{name}") for name in telemetry.ask("/mempool/list")]
    if not all({"common_pool_count", "total_cache_count"} <= pool.keys() for pool in pools):
        return None
    return sum(p["size"] - p["common_pool_count"] - p["total_cache_count"] for p in pools)


@dataclass(frozen=True)
class Figures:
    """The first group is the same whenever configuration and neighbors are the same, also after a restart."""

    fib: dict[str, int]
    descriptors: int
    threads: int

    pid: int
    heap: int
    resident: int
    buffers: int | None

    def differences(self, start: Figures) -> list[str]:
        """In what this is not as it was at the start."""
        found = []
        for key, then in start.fib.items():
            if self.fib.get(key) != then:
                found.append(f"{key} {self.fib.get(key)}, was {then}")
        # A recording that ended because the disk was full has closed its file, and ended its thread.
        for key in ("descriptors", "threads"):
            if getattr(self, key) > getattr(start, key):
                found.append(f"{getattr(self, key)} {key}, were {getattr(start, key)}")
        if self.buffers is not None and start.buffers is not None and self.buffers > start.buffers + BUFFERS_UNDER_WAY:
            found.append(f"{self.buffers} packet buffers in use, were {start.buffers}")
        return found

    def growth(self, start: Figures) -> list[str]:
        """Memory that a process has taken since its start; of another process it is no matter."""
        found = []
        if self.pid != start.pid:
            return found
        if self.heap > start.heap + HEAP_MAY_GROW:
            found.append(f"heap {self.heap >> 10} KiB, was {start.heap >> 10}")
        if self.resident > start.resident + RESIDENT_MAY_GROW:
            found.append(f"resident memory {self.resident >> 10} KiB, was {start.resident >> 10}")
        return found


def read(pid: int | None, show: Callable[[str], dict]) -> Figures | None:
    """`show`: the JSON of a `show` command. None while the daemon does not answer."""
    fib, control = show("fib"), show("control")
    if pid is None or not fib or not control:
        return None
    try:
        proc = Path(f"/proc/{pid}")
        status = dict(line.split(":\t", 1) for line in (proc / "status").read_text().splitlines() if ":\t" in line)
        return Figures(
            fib={f"{family} {key}": fib[family][key] for family in ("ipv4", "ipv6") for key in ("routes", "groups", "tbl8_used")}
            | {"next hops": fib["next_hops"], "failures": fib["queue"]["failures"], "queue depth": fib["queue"]["depth"]},
            descriptors=len(os.listdir(proc / "fd")),
            threads=int(status["Threads"]),
            pid=pid,
            heap=control["heap_bytes"],
            resident=int(status["VmRSS"].split()[0]) << 10,
            buffers=buffers_in_use(pid),
        )  # fmt: skip
    except (OSError, KeyError):
        return None


def routes(show: Callable[[str], dict]) -> dict[str, tuple[str, ...]]:
    """Prefix → ports of the live next hops, of what forwards."""
    return {
        r["prefix"]: tuple(sorted({h["port"] for h in r["next_hops"] if h["alive"]}))
        for r in show("routes").get("routes", [])
        if r["best"] and r["forwarding"]
    }


def changed_routes(now: dict[str, tuple[str, ...]], then: dict[str, tuple[str, ...]]) -> list[str]:
    return [
        f"{prefix} by {' '.join(now.get(prefix, ('nothing',)))}, was by {' '.join(then.get(prefix, ('nothing',)))}"
        for prefix in sorted(now.keys() | then.keys())
        if now.get(prefix) != then.get(prefix)
    ]
