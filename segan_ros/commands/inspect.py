"""`segan inspect`: a contact sheet of scenes and a page of histograms, to be looked at."""

from __future__ import annotations

import argparse
from pathlib import Path

from segan_ros.commands.options import add_out, at_least
from segan_ros.drawing.shots import Shot
from segan_ros.host.progress import Progress
from segan_ros.storage.images import encoded
from segan_ros.storage.scenes import evenly, iterate_scenes, read_scene
from segan_ros.synthesis.folder import read_note
from segan_ros.synthesis.inspection import (
    COLUMNS,
    GAP,
    HEADING,
    HIGHEST,
    contact_sheet,
    joined,
    row,
)
from segan_ros.synthesis.page import page
from segan_ros.synthesis.statistics import measure_all, report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `segan inspect`."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="scene folders or shards")
    add_out(parser, "where to write index.html and contact_sheet.jpg (DIR-inspection, beside DIR)")
    parser.add_argument(
        "--rows", type=int, default=12, metavar="N", help="scenes on the sheet (12)"
    )


def run(args: argparse.Namespace) -> int:
    """Count all scenes, draw some of them.

    Raises:
        ValueError, OSError: there is no scene, one cannot be read, or nothing can be written.
    """
    at_least(args, rows=1)
    out = args.out or args.folder.absolute().with_name(f"{args.folder.absolute().name}-inspection")
    paths = list(iterate_scenes(args.folder))
    found = measure_all(Progress(paths, "counting", unit="scene", leave=False))
    chosen = evenly(paths, args.rows)
    rows = [row(read_scene(path), path.name) for path in chosen]
    high = HEADING + sum(pictures[0].shape[0] + GAP for pictures in rows)
    if high > HIGHEST:
        raise ValueError(
            f"--rows is {args.rows}; the sheet would be {high} pixels tall, a jpeg holds {HIGHEST}"
        )
    out.mkdir(parents=True, exist_ok=True)
    (out / "contact_sheet.jpg").write_bytes(encoded(contact_sheet(rows), ".jpg"))
    shots = [
        Shot(path.name, encoded(joined(pictures), ".jpg"))
        for path, pictures in zip(chosen, rows, strict=True)
    ]
    text = page(args.folder.resolve().name, _about(args.folder), found, COLUMNS, shots)
    (out / "index.html").write_text(text)
    print(report(found))
    print(f"{out}/index.html, contact_sheet.jpg")
    return 0


def _about(folder: Path) -> str:
    """What `segan generate` noted of the scenes, in words."""
    note = read_note(folder) if folder.is_dir() else {}
    if len(size := note.get("size", ())) == 2:
        note["size"] = f"{size[1]}x{size[0]}"
    return ", ".join(f"{k.replace('_', ' ')} {v}" for k, v in note.items() if v != "")
