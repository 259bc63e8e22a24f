"""Pictures of the documentation that show scenes: each panel says which scene it is of.

segan generate --scenes 24 --seed 40 --size 640x480 --out shown
segan generate --scenes 16 --seed 41 --size 640x480 --split test --out unseen
python tools/pictures.py scenes docs/scenes.jpg shown/0000{01,04,07,10,12,15,18,21,17,11,14,08}
python tools/pictures.py boxes docs/boxes.jpg unseen/0000{01,10,11,15}
python tools/pictures.py mask_noise docs/mask_noise.jpg unseen/000001
python tools/pictures.py depth_segmenter docs/depth_segmenter.jpg unseen/0000{01,06,11}
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros import SceneCompleter, load_model
from segan_ros.boxes import Roi, crop, tight_box
from segan_ros.depth_segmenter.segmenter import segment
from segan_ros.drawing.paint import DARK, colour_of, write
from segan_ros.frame import Frame, Image
from segan_ros.geometry.oriented_boxes import OrientedBox, oriented_box
from segan_ros.masks.noise import CALIBRATED, corrupted
from segan_ros.scoring.depth_noise import noisy_depth
from segan_ros.storage.scenes import read_scene, read_scene_frame
from segan_ros.synthesis.inspection import ids

WHITE = (255, 255, 255)
BAR, GAP = 24, 6
"""Height of a caption and space between panels, pixels."""

SHOWN = {
    "ragged": {"ragged": 0.07},
    "gaps": {"gaps": 0.12},
    "slivers": {"slivers": 1.5},
    "pieces": {"pieces": 1.0, "piece": 0.4},
    "merged": {"merged": 0.4},
    "split": {"split": 0.4},
    "missing": {"missing": 0.3},
}
"""Strengths of mask errors that can be seen at this size."""

Panel = tuple[str, Image]


def scenes(folders: Sequence[Path]) -> Iterator[Panel]:
    """Rendered scenes."""
    for folder in folders:
        scene = read_scene(folder)
        labels = scene.frame.labels
        hidden = sum(bool((labels[o.amodal] != o.id).any()) for o in scene.objects)
        caption = f"scene {folder.name}: {len(scene.objects)} objects, {hidden} partly hidden"
        yield caption, scene.frame.rgb


def boxes(folders: Sequence[Path]) -> Iterator[Panel]:
    """Oriented boxes of completed objects, with their ids."""
    completer = SceneCompleter(load_model())
    for folder in folders:
        frame = read_scene_frame(folder)
        picture = cv2.resize(frame.rgb, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
        for item in completer.complete(frame, paint=False).objects:
            if (box := oriented_box(frame, item)) is not None:
                _draw(picture, frame, box, item.id)
        yield f"scene {folder.name}", picture


def mask_noise(folders: Sequence[Path]) -> Iterator[Panel]:
    """Each kind of mask error alone, stronger than it is by default, and all of them together."""
    (folder,) = folders
    frame = read_scene_frame(folder)
    window = Roi(0.08, "longest_side").around(tight_box(frame.labels > 0), frame.size)
    rgb, true = crop(frame.rgb, window), crop(frame.labels, window).copy()
    yield f"scene {folder.name}: true masks", _masks(rgb, true, true)
    for kind, strength in SHOWN.items():
        noise = replace(CALIBRATED.only(kind), **strength)
        # The first draw that changes enough to be seen.
        draws = (corrupted(true, np.random.default_rng(seed), noise) for seed in range(50))
        labels = next(d for d in draws if np.count_nonzero(d != true) > 0.01 * true.size)
        yield kind, _masks(rgb, labels, true)
    for seed in (1, 2):
        labels = corrupted(true, np.random.default_rng(seed))
        yield f"all, as calibrated, seed {seed}", _masks(rgb, labels, true)


def depth_segmenter(folders: Sequence[Path]) -> Iterator[Panel]:
    """What the depth segmenter sees, and what it finds."""
    for folder in folders:
        frame = noisy_depth(read_scene_frame(folder))
        assert frame.depth is not None and frame.camera_matrix is not None
        found = segment(frame.rgb, frame.depth, frame.camera_matrix)
        yield f"scene {folder.name}: colour", frame.rgb
        yield "depth, noisy; black: unknown", _depth(frame.depth)
        count = len(np.unique(found)) - 1
        yield (
            f"found: {count} masks, {len(frame.object_ids)} objects",
            _masks(frame.rgb, found, found),
        )


def _depth(metres: NDArray[np.float32]) -> Image:
    """Near is yellow, far blue."""
    low, high = np.nanpercentile(metres, (1, 99))
    near = 255 * (1 - (np.nan_to_num(metres, nan=high) - low) / (high - low)).clip(0, 1)
    picture = cv2.applyColorMap(near.astype(np.uint8), cv2.COLORMAP_VIRIDIS)[..., ::-1].copy()
    picture[np.isnan(metres)] = 0
    return picture


def sheet(panels: Sequence[Panel], columns: int, width: int) -> Image:
    """Panels in rows, each below its caption and `width` pixels wide."""
    cells = [_cell(caption, picture, width) for caption, picture in panels]
    rows = [np.hstack(cells[i : i + columns]) for i in range(0, len(cells), columns)]
    return np.vstack(rows)[:-GAP, :-GAP]


def _cell(caption: str, picture: Image, width: int) -> Image:
    size = (width, width * picture.shape[0] // picture.shape[1])
    way = cv2.INTER_AREA if width < picture.shape[1] else cv2.INTER_CUBIC
    bar = np.full((BAR, width, 3), 255, np.uint8)
    write(bar, (2, BAR - 8), caption, DARK)
    cell = np.vstack([bar, cv2.resize(picture, size, interpolation=way)])
    return cv2.copyMakeBorder(cell, 0, GAP, 0, GAP, cv2.BORDER_CONSTANT, value=WHITE)


def _draw(picture: Image, frame: Frame, box: OrientedBox, object_id: int) -> None:
    assert frame.camera_matrix is not None
    signs = np.array(np.meshgrid(*[(-0.5, 0.5)] * 3)).reshape(3, -1).T
    corners = box.centre + signs * box.size @ box.rotation.T
    seen = corners @ frame.camera_matrix.T
    pixels = np.round(2 * seen[:, :2] / seen[:, 2:]).astype(int)
    colour = colour_of(object_id)
    for i, j in zip(*np.triu_indices(8, 1), strict=True):
        if np.count_nonzero(signs[i] != signs[j]) == 1:
            ends = tuple(map(int, pixels[i])), tuple(map(int, pixels[j]))
            cv2.line(picture, *ends, colour, 2, cv2.LINE_AA)
    x, y = map(int, pixels.mean(axis=0))
    text, font = str(object_id), cv2.FONT_HERSHEY_SIMPLEX
    across = 22 * len(text)
    cv2.rectangle(picture, (x - across // 2, y - 16), (x + across // 2, y + 16), DARK, -1)
    cv2.putText(picture, text, (x - across // 2 + 2, y + 11), font, 1.0, WHITE, 2, cv2.LINE_AA)


def _masks(rgb: Image, labels: NDArray[np.int32], true: NDArray[np.int32]) -> Image:
    """Masks in colour over the image, outlined; what differs from the truth is hatched."""
    size = (600, 600 * rgb.shape[0] // rgb.shape[1])
    seen, was = (
        cv2.resize(a.astype(np.uint16), size, interpolation=cv2.INTER_NEAREST).astype(np.int32)
        for a in (labels, true)
    )
    picture = cv2.resize(rgb, size, interpolation=cv2.INTER_CUBIC)
    tint = ids(Frame.from_arrays(picture, seen))
    faded = picture * 0.45 + 90
    mixed = np.where((seen > 0)[..., None], 0.45 * faded + 0.55 * tint, faded)
    y, x = np.indices(seen.shape)
    mixed[(seen != was) & ((x + y) % 12 < 4)] = DARK
    small = seen.astype(np.uint16)
    mixed[cv2.morphologyEx(small, cv2.MORPH_GRADIENT, np.ones((5, 5), np.uint8)) > 0] = WHITE
    return mixed.clip(0, 255).astype(np.uint8)


PICTURES = {
    "scenes": (scenes, 4, 320),
    "boxes": (boxes, 2, 600),
    "mask_noise": (mask_noise, 5, 256),
    "depth_segmenter": (depth_segmenter, 3, 340),
}
"""Panels, columns and the width of a panel."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", choices=PICTURES)
    parser.add_argument("out", type=Path)
    parser.add_argument("scenes", type=Path, nargs="+")
    args = parser.parse_args()
    panels, columns, width = PICTURES[args.picture]
    picture = cv2.cvtColor(sheet(list(panels(args.scenes)), columns, width), cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(args.out), picture, [cv2.IMWRITE_JPEG_QUALITY, 82])


if __name__ == "__main__":
    main()
