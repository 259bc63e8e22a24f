"""The page of `segan inspect`: one HTML file with its pictures and histograms inside."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from segan_ros.drawing.html_page import Shot, document, gallery
from segan_ros.synthesis.statistics import Histogram, Statistics, histograms, key_figures

LABEL, CHART, LINE, MOST = 96, 400, 22, 40
"""Width of labels and charts, height of a bar with its gap, and bars in a chart, pixels."""


def page(
    title: str, about: str, found: Statistics, columns: Sequence[str], shots: Sequence[Shot]
) -> str:
    """The HTML: key figures, histograms, then `shots` under the headings `columns`."""
    figures = "".join(
        f'<div class="figure"><b>{escape(value)}</b><span>{escape(name)}</span></div>'
        for name, value in key_figures(found)
    )
    charts = "".join(
        f'<div class="chart"><h3>{escape(h.title)}</h3>{chart(h)}</div>' for h in histograms(found)
    )
    return document(
        title,
        about,
        f'<div class="figures">{figures}</div><h2>Distribution</h2>'
        f'<div class="charts">{charts}</div><h2>Scenes</h2>{gallery(columns, shots)}',
    )


def chart(histogram: Histogram) -> str:
    """A bar per bin as SVG; of very many bins the first `MOST`."""
    most = max(histogram.shares)
    room = CHART - LABEL - 92
    bars = []
    rows = list(zip(histogram.labels, histogram.counts, histogram.shares, strict=True))[:MOST]
    for place, (label, count, share) in enumerate(rows):
        y, text = place * LINE, place * LINE + 15
        bars.append(
            f'<text x="{LABEL - 8}" y="{text}" text-anchor="end">{escape(label)}</text>'
            f'<rect class="track" x="{LABEL}" y="{y + 3}" width="{room}" '
            f'height="{LINE - 6}" rx="3"/>'
            f'<rect x="{LABEL}" y="{y + 3}" width="{room * share / most:.1f}" '
            f'height="{LINE - 6}" rx="3"/>'
            f'<text x="{LABEL + room + 8}" y="{text}">{share:.1%}</text>'
            f'<text class="soft" x="{CHART}" y="{text}" text-anchor="end">{count}</text>'
        )
    height = len(rows) * LINE
    if left := len(histogram.labels) - len(rows):
        bars.append(f'<text class="soft" x="{LABEL}" y="{height + 15}">and {left} more</text>')
        height += LINE
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {CHART} {height}" role="img" '
        f'aria-label="{escape(histogram.title)}">{"".join(bars)}</svg>'
    )
