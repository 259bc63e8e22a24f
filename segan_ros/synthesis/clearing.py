"""A camera moves around a pile while its objects are lifted off one by one: demo and streams."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from itertools import count

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
from segan_ros.synthesis.views import (
    FRAME_SAMPLES,
    LARGE_FRAME_SAMPLES,
    Rejected,
    Truth,
    View,
    observe,
    photograph,
)
from segan_ros.synthesis.world import Layout, World, build
from segan_ros.truth import LabelledScene

CAST = (*TEST, mug, bottle, can, banana, fruit, book)
"""One object of each: half of the families are in no training scene."""


@dataclass(frozen=True)
class Pose:
    """Where the camera is: on a sphere around the pile.

    Args:
        azimuth: degrees.
        elevation: degrees above the table.
        distance: 1 is where the whole pile fills the picture.
        aside: metres that it looks past the middle of the pile, to its right.
    """

    azimuth: float
    elevation: float
    distance: float = 1.0
    aside: float = 0.0


@dataclass(frozen=True)
class Course:
    """What happens in which frame.

    Args:
        frames: how many.
        lifts: frames after which an object is taken away.
        pose: where the camera is in a frame; the azimuth is added to a random one.
        samples: as in `Renderer.picture`.
        alone: whether each object is also pictured alone, for its true appearance.
    """

    frames: int
    lifts: Collection[int]
    pose: Callable[[int], Pose]
    samples: int = LARGE_FRAME_SAMPLES
    alone: bool = True


def demo(frames: int) -> Course:
    """A slow circle; the whole pile first, then with each frame one object less, down to two.

    Raises:
        ValueError: too few frames to show the whole pile and its end.
    """
    _check_frames(frames, len(CAST) - 1)
    waiting = frames - (len(CAST) - 2)
    return Course(
        frames,
        range(waiting - 1, frames - 1),
        lambda k: Pose(40 * k / frames, 46 - 8 * k / frames),
    )


def stream(frames: int) -> Course:
    """As a robot's camera sees it: swaying, so that objects leave the picture and come back, and
    an object less now and then, down to two.

    Raises:
        ValueError: too few frames.
    """
    lifted = len(CAST) - 2
    _check_frames(frames, 2 * len(CAST))
    lifts = {round((n + 1) * frames / (lifted + 1)) - 1 for n in range(lifted)}

    def pose(k: int) -> Pose:
        turn = 2 * np.pi * k / frames
        return Pose(
            60 * k / frames + 5 * np.sin(3 * turn),
            46 - 6 * k / frames + 4 * np.sin(2 * turn),
            1 - 0.15 * np.sin(2 * turn) ** 2,
            0.1 * np.sin(1.5 * turn),
        )

    return Course(frames, lifts, pose, FRAME_SAMPLES, alone=False)


def clear_pile(
    seed: int, size: tuple[int, int], course: Course
) -> Iterator[Iterator[LabelledScene]]:
    """Piles as long as they are asked for, each with its frames in order, the first to serve.

    What is lifted has nothing in front of it, where there is such an object, and carries nothing if
    that can be. Each scene's ``extra`` says what is lifted next, and frames have their up. A pile
    raises `Rejected` where it turns out not to serve.
    """
    for attempt in count():
        yield _attempt(np.random.default_rng([seed, attempt]), size, course)


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


def _attempt(rng: Generator, size: tuple[int, int], course: Course) -> Iterator[LabelledScene]:
    layout = Layout(radius=0.17, standing=0.75, table=(1.4, 1.4), ground="wood")
    shapes = [family(rng) for family in rng.permutation(np.array(CAST, object))]
    world = build(shapes, layout, rng, size)
    if not settle(world) or not on_table(world, layout).all():
        raise Rejected("did not come to rest on the table")
    remaining = list(range(1, len(shapes) + 1))
    points = world.data.xpos[list(world.bodies)]
    lights, look = _lights(), Look(np.full(3, 0.82, np.float32), 0.95, 0.12, 0.0, 0.0)
    start = rng.uniform(0, 360)
    with Renderer(world) as renderer:
        for k in range(course.frames):
            camera = _camera(points, start, course.pose(k), size)
            truth = observe(renderer, camera, remaining)
            if k == 0:
                _check_opening(truth, len(CAST))
                look = look.exposed_for(renderer.picture(camera, lights, 2, truth.shown))
            view = View(camera, lights, look, course.samples, course.alone)
            scene = photograph(renderer, view, truth, rng, {})
            scene.extra["lifted"] = 0
            if k in course.lifts:
                label = _next_to_lift(world, scene)
                scene.extra["lifted"] = label
                remaining.remove(label)
                if not take_away(world, label - 1):
                    raise Rejected("the remaining pile does not come to rest")
            yield replace(scene, frame=replace(scene.frame, up=camera.turn[2].copy()))


def _check_frames(frames: int, least: int) -> None:
    if not least <= frames <= 1000:
        raise ValueError(f"--frames is {frames}; {len(CAST)} objects need {least}..1000 frames")


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


def _camera(points: Array, start: float, pose: Pose, size: tuple[int, int]) -> Camera:
    """A camera that, at distance 1 and not aside, has all `points` ``(N, 3)`` in view."""
    a, e = np.radians(start + pose.azimuth), np.radians(pose.elevation)
    centre = (points.min(0) + points.max(0)) / 2
    ray = np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
    spread = float(np.linalg.norm(points - centre, axis=1).max()) + 0.05
    half_view = np.radians(18)
    aside = pose.aside * np.array([-np.sin(a), np.cos(a), 0])
    position = centre + aside + ray * pose.distance * spread / np.tan(half_view)
    focal = min(size) / 2 / np.tan(half_view)
    return Camera(position, look_at(position, centre + aside), focal, size)


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
