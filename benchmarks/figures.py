"""Benchmark figures: samples in, rows of medians out, as table, JSON and chart."""

import html
import json
import statistics
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from holdfast.client.output import table_lines

_BAR, _LEFT, _WIDTH = 18, 330, 900
_COLOURS = {
    "holdfast": "#2b6cb0",
    "bare-pipeline": "#38a169",
    "tahoe-lafs": "#b7791f",
    "restic": "#718096",
}
FAILED = "failed"


@dataclass(frozen=True)
class Row:
    """One figure: its median and spread over the runs."""

    workload: str
    system: str
    metric: str
    unit: str
    median: float
    min: float
    max: float
    runs: int


class Samples:
    """Collects what each run measured."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, str, str], list[float]] = {}

    def add(
        self, workload: str, system: str, metric: str, unit: str, value: float
    ) -> None:
        self._found.setdefault((workload, system, metric, unit), []).append(value)
        print(f"  {workload}: {system} {metric} {value:.4g} {unit}", flush=True)

    def fail(self, workload: str, system: str, error: BaseException) -> None:
        """Note that a system could not do a workload; others go on."""
        traceback.print_exception(error)
        self.add(workload, system, FAILED, "times", 1)

    def failures(self) -> list[str]:
        return [f"{one[0]} ({one[1]})" for one in self._found if one[2] == FAILED]

    def rows(self) -> list[Row]:
        return [
            Row(
                *names,
                round(statistics.median(values), 4),
                round(min(values), 4),
                round(max(values), 4),
                len(values),
            )
            for names, values in self._found.items()
        ]


def table(rows: Sequence[Row]) -> str:
    head = ("workload", "system", "metric", ">median", ">min", ">max", "unit", ">runs")
    cells = [
        (
            *(row.workload, row.system, row.metric),
            *(f"{value:.4g}" for value in (row.median, row.min, row.max)),
            *(row.unit, row.runs),
        )
        for row in rows
    ]
    return "\n".join(table_lines(head, cells))


def save(rows: Sequence[Row], directory: Path, name: str) -> list[Path]:
    """Write `name`.json and `name`.svg; return their paths."""
    directory.mkdir(parents=True, exist_ok=True)
    figures, picture = directory / f"{name}.json", directory / f"{name}.svg"
    document = ",\n".join(json.dumps(asdict(row)) for row in rows)
    figures.write_text(f"[\n{document}\n]\n")
    picture.write_text(chart(rows))
    return [figures, picture]


def chart(rows: Sequence[Row]) -> str:
    """Return bars in groups of one metric each, the longest as long as there is room.

    The line over a bar goes from the least to the greatest run.
    """
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.workload, row.metric), []).append(row)
    parts, y = [], 10
    for (workload, metric), group in groups.items():
        top = max(row.max for row in group) or 1.0
        for row in group:
            parts += _bar(row, f"{workload} {metric}, {row.system}", y, top)
            y += _BAR + 4
        y += 10
    size = f'width="{_WIDTH}" height="{y}" viewBox="0 0 {_WIDTH} {y}"'
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" '
        f'font-size="12">\n<rect width="100%" height="100%" fill="white"/>\n'
        f"{body}\n</svg>\n"
    )


def _bar(row: Row, label: str, y: int, top: float) -> list[str]:
    room = _WIDTH - _LEFT - 120
    width, least, most = (
        room * value / top for value in (row.median, row.min, row.max)
    )
    middle, colour = y + _BAR / 2, _COLOURS.get(row.system, "#4a5568")
    label, unit = html.escape(label), html.escape(row.unit)
    start, end = _LEFT + least, _LEFT + most
    at = f'x="{_LEFT}" y="{y}" width="{width:.1f}" height="{_BAR}"'
    line = f'x1="{start:.1f}" x2="{end:.1f}" y1="{middle}" y2="{middle}"'
    return [
        f'<text x="{_LEFT - 8}" y="{middle + 4}" text-anchor="end">{label}</text>',
        f'<rect {at} fill="{colour}"/>',
        f'<line {line} stroke="black"/>',
        f'<text x="{end + 6:.1f}" y="{middle + 4}">{row.median:.4g} {unit}</text>',
    ]
