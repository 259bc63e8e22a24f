"""`segan import`: a data set of others becomes scene folders."""

from __future__ import annotations

import argparse
from pathlib import Path

from segan_ros.commands.options import add_out
from segan_ros.host.progress import Progress, say
from segan_ros.storage.importers.coco_amodal import coco_amodal_scenes
from segan_ros.storage.importers.collect import Problems
from segan_ros.storage.importers.dyce import dyce_scenes
from segan_ros.storage.scene_writer import write_scene


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    kinds = parser.add_subparsers(dest="kind", metavar="KIND", required=True)
    dyce = kinds.add_parser("dyce", help="lists of the DYCE data set, one object per line")
    dyce.add_argument("source", type=Path, metavar="LIST", help="such as annotations/test.txt")
    dyce.add_argument(
        "--root",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder with Images, modal, amodal, FullObj",
    )
    dyce.add_argument(
        "--without",
        action="append",
        default=[],
        metavar="TAG",
        help="leave out objects with this tag; may be repeated",
    )
    coco = kinds.add_parser("coco-amodal", help="COCOA, COCOA-cls, KINS and similar annotations")
    coco.add_argument("source", type=Path, metavar="JSON", help="the annotations")
    coco.add_argument(
        "--images", type=Path, required=True, metavar="DIR", help="folder of the pictures"
    )
    coco.add_argument(
        "--stuff", action="store_true", help="keep regions marked isStuff (wall, sky ...) too"
    )
    for kind in (dyce, coco):
        add_out(kind, "where to write the scene folders; must be empty", required=True)
        kind.add_argument("--strict", action="store_true", help="stop at the first bad entry")


def run(args: argparse.Namespace) -> int:
    """Import what the arguments name; 1 if an entry had to be skipped, or nothing is left.

    Raises:
        ValueError, OSError, ImportError: an argument or the annotations cannot be used.
    """
    option, pictures = ("--root", args.root) if args.kind == "dyce" else ("--images", args.images)
    if not pictures.is_dir():
        raise ValueError(f"{pictures}: no such folder; {option} is the folder of the pictures")
    if args.out.exists() and any(args.out.iterdir()):
        raise ValueError(
            f"{args.out}: not empty; scenes of the same name would be overwritten: choose another "
            "--out"
        )
    problems = Problems(args.strict, lambda text: say(text, error=True))
    if args.kind == "dyce":
        scenes = dyce_scenes(args.source, args.root, problems, set(args.without))
    else:
        scenes = coco_amodal_scenes(args.source, args.images, problems, args.stuff)
    count = objects = hidden = bare = 0
    for name, scene in Progress(scenes, unit="scene"):
        args.out.mkdir(parents=True, exist_ok=True)
        write_scene(args.out / name, scene)
        seen = set(scene.frame.object_ids)
        count, objects = count + 1, objects + len(scene.objects)
        hidden += sum(o.id not in seen for o in scene.objects)
        bare += sum(o.appearance is None for o in scene.objects)
    print(
        f"{count} scenes with {objects} objects in {args.out} ({hidden} without a visible pixel,"
        f" {bare} without appearance); {problems.count} entries skipped"
    )
    for kind, left in problems.left_out.most_common():
        print(f"  skipped {left} {kind}")
    return 1 if problems.count or not count else 0
