"""The node at one moment, as plain data: what diagnostics, log and tests look at."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from segan_ros.ros.counters import Tally
from segan_ros.ros.synchronizer import STREAMS


@dataclass(frozen=True)
class Report:
    """The node at one moment.

    Args:
        state: label of the lifecycle state.
        problem: why the node could not be configured or activated; empty = nothing wrong.
        enabled: see the service ``~/enable``.
        model, digest, provider, precision: what runs; empty while unconfigured.
        engine: state of the engines that the provider builds; empty where it builds none.
        reload_problem: why ``~/reload`` did not replace the model; empty = it did.
        tallies: by input, since the node started.
        waiting: messages of each input that wait for their partners.
        in_work: frames in the worker, 0..2.
        silent: inputs that have stopped, or have not begun.
        topics: full topic name by input, while active.
        publishers: how many each of these topics has.
        elsewhere: published topics of the other image_transport, by input.
        type_problems: of topics that carry other types than the node subscribes to.
        parameters: values by name.
        times: stage -> median, 95 %, largest seconds.
        reused: frames that got the result of an earlier one.
        masks: of a segmenter's messages that became objects; 0 for label images.
        left_out: other masks of these messages, by reason.
        repeated: messages in which several masks had the same track id.
        subscribed: outputs that have subscribers.
        calibrated: whether a camera_info with a calibration came in.
        lost_share: estimated share of images that never came.
        up_source: what tells which way is up; empty while inactive.
        up_confidence: of the last frame's up, 0..1; NaN before the first.
        mask_problem: why the masks seem to be no instance masks; empty = they are.
        role_problem: why masks do not get the roles that parameters set; empty = they do.
        camera_problem: why camera_info is not used; empty = it is, or there is none.
        jumps: how often stamps jumped back.
        texts: last log line by kind, for drops `<input>.<reason>`.
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
    waiting: dict[str, int] = field(default_factory=dict)
    in_work: int = 0
    silent: Collection[str] = ()
    topics: dict[str, str] = field(default_factory=dict)
    publishers: dict[str, int] = field(default_factory=dict)
    elsewhere: dict[str, str] = field(default_factory=dict)
    type_problems: Sequence[str] = ()
    parameters: dict[str, Any] = field(default_factory=dict)
    times: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    reused: int = 0
    masks: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    repeated: int = 0
    subscribed: Collection[str] = ()
    calibrated: bool = False
    lost_share: float = 0.0
    up_source: str = ""
    up_confidence: float = float("nan")
    mask_problem: str = ""
    role_problem: str = ""
    camera_problem: str = ""
    jumps: int = 0
    texts: dict[str, str] = field(default_factory=dict)
    at: float = 0.0

    def since(self, before: Report) -> dict[str, Tally]:
        """What happened to each input after another report."""
        return {
            s: self.tallies.get(s, Tally()).since(before.tallies.get(s, Tally())) for s in STREAMS
        }
