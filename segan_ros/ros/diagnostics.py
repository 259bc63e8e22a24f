"""What the node says of itself on /diagnostics: counts, times, and what to do about trouble."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from segan_ros.ros.counters import Tally
from segan_ros.ros.parameters import OTHER, TRANSPORTS, transport_of
from segan_ros.ros.synchronizer import DEPTH, IMAGE, MASK, STREAMS

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR

DONE = {IMAGE: "published", MASK: "matched", DEPTH: "matched"}
"""What it means for a message of each input to have served its purpose."""

RECENT = 10.0
"""Seconds over which drops are judged, or the time between two messages where that is longer."""

EXPECTED = (
    *("superseded", "no_subscriber", "no_partner", "late", "clock_jump", "no_depth", "queue_full"),
    *("disabled", "deactivated", "internal_error"),
)
"""Reasons that are part of good work, or have a complaint of their own."""

PAUSES = 3
"""Times the silences of an input before: a longer one is worth a warning."""

LOSSY = 0.05
"""Share of lost messages above which somebody should do something."""

OFTEN = 3
"""Jumps of the clock in a short time that are no bag that starts again."""

TRANSPORT_HINT = (
    "images get lost on the way: give the camera driver, the segmenter and this node the Fast DDS "
    'profile config/fastdds.xml (README, "Give images room")'
)


@dataclass(frozen=True)
class Report:
    """The node at one moment.

    Args:
        state: label of the lifecycle state.
        problem: why the node could not be configured or activated; empty = nothing wrong.
        enabled: see the service ``~/enable``.
        model, digest, provider, precision: what runs; empty while unconfigured.
        engine: how the engines that it runs best on get on; empty where none is built.
        reload_problem: why the model was not replaced when somebody asked for it; empty = it was.
        tallies: by input, since the node started.
        topics: full topic name by input, while active.
        publishers: how many each of these topics has.
        elsewhere: published topics of the other image_transport, by input.
        parameters: values by name.
        times: stage -> median, 95 %, largest seconds.
        reused: frames that got the answer of an earlier one.
        spatial: outputs that need depth and camera_info, and that somebody subscribes to.
        calibrated: whether a camera_info with a calibration came in.
        lost_share: estimated share of images that never came.
        camera_problem: why camera_info is not used; empty = it is, or there is none.
        jumps: how often stamps jumped back.
        texts: last notice by reason.
        at: seconds of a monotonic clock.
    """

    state: str
    problem: str = ""
    enabled: bool = True
    model: str = ""
    digest: str = ""
    provider: str = ""
    precision: str = ""
    engine: str = ""
    reload_problem: str = ""
    tallies: dict[str, Tally] = field(default_factory=dict)
    topics: dict[str, str] = field(default_factory=dict)
    publishers: dict[str, int] = field(default_factory=dict)
    elsewhere: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    times: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    reused: int = 0
    spatial: Collection[str] = ()
    calibrated: bool = False
    lost_share: float = 0.0
    camera_problem: str = ""
    jumps: int = 0
    texts: dict[str, str] = field(default_factory=dict)
    at: float = 0.0

    def since(self, before: Report) -> dict[str, Tally]:
        """What happened to each input after another report."""
        return {
            s: self.tallies.get(s, Tally()).since(before.tallies.get(s, Tally())) for s in STREAMS
        }


class Diagnostics:
    """Turns reports into messages; remembers the last ones, to judge what happened recently."""

    def __init__(self) -> None:
        self._before: deque[Report] = deque()
        self._pauses = {s: _Pauses() for s in STREAMS}

    def message(self, name: str, report: Report) -> DiagnosticArray:
        """One status, named `name`; the caller sets the stamp."""
        while len(self._before) > 1 and report.at - self._before[1].at >= RECENT:
            self._before.popleft()
        before = self._before[0] if self._before else Report("", at=report.at)
        usual = {s for s, pauses in self._pauses.items() if pauses.are_usual(report, s)}
        level, text = judge(report, before, report.at - before.at >= RECENT, usual)
        rates = _rates(report, before) if self._before else {}
        self._before.append(report)
        status = DiagnosticStatus(level=level, name=f"{name}: amodal completion", message=text)
        status.hardware_id = report.model
        found = values(report) | rates
        status.values = [KeyValue(key=k, value=v) for k, v in found.items()]
        return DiagnosticArray(status=[status])


class _Pauses:
    """How long an input is silent between its messages: a triggered camera is so for minutes."""

    def __init__(self) -> None:
        self._received, self._since, self._is_silent = 0, 0.0, False
        self._last: deque[float] = deque(maxlen=2)

    def are_usual(self, report: Report, stream: str) -> bool:
        """Whether `stream` is silent no longer than it was twice before, within reason."""
        received = report.tallies.get(stream, Tally()).received
        listens = report.state == "active" and report.enabled and report.publishers.get(stream)
        if received != self._received or not listens:
            if self._is_silent and listens:
                self._last.append(report.at - self._since)
            self._received, self._since, self._is_silent = received, report.at, False
            return False
        self._is_silent = True
        twice = len(self._last) == self._last.maxlen
        return twice and report.at - self._since <= PAUSES * min(self._last)


def judge(
    report: Report, before: Report, full: bool = True, usual: Collection[str] = ()
) -> tuple[bytes, str]:
    """Level and text of `report`, for what happened since `before`.

    Args:
        report: now.
        before: some seconds ago.
        full: whether that is long enough to call the networks too slow.
        usual: inputs whose silence, if they are silent, is nothing new.
    """
    if report.problem:
        return ERROR, report.problem
    if report.state != "active" or not report.enabled:
        return OK, report.state if report.enabled else "disabled through ~/enable"
    recent = report.since(before)
    image = recent[IMAGE]
    for failure in _failures(report, before, recent, full):
        return ERROR, failure
    for complaint in _complaints(report, recent, report.jumps - before.jumps, usual):
        return WARN, complaint
    remarks = [f"{image.done} of {image.received} frames published"]
    remarks += [f"{count} {reason}" for reason, count in sorted(image.dropped.items())]
    return OK, ", ".join(remarks)


def _failures(
    report: Report, before: Report, recent: dict[str, Tally], full: bool
) -> Iterator[str]:
    image = recent[IMAGE]
    errors = sum(t.dropped.get("internal_error", 0) for t in recent.values())
    if errors:
        last = report.texts.get("internal_error", "")
        yield f"{errors} frames failed: {last}; the log has the traceback, please report it"
    failing = _unexpected(image) > LOSSY * image.received
    if full and image.dropped.get("superseded") and not image.done and not failing:
        yield (
            f"none of {image.received} frames was finished in {report.at - before.at:.0f} s on "
            f"{report.provider}; choose a faster provider or model, or start the node again"
        )


def _unexpected(tally: Tally) -> int:
    return sum(count for reason, count in tally.dropped.items() if reason not in EXPECTED)


def _complaints(
    report: Report, recent: dict[str, Tally], jumps: int, usual: Collection[str]
) -> Iterator[str]:
    yield from _complaints_of_model(report)
    image, mask = recent[IMAGE], recent[MASK]
    for tally in recent.values():
        for reason, count in sorted(tally.dropped.items()):
            if reason not in EXPECTED:
                yield f"{count} dropped: {report.texts.get(reason, reason)}"
    silent = [s for s, t in ((IMAGE, image), (MASK, mask)) if not t.received and s not in usual]
    if silent:
        yield _silence(report, silent)
    if jumps >= OFTEN:
        yield (
            f"stamps jumped back {jumps} times; does one input have two publishers, or publishers "
            f"with different clocks? ros2 topic info -v {report.topics.get(IMAGE, IMAGE)}"
        )
    for tally in recent.values():
        if full := tally.dropped.get("queue_full"):
            yield f"{full} dropped: {report.texts.get('queue_full', 'queue_full')}"
    yield from _complaints_of_partners(report, recent)
    if report.lost_share > LOSSY:
        yield f"about {report.lost_share:.0%} of the images never came, {TRANSPORT_HINT}"
    yield from _without_depth(report, image)
    offered = report.publishers.get(DEPTH) or DEPTH in report.elsewhere
    if image.received and offered and not recent[DEPTH].received and DEPTH not in usual:
        yield _silence(report, [DEPTH])
    if report.camera_problem:
        yield report.camera_problem
    elif report.spatial and recent[DEPTH].done and not report.calibrated:
        yield (
            f"{' and '.join(report.spatial)} stay empty: no calibrated camera_info comes in on "
            f"{report.topics.get('camera_info', 'camera_info')}; publish one, or remap the name"
        )


def _complaints_of_partners(report: Report, recent: dict[str, Tally]) -> Iterator[str]:
    image, mask, depth = (recent[s] for s in STREAMS)
    if not depth.done:
        # Before what is said of masks: those of these images find no partner either.
        yield from _without_depth(report, image)
    slop, timeout = (report.parameters.get(n, "?") for n in ("sync_slop", "sync_timeout"))
    if mask.dropped.get("no_partner") and not mask.done:
        yield (
            "no mask has the stamp of an image; the segmenter must copy its image's stamp, or "
            f"raise sync_slop ({slop} s); raise sync_timeout ({timeout} s), and sync_queue with "
            "it, if masks come later than that"
        )
    if mask.done and depth.lost and not depth.done:
        yield (
            f"no depth has the stamp of an image; fix its stamps, raise sync_slop ({slop} s), or "
            "set use_depth: never"
        )
    if mask.dropped.get("no_partner", 0) > max(1, LOSSY * mask.received):
        yield (
            f"{mask.dropped['no_partner']} masks came without their image: raise sync_timeout "
            f"({timeout} s), and sync_queue with it, if some come later than that; else "
            f"{TRANSPORT_HINT}"
        )


def _without_depth(report: Report, image: Tally) -> Iterator[str]:
    if count := image.dropped.get("no_depth"):
        topic = report.topics.get(DEPTH, DEPTH)
        yield f"{count} dropped: no depth on {topic}; or set use_depth to auto"


def _complaints_of_model(report: Report) -> Iterator[str]:
    if report.reload_problem:
        yield f"{report.reload_problem}; mend its files and call ~/reload again"
    if report.engine.startswith("failed"):
        yield f"engine {report.engine}; mend that and call ~/reload, or choose another provider"


def _silence(report: Report, silent: list[str]) -> str:
    names = " and ".join(report.topics.get(s, s) for s in silent)
    missing = [report.topics.get(s, s) for s in silent if not report.publishers.get(s)]
    found = [s for s in silent if s in report.elsewhere]
    if found:
        remedy = " and ".join(
            f"{report.elsewhere[s]} is published: set {TRANSPORTS[s]} to "
            f"{OTHER[transport_of(s, report.parameters)]}"
            for s in found
        )
    elif missing:
        remedy = f"nobody publishes {' and '.join(missing)}: start who should, or remap the name"
    else:
        remedy = (
            "it has a publisher: does that publish, and offer what input_reliability asks for? "
            f"ros2 topic info -v {report.topics.get(silent[0], silent[0])}"
        )
    return f"nothing comes in on {names}; {remedy}"


def _rates(report: Report, before: Report) -> dict[str, str]:
    seconds = max(report.at - before.at, 1e-3)
    found = {}
    for stream, tally in report.since(before).items():
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
    found["image.reused"] = str(report.reused)
    found["image.lost_share"] = f"{report.lost_share:.3f}"
    found["clock_jumps"] = str(report.jumps)
    for stage, (median, high, most) in report.times.items():
        found[f"ms.{stage}.median"] = f"{median * 1e3:.1f}"
        found[f"ms.{stage}.p95"] = f"{high * 1e3:.1f}"
        found[f"ms.{stage}.max"] = f"{most * 1e3:.1f}"
    return found
