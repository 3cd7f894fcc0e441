"""A plugin of pytest: runs of it share the tests that each of them finds, so that each test is run by one of them.

Tests are claimed in units: those of a file that share fixtures of the module, or else one function with all its
parameters. Units that take long come first, so that all runs end at about the same time; tests/durations has the seconds.

Each claim is a file in a folder ($LASTMILE_CLAIMS), which is empty once the unit has been run to its end.
"""
from __future__ import annotations

import os
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
DURATIONS = TOP / "tests" / "durations"
UNKNOWN_S = 10.0  # a unit that the table does not have
UNFINISHED = "claimed\n"


@dataclass
class Unit:
    name: str
    items: list[pytest.Item] = field(default_factory=list)


def durations() -> dict[str, float]:
    """Seconds of each unit, by its name."""
    lines = (line.split(maxsplit=1) for line in DURATIONS.read_text().splitlines() if line and line[0] != "#")
    return {name: float(seconds) for seconds, name in lines}


def unit_name(item: pytest.Item) -> str:
    """The file, if its tests share something that is made once; else the function."""
    file, _, test = item.nodeid.partition("::")
    definitions = item._fixtureinfo.name2fixturedefs  # no other way to a fixture's scope
    if any(definitions[name][-1].scope == "module" for name in item.fixturenames if name in definitions):
        return file
    return f"{file}::{test.partition('[')[0]}"


def units_of(items: list[pytest.Item]) -> list[Unit]:
    """In the order in which they are to be run: the same in every run."""
    units: dict[str, Unit] = {}
    for item in items:
        name = unit_name(item)
        units.setdefault(name, Unit(name)).items.append(item)
    seconds = durations()
    return sorted(units.values(), key=lambda u: (-seconds.get(u.name, UNKNOWN_S), u.name))


class Claims:
    """What the runs have divided among them so far."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.known = folder / ".units"

    def path(self, name: str) -> Path:
        return self.folder / name.replace("/", "+")

    def announce(self, units: list[Unit]) -> None:
        """What there is to be claimed; each run says the same."""
        mine = self.folder / f".units-{os.getpid()}-{time.monotonic_ns()}"
        mine.write_text("".join(f"{unit.name}\n" for unit in units))
        mine.rename(self.known)

    def unfinished(self) -> list[str]:
        """Units that nobody has run to the end: a run of pytest that dies says nothing of what it had claimed."""
        if not self.known.exists():
            return ["any test"]
        names = self.known.read_text().splitlines()
        return [name for name in names if not self.path(name).exists() or self.path(name).stat().st_size]

    def take(self, name: str) -> bool:
        """False if another run has it."""
        try:
            file = os.open(self.path(name), os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        except FileExistsError:
            return False
        os.write(file, UNFINISHED.encode())
        os.close(file)
        return True

    def finish(self, name: str) -> None:
        os.truncate(self.path(name), 0)


class Sharing:
    def __init__(self, claims: Claims, said: int):
        self.claims = claims
        self.said = said
        self.outcomes: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report) -> None:
        if report.failed or report.when == "call" or report.skipped:
            self.outcomes[report.outcome] += 1

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session) -> bool:
        if session.testsfailed:
            raise session.Interrupted("tests can't be collected")
        units = units_of(session.items)
        self.claims.announce(units)
        for unit in units:
            if self.claims.take(unit.name):
                self.run(session, unit)
        return True

    def run(self, session, unit: Unit) -> None:
        self.outcomes.clear()
        begun = time.monotonic()
        for item, following in zip(unit.items, [*unit.items[1:], None]):
            session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.shouldstop or session.shouldfail:
                raise session.Interrupted(session.shouldstop or session.shouldfail)
        self.claims.finish(unit.name)
        told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(self.outcomes.items()))
        os.write(self.said, f"{time.monotonic() - begun:7.1f} {unit.name}: {told}\n".encode())


def pytest_configure(config) -> None:
    if folder := os.environ.get("LASTMILE_CLAIMS"):
        config.pluginmanager.register(Sharing(Claims(Path(folder)), int(os.environ["LASTMILE_CLAIMS_SAID"])))
