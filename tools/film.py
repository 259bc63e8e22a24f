"""Films of the documentation: animated WebP.

segan generate --bag stream.mcap --stream --seed 3 --frames 60
python tools/film.py stream docs/stream.webp stream.mcap
PYTHONPATH=benchmark python tools/film.py clearing docs/clearing.webp 4
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count, islice
from pathlib import Path

import cv2
import numpy as np

from segan_ros import SceneCompleter, load_model
from segan_ros.drawing.overlay import overlay
from segan_ros.drawing.paint import DARK, write
from segan_ros.frame import Image
from segan_ros.storage.bags import open_bag

SIZE = 480, 360
"""Width and height of a picture."""

BAR, GAP = 24, 6
"""Height of a caption and space between pictures, pixels."""

QUALITY = 55
STREAM_STEP, STREAM_TIME = 2, 0.2
"""Every how many-th frame of a stream is shown, and for how long, seconds."""

LOOK_TIME, RISE_STEP, RISE_TIME, RISEN = 1.6, 2, 0.12, 6
"""How long a choice is shown; every how many-th look at a lift, how long, and how many of these."""

Shot = tuple[Image, float]
"""A picture, and for how long it stays, seconds."""


def stream(bag: Path) -> Iterator[Shot]:
    """What the camera sees beside what is made of it."""
    completer = SceneCompleter(load_model())
    with open_bag(bag) as opened:
        for read in islice(opened.frames(), 0, None, STREAM_STEP):
            if read.frame is None:
                continue
            scene = completer.complete(read.frame, paint=False)
            pictures = read.frame.rgb, overlay(read.frame, scene)
            left, right = (
                _captioned(*p) for p in zip(pictures, ("camera", "segan_ros"), strict=True)
            )
            yield np.hstack([left, np.full((len(left), GAP, 3), 255, np.uint8), right]), STREAM_TIME


def clearing(number: int) -> Iterator[Shot]:
    """A pile, cleared in the simulator in our order; what is left is seen anew each time."""
    from clearings import SIZE as SEEN
    from clearings import completer, pile, seen

    from segan_ros.synthesis.lifting import lift_off
    from segan_ros.synthesis.physics import on_table
    from segan_ros.synthesis.piles import Job
    from segan_ros.synthesis.render import Renderer

    scene, left = pile(Job("test", 42, SEEN, number + 1, "all", lifts=True), number)
    rng = np.random.default_rng(0)
    with Renderer(scene.world) as renderer:
        for lift in range(1, len(left) + 1):
            frame = seen(scene, renderer, left, rng)
            if not frame.object_ids:
                return
            found = completer("tabletop").segment(frame)
            label = found.graph.removal_order[0]
            safe = next(o.lift_probability for o in found.objects if o.id == label)
            text = f"lift {lift}: object {label}, safe with probability {safe:.2f}"
            yield _captioned(overlay(frame, found), text), LOOK_TIME
            rising: list[Image] = []
            see = partial(lambda shown: seen(scene, renderer, shown, rng).rgb, left)
            hit = lift_off(scene.world, scene.layout, label, left, _watcher(see, rising))
            for picture in rising:
                yield _captioned(picture, text), RISE_TIME
            there = on_table(scene.world, scene.layout)
            left = [i for i in left if i != label and there[i - 1]]
            disturbed = f"disturbed: {', '.join(map(str, hit))}" if hit else "nothing disturbed"
            yield _captioned(seen(scene, renderer, left, rng).rgb, disturbed), LOOK_TIME / 2


def _watcher(see: Callable[[], Image], pictures: list[Image]) -> Callable[[], None]:
    """Adds to `pictures` now and then what is to `see`."""
    looks = count(1)

    def watch() -> None:
        if next(looks) % RISE_STEP == 0 and len(pictures) < RISEN:
            pictures.append(see())

    return watch


def _captioned(picture: Image, caption: str) -> Image:
    bar = np.full((BAR, SIZE[0], 3), 255, np.uint8)
    write(bar, (6, 17), caption, DARK)
    return np.vstack([bar, cv2.resize(picture, SIZE, interpolation=cv2.INTER_AREA)])


def write_film(path: Path, shots: Sequence[Shot]) -> None:
    film = cv2.Animation()
    film.frames = [cv2.cvtColor(picture, cv2.COLOR_RGB2BGR) for picture, _ in shots]
    film.durations = [round(1000 * seconds) for _, seconds in shots]
    if not cv2.imwriteanimation(str(path), film, [cv2.IMWRITE_WEBP_QUALITY, QUALITY]):
        raise ValueError(f"{path}: cannot be written")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("kind", choices=("stream", "clearing"))
    parser.add_argument("out", type=Path, help="a .webp")
    parser.add_argument("what", help="a bag; or the number of a pile")
    args = parser.parse_args()
    shots = list(stream(Path(args.what)) if args.kind == "stream" else clearing(int(args.what)))
    write_film(args.out, shots)
    print(f"{args.out}: {len(shots)} pictures, {args.out.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
