"""How a training sample is varied: what cameras, segmenters and clutter do to a picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import paste, tight_box, translate
from segan_ros.codecs.png import MAX_ID
from segan_ros.frame import Image, Mask
from segan_ros.masks.fitting import fit
from segan_ros.masks.noise import corrupted
from segan_ros.masks.styles import drawn
from segan_ros.scoring.depth_noise import with_noise
from segan_ros.scoring.metrics import least_overlap
from segan_ros.training.config import Augmentation

PASTED = 65535
"""Label of an object that was pasted in front."""

MOST_DEPTH_NOISE = 0.008
"""Share of the distance."""

LEAST_LEFT = 0.25
"""Share of what is seen of an object that must be left when something is pasted in front."""

TURN, STRETCH, SHEAR = 0.35, 0.25, 0.2
"""Radians, and logarithms or shares, up to which `warp` changes shapes."""


@dataclass(frozen=True, eq=False)
class View:
    """A part of a scene around one object, all arrays of the same height and width.

    Args:
        rgb: ``(h, w, 3)`` uint8.
        labels: ``(h, w)`` uint16, visible ids.
        whole: ``(h, w)`` bool, the object's whole mask (SF).
        appearance: ``(h, w, 3)`` uint8, the object with nothing in front; meaningful inside
            `whole`.
        id: its label.
        occluders: labels of what truly hides it.
        depth: ``(h, w)`` float32 metres, NaN unknown; or None.
    """

    rgb: Image
    labels: NDArray[np.uint16]
    whole: Mask
    appearance: Image
    id: int
    occluders: frozenset[int] = frozenset()
    depth: NDArray[np.float32] | None = None

    def each(self, change: Callable[[NDArray[Any]], NDArray[Any]]) -> View:
        """A view with `change` made to all its arrays."""
        return View(
            change(self.rgb),
            change(self.labels),
            change(self.whole),
            change(self.appearance),
            self.id,
            self.occluders,
            None if self.depth is None else change(self.depth),
        )


@dataclass(frozen=True, eq=False)
class Cutout:
    """An object to paste: ``(h, w)`` bool mask and ``(h, w, 3)`` uint8 colours."""

    mask: Mask
    rgb: Image


def augmented(
    view: View, cutout: Cutout | None, chances: Augmentation, rng: np.random.Generator
) -> View:
    """`view` with each change of the scene and the picture made with its chance; `cutout` is what
    `paste` pastes."""
    if cutout is not None and rng.random() < chances.paste:
        view = _pasted(view, cutout, rng, masked=rng.random() >= chances.unlabelled)
    if rng.random() < chances.flip:
        view = view.each(lambda a: np.ascontiguousarray(a[:, ::-1]))
    if rng.random() < chances.warp:
        view = _warped(view, rng)
    if rng.random() < chances.colour:
        table, mixing = _colours(rng)
        view = replace(
            view,
            rgb=_recoloured(view.rgb, table, mixing),
            appearance=_recoloured(view.appearance, table, mixing),
        )
    rgb: NDArray[Any] = view.rgb
    if rng.random() < chances.blur:
        rgb = _blurred(rgb, rng)
    if rng.random() < chances.noise:
        grain = rng.standard_normal(rgb.shape, np.float32) * np.float32(rng.uniform(2, 12))
        rgb = (rgb + grain).clip(0, 255).astype(np.uint8)
    return replace(view, rgb=rgb)


def with_errors(view: View, chances: Augmentation, rng: np.random.Generator) -> View:
    """`view` with masks as a segmenter draws them, or with its errors, with the chances of
    ``drawn_masks`` and ``noisy_masks``; as it is when the object would count as lost."""
    if chances.drawn_masks and rng.random() < chances.drawn_masks:
        labels = _drawn(view, chances.mask_styles, rng)
    elif rng.random() < chances.noisy_masks:
        labels = corrupted(view.labels, rng, chances.mask_noise)
    else:
        return view
    before, after = view.labels == view.id, labels == view.id
    together, either = np.count_nonzero(before & after), np.count_nonzero(before | after)
    found = together > max(20, 0.5 * either)
    return replace(view, labels=labels) if found else view


def with_depth_of_a_camera(view: View, chances: Augmentation, rng: np.random.Generator) -> View:
    """`view` without its depth, or with noise in it, with the chances of ``depth`` and
    ``depth_noise``."""
    if view.depth is None or rng.random() >= chances.depth:
        return replace(view, depth=None)
    if rng.random() < chances.depth_noise:
        share, blotches = rng.uniform(0, MOST_DEPTH_NOISE), int(rng.integers(3))
        return replace(view, depth=with_noise(view.depth, rng, share, blotches))
    return view


def _drawn(view: View, styles: Sequence[str], rng: np.random.Generator) -> NDArray[np.uint16]:
    """Labels of `view` in one of the `styles`, fitted as the method fits them."""
    style = styles[int(rng.integers(len(styles)))]
    labels = fit(drawn(view.labels.astype(np.int32), style, rng), view.rgb, view.depth).labels
    # A part that `overlap` found beside its whole may have an id that 16 bits do not hold.
    return np.where(labels > MAX_ID, 0, labels).astype(np.uint16)


def on_photograph(view: View, ground: Image) -> View:
    """`view` with `ground`, of its size, where no object is seen. What hides an object and has no
    label goes with it, and so does what it hides."""
    # Half a pixel of both at the borders, as a lens gives.
    kept = cv2.GaussianBlur((view.labels > 0).astype(np.float32), (3, 3), 0)[..., None]
    mixed = kept * view.rgb + (1 - kept) * ground
    whole = view.whole & (view.labels > 0)
    return replace(view, rgb=mixed.round().astype(np.uint8), whole=whole)


def _pasted(view: View, cutout: Cutout, rng: np.random.Generator, masked: bool = True) -> View:
    """`view` with `cutout` over the object's border; unchanged when that hides too much. Without
    being `masked` it has no label."""
    x0, y0, x1, y1 = tight_box(view.whole)
    scale = rng.uniform(0.5, 1.2) * max(x1 - x0, y1 - y0) / max(cutout.mask.shape)
    wide, high = (max(int(s * scale), 4) for s in cutout.mask.shape[::-1])
    colours, mask = _alone(cutout.rgb, cutout.mask, partial(cv2.resize, dsize=(wide, high)))
    if rng.random() < 0.5:
        mask, colours = mask[:, ::-1], colours[:, ::-1]
    # Its middle goes near the border of the object's box: most hides a part, some only lie beside.
    angle = rng.uniform(0, 2 * np.pi)
    reach = rng.uniform(0.3, 1.1) * np.array([x1 - x0, y1 - y0]) / 2
    middle = np.array([x0 + x1, y0 + y1]) / 2 + reach * (np.cos(angle), np.sin(angle))
    left, top = (middle - np.array((wide, high)) / 2).astype(int)
    place = translate((0, 0, wide, high), int(left), int(top))
    over = np.zeros(view.labels.shape, bool)
    paste(over, place, mask)
    if not over.any():
        return view
    seen = view.labels == view.id
    if np.count_nonzero(seen & ~over) < max(40, LEAST_LEFT * np.count_nonzero(seen)):
        return view
    rgb, labels = view.rgb.copy(), view.labels.copy()
    paste(rgb, place, colours, mask)
    labels[over] = PASTED if masked else 0
    depth = None if view.depth is None else _in_front(view.depth, over, rng)
    occluders = view.occluders
    if masked and np.count_nonzero(over & view.whole) >= least_overlap(float(view.whole.sum())):
        occluders |= {PASTED}
    return replace(view, rgb=rgb, labels=labels, occluders=occluders, depth=depth)


def _in_front(
    depth: NDArray[np.float32], over: Mask, rng: np.random.Generator
) -> NDArray[np.float32]:
    """`depth` with something upright at `over`, nearer than all that was there."""
    depth = depth.copy()
    below = depth[over]
    nearest = below[np.isfinite(below)].min(initial=np.inf)
    depth[over] = nearest * (1 - rng.uniform(0.005, 0.08)) if np.isfinite(nearest) else np.nan
    return depth


def _warped(view: View, rng: np.random.Generator) -> View:
    """`view` turned, stretched and sheared about the middle of the object: shapes that no mesh has.
    What comes in from outside is the mirror image of what is there, masks as well as colours."""
    turn = rng.uniform(-TURN, TURN)
    stretch = np.exp(rng.uniform(-STRETCH, STRETCH))
    shear = rng.uniform(-SHEAR, SHEAR)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    matrix = rotation @ [[stretch, shear], [0, 1 / stretch]]
    x0, y0, x1, y1 = tight_box(view.labels == view.id)
    middle = np.array([x0 + x1 - 1, y0 + y1 - 1]) / 2
    affine = np.column_stack([matrix, middle - matrix @ middle])
    size = view.labels.shape[::-1]

    def warped(array: NDArray[Any], way: int = cv2.INTER_LINEAR) -> NDArray[Any]:
        return cv2.warpAffine(array, affine, size, flags=way, borderMode=cv2.BORDER_REFLECT_101)

    labels = warped(view.labels, cv2.INTER_NEAREST)
    seen, left = (np.count_nonzero(a == view.id) for a in (view.labels, labels))
    if left <= 0.5 * seen:
        return view  # a sliver that fell between the pixels
    appearance, whole = _alone(view.appearance, view.whole, warped)
    return replace(
        view,
        rgb=warped(view.rgb),
        labels=labels,
        whole=whole,
        appearance=appearance,
        depth=None if view.depth is None else warped(view.depth, cv2.INTER_NEAREST),
    )


def _alone(
    rgb: Image, mask: Mask, moved: Callable[[NDArray[Any]], NDArray[Any]]
) -> tuple[Image, Mask]:
    """Colours and mask of an object, both `moved`: what lies around it is no colour of it."""
    covered = moved(mask.astype(np.float32))
    colours = moved(rgb * mask[..., None]) / np.maximum(covered, 0.5)[..., None]
    return colours.round().clip(0, 255).astype(np.uint8), covered > 0.5


def _colours(rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """A tone curve and a mixing of channels, drawn once for picture and truth."""
    tones = np.linspace(0, 1, 256) ** rng.uniform(0.7, 1.4)
    tones = (tones - 0.5) * rng.uniform(0.7, 1.3) + 0.5 + rng.uniform(-0.12, 0.12)
    table = (tones * 255).clip(0, 255).astype(np.uint8)
    grey = np.full((3, 3), 1 / 3)
    colour = rng.permutation(np.eye(3)) if rng.random() < 0.3 else np.eye(3)
    saturation = rng.uniform(0.3, 1.3)
    mixing = saturation * colour + (1 - saturation) * grey
    return table, (mixing * rng.uniform(0.85, 1.15, (3, 1))).astype(np.float32)


def _recoloured(rgb: Image, table: NDArray[np.uint8], mixing: NDArray[np.float32]) -> NDArray[Any]:
    return cv2.transform(cv2.LUT(rgb, table), mixing)


def _blurred(rgb: Image, rng: np.random.Generator) -> NDArray[Any]:
    if rng.random() < 0.5:
        return cv2.GaussianBlur(rgb, (0, 0), rng.uniform(0.4, 1.4))
    height, width = rgb.shape[:2]
    share = rng.uniform(0.4, 0.9)
    small = (max(int(width * share), 2), max(int(height * share), 2))
    return cv2.resize(cv2.resize(rgb, small, interpolation=cv2.INTER_AREA), (width, height))
