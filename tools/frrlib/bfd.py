"""BFD profiles: those of the file, and those that lines of neighbors amount to."""
from __future__ import annotations

from .source import Block, Line
from .yaml_text import Word

FRR_INTERVAL_MS, FRR_MULTIPLIER = 300, 3


class Profiles:
    def __init__(self) -> None:
        self.sections: dict[str, dict] = {}
        self.known: dict[str, Block] = {}

    def read(self, top: Block) -> None:
        for bfd in top.under("bfd"):
            bfd.line.carry()
            for block in bfd.blocks:
                if block.words[0] == "profile" and len(block.words) > 1:
                    self.known[block.words[1]] = block
                    block.line.carry()
                    self.sections[block.words[1]] = section(block)
                else:
                    block.leave("sessions belong to neighbors: set \"bfd\" there")

    def named(self, name: str) -> str | None:
        return name if name in self.known else None

    def default(self) -> str:
        return self.of_numbers(FRR_MULTIPLIER, FRR_INTERVAL_MS, FRR_INTERVAL_MS)

    def of_numbers(self, multiplier: int, receive_ms: int, transmit_ms: int) -> str:
        profile = intervals(receive_ms, transmit_ms, multiplier)
        name = f"{max(receive_ms, transmit_ms)}ms-x{multiplier}"
        if receive_ms != transmit_ms:
            name = f"{receive_ms}ms-{transmit_ms}ms-x{multiplier}"
        self.sections.setdefault(name, profile)
        return name


def intervals(receive_ms: int, transmit_ms: int, multiplier: int) -> dict:
    if receive_ms == transmit_ms:
        profile = {"interval": Word(f"{receive_ms}ms")}
    else:
        profile = {"receive": Word(f"{receive_ms}ms"), "transmit": Word(f"{transmit_ms}ms")}
    return {**profile, "multiplier": multiplier}


def section(block: Block) -> dict:
    receive = transmit = FRR_INTERVAL_MS
    multiplier = FRR_MULTIPLIER
    extra: dict = {}
    for line in block.lines:
        words = line.words
        if words[0] == "receive-interval":
            receive = milliseconds(line, 1)
        elif words[0] == "transmit-interval":
            transmit = milliseconds(line, 1)
        elif words[0] == "detect-multiplier":
            multiplier = line.number_at(1, 1, 255, "a multiplier")
        elif words[0] == "echo-mode":
            extra["echo"] = Word("on")
        elif words[:2] in (["echo", "transmit-interval"], ["echo", "receive-interval"]) and words[2:] != ["disabled"]:
            if words[1] == "transmit-interval":
                extra["echo-interval"] = Word(f"{milliseconds(line, 2)}ms")
        elif words[0] == "passive-mode":
            extra["passive"] = True
        elif words[0] == "no":
            pass  # as it is without
        else:
            line.leave("Lastmile has no such setting of BFD")
            continue
        line.carry()
    if "echo" not in extra:
        extra.pop("echo-interval", None)
    return {**intervals(receive, transmit, multiplier), **extra}


def milliseconds(line: Line, word: int) -> int:
    return line.number_at(word, 1, 60000, "milliseconds")
