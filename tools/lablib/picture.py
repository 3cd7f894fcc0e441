"""A terminal's screen as an SVG picture: text stays text, so a picture can be searched and compared."""
from __future__ import annotations

import html
import os
import re
import subprocess
import time
import uuid

from .netns import LabError

CELL_WIDTH, LINE_HEIGHT, MARGIN = 8.4, 18, 12
BACKGROUND, PLAIN = "#16181d", "#d5d8de"
COLOURS = {31: "#f2777a", 32: "#7fc98a", 33: "#f0c674", 34: "#81a2be", 35: "#b294bb", 36: "#8abeb7", 37: PLAIN}
ESCAPE = re.compile(r"\x1b\[([0-9;]*)m|\x1b\([A-Z]|\x0f|\x0e")


def spans(line: str):
    """(text, colour, bold, dim, reverse) of a line with escape sequences."""
    colour, bold, dim, reverse, at = PLAIN, False, False, False, 0
    for match in [*ESCAPE.finditer(line), None]:
        end = match.start() if match else len(line)
        if end > at:
            yield line[at:end], colour, bold, dim, reverse
        if match is None:
            return
        at = match.end()
        if match.group(1) is None:
            continue
        for code in (int(c) if c else 0 for c in match.group(1).split(";")):
            if code == 0:
                colour, bold, dim, reverse = PLAIN, False, False, False
            elif code == 1:
                bold = True
            elif code == 2:
                dim = True
            elif code == 7:
                reverse = True
            elif code == 22:
                bold = dim = False
            elif code == 27:
                reverse = False
            elif code == 39:
                colour = PLAIN
            elif code in COLOURS:
                colour = COLOURS[code]


def svg(screen: str, columns: int) -> str:
    lines = screen.rstrip("\n").split("\n")
    width, height = columns * CELL_WIDTH + 2 * MARGIN, len(lines) * LINE_HEIGHT + 2 * MARGIN
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}" viewBox="0 0 {width:.0f} {height}">',
        f'<rect width="100%" height="100%" rx="6" fill="{BACKGROUND}"/>',
        '<g font-family="ui-monospace, DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14" xml:space="preserve">',
    ]
    for row, line in enumerate(lines):
        column = 0
        baseline = MARGIN + row * LINE_HEIGHT + 14
        for text, colour, bold, dim, reverse in spans(line):
            left, size = MARGIN + column * CELL_WIDTH, len(text) * CELL_WIDTH
            column += len(text)
            if reverse:
                out.append(f'<rect x="{left:.1f}" y="{baseline - 14}" width="{size:.1f}" height="{LINE_HEIGHT}" fill="{colour}"/>')
                colour = BACKGROUND
            if not text.strip():
                continue
            style = (' font-weight="bold"' if bold else "") + (' opacity="0.65"' if dim else "")
            out.append(
                f'<text x="{left:.1f}" y="{baseline}" textLength="{size:.1f}" fill="{colour}"{style}>{html.escape(text)}</text>'
            )
    return "\n".join([*out, "</g>", "</svg>"]) + "\n"


def photograph(command: list[str], expected: str, columns: int = 100, rows: int = 30, patience: float = 60) -> str:
    """Runs a command in a terminal until the screen matches `expected`; the picture of it."""
    server = "lmpic-" + uuid.uuid4().hex[:6]

    def tmux(*arguments: str) -> str:
        return subprocess.run(
            ["tmux", "-L", server, "-f", "/dev/null", *arguments],
            env={**os.environ, "LC_ALL": "C.UTF-8", "TERM": "xterm-256color"},
            capture_output=True, text=True, timeout=60, check=True,
        ).stdout  # fmt: skip

    tmux("new-session", "-d", "-x", str(columns), "-y", str(rows), " ".join(command))
    try:
        end = time.monotonic() + patience
        while not re.search(expected, tmux("capture-pane", "-p")):
            if time.monotonic() > end:
                raise LabError(f"the screen never showed {expected!r}:\n" + tmux("capture-pane", "-p"))
            time.sleep(0.2)
        return svg(tmux("capture-pane", "-p", "-e"), columns)
    finally:
        tmux("kill-server")
