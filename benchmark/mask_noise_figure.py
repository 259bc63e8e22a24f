"""The figure of ``docs/mask_noise.md``: each kind of error alone, stronger than it is by default.

python benchmark/mask_noise_figure.py data/test/000080 docs/mask_noise.jpg
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import Roi, crop, tight_box
from segan_ros.frame import Image
from segan_ros.masks.noise import CALIBRATED, corrupted
from segan_ros.storage.images import write_image
from segan_ros.storage.scenes import read_scene_frame

SHOWN = {
    "ragged": {"ragged": 0.07},
    "gaps": {"gaps": 0.12},
    "slivers": {"slivers": 1.5},
    "pieces": {"pieces": 1.0, "piece": 0.4},
    "merged": {"merged": 0.4},
    "split": {"split": 0.4},
    "missing": {"missing": 0.3},
}
"""Strengths that can be seen at this size."""

SIDE = 300
INK, PAPER = (30, 30, 30), (255, 255, 255)
COLOURS = cv2.applyColorMap((np.arange(1, 33) * 97 % 256).astype(np.uint8)[None], cv2.COLORMAP_HSV)[
    0, :, ::-1
]


def panel(rgb: Image, labels: NDArray[np.int32], true: NDArray[np.int32], title: str) -> Image:
    """Masks in colour over the dimmed picture, outlined; what differs from the truth is hatched."""
    size = (SIDE, SIDE * rgb.shape[0] // rgb.shape[1])
    picture = cv2.resize(rgb, size, interpolation=cv2.INTER_CUBIC) * 0.45 + 90
    seen, was = (
        cv2.resize(a.astype(np.uint16), size, interpolation=cv2.INTER_NEAREST)
        for a in (labels, true)
    )
    tint = COLOURS[seen % len(COLOURS)]
    picture = np.where((seen > 0)[..., None], 0.45 * picture + 0.55 * tint, picture)
    y, x = np.indices(seen.shape)
    hatched = (seen != was) & ((x + y) % 5 < 2)
    picture[hatched] = INK
    edge = cv2.morphologyEx(seen, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    picture[edge] = PAPER
    bar = np.full((30, SIDE, 3), 255, np.uint8)
    cv2.putText(bar, title, (6, 21), cv2.FONT_HERSHEY_SIMPLEX, 0.6, INK, 1, cv2.LINE_AA)
    whole = np.vstack([bar, picture.clip(0, 255).astype(np.uint8)])
    return cv2.copyMakeBorder(whole, 3, 3, 3, 3, cv2.BORDER_CONSTANT, value=PAPER)


def main() -> None:
    folder, out = map(Path, sys.argv[1:])
    frame = read_scene_frame(folder)
    window = Roi(0.08, "longest_side").around(tight_box(frame.labels > 0), frame.size)
    rgb, true = crop(frame.rgb, window), crop(frame.labels, window).copy()
    panels = [panel(rgb, true, true, "true masks")]
    for kind, strength in SHOWN.items():
        noise = replace(CALIBRATED.only(kind), **strength)
        # The first draw that changes enough to be seen.
        draws = (corrupted(true, np.random.default_rng(seed), noise) for seed in range(50))
        labels = next(d for d in draws if np.count_nonzero(d != true) > 0.01 * true.size)
        panels.append(panel(rgb, labels, true, kind))
    for seed in (1, 2):
        labels = corrupted(true, np.random.default_rng(seed))
        panels.append(panel(rgb, labels, true, f"all, as calibrated ({seed})"))
    rows = [np.hstack(panels[i : i + 5]) for i in (0, 5)]
    write_image(out, np.vstack(rows))


if __name__ == "__main__":
    main()
