"""`segan assets`: fetches packages of meshes and prepares their objects for `segan generate`."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from segan_ros.commands.options import at_least
from segan_ros.host.cores import usable_cores
from segan_ros.synthesis.assets.build import prepare_all, write_sheet
from segan_ros.synthesis.assets.catalogue import SPLITS, Entry, meshes, read_manifest
from segan_ros.synthesis.assets.store import cache_folder, write_note


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `segan assets`."""
    parser.add_argument(
        "--workers", type=int, default=0, metavar="N", help="worker processes (0: one per core)"
    )
    parser.add_argument(
        "--skip-broken", action="store_true", help="skip objects that cannot be prepared"
    )
    parser.add_argument(
        "--list",
        action="store_true",
        help="only list split, name, kind, source, licence and author of each object",
    )
    parser.add_argument(
        "--sheet", type=Path, metavar="FILE", help="draw all objects on one sheet, a .png or .jpg"
    )
    own = parser.add_argument_group("own meshes")
    own.add_argument(
        "--meshes", type=Path, metavar="DIR", help="prepare the OBJ, GLB, PLY and STL files below"
    )
    own.add_argument(
        "--out", type=Path, metavar="SET", help="folder of the prepared set, for `segan generate`"
    )
    own.add_argument(
        "--units",
        choices=("auto", "m", "cm", "mm", "in"),
        default="auto",
        help="unit of the mesh files",
    )
    own.add_argument(
        "--up", choices=("auto", "x", "y", "z"), default="auto", help="axis that points up in them"
    )


def run(args: argparse.Namespace) -> int:
    """Fetch and prepare what is missing."""
    if args.sheet and args.sheet.suffix not in (".png", ".jpg"):
        raise ValueError(f"--sheet is {args.sheet}; its name must end in .png or .jpg")
    at_least(args, workers=0)
    if args.meshes:
        return _prepare_own(args)
    entries = read_manifest()
    if args.list:
        print_list(entries)
        return 0
    folder = cache_folder()
    wanted = meshes(entries)
    broken = prepare_all(wanted, folder, args.workers or usable_cores())
    _tell_broken(broken, f"{len(wanted)} objects", args.skip_broken)
    note = write_note(folder, wanted, list(broken))
    good = [e for e in wanted if e.name not in broken]
    per_split = Counter(e.split for e in good)
    counts = ", ".join(f"{per_split[split]} {split}" for split in SPLITS)
    print(f"{folder}: {len(good)} objects ({counts}), set {note['digest']}")
    if args.sheet:
        write_sheet(args.sheet, good, folder)
        print(f"{args.sheet}: {len(good)} objects")
    return 0


def _tell_broken(broken: Mapping[str, str], of: str, skip: bool) -> None:
    """Print why each could not be prepared; refuse to go on unless they are skipped."""
    for name, reason in sorted(broken.items()):
        print(f"  {name}: {reason}")
    if broken and not skip:
        raise ValueError(f"{len(broken)} of {of} cannot be prepared; --skip-broken leaves them out")


def _prepare_own(args: argparse.Namespace) -> int:
    from segan_ros.synthesis.assets.own import mesh_files, prepare_own, write_own_sheet

    if args.out is None:
        raise ValueError("--meshes needs --out SET: the folder that the objects are written to")
    files = mesh_files(args.meshes)
    workers = args.workers or usable_cores()
    found, broken = prepare_own(files, args.out, args.units, args.up, workers)
    _tell_broken(broken, f"{len(files)} meshes", args.skip_broken)
    if not found:
        raise ValueError(f"{args.meshes}: no mesh could be prepared")
    for item in found:
        width, depth, height = (round(100 * side, 1) for side in item.size)
        print(
            f"  {item.name}: {width} x {depth} x {height} cm, as files in {item.unit} with "
            f"{item.up} up"
        )
    if args.sheet:
        write_own_sheet(args.sheet, found, args.out)
    print(f"{args.out}: {len(found)} objects; next, segan generate --objects {args.out} --out DIR")
    return 0


def print_list(entries: Sequence[Entry]) -> None:
    """One line for each object: split, name, kind, source, licence and author."""
    for e in entries:
        source = f"{e.package}/{e.item}"
        print("\t".join((e.split, e.name, e.kind, source, e.licence, e.author)))
