"""YAML as a person would write it: short things on one line, long ones below each other."""
from __future__ import annotations

import re

WIDTH = 100
PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]*$|[0-9.]+/[0-9]+( (ge|le) [0-9]+)*$")
TAKEN = {"true", "false", "on", "off", "yes", "no", "null", "y", "n"}
NUMBER_LIKE = re.compile(r"[0-9][0-9_]*(\.[0-9]*)?(e[0-9]+)?$|0x[0-9a-f]+$", re.IGNORECASE)


class Word(str):
    """A keyword of the configuration: never in quotes."""


def scalar(value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, Word)):
        return str(value)
    text = str(value)
    if PLAIN.match(text) and text.lower() not in TAKEN and not NUMBER_LIKE.match(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def flow(value) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(k)}: {flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow(v) for v in value) + "]"
    return scalar(value)


def flat(value) -> bool:
    """Nothing in it holds anything but values and lists of values."""
    items = value.values() if isinstance(value, dict) else value
    return all(not isinstance(i, dict) and not (isinstance(i, list) and not flat(i)) for i in items)


def block(value, indent: int) -> list[str]:
    """Lines of a dict or a list, each `indent` deep."""
    space = " " * indent
    lines = []
    pairs = value.items() if isinstance(value, dict) else ((None, item) for item in value)
    for key, item in pairs:
        head = f"{space}- " if key is None else f"{space}{scalar(key)}:"
        if isinstance(item, (dict, list)):
            short = flow(item)
            fits = len(head) + 1 + len(short) <= WIDTH
            if fits and (flat(item) or key is None):
                lines.append(head.rstrip() + " " + short)
                continue
            below = block(item, indent + 2)
            if key is None:  # the first line of the item stands behind its dash
                below[0] = head + below[0].lstrip()
                lines += below
            else:
                lines += [head, *below]
        else:
            lines.append(head.rstrip() + " " + scalar(item))
    return lines


def document(sections: dict) -> str:
    """One blank line between the sections of the top."""
    parts = []
    for key, value in sections.items():
        if value is None or value == {} or value == []:
            continue
        parts.append("\n".join(block({key: value}, 0)))
    return "\n".join(parts) + "\n"
