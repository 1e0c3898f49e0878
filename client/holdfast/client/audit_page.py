"""A report as one self-contained page: its charts are drawn in it, nothing is loaded.

What vaults said is in it as text only, so a hostile one cannot put a script there.
"""

from html import escape
from typing import Final

from holdfast.client.audit_report import Bars, Grid, Report, Table
from holdfast.client.core.auditing import Verdict

_COLOURS: Final = {
    Verdict.PROVED: "#1a9850",
    Verdict.CERTIFIED: "#91cf60",
    Verdict.ANSWERED: "#c7e9b4",
    Verdict.UNCERTIFIED: "#fdae61",
    Verdict.MISSED: "#d73027",
    Verdict.FALSE: "#7b1fa2",
    Verdict.IDLE: "#cfd8dc",
    Verdict.VOID: "#90a4ae",
    Verdict.NOT_KEPT: "#eceff1",
    Verdict.UNKNOWN: "#ffe082",
    Verdict.RUNNING: "#b3d4fc",
}
_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1c2733; --soft: #5b6b7a; --line: #d9e0e6;
  --paper: #ffffff; --good: #146c3c; --bad: #b3261e; --bar: #3178c6; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9fb0c0;
  --line: #33414e; --paper: #10161c; --good: #56d394; --bad: #ff8a80;
  --bar: #6aa9ee; } }
body { margin: 2.5rem auto; max-width: 62rem; padding: 0 1.25rem; color: var(--ink);
  background: var(--paper); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.7rem; margin: 0; }
h2 { font-size: 1.1rem; margin: 2.2rem 0 .6rem; }
p { margin: .4rem 0; }
.verdict { font-weight: 600; }
.holds { color: var(--good); } .fails { color: var(--bad); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1.2rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem .7rem .3rem 0; vertical-align: top;
  border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; white-space: nowrap; }
td { white-space: nowrap; } td:last-child { white-space: normal; }
.right { text-align: right; }
svg text { fill: var(--soft); font: 11px system-ui, sans-serif; }
svg .value { fill: var(--ink); }
svg .bar { fill: var(--bar); }
.legend { color: var(--soft); font-size: .85rem; }
.legend i { display: inline-block; width: .8em; height: .8em; border-radius: 2px;
  margin: 0 .35em 0 1em; vertical-align: -1px; }
