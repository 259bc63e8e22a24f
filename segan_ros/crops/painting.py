"""What the painter is shown of an object (Eq. 1), and how its answer becomes the hidden pixels."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from segan_ros.boxes import Box, clip, crop, dilate, paste, relative, size_of, tight_box, translate
from segan_ros.crops.planes import canvas, resized
from segan_ros.crops.relighting import SEAM, joined, light, lit, within
from segan_ros.frame import AmodalObject, Image, Planes

LIGHT_SIDE = 64
"""Light is found at this side at most."""


def shown(rgb: Image, item: AmodalObject, view: Box, out: Planes) -> Planes:
    """Eq. 1 of `item` in `view` of the picture.

    Args:
        rgb: ``(H, W, 3)`` uint8, the whole picture.
        item: with its whole mask.
        view: the part of the picture that the painter looks at.
        out: ``(3, h, w)`` float32, becomes the canvas.

    Returns:
        ``(h, w)`` float32 in 0..1, how much of each of its pixels the whole mask covers.
    """
    whole, visible = np.zeros((2, *size_of(view)), bool)
    paste(whole, relative(item.box, view), item.amodal)
    paste(visible, relative(item.box, view), item.amodal & ~item.invisible)
    size = (out.shape[1], out.shape[2])
    covered = resized(whole, size)
    canvas(crop(rgb, view), visible, covered, size, out=out)
    return covered


def fill_in(item: AmodalObject, view: Box, painted: Planes, into: Image, relight: bool) -> None:
    """Put the painter's colours into the hidden pixels of an object.

    Args:
        item: with a hidden part.
        view: what the painter looked at.
        painted: ``(h, w, 4)`` what it made of that, see `alone`.
        into: ``(h, w, 3)`` uint8, the picture in the object's box; its hidden pixels are changed.
        relight: see `segan_ros.completion.Settings`.
    """
    hidden = item.invisible
    # What is seen right beside the hidden part counts, too.
    part = clip(dilate(tight_box(hidden), SEAM + 1), hidden.shape)
    there = crop(into, part)
    place = translate(part, item.box[0], item.box[1])
    colours = colours_in(painted, view, place, size_of(part))
    seen = item.amodal & ~hidden
    if relight and seen.any():
        size = within(seen.shape, LIGHT_SIDE)
        field = light(colours_in(painted, view, item.box, size), into, seen, size)
        colours = lit(colours, crop(field, part))
        colours = joined(colours, there, crop(seen, part), crop(hidden, part))
    cv2.copyTo(colours, crop(hidden, part).astype(np.uint8), there)


def alone(appearance: Planes, covered: Planes) -> NDArray[np.float32]:
    """A painted object without the blue around it: ``(h, w, 4)``, its colours in 0..1 times how
    much of each pixel it covers, and that.

    Args:
        appearance: ``(3, h, w)`` in 0..1, the object over the blue of Eq. 1.
        covered: ``(h, w)`` in 0..1.
    """
    red, green, blue = appearance
    return np.asarray(cv2.merge([red, green, blue - (1 - covered), covered]), np.float32)


def colours_in(whole: NDArray[np.float32], view: Box, part: Box, size: tuple[int, int]) -> Image:
    """The colours of an object in a part of the picture.

    Pixels at its border are mixed with the ground, and more of them when they are enlarged: what is
    not the object's is taken out.

    Args:
        whole: ``(h, w, 4)`` over `view`, see `alone`.
        view, part: of the picture; `part` lies in `view`.
        size: height and width of the result, those of `part` or smaller.

    Returns:
        RGB uint8, meaningful inside the object.
    """
    if max(size_of(view)) <= max(whole.shape[:2]):
        there = resized(crop(resized(whole, size_of(view)), relative(part, view)), size)
    else:
        # Bilinear, for `part` alone, and no coarser than `whole` is.
        source = np.divide(whole.shape[1::-1], size_of(view)[::-1])
        own = np.ceil(size_of(part) * source[::-1]).astype(int)
        fine = np.clip(own, size, np.maximum(size_of(part), size)).tolist()
        scale = np.divide(size_of(part), fine)[::-1]
        shift = ((np.subtract(part[:2], view[:2]) + 0.5 * scale) * source) - 0.5
        matrix = np.column_stack([np.diag(scale * source), shift])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        there = cv2.warpAffine(
            whole, matrix, fine[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE
        )
        there = resized(there, size)
    colours = there[..., :3] * (255 / np.maximum(there[..., 3:], 0.1))
    return (colours.clip(0, 255, out=colours) + np.float32(0.5)).astype(np.uint8)
