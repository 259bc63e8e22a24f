"""The page of `segan inspect`: one HTML file with its pictures and histograms inside."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from segan_ros.synthesis.statistics import Histogram, Statistics, histograms, key_figures

STYLE = """
:root { --ink: #1b1f24; --soft: #667080; --line: #e3e3de; --paper: #fafaf8; --card: #fff;
  --bar: #2f6fdf; --last: #b9cdf3; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --soft: #9aa4b2; --line: #2f343b;
  --paper: #16181c; --card: #1e2126; --bar: #6ea0ff; --last: #3b5078; } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 1500px; padding: 40px 28px; background: var(--paper);
  color: var(--ink); font: 15px/1.5 system-ui, sans-serif }
h1 { font-size: 28px; margin: 0 } h2 { font-size: 18px; margin: 44px 0 14px }
p { margin: 4px 0 0; color: var(--soft) }
.figures { display: flex; flex-wrap: wrap; gap: 12px; margin-top: 24px }
.figure { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 12px 18px }
.figure b { display: block; font-size: 22px } .figure span { color: var(--soft); font-size: 13px }
.charts { columns: 3 400px; column-gap: 16px }
.chart { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 16px 18px; margin-bottom: 16px; break-inside: avoid }
.chart h3 { font-size: 14px; margin: 0 0 10px } svg { display: block; width: 100%; height: auto }
svg text { font: 12px system-ui, sans-serif; fill: var(--ink) } svg .soft { fill: var(--soft) }
svg rect { fill: var(--bar) } svg .track { fill: var(--line); opacity: .45 }
.heads, .shot { display: grid; grid-template-columns: 74px 1fr; align-items: center }
.heads div { display: grid; grid-auto-flow: column; grid-auto-columns: 1fr; padding-left: 6px;
  font-weight: 600 }
.shot { color: var(--soft); font-variant-numeric: tabular-nums; font-size: 13px }
.shot img { width: 100%; border-radius: 6px; display: block; margin-bottom: 2px }
"""

LABEL, CHART, LINE, MOST = 96, 400, 22, 40
"""Width of labels and charts, height of a bar with its gap, and bars in a chart, pixels."""


@dataclass(frozen=True)
class Shot:
    """A scene in the page: its name, and its row of pictures as JPEG."""

    name: str
    jpeg: bytes


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
    heads = "".join(f"<span>{escape(c)}</span>" for c in columns)
    rows = "".join(
        f'<div class="shot"><span>{escape(shot.name)}</span><img alt="scene {escape(shot.name)}" '
        f'src="data:image/jpeg;base64,{base64.b64encode(shot.jpeg).decode()}"></div>\n'
        for shot in shots
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>"
        f"<h1>{escape(title)}</h1><p>{escape(about)}</p>"
        f'<div class="figures">{figures}</div><h2>Distribution</h2>'
        f'<div class="charts">{charts}</div><h2>Scenes</h2>'
        f'<div class="heads"><span></span><div>{heads}</div></div>{rows}</body></html>\n'
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
