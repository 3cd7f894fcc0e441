"""A line of measured points as SVG, with nothing but the standard library."""
from __future__ import annotations

from pathlib import Path

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 300, 70, 20, 40, 45


def nice_step(most: float) -> float:
    """The largest round step that cuts `most` into at least four parts."""
    steps = (m * 10.0**e for e in range(-3, 8) for m in (1, 2, 2.5, 5))
    return max(step for step in steps if most / step >= 4)


def line_chart(path: Path, title: str, x_title: str, y_title: str, points: list[tuple[float, float]]) -> None:
    """Draws points and the straight line from the origin through the last one: what linear growth would be."""
    x_most, y_most = max(x for x, _ in points), 1.1 * max(y for _, y in points)

    def at(x: float, y: float) -> tuple[float, float]:
        return (LEFT + (WIDTH - LEFT - RIGHT) * x / x_most, HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * y / y_most)

    def text(x: float, y: float, words: str, anchor: str = "middle") -> str:
        return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">{words}</text>'

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        text(WIDTH / 2, 20, title),
        text(WIDTH / 2, HEIGHT - 8, x_title),
        text(LEFT, TOP - 8, y_title),
    ]
    for most, horizontal in ((y_most, True), (x_most, False)):
        step, value = nice_step(most), 0.0
        while value <= most * 1.001:
            x, y = at(0, value) if horizontal else at(value, 0)
            end = (WIDTH - RIGHT, y) if horizontal else (x, TOP)
            parts.append(f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}" stroke="#ddd"/>')
            parts.append(text(x - 6, y + 4, f"{value:g}", "end") if horizontal else text(x, y + 16, f"{value:g}"))
            value += step
    (x0, y0), (x1, y1) = at(0, 0), at(*points[-1])
    parts.append(f'<line x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}" stroke="#999" stroke-dasharray="4 4"/>')
    corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(*point) for point in points))
    parts.append(f'<polyline points="{corners}" fill="none" stroke="#06c" stroke-width="2"/>')
    parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="#06c"/>' for x, y in (at(*point) for point in points)]
    path.write_text("\n".join([*parts, "</svg>", ""]))
