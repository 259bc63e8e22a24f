"""A bag through the real node: its own process, real transport, the recorded rate."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from segan_ros.frame import CompletedScene
from segan_ros.host.progress import Progress
from segan_ros.masks.layering import Choice
from segan_ros.messages.answers import to_scene
from segan_ros.messages.kinds import GRAPH, OBJECTS, typestore
from segan_ros.messages.segmenters import LABEL_IMAGE
from segan_ros.replay.node_process import NodeProcess, live_environment
from segan_ros.replay.recorded_names import NAMES, RecordedNames
from segan_ros.replay.run import Answer
from segan_ros.ros.log_folder import spare_log_folder
from segan_ros.runtime.model import Model
from segan_ros.storage.bag import Bag
from segan_ros.storage.bag_frame import BagFrame
from segan_ros.storage.bag_topics import INPUTS
from segan_ros.tracks.follower import FollowSettings

if TYPE_CHECKING:
    from segan_ros.ros.player import Player

NODE = "/segan"

ALL = Choice()
"""Every mask is an object."""


@dataclass(frozen=True)
class Live:
    """How to play.

    Args:
        model: folder of the model.
        provider: as for `inference.Model`.
        segmenter: what the masks are, as the node's parameter of that name.
        follow: what the node makes of answers over frames.
        rate: 2 plays twice as fast as recorded.
        start_timeout: seconds that the node may take to load the model and to be found.
        patience: seconds without an answer after which the missing ones are given up.
        choice: which masks count, and as what.
        ignore_ids: see `Settings`.
    """

    model: Path
    provider: str = "auto"
    segmenter: str = LABEL_IMAGE
    follow: FollowSettings = field(default_factory=FollowSettings)
    rate: float = 1.0
    start_timeout: float = 60.0
    patience: float = 10.0
    choice: Choice = ALL
    ignore_ids: tuple[int, ...] = ()

    @property
    def roles(self) -> dict[str, str]:
        """The node's parameters that say what masks are."""
        classes = {
            "ignored_classes": ", ".join(sorted(self.choice.ignored)) or "none",
            "occluder_classes": ", ".join(sorted(self.choice.occluders)) or "none",
        }
        ids = {
            "ignore_ids": [0, *self.ignore_ids],
            "occluder_ids": [0, *sorted(self.choice.occluder_ids)],
        }
        score = {"min_score": str(float(self.choice.min_score))}
        return classes | {name: str(values) for name, values in ids.items()} | score


@dataclass(frozen=True)
class Answers:
    """What the node answered.

    Args:
        take: gives the scene of an image by its stamp, once; None if there is none.
        latencies: seconds from the last image, mask or depth of a stamp sent to graph received.
        counters: of messages received, answered and dropped, from the node's last diagnostics.
        trouble: how the node failed to stop cleanly, else empty.
    """

    take: Callable[[int], CompletedScene | None]
    latencies: dict[int, float]
    counters: str
    trouble: str = ""

    def to(self, frame: BagFrame) -> Answer:
        """The answer to `frame`."""
        return Answer(self.take(frame.stamp), self.latencies.get(frame.stamp, float("nan")))


def play(bag: Bag, live: Live, log: Path, names: RecordedNames | None = None) -> Answers:
    """Start the node, play `bag` to it, wait for the answers, stop it.

    Args:
        bag: open.
        live: how.
        log: file for all that the node prints.
        names: tables to play along; by default those on the usual topic.

    Raises:
        NodeError: the node cannot be started, is not found in time or ends by itself.
        ValueError: this Python has no ROS 2.
    """
    no_truth = bag.frames(lambda *_: (None, None))
    frames = Progress(no_truth, "reading", len(bag.stamps), leave=False, unit="frame")
    depths = {f.stamp: f.frame.depth is not None for f in frames if f.frame is not None}
    use_depth = _use_depth(depths)
    unused = {"depth"} if use_depth == "never" else set()
    topics = {n: topic for n, topic in bag.topics.items() if n in INPUTS and n not in unused}
    names = names or RecordedNames(bag)
    if names and live.segmenter == LABEL_IMAGE:
        topics[NAMES] = names.topic
    parameters = {
        "model": str(live.model.resolve()),
        "provider": live.provider,
        "autostart": "true",
        # Recorded stamps are old without being late.
        "max_age": "0.0",
        # Looked at is what the node makes of frames, not how many a busy machine loses on the way.
        "input_reliability": "reliable",
        "input_depth": "10",
        "use_depth": use_depth,
        "depth_scale": str(bag.reading.depth_scale),
        "segmenter": live.segmenter,
        "segmenter_type": bag.type_of("instance_mask"),
        **live.roles,
        "track": str(live.follow.track).lower(),
        "track_memory": str(float(live.follow.memory)),
        "steady": live.follow.steady,
    }
    player_class = _player_class()
    if live.provider == "tensorrt":
        # Builds what is missing: meanwhile the node would answer on something else.
        Model(live.model, live.provider)
    with live_environment() as environment:
        os.environ.update(environment | spare_log_folder(os.environ))
        print(f"starting the node in ROS domain {environment['ROS_DOMAIN_ID']}", flush=True)
        with (
            NodeProcess(parameters, {"__node": NODE[1:], **topics}, log) as node,
            player_class(topics, NODE, node.check, parameters) as player,
        ):
            if problem := player.wait_for_others(live.start_timeout):
                raise node.error(problem)
            with Progress(total=len(depths), desc="playing", unit="frame") as bar:
                messages = names.inputs(topics) if NAMES in topics else bag.inputs(topics)
                player.play(messages, set(depths), live.rate, live.patience, bar.update)
            trouble = node.stop()
    whole = {stamp: a for stamp, a in player.answers.items() if a.complete}
    latencies = {stamp: a.received - a.sent for stamp, a in whole.items()}

    def take(stamp: int) -> CompletedScene | None:
        # As late as can be: decoded, a long bag's answers would not fit into memory.
        answer = whole.pop(stamp, None)
        if answer is None:
            return None
        store = typestore()
        objects = store.deserialize_cdr(answer.objects, OBJECTS)
        return to_scene(objects, store.deserialize_cdr(answer.graph, GRAPH))

    del player.answers
    return Answers(take, latencies, player.counters, trouble)


def _use_depth(depths: Mapping[int, bool]) -> str:
    """The node's parameter that makes it use the depth that is there, on time or late."""
    if all(depths.values()):
        return "always" if depths else "auto"
    return "auto" if any(depths.values()) else "never"


def _player_class() -> type[Player]:
    try:
        from segan_ros.ros.player import Player
    except ImportError as error:
        raise ValueError(
            f"--live needs ROS 2 and the built messages ({error}); `./run demo` makes an"
            " environment that has both; without --live the bag runs through the method alone"
        ) from error
    return Player
