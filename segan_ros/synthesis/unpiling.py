"""The demo: a camera circles a pile while its objects are lifted off one by one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.random import Generator

from segan_ros.boxes import boxes_of, dilate, tight_box, touches_border
from segan_ros.frame import Evidence, OcclusionEdge, OcclusionGraph
from segan_ros.occlusion.borders import find_borders
from segan_ros.occlusion.graph import build_graph
from segan_ros.scoring.metrics import least_overlap
from segan_ros.synthesis.cameras import Camera, look_at
from segan_ros.synthesis.families import TEST
from segan_ros.synthesis.families.boxes import book
from segan_ros.synthesis.families.things import banana, fruit
from segan_ros.synthesis.families.vessels import bottle, can, mug
from segan_ros.synthesis.lights import Light, Look
from segan_ros.synthesis.meshes import Array
from segan_ros.synthesis.physics import carries, on_table, settle, take_away
from segan_ros.synthesis.render import Renderer
from segan_ros.synthesis.views import Rejected, Truth, View, observe, photograph
from segan_ros.synthesis.world import Layout, World, build
from segan_ros.truth import LabelledScene

CAST = (*TEST, mug, bottle, can, banana, fruit, book)
"""One object of each: half of the families are in no training scene."""


def unpile(seed: int, size: tuple[int, int], frames: int) -> list[LabelledScene]:
    """The frames, in order: first the whole pile, then with each frame one object less.

    What is lifted has nothing in front of it, where there is such an object, and carries nothing if
    that can be. The last frame has two objects. Each scene's ``extra`` says what is lifted next.

    Raises:
        ValueError: too few frames to show the whole pile and its end, or no pile serves.
    """
    least = len(CAST) - 1
    if not least <= frames <= 1000:
        raise ValueError(f"--frames is {frames}; {len(CAST)} objects need {least}..1000 frames")
    for attempt in range(100):
        rng = np.random.default_rng([seed, attempt])
        try:
            return list(_attempt(rng, size, frames))
        except Rejected:
            continue
    raise ValueError(
        f"--seed is {seed}, --size {size[1]}x{size[0]}: none of 100 piles is usable; choose others"
    )


def true_graph(scene: LabelledScene) -> OcclusionGraph:
    """The graph of a scene's true edges."""
    labels, depth = scene.frame.labels, scene.frame.depth
    whole = {o.id: o.amodal for o in scene.objects}
    borders = {} if depth is None else find_borders(labels, depth, boxes_of(labels))
    edges = []
    for occluder, occludee, pixels in scene.occlusions:
        area = int(np.count_nonzero(whole[occludee]))
        if pixels < least_overlap(area):
            continue
        gap = borders[occluder, occludee].gap if (occluder, occludee) in borders else np.nan
        evidence = Evidence.AMODAL if np.isnan(gap) else Evidence.AMODAL | Evidence.DEPTH
        edges.append(OcclusionEdge(occluder, occludee, 1.0, pixels, pixels / area, gap, evidence))
    return build_graph(whole, edges)


def _attempt(rng: Generator, size: tuple[int, int], frames: int) -> Iterator[LabelledScene]:
    layout = Layout(radius=0.17, standing=0.75, table=(1.4, 1.4), ground="wood")
    shapes = [family(rng) for family in rng.permutation(np.array(CAST, object))]
    world = build(shapes, layout, rng, size)
    if not settle(world) or not on_table(world, layout).all():
        raise Rejected("did not come to rest on the table")
    remaining = list(range(1, len(shapes) + 1))
    waiting = frames - (len(remaining) - 2)
    points = world.data.xpos[list(world.bodies)]
    lights, look = _lights(), Look(np.full(3, 0.82, np.float32), 0.95, 0.12, 0.0, 0.0)
    start = rng.uniform(0, 360)
    with Renderer(world) as renderer:
        for k in range(frames):
            camera = _camera(points, start + 40 * k / frames, 46 - 8 * k / frames, size)
            truth = observe(renderer, camera, remaining)
            if k == 0:
                _check_opening(truth, len(CAST))
            if k == 0:
                look = look.exposed_for(renderer.picture(camera, lights, 2, truth.shown))
            scene = photograph(renderer, View(camera, lights, look, 16), truth, rng, {})
            scene.extra["lifted"] = 0
            if k >= waiting - 1 and k < frames - 1:
                label = _next_to_lift(world, scene)
                scene.extra["lifted"] = label
                remaining.remove(label)
                if not take_away(world, label - 1):
                    raise Rejected("the remaining pile does not come to rest")
            yield scene


def _check_opening(truth: Truth, count: int) -> None:
    """The first picture must show all `count` objects, whole, and enough of them partly hidden."""
    if len(truth.whole) < count:
        raise Rejected("not all objects are in the picture")
    size = truth.labels.shape[0], truth.labels.shape[1]
    for box in map(tight_box, truth.whole.values()):
        if touches_border(dilate(box, 3), size):
            raise Rejected("cut off by the image border")
    hidden = [truth.occlusion(label) for label in truth.whole]
    if max(hidden) > 0.9 or sum(share > 0.2 for share in hidden) < 5:
        raise Rejected("too much or too little is hidden")


def _next_to_lift(world: World, scene: LabelledScene) -> int:
    """Of the objects with nothing in front, one that carries few others and hides many."""
    graph = true_graph(scene)
    free = graph.free or {i for i, n in zip(graph.object_ids, graph.layers, strict=True) if n == 0}
    hides = {i: sum(edge.occluder_id == i for edge in graph.edges) for i in free}
    return min(free, key=lambda i: (carries(world, i - 1), -hides[i], i))


def _camera(points: Array, azimuth: float, elevation: float, size: tuple[int, int]) -> Camera:
    """A camera on a circle, in degrees, that has all `points` ``(N, 3)`` in view."""
    a, e = np.radians(azimuth), np.radians(elevation)
    centre = (points.min(0) + points.max(0)) / 2
    ray = np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
    spread = float(np.linalg.norm(points - centre, axis=1).max()) + 0.05
    half_view = np.radians(18)
    position = centre + ray * spread / np.tan(half_view)
    return Camera(position, look_at(position, centre), min(size) / 2 / np.tan(half_view), size)


def _lights() -> tuple[Light, ...]:
    """A window to one side, a warm lamp, the sky."""
    lights: list[Light] = []
    for azimuth, elevation, strength, tint in (
        (40, 58, 0.62, (1.0, 0.98, 0.94)),
        (200, 40, 0.22, (0.92, 0.96, 1.05)),
        (300, 75, 0.18, (1.0, 1.0, 1.0)),
    ):
        a, e = np.radians(azimuth), np.radians(elevation)
        down = -np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
        ambient = np.zeros(3) if not lights else np.full(3, 0.19)
        lights.append(Light(down, strength * np.array(tint), ambient, 0.1))
    return tuple(lights)
