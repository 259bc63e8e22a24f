"""Numbers for people: Markdown tables and the JSON and CSV files beside them."""

from __future__ import annotations

from segan_ros.drawing.tables import number
from segan_ros.scoring.summary import Summary

SCORE_COLUMNS = ("SF", "SI", "halluc.", "order", "edge P", "edge R", "edge F1")

SCORE_LEGEND = """\
SF: IoU of the whole object. SI: IoU of the invisible part, objects with 5-95 % occlusion. halluc.:
predicted hidden area over visible area, objects under 5 %. order, edge: right direction and edges
found, where the occluder covers at least 1 % of the occludee's whole mask and 20 pixels."""


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
