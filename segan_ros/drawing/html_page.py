"""HTML pages in one file, with their pictures inside."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

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
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin-bottom: 8px }
th, td { padding: 3px 14px; border-bottom: 1px solid var(--line); text-align: right }
th:first-child, td:first-child { text-align: left }
.heads, .shot { display: grid; grid-template-columns: 74px 1fr; align-items: center }
.heads div { display: grid; grid-auto-flow: column; grid-auto-columns: minmax(0, 1fr);
  padding-left: 6px; font-weight: 600 }
.shot { color: var(--soft); font-variant-numeric: tabular-nums; font-size: 13px }
.shot img { width: 100%; border-radius: 6px; display: block; margin-bottom: 2px }
"""


@dataclass(frozen=True)
class Shot:
    """A row of pictures: what it shows, and the pictures side by side as JPEG."""

    name: str
    jpeg: bytes


def document(title: str, about: str, body: str) -> str:
    """A page: `title` and `about` as text, `body` as HTML."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>"
        f"<h1>{escape(title)}</h1><p>{escape(about)}</p>{body}</body></html>\n"
    )


def gallery(columns: Sequence[str], shots: Iterable[Shot]) -> str:
    """`shots` below each other, under the headings `columns`."""
    heads = "".join(f"<span>{escape(c)}</span>" for c in columns)
    rows = "".join(
        f'<div class="shot"><span>{escape(shot.name)}</span><img alt="scene {escape(shot.name)}" '
        f'src="data:image/jpeg;base64,{base64.b64encode(shot.jpeg).decode()}"></div>\n'
        for shot in shots
    )
    return f'<div class="heads"><span></span><div>{heads}</div></div>{rows}'
