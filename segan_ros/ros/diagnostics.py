"""/diagnostics: the verdict on the node over the last seconds, with all counts and times."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from segan_ros.ros.counters import Tally
from segan_ros.ros.report import Report
from segan_ros.ros.synchronizer import DEPTH, IMAGE, MASK, STREAMS
from segan_ros.ros.verdict import Verdict, judge

DONE = {IMAGE: "published", MASK: "matched", DEPTH: "matched"}
"""What it means for a message of each input to be done with."""

RECENT = 10.0
"""Seconds over which drops are judged, or the time between two messages where that is longer."""


class Diagnostics:
    """Turns reports into verdicts and statuses; remembers the reports of the last seconds.

    Args:
        what: the node does.
        judge: ``(report, earlier report, whether they are far enough apart) -> verdict``.
        counts: what is counted, by key.
    """

    def __init__(
        self,
        what: str = "amodal completion",
        judge: Callable[[Report, Report, bool], Verdict] = judge,
        counts: Callable[[Report], dict[str, str]] | None = None,
    ) -> None:
        self._what, self._judge, self._counts = what, judge, counts or values
        self._before: deque[Report] = deque()

    def assess(self, name: str, report: Report) -> tuple[Verdict, DiagnosticStatus]:
        """What to think of `report`, and the same as a status of the node `name`."""
        while len(self._before) > 1 and report.at - self._before[1].at >= RECENT:
            self._before.popleft()
        before = self._before[0] if self._before else Report("", at=report.at)
        verdict = self._judge(report, before, report.at - before.at >= RECENT)
        rates = _rates(report, before) if self._before else {}
        self._before.append(report)
        status = DiagnosticStatus(
            level=verdict.level,
            name=f"{name}: {self._what}",
            message=verdict.text,
            hardware_id=report.model,
        )
        counted = self._counts(report) | rates
        status.values = [KeyValue(key=k, value=v) for k, v in counted.items()]
        return verdict, status


def _rates(report: Report, before: Report) -> dict[str, str]:
    seconds = max(report.at - before.at, 1e-3)
    found = {}
    for stream, tally in report.since(before).items():
        if stream not in report.tallies:
            continue
        found[f"{stream}.received.hz"] = f"{tally.received / seconds:.1f}"
        found[f"{stream}.{DONE[stream]}.hz"] = f"{tally.done / seconds:.1f}"
    return found


def values(report: Report) -> dict[str, str]:
    """Key and value of everything that is counted or measured."""
    found = {
        "state": report.state,
        "enabled": str(report.enabled).lower(),
        "model": report.model,
        "model.digest": report.digest,
        "provider": report.provider,
        "precision": report.precision,
        "engine": report.engine,
    }
    for stream in STREAMS:
        tally = report.tallies.get(stream, Tally())
        found[f"{stream}.received"] = str(tally.received)
        found[f"{stream}.{DONE[stream]}"] = str(tally.done)
        found[f"{stream}.in_flight"] = str(tally.in_flight)
        for reason, count in sorted(tally.dropped.items()):
            found[f"{stream}.dropped.{reason}"] = str(count)
    if report.masks or report.left_out:
        found["masks.used"] = str(report.masks)
    for reason, count in sorted(report.left_out.items()):
        found[f"masks.left_out.{reason}"] = str(count)
    found["image.reused"] = str(report.reused)
    found["image.lost_share"] = f"{report.lost_share:.3f}"
    found["up.source"] = report.up_source
    found["up.confidence"] = f"{report.up_confidence:.2f}"
    found["clock_jumps"] = str(report.jumps)
    for stage, (median, high, most) in report.times.items():
        found[f"ms.{stage}.median"] = f"{median * 1e3:.1f}"
        found[f"ms.{stage}.p95"] = f"{high * 1e3:.1f}"
        found[f"ms.{stage}.max"] = f"{most * 1e3:.1f}"
    return found
