"""`segan complete`: one photo with its masks, or a folder of scenes, into result folders."""

from __future__ import annotations

import argparse
import logging
from dataclasses import replace
from pathlib import Path

from segan_ros.commands.options import (
    add_depth_scale,
    add_model,
    add_out,
    add_scenes,
    open_model,
)
from segan_ros.commands.roles import Roles, add_roles, roles_of
from segan_ros.completion import SceneCompleter, Settings, TooManyObjectsError
from segan_ros.depth import MILLIMETRE
from segan_ros.drawing.completed import completed_sheet
from segan_ros.drawing.graph import graph_svg
from segan_ros.drawing.overlay import enlarged, overlay
from segan_ros.frame import CompletedScene, Frame, Image
from segan_ros.host.cores import side_by_side
from segan_ros.host.progress import Progress, say
from segan_ros.instances import REMEDIES
from segan_ros.masks.inspection import mask_problem
from segan_ros.masks.layering import to_labels
from segan_ros.runtime.spec import OCCLUDERS
from segan_ros.storage.frames import read_depth, read_frame
from segan_ros.storage.mask_files import read_instances
from segan_ros.storage.output import check_output
from segan_ros.storage.photo import read_photo
from segan_ros.storage.results import refuse_scene_folder, write_result
from segan_ros.storage.scenes import ScenePath, iterate_scenes, read_scene_frame

LOG = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    what = parser.add_argument_group("input: --rgb with --labels or --masks, or --scenes")
    what.add_argument("--rgb", type=Path, metavar="FILE", help="photo")
    what.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help="label image of the photo: png of ids, 0 for background",
    )
    what.add_argument(
        "--masks",
        type=Path,
        metavar="PATH",
        help="instead of --labels, masks that may overlap: a folder of mask images, or COCO JSON",
    )
    what.add_argument(
        "--depth",
        type=Path,
        metavar="FILE",
        help="depth of the photo: 16-bit image, 0 and 65535 unknown",
    )
    add_depth_scale(what, "--depth")
    add_scenes(what, "labelled pictures")
    add_roles(parser, "of --masks", "COCO JSON")
    add_out(parser, "folder for the results (NAME-completed in the current folder)")
    add_model(parser)
    parser.add_argument(
        "--threshold",
        type=float,
        metavar="P",
        help="probability above which a hidden pixel belongs to an object (as model.yaml says)",
    )
    parser.add_argument(
        "--occluders",
        choices=OCCLUDERS,
        help="where hidden parts may lie: behind other labelled objects; anywhere, for scenes in "
        "which some occluders have no mask; auto: anywhere if the depth of the object is "
        "known and the model sees it (as model.yaml says)",
    )


def run(args: argparse.Namespace) -> int:
    """Complete what the arguments name, a result folder for each frame; 1 if a scene was unusable.

    Raises:
        ValueError, OSError: an argument, a file or the model cannot be used.
    """
    _check_input(args)
    roles = roles_of(args, "" if args.masks is not None else "--masks")
    settings = Settings(
        threshold=args.threshold, occluders=args.occluders, ignore_ids=tuple(roles.ignored.ids)
    )
    name = args.rgb.stem if args.scenes is None else args.scenes.resolve().stem
    out = args.out or Path(f"{name}-completed")
    check_output(out)
    if args.scenes is None:
        refuse_scene_folder(out)
        frame = _frame(args, roles)
        completer = SceneCompleter(open_model(args), settings)
        _report(out, _complete(completer, frame, out))
        return 0
    occluders = roles.occluder_only.ids
    folders = _of_different_names(list(iterate_scenes(args.scenes)))
    for folder in folders:
        refuse_scene_folder(out / folder.name)
    completer = SceneCompleter(open_model(args), settings)

    def problem(folder: ScenePath) -> str:
        """Of completing it; empty if there was none."""
        try:
            frame = replace(read_scene_frame(folder), occluder_only=occluders)
        except (FileNotFoundError, ValueError) as error:
            return str(error)
        try:
            _complete(completer, frame, out / folder.name)
        except TooManyObjectsError as error:
            return f"{folder}: {error}"
        return ""

    failed = 0
    for text in Progress(side_by_side(problem, folders), total=len(folders), unit="scene"):
        if text:
            failed += 1
            say(f"segan: error: {text}", error=True)
    done = len(folders) - failed
    print(f"{done} scenes completed in {out} with {completer.model.provider}, {failed} failed")
    return 1 if failed else 0


