"""`segan replay`: a bag through the method or, with ``--live``, the real node; then scores."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from segan_ros.commands.options import add_depth_scale, add_model, at_least, open_model
from segan_ros.commands.roles import Roles, add_roles, roles_of
from segan_ros.completion import SceneCompleter, Settings
from segan_ros.frame import CompletedScene, Frame
from segan_ros.host.resources import resource_path
from segan_ros.instances import REMEDIES, REPEATED, Layered
from segan_ros.masks.reading import mask_reader
from segan_ros.messages.frames import MaskReader, Reading
from segan_ros.messages.kinds import IMAGE
from segan_ros.messages.segmenters import LABEL_IMAGE, SEGMENTERS
from segan_ros.replay.earlier import EarlierRun, comparison
from segan_ros.replay.live import Answers, Live, play
from segan_ros.replay.recorded_names import TOPIC as LABEL_NAMES
from segan_ros.replay.recorded_names import RecordedNames
from segan_ros.replay.replayed import timings_to_json, to_json
from segan_ros.replay.report_page import write_page
from segan_ros.replay.report_text import clear_frames, report
from segan_ros.replay.run import NO_ANSWER, Answer, Replay, TruthRoles, Wanted
from segan_ros.replay.truth import open_truth
from segan_ros.runtime.model import model_folder
from segan_ros.runtime.spec import ModelSpec
from segan_ros.storage.bag import Bag
from segan_ros.storage.bag_frame import BagFrame
from segan_ros.storage.bag_topics import Topics
from segan_ros.storage.bags import open_bag
from segan_ros.storage.output import check_output, no_empty_folder, write_json
from segan_ros.tracks.follower import NONE, STEADY, Follower, FollowSettings

DEMO = ("demo/tabletop.mcap", "demo/tabletop")
"""The shipped bag, as a file or as a folder."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "bag", type=Path, nargs="?", help="rosbag2 folder, .mcap or .db3; default: the shipped one"
    )
    add_model(parser)
    parser.add_argument(
        "--truth", type=Path, help="bag, or folder of scene folders named by stamp; default: BAG"
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder for the report, tables, masks, pictures"
    )
    parser.add_argument(
        "--report",
        type=Path,
        metavar="FILE",
        help="HTML report to write; default: report.html in --out",
    )
    parser.add_argument(
        "--against", type=Path, metavar="DIR", help="earlier run to compare with: its --out"
    )
    parser.add_argument(
        "--pictures",
        type=int,
        default=60,
        metavar="N",
        help="frames with pictures in the report (%(default)s)",
    )
    parser.add_argument(
        "--rrd",
        type=Path,
        metavar="FILE",
        help="recording to write for the Rerun viewer (needs rerun-sdk)",
    )
    parser.add_argument(
        "--live", action="store_true", help="play to the real node, in its own process, over DDS"
    )
    parser.add_argument(
        "--rate",
        type=float,
        default=1.0,
        metavar="FACTOR",
        help="with --live: 2 plays twice as fast as recorded",
    )
    parser.add_argument(
        "--patience",
        type=float,
        default=Live.patience,
        metavar="SECONDS",
        help="with --live: stop waiting after this many seconds without an answer",
    )
    add_depth_scale(parser, "the bag")
    parser.add_argument(
        "--segmenter",
        default=LABEL_IMAGE,
        choices=[LABEL_IMAGE, *SEGMENTERS],
        help="format of the bag's masks, see docs/segmenters.md (%(default)s)",
    )
    add_roles(parser, "of --segmenter", "--segmenter")
    frames = parser.add_argument_group("tracking and smoothing: docs/tracking.md")
    frames.add_argument(
        "--track",
        action="store_true",
        help="assign persistent track ids, for segmenters that number objects anew in each frame",
    )
    frames.add_argument(
        "--track-memory",
        type=float,
        default=FollowSettings.memory,
        metavar="SECONDS",
        help="seconds that an object may be out of sight and keep its track (%(default)s)",
    )
    frames.add_argument(
        "--steady",
        default=NONE,
        choices=STEADY,
        help="hysteresis over frames: of edges and order, or of whole masks too (%(default)s)",
    )
    names = parser.add_argument_group("topics in the bag")
    for field in fields(Topics):
        option = f"--{field.name.replace('_', '-')}-topic"
        names.add_argument(option, default=field.default, metavar="TOPIC", help="%(default)s")
    names.add_argument(
        "--label-names-topic",
        default=LABEL_NAMES,
        metavar="TOPIC",
        help="%(default)s: classes of label images",
    )


