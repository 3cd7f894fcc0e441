"""Values as a dashboard writes them, by the names that Grafana has for units."""
from __future__ import annotations

THOUSANDS = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1, ""))
BINARY = ((2.0**30, "Gi"), (2.0**20, "Mi"), (2.0**10, "Ki"), (1, ""))
PARTS = ((1, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"))
# unit: (prefixes, what stands behind the prefix)
SCALED = {"bps": (THOUSANDS, "b/s"), "pps": (THOUSANDS, "p/s"), "bytes": (BINARY, "B"), "s": (PARTS, "s")}


def figure(value: float) -> str:
    """Three digits, and no zeros behind the point."""
    if value == 0:
        return "0"
    size = abs(value)
    digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 0.095 else 4
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def written(value: float, unit: str) -> str:
    if unit == "percentunit":
        return figure(100 * value) + "%"
    if unit not in SCALED:
        prefixes, name = THOUSANDS, ""
        if abs(value) < 10000:
            return figure(value)
    else:
        prefixes, name = SCALED[unit]
    scale, prefix = next((p for p in prefixes if abs(value) >= p[0]), prefixes[-1])
    if value == 0:
        scale, prefix = 1, ""
    behind = prefix + name
    return f"{figure(value / scale)} {behind}".rstrip()


def nice_step(most: float, unit: str, least_parts: int = 3) -> float:
    """The largest round step that cuts `most` into so many parts; round in the unit's own counting."""
    if unit == "bytes":
        steps = [float(2**e) for e in range(50)]
    else:
        steps = [m * 10.0**e for e in range(-10, 12) for m in (1, 2, 5)]
    return max((step for step in steps if most / step >= least_parts - 1e-9), default=steps[0])
