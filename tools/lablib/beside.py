"""Runs lab tests several at a time: so many runs of pytest, each in a place of its own (tools/apart), share them.

    sudo PYTHONPATH=tools python3 -m lablib.beside --results FOLDER [--places N] TESTS...

They mostly wait for timers of routing daemons. Prints each unit of tests (claims.py) with its seconds; what pytest said
is printed only of a run that failed. Each run leaves its JUnit file in FOLDER.
"""
from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from .claims import TOP, Claims

PYTEST = ["/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "lablib.claims"]


def run(places: int, results: Path, tests: list[str]) -> int:
    with tempfile.TemporaryDirectory(prefix="lmclaims-") as name:
        said = os.dup(sys.stdout.fileno())
        environment = {**os.environ, "LASTMILE_CLAIMS": name, "LASTMILE_CLAIMS_SAID": str(said)}
        runs = []
        for number in range(1, places + 1):
            with open(results / f"lab-{number}.log", "wb") as log:
                command = [TOP / "tools/apart", *PYTEST, f"--junitxml={results}/lab-{number}.xml", *tests]
                runs.append(subprocess.Popen(command, env=environment, pass_fds=[said], stdin=subprocess.DEVNULL,
                                             stdout=log, stderr=log, cwd=TOP))  # fmt: skip
        try:
            failed = [number for number, process in enumerate(runs, 1) if process.wait() != 0]
        except BaseException:
            for process in runs:
                process.kill()  # and with it all that is in its place
                process.wait()
            raise
        left = Claims(Path(name)).unfinished()
    for number in failed:
        print((results / f"lab-{number}.log").read_text(errors="replace"))
    for unit in left:
        print(f"not run to the end: {unit}")
    return 1 if failed or left else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="lablib.beside")
    parser.add_argument("--places", type=int, default=(os.cpu_count() or 1) + 1, help="runs beside each other")
    parser.add_argument("--results", type=Path, required=True, help="a folder for JUnit files and logs")
    parser.add_argument("tests", nargs="+")
    arguments = parser.parse_args()
    return run(arguments.places, arguments.results, arguments.tests)


if __name__ == "__main__":
    sys.exit(main())
