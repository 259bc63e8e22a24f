"""The page of `segan inspect`: one HTML file with its pictures and histograms inside."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from segan_ros.drawing.render import render
from segan_ros.drawing.shots import Shot
from segan_ros.synthesis.statistics import Histogram, Statistics, histograms, key_figures

LABEL, CHART, LINE, MOST = 112, 400, 22, 40
"""Width of labels and charts, height of a bar with its gap, and bars in a chart, pixels."""


def page(
    title: str, about: str, found: Statistics, columns: Sequence[str], shots: Sequence[Shot]
) -> str:
    """The HTML: key figures, histograms, then `shots` under the headings `columns`."""
    return render(
        "inspection.html",
        title=title,
        about=about,
        figures=key_figures(found),
        charts=[{"title": h.title, "svg": Markup(chart(h))} for h in histograms(found)],
        columns=columns,
        shots=shots,
    )


def chart(histogram: Histogram) -> str:
    """A bar per bin as SVG; of very many bins the first `MOST`."""
    most = max(histogram.shares)
    room = CHART - LABEL - 92
    rows = list(zip(histogram.labels, histogram.counts, histogram.shares, strict=True))[:MOST]
    bars = [
        {
            "y": place * LINE,
            "label": label,
            "length": room * share / most,
            "share": share,
            "count": count,
        }
        for place, (label, count, share) in enumerate(rows)
    ]
    left_out = len(histogram.labels) - len(rows)
    return render(
        "chart.svg",
        title=histogram.title,
        bars=bars,
        left_out=left_out,
        width=CHART,
        height=(len(rows) + bool(left_out)) * LINE,
        label=LABEL,
        room=room,
        line=LINE,
    )
