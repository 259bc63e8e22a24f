"""What all pictures are drawn with: colours of ids, hatching, text, fitting into a square."""

from __future__ import annotations

import colorsys

import cv2
import numpy as np

from segan_ros.frame import Image, Mask

Colour = tuple[int, int, int]
WHITE, DARK = (255, 255, 255), (24, 26, 31)


def colour_of(object_id: int) -> Colour:
    """RGB of an object, 0..255: always the same for an id, neighbouring ids far apart."""
    red, green, blue = colorsys.hsv_to_rgb(object_id * 0.61803398875 % 1, 0.75, 1.0)
    return round(red * 255), round(green * 255), round(blue * 255)


def hatch(image: Image, mask: Mask, object_id: int, pitch: int) -> None:
    """Stripes in the object's colour; neighbouring ids lean to different sides."""
    rows, columns = np.ogrid[: mask.shape[0], : mask.shape[1]]
    lean = rows + columns if object_id % 2 else rows - columns
    colour = np.array(colour_of(object_id))
    image[mask] = (0.6 * image[mask] + 0.4 * colour).astype(np.uint8)
    image[mask & (lean % pitch < max(2, pitch // 3))] = colour


def write(image: Image, at: tuple[int, int], text: str, colour: Colour) -> None:
    cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.42, WHITE, 3, cv2.LINE_AA)
    cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.42, colour, 1, cv2.LINE_AA)


def fitted(image: Image, side: int, margin: int = 10, ground: int = 255) -> Image:
    """`image` scaled into the middle of a square of `side` pixels, white unless `ground` says."""
    room = side - 2 * margin
    scale = room / max(image.shape[:2])
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    square = np.full((side, side, 3), ground, np.uint8)
    x, y = (side - size[0]) // 2, (side - size[1]) // 2
    square[y : y + size[1], x : x + size[0]] = scaled(image, size, way)
    return square


def scaled(image: Image, size: tuple[int, int], way: int) -> Image:
    """`image` at `size` (width, height)."""
    return np.asarray(cv2.resize(image, size, interpolation=way), np.uint8)
