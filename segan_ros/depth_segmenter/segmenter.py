"""From a colour and a depth image to the objects on a plane: the method on one page."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segan_ros.depth_segmenter.colour import colour_change, to_lab
from segan_ros.depth_segmenter.ground import Plane, find_plane
from segan_ros.depth_segmenter.merging import merged
from segan_ros.depth_segmenter.regions import Labels, Mask, grown, pieces
from segan_ros.depth_segmenter.surface import NARROW, Map, Surface, see

SMALLEST_PIECE = 4
"""Pixels at low resolution from which on a smooth piece of surface becomes a region."""

NOISES = 3.0
"""What is above the noise: this many times it."""


@dataclass(frozen=True)
class Settings:
    """What is an object.

    Args:
        min_height: metres above the plane that a point must have; more where depth is noisy.
        max_length: metres; longer things, such as the walls of a bin, are no objects.
        max_distance: metres; what is farther is no object. 0 = any.
        min_area: pixels of the picture; smaller things are no objects.
        crease: degrees by which a surface must turn to part two regions.
        colour_edge: difference of 8-bit Lab colours, lightness counting a quarter, that parts two
            regions. 0 = none.
        cut: 0..1; larger cuts more, smaller joins more: the probability from which on two regions
            are one object.
    """

    min_height: float = 0.004
    max_length: float = 0.3
    max_distance: float = 0.0
    min_area: int = 200
    crease: float = 30.0
    colour_edge: float = 40.0
    cut: float = 0.5


def segment(
    rgb: NDArray[np.uint8],
    depth: Map,
    camera_matrix: NDArray[np.float64],
    settings: Settings | None = None,
) -> Labels:
    """The objects that stand on the largest plane in sight.

    Args:
        rgb: ``(H, W, 3)``.
        depth: ``(H, W)`` float32 metres along the optical axis, NaN unknown, registered to `rgb`.
        camera_matrix: ``(3, 3)`` intrinsics in pixels; the lens must not bend rays much.
        settings: what is an object.

    Returns:
        ``(H, W)`` int32, 1, 2, ... on objects, 0 elsewhere. The same picture always gives the same.
    """
    settings = settings or Settings()
    surface = see(depth, camera_matrix)
    plane = find_plane(surface)
    if plane is None:
        return np.zeros(depth.shape, np.int32)
    turn = surface.turn(NARROW)
    lab = to_lab(rgb, turn.shape)
    edges = _edges(surface, turn, lab, settings)
    regions = _regions(surface, _above(surface, plane, settings), edges)
    odds = math.log(settings.cut / (1 - settings.cut))
    objects = merged(regions, surface, turn, lab, odds)
    return _at_full_size(_plausible(objects, surface, settings), surface.factor, depth.shape)


def _above(surface: Surface, plane: Plane, settings: Settings) -> Mask:
    """What rises from the plane, and is not too far away."""
    noise = surface.noise / float(np.linalg.norm(plane.normal))
    above = plane.height(surface) > max(settings.min_height, NOISES / 2 * noise)
    if settings.max_distance:
        above &= surface.inverse > 1 / settings.max_distance
    return above


def _edges(surface: Surface, turn: Map, lab: Map, settings: Settings) -> Mask:
    """Steps, concave creases, and where colours change much."""
    noise = NOISES / 2 * surface.noise * surface.focal / NARROW
    edges = turn > max(math.tan(math.radians(settings.crease)), noise)
    if settings.colour_edge:
        edges |= colour_change(lab) > settings.colour_edge
    return edges


def _regions(surface: Surface, above: Mask, edges: Mask) -> Labels:
    """``(h, w)`` smooth pieces of what is `above`; 0 elsewhere."""
    inside = surface.known & ~edges
    regions = pieces(above & inside, SMALLEST_PIECE)
    ground = int(regions.max()) + 1
    regions[~above & inside] = ground
    regions = grown(regions, surface.raw)
    regions[regions == ground] = 0
    return regions


def _plausible(objects: Labels, surface: Surface, settings: Settings) -> Labels:
    """Objects that are large enough and not too long, numbered 1, 2, ..."""
    some = np.flatnonzero(objects)
    flat = objects.ravel()[some]
    depth = 1 / surface.inverse.ravel()[some]
    point = depth * surface.x.ravel()[some], depth * surface.y.ravel()[some], depth
    if not len(some):
        return objects
    pixels = np.bincount(flat)
    safe = np.maximum(pixels, 1)
    mean = [np.bincount(flat, p) / safe for p in point]
    spread = np.empty((len(pixels), 3, 3))
    for i in range(3):
        for j in range(i + 1):
            product = np.bincount(flat, point[i] * point[j]) / safe - mean[i] * mean[j]
            spread[:, i, j] = spread[:, j, i] = product
    # A bar of length L has a variance of L^2 / 12 along it.
    length = np.sqrt(12 * np.linalg.eigvalsh(spread)[:, 2].clip(0))
    good = (pixels * surface.factor**2 >= settings.min_area) & (length <= settings.max_length)
    good[0] = False
    return np.where(good, np.cumsum(good), 0).astype(np.int32)[objects]


def _at_full_size(objects: Labels, factor: int, size: tuple[int, ...]) -> Labels:
    if factor == 1:
        return objects
    large = objects.repeat(factor, axis=0).repeat(factor, axis=1)
    rest = [(0, whole - part) for whole, part in zip(size, large.shape, strict=True)]
    return np.pad(large, rest, mode="edge")
