"""Judges a report: level, what is wrong and its remedy, as diagnostics and log give them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticStatus

from segan_ros.instances import REMEDIES, REPEATED
from segan_ros.ros.counters import Tally
from segan_ros.ros.outputs import SPATIAL
from segan_ros.ros.report import Report
from segan_ros.ros.synchronizer import DEPTH, IMAGE, MASK
from segan_ros.ros.transports import OTHER, TRANSPORTS, transport_of

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR

EXPECTED = (
    *("superseded", "no_subscriber", "no_partner", "late", "clock_jump", "no_depth", "queue_full"),
    *("disabled", "deactivated", "internal_error"),
)
"""Reasons for drops that are part of normal work, or have a warning of their own."""

LOSSY = 0.05
"""Share of lost messages above which something should be done."""

OFTEN = 3
"""Jumps of the clock within the window that are no bag that starts again."""

LOST = (
    "lost in transport: start the camera driver, the segmenter and this node with the Fast DDS "
    "profile config/fastdds.xml of segan_ros"
)


@dataclass(frozen=True)
class Verdict:
    """What a report means.

    Args:
        level: `OK`, `WARN` or `ERROR` of diagnostic_msgs.
        text: what is wrong, and the remedy.
        kind: what the log is throttled by; empty where there is nothing to log, or where the log
            had the text when it happened.
    """

    level: bytes
    text: str
    kind: str = ""


def judge(report: Report, before: Report, full: bool = True) -> Verdict:
    """The most urgent thing about `report`, for what happened since `before`.

    Args:
        report: now.
        before: some seconds ago.
        full: whether that is long enough to call the networks too slow.
    """
    if report.problem:
        return Verdict(ERROR, report.problem)
    if report.state != "active" or not report.enabled:
        return Verdict(OK, report.state if report.enabled else "disabled by ~/enable")
    recent = report.since(before)
    for verdict in (*_errors(report, before, recent, full), *_warnings(report, before, recent)):
        return verdict
    return Verdict(OK, tally_text(recent[IMAGE]))


def tally_text(image: Tally) -> str:
    """How many frames were published, and why others were not."""
    # Without the frames in flight: some of those published came in before.
    remarks = [f"{image.done} of {image.done + image.lost} frames published"]
    remarks += [f"{count} {reason}" for reason, count in sorted(image.dropped.items())]
    return ", ".join(remarks)


def failures(report: Report, recent: dict[str, Tally]) -> Iterator[Verdict]:
    """Errors of ours."""
    if count := sum(t.dropped.get("internal_error", 0) for t in recent.values()):
        last = report.texts.get("internal_error", "")
        text = f"{count} frames failed: {last}; the log has the traceback, please report it"
        yield Verdict(ERROR, text)


def drops(report: Report, recent: dict[str, Tally]) -> Iterator[Verdict]:
    """Messages that were dropped for other reasons than those `EXPECTED`."""
    for stream, tally in recent.items():
        for reason, count in sorted(tally.dropped.items()):
            if reason not in EXPECTED:
                why = report.texts.get(f"{stream}.{reason}", reason)
                yield Verdict(WARN, f"{count} dropped: {why}")


def _errors(
    report: Report, before: Report, recent: dict[str, Tally], full: bool
) -> Iterator[Verdict]:
    image = recent[IMAGE]
    yield from failures(report, recent)
    failing = _unexpected(image) > LOSSY * image.received
    slow = full and image.dropped.get("superseded") and not image.done and not failing
    if slow and not report.mask_problem:  # masks that are none take longest
        text = (
            f"none of {image.received} frames was finished within {report.at - before.at:.0f} s on "
            f"{report.provider}; choose a faster provider or model, or restart the node"
        )
        yield Verdict(ERROR, text, "too_slow")


def _unexpected(tally: Tally) -> int:
    return sum(count for reason, count in tally.dropped.items() if reason not in EXPECTED)


def _warnings(report: Report, before: Report, recent: dict[str, Tally]) -> Iterator[Verdict]:
    yield from _about_the_model(report)
    yield from drops(report, recent)
    for problem in report.type_problems:
        yield Verdict(WARN, problem, "types")
    if silent := [s for s in (IMAGE, MASK) if s in report.silent]:
        yield silence(report, silent)
    if report.mask_problem:
        topic = report.topics.get(MASK, MASK)
        yield Verdict(WARN, f"{topic}: {report.mask_problem}", "masks")
    if report.role_problem:
        yield Verdict(WARN, report.role_problem, "roles")
    yield from _left_out(report, before)
    jumps = report.jumps - before.jumps
    if jumps >= OFTEN:
        text = (
            f"stamps jumped back {jumps} times: one input has two publishers, or the publishers' "
            f"clocks differ; ros2 topic info -v {report.topics.get(IMAGE, IMAGE)}"
        )
        yield Verdict(WARN, text, "jumps")
    for stream, tally in recent.items():
        if full := tally.dropped.get("queue_full"):
            why = report.texts.get(f"{stream}.queue_full", "queue_full")
            yield Verdict(WARN, f"{full} dropped: {why}")
    yield from _about_partners(report, recent)
    if report.lost_share > LOSSY:
        text = (
            f"about {report.lost_share:.0%} of the images are missing, by the gaps between their "
            f"stamps: the camera skipped them, or they were {LOST}"
        )
        yield Verdict(WARN, text, "lost")
    yield from _without_depth(report, recent)
    offered = report.publishers.get(DEPTH) or DEPTH in report.elsewhere
    if recent[IMAGE].received and offered and DEPTH in report.silent:
        yield silence(report, [DEPTH])
    yield from _about_the_camera(report, recent)


def _left_out(report: Report, before: Report) -> Iterator[Verdict]:
    """Detections that cannot be used; those that are left out by choice or by rule are no fault."""
    counts = {r: n - before.left_out.get(r, 0) for r, n in report.left_out.items()}
    total = report.masks - before.masks + sum(counts.values())
    for reason, remedy in REMEDIES.items():
        if (count := counts.get(reason, 0)) > LOSSY * total:
            text = (
                f"{report.topics.get(MASK, MASK)}: {count} of {total} detections were skipped "
                f"({reason}): {remedy}"
            )
            yield Verdict(WARN, text, f"left_out_{reason}")
    if count := report.repeated - before.repeated:
        topic = report.topics.get(MASK, MASK)
        yield Verdict(WARN, f"{topic}: in {count} messages {REPEATED}", "repeated_tracks")


def _about_the_camera(report: Report, recent: dict[str, Tally]) -> Iterator[Verdict]:
    empty = sorted(SPATIAL & set(report.subscribed))
    if report.camera_problem:
        yield Verdict(WARN, report.camera_problem)
    elif empty and recent[DEPTH].done and not report.calibrated:
        topic = report.topics.get("camera_info", "camera_info")
        text = (
            f"{' and '.join(empty)} stay empty: no calibrated camera_info on {topic}; publish it "
            "or remap the topic"
        )
        yield Verdict(WARN, text, "camera_info")


def _about_partners(report: Report, recent: dict[str, Tally]) -> Iterator[Verdict]:
    mask, depth = recent[MASK], recent[DEPTH]
    if not depth.done:
        # Before what is said of masks: those of these images find no partner either.
        yield from _without_depth(report, recent)
    slop, timeout = (report.parameters.get(n, "?") for n in ("sync_slop", "sync_timeout"))
    late = f"if masks come later than sync_timeout ({timeout} s), raise it and sync_queue"
    unmatched = mask.dropped.get("no_partner", 0)
    if unmatched and not mask.done:
        text = (
            "no mask has the stamp of an image: the segmenter must copy the header of its image; "
            f"if the stamps differ a little, raise sync_slop ({slop} s); {late}"
        )
        yield Verdict(WARN, text, "no_mask_matches")
    if mask.done and depth.lost and not depth.done:
        text = (
            "no depth image has the stamp of an image: correct its stamps, raise sync_slop "
            f"({slop} s), or set use_depth to never"
        )
        yield Verdict(WARN, text, "no_depth_matches")
    if unmatched > max(1, LOSSY * mask.received):
        text = f"{unmatched} masks have no image: {late}; otherwise images are {LOST}"
        yield Verdict(WARN, text, "no_image_matches")


def _without_depth(report: Report, recent: dict[str, Tally]) -> Iterator[Verdict]:
    if count := recent[IMAGE].dropped.get("no_depth"):
        topic = report.topics.get(DEPTH, DEPTH)
        text = f"{count} frames dropped: no depth on {topic}; publish it, or set use_depth to auto"
        yield Verdict(WARN, text, "no_depth")


def _about_the_model(report: Report) -> Iterator[Verdict]:
    if report.reload_problem:
        yield Verdict(WARN, report.reload_problem)
    if report.engine.startswith("failed"):
        remedy = "correct that and call ~/reload, or choose another provider"
        yield Verdict(WARN, f"engine {report.engine}; {remedy}", "engine")


def silence(report: Report, silent: list[str]) -> Verdict:
    """That nothing comes in on the topics of `silent`, and what to do."""
    topics = {s: report.topics.get(s, s) for s in silent}
    missing = [topic for s, topic in topics.items() if not report.publishers.get(s)]
    if found := [s for s in silent if s in report.elsewhere]:
        remedy = " and ".join(
            f"{report.elsewhere[s]} has a publisher: set {TRANSPORTS[s]} to "
            f"{OTHER[transport_of(s, report.parameters)]}"
            for s in found
        )
    elif missing:
        remedy = f"no publisher on {' and '.join(missing)}: start it or remap the topic"
    else:
        remedy = (
            "its publisher sends nothing, or its QoS does not match input_reliability: "
            f"ros2 topic info -v {topics[silent[0]]}"
        )
    kind = f"silent_{'_'.join(silent)}"
    return Verdict(WARN, f"nothing received on {' and '.join(topics.values())}; {remedy}", kind)
