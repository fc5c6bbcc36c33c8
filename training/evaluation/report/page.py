"""One HTML page that holds everything in itself: tables, plots, worst cases.

In: figures, plots and the gallery's HTML. Out: a page. It computes nothing.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from n3d_ros.training.evaluation.report.plots import plots
from n3d_ros.training.evaluation.report.tables import Table, tables

STYLE = """
body { font: 14px/1.45 sans-serif; background: #181818; color: #eee; margin: 2em; max-width: 1540px; }
h1, h2 { font-weight: 600; } h2 { margin: 2em 0 .4em; }
table { border-collapse: collapse; } td, th { padding: 3px 16px 3px 0; text-align: right; }
td, th { white-space: nowrap; }
td:first-child, th:first-child { text-align: left; } th { color: #aaa; font-weight: normal; }
tr:nth-child(even) td { background: #202020; }
p { color: #aaa; max-width: 80ch; margin: .4em 0; }
section { display: inline-block; vertical-align: top; margin-right: 4em; }
.plots svg { margin: 0 2em 1em 0; vertical-align: top; }
figure { display: inline-block; margin: 0 1em 1.5em 0; vertical-align: top; width: 480px; }
figcaption { color: #bbb; overflow-wrap: anywhere; }
"""


def page(title: str, figures: dict[str, Any], gallery: str = "", subtitle: str = "") -> str:
    """HTML. title, subtitle: what was measured on what."""
    drawn = "".join(plots(figures))
    parts = [
        f"<h1>{html.escape(title)}</h1><p>{html.escape(subtitle)}</p>",
        *_tables(tables(figures)),
        f"<h2>Plots</h2><p>Yellow: 95 % intervals.</p><div class='plots'>{drawn}</div>" if drawn else "",
        gallery,
    ]
    return (
        f"<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'><title>{html.escape(title)}</title>"
        f"<style>{STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )


def _tables(made: Sequence[Table]) -> list[str]:
    return [
        f"<section><h2>{html.escape(table.title)}</h2>{_table(table)}<p>{html.escape(table.note)}</p></section>"
        for table in made
    ]


def _table(table: Table) -> str:
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in table.header)
    rows = "".join(
        f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in table.rows
    )
    return f"<table>{f'<tr>{head}</tr>' if any(table.header) else ''}{rows}</table>"