def run(args: argparse.Namespace) -> int:
    """Replay, print the tables, write ``--out`` and ``--report``; 1 if a frame went unanswered.

    Raises:
        ValueError, OSError: an argument, the bag, the model or the node cannot be used.
    """
    _check(args)
    earlier = None if args.against is None else EarlierRun(args.against)
    page = _page(args)
    model = model_folder(args.model)
    topics = Topics(**{f.name: getattr(args, f"{f.name}_topic") for f in fields(Topics)})
    own = topics
    if args.truth is not None:
        own = replace(topics, true_objects=Topics.true_objects, true_graph=Topics.true_graph)
    follow = FollowSettings(args.track, args.track_memory, args.steady)
    answers: Answers | None = None
    left_out = Counter[str]()
    with (
        open_bag(args.bag or _demo(), own, reading=_reading(args)) as bag,
        open_truth(args.truth, topics) as truth,
        no_empty_folder(args.out),
        TemporaryDirectory() as scratch,
    ):
        names = RecordedNames(bag, args.label_names_topic)
        roles = _roles(args, names)
        bag.reading = replace(bag.reading, masks=_mask_reader(args, roles, left_out, names))
        job = Replay(bag, truth, earlier, _wanted(args), _of_truth(roles))
        if args.out is not None:
            args.out.mkdir(parents=True, exist_ok=True)
        if args.live:
            answers = play(bag, _live(args, model, follow, roles), _log(args, scratch), names)
            answer = _looked_up(answers, args, roles, follow)
        else:
            completer = _completer(args, roles)
            answer = partial(_complete, completer, Follower(follow), Follower(follow))
        if args.out is not None:
            clear_frames(args.out)
        left_out.clear()  # a live run has read the bag once already
        frames = job.run(answer)
        heading = _heading(job, args, model.name)
    lacks_truth = args.truth is not None and not any(f.scores for f in frames)
    remarks = (*_left_out(left_out), *_remarks(args, bag, lacks_truth))
    text = "\n".join([report(frames, heading), *remarks])
    if earlier is not None:
        text += "\n\n" + comparison(earlier, frames)
    if answers is not None and any(f.problem == NO_ANSWER for f in frames):
        text += (
            f"\nThe node's counters: {answers.counters}."
            "\nA frame is superseded when the next one comes before its turn; a --rate below"
            f" {args.rate:g} gives the node more time."
        )
    print(text)
    content, timings = to_json(frames), timings_to_json(frames)
    if args.out is not None:
        _write_tables(args.out, text, {"heading": heading, **content}, timings)
    if page:
        against = earlier and {"run": earlier.content, "timings": earlier.timings}
        both = {"heading": heading, "run": content, "timings": timings, "against": against}
        write_page(page, {**both, "pictures": job.pictures})
        print(f"\nreport, for a browser: {page}")
    if args.rrd is not None:
        print(f"\nrecording, for the Rerun viewer: {args.rrd}")
    if answers is not None and answers.trouble:
        print(f"\n{answers.trouble}")
        return 1
    return int(lacks_truth or bool(bag.problems) or any(f.answer is None for f in frames))


def _page(args: argparse.Namespace) -> Path | None:
    """Where the report goes."""
    return args.report or (args.out and args.out / "report.html")


def _wanted(args: argparse.Namespace) -> Wanted:
    return Wanted(args.out, args.pictures if _page(args) else 0, args.rrd)


def _write_tables(out: Path, text: str, content: Any, timings: Any) -> None:
    out.mkdir(parents=True, exist_ok=True)  # gone where no frame left anything in it
    (out / "replay.md").write_text(text + "\n")
    write_json(out / "replay.json", content)
    write_json(out / "timings.json", timings)
    print(f"\npictures of each frame, replay.json, timings.json and replay.md: {out}")


def _of_truth(roles: Roles) -> TruthRoles:
    ignored, occluders = roles.ignored, roles.occluder_only
    return TruthRoles(ignored.ids, ignored.names, occluders.ids, occluders.names)


def _live(args: argparse.Namespace, model: Path, follow: FollowSettings, roles: Roles) -> Live:
    return Live(
        model,
        args.provider,
        args.segmenter,
        follow,
        args.rate,
        patience=args.patience,
        choice=roles.choice,
        ignore_ids=tuple(sorted(roles.ignored.ids)),
    )


def _log(args: argparse.Namespace, scratch: str) -> Path:
    """Of the node."""
    return (args.out or Path(scratch)) / "node.log"


def _roles(args: argparse.Namespace, names: RecordedNames) -> Roles:
    others = "masks of another --segmenter"
    if args.segmenter == LABEL_IMAGE:
        return roles_of(args, "" if names else f"{others} or with --label-names-topic", others)
    no_scores = others if args.segmenter in ("colours", "panoptic") else ""
    return roles_of(args, others if args.segmenter == "colours" else "", no_scores)


def _reading(args: argparse.Namespace) -> Reading:
    """How to read the bag, as far as it can be said before it is open."""
    kind = IMAGE if args.segmenter == LABEL_IMAGE else SEGMENTERS[args.segmenter].type
    return Reading(depth_scale=args.depth_scale, mask_type=kind)