def _check_input(args: argparse.Namespace) -> None:
    """Raise ValueError where it is not clear what to complete."""
    photo = {
        "--rgb": args.rgb,
        "--labels": args.labels,
        "--masks": args.masks,
        "--depth": args.depth,
    }
    given = [option for option, value in photo.items() if value is not None]
    if args.scenes is not None:
        if given:
            raise ValueError(f"--scenes excludes {', '.join(given)}: scene folders hold them")
    elif not given:
        raise ValueError("give --rgb with --labels or --masks, or --scenes")
    elif args.rgb is None:
        raise ValueError(f"{given[0]} needs --rgb, the photo that it belongs to")
    elif (args.labels is None) == (args.masks is None):
        raise ValueError(
            "--rgb needs the masks of its objects: either --labels, a label image, or --masks, a "
            "folder of mask images or COCO JSON"
        )
    if args.depth is None and args.depth_scale != MILLIMETRE:
        raise ValueError("--depth-scale needs --depth")


def _frame(args: argparse.Namespace, roles: Roles) -> Frame:
    """The photo with its masks in their `roles`."""
    if args.masks is None:
        frame = read_frame(args.rgb, args.labels, args.depth, depth_scale=args.depth_scale)
        return replace(frame, occluder_only=roles.occluder_only.ids)
    rgb = read_photo(args.rgb)
    given = read_instances(args.masks, args.rgb, rgb.shape[:2])
    for problem in roles.unknown({item.name for item in given.items} - {""}):
        LOG.warning("%s", problem)
    found = to_labels(given, roles.choice)
    for reason, count in found.left_out.items():
        remedy = f"; {REMEDIES[reason]}" if reason in REMEDIES else ""
        say(f"skipped {count} masks: {reason}{remedy}")
    depth = None if args.depth is None else read_depth(args.depth, args.depth_scale)
    frame = Frame.from_arrays(rgb, found.labels, depth, names=found.names)
    return replace(frame, occluder_only=found.occluder_only)


def _of_different_names(folders: list[ScenePath]) -> list[ScenePath]:
    """`folders`, whose names are those of their result folders."""
    seen: dict[str, ScenePath] = {}
    for folder in folders:
        if (other := seen.setdefault(folder.name, folder)) is not folder:
            raise ValueError(
                f"{other} and {folder} have the same name: their results would replace each other; "
                "complete one shard or folder at a time"
            )
    return folders


def _complete(completer: SceneCompleter, frame: Frame, out: Path) -> CompletedScene:
    if problem := mask_problem(frame.labels, names=frame.names):
        LOG.warning("%s: %s", out, problem)
    scene = completer.complete(frame)
    pictures: dict[str, Image | str] = {
        "overlay.png": overlay(*enlarged(frame, scene)),
        "completed.png": completed_sheet(frame, scene),
        "graph.svg": graph_svg(scene.graph, scene),
    }
    write_result(out, scene, pictures)
    return scene


def _report(out: Path, scene: CompletedScene) -> None:
    for item in scene.objects:
        hidden = f"{item.occlusion_ratio:.0%} hidden" if item.invisible.any() else "unoccluded"
        if item.occluder_only:
            hidden = "occluder only"
        print(f"object {item.label}: layer {item.layer}, {hidden}, score {item.score:.2f}")
    print("removal order:", *scene.graph.removal_order or ["no objects to lift"])
    print(f"results in {out}: overlay.png, completed.png, graph.svg, objects.json, graph.json")
