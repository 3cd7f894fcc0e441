"""What the compiler and the linker do against exploits (docs/security.md) is in the programs, as readelf shows it."""
from __future__ import annotations

import json
import platform
import re
import subprocess

import pytest

from places import BUILD


def output(*command) -> str:
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True).stdout


def is_hardened() -> bool:
    """The rule of meson.build."""
    option = {each["name"]: each["value"] for each in json.loads(output("meson", "introspect", BUILD, "--buildoptions"))}
    for_use = option["optimization"] in ("2", "3") and option["b_sanitize"] == "none"
    return option["hardening"] == "on" or (option["hardening"] == "auto" and for_use)


@pytest.mark.parametrize("name", ["lastmiled", "lastmile"])
def test_the_programs_are_hardened(name):
    if not is_hardened():
        pytest.skip("a build that is not for use: without hardening")
    program = BUILD / name
    segments = output("readelf", "--wide", "--program-headers", program)
    dynamic = output("readelf", "--wide", "--dynamic", program)
    symbols = output("readelf", "--wide", "--dyn-syms", program)
    assert "Elf file type is DYN" in segments and re.search(r"\(FLAGS_1\).*\bPIE\b", dynamic), "position-independent"
    assert re.search(r"^ *GNU_RELRO ", segments, re.MULTILINE), "RELRO"
    assert re.search(r"\(FLAGS_1\).*\bNOW\b", dynamic), "BIND_NOW"
    assert re.search(r"^ *GNU_STACK .* RW +0x", segments, re.MULTILINE), "a stack that can't be run"
    assert not re.search(r"^ *LOAD .* RWE ", segments, re.MULTILINE), "memory that is written and run"
    assert "__stack_chk_fail" in symbols, "stack protector"
    assert re.search(r" __\w+_chk@", symbols), "FORTIFY_SOURCE"
    if platform.machine() == "x86_64":
        # The C library's own files that are linked in have a few of them, each function that a pointer may lead to has one.
        endbr64 = b"\xf3\x0f\x1e\xfa"
        assert program.read_bytes().count(endbr64) > 1000, "control-flow protection"
