"""docs/overview.jpg: one frame of the shipped bag, completed, as a page to take a screenshot of.

python tools/overview.py 2 overview.html
chromium --headless --window-size=1600,680 --screenshot=overview.png overview.html
"""

import sys
from itertools import islice
from pathlib import Path

import numpy as np

from segan_ros import Frame, SceneCompleter, load_model
from segan_ros.boxes import Roi, crop, union
from segan_ros.drawing.graph import graph_svg
from segan_ros.drawing.overlay import enlarged, overlay
from segan_ros.drawing.paint import colour_of, fitted, hatch
from segan_ros.drawing.render import data_uri
from segan_ros.frame import AmodalObject
from segan_ros.host.resources import resource_path
from segan_ros.storage.bags import open_bag
from segan_ros.storage.images import encoded

BAG = "demo/tabletop.mcap"
SHOWN, SIDE = 4, 120

PAGE = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; padding: 0 0 0 12px; width: 1588px; font: 20px sans-serif; background: #fff;
  color: #18191f; display: grid; grid-template-columns: 770px 240px 1fr; gap: 0 20px }}
h2 {{ margin: 6px 0 10px; font-size: 22px }} img {{ display: block }}
.objects img {{ float: left; width: 120px }} .objects p {{ clear: both; margin: 0 0 6px }}
svg {{ width: 550px; height: auto }} .picture {{ width: 770px }}
</style>
<div><h2>{bag}, frame {number}: amodal masks, hidden parts hatched</h2>
<img class="picture" src="{picture}"></div>
<div class="objects"><h2>Visible | completed</h2>{objects}</div>
<div><h2>Occlusion graph</h2>{graph}</div>
"""


def main(number: int, out: Path) -> None:
    with open_bag(resource_path(BAG)) as bag:
        frame = next(islice(bag.frames(), number, None)).frame
    if frame is None:
        raise ValueError(f"frame {number} of {BAG} has no mask; take another")
    scene = SceneCompleter(load_model()).complete(frame)
    hidden = sorted(scene.objects, key=lambda o: -o.occlusion_ratio)[:SHOWN]
    large, objects = enlarged(frame, scene, 1280)
    pile = Roi(0.04, "longest_side").around(union(*(o.box for o in objects.objects)), large.size)
    picture = encoded(crop(overlay(large, objects), pile), ".png")
    out.write_text(
        PAGE.format(
            bag=Path(BAG).name,
            number=number,
            picture=data_uri(picture, "image/png"),
            objects="".join(_object(frame, o) for o in hidden),
            graph=graph_svg(scene.graph, scene),
        )
    )


def _object(frame: Frame, item: AmodalObject) -> str:
    """What is seen of an object, with its hidden part hatched, beside the completed object."""
    seen = np.where(item.visible[..., None], crop(frame.rgb, item.box), 255).astype(np.uint8)
    hatch(seen, item.invisible, item.id, pitch=max(4, min(seen.shape[:2]) // 10))
    assert item.appearance is not None
    whole = np.where(item.amodal[..., None], item.appearance, 255).astype(np.uint8)
    cells = (data_uri(encoded(fitted(c, SIDE), ".png"), "image/png") for c in (seen, whole))
    colour = "rgb({},{},{})".format(*colour_of(item.id))
    return "".join(f'<img src="{cell}">' for cell in cells) + (
        f'<p style="border-left:8px solid {colour}">&nbsp;{item.id}: '
        f"{item.occlusion_ratio:.0%} hidden</p>"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