footer { margin-top: 2.5rem; color: var(--soft); font-size: .85rem; }
"""
_CELL: Final = 18
_LABEL: Final = 118
_WIDTH: Final = 940
_TICKS: Final = 12


def page_of(report: Report, made: str) -> str:
    """Return a whole HTML document; `made` says when and by what it was made."""
    word, kind = ("Everything holds", "holds")
    if not report.holds:
        word, kind = ("Not everything holds", "fails")
    facts = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>"
        for name, value in report.facts
    )
    charts = "".join(_chart(chart) for chart in report.charts)
    tables = "".join(_table(table) for table in report.tables)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Holdfast audit: {escape(report.title)}</title>"
        f"<style>{_STYLE}</style></head><body>"
        f"<h1>{escape(report.title)}</h1>"
        f'<p class="verdict {kind}">{word}: {escape(report.summary)}</p>'
        f"<dl>{facts}</dl>{charts}{tables}"
        f"<footer>{escape(made)}</footer></body></html>\n"
    )


def _chart(chart: Grid | Bars) -> str:
    if isinstance(chart, Grid):
        return _grid(chart)
    if not chart.bars:
        return ""
    return _upright(chart) if chart.upright else _lying(chart)


def _grid(grid: Grid) -> str:
    if not grid.columns:
        return ""
    width = _LABEL + _CELL * len(grid.columns) + 4
    height = _CELL * len(grid.rows) + 20
    drawn = []
    for row, (label, cells) in enumerate(grid.rows):
        top = row * _CELL
        drawn.append(f'<text x="0" y="{top + 13}">{escape(label)}</text>')
        for column, cell in enumerate(cells):
            if cell is None:
                continue
            drawn.append(
                f'<rect x="{_LABEL + column * _CELL}" y="{top + 1}" width="{_CELL - 2}"'
                f' height="{_CELL - 2}" rx="3" fill="{_COLOURS[cell.verdict]}">'
                f"<title>{escape(cell.text)}</title></rect>"
            )
    step = max(1, -(-len(grid.columns) // _TICKS))
    for place in range(0, len(grid.columns), step):
        left = _LABEL + place * _CELL
        drawn.append(f'<text x="{left}" y="{height - 4}">{grid.columns[place]}</text>')
    used = {cell.verdict for _, cells in grid.rows for cell in cells if cell}
    legend = "".join(
        f'<i style="background:{_COLOURS[verdict]}"></i>{verdict.value}'
        for verdict in Verdict
        if verdict in used
    )
    return _figure(grid.title, width, height, drawn) + f'<p class="legend">{legend}</p>'


def _lying(chart: Bars) -> str:
    room = _WIDTH - _LABEL - 150
    most = max(bar.value for bar in chart.bars) or 1
    drawn = []
    for place, bar in enumerate(chart.bars):
        top, length = place * 22, round(room * bar.value / most)
        colour = f' style="fill:{_COLOURS[bar.verdict]}"' if bar.verdict else ""
        drawn.append(
            f'<text x="0" y="{top + 14}">{escape(bar.label)}</text>'
            f'<rect class="bar" x="{_LABEL}" y="{top + 2}" width="{length}" '
            f'height="16" rx="3"{colour}></rect>'
            f'<text class="value" x="{_LABEL + length + 8}" y="{top + 14}">'
            f"{escape(bar.text)}</text>"
        )
    return _figure(chart.title, _WIDTH, 22 * len(chart.bars) + 4, drawn)


def _upright(chart: Bars) -> str:
    tall, most = 120, max(bar.value for bar in chart.bars) or 1
    wide = min((_WIDTH - _LABEL) / len(chart.bars), 40.0)
    highest = max(chart.bars, key=lambda bar: bar.value)
    drawn = [f'<text class="value" x="0" y="18">{escape(highest.text)}</text>']
    step = max(1, -(-len(chart.bars) // _TICKS))
    for place, bar in enumerate(chart.bars):
        high, left = tall * bar.value / most, _LABEL + place * wide
        drawn.append(
            f'<rect class="bar" x="{left:.1f}" y="{tall - high + 8:.1f}" '
            f'width="{wide * 0.8:.1f}" height="{high:.1f}">'
            f"<title>{escape(bar.label)}: {escape(bar.text)}</title></rect>"
        )
        if place % step == 0:
            drawn.append(
                f'<text x="{left:.1f}" y="{tall + 24}">{escape(bar.label)}</text>'
            )
    return _figure(chart.title, _WIDTH, tall + 30, drawn)


def _figure(title: str, width: float, height: float, drawn: list[str]) -> str:
    return (
        f'<h2>{escape(title)}</h2><div class="wide">'
        f'<svg role="img" aria-label="{escape(title)}" width="{width:.0f}" '
        f'height="{height:.0f}" xmlns="http://www.w3.org/2000/svg">'
        f"{''.join(drawn)}</svg></div>"
    )


def _table(table: Table) -> str:
    right = [column.startswith(">") for column in table.columns]

    def line(cells: tuple[str, ...], tag: str) -> str:
        drawn = [
            f'<{tag} class="right">{escape(cell)}</{tag}>'
            if leans
            else f"<{tag}>{escape(cell)}</{tag}>"
            for cell, leans in zip(cells, right, strict=True)
        ]
        return f"<tr>{''.join(drawn)}</tr>"

    heads = line(tuple(column.removeprefix(">") for column in table.columns), "th")
    rows = "".join(line(row, "td") for row in table.rows)
    title = f"<h2>{escape(table.title or 'All of it')}</h2>"
    return f'{title}<div class="wide"><table>{heads}{rows}</table></div>'
