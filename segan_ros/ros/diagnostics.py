"""What the node says of itself on /diagnostics: counts, times, and what to do about trouble."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from segan_ros.ros.accounts import Tally
from segan_ros.ros.synchronizer import DEPTH, IMAGE, MASK, STREAMS

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR

RECENT = 10
"""Messages over which drops are judged."""

BAD_INPUT = ("bad_encoding", "bad_size", "truncated", "bad_stamp", "size_mismatch")
LOSSY = 0.05
"""Share of lost messages above which somebody should do something."""

TRANSPORT_HINT = (
    "images get lost on the way: give the camera driver, the segmenter and this node the Fast DDS "
    'profile config/fastdds.xml (README, "Half of my frames")'
)


@dataclass(frozen=True)
class Report:
    """The node at one moment.

    Args:
        state: label of the lifecycle state.
        problem: why the node could not be configured or activated; empty = nothing wrong.
        enabled: see the service ``~/enable``.
        model, provider: what runs; empty while unconfigured.
        tallies: by input, since the node started.
        topics: full topic name by input, while active.
        times: stage -> median, 95 %, largest seconds.
        lost_share: estimated share of images that never came.
        jumps: how often stamps jumped back.
        texts: last notice by reason.
    """

    state: str
    problem: str = ""
    enabled: bool = True
    model: str = ""
    provider: str = ""
    tallies: dict[str, Tally] = field(default_factory=dict)
    topics: dict[str, str] = field(default_factory=dict)
    times: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    lost_share: float = 0.0
    jumps: int = 0
    texts: dict[str, str] = field(default_factory=dict)


class Diagnostics:
    """Turns reports into messages; remembers the last ones, to judge what happened recently."""

    def __init__(self) -> None:
        self._before: deque[dict[str, Tally]] = deque(maxlen=RECENT)

    def message(self, name: str, report: Report) -> DiagnosticArray:
        """One status, named `name`; the caller sets the stamp."""
        earlier = self._before[0] if self._before else {}
        recent = {s: t.since(earlier.get(s, Tally())) for s, t in report.tallies.items()}
        self._before.append(report.tallies)
        level, text = judge(report, recent)
        status = DiagnosticStatus(level=level, name=f"{name}: amodal completion", message=text)
        status.hardware_id = report.model
        status.values = [KeyValue(key=k, value=v) for k, v in values(report).items()]
        return DiagnosticArray(status=[status])


def judge(report: Report, recent: dict[str, Tally]) -> tuple[bytes, str]:
    """Level and text; `recent` holds the changes of the last seconds."""
    if report.problem:
        return ERROR, report.problem
    if report.state != "active":
        return OK, report.state
    if not report.enabled:
        return OK, "disabled through ~/enable"
    image = recent.get(IMAGE, Tally())
    errors = sum(t.dropped.get("internal_error", 0) for t in recent.values())
    if errors:
        last = report.texts.get("internal_error", "")
        return ERROR, f"{errors} frames failed: {last}; the log has the traceback"
    for complaint in _complaints(report, recent):
        return WARN, complaint
    remarks = [f"{image.done} of {image.received} frames published"]
    remarks += [f"{count} {reason}" for reason, count in sorted(image.dropped.items())]
    return OK, ", ".join(remarks)


def _complaints(report: Report, recent: dict[str, Tally]) -> Iterator[str]:
    image, mask, depth = (recent.get(s, Tally()) for s in STREAMS)
    for tally in recent.values():
        for reason in BAD_INPUT:
            if reason in tally.dropped:
                yield f"{tally.dropped[reason]} dropped: {report.texts.get(reason, reason)}"
    silent = [s for s, t in ((IMAGE, image), (MASK, mask)) if not t.received]
    if silent:
        names = " and ".join(report.topics.get(s, s) for s in silent)
        yield f"nothing comes in on {names}; check that it is published, its name and its QoS"
    if mask.dropped.get("no_partner") and not mask.done:
        yield (
            "no mask has the stamp of an image; the segmenter must copy its image's stamp, or "
            "raise sync_slop; raise sync_timeout if masks come later than that"
        )
    if mask.done and depth.lost and not depth.done:
        yield "no depth has the stamp of an image; fix its stamps or set use_depth: never"
    if mask.dropped.get("no_partner", 0) > max(1, LOSSY * mask.received):
        yield f"{mask.dropped['no_partner']} masks came without their image, {TRANSPORT_HINT}"
    if report.lost_share > LOSSY:
        yield f"about {report.lost_share:.0%} of the images never came, {TRANSPORT_HINT}"
    for reason, hint in (
        ("queue_full", "raise sync_queue: masks come so late that images are given up"),
        ("stale", report.texts.get("stale", "frames are older than max_age")),
        ("no_depth", f"no depth on {report.topics.get(DEPTH, DEPTH)}; or set use_depth to auto"),
        ("duplicate_stamp", report.texts.get("duplicate_stamp", "stamps stand still")),
    ):
        if reason in image.dropped:
            yield f"{image.dropped[reason]} frames dropped as {reason}: {hint}"


def values(report: Report) -> dict[str, str]:
    """Key and value of everything that is counted or measured."""
    found = {
        "state": report.state,
        "enabled": str(report.enabled).lower(),
        "model": report.model,
        "provider": report.provider,
    }
    for stream in STREAMS:
        tally = report.tallies.get(stream, Tally())
        done = "published" if stream == IMAGE else "matched"
        found[f"{stream}.received"] = str(tally.received)
        found[f"{stream}.{done}"] = str(tally.done)
        found[f"{stream}.in_flight"] = str(tally.in_flight)
        for reason, count in sorted(tally.dropped.items()):
            found[f"{stream}.dropped.{reason}"] = str(count)
    found["image.lost_share"] = f"{report.lost_share:.3f}"
    found["clock_jumps"] = str(report.jumps)
    for stage, (median, high, most) in report.times.items():
        found[f"ms.{stage}.median"] = f"{median * 1e3:.1f}"
        found[f"ms.{stage}.p95"] = f"{high * 1e3:.1f}"
        found[f"ms.{stage}.max"] = f"{most * 1e3:.1f}"
    return found