def _mask_reader(
    args: argparse.Namespace, roles: Roles, left_out: Counter[str], names: RecordedNames
) -> MaskReader:
    """`left_out` counts masks that are no objects."""

    def note(found: Layered) -> None:
        left_out.update(found.left_out)
        if found.repeated:
            left_out[REPEATED] += 1

    if args.segmenter == LABEL_IMAGE and names:
        return names.reader(roles.choice, note)
    return mask_reader(args.segmenter, roles.choice, note)


def _left_out(counts: Mapping[str, int]) -> Iterator[str]:
    for reason, count in sorted(counts.items()):
        if reason == REPEATED:
            yield f"In {count} of the segmenter's messages {REPEATED}."
            continue
        remedy = f": {REMEDIES[reason]}" if reason in REMEDIES else ""
        yield f"skipped {count} of the segmenter's masks ({reason}){remedy}."


def _remarks(args: argparse.Namespace, bag: Bag, lacks_truth: bool) -> Iterator[str]:
    """What is wrong with the bag or the truth."""
    yield from (f"{bag.path}: {problem}." for problem in bag.problems)
    if lacks_truth:
        yield (
            f"No image of the bag has ground truth in {args.truth}: scene folders there must be"
            f" named by stamp in nanoseconds, such as {next(iter(bag.stamps), 0)}."
        )


def _check(args: argparse.Namespace) -> None:
    for name in ("rate", "patience"):
        if not 0 < getattr(args, name) < float("inf"):
            raise ValueError(f"--{name} is {getattr(args, name)}; it must be above 0")
    if not args.live and (args.rate, args.patience) != (1.0, Live.patience):
        raise ValueError("--rate and --patience need --live")
    at_least(args, pictures=1)
    if args.against is not None and args.out is not None:
        folder = args.against if args.against.is_dir() else args.against.parent
        if folder.resolve() == args.out.resolve():
            raise ValueError(f"--out {args.out} would overwrite --against; choose another --out")
    if args.out is not None:
        check_output(args.out)
    for option in ("report", "rrd"):
        file = getattr(args, option)
        if file is None:
            continue
        if not file.parent.is_dir():
            raise ValueError(
                f"{file.parent} is not a folder; create it or choose another --{option}"
            )
        if file.is_dir():
            raise ValueError(f"{file} is a folder; --{option} must name a file")
        check_output(file.parent, f"--{option}")


def _heading(job: Replay, args: argparse.Namespace, model: str) -> str:
    way = "the node" if args.live else "the method"
    depth = "with depth" if job.with_depth else "without depth"
    if 0 < job.with_depth < job.usable:
        depth = f"with depth in {job.with_depth} of {job.usable} frames"
    truth = f", truth {args.truth}" if args.truth else ""
    return f"{job.bag.path} through {way}, model {model}, {depth}{truth}"


def _completer(args: argparse.Namespace, roles: Roles) -> SceneCompleter:
    return SceneCompleter(open_model(args), Settings(ignore_ids=tuple(roles.ignored.ids)))


def _looked_up(
    answers: Answers, args: argparse.Namespace, roles: Roles, follow: FollowSettings
) -> Callable[[BagFrame], Answer]:
    """What the node said of a frame; and what the method would say without depth, worked out here
    now that the node has stopped, so that it delays none of its answers."""
    if not ModelSpec.read(model_folder(args.model)).segmentor.sees_depth:
        return answers.to
    completer, follower = _completer(args, roles), Follower(follow)

    def to(bag_frame: BagFrame) -> Answer:
        found = answers.to(bag_frame)
        if found.scene is None or bag_frame.frame is None:
            return found
        return found._replace(flat=_without_depth(completer, follower, bag_frame.frame))

    return to


def _complete(
    completer: SceneCompleter, follower: Follower, flat_follower: Follower, bag_frame: BagFrame
) -> Answer:
    """What the method says of a frame, and what it would say without depth."""
    assert bag_frame.frame is not None
    start = time.perf_counter()
    raw = completer.segment(bag_frame.frame)
    scene = completer.paint(bag_frame.frame, follower(bag_frame.frame, raw))
    seconds = time.perf_counter() - start
    return Answer(
        scene,
        seconds,
        None if follower.settings.steady == NONE else raw,
        _without_depth(completer, flat_follower, bag_frame.frame),
    )


def _without_depth(
    completer: SceneCompleter, follower: Follower, frame: Frame
) -> CompletedScene | None:
    """What the method would say without depth; None where its masks would be the same."""
    if frame.depth is None or not completer.model.spec.segmentor.sees_depth:
        return None
    flat = replace(frame, depth=None)
    return follower(flat, completer.segment(flat))


def _demo() -> Path:
    for name in DEMO:
        try:
            return resource_path(name)
        except FileNotFoundError:
            continue
    raise ValueError("this installation has no demo bag; name the bag to replay")
