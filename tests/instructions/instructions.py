#!/usr/bin/python3
"""Counts what lookups, updates and forwarding cost in instructions, and fails if it is more than it was.

    tests/instructions/instructions.py build/tests/instructions/counted

Cycles differ from run to run; instructions do not, so that a change that makes the packet path longer is seen
at once, on any machine. It says nothing of memory: that is what tools/bench measures. The counts are those of
AVX2 code, because valgrind knows no AVX-512.
"""
from __future__ import annotations

import re
import shutil
import subprocess
import sys

# Work: what one piece is, and how many instructions it may cost: a tenth above what GCC 12 made of it. Who makes
# something cheaper lowers its figure.
LIMITS = {
    "ipv4-lookup": ("address", 13),
    "ipv6-lookup": ("address", 73),
    "ipv4-update": ("route", 672),
    "forward-one": ("packet", 167),
    "forward-two": ("packet", 221),
    "bfd-receive": ("packet", 162),
    "bfd-send": ("packet", 435),
}
SKIPPED = 77


def instructions(program: str, work: str, rounds: int) -> tuple[int, int]:
    """Instructions of a whole run, and the pieces of work in a round."""
    command = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null",
               program, work, str(rounds)]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    count = re.search(r"I +refs: +([\d,]+)", done.stderr)
    if done.returncode != 0 or count is None:
        sys.exit(f"{' '.join(command)}: {done.stderr[-2000:]}")
    return int(count[1].replace(",", "")), int(done.stdout.split()[0])


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        sys.exit(__doc__)
    if shutil.which("valgrind") is None:
        print("valgrind is not installed; run: sudo tools/setup")
        return SKIPPED
    few, many = 4, 12
    worse = False
    for work, (piece, limit) in LIMITS.items():
        first, pieces = instructions(arguments[0], work, few)
        second, _ = instructions(arguments[0], work, many)
        each = (second - first) / ((many - few) * pieces)
        verdict = "ok" if each <= limit else "MORE THAN BEFORE"
        worse = worse or each > limit
        print(f"{work:12} {each:8.1f} instructions a {piece:8} (at most {limit}) {verdict}", flush=True)
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
