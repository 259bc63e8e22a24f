"""`segan replay`: a bag through the method or, with ``--live``, the real node; then scores."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from tqdm import tqdm

from segan_ros.completion import SceneCompleter
from segan_ros.evaluation.bags import Bag, BagFrame, Topics, open_bag
from segan_ros.evaluation.live import Answers, Live, play
from segan_ros.evaluation.metrics import SceneScore, score_edges, score_scene
from segan_ros.evaluation.references import convex_hulls
from segan_ros.evaluation.replay_report import (
    AnswerOutline,
    ReplayedFrame,
    clear_frames,
    report,
    to_json,
    write_frame,
)
from segan_ros.evaluation.tables import output_folder, write_json
from segan_ros.frame import CompletedScene
from segan_ros.inference import PROVIDERS, Model, model_folder
from segan_ros.occlusion import EdgeRule
from segan_ros.resources import resource_path

DEMO = ("demo/tabletop.mcap", "demo/tabletop")
"""The shipped bag, as a file or as a folder."""

NO_ANSWER = "no answer"

Answer = tuple[CompletedScene | None, float]
"""A completed scene and the seconds that it took; None and NaN without an answer."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "bag", type=Path, nargs="?", help="rosbag2 folder, .mcap or .db3; default: the shipped one"
    )
    parser.add_argument("--model", default="tabletop", help="shipped model or model folder")
    parser.add_argument("--provider", default="auto", choices=["auto", *PROVIDERS])
    parser.add_argument("--out", type=Path, help="folder for pictures, replay.json and replay.md")
    parser.add_argument(
        "--live", action="store_true", help="play to the real node, in its own process, over DDS"
    )
    parser.add_argument(
        "--rate", type=float, default=1.0, help="with --live: 2 plays twice as fast as recorded"
    )
    parser.add_argument(
        "--patience",
        type=float,
        default=Live.patience,
        help="with --live: seconds without an answer after which the missing ones are given up",
    )
    names = parser.add_argument_group("topics in the bag")
    for field in fields(Topics):
        option = f"--{field.name.replace('_', '-')}-topic"
        names.add_argument(option, default=field.default, metavar="TOPIC", help="%(default)s")


def run(args: argparse.Namespace) -> int:
    """Replay, print the tables, write ``--out``; 1 if a frame went unanswered.

    Raises:
        ValueError, OSError: an argument, the bag, the model or the node cannot be used.
    """
    for name in ("rate", "patience"):
        if not 0 < getattr(args, name) < float("inf"):
            raise ValueError(f"--{name} is {getattr(args, name)}; it must be above 0")
    if args.out is not None:
        output_folder(args.out)
    model = model_folder(args.model)
    topics = Topics(**{f.name: getattr(args, f"{f.name}_topic") for f in fields(Topics)})
    answers: Answers | None = None
    with open_bag(args.bag or _demo(), topics) as bag, TemporaryDirectory() as scratch:
        if args.live:
            live = Live(model, args.provider, args.rate, patience=args.patience)
            answers = play(bag, live, (args.out or Path(scratch)) / "node.log")
            answer = answers.to
        else:
            answer = partial(_complete, SceneCompleter(Model(model, args.provider)))
        if args.out is not None:
            clear_frames(args.out)
        frames = replay(bag, answer, args.out)
        way = "the node" if args.live else "the method"
        heading = f"{bag.path} through {way}, model {model.name}"
    text = report(frames, heading)
    if answers is not None and any(f.problem == NO_ANSWER for f in frames):
        text += (
            f"\nThe node's diagnostics: {answers.account}."
            "\nA frame is superseded when the next one comes before its turn; a --rate below"
            f" {args.rate:g} gives the node more time."
        )
    print(text)
    if args.out is not None:
        (args.out / "replay.md").write_text(text + "\n")
        write_json(args.out / "replay.json", {"heading": heading, **to_json(frames)})
        print(f"\npictures of each frame, replay.json and replay.md: {args.out}")
    if answers is not None and answers.trouble:
        print(f"\n{answers.trouble}")
        return 1
    return int(any(f.answer is None for f in frames))


def replay(bag: Bag, answer: Callable[[BagFrame], Answer], out: Path | None) -> list[ReplayedFrame]:
    """Have every frame of `bag` answered, score the answers, draw them into `out`."""
    frames = []
    for bag_frame in tqdm(bag.frames(), "scoring", total=len(bag.stamps), unit="frame"):
        scene, latency = (None, float("nan")) if bag_frame.frame is None else answer(bag_frame)
        frames.append(_judge(bag_frame, scene, latency))
        if out is not None and bag_frame.frame is not None and scene is not None:
            write_frame(out, bag_frame.index, bag_frame.frame, scene)
    return frames


def _judge(bag_frame: BagFrame, answer: CompletedScene | None, latency: float) -> ReplayedFrame:
    if bag_frame.frame is None or answer is None:
        problem = bag_frame.problem or NO_ANSWER
        return ReplayedFrame(bag_frame.index, bag_frame.stamp, None, problem)
    return ReplayedFrame(
        bag_frame.index,
        bag_frame.stamp,
        AnswerOutline.of(answer),
        latency=latency,
        ours=score(bag_frame, answer),
        hull=score(bag_frame, convex_hulls(bag_frame.frame, EdgeRule())),
    )


def score(bag_frame: BagFrame, answer: CompletedScene) -> SceneScore | None:
    """Against the bag's whole masks or, if it has none, against its graph; None without either."""
    if bag_frame.truth is not None:
        return score_scene(bag_frame.truth, answer)
    if bag_frame.true_graph is None:
        return None
    graph = bag_frame.true_graph
    edges = {(e.occluder_id, e.occludee_id): e.overlap_area for e in graph.edges}
    return SceneScore((), score_edges(edges, graph.object_ids, answer.graph))


def _complete(completer: SceneCompleter, bag_frame: BagFrame) -> Answer:
    assert bag_frame.frame is not None
    start = time.perf_counter()
    scene = completer.complete(bag_frame.frame)
    return scene, time.perf_counter() - start


def _demo() -> Path:
    for name in DEMO:
        try:
            return resource_path(name)
        except FileNotFoundError:
            continue
    raise ValueError("this installation holds no demo bag; name the bag to replay")
