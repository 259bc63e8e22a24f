"""Numbers for people: Markdown tables and the JSON and CSV files beside them."""

from __future__ import annotations

import csv
import json
import math
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from segan_ros.evaluation.summary import Summary

SCORE_COLUMNS = ("SF", "SI", "halluc.", "order", "edge P", "edge R", "edge F1")

SCORE_LEGEND = """\
SF: IoU of the whole object. SI: IoU of the invisible part, objects with 5-95 % occlusion. halluc.:
predicted invisible over visible area, objects under 5 %. order, edge: right direction and edges
found, where the occluder covers at least 1 % of the occludee's whole mask and 20 pixels."""


def number(value: float, digits: int = 3) -> str:
    """`value` with `digits` decimals; a dash for NaN."""
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def score_cells(summary: Summary) -> list[str]:
    """The cells under `SCORE_COLUMNS`."""
    return [
        number(v)
        for v in (
            summary.sf,
            summary.si,
            summary.hallucination,
            summary.order_accuracy,
            summary.edge_precision,
            summary.edge_recall,
            summary.edge_f1,
        )
    ]


def counts_line(summary: Summary) -> str:
    """What the means were taken over, in words."""
    return (
        f"{summary.scenes} scenes, {summary.objects} objects: {summary.si_objects} partly hidden"
        f" (SI), {summary.unoccluded_objects} unoccluded (halluc.), {summary.true_edges} true edges"
        f" in {summary.order_scenes} scenes."
    )


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table that also reads well as plain text; the first column is left-aligned."""
    lines = [list(header), *(list(r) for r in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]

    def text(cells: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return f"| {' | '.join(padded)} |"

    rule = ["-" * widths[0], *("-" * (w - 1) + ":" for w in widths[1:])]
    return "\n".join([text(lines[0]), text(rule), *(text(line) for line in lines[1:])])


def write_json(path: Path, content: Any) -> None:
    """Write `content`; NaN, which JSON does not know, becomes null."""
    path.write_text(json.dumps(_without_nan(content), indent=1) + "\n")


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write `rows`, whose keys are the same, with a heading; NaN becomes an empty cell."""
    with path.open("w", newline="") as file:
        if rows:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows({k: "" if _is_nan(v) else v for k, v in row.items()} for row in rows)


def output_folder(folder: Path, option: str = "--out") -> None:
    """Make `folder` and try to write into it, before any long work.

    Raises:
        ValueError: it cannot be made or written; `option` should name another.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(
            f"{folder}: cannot be written ({error.strerror}); choose another {option}"
        ) from None


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _without_nan(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _without_nan(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(v) for v in value]
    return None if _is_nan(value) else value
