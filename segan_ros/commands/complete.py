"""`segan complete`: one photo with its masks, or a folder of scenes, into result folders."""

from __future__ import annotations

import argparse
from pathlib import Path

from segan_ros.commands.depth_scale import add_depth_scale
from segan_ros.completion import SceneCompleter, TooManyObjectsError
from segan_ros.depth import MILLIMETRE
from segan_ros.drawing.completed import completed_sheet
from segan_ros.drawing.graph import graph_svg
from segan_ros.drawing.overlay import enlarged, overlay
from segan_ros.frame import CompletedScene, Frame, Image
from segan_ros.progress import Progress, say
from segan_ros.runtime.model import PROVIDERS, Model, model_folder
from segan_ros.storage.frames import read_frame
from segan_ros.storage.output import output_folder
from segan_ros.storage.results import refuse_scene_folder, write_result
from segan_ros.storage.scenes import ScenePath, iterate_scenes, read_scene_frame


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    what = parser.add_argument_group("input: --rgb with --labels, or --scenes")
    what.add_argument("--rgb", type=Path, help="photo")
    what.add_argument("--labels", type=Path, help="label image, 8 or 16 bit, 0 is background")
    what.add_argument("--depth", type=Path, help="depth image, 16 bit, 0 and 65535 unknown")
    add_depth_scale(what, "--depth")
    what.add_argument("--scenes", type=Path, help="folder of scene folders (or one of them)")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--model", default="tabletop", help="shipped model or model folder")
    parser.add_argument("--provider", default="auto", choices=["auto", *PROVIDERS])


def run(args: argparse.Namespace) -> int:
    """Complete what the arguments name, a result folder for each frame; 1 if a scene was unusable.

    Raises:
        ValueError, OSError: an argument, a file or the model cannot be used.
    """
    if (args.scenes is None) == (args.rgb is None) or (args.rgb is None) != (args.labels is None):
        raise ValueError("give --rgb with --labels, or --scenes")
    if args.scenes is not None and args.depth is not None:
        raise ValueError("--depth goes with --rgb; a scene folder brings its own, depth_mm.png")
    if args.depth is None and args.depth_scale != MILLIMETRE:
        raise ValueError("--depth-scale goes with --depth")
    output_folder(args.out)
    if args.scenes is None:
        refuse_scene_folder(args.out)
        frame = read_frame(args.rgb, args.labels, args.depth, depth_scale=args.depth_scale)
        completer = SceneCompleter(Model(model_folder(args.model), args.provider))
        _report(args.out, _complete(completer, frame, args.out))
        return 0
    folders = list(iterate_scenes(args.scenes))
    seen: dict[str, ScenePath] = {}
    for folder in folders:
        if (other := seen.setdefault(folder.name, folder)) is not folder:
            raise ValueError(
                f"{other} and {folder} have one name: their results would fall together; give one "
                "shard or folder at a time"
            )
        refuse_scene_folder(args.out / folder.name)
    completer = SceneCompleter(Model(model_folder(args.model), args.provider))
    failed = 0
    for folder in Progress(folders, unit="scene"):
        try:
            frame = read_scene_frame(folder)
        except (FileNotFoundError, ValueError) as error:
            failed += 1
            say(f"segan: error: {error}", error=True)
            continue
        try:
            _complete(completer, frame, args.out / folder.name)
        except TooManyObjectsError as error:
            failed += 1
            say(f"segan: error: {folder}: {error}", error=True)
    done = len(folders) - failed
    print(f"{done} scenes completed in {args.out} with {completer.model.provider}, {failed} failed")
    return 1 if failed else 0


def _complete(completer: SceneCompleter, frame: Frame, out: Path) -> CompletedScene:
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
        hidden = f"{item.occlusion_ratio:.0%} hidden" if item.invisible.any() else "whole"
        print(f"object {item.id}: layer {item.layer}, {hidden}, score {item.score:.2f}")
    print("removal order:", *scene.graph.removal_order or ["no objects, all labels are 0"])
    print(f"results in {out}: overlay.png, completed.png, graph.svg, objects.json, graph.json")
