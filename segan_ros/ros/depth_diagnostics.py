"""/diagnostics of the node `depth_segmenter`: the verdict on it, and its counts."""

from __future__ import annotations

from collections.abc import Iterator

from segan_ros.ros.counters import Tally
from segan_ros.ros.diagnostics import DONE
from segan_ros.ros.latched_input import CAMERA
from segan_ros.ros.report import Report
from segan_ros.ros.synchronizer import DEPTH, IMAGE
from segan_ros.ros.verdict import OK, WARN, Verdict, drops, failures, silence, tally_text


def judge_depth(report: Report, before: Report, full: bool = True) -> Verdict:
    """The most urgent thing about `report`, for what happened since `before`."""
    recent = report.since(before)
    for verdict in (*failures(report, recent), *_warnings(report, recent)):
        return verdict
    image = recent[IMAGE]
    if image.done and report.masks == before.masks:
        return _no_objects(report, image)
    return Verdict(OK, f"segmenting: {tally_text(image)}")


def depth_values(report: Report) -> dict[str, str]:
    """Key and value of everything that is counted or measured."""
    found = {}
    for stream in (IMAGE, DEPTH):
        tally = report.tallies[stream]
        found[f"{stream}.received"] = str(tally.received)
        found[f"{stream}.{DONE[stream]}"] = str(tally.done)
        found |= {f"{stream}.dropped.{r}": str(n) for r, n in sorted(tally.dropped.items())}
    found["masks"] = str(report.masks)
    for stage, (median, _, _) in report.times.items():
        found[f"ms.{stage}.median"] = f"{median * 1e3:.1f}"
    return found


def _warnings(report: Report, recent: dict[str, Tally]) -> Iterator[Verdict]:
    missing = [s for s in report.topics if not report.publishers.get(s)]
    if missing:
        text = "; ".join(
            f"no publisher on {report.topics[s]}: start it, or remap {s}" for s in missing
        )
        yield Verdict(WARN, text, "missing")
    for problem in report.type_problems:
        yield Verdict(WARN, problem, "types")
    yield from drops(report, recent)
    if silent := [s for s in (IMAGE, DEPTH) if s in report.silent]:
        yield silence(report, silent)
    if recent[DEPTH].dropped.get("no_partner") and not recent[DEPTH].done:
        slop = report.parameters["sync_slop"]
        text = (
            f"no depth has the stamp of an image: correct its stamps, or raise sync_slop ({slop})"
        )
        yield Verdict(WARN, text, "no_depth_matches")
    if not report.tallies[CAMERA].received:
        yield Verdict(WARN, f"no camera_info on {report.topics[CAMERA]} so far", "camera_info")
    if report.mask_problem:
        yield Verdict(WARN, report.mask_problem)


def _no_objects(report: Report, image: Tally) -> Verdict:
    """An empty table is no fault, unless nothing else was ever seen."""
    text = f"no object above the plane in {image.done} frames"
    if report.masks:
        return Verdict(OK, text)
    names = ("min_height", "min_area", "max_length", "max_distance")
    now = ", ".join(f"{name} {report.parameters[name]:g}" for name in names)
    return Verdict(WARN, f"{text}, nor before: check the depth image, and {now}", "no_objects")
